package gcpaudit

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/kubernetesaudit"
)

// maxDelegation bounds the chain of who acted for whom.
const maxDelegation = 8

// actor follows the rules of the package comment.
func (r *record) actor() event.Actor {
	c := &r.caller
	switch {
	case c.email != "":
		a := event.Actor{Type: typeOf(c.email), ID: c.email}
		if event.ValidEmail(c.email) {
			a.Email = c.email
		} else {
			a.Name = c.email
		}
		return a
	case c.subject != "":
		a := event.Actor{Type: typeOf(c.subject), ID: c.subject, Name: name(c.subject)}
		if event.ValidEmail(a.Name) {
			a.Email = a.Name
		}
		return a
	case r.log() == "system_event", r.operation.last && !r.operation.first:
		return event.Actor{Type: event.ActorSystem, ID: r.service}
	}
	return event.Actor{Type: event.Anonymous}
}

// typeOf tells workloads from people by how Google names them.
func typeOf(principal string) event.ActorType {
	switch {
	case strings.HasSuffix(principal, "gserviceaccount.com"), strings.HasPrefix(principal, "serviceAccount:"),
		strings.Contains(principal, "/workloadIdentityPools/"), strings.Contains(principal, ".svc.id.goog"):
		return event.Service
	case principal == "system@google.com":
		return event.ActorSystem
	case strings.HasPrefix(principal, "system:"):
		return kubernetesaudit.TypeOf(principal)
	}
	return event.User
}

// name is the part of a principal's subject that its provider gave.
func name(subject string) string {
	if _, s, ok := strings.Cut(subject, "/subject/"); ok {
		return s
	}
	if prefix, s, ok := strings.Cut(subject, ":"); ok && (prefix == "user" || prefix == "serviceAccount" || prefix == "group") {
		return s
	}
	return ""
}

// delegation lists who acted through whom, the first one first.
func (c *caller) chain() (names []string) {
	for d := range source.Elements(c.delegation) {
		s := source.MemberText(d, "firstPartyPrincipal", "principalEmail")
		if s == "" {
			s = source.MemberText(d, "principalSubject")
		}
		if s != "" && len(names) < maxDelegation {
			names = append(names, s)
		}
	}
	return names
}
