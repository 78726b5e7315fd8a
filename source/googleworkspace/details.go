package googleworkspace

import (
	"slices"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxTargets bounds what one event names.
const maxTargets = 16

// A naming is a parameter that says whom or what an event is about. name may be
// the parameter with its name.
type naming struct{ parameter, name, kind string }

// namings stand in the order in which targets are named: whom something is done to
// comes before what it is done with.
var namings = []naming{
	{"USER_EMAIL", "", "user"},
	{"affected_email_address", "", "user"},
	{"target_user", "", "user"},
	{"user_email", "", "user"},
	{"member_id", "", "user"},
	{"GROUP_EMAIL", "", "group"},
	{"group_email", "", "group"},
	{"group_id", "", "group"},
	{"ROLE_ID", "ROLE_NAME", "role"},
	{"doc_id", "doc_title", "document"},
	{"shared_drive_id", "", "shared drive"},
	{"client_id", "app_name", "application"},
	{"API_CLIENT_NAME", "", "application"},
	{"OAUTH2_APP_ID", "OAUTH2_APP_NAME", "application"},
	{"APP_ID", "APPLICATION_NAME", "application"},
	{"application_name", "", "application"},
	{"DOMAIN_NAME", "", "domain"},
	{"SETTING_NAME", "", "setting"},
	{"DEVICE_ID", "", "device"},
	{"ORG_UNIT_NAME", "", "org unit"},
}

// targets returns what the parameters name.
func (r *record) targets() (targets []event.Target) {
	for _, n := range namings {
		id := r.parameters[n.parameter]
		if id == "" && n.name != "" {
			if name := r.parameters[n.name]; name != "" {
				targets = append(targets, event.Target{Type: n.kind, Name: name})
			}
			continue
		}
		if id == "" {
			continue
		}
		t := event.Target{Type: n.kind, ID: id}
		if n.name != "" {
			t.Name = r.parameters[n.name]
		}
		if n.kind == "document" && r.parameters["doc_type"] != "" {
			t.Type = r.parameters["doc_type"]
		}
		if len(targets) < maxTargets && !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	return targets
}

// shown are the parameters whose values are part of what an event means, by their
// names in lower case.
var shown = []string{
	"login_type", "login_challenge_method", "is_suspicious", "login_failure_type", "initiated_by", "orgunit_path",
	"old_value", "new_value", "setting_name", "org_unit_name", "privilege_name", "application_name", "api_scopes", "scope", "app_name",
	"visibility", "visibility_change", "old_visibility", "owner", "target_domain", "added_role", "removed_role", "email_forwarding_destination_address",
	"caa_access_level_unsatisfied", "caa_application", "caa_device_state", "accessor_location", "product_name", "billable",
}

// details adds how and from what to what: never the values of parameters that are
// not known to be harmless.
func (r *record) details(d *source.Detail, e *event.Event) {
	d.Text("application", r.application)
	d.Text("type", r.kind)
	if role := r.parameters["ROLE_NAME"]; role != "" && (e.Action == "role.grant" || e.Action == "role.revoke") {
		d.Text("granted_role", role)
		if e.Action == "role.grant" && (role == "_SEED_ADMIN_ROLE" || role == "Super Admin") {
			e.Category = event.Privileged
		}
	}
	for _, name := range shown {
		value := r.parameters[name]
		if value == "" {
			value = r.parameters[strings.ToUpper(name)]
		}
		d.Text(name, value)
	}
	d.Text("owner_domain", r.domain)
	d.Text("country", r.country)
	if r.client != e.Actor.ID {
		d.Text("client", r.client)
	}
	d.Text("client_name", r.clientName)
	if r.impersonated == "true" {
		d.Flag("impersonation", true)
	}
	if r.key != e.Actor.ID {
		d.Text("key", r.key)
	}
	for _, name := range []string{"justification", "justifications", "JUSTIFICATIONS"} {
		if e.Why.Reason == "" {
			e.Why.Reason = r.parameters[name]
		}
	}
	e.Why.Ticket = r.parameters["tickets"]
	if e.Why.Ticket == "" {
		e.Why.Ticket = r.parameters["TICKETS"]
	}
}
