// Package pagerduty reads PagerDuty: what happened to incidents, who was on call,
// and who changed the account.
//
// Deliveries: pages of the API ({"log_entries":[…]}, {"oncalls":[…]},
// {"records":[…]} of the audit trail), webhooks of version 3 ({"event":{…}}),
// single objects, arrays and NDJSON of them. Envelopes are taken off; raw is the
// log entry, the on-call entry, the audit record or the webhook's event.
//
//	log entry, webhook, audit record, on-call     event
//	id; of on-calls who, where and when           id
//	created_at, occurred_at, execution_time,      occurred_at
//	  start
//	agent, actors[0]                              actor: see below; of on-calls system pagerduty
//	type, event_type, action and resource         native_action; action, category: see Actions
//	incident, data, root_resource                 target; why.incident: the incident's id
//	assignees, user on call                       targets (type user)
//	service, urgency, priority, channel           detail.service, detail.urgency, detail.priority, detail.channel
//	schedule, escalation policy, level, end       detail.rota, detail.policy, detail.level, detail.until
//	execution_context                             where.ip, request_id
//	details.fields                                detail.fields: names of what was changed
//
// An incident that is triggered is alert.raise. What the table does not know is
// called pagerduty. and its own name, of category system. Audit records are named
// by their resource and action: user.create; what such a name means is account for
// users and keys, access for teams' members and roles, otherwise config.
//
// Actor: user if the reference is one, otherwise service; system pagerduty if
// nobody is named. Outcome: success; failure if nobody answered before the
// escalation policy ended.
//
// The connector's setting what is log_entries (if missing), oncalls or audit; each
// needs a connector of its own. Limits of PagerDuty: 10,000 entries a question,
// so long periods are asked for in parts; audit records come within minutes and
// are kept for a year; on-call entries are what the schedule says now. Of an
// on-call shift the beginning is an event, when it has begun; if its end is
// changed later, that is a second one. The same by API and by webhook is two
// events: let one source have one way.
package pagerduty

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is PagerDuty.
var Kind = source.Kind{
	Name:    "pagerduty",
	Title:   "PagerDuty",
	Ways:    "API, webhook, files",
	Split:   source.JSON("log_entries", "oncalls", "records", "event"),
	Map:     mapEvent,
	Pull:    &source.Pull{From: from, Page: page, Every: 2 * time.Minute, Lag: 30 * time.Minute},
	Actions: actions,
}

func mapEvent(raw []byte, _ time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	kind := source.MemberText(raw, "type")
	switch {
	case source.MemberText(raw, "event_type") != "":
		return mapHook(raw)
	case strings.HasSuffix(kind, "_log_entry"), strings.HasSuffix(kind, "_log_entry_reference"):
		return mapEntry(raw, strings.TrimSuffix(strings.TrimSuffix(kind, "_reference"), "_log_entry"))
	case source.MemberText(raw, "execution_time") != "":
		return mapRecord(raw)
	case source.Member(raw, "escalation_policy") != nil && source.Member(raw, "user") != nil:
		return mapShift(raw)
	}
	return event.Event{}, errors.New("not of PagerDuty: neither log entry, webhook event, audit record nor on-call entry")
}

// mapped is an event on its way.
type mapped struct{ event.Event }

// base has what all have in common.
func base(raw []byte, id, when, native string) (mapped, error) {
	at, ok := source.Time(when)
	if !ok {
		return mapped{}, fmt.Errorf("not of PagerDuty: %.40q is no time", when)
	}
	if id == "" {
		return mapped{}, errors.New("not of PagerDuty: id is missing")
	}
	e := mapped{event.Event{ID: clip(id), OccurredAt: at, NativeAction: native, Outcome: event.Success, Raw: raw}}
	a := lookup(native)
	e.Action, e.Category = a.Action, a.Category
	if native == "exhaust_escalation_path" {
		e.Outcome = event.Failure
	}
	return e, nil
}

func clip(id string) string {
	if len(id) <= event.MaxIDBytes {
		return id
	}
	return strings.ToValidUTF8(id[:event.MaxIDBytes], "")
}

