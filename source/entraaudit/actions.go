package entraaudit

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// folded is actions by names in lower case, since Entra does not keep to one.
var folded = func() map[string]source.Action {
	m := make(map[string]source.Action, len(actions))
	for name, a := range actions {
		m[strings.ToLower(name)] = a
	}
	return m
}()

// lookup returns what an activity means: as the table says, or by the rule of the
// package comment. Some activities carry how they were done behind their name.
func (r *record) lookup() source.Action {
	name := strings.ToLower(strings.TrimRight(r.activity, ". "))
	if a, ok := folded[name]; ok {
		return a
	}
	if short, _, ok := strings.Cut(name, " ("); ok {
		if a, ok := folded[short]; ok {
			return a
		}
	}
	return source.Action{Action: source.ActionName("entra", r.activity), Category: ruled(r.category)}
}

// ruled is the category of an activity that is not in the table.
func ruled(category string) event.Category {
	switch strings.ToLower(category) {
	case "usermanagement", "groupmanagement", "devicemanagement", "administrativeunit", "contact", "device":
		return event.Account
	case "rolemanagement", "entitlementmanagement", "accessreviews", "resourcemanagement":
		return event.Access
	case "authentication", "authorization":
		return event.Authentication
	case "keymanagement":
		return event.Data
	}
	return event.Config
}

// powerful reports whether a role administers the directory or who administers it.
func powerful(role string) bool {
	switch role {
	case "Global Administrator", "Company Administrator", "Privileged Role Administrator", "Privileged Authentication Administrator",
		"Security Administrator", "Conditional Access Administrator", "Application Administrator", "Cloud Application Administrator",
		"Authentication Administrator", "User Administrator", "Exchange Administrator", "SharePoint Administrator", "Intune Administrator",
		"Hybrid Identity Administrator", "Domain Name Administrator", "External Identity Provider Administrator", "Helpdesk Administrator",
		"Password Administrator", "Groups Administrator", "Authentication Policy Administrator", "Partner Tier2 Support",
		"62e90394-69f5-4237-9190-012177145e10", "e8611ab8-c189-46e8-94e1-60213ab1f814", "7be44c8a-adaf-4e2a-84d6-ab2649e08a13":
		return true
	}
	return false
}
