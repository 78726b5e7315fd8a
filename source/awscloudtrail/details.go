package awscloudtrail

import (
	"encoding/json"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
	"github.com/go-json-experiment/json/jsontext"
)

// detail writes the object of event.Event.Detail.
type detail []byte

// text adds a member, unless s is empty.
func (d *detail) text(name, s string) {
	if s != "" {
		d.token(name, quote(s))
	}
}

// number adds a member, unless v is no number.
func (d *detail) number(name string, v []byte) {
	if len(v) > 0 && (v[0] == '-' || digit(v[0])) {
		d.token(name, v)
	}
}

// token adds a member whose value is a JSON token already.
func (d *detail) token(name string, v []byte) {
	lead := byte(',')
	if len(*d) == 0 {
		lead = '{'
	}
	*d = append(*d, lead, '"')
	*d = append(*d, name...)
	*d = append(*d, '"', ':')
	*d = append(*d, v...)
}

func (d *detail) object() json.RawMessage {
	if len(*d) == 0 {
		return nil
	}
	return append(json.RawMessage(*d), '}')
}

func quote(s string) []byte {
	b, _ := jsontext.AppendQuote(make([]byte, 0, len(s)+2), s) // what is not UTF-8 was replaced already
	return b
}

// details returns the small parts of a record that give its action a meaning, and
// sets why. Nothing of a response is in it, and of a request only names.
func (r *record) details(e *event.Event) json.RawMessage {
	d := make(detail, 0, 256)
	if r.eventType != "AwsApiCall" {
		d.text("event_type", r.eventType)
	}
	if r.eventCategory != "Management" {
		d.text("event_category", r.eventCategory)
	}
	if r.readOnly == "true" || r.readOnly == "false" {
		d.token("read_only", []byte(r.readOnly))
	}
	id := &r.identity
	if id.accessKey != e.Actor.Session {
		d.text("access_key_id", id.accessKey)
	}
	if id.account != r.account && id.account != "ANONYMOUS_PRINCIPAL" {
		d.text("caller_account", id.account)
	}
	if id.invokedBy != e.Actor.ID {
		d.text("invoked_by", id.invokedBy)
	}
	if id.onBehalfOf != e.Actor.ID {
		d.text("on_behalf_of", id.onBehalfOf)
	}
	d.text("source_identity", id.sourceIdentity)
	if r.console {
		d.token("console", []byte("true"))
	}
	d.text("shared_event_id", r.sharedEventID)
	d.text("vpc_endpoint", r.vpcEndpoint)
	if strings.HasSuffix(r.errorCode, "DryRunOperation") {
		d.token("dry_run", []byte("true"))
	}
	r.requested(&d, e)
	return d.object()
}

// requested adds what was granted, assumed, opened or run.
func (r *record) requested(d *detail, e *event.Event) {
	switch e.Action {
	case "role.assume":
		d.text("role", first(member(r.parameters, "roleArn"), member(r.parameters, "targetPrincipal")))
		d.text("role_session", member(r.parameters, "roleSessionName"))
	case "role.grant", "role.revoke":
		d.text("granted_role", first(member(r.parameters, "permissionSetArn"), member(r.parameters, "roleName")))
		d.text("principal_type", member(r.parameters, "principalType"))
	case "policy.attach", "policy.detach", "boundary.attach":
		d.text("granted_policy", first(member(r.parameters, "policyArn"), member(r.parameters, "managedPolicyArn"),
			member(r.parameters, "permissionsBoundary"), member(r.parameters, "policyName"), member(r.parameters, "policyId")))
	case "group.add_member", "group.remove_member":
		d.text("granted_group", first(member(r.parameters, "groupName"), member(r.parameters, "groupId")))
	case "firewall.allow", "firewall.revoke":
		if cidrs := networks(nil, r.parameters, 0); len(cidrs) > 0 {
			d.token("networks", append(append([]byte{'['}, cidrs...), ']'))
		}
	case "shell.open", "command.run":
		d.text("document", member(r.parameters, "documentName"))
		e.Why.Reason = first(member(r.parameters, "reason"), member(r.parameters, "comment"))
	}
}

// networks appends the address ranges that a request names, wherever they stand.
func networks(b, v []byte, depth int) []byte {
	if depth > 8 || len(b) > 1000 {
		return b
	}
	for name, v := range source.Members(v) {
		switch {
		case (name == "cidrIp" || name == "cidrIpv6") && v[0] == '"':
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = append(b, quote(source.Text(v))...)
		case v[0] == '{', v[0] == '[':
			b = networks(b, v, depth+1)
		}
	}
	for e := range source.Elements(v) {
		b = networks(b, e, depth+1)
	}
	return b
}
