package azureactivity

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// roles names the built-in roles that give power over a scope, by their GUIDs,
// which are the same in every tenant.
var roles = map[string]string{
	"8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
	"b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
	"18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
	"f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
	"00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
	"1c0163c0-47e6-4577-8991-ea5c82e286e4": "Virtual Machine Administrator Login",
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
}

// reader is the role that most assignments give.
const reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"

// fill adds on what something was done, and the small parts of a record that give
// it a meaning: never whole requests or responses.
func (r *record) fill(d *source.Detail, e *event.Event) {
	d.Text("category", r.category)
	if r.level != "Informational" && r.level != "Information" && r.level != "4" {
		d.Text("level", r.level)
	}
	d.Text("result", r.result)
	if e.Action == "role.grant" || e.Action == "role.revoke" || e.Action == "privilege.activate" || e.Action == "privilege.grant" {
		r.assignment(d, e)
	}
	if r.category == "AuditEvent" {
		if t, ok := vaultObject(source.MemberText(r.properties, "id")); ok {
			e.Targets = append(e.Targets, t)
		}
	}
	if r.resourceID != "" {
		t := event.Target{ID: r.resourceID}
		t.Type, t.Name = kindOf(r.resourceID)
		e.Targets = append(e.Targets, t)
	}
	if r.operationID != e.RequestID {
		d.Text("operation_id", r.operationID)
	}
	d.Text("tenant", r.tenantID)
	if r.claims.appID != e.Actor.ID {
		d.Text("app_id", r.claims.appID)
	}
	if r.scope != r.resourceID {
		d.Text("scope", r.scope)
	}
	d.Text("http_method", r.httpMethod)
	if r.evidenceType != "User" && r.evidenceType != "ServicePrincipal" {
		d.Text("role_by_"+strings.ToLower(word(r.evidenceType)), r.evidenceID)
	}
	if r.errorCode != "" && !strings.EqualFold(r.signature, "None") {
		d.Text("signature", r.signature)
	}
}

// vaultObject is what an entry of Key Vault is about, by its address:
// https://shop.vault.azure.net/secrets/db/0a1b.
func vaultObject(address string) (event.Target, bool) {
	_, path, ok := strings.Cut(strings.TrimPrefix(address, "https://"), "/")
	parts := strings.Split(path, "/")
	if !ok || len(parts) < 2 || parts[1] == "" {
		return event.Target{}, false
	}
	return event.Target{Type: "Microsoft.KeyVault/vaults/" + parts[0], ID: address, Name: parts[1]}, true
}

// word keeps s if it is one.
func word(s string) string {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "other"
		}
	}
	if s == "" || len(s) > 32 {
		return "other"
	}
	return s
}

// assignment adds what an assignment of a role gives, and to whom. The request
// tells when one is made, the response when one is taken away.
func (r *record) assignment(d *source.Detail, e *event.Event) {
	for _, body := range [][]byte{r.request, r.response} {
		p := member(body, "properties")
		if p == nil {
			p = body
		}
		id, definition := source.Text(member(p, "principalId")), source.Text(member(p, "roleDefinitionId"))
		if id == "" && definition == "" {
			continue
		}
		if id != "" {
			kind := source.Text(member(p, "principalType"))
			if kind == "" {
				kind = "principal"
			}
			e.Targets = append(e.Targets, event.Target{Type: kind, ID: id})
		}
		role := strings.ToLower(definition[strings.LastIndexByte(definition, '/')+1:])
		name, strong := roles[role]
		if strong && e.Action == "role.grant" {
			e.Category = event.Privileged
		}
		if role == reader {
			name = "Reader"
		}
		d.Text("granted_role", first(name, definition))
		d.Text("granted_scope", source.Text(member(p, "scope")))
		if e.Why.Reason == "" {
			e.Why.Reason = source.Text(member(p, "justification"))
		}
		return
	}
}

// member is a member whose name comes in any case.
func member(object []byte, name string) []byte {
	for n, v := range source.Members(object) {
		if strings.EqualFold(n, name) {
			return v
		}
	}
	return nil
}

// kindOf is the type and the name of a resource, by its id.
func kindOf(id string) (kind, name string) {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	start := -1
	for i, p := range parts {
		if strings.EqualFold(p, "providers") {
			start = i + 1
		}
	}
	if start < 0 || start >= len(parts) {
		switch {
		case len(parts) == 4 && strings.EqualFold(parts[2], "resourceGroups"):
			return "resource group", parts[3]
		case len(parts) == 2 && strings.EqualFold(parts[0], "subscriptions"):
			return "subscription", ""
		}
		return "", ""
	}
	kind = parts[start]
	for i := start + 1; i < len(parts); i += 2 {
		kind += "/" + parts[i]
		if i+1 < len(parts) {
			name = parts[i+1]
		}
	}
	return kind, name
}

// account is the subscription, or what else the record is of.
func (r *record) account() string {
	if r.subscription != "" {
		return r.subscription
	}
	parts := strings.SplitN(strings.Trim(r.resourceID, "/"), "/", 3)
	if len(parts) > 1 && strings.EqualFold(parts[0], "subscriptions") {
		return parts[1]
	}
	return r.tenantID
}
