package azureactivity

import (
	"strings"

	"example.com/evident/event"
)

// actor follows the rules of the package comment.
func (r *record) actor() event.Actor {
	c := &r.claims
	a := event.Actor{Name: c.name, Role: r.role, Session: c.session, MFA: c.mfa()}
	principal := r.evidenceType == "User" || r.evidenceType == "ServicePrincipal"
	for _, s := range []string{r.caller, c.upn, c.email, c.name} {
		if a.Email == "" && event.ValidEmail(s) {
			a.Email = s
		}
	}
	a.ID = first(c.objectID, c.appID, r.caller, c.upn)
	if a.ID == "" && principal {
		a.ID = r.evidenceID
	}
	a.ID = first(a.ID, c.email, c.name)
	if a.Name == "" && a.ID != r.caller {
		a.Name = r.caller
	}
	switch {
	case a.ID == "":
		return r.unnamed()
	case c.idType == "user", a.Email != "" && c.idType != "app", c.upn != "" && c.idType != "app":
		a.Type = event.User
	case c.appID != "", c.idType == "app", c.objectID != "":
		a.Type = event.Service
	case r.evidenceType == "User":
		a.Type = event.User
	case principal, guid(a.ID):
		a.Type = event.Service
	default: // Microsoft.Advisor
		a.Type = event.ActorSystem
	}
	return a
}

// unnamed is the actor of a record that names none.
func (r *record) unnamed() event.Actor {
	if r.category == "" || strings.EqualFold(r.category, "Administrative") || r.callerIP != "" {
		return event.Actor{Type: event.ActorSystem, ID: "unknown", Role: r.role}
	}
	return event.Actor{Type: event.ActorSystem, ID: first(r.provider, provider(r.operation), "azure")}
}

// mfa is nil where the token does not tell.
func (c *claims) mfa() *bool {
	methods := strings.FieldsFunc(strings.ToLower(c.methods), func(r rune) bool { return strings.ContainsRune(` ,[]"`, r) })
	yes := false
	for _, m := range methods {
		yes = yes || m == "mfa" || m == "ngcmfa"
	}
	if yes || len(methods) == 1 && (methods[0] == "pwd" || methods[0] == "password") {
		return &yes
	}
	return nil
}

func guid(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

func first(values ...string) string {
	for _, s := range values {
		if s != "" {
			return s
		}
	}
	return ""
}
