package azureactivity

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// folded is actions by names in lower case.
var folded = func() map[string]source.Action {
	m := make(map[string]source.Action, len(actions))
	for name, a := range actions {
		m[strings.ToLower(name)] = a
	}
	return m
}()

// maxTypeBytes bounds the middle of an action's name, so that the verb stays.
const maxTypeBytes = 30

// lookup returns what an operation means: as the table says, or by the rule of
// the package comment.
func lookup(operation, category string) source.Action {
	op := strings.ToLower(operation)
	if i := strings.LastIndex(op, "/providers/"); i >= 0 { // of a resource that belongs to another
		op = op[i+len("/providers/"):]
	}
	if a, ok := folded[op]; ok {
		return a
	}
	parts := strings.Split(op, "/")
	if len(parts) > 2 && parts[len(parts)-1] == "action" {
		parts = parts[:len(parts)-1]
	}
	verb, kind := parts[len(parts)-1], ""
	if len(parts) > 2 {
		kind = strings.Join(parts[1:len(parts)-1], "_")
	}
	owner := strings.TrimPrefix(parts[0], "microsoft.")
	if len(parts) == 1 { // SecretList, of a resource's own log
		return source.Action{Action: source.ActionName("azure", operation), Category: resourceLog(category, op)}
	}
	a := source.Action{Action: source.ActionName("azure", owner, kind[:min(len(kind), maxTypeBytes)], verb), Category: event.System}
	switch strings.ToLower(category) {
	case "", "administrative", "policy", "security":
		a.Category = ruled(owner, kind, verb)
	}
	return a
}

// resourceLog is the category of an entry that a resource wrote itself.
func resourceLog(category, op string) event.Category {
	if strings.EqualFold(category, "AuditEvent") && !strings.HasSuffix(op, "list") {
		return event.Data
	}
	return event.System
}

// provider is the resource provider of an operation.
func provider(operation string) string {
	p, _, ok := strings.Cut(operation, "/")
	if !ok {
		return ""
	}
	return p
}

// ruled is the category of an operation that is not in the table.
func ruled(owner, kind, verb string) event.Category {
	switch {
	case verb == "read":
		return event.System
	case strings.HasPrefix(verb, "list") && (strings.Contains(verb, "key") || strings.Contains(verb, "secret") || strings.Contains(verb, "credential")):
		return event.Data
	case strings.HasPrefix(verb, "list"), strings.HasPrefix(verb, "get"), strings.HasPrefix(verb, "check"), strings.HasPrefix(verb, "validate"):
		return event.System
	}
	switch owner {
	case "authorization":
		return event.Access
	case "managedidentity", "aad", "azureactivedirectory", "aadiam":
		return event.Account
	case "network", "cdn", "peering", "classicnetwork":
		return event.Network
	case "web", "app", "containerregistry", "containerinstance", "containerservice", "automation", "logic", "devcenter", "servicefabric", "resources":
		if owner == "resources" && !strings.Contains(kind, "deployment") {
			return event.Config
		}
		return event.Change
	}
	return event.Config
}
