package googleworkspace

import (
	"example.com/evident/event"
	"example.com/evident/source"
)

// lookup returns what an event means: as the table says, or by the rule of the
// package comment.
func lookup(application, kind, name string) source.Action {
	if a, ok := actions[application+":"+name]; ok {
		return a
	}
	return source.Action{Action: source.ActionName("google", application, name), Category: ruled(application, kind)}
}

// ruled is the category of an event that is not in the table.
func ruled(application, kind string) event.Category {
	switch application {
	case "admin":
		switch kind {
		case "USER_SETTINGS", "GROUP_SETTINGS", "LICENSES_SETTINGS":
			return event.Account
		case "DELEGATED_ADMIN_SETTINGS":
			return event.Access
		}
		return event.Config
	case "login", "saml", "ldap", "context_aware_access":
		return event.Authentication
	case "user_accounts", "groups", "groups_enterprise", "mobile", "directory_sync", "profile":
		return event.Account
	case "token":
		return event.Access
	case "access_transparency":
		return event.Privileged
	case "drive", "gmail", "chat", "vault", "keep", "calendar", "takeout", "data_studio", "classroom", "data_migration", "contacts":
		return event.Data
	}
	return event.System
}