// mapEntry maps a log entry of an incident.
func mapEntry(raw []byte, native string) (event.Event, error) {
	e, err := base(raw, source.MemberText(raw, "id"), source.MemberText(raw, "created_at"), native)
	if err != nil {
		return event.Event{}, err
	}
	e.Actor = actor(source.Member(raw, "agent"))
	e.incident(source.Member(raw, "incident"))
	e.people(source.Member(raw, "assignees"), source.Member(raw, "user"))
	var d source.Detail
	d.Text("summary", source.MemberText(raw, "summary"))
	d.Text("service", source.MemberText(raw, "service", "summary"))
	d.Text("urgency", source.MemberText(raw, "incident", "urgency"))
	d.Text("channel", source.MemberText(raw, "channel", "type"))
	e.Detail = d.Object()
	return e.Event, nil
}

// mapHook maps the event of a webhook.
func mapHook(raw []byte) (event.Event, error) {
	e, err := base(raw, source.MemberText(raw, "id"), source.MemberText(raw, "occurred_at"), source.MemberText(raw, "event_type"))
	if err != nil {
		return event.Event{}, err
	}
	e.Actor = actor(source.Member(raw, "agent"))
	data := source.Member(raw, "data")
	if incident := source.Member(data, "incident"); incident != nil {
		e.incident(incident)
		e.about(data)
	} else if source.MemberText(raw, "resource_type") == "incident" {
		e.incident(data)
	} else {
		e.about(data)
	}
	e.people(source.Member(data, "assignees"), source.Member(data, "user"))
	var d source.Detail
	d.Text("service", source.MemberText(data, "service", "summary"))
	d.Text("urgency", source.MemberText(data, "urgency"))
	d.Text("priority", source.MemberText(data, "priority", "summary"))
	d.Text("status", source.MemberText(data, "status"))
	e.Detail = d.Object()
	return e.Event, nil
}

// mapRecord maps a record of the audit trail.
func mapRecord(raw []byte) (event.Event, error) {
	resource := source.Member(raw, "root_resource")
	kind := strings.TrimSuffix(source.MemberText(resource, "type"), "_reference")
	e, err := base(raw, source.MemberText(raw, "id"), source.MemberText(raw, "execution_time"), "audit:"+kind+"."+source.MemberText(raw, "action"))
	if err != nil {
		return event.Event{}, err
	}
	var who []byte
	for a := range source.Elements(source.Member(raw, "actors")) {
		who = a
		break
	}
	e.Actor = actor(who)
	e.about(resource)
	if ip := source.MemberText(raw, "execution_context", "remote_address"); event.ValidIP(ip) {
		e.Where.IP = ip
	} else {
		e.Where.Host = ip
	}
	e.RequestID = source.MemberText(raw, "execution_context", "request_id")
	var fields []string
	for f := range source.Elements(source.Member(raw, "details", "fields")) {
		if len(fields) < 50 {
			fields = append(fields, source.MemberText(f, "name"))
		}
	}
	var d source.Detail
	d.Text("method", source.MemberText(raw, "method", "type"))
	d.Texts("fields", fields)
	e.Detail = d.Object()
	return e.Event, nil
}

// mapShift maps the beginning of somebody's being on call.
func mapShift(raw []byte) (event.Event, error) {
	who, rota, policy := source.Member(raw, "user"), source.Member(raw, "schedule"), source.Member(raw, "escalation_policy")
	start, level := source.MemberText(raw, "start"), source.MemberText(raw, "escalation_level")
	if start == "" {
		return event.Event{}, errors.New("not a shift: without a schedule somebody is always on call")
	}
	id := strings.Join([]string{"oncall", source.MemberText(who, "id"), source.MemberText(rota, "id"), source.MemberText(policy, "id"), level, start, source.MemberText(raw, "end")}, "/")
	e, err := base(raw, id, start, "oncall")
	if err != nil {
		return event.Event{}, err
	}
	e.Actor = actor(nil)
	e.people(nil, who)
	var d source.Detail
	d.Text("rota", firstText(source.MemberText(rota, "summary"), source.MemberText(rota, "id")))
	d.Text("policy", firstText(source.MemberText(policy, "summary"), source.MemberText(policy, "id")))
	if _, err := strconv.Atoi(level); err == nil {
		d.Scalar("level", []byte(level))
	}
	d.Text("until", source.MemberText(raw, "end"))
	e.Detail = d.Object()
	return e.Event, nil
}

func firstText(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
