package identity

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/filter"
	"example.com/evident/proof"
)

// An Unknown is a question about a person that cannot be answered.
type Unknown struct{ What string }

func (e *Unknown) Error() string { return e.What }

// Expand returns f with its clauses about people replaced by clauses about their
// accounts. An error is an *Unknown, or one of package filter's: a filter is not
// larger than its limits, expanded or not.
func (b *Book) Expand(f filter.Filter) (filter.Filter, error) { return f.Expand(b.Clause) }

// Clause returns what stands for person:VALUE and person.ended:VALUE: an
// expression that needs no Book.
func (b *Book) Clause(key, value string) (proof.Expr, error) {
	if key == "person.ended" {
		return b.ended(value)
	}
	p, err := b.Find(value)
	if err != nil {
		return proof.Expr{}, err
	}
	if len(p.Accounts) == 0 {
		return proof.Expr{}, &Unknown{fmt.Sprintf("person: %s is on the roster and has no account and no e-mail address; link one", p.ID)}
	}
	return p.expr(), nil
}

func (p *Person) expr() proof.Expr {
	e := proof.Expr{Op: "any"}
	for _, a := range p.Accounts {
		e.Args = append(e.Args, a.expr())
	}
	return filter.Simplify(e)
}

// Find returns the person that s means: by id on a roster, by e-mail address or
// account, by full name, or by what stands before the @; the first of these by
// which there is anybody. An address that is on no roster is a person of its own.
func (b *Book) Find(s string) (Person, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	account, err := ParseAccount(s)
	for _, means := range []func(p *Person) bool{
		func(p *Person) bool { return strings.EqualFold(p.ID, s) || p.Email == s && s != "" },
		func(p *Person) bool { return err == nil && slices.Contains(p.Accounts, account) },
		func(p *Person) bool { return strings.EqualFold(p.Name, s) && s != "" },
		func(p *Person) bool {
			local, _, ok := strings.Cut(p.Email, "@")
			return ok && local == s || slices.ContainsFunc(p.Accounts, func(a Account) bool { return a.Of != "" && a.ID == s })
		},
	} {
		var found []*Person
		for i := range b.people {
			if means(&b.people[i]) {
				found = append(found, &b.people[i])
			}
		}
		switch {
		case len(found) == 1:
			return *found[0], nil
		case len(found) > 1:
			return Person{}, &Unknown{fmt.Sprintf("person: %.100q means %d people: %s; name one by id or e-mail address", s, len(found), names(found))}
		}
	}
	if isEmail(s) {
		return Person{ID: s, Email: s, Accounts: []Account{{ID: s}}}, nil
	}
	if len(b.people) == 0 {
		return Person{}, &Unknown{fmt.Sprintf("person: nobody is known by %.100q: there is no roster yet (kind %s); an e-mail address can be asked for without", s, KindRoster)}
	}
	return Person{}, &Unknown{fmt.Sprintf("person: nobody is known by %.100q; expected an id on the roster, an e-mail address, a name, or an account such as okta:00u1", s)}
}

// shown is how many people a message names.
const shown = 5

func names(people []*Person) string {
	var all []string
	for _, p := range people[:min(shown, len(people))] {
		all = append(all, strings.TrimSpace(p.ID+" "+p.Email))
	}
	if len(people) > shown {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

// MaxEnded bounds how many people a clause person.ended is about.
const MaxEnded = 1000

// ended returns what was done after their end by those whose last day matches a
// pattern: 2026-03-*.
func (b *Book) ended(pattern string) (proof.Expr, error) {
	if len(b.people) == 0 {
		return proof.Expr{}, &Unknown{"person.ended: there is no roster yet (kind " + KindRoster + "), so nobody's end is known"}
	}
	any := proof.Expr{Op: "any"}
	for i := range b.people {
		p := &b.people[i]
		if p.End.IsZero() || len(p.Accounts) == 0 || !likeDay(pattern, p.LastDay()) {
			continue
		}
		if len(any.Args) == MaxEnded {
			return any, &Unknown{fmt.Sprintf("person.ended: more than %d people have ended on %s; ask for a part of them, such as person.ended:2026-03-*", MaxEnded, pattern)}
		}
		since := proof.Expr{Op: "from", Fields: []string{"/occurred_at"}, Value: string(proof.AppendTime(nil, p.End))}
		any.Args = append(any.Args, allOf(since, p.expr()))
	}
	e := filter.Simplify(any)
	if err := e.Validate(); err != nil {
		return e, &Unknown{fmt.Sprintf("person.ended: %d people have ended on %s, whose accounts are more clauses than the %d that a filter can have; ask for a part of them, such as person.ended:2026-03-*", len(any.Args), pattern, filter.MaxNodes)}
	}
	return e, nil
}

// LastDay returns the day before End, or of it if End is within a day; empty if
// there is no end.
func (p *Person) LastDay() string {
	if p.End.IsZero() {
		return ""
	}
	return p.End.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
}

// likeDay reports whether day is pattern, in which * stands for anything.
func likeDay(pattern, day string) bool {
	e := is("/actor/id", pattern)
	only := event.Event{Actor: event.Actor{ID: day}}
	return e.Eval(&proof.Header{}, &proof.View{Fields: fieldsOf(&only)}) == proof.True
}
