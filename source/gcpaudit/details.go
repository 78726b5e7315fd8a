package gcpaudit

import (
	"slices"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxTargets bounds what one event names, and each of its lists.
const maxTargets = 16

// fill adds what was done and on what, and the small parts of an entry that give
// it a meaning: never requests or responses as a whole.
func (r *record) fill(d *source.Detail, e *event.Event) {
	d.Text("service", r.service)
	d.Text("log", r.log())
	switch {
	case setsPolicy(r.method):
		r.setPolicy(d, e)
	case r.service == "k8s.io":
		r.kubernetes(d, e)
	default:
		a := r.lookup()
		e.Action, e.Category = a.Action, a.Category
		if a.Action == "app.access" && r.resource.kind == "gce_instance" { // a tunnel
			e.Action, e.Category = "shell.open", event.Privileged
		}
		r.login(d, e)
	}
	if r.resource.account != "" {
		target(e, event.Target{Type: "service_account", ID: r.resource.account})
	}
	if r.service != "k8s.io" && r.resourceName != "" {
		target(e, event.Target{Type: r.resource.kind, ID: r.resourceName})
	}
	c := &r.caller
	d.Texts("delegation", c.chain())
	if c.email != "" && c.subject != "" && name(c.subject) != c.email && c.subject != c.email {
		d.Text("subject", c.subject)
	}
	d.Text("authority", c.authority)
	d.Text("service_account_key", c.key)
	if r.operation.first != r.operation.last {
		d.Text("operation", map[bool]string{true: "first", false: "last"}[r.operation.first])
	}
	d.Texts("permissions", r.permissions())
	d.Text("network", r.network)
	d.Texts("violations", r.violations())
	d.Text("violation_reason", source.MemberText(r.metadata, "violationReason"))
	if r.severity == "ERROR" || r.severity == "CRITICAL" || r.severity == "ALERT" {
		d.Text("severity", r.severity)
	}
}

func target(e *event.Event, t event.Target) {
	if t.ID != "" && len(e.Targets) < maxTargets && !slices.Contains(e.Targets, t) {
		e.Targets = append(e.Targets, t)
	}
}

// permissions lists what a call asked for; those that were refused with a minus.
func (r *record) permissions() (names []string) {
	for a := range source.Elements(r.authorization) {
		name := source.MemberText(a, "permission")
		if name == "" || len(names) == maxTargets {
			continue
		}
		if string(source.Member(a, "granted")) == "false" {
			name = "-" + name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// violations lists the constraints of the organisation's policy that a call broke.
func (r *record) violations() (names []string) {
	for v := range source.Elements(source.Member(r.policy, "orgPolicyViolationInfo", "violationInfo")) {
		if len(names) < maxTargets {
			names = append(names, source.MemberText(v, "constraint"))
		}
	}
	return names
}

// setPolicy tells by the deltas what setting an IAM policy meant. Where there are
// none, the new policy says which roles are in it, but not which are new.
func (r *record) setPolicy(d *source.Detail, e *event.Event) {
	e.Action, e.Category = "policy.update", event.Access
	var granted, revoked []string
	public := false
	for delta := range source.Elements(source.Member(r.delta, "bindingDeltas")) {
		role, member := source.MemberText(delta, "role"), source.MemberText(delta, "member")
		switch source.MemberText(delta, "action") {
		case "ADD":
			granted = add(granted, role)
			if powerful(role) {
				e.Category = event.Privileged
			}
			public = public || everybody(member)
		case "REMOVE":
			revoked = add(revoked, role)
		}
		target(e, memberTarget(member))
	}
	switch {
	case granted != nil && revoked == nil:
		e.Action = "role.grant"
	case granted == nil && revoked != nil:
		e.Action = "role.revoke"
	case granted == nil:
		r.wholePolicy(d)
	}
	d.Text("granted_role", strings.Join(granted, ","))
	d.Text("revoked_role", strings.Join(revoked, ","))
	d.Flag("public", public)
	for range source.Elements(source.Member(r.delta, "auditConfigDeltas")) {
		d.Flag("audit_config_changed", true)
		break
	}
}

// wholePolicy adds the roles of a policy that came without deltas.
func (r *record) wholePolicy(d *source.Detail) {
	var roles []string
	public := false
	for b := range source.Elements(source.Member(r.request, "policy", "bindings")) {
		roles = add(roles, source.MemberText(b, "role"))
		for m := range source.Elements(source.Member(b, "members")) {
			public = public || everybody(source.Text(m))
		}
	}
	d.Texts("policy_roles", roles)
	d.Flag("public", public)
}

func add(names []string, name string) []string {
	if name != "" && len(names) < maxTargets && !slices.Contains(names, name) {
		names = append(names, name)
	}
	return names
}

// memberTarget is whom a binding names: user:bo@example.com.
func memberTarget(member string) event.Target {
	kind, id, ok := strings.Cut(member, ":")
	if !ok || strings.HasPrefix(id, "//") {
		return event.Target{Type: "member", ID: member}
	}
	return event.Target{Type: kind, ID: id}
}

func everybody(member string) bool { return member == "allUsers" || member == "allAuthenticatedUsers" }

// powerful reports whether a role gives power beyond everyday work.
func powerful(role string) bool {
	switch role {
	case "roles/owner", "roles/editor", "roles/iam.serviceAccountUser", "roles/iam.serviceAccountTokenCreator", "roles/iam.workloadIdentityUser":
		return true
	}
	return strings.HasPrefix(role, "roles/") && strings.Contains(strings.ToLower(role), "admin")
}

// login adds whom Workspace's own entries are about, and how somebody signed in.
func (r *record) login(d *source.Detail, e *event.Event) {
	if r.service != "login.googleapis.com" && r.service != "admin.googleapis.com" {
		return
	}
	for ev := range source.Elements(source.Member(r.metadata, "event")) {
		d.Text("event_name", source.MemberText(ev, "eventName"))
		for p := range source.Elements(source.Member(ev, "parameter")) {
			name, value := source.MemberText(p, "name"), source.MemberText(p, "value")
			switch name {
			case "USER_EMAIL", "affected_email_address":
				target(e, event.Target{Type: "user", ID: value})
			case "GROUP_EMAIL":
				target(e, event.Target{Type: "group", ID: value})
			case "ROLE_NAME":
				d.Text("granted_role", value)
				if e.Action == "role.grant" && (value == "_SEED_ADMIN_ROLE" || value == "Super Admin") {
					e.Category = event.Privileged
				}
			case "login_type", "login_challenge_method":
				d.Text(name, value)
			case "login_failure_type":
				if e.OutcomeReason == "" {
					e.OutcomeReason = value
				}
			}
		}
		break
	}
}
