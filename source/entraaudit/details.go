package entraaudit

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
	"github.com/go-json-experiment/json/jsontext"
)

// maxTargets bounds what one event names, and each of its lists.
const maxTargets = 16

// resources adds whom and what an activity was about, users first, and what of
// them changed.
func (r *record) resources(d *source.Detail, e *event.Event) {
	var users, others []event.Target
	var changes, roles []string
	var values [][2]string
	seen := map[string]bool{}
	for resource := range source.Elements(r.targets) {
		t, properties := target(resource)
		switch {
		case t == (event.Target{}), len(users)+len(others) == maxTargets:
		case t.Type == "User":
			users = append(users, t)
		default:
			others = append(others, t)
		}
		if t.Type == "Role" {
			roles = append(roles, t.Name, t.ID)
		}
		for p := range source.Elements(properties) {
			name, value := source.MemberText(p, "displayName"), plain(source.MemberText(p, "newValue"))
			if value == "" {
				value = plain(source.MemberText(p, "oldValue"))
			}
			if name == "" || seen[name] || len(changes) == maxTargets {
				continue
			}
			seen[name] = true
			changes = append(changes, name)
			if key := kept(name); key != "" {
				values = append(values, [2]string{key, value})
			}
			if name == "Role.DisplayName" || name == "Role.TemplateId" {
				roles = append(roles, value)
			}
			if name == "ConditionalAccessPolicy" {
				values = append(values, [2]string{"policy_state", source.MemberText(source.Object(quote(value)), "state")})
			}
		}
	}
	e.Targets = append(users, others...)
	grants := e.Action == "role.grant"
	for _, role := range roles {
		if grants && powerful(role) {
			e.Category = event.Privileged
		}
	}
	if (grants || e.Action == "role.revoke" || strings.HasPrefix(e.Action, "privilege.")) && len(roles) > 0 {
		d.Text("granted_role", roles[0])
	}
	d.Texts("changes", changes)
	for _, v := range values {
		d.Text(v[0], v[1])
	}
}

// kept is the name in detail of a property whose value says what an activity
// meant, and is no secret; "" of all others.
func kept(property string) string {
	switch property {
	case "Group.DisplayName":
		return "granted_group"
	case "AppRole.Value":
		return "app_role"
	case "ServicePrincipal.DisplayName":
		return "service_principal"
	case "DelegatedPermissionGrant.Scope":
		return "scope"
	case "ConsentContext.IsAdminConsent":
		return "admin_consent"
	case "ConsentContext.OnBehalfOfAll":
		return "consent_for_all"
	case "ConsentAction.Permissions":
		return "permissions"
	case "AccountEnabled":
		return "account_enabled"
	}
	return ""
}

// target is a target resource, and its modified properties.
func target(resource []byte) (t event.Target, properties []byte) {
	upn := ""
	for name, v := range source.Members(resource) {
		switch strings.ToLower(name) {
		case "id":
			t.ID = source.Text(v)
		case "displayname":
			t.Name = source.Text(v)
		case "type":
			t.Type = source.Text(v)
		case "userprincipalname":
			upn = source.Text(v)
		case "modifiedproperties":
			properties = source.Array(v)
		}
	}
	if upn != "" {
		t.Name = upn
	}
	return t, properties
}

// plain takes a value of modifiedProperties out of the JSON that it is in:
// "\"x\"" and "[\"x\"]" are x.
func plain(value string) string {
	token := []byte(strings.TrimSpace(value))
	if len(token) == 0 || source.Valid(token) != nil {
		return value
	}
	switch token[0] {
	case '"':
		return source.Text(token)
	case '[':
		only, n := "", 0
		for v := range source.Elements(token) {
			if n++; v[0] != '{' && v[0] != '[' {
				only = source.Text(v)
			} else {
				only = value
			}
		}
		if n == 0 {
			return ""
		}
		if n == 1 {
			return only
		}
	case 'n':
		return ""
	}
	return value
}

func quote(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s)
	return b
}

// additionalDetails reads the pairs that say how and why something was done. None
// of the others is copied: they may hold anything.
func (r *record) additionalDetails(d *source.Detail, e *event.Event) {
	var start, expiration, app string
	for pair := range source.Elements(r.additional) {
		value := source.MemberText(pair, "value")
		switch strings.ToLower(source.MemberText(pair, "key")) {
		case "user-agent":
			e.Where.UserAgent = value
		case "ipaddr", "ipaddress", "client_ip":
			r.ip = value
		case "justification":
			e.Why.Reason = value
		case "ticketnumber":
			e.Why.Ticket = value
		case "starttime":
			start = value
		case "expirationtime":
			expiration = value
		case "appid", "app_id":
			app = value
		}
	}
	d.Text("start", start)
	d.Text("expiration", expiration)
	d.Text("app_id", app)
}
