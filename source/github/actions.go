package github

import (
	"maps"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// allActions is every table, for documentation: what the audit log says, and
// webhooks and API objects by their event and action.
func allActions() map[string]source.Action {
	all := maps.Clone(auditActions)
	maps.Copy(all, webhookActions)
	maps.Copy(all, objectActions)
	return all
}

// meaning returns what an entry's action means: as the table says, or by the rule
// of the package comment.
func (n *entry) meaning() source.Action {
	if n.action == "org.update_member" {
		switch {
		case n.permission == "admin" && n.oldPermission != "admin":
			return source.Action{Action: "role.grant", Category: event.Privileged}
		case n.oldPermission == "admin" && n.permission != "admin":
			return source.Action{Action: "role.revoke", Category: event.Privileged}
		}
	}
	if a, ok := auditActions[n.action]; ok {
		return a
	}
	return source.Action{Action: source.ActionName("github", n.action), Category: ruled(n.action)}
}

// subjects sort what is not in a table by the first words of its name.
var subjects = []struct {
	prefix   string
	category event.Category
}{
	{"user.two_factor", event.Authentication},
	{"user.", event.Account},
	{"two_factor_authentication.", event.Account},
	{"public_key.", event.Account},
	{"oauth_access.", event.Account},
	{"external_", event.Account},
	{"org_credential_authorization.", event.Access},
	{"personal_access_token", event.Access},
	{"integration", event.Access},
	{"installation", event.Access},
	{"oauth_", event.Access},
	{"marketplace_", event.Config},
	{"org.add_", event.Access},
	{"org.remove_", event.Access},
	{"org.update_member", event.Access},
	{"repo.add_", event.Access},
	{"repo.remove_", event.Access},
	{"member", event.Access},
	{"team.", event.Access},
	{"role.", event.Access},
	{"organization_role.", event.Access},
	{"business.", event.Config},
	{"enterprise.", event.Config},
	{"organization", event.Config},
	{"org.", event.Config},
	{"repo.", event.Config},
	{"repository", event.Config},
	{"protected_branch.", event.Config},
	{"branch_protection", event.Config},
	{"environment.", event.Config},
	{"hook.", event.Config},
	{"audit_log_streaming.", event.Config},
	{"codespaces.", event.Config},
	{"copilot.", event.Config},
	{"business_", event.Config},
	{"dependa", event.Config},
	{"dependency_", event.Config},
	{"secret_scanning", event.Config},
	{"code_scanning", event.Config},
	{"advanced_security", event.Config},
	{"ip_allow_list", event.Network},
	{"network_configuration", event.Network},
	{"git.", event.Data},
	{"pull_request", event.Change},
	{"merge_", event.Change},
	{"workflow", event.Change},
	{"check_", event.Change},
	{"checks.", event.Change},
	{"deployment", event.Change},
	{"package", event.Change},
	{"release", event.Change},
	{"artifact", event.Change},
}

// ruled is the category of what is not in a table.
func ruled(native string) event.Category {
	for _, s := range subjects {
		if strings.HasPrefix(native, s.prefix) {
			return s.category
		}
	}
	return event.System
}
