package filter

import (
	"slices"

	"example.com/evident/proof"
)

// This file changes filters for a user interface: a click on a value adds it, a
// click on a clause takes it away. All functions give canonical text, and fail
// with Parse's errors where text, or the clause of key and value, is wrong. A
// key of "" is free text. Values are meant as they are: * is no wildcard there.

// And returns text narrowed to what has value at key. Where text excluded just
// that, at its top level, it no longer does.
func And(text, key, value string) (string, error) {
	return edit(text, key, value, func(clause proof.Expr, _ presence) []proof.Expr {
		return conjuncts(clause)
	})
}

// Remove returns text without the clause, plain or negated, at its top level.
func Remove(text, key, value string) (string, error) {
	return edit(text, key, value, func(proof.Expr, presence) []proof.Expr {
		return nil
	})
}

// Toggle returns text with the clause negated if it was there or missing, and
// plain if it was there negated.
func Toggle(text, key, value string) (string, error) {
	return edit(text, key, value, func(clause proof.Expr, p presence) []proof.Expr {
		if p == excluded {
			return conjuncts(clause)
		}
		return []proof.Expr{negate(clause)}
	})
}

// Set returns text with the clause in place of all plain clauses of the same
// key at its top level, as a choice of time does it. Setting on replaces after
// and before, but each of these leaves the other.
func Set(text, key, value string) (string, error) {
	clause, err := parseClause(key, value)
	if err != nil {
		return "", err
	}
	own := conjuncts(clause)
	sameKey := func(term proof.Expr) bool {
		key, ok := keyOfLeaf(term)
		return ok && slices.ContainsFunc(own, func(c proof.Expr) bool {
			k, _ := keyOfLeaf(c)
			return k.Name == key.Name
		})
	}
	f, err := Parse(text)
	if err != nil {
		return "", err
	}
	terms := slices.DeleteFunc(slices.Clone(conjuncts(f.Expr())), sameKey)
	return checked(append(terms, own...))
}

// A presence says how a clause stands at the top level of a filter.
type presence int

const (
	absent presence = iota
	plain
	excluded
)

// edit replaces the clause of key and value at the top level of text with what
// change gives; where it was missing, that is appended.
func edit(text, key, value string, change func(clause proof.Expr, p presence) []proof.Expr) (string, error) {
	f, err := Parse(text)
	if err != nil {
		return "", err
	}
	clause, err := parseClause(key, value)
	if err != nil {
		return "", err
	}
	terms, p := conjuncts(f.Expr()), absent
	var rest []proof.Expr
	at := len(terms)
	for _, term := range terms {
		isTerm := func(e proof.Expr) bool { return equal(e, term) }
		switch {
		case equal(term, negate(clause)):
			p = excluded
		case slices.ContainsFunc(conjuncts(clause), isTerm):
			p = max(p, plain)
		default:
			rest = append(rest, term)
			continue
		}
		at = min(at, len(rest))
	}
	at = min(at, len(rest))
	return checked(slices.Insert(rest, at, change(clause, p)...))
}

// parseClause makes the clause of key and value, and nothing else of a key that
// is none.
func parseClause(key, value string) (proof.Expr, error) {
	text := Quote(value)
	if key != "" {
		text = key + ":" + text
	}
	l := lexer{text: text}
	t, err := l.next()
	if err == nil && (t.kind != tokenClause || t.key != key || l.at != len(text)) {
		err = bad(0, "found the key %s, expected one word", show(key))
	}
	e := proof.Expr{}
	if err == nil {
		e, err = clause(t)
	}
	if err != nil {
		err.Text = text
		return e, err
	}
	return e, nil
}

// conjuncts returns what must all be true at the top level of e.
func conjuncts(e proof.Expr) []proof.Expr {
	if e.Op == opAll {
		return e.Args
	}
	return []proof.Expr{e}
}

// checked returns the text of all of terms, if it keeps to the limits.
func checked(terms []proof.Expr) (string, error) {
	text := Text(join(opAll, terms))
	_, err := Parse(text)
	return text, err
}
