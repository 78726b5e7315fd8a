package filter

import (
	"slices"
	"strings"

	"example.com/evident/proof"
)

// The keys person and person.ended ask for what is not in a record: who is
// behind an account. Parse gives them leaves of a field that no record has, and
// no tree of docs/format.md either, so that none of them is evaluated, or leaves
// in a pack, before Expand has put something in their place.
const (
	keyPerson = "person"
	keyEnded  = "person.ended"
)

// NamesPeople reports whether f has clauses that Expand replaces.
func (f Filter) NamesPeople() bool {
	for leaf := range leaves(f.Expr()) {
		if isPerson(leaf) {
			return true
		}
	}
	return false
}

func isPerson(leaf proof.Expr) bool {
	return len(leaf.Fields) == 1 && (leaf.Fields[0] == keyPerson || leaf.Fields[0] == keyEnded)
}

// Expand returns f with every clause about people replaced by what clause gives
// for its key and value, which is then held against the limits of the tree. Of
// the canonical text only that of f is bounded.
func (f Filter) Expand(clause func(key, value string) (proof.Expr, error)) (Filter, error) {
	e, err := expand(f.Expr(), clause)
	if err != nil {
		return Filter{}, err
	}
	e = Simplify(e)
	if n := count(e); n > MaxNodes {
		err := bad(0, "the people that it asks for take %d clauses and operators, expected %d at most", n, MaxNodes)
		err.Text = f.String()
		return Filter{}, err
	}
	if depth(e) > MaxDepth {
		err := bad(0, "found parentheses too deep in one another, with those of the people that it asks for; expected %d levels at most", MaxDepth)
		err.Text = f.String()
		return Filter{}, err
	}
	return Filter{e}, nil
}

func expand(e proof.Expr, clause func(key, value string) (proof.Expr, error)) (proof.Expr, error) {
	if isLeaf(e) {
		if !isPerson(e) {
			return e, nil
		}
		value, _, ok := literal(e.Value)
		if !ok {
			value = e.Value
		}
		return clause(e.Fields[0], value)
	}
	args := slices.Clone(e.Args)
	for i := range args {
		var err error
		if args[i], err = expand(args[i], clause); err != nil {
			return e, err
		}
	}
	return proof.Expr{Op: e.Op, Args: args}, nil
}

func parsePerson(k Key, p string) (proof.Expr, *SyntaxError) {
	if _, at, ok := literal(p); !ok {
		return proof.Expr{}, bad(at, `found "*", expected one person: an id on the roster, an e-mail address, a name, or an account such as okta:00u1`)
	}
	if strings.TrimSpace(p) == "" {
		return proof.Expr{}, bad(0, "found nothing, expected a person: an id on the roster, an e-mail address, a name, or an account such as okta:00u1")
	}
	return parseIs(k, p)
}

// parseEnded takes a pattern of dates; true is any.
func parseEnded(k Key, p string) (proof.Expr, *SyntaxError) {
	if strings.EqualFold(p, "true") {
		p = "*"
	}
	if p == "" || len(p) > len("2026-03-01") || strings.Trim(p, "0123456789-*") != "" {
		return proof.Expr{}, bad(0, "found %s, expected * or true for everybody whose end date is past, or their last day, such as 2026-03-31 or 2026-03-*", show(p))
	}
	return parseIs(k, p)
}
