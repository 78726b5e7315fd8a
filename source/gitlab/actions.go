package gitlab

import (
	"maps"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// allActions is both tables, for documentation.
func allActions() map[string]source.Action {
	all := maps.Clone(actions)
	maps.Copy(all, hookActions)
	return all
}

// subjects sort what is not in a table by what its name has in it; the first that
// fits decides.
var subjects = []struct {
	part     string
	category event.Category
}{
	{"impersonat", event.Privileged},
	{"admin", event.Privileged},
	{"login", event.Authentication},
	{"authenticat", event.Authentication},
	{"approv", event.Config},
	{"protected_", event.Config},
	{"_updated", event.Config},
	{"change_", event.Config},
	{"merge_request", event.Change},
	{"pipeline", event.Change},
	{"deploy", event.Change},
	{"release", event.Change},
	{"environment", event.Change},
	{"member", event.Access},
	{"role", event.Access},
	{"access_request", event.Access},
	{"token", event.Account},
	{"_key", event.Account},
	{"user", event.Account},
	{"saml", event.Account},
	{"variable", event.Data},
	{"export", event.Data},
	{"project", event.Config},
	{"group", event.Config},
	{"setting", event.Config},
	{"compliance", event.Config},
	{"policy", event.Config},
	{"runner", event.Config},
	{"streaming", event.Config},
}

// ruled is the category of what is not in a table.
func ruled(name string) event.Category {
	for _, s := range subjects {
		if strings.Contains(name, s.part) {
			return s.category
		}
	}
	return event.System
}
