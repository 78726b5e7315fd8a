// Package entrasignin reads the sign-in logs of Microsoft Entra ID (Azure AD):
// interactive and non-interactive ones of users, of service principals, of managed
// identities, and of AD FS.
//
// Deliveries: {"records":[…]} as diagnostic settings write them to Event Hubs and
// storage; {"value":[…]} of Microsoft Graph; rows of the Log Analytics tables;
// arrays and NDJSON of any of these. raw is the record. Names are read in any case.
//
//	sign-in, or properties of the record       event
//	id                                         id
//	createdDateTime, else time                 occurred_at
//	userId, userPrincipalName, …               actor: see below
//	category, else signInEventTypes            native_action; action: see Actions; category is authentication
//	appId, resourceId                          targets: the application, and what it wanted to reach
//	status.errorCode, else resultType          outcome, outcome_code: see below
//	status.failureReason, resultDescription    outcome_reason
//	ipAddress, else callerIpAddress            where.ip, or where.host
//	userAgent                                  where.user_agent
//	tenantId                                   where.account
//	correlationId                              request_id
//	conditionalAccessStatus, risk, device, …   detail
//
// Actor: a user with id userId, name userDisplayName, email userPrincipalName if
// it is one, session sessionId; or a service with id servicePrincipalId. Somebody
// who gave a name that does not exist (50034) is anonymous.
//
// Outcome, by the error code: 0 is success. Codes by which Entra asks for something
// more and goes on (a second factor, consent, a choice of account: 50074, 50076,
// 50079, 50140, 50158 and others, see codes) have no verdict: unknown; what came of
// it is another event. Codes of Conditional Access and of assignments (53003,
// 50105 and others) mean denied, as does any other code if conditionalAccessStatus
// is failure. All others are failure.
//
// mfa, of sign-ins that succeeded only: true if multi-factor authentication was
// required, or the details say that it was satisfied, or that a passkey, FIDO2 key
// or Windows Hello was used; false if a single factor was required and they say
// nothing of the kind.
//
// From the API, https://graph.microsoft.com, a connector needs the permission
// AuditLog.Read.All, and tokens of scope https://graph.microsoft.com/.default.
//
// Limits of Entra: records are there within 15 minutes as a rule, some after
// hours, in no order; non-interactive ones and those of service principals may
// stand for many alike; Entra keeps them 7 or 30 days. Graph's version 1.0 gives
// interactive sign-ins only, unless the setting "version" of the connector is beta.
package entrasignin

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is the sign-in logs of Microsoft Entra ID.
var Kind = source.Kind{
	Name:    "entra.signin",
	Title:   "Microsoft Entra sign-ins",
	Ways:    "API, Event Hubs, bucket, files, HTTP",
	Split:   source.JSON("records", "value"),
	Map:     mapEvent,
	Pull:    &source.Pull{From: source.WindowFrom, Page: page, Every: 5 * time.Minute, Lag: 6 * time.Hour},
	Actions: actions,
}

// The categories of sign-ins, by their names in diagnostic settings.
const (
	interactive    = "SignInLogs"
	nonInteractive = "NonInteractiveUserSignInLogs"
	service        = "ServicePrincipalSignInLogs"
	managed        = "ManagedIdentitySignInLogs"
)

// actions is by category. A service's sign-in is the issue of a token.
var actions = map[string]source.Action{
	interactive:                           {Action: "session.start", Category: event.Authentication},
	"ADFSSignInLogs":                      {Action: "session.start", Category: event.Authentication},
	nonInteractive:                        {Action: "token.issue", Category: event.Authentication},
	service:                               {Action: "token.issue", Category: event.Authentication},
	managed:                               {Action: "token.issue", Category: event.Authentication},
	"MicrosoftServicePrincipalSignInLogs": {Action: "token.issue", Category: event.Authentication},
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	switch {
	case strings.EqualFold(r.category, "AuditLogs"):
		return event.Event{}, errors.New("not a sign-in: category AuditLogs is for a source of kind entra.audit")
	case r.id == "" && r.category == "" || r.code == "" && r.created == "" || r.userID == "" && r.upn == "" && r.principalID == "" && r.appID == "":
		return event.Event{}, errors.New("not a sign-in: id, status or whoever signed in is missing")
	}
	e := event.Event{
		OccurredAt: now.UTC(),
		Actor:      r.actor(),
		Where:      event.Where{UserAgent: r.userAgent, Account: r.tenant},
		RequestID:  r.correlation,
		Raw:        raw,
	}
	if len(r.id) <= event.MaxIDBytes {
		e.ID = r.id
	}
	e.NativeAction = r.kind()
	a, ok := actions[e.NativeAction]
	if !ok {
		a = source.Action{Action: source.ActionName("entra", e.NativeAction), Category: event.Authentication}
	}
	e.Action, e.Category = a.Action, a.Category
	e.Where.IP, e.Where.Host = source.Address(r.ip)
	e.Outcome, e.OutcomeCode, e.OutcomeReason = r.outcome()
	if e.Outcome == event.Success {
		e.Actor.MFA = r.mfa()
	}
	for _, t := range []event.Target{{Type: "application", ID: r.appID, Name: r.appName}, {Type: "resource", ID: r.resourceID, Name: r.resourceName}} {
		if t.ID != "" || t.Name != "" {
			e.Targets = append(e.Targets, t)
		}
	}
	var d source.Detail
	r.time(&d, &e)
	r.details(&d)
	e.Detail = d.Object()
	return e, nil
}

