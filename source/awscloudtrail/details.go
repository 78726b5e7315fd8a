package awscloudtrail

import (
	"encoding/json"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
	"github.com/go-json-experiment/json/jsontext"
)

// number adds a member, unless v is no number.
func number(d *source.Detail, name string, v []byte) {
	if len(v) > 0 && (v[0] == '-' || digit(v[0])) {
		d.Token(name, v)
	}
}

func quote(s string) []byte {
	b, _ := jsontext.AppendQuote(make([]byte, 0, len(s)+2), s) // what is not UTF-8 was replaced already
	return b
}

// details returns the small parts of a record that give its action a meaning, and
// sets why. Nothing of a response is in it, and of a request only names.
func (r *record) details(e *event.Event) json.RawMessage {
	d := make(source.Detail, 0, 256)
	if r.eventType != "AwsApiCall" {
		d.Text("event_type", r.eventType)
	}
	if r.eventCategory != "Management" {
		d.Text("event_category", r.eventCategory)
	}
	if r.readOnly == "true" || r.readOnly == "false" {
		d.Token("read_only", []byte(r.readOnly))
	}
	id := &r.identity
	if id.accessKey != e.Actor.Session {
		d.Text("access_key_id", id.accessKey)
	}
	if id.account != r.account && id.account != "ANONYMOUS_PRINCIPAL" {
		d.Text("caller_account", id.account)
	}
	if id.invokedBy != e.Actor.ID {
		d.Text("invoked_by", id.invokedBy)
	}
	if id.onBehalfOf != e.Actor.ID {
		d.Text("on_behalf_of", id.onBehalfOf)
	}
	d.Text("source_identity", id.sourceIdentity)
	if r.console {
		d.Token("console", []byte("true"))
	}
	d.Text("shared_event_id", r.sharedEventID)
	d.Text("vpc_endpoint", r.vpcEndpoint)
	if strings.HasSuffix(r.errorCode, "DryRunOperation") {
		d.Token("dry_run", []byte("true"))
	}
	r.requested(&d, e)
	return d.Object()
}

// requested adds what was granted, assumed, opened or run.
func (r *record) requested(d *source.Detail, e *event.Event) {
	switch e.Action {
	case "role.assume":
		d.Text("role", first(source.MemberText(r.parameters, "roleArn"), source.MemberText(r.parameters, "targetPrincipal")))
		d.Text("role_session", source.MemberText(r.parameters, "roleSessionName"))
	case "role.grant", "role.revoke":
		d.Text("granted_role", first(source.MemberText(r.parameters, "permissionSetArn"), source.MemberText(r.parameters, "roleName")))
		d.Text("principal_type", source.MemberText(r.parameters, "principalType"))
	case "policy.attach", "policy.detach", "boundary.attach":
		d.Text("granted_policy", first(source.MemberText(r.parameters, "policyArn"), source.MemberText(r.parameters, "managedPolicyArn"),
			source.MemberText(r.parameters, "permissionsBoundary"), source.MemberText(r.parameters, "policyName"), source.MemberText(r.parameters, "policyId")))
	case "group.add_member", "group.remove_member":
		d.Text("granted_group", first(source.MemberText(r.parameters, "groupName"), source.MemberText(r.parameters, "groupId")))
	case "firewall.allow", "firewall.revoke":
		if cidrs := networks(nil, r.parameters, 0); len(cidrs) > 0 {
			d.Token("networks", append(append([]byte{'['}, cidrs...), ']'))
		}
	case "shell.open", "command.run":
		d.Text("document", source.MemberText(r.parameters, "documentName"))
		e.Why.Reason = first(source.MemberText(r.parameters, "reason"), source.MemberText(r.parameters, "comment"))
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
