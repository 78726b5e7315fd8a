// Package gitlab reads the audit events of GitLab, from its API, from streaming
// and from files, and a handful of its system hooks and webhooks.
//
// Deliveries: pages of /api/v4/groups/ID/audit_events (also of projects and of the
// instance), arrays, NDJSON and single events as they are streamed; the lines of
// audit_json.log, which have no id and no details; hooks as their bare payload or as {"event":…,"delivery":…,"payload":{…}} with the headers
// X-Gitlab-Event and X-Gitlab-Event-UUID.
//
//	audit event                         hook                      event
//	id                                  delivery                  id: audit/ID
//	created_at, else time               updated_at, created_at    occurred_at; of hooks that have none, when it came
//	event_type, event_name: see below   event_name, object_kind   native_action; action, category: see Actions
//	author_id, author_name,             user, user_id             actor
//	  details.author_email
//	target_*, entity_*                  user, project, group, …   target, targets: whom or what it was done to first
//	ip_address                          –                         where.ip; where.host if it is no address
//	correlation_id                      –                         request_id
//	first part of entity_path           same of the project       where.account
//	details.*                           named members             detail; nothing that may hold a secret
//	–                                   merge request             why.change: acme/api!7; why.ticket: a key such as
//	                                                              OPS-12 in its title, else in the branch
//
// The name of an audit event is event_type, unless that is the general
// audit_operation, else event_name, also of details. Older events have neither:
// then it is what details say: add_, remove_ or change_ and what; authenticated_with_
// and failed_login; or, for well-known messages, the name that newer ones have.
// What is left is audit_operation.
//
// Names that controls and detections ask about have a name of Evident's own. All
// others are called gitlab. and GitLab's name, gitlab.change_something, and sorted
// by its first words: see ruled. Who becomes owner gets role.grant (privileged),
// who was one role.revoke; so it is with administrators. Git operations are
// git.fetch or git.push, impersonation starts or ends, as the message says.
//
// Actor: a user if author_id is above zero, but a service if the name says that a
// bot of a project did it; a service for deploy keys, deploy tokens, runners and
// other tokens; anonymous for a sign-in that failed and for authors that GitLab
// calls unauthenticated. System hooks do not say who acted: system "gitlab". mfa is
// true for a sign-in with two factors; otherwise GitLab does not say.
//
// Targets: MergeRequest is pull_request and Project repository, as elsewhere;
// others are GitLab's words in lower case.
//
// Outcome: success; failure if the name says failed. GitLab records no refusals by
// policy. Of pipelines and deployments the status: success is success; failed and
// canceled are failure; all others are unknown.
//
// Pull needs one of the settings "group" and "project" (an id or a path), or
// "instance": "true". GitLab lists the newest first and at most 30 days at once;
// the cursor is a JSON object with the window that is being read.
//
// Limits of GitLab: audit events are of Premium and Ultimate; some types are only
// streamed, others only in the API, and what comes both ways differs in form: feed
// one source by one way. Streaming is tried once or a few times and then lost:
// the API is what makes a trail complete. Order is that of ids. Nothing expires
// on its own.
package gitlab

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is GitLab.
var Kind = source.Kind{
	Name:    "gitlab",
	Title:   "GitLab",
	Ways:    "API, audit event streaming, system hooks, files",
	Split:   source.JSON(),
	Map:     mapEvent,
	Pull:    &source.Pull{From: from, Page: page, Every: time.Minute, Lag: time.Hour},
	Actions: allActions(),
}

// system is the actor where GitLab names none.
var system = event.Actor{Type: event.ActorSystem, ID: "gitlab"}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	object, delivery := raw, ""
	if payload := source.Member(raw, "payload"); len(payload) > 0 && payload[0] == '{' {
		object, delivery = payload, source.MemberText(raw, "delivery")
	}
	audit, hook := false, false
	for name, v := range source.Members(object) {
		switch name {
		case "details", "entity_type":
			audit = audit || len(v) > 0 && (v[0] == '{' || name == "entity_type")
		case "object_kind", "event_name":
			hook = true
		}
	}
	switch {
	case audit:
		return mapAudit(raw, object)
	case hook:
		return mapHook(raw, object, delivery, now)
	}
	return event.Event{}, errors.New("neither an audit event nor a hook of GitLab")
}

// lookup returns what a name means: as the table says, or by the rule of the
// package comment.
func lookup(table map[string]source.Action, name string) source.Action {
	if a, ok := table[name]; ok {
		return a
	}
	return source.Action{Action: source.ActionName("gitlab", name), Category: ruled(name)}
}

// targetType is GitLab's word in our spelling.
func targetType(kind string) string {
	switch kind {
	case "":
		return ""
	case "MergeRequest":
		return "pull_request"
	case "Project":
		return "repository"
	}
	return source.ActionName(kind[strings.LastIndexByte(kind, ':')+1:])
}

// addTarget adds a target that says something and is not there yet.
func addTarget(targets *[]event.Target, t event.Target) {
	if t.ID == "" && t.Name == "" {
		return
	}
	for _, have := range *targets {
		if have.Type == t.Type && have.ID == t.ID {
			return
		}
	}
	*targets = append(*targets, t)
}

// account is the group at the top of a path.
func account(path string) string {
	top, _, _ := strings.Cut(path, "/")
	return top
}

func first(values ...string) string {
	for _, s := range values {
		if s != "" {
			return s
		}
	}
	return ""
}

// bounded returns an id that an event may have, or none.
func bounded(id string) string {
	if len(id) > event.MaxIDBytes {
		return ""
	}
	return id
}