// time is when the sign-in happened, not when it was logged; a record that does
// not tell happened when it arrived, and says so.
func (r *record) time(d *source.Detail, e *event.Event) {
	for _, s := range []string{r.created, r.logged} {
		if t, ok := source.Time(s); ok {
			e.OccurredAt = t
			return
		}
	}
	d.Text("time_of", "arrival")
	d.Text("native_time", r.created)
}

// kind is the category of the sign-in. Graph does not name it; then what it says
// instead tells.
func (r *record) kind() string {
	if r.category != "" {
		for name := range actions {
			if strings.EqualFold(name, r.category) {
				return name
			}
		}
		return r.category
	}
	for v := range source.Elements(r.eventTypes) {
		switch source.Text(v) {
		case "interactiveUser":
			return interactive
		case "nonInteractiveUser":
			return nonInteractive
		case "servicePrincipal":
			return service
		case "managedIdentity":
			return managed
		}
	}
	switch {
	case r.principalID != "" && r.userID == "":
		return service
	case r.isInteractive == "false":
		return nonInteractive
	}
	return interactive
}

// nobody is the user id of a name that belongs to no user.
const nobody = "00000000-0000-0000-0000-000000000000"

// actor follows the rules of the package comment.
func (r *record) actor() event.Actor {
	if r.userID == nobody {
		r.userID = ""
	}
	if r.userID == "" && r.upn == "" {
		a := event.Actor{Type: event.Service, ID: r.principalID, Name: r.principalName, Session: r.session}
		if a.ID == "" {
			a.ID, a.Name = r.appID, r.appName
		}
		if a.ID == "" {
			return event.Actor{Type: event.Anonymous}
		}
		return a
	}
	a := event.Actor{Type: event.User, ID: r.userID, Name: r.userName, Session: r.session}
	if a.ID == "" {
		a.ID = r.upn
	}
	if r.code == "50034" {
		a.Type = event.Anonymous
	}
	if event.ValidEmail(r.upn) {
		a.Email = r.upn
	} else if a.Name == "" {
		a.Name = r.upn
	}
	return a
}

// outcome follows the rules of the package comment.
func (r *record) outcome() (o event.Outcome, code, reason string) {
	code, reason = r.code, r.reason
	if reason == "Other." || reason == "" {
		reason = r.description
	}
	switch {
	case code == "0":
		return event.Success, code, r.additional
	case code == "":
		return event.Unknown, code, reason
	}
	if o, ok := codes[code]; ok {
		return o, code, reason
	}
	if strings.EqualFold(r.access, "failure") {
		return event.Denied, code, reason
	}
	return event.Failure, code, reason
}

// codes holds the error codes that are no failures.
var codes = func() map[string]event.Outcome {
	m := map[string]event.Outcome{}
	for _, c := range strings.Fields(`16000 16001 16003 50058 50072 50074 50076 50078 50079 50097 50125 50127
		50129 50140 50143 50158 50168 50187 50199 50203 51006 52004 65001 70044 81010 399284 501314`) {
		m[c] = event.Unknown
	}
	for _, c := range strings.Fields(`50005 50105 50131 53000 53001 53002 53003 53004 53008 53009 53010 53011 80012 90094
		530001 530002 530003 530021 530031 530032 530033 530034 530035 530084`) {
		m[c] = event.Denied
	}
	return m
}()
