package okta

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// lookup returns what an event type means: as the table says, or by the rule of
// the package comment.
func lookup(eventType string) source.Action {
	if a, ok := actions[eventType]; ok {
		return a
	}
	return source.Action{Action: source.ActionName("okta", eventType), Category: ruled(eventType)}
}

// prefixes sort the event types that are not in the table by how they begin; the
// first that fits decides.
var prefixes = []struct {
	prefix   string
	category event.Category
}{
	{"user.session.impersonation.", event.Privileged},
	{"user.account.privilege.", event.Privileged},
	{"group.privilege.", event.Privileged},
	{"system.api_token.", event.Privileged},
	{"iam.resourceset.bindings.", event.Privileged},
	{"user.session.", event.Authentication},
	{"user.authentication.", event.Authentication},
	{"user.mfa.okta_verify", event.Authentication},
	{"policy.evaluate", event.Authentication},
	{"app.oauth2.client.", event.Config},
	{"app.oauth2.", event.Authentication},
	{"app.radius.", event.Authentication},
	{"app.kerberos_rich_client.", event.Authentication},
	{"app.rich_client.", event.Authentication},
	{"app.inbound_del_auth.", event.Authentication},
	{"user.", event.Account},
	{"device.", event.Account},
	{"group.user_membership.", event.Access},
	{"group.application_assignment.", event.Access},
	{"group.", event.Account},
	{"system.import.", event.Account},
	{"system.idp.", event.Account},
	{"app.user_management.", event.Account},
	{"app.realtimesync.", event.Account},
	{"application.provision.", event.Account},
	{"application.user_membership.", event.Access},
	{"app.access_request.", event.Access},
	{"access.", event.Access},
	{"certification.", event.Access},
	{"iam.", event.Access},
	{"zone.", event.Network},
	{"policy.", event.Config},
	{"application.", event.Config},
	{"app.", event.Config},
	{"security.", event.Config},
	{"oauth2.", event.Config},
	{"event_hook.", event.Config},
	{"inline_hook.", event.Config},
	{"pki.", event.Config},
	{"org.", event.Config},
	{"support.", event.Config},
	{"account.", event.Config},
	{"system.log_stream.", event.Config},
	{"system.feature.", event.Config},
	{"system.mfa.", event.Config},
	{"system.brand.", event.Config},
	{"system.custom_", event.Config},
	{"system.org.", event.System},
}

func ruled(eventType string) event.Category {
	for _, p := range prefixes {
		if strings.HasPrefix(eventType, p.prefix) {
			return p.category
		}
	}
	return event.System
}
