package log

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// actions holds the names that programs commonly give to what controls ask about,
// in lower case.
var actions = map[string]source.Action{
	"login":              {Action: "session.start", Category: event.Authentication},
	"log-in":             {Action: "session.start", Category: event.Authentication},
	"logged-in":          {Action: "session.start", Category: event.Authentication},
	"logged_in":          {Action: "session.start", Category: event.Authentication},
	"signin":             {Action: "session.start", Category: event.Authentication},
	"sign_in":            {Action: "session.start", Category: event.Authentication},
	"user.login":         {Action: "session.start", Category: event.Authentication},
	"user_login":         {Action: "session.start", Category: event.Authentication},
	"user.signin":        {Action: "session.start", Category: event.Authentication},
	"session.start":      {Action: "session.start", Category: event.Authentication},
	"session.created":    {Action: "session.start", Category: event.Authentication},
	"logout":             {Action: "session.end", Category: event.Authentication},
	"logged-out":         {Action: "session.end", Category: event.Authentication},
	"user.logout":        {Action: "session.end", Category: event.Authentication},
	"user_logout":        {Action: "session.end", Category: event.Authentication},
	"session.end":        {Action: "session.end", Category: event.Authentication},
	"session.ended":      {Action: "session.end", Category: event.Authentication},
	"user.create":        {Action: "user.create", Category: event.Account},
	"user.created":       {Action: "user.create", Category: event.Account},
	"user_created":       {Action: "user.create", Category: event.Account},
	"added-user-account": {Action: "user.create", Category: event.Account},
	"user.update":        {Action: "user.update", Category: event.Account},
	"user.updated":       {Action: "user.update", Category: event.Account},
	"user_updated":       {Action: "user.update", Category: event.Account},
	"user.delete":        {Action: "user.delete", Category: event.Account},
	"user.deleted":       {Action: "user.delete", Category: event.Account},
	"user_deleted":       {Action: "user.delete", Category: event.Account},
	"user.disabled":      {Action: "user.deactivate", Category: event.Account},
	"user.enabled":       {Action: "user.activate", Category: event.Account},
	"password.change":    {Action: "password.change", Category: event.Account},
	"password.changed":   {Action: "password.change", Category: event.Account},
	"password_changed":   {Action: "password.change", Category: event.Account},
	"password.reset":     {Action: "password.reset", Category: event.Account},
	"role.grant":         {Action: "role.grant", Category: event.Access},
	"role.granted":       {Action: "role.grant", Category: event.Access},
	"role.revoke":        {Action: "role.revoke", Category: event.Access},
	"role.revoked":       {Action: "role.revoke", Category: event.Access},
	"permission.grant":   {Action: "permission.grant", Category: event.Access},
	"permission.revoke":  {Action: "permission.revoke", Category: event.Access},
	"key.create":         {Action: "key.create", Category: event.Account},
	"key.delete":         {Action: "key.delete", Category: event.Account},
	"mfa.enable":         {Action: "mfa.enable", Category: event.Account},
	"mfa.disable":        {Action: "mfa.disable", Category: event.Account},
}

// ecs is what event.category of the Elastic Common Schema means here.
var ecs = map[string]event.Category{
	"authentication": event.Authentication, "session": event.Authentication,
	"iam":           event.Account,
	"configuration": event.Config,
	"database":      event.Data, "file": event.Data,
	"network": event.Network,
	"package": event.Change,
}

const (
	maxNameBytes = 64
	maxWords     = 4
)

// action names what was done, if a field does so in a name and not a sentence.
func (f fields) action() (native, action string, category event.Category) {
	category = event.System
	if c, ok := ecs[strings.ToLower(f["event.category"])]; ok {
		category = c
	}
	for _, name := range []string{"event.action", "action", "event.name", "eventname", "event_name", "event_type", "eventtype", "operation", "event"} {
		native = f[name]
		if a, ok := actions[strings.ToLower(native)]; ok {
			return native, a.Action, a.Category
		}
		if action = named(native); action != "" {
			return native, action, category
		}
	}
	return f.first("program", "service.name"), "log.line", category
}

// named makes an action of a native name; empty if it is none.
func named(native string) string {
	if native == "" || len(native) > maxNameBytes-len("log.") {
		return ""
	}
	letters := false
	b := []byte(native)
	for i, c := range b {
		switch {
		case 'A' <= c && c <= 'Z':
			b[i], letters = c|0x20, true
		case 'a' <= c && c <= 'z':
			letters = true
		case '0' <= c && c <= '9', c == '_':
		case c == '-':
			b[i] = '_'
		case c == '.', c == ':', c == '/':
			b[i] = '.'
		default:
			return ""
		}
	}
	if !letters {
		return ""
	}
	words := strings.FieldsFunc(string(b), func(r rune) bool { return r == '.' })
	if len(words) > maxWords {
		words = append(words[:maxWords-1], strings.Join(words[maxWords-1:], "_"))
	}
	if len(words) == 1 {
		words = []string{"log", words[0]}
	}
	return strings.Join(words, ".")
}
