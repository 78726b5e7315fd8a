// Package entraaudit reads the directory audit log of Microsoft Entra ID (Azure
// AD): users, groups, roles, applications, policies, privileged identity
// management, access reviews, security info.
//
// Deliveries: {"records":[…]} as diagnostic settings write them to Event Hubs and
// storage; {"value":[…]} of Microsoft Graph; rows of the Log Analytics table
// AuditLogs; arrays and NDJSON of any of these. raw is the record. Names are read
// in any case.
//
//	directoryAudit, or properties of the record   event
//	id                                            id
//	activityDateTime, else time                   occurred_at
//	initiatedBy.user, .app                        actor: see below
//	activityDisplayName, else operationName       native_action; action, category: see Actions
//	targetResources[], users first                target, targets
//	result, resultReason                          outcome, outcome_code, outcome_reason: see below
//	initiatedBy.user.ipAddress, additionalDetails where.ip, or where.host
//	  ipaddr, callerIpAddress
//	additionalDetails User-Agent                  where.user_agent
//	tenantId                                      where.account
//	additionalDetails Justification, Ticket…      why.reason, why.ticket
//	correlationId                                 request_id
//	modifiedProperties, category, service, …      detail
//
// Actor: a user with id, name and email (userPrincipalName, if it is one), its
// roles in role; or a service with the service principal's id, else the
// application's. With neither it is the service of Entra that wrote the record:
// system.
//
// Outcome: success, failure as they stand; denied if a failure's reason is that the
// caller had not the right to (Authorization_RequestDenied, insufficient
// privileges); timeout and all other words, and none, unknown. Activities of
// privileged identity management come one for each step: that a request succeeded
// is not that a role was given.
//
// Values in modifiedProperties are JSON inside strings; detail.changes has the
// names of what changed, and values only of roles, groups, permissions, consent,
// account state and of policies' state.
//
// Actions that controls and detections ask about have a name of Evident's own,
// whatever the case and with or without the words for how. Every other activity is
// called by its words, entra.add_device_configuration, and sorted by the record's
// category: users, groups, devices and administrative units are account; roles,
// entitlements and reviews access; authentication authentication; keys data; all
// others config. Giving a role that administers the directory (Global
// Administrator and the like) is privileged.
//
// From the API, https://graph.microsoft.com, a connector needs the permission
// AuditLog.Read.All, and tokens of scope https://graph.microsoft.com/.default.
//
// Limits of Entra: records are there within 15 minutes as a rule, some after
// hours, in no order; Entra keeps them 7 or 30 days.
package entraaudit

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is the directory audit log of Microsoft Entra ID.
var Kind = source.Kind{
	Name:    "entra.audit",
	Title:   "Microsoft Entra audit log",
	Ways:    "API, Event Hubs, bucket, files, HTTP",
	Split:   source.JSON("records", "value"),
	Map:     mapEvent,
	Pull:    &source.Pull{From: source.WindowFrom, Page: page, Every: 5 * time.Minute, Lag: 6 * time.Hour},
	Actions: actions,
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	switch {
	case strings.HasSuffix(strings.ToLower(r.outer), "signinlogs"):
		return event.Event{}, errors.New("not an Entra audit record: category " + r.outer + " is for a source of kind entra.signin")
	case r.activity == "" || r.id == "" && r.done == "" && r.user == nil && r.app == nil:
		return event.Event{}, errors.New("not an Entra audit record: activityDisplayName, or id, time and initiator are missing")
	}
	e := event.Event{
		OccurredAt:   now.UTC(),
		Actor:        r.actor(),
		NativeAction: r.activity,
		Where:        event.Where{UserAgent: r.userAgent, Account: r.tenant},
		RequestID:    r.correlation,
		Raw:          raw,
	}
	if len(r.id) <= event.MaxIDBytes {
		e.ID = r.id
	}
	a := r.lookup()
	e.Action, e.Category = a.Action, a.Category
	var d source.Detail
	r.time(&d, &e)
	r.additionalDetails(&d, &e)
	for _, ip := range []string{source.MemberText(r.user, "ipAddress"), r.ip, r.callerIP} {
		if e.Where.IP == "" && e.Where.Host == "" {
			e.Where.IP, e.Where.Host = source.Address(ip)
		}
	}
	e.Outcome, e.OutcomeCode, e.OutcomeReason = r.outcome()
	if e.Outcome == event.Success && r.service == "PIM" && (e.Why.Reason == "" || e.Why.Reason == e.OutcomeReason) {
		e.Why.Reason, e.OutcomeReason = e.OutcomeReason, "" // PIM says there why somebody wanted a role
	}
	r.resources(&d, &e)
	d.Text("category", r.category)
	d.Text("service", r.service)
	d.Text("operation", r.operation)
	e.Detail = d.Object()
	return e, nil
}

// time is when it was done, not when it was logged; a record that does not tell
// happened when it arrived, and says so.
func (r *record) time(d *source.Detail, e *event.Event) {
	for _, s := range []string{r.done, r.logged} {
		if t, ok := source.Time(s); ok {
			e.OccurredAt = t
			return
		}
	}
	d.Text("time_of", "arrival")
	d.Text("native_time", r.done)
}

// actor follows the rules of the package comment.
func (r *record) actor() event.Actor {
	id, upn := source.MemberText(r.user, "id"), source.MemberText(r.user, "userPrincipalName")
	if id != "" || upn != "" {
		a := event.Actor{Type: event.User, ID: id, Name: source.MemberText(r.user, "displayName"), Role: r.roles()}
		if a.ID == "" {
			a.ID = upn
		}
		if event.ValidEmail(upn) {
			a.Email = upn
		} else if a.Name == "" {
			a.Name = upn
		}
		return a
	}
	a := event.Actor{Type: event.Service, Name: source.MemberText(r.app, "displayName")}
	if a.Name == "" {
		a.Name = source.MemberText(r.app, "servicePrincipalName")
	}
	for _, name := range []string{"servicePrincipalId", "appId"} {
		if a.ID == "" {
			a.ID = source.MemberText(r.app, name)
		}
	}
	if a.ID == "" {
		a.ID = a.Name
	}
	if a.ID == "" {
		a = event.Actor{Type: event.ActorSystem, ID: r.service, Name: r.identity}
	}
	if a.ID == "" {
		a.ID = "unknown"
	}
	return a
}

func (r *record) roles() string {
	var names []string
	for v := range source.Elements(source.Member(r.user, "roles")) {
		name := source.Text(v)
		if v[0] == '{' {
			name = source.MemberText(v, "displayName")
		}
		if name != "" && len(names) < maxTargets {
			names = append(names, name)
		}
	}
	s := strings.Join(names, ",")
	if len(s) > event.MaxStringBytes {
		return ""
	}
	return s
}

// outcome follows the rules of the package comment.
func (r *record) outcome() (o event.Outcome, code, reason string) {
	code, reason = r.result, r.reason
	switch strings.ToLower(code) {
	case "success":
		return event.Success, code, reason
	case "failure", "failed":
		if r.refused() {
			return event.Denied, code, reason
		}
		return event.Failure, code, reason
	}
	return event.Unknown, code, reason
}

// refused reports whether the caller had not the right to do it.
func (r *record) refused() bool {
	s := strings.ToLower(r.reason)
	for _, words := range []string{"authorization_requestdenied", "insufficient privileges", "insufficient access", "unauthorizedaccess", "forbidden", "access denied", "accessdenied"} {
		if strings.Contains(s, words) {
			return true
		}
	}
	return false
}
