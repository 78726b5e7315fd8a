package okta

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// debugNames are the members of debugData that are copied, and their names here.
// The bag is open: what is not named here may be a secret.
var debugNames = []struct{ native, name string }{
	{"privilegeGranted", "privilege_granted"},
	{"privilegeRevoked", "privilege_revoked"},
	{"initiationType", "initiation_type"},
	{"factor", "factor"},
	{"factorIntent", "factor_intent"},
	{"authenticationClassRefs", "authentication_class_refs"},
	{"pushWithNumberChallengeResponseType", "push_response"},
	{"pushOnlyResponseType", "push_response_only"},
	{"risk", "risk"},
	{"behaviors", "behaviors"},
	{"threatSuspected", "threat_suspected"},
	{"threatDetections", "threat_detections"},
	{"proxyType", "proxy_type"},
	{"signOnMode", "sign_on_mode"},
	{"grantType", "grant_type"},
	{"requestedScopes", "requested_scopes"},
	{"grantedScopes", "granted_scopes"},
	{"clientAuthType", "client_auth_type"},
	{"changedAttributes", "changed_attributes"},
	{"deviceFingerprint", "device_fingerprint"},
	{"dtHash", "device_token_hash"},
	{"origin", "origin"},
	{"authnRequestId", "authn_request_id"},
	{"errorCode", "error_code"},
	{"loginResult", "login_result"},
	{"targetEventHookIds", "event_hook_ids"},
	{"warningPercent", "warning_percent"},
	{"threshold", "threshold"},
}

// details returns the small parts of a record that give it a meaning. Nothing of
// an open bag is in it but what is named.
func (r *record) details(e *event.Event) json.RawMessage {
	d := make(source.Detail, 0, 512)
	d.Text("display_message", r.display)
	d.Text("severity", r.severity)
	d.Text("legacy_event_type", r.legacy)
	if r.hasActor && e.Actor.Type != event.User {
		d.Text("actor_type", r.who.kind)
	}
	if r.who.alternate != e.Actor.Email && r.who.alternate != e.Actor.Name && r.who.alternate != e.Actor.ID {
		d.Text("actor_login", r.who.alternate)
	}
	d.Text("city", r.city)
	d.Text("state", r.state)
	d.Text("country", r.country)
	d.Text("zone", r.zone)
	d.Text("device", r.device)
	d.Text("client_id", r.clientID)
	d.Texts("ip_chain", r.chain())
	d.Scalar("as_number", source.Member(r.security, "asNumber"))
	d.Text("as_org", source.MemberText(r.security, "asOrg"))
	d.Text("isp", source.MemberText(r.security, "isp"))
	d.Flag("is_proxy", source.MemberText(r.security, "isProxy") == "true")
	d.Text("authentication_provider", known(source.MemberText(r.authentication, "authenticationProvider")))
	d.Text("credential_provider", known(source.MemberText(r.authentication, "credentialProvider")))
	d.Text("credential_type", known(source.MemberText(r.authentication, "credentialType")))
	if root := known(source.MemberText(r.authentication, "rootSessionId")); root != e.Actor.Session {
		d.Text("root_session", root)
	}
	d.Text("transaction_type", known(r.transactionType))
	d.Text("api_token_id", r.apiToken)
	r.debugged(&d)
	r.aboutTargets(&d, e)
	if r.uuid != "" && e.ID == "" {
		d.Text("uuid", r.uuid)
	}
	return d.Object()
}

// debugged adds the named members of debugData in the order of debugNames.
func (r *record) debugged(d *source.Detail) {
	var found [64][]byte
	uri := ""
	for name, v := range source.Members(r.debug) {
		if name == "requestUri" {
			uri = source.Text(v)
		}
		for i := range debugNames {
			if debugNames[i].native == name {
				found[i] = v
			}
		}
	}
	for i := range debugNames {
		if s := known(source.Text(found[i])); s != "" {
			d.Scalar(debugNames[i].name, found[i])
		}
	}
	d.Text("request_uri", harmless(uri))
}

// harmless returns the path of a request, unless it may hold a token: those of
// activation, recovery and session addresses do.
func harmless(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	lower := strings.ToLower(uri)
	for _, word := range []string{"token", "welcome", "reset", "session", "verif", "recover", "activat", "/email", "magic", "unlock"} {
		if i := strings.Index(lower, word); i >= 0 && strings.Contains(lower[i:], "/") {
			return ""
		}
	}
	return uri
}

// chain is the way through proxies, where there was more than one hop.
func (r *record) chain() (ips []string) {
	for hop := range source.Elements(r.ipChain) {
		if len(ips) < 16 {
			ips = append(ips, source.MemberText(hop, "ip"))
		}
	}
	if len(ips) < 2 {
		return nil
	}
	return ips
}

// aboutTargets adds what a target has beyond its id and name: the person's name,
// the decision of a policy, and the names of what was changed.
func (r *record) aboutTargets(d *source.Detail, e *event.Event) {
	var changed []string
	person, policy := "", ""
	for v := range source.Elements(r.target) {
		p := readParty(v)
		if p.kind == "User" && person == "" && len(e.Targets) > 0 && p.display != e.Targets[0].Name {
			person = p.display
		}
		if s := source.MemberText(p.entry, "policyType"); s != "" && policy == "" {
			policy = s
		}
		for name, to := range source.Members(source.Member(p.changes, "to")) {
			if from := source.Member(p.changes, "from", name); len(changed) < maxTargets && !bytes.Equal(from, to) {
				changed = append(changed, name)
			}
		}
	}
	d.Text("target_display_name", person)
	d.Text("policy_type", policy)
	d.Texts("changed", changed)
	if r.leftOut > 0 {
		d.Scalar("targets_left_out", strconv.AppendInt(nil, int64(r.leftOut), 10))
	}
}
