// Package googleworkspace reads the audit events of Google Workspace, which the
// Reports API calls activities: sign-ins, administration, Drive, tokens, groups and
// all others.
//
// Deliveries: {"items":[…]} of the API, activities one by one, in arrays and
// NDJSON; events that an exporter flattened, one a record, with name and parameters
// beside id and actor.
//
// One activity may hold several events, and each becomes an event. raw is then the
// activity byte for byte, but for its other events: null stands in the place of
// each, so that raw still says which of how many it was. An activity with one event
// is raw as it came. (An activity with more than 1,000 events, or so large that
// copies of it would not fit, is kept whole, as unmapped.)
//
//	activity                                   event
//	id.time, .uniqueQualifier,                 id
//	  .applicationName, .customerId, and which
//	  of its events
//	id.time                                    occurred_at
//	actor                                      actor: see below
//	events[].name                              native_action; action, category: see Actions
//	parameters that name users, groups,        target, targets
//	  roles, documents, applications, settings
//	events[].name, parameters                  outcome, outcome_code, outcome_reason: see below
//	ipAddress                                  where.ip, or where.host
//	id.customerId                              where.account
//	parameters justification, tickets          why.reason, why.ticket
//	id.applicationName, events[].type, what    detail
//	  changed, how somebody signed in, …
//
// Actor: id profileId, else email, else key. user; service for a callerType KEY or
// APPLICATION and for service accounts; system for the key SYSTEM, and for events
// without an actor, whose id is the application; anonymous for whoever opened a
// shared document without signing in.
//
// Outcome: what the Reports API tells has happened: success. But login_failure and
// whatever else is called a failure is failure; sign-ins and actions that Google
// blocked (suspicious_login, risky_sensitive_action_blocked), and ACCESS_DENY
// events, are denied; login_challenge and login_verification go by
// login_challenge_status, and are unknown without one.
//
// mfa, of sign-ins and verifications that succeeded only: true if is_second_factor is, or if one
// of login_challenge_method is a second factor; false if is_second_factor is.
//
// Actions that controls and detections ask about have a name of Evident's own.
// Every other event is called by its application and name, google.chat.room_created,
// and sorted by this rule: administration is account, access or config, by its type;
// login, saml and ldap are authentication; accounts and groups account; tokens
// access; documents, mail and messages data; all others system. Giving the role of
// super administrator is privileged.
//
// From the API, https://admin.googleapis.com, a connector fetches the events of the
// applications in its setting "applications" (login,admin,…), one application after
// the other; without it login, admin, saml, token, user_accounts, groups,
// groups_enterprise and drive. It needs tokens of scope
// https://www.googleapis.com/auth/admin.reports.audit.readonly, of an administrator.
//
// Limits of Google Workspace: events are there within minutes (admin) to hours, and
// sometimes days, in no order; Google keeps them 6 months; the API answers 2,400
// requests a minute.
package googleworkspace

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is the audit events of Google Workspace.
var Kind = source.Kind{
	Name:    "google.workspace",
	Title:   "Google Workspace audit",
	Ways:    "API, files, HTTP",
	Split:   split,
	Map:     mapEvent,
	Pull:    &source.Pull{From: source.WindowFrom, Page: page, Every: 5 * time.Minute, Lag: 24 * time.Hour},
	Actions: actions,
}

// Bounds of cutting an activity apart: of its events, and of all the bytes that
// come of it.
const (
	maxEvents   = 1000
	maxCutBytes = 64 << 20
)

var framed = source.JSON("items")

// split cuts activities of several events, too.
func split(delivery io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for raw, err := range framed(delivery) {
			if err != nil || !several(raw) {
				if !yield(raw, err) {
					return
				}
				continue
			}
			if !cut(raw, yield) {
				return
			}
		}
	}
}

// several reports whether raw is an activity to be cut.
func several(raw []byte) bool {
	if source.Valid(raw) != nil {
		return false
	}
	events := source.Member(raw, "events")
	n := 0
	for range source.Elements(events) {
		n++
	}
	return n > 1 && n <= maxEvents && n*(len(raw)-len(events)+n*len("null,"))+len(events) <= maxCutBytes
}

