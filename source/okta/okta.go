// Package okta reads the System Log of Okta: every LogEvent, from the API, from
// event hooks, log streams and files.
//
// Deliveries: pages of /api/v1/logs, arrays, NDJSON and single events; event
// hooks ({"eventType":"com.okta.event_hook","data":{"events":[…]}}); log streams
// through Amazon EventBridge ("detail") and Splunk ("event"). These envelopes are
// taken off; raw is the LogEvent. Member names in lower case, as data lakes
// export them, are read too.
//
//	LogEvent                                event
//	uuid                                    id
//	published                               occurred_at
//	eventType                               native_action; action, category: see Actions
//	actor                                   actor: see below
//	authenticationContext.externalSessionId actor.session, unless it is "unknown"
//	target[]                                target, targets: all of them, users first
//	outcome.result, .reason                 outcome, outcome_code, outcome_reason: see below
//	client.ipAddress                        where.ip, else the first of request.ipChain; where.host if it is no address
//	client.userAgent.rawUserAgent           where.user_agent
//	transaction.id                          request_id: what belongs to one request, one sign-in often has several
//	debugContext.debugData.traceId          trace_id
//	displayMessage, severity, place, …      detail
//
// Actor, by actor.type: User is a user, whose alternateId is the e-mail address
// if it is one (else detail.actor_login); SystemPrincipal is system; every kind of
// application and service is a service. "IP address", no actor at all, and a User
// whose id is "unknown" (a sign-in with a name that does not exist) are anonymous;
// the name that was typed stays in actor.name. The words "unknown" and "null",
// which Okta writes for what it does not know, are no values. mfa is true where a
// second factor was verified in this very event; otherwise Okta does not say.
//
// Targets are called by Okta's type in lower case: user, app_user, group (of
// UserGroup), app (of AppInstance), policy_entity. A user's name is the login.
//
// Outcome, by outcome.result: SUCCESS and ALLOW are success; FAILURE, UNANSWERED
// and ABANDONED are failure; DENY and RATE_LIMIT are denied; CHALLENGE, SKIPPED,
// DEFERRED, SCHEDULED, UNKNOWN, any other and none at all are unknown, since no
// verdict was given. FAILURE of an event whose type says that access was refused
// (application.policy.sign_on.deny_access, security.request.blocked,
// app.generic.unauth_app_access_attempt) is denied. A decision of a policy is an
// event of its own, policy.evaluate: it is not the sign-in.
//
// Event types that controls and detections ask about have a name of Evident's
// own. Every other is called okta. and its type with underscores,
// okta.system_agent_ad_import_user, and sorted by its first words: sessions,
// authentication and OAuth grants are authentication; users, factors, devices,
// groups and imports account; memberships, roles and access requests access;
// privileges and impersonation privileged; zones network; policies, applications,
// hooks and security settings config; all others system.
//
// Of debugContext, which may hold anything, only named members are copied to
// detail, and of requestUri none that may hold a token; of change details, the
// names of what was changed. raw keeps everything.
//
// Limits of Okta: events come within seconds mostly, minutes or hours late at
// times, and not in the order of published; event hooks come at least once, in
// no order, and only for the types that were asked for: the API is what makes a
// trail complete. Okta keeps events for 90 days. Pages hold 1,000 events; the
// rate limit of /api/v1/logs is that of the organisation, as low as 20 a minute.
package okta

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is Okta's System Log.
var Kind = source.Kind{
	Name:    "okta",
	Title:   "Okta System Log",
	Ways:    "API, event hook, log stream, files",
	Split:   source.JSON("data", "events", "detail", "event"),
	Map:     mapEvent,
	Pull:    &source.Pull{From: from, Page: page, Every: 30 * time.Second, Lag: time.Hour},
	Actions: actions,
}

func mapEvent(raw []byte, _ time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	if r.eventType == "" || r.published == "" {
		return event.Event{}, errors.New("not a LogEvent of Okta: eventType or published is missing")
	}
	at, ok := source.Time(r.published)
	if !ok {
		return event.Event{}, fmt.Errorf("not a LogEvent of Okta: published is %.40q, which is no time", r.published)
	}
	e := event.Event{
		OccurredAt:    at,
		NativeAction:  r.eventType,
		Outcome:       r.verdict(),
		OutcomeCode:   r.result,
		OutcomeReason: r.reason,
		Where:         event.Where{UserAgent: known(r.userAgent)},
		RequestID:     known(r.transaction),
		TraceID:       known(source.MemberText(r.debug, "traceId")),
		Raw:           raw,
	}
	if len(r.uuid) <= event.MaxIDBytes {
		e.ID = r.uuid
	}
	action := lookup(r.eventType)
	e.Action, e.Category = action.Action, action.Category
	e.Actor = r.actor(e.Action)
	e.Targets = r.targets()
	r.place(&e.Where)
	e.Detail = r.details(&e)
	return e, nil
}

// place says where a request came from. A proxy's chain begins with the client.
func (r *record) place(w *event.Where) {
	if event.ValidIP(r.ip) {
		w.IP = r.ip
		return
	}
	w.Host = known(r.ip)
	for hop := range source.Elements(r.ipChain) {
		if ip := source.MemberText(hop, "ip"); event.ValidIP(ip) {
			w.IP = ip
			return
		}
	}
}

// verdict follows the rules of the package comment.
func (r *record) verdict() event.Outcome {
	switch strings.ToUpper(r.result) {
	case "SUCCESS", "ALLOW":
		return event.Success
	case "FAILURE":
		switch r.eventType {
		case "application.policy.sign_on.deny_access", "security.request.blocked", "app.generic.unauth_app_access_attempt":
			return event.Denied
		}
		return event.Failure
	case "UNANSWERED", "ABANDONED":
		return event.Failure
	case "DENY", "RATE_LIMIT":
		return event.Denied
	}
	return event.Unknown
}

// known returns s, unless it is one of the words that Okta writes for nothing.
func known(s string) string {
	switch s {
	case "unknown", "Unknown", "UNKNOWN", "null":
		return ""
	}
	return s
}

func first(values ...string) string {
	for _, s := range values {
		if s != "" {
			return s
		}
	}
	return ""
}
