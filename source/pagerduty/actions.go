package pagerduty

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// actions are log entries by their types, webhooks by theirs, and the audit
// trail's records that matter most.
var actions = map[string]source.Action{
	"oncall": {Action: "shift.start", Category: event.System},

	"trigger":                 {Action: "alert.raise", Category: event.System},
	"acknowledge":             {Action: "alert.acknowledge", Category: event.System},
	"unacknowledge":           {Action: "alert.unacknowledge", Category: event.System},
	"resolve":                 {Action: "alert.resolve", Category: event.System},
	"escalate":                {Action: "alert.escalate", Category: event.System},
	"exhaust_escalation_path": {Action: "alert.unanswered", Category: event.System},
	"repeat_escalation_path":  {Action: "alert.escalate", Category: event.System},
	"assign":                  {Action: "alert.assign", Category: event.System},
	"delegate":                {Action: "alert.assign", Category: event.System},
	"notify":                  {Action: "alert.notify", Category: event.System},
	"annotate":                {Action: "alert.comment", Category: event.System},
	"snooze":                  {Action: "alert.snooze", Category: event.System},
	"merge":                   {Action: "alert.merge", Category: event.System},
	"priority_change":         {Action: "alert.prioritize", Category: event.System},
	"urgency_change":          {Action: "alert.prioritize", Category: event.System},
	"status_update":           {Action: "alert.status_update", Category: event.System},
	"responder_request":       {Action: "alert.request_responder", Category: event.System},

	"incident.triggered":               {Action: "alert.raise", Category: event.System},
	"incident.acknowledged":            {Action: "alert.acknowledge", Category: event.System},
	"incident.unacknowledged":          {Action: "alert.unacknowledge", Category: event.System},
	"incident.resolved":                {Action: "alert.resolve", Category: event.System},
	"incident.reopened":                {Action: "alert.reopen", Category: event.System},
	"incident.escalated":               {Action: "alert.escalate", Category: event.System},
	"incident.reassigned":              {Action: "alert.assign", Category: event.System},
	"incident.delegated":               {Action: "alert.assign", Category: event.System},
	"incident.annotated":               {Action: "alert.comment", Category: event.System},
	"incident.priority_updated":        {Action: "alert.prioritize", Category: event.System},
	"incident.status_update_published": {Action: "alert.status_update", Category: event.System},
	"incident.responder.added":         {Action: "alert.request_responder", Category: event.System},
	"incident.responder.replied":       {Action: "alert.answer_request", Category: event.System},
	"service.created":                  {Action: "service.create", Category: event.Config},
	"service.updated":                  {Action: "service.update", Category: event.Config},
	"service.deleted":                  {Action: "service.delete", Category: event.Config},

	"audit:user.create":              {Action: "user.create", Category: event.Account},
	"audit:user.update":              {Action: "user.update", Category: event.Account},
	"audit:user.delete":              {Action: "user.delete", Category: event.Account},
	"audit:api_key.create":           {Action: "key.create", Category: event.Account},
	"audit:api_key.delete":           {Action: "key.delete", Category: event.Account},
	"audit:team.create":              {Action: "group.create", Category: event.Account},
	"audit:team.update":              {Action: "group.update", Category: event.Access},
	"audit:team.delete":              {Action: "group.delete", Category: event.Account},
	"audit:schedule.create":          {Action: "schedule.create", Category: event.Config},
	"audit:schedule.update":          {Action: "schedule.update", Category: event.Config},
	"audit:schedule.delete":          {Action: "schedule.delete", Category: event.Config},
	"audit:escalation_policy.create": {Action: "escalation_policy.create", Category: event.Config},
	"audit:escalation_policy.update": {Action: "escalation_policy.update", Category: event.Config},
	"audit:escalation_policy.delete": {Action: "escalation_policy.delete", Category: event.Config},
	"audit:service.create":           {Action: "service.create", Category: event.Config},
	"audit:service.update":           {Action: "service.update", Category: event.Config},
	"audit:service.delete":           {Action: "service.delete", Category: event.Config},
}

// lookup returns what a native name means: as the table says, or by the rule of
// the package comment.
func lookup(native string) source.Action {
	if a, ok := actions[native]; ok {
		return a
	}
	if name, ok := strings.CutPrefix(native, "audit:"); ok {
		a := source.Action{Action: source.ActionName("pagerduty", strings.ReplaceAll(name, ".", "_")), Category: event.Config}
		switch {
		case strings.HasPrefix(name, "user"), strings.Contains(name, "key"):
			a.Category = event.Account
		case strings.HasPrefix(name, "team"), strings.Contains(name, "role"):
			a.Category = event.Access
		}
		return a
	}
	return source.Action{Action: source.ActionName("pagerduty", strings.ReplaceAll(native, ".", "_")), Category: event.System}
}

// actor follows the rules of the package comment.
func actor(who []byte) event.Actor {
	id, kind := source.MemberText(who, "id"), source.MemberText(who, "type")
	switch {
	case id == "":
		return event.Actor{Type: event.ActorSystem, ID: "pagerduty"}
	case strings.HasPrefix(kind, "user"):
		return event.Actor{Type: event.User, ID: id, Name: source.MemberText(who, "summary")}
	}
	return event.Actor{Type: event.Service, ID: id, Name: source.MemberText(who, "summary")}
}

// ref is a reference as a target.
func ref(v []byte) event.Target {
	return event.Target{
		Type: strings.TrimSuffix(source.MemberText(v, "type"), "_reference"),
		ID:   source.MemberText(v, "id"),
		Name: firstText(source.MemberText(v, "summary"), source.MemberText(v, "title"), source.MemberText(v, "name")),
	}
}

// about adds a target, if v is a reference.
func (e *mapped) about(v []byte) {
	if t := ref(v); t != (event.Target{}) {
		e.Targets = append(e.Targets, t)
	}
}

// incident names the incident that an event is about.
func (e *mapped) incident(v []byte) {
	t := ref(v)
	if t.ID == "" {
		return
	}
	t.Type = "incident"
	e.Targets = append(e.Targets, t)
	e.Why.Incident = t.ID
}

// people adds those that an event is about.
func (e *mapped) people(list, one []byte) {
	add := func(v []byte) {
		if id := source.MemberText(v, "id"); id != "" && len(e.Targets) < 50 {
			e.Targets = append(e.Targets, event.Target{Type: "user", ID: id, Name: source.MemberText(v, "summary")})
		}
	}
	for v := range source.Elements(list) {
		add(v)
	}
	add(one)
}
