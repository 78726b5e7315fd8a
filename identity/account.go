package identity

import (
	"fmt"
	"slices"
	"strings"

	"example.com/evident/event"
	"example.com/evident/proof"
)

// An Account is what somebody is known by in some systems: an e-mail address in
// all of them, or an id, login or ARN in those of a kind.
type Account struct {
	// Of is the kind of source (okta), a family of kinds (aws) or one source
	// (linux/web-1); empty for an e-mail address and an ARN, which mean the same
	// everywhere.
	Of string
	ID string // in small letters, since no filter tells capitals
}

// MaxAccountBytes bounds an account as it is written.
const MaxAccountBytes = 512

// ParseAccount reads an account as rosters and links have it: okta:00u1,
// github:alice, linux/web-1:alice, an ARN, or an e-mail address, with or without
// the name of a system before it.
func ParseAccount(s string) (Account, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" || len(s) > MaxAccountBytes {
		return Account{}, fmt.Errorf("account: found %d bytes; expected 1 to %d", len(s), MaxAccountBytes)
	}
	if strings.HasPrefix(s, "arn:") {
		return Account{ID: s}, nil
	}
	of, id, ok := strings.Cut(s, ":")
	if !ok {
		of, id = "", s
	}
	if isEmail(id) {
		return Account{ID: id}, nil
	}
	if !ok || id == "" || !isSystem(of) {
		return Account{}, fmt.Errorf("account: found %.100q; expected a system and an id such as okta:00u1 or linux/web-1:alice, an ARN or an e-mail address", s)
	}
	return Account{of, id}, nil
}

func isEmail(s string) bool {
	return event.ValidEmail(s) && !strings.ContainsAny(s, `/:\*"`)
}

// isSystem reports whether s is a kind or the name of a source.
func isSystem(s string) bool {
	kind, name, ok := strings.Cut(s, "/")
	return event.ValidSource(kind+"/x") == nil && (!ok || event.ValidSource(kind+"/"+name) == nil)
}

// String returns the account as ParseAccount reads it.
func (a Account) String() string {
	if a.Of == "" {
		return a.ID
	}
	return a.Of + ":" + a.ID
}

// families are the systems that several kinds of source tell of.
var families = map[string]string{
	"aws": "aws.*/*", "azure": "azure.*/*", "entra": "entra.*/*", "gcp": "gcp.*/*", "google": "google.*/*", "k8s": "kubernetes.*/*", "kubernetes": "kubernetes.*/*",
}

// logins are the systems in which an actor's name is the login, which nobody
// chooses freely; in all others a name is only for show, and no account.
var logins = []string{"github", "gitlab", "linux", "postgres", "kubernetes", "k8s", "kubernetes.audit"}

// expr returns the filter of what a does: by clauses that need no knowledge of
// people, so that everybody can evaluate it. Package filter prints each of them
// as a clause that it can read.
func (a Account) expr() proof.Expr {
	switch {
	case strings.HasPrefix(a.ID, "arn:"):
		return a.arnExpr()
	case a.Of == "":
		// Some systems put the name of the sign-in before it: oidc:alice@example.com.
		return anyOf(ident(escape(a.ID)), ident("*:"+escape(a.ID)))
	case a.Of == "aws" || strings.HasPrefix(a.Of, "aws."):
		// The session of a role can be called anything by who assumes it, but for
		// those that Identity Center makes.
		return allOf(source(a.sources()), who(escape(a.ID)), anyOf(not(role("*")), role("*AWSReservedSSO_*")))
	}
	kind, _, _ := strings.Cut(a.Of, "/")
	if slices.Contains(logins, kind) {
		return allOf(source(a.sources()), who(escape(a.ID)))
	}
	return allOf(source(a.sources()), is("/actor/id", escape(a.ID)))
}

// arnExpr finds who has an ARN as id, and in AWS's own events the user or the
// session of the role that it names.
func (a Account) arnExpr() proof.Expr {
	same := ident(escape(a.ID))
	parts := strings.SplitN(a.ID, ":", 6)
	if len(parts) < 6 {
		return same
	}
	aws := source(families["aws"])
	path := strings.Split(parts[5], "/")
	last := escape(path[len(path)-1])
	switch {
	case path[0] == "user" && len(path) > 1:
		return anyOf(same, allOf(aws, is("/where/account", escape(parts[4])), is("/actor/name", last), not(role("*"))))
	case path[0] == "assumed-role" && len(path) > 2:
		arn := "arn:" + escape(parts[1]) + ":iam::" + escape(parts[4]) + ":role*/" + escape(path[len(path)-2])
		return anyOf(same, allOf(aws, role(arn), is("/actor/name", last)))
	}
	return same
}

// keys are what an actor's id, e-mail address or name, in small letters, can be
// for expr to match.
func (a Account) keys() []string {
	if strings.HasPrefix(a.ID, "arn:") {
		return []string{a.ID, a.ID[strings.LastIndexByte(a.ID, '/')+1:]}
	}
	return []string{a.ID}
}

// sources returns the pattern of the sources that a is in.
func (a Account) sources() string {
	if pattern, ok := families[a.Of]; ok {
		return pattern
	}
	if strings.Contains(a.Of, "/") {
		return a.Of
	}
	return a.Of + "/*"
}

func is(field, pattern string) proof.Expr {
	return proof.Expr{Op: "is", Fields: []string{field}, Value: pattern}
}

func source(pattern string) proof.Expr { return is("source", pattern) }
func role(pattern string) proof.Expr   { return is("/actor/role", pattern) }

// ident and who have the fields of the keys actor.ident and actor.
func ident(pattern string) proof.Expr {
	return proof.Expr{Op: "is", Fields: []string{"/actor/id", "/actor/email"}, Value: pattern}
}

func who(pattern string) proof.Expr {
	return proof.Expr{Op: "is", Fields: []string{"/actor/id", "/actor/email", "/actor/name"}, Value: pattern}
}

func allOf(args ...proof.Expr) proof.Expr { return proof.Expr{Op: "all", Args: args} }
func anyOf(args ...proof.Expr) proof.Expr { return proof.Expr{Op: "any", Args: args} }
func not(e proof.Expr) proof.Expr         { return proof.Expr{Op: "not", Args: []proof.Expr{e}} }

// escape returns the pattern that matches s alone.
func escape(s string) string { return strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(s) }