// cut yields raw once for each of its events, with null in the place of the
// others. All but that is raw's, byte for byte.
func cut(raw []byte, yield func([]byte, error) bool) bool {
	events := source.Member(raw, "events")
	from := cap(raw) - cap(events) // both end in the same memory
	var all [][]byte
	for e := range source.Elements(events) {
		all = append(all, e)
	}
	for i, e := range all {
		if string(e) == "null" {
			continue // cut before
		}
		b := make([]byte, 0, len(raw)-len(events)+len(e)+len(all)*len("null,")+2)
		b = append(append(b, raw[:from]...), '[')
		for j := range all {
			if j > 0 {
				b = append(b, ',')
			}
			if j == i {
				b = append(b, e...)
			} else {
				b = append(b, "null"...)
			}
		}
		b = append(append(b, ']'), raw[from+len(events):]...)
		if !yield(b, nil) {
			return false
		}
	}
	return true
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	switch {
	case r.count > 1:
		return event.Event{}, fmt.Errorf("not one event but an activity with %d, which was not cut", r.count)
	case r.name == "" || r.application == "":
		return event.Event{}, errors.New("not a Workspace activity: id.applicationName or an event's name is missing")
	}
	e := event.Event{
		OccurredAt:   now.UTC(),
		Actor:        r.actor(),
		NativeAction: r.name,
		Where:        event.Where{UserAgent: r.parameters["user_agent"], Account: r.customer},
		Raw:          raw,
	}
	e.Where.IP, e.Where.Host = source.Address(r.ip)
	e.Outcome, e.OutcomeCode, e.OutcomeReason = r.outcome()
	a := lookup(r.application, r.kind, r.name)
	e.Action, e.Category = a.Action, a.Category
	var d source.Detail
	if t, ok := source.Time(r.time); ok {
		e.OccurredAt = t
	} else {
		d.Text("time_of", "arrival")
		d.Text("native_time", r.time)
	}
	if e.Outcome == event.Success {
		e.Actor.MFA = r.mfa(e.Action)
	}
	e.Targets = r.targets()
	e.ID = r.id(raw)
	r.details(&d, &e)
	e.Detail = d.Object()
	return e, nil
}

// id is what Google says is unique, and which event of the activity it is. A
// flattened event does not tell; then its bytes are what sets it apart.
func (r *record) id(raw []byte) string {
	if r.qualifier == "" || r.time == "" {
		return ""
	}
	which := strconv.Itoa(r.index)
	if r.flat {
		sum := sha256.Sum256(raw)
		which = r.name + "/" + hex.EncodeToString(sum[:8])
	}
	at := r.time
	if t, ok := source.Time(r.time); ok {
		at = t.Format(time.RFC3339Nano)
	}
	id := strings.Join([]string{at, r.qualifier, r.application, r.customer, which}, "/")
	if len(id) > event.MaxIDBytes {
		return ""
	}
	return id
}

// outcome follows the rules of the package comment.
func (r *record) outcome() (o event.Outcome, code, reason string) {
	name := strings.ToLower(r.name)
	for _, p := range []string{"login_failure_type", "failure_type", "saml_status_code", "login_challenge_status"} {
		if code == "" {
			code = r.parameters[p]
		}
	}
	reason = r.parameters["saml_second_level_status_code"]
	switch {
	case strings.HasPrefix(name, "suspicious_login"), name == "suspicious_programmatic_login", strings.HasSuffix(name, "_blocked"),
		strings.HasPrefix(name, "access_deny_event"), strings.Contains(name, "_denied"):
		return event.Denied, code, reason
	case strings.Contains(name, "failure"), strings.Contains(name, "failed"), name == "access_deny_internal_error_event":
		return event.Failure, code, reason
	case name == "login_challenge", name == "login_verification":
		switch strings.ToLower(r.parameters["login_challenge_status"]) {
		case "passed", "challenge passed.", "challenge passed":
			return event.Success, code, reason
		case "":
			return event.Unknown, code, reason
		}
		return event.Failure, code, reason // failed, incorrect answer entered
	}
	return event.Success, code, reason
}
