// Package identity says which accounts are one person's. A roster, the trail's
// records of source kind hr.roster, says who there is; links, which somebody
// has recorded in Evident, say what the roster does not; an e-mail address is
// the same person wherever it acts. The events keep the ids that their sources
// gave them: a person is resolved when somebody asks, never written into a
// record.
//
// A [Roster] is folded from events, and a [Book] made of it and the links. Both
// are pure: the same records give the same Book, in whatever order they come.
//
// A question about a person becomes one that needs no Book (Clause): that is
// what is evaluated, what a pack carries, and what its verifiers, who know
// nothing of people, check. docs/identity.md is the page for users.
package identity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/evident/event"
	"example.com/evident/proof"
)

// A Link is what somebody has recorded of an account and a person: that it is
// that person's or, if Off, that it is not, whatever the roster says.
type Link struct {
	Person  string // id on the roster, or e-mail address
	Account string
	Off     bool
}

// A Conflict is something that needs a person to decide it.
type Conflict struct {
	Account string   // that more than one person claims; empty: see What
	People  []string // ids
	What    string   // one sentence
}

// A Book knows people and their accounts at one moment. It is immutable.
type Book struct {
	people    []Person
	claims    map[string][]claim // by Account.keys
	conflicts []Conflict
}

// A claim is that an account is a person's.
type claim struct {
	account Account
	person  int // in people
	expr    proof.Expr
}

// NewBook returns the book of r and links, which are in the order in which they
// were recorded. A link decides over the roster: it takes its account from
// whoever the roster gives it to.
func NewBook(r *Roster, links []Link) *Book {
	b := &Book{people: r.people(), claims: map[string][]claim{}}
	for key, problem := range r.problems {
		_, id, _ := strings.Cut(key, "\x00")
		b.conflicts = append(b.conflicts, Conflict{People: []string{id}, What: "The row of " + id + ": " + problem + "."})
	}
	if r.dropped > 0 {
		b.conflicts = append(b.conflicts, Conflict{What: fmt.Sprintf("%d rows are of people beyond the first %d, and left out.", r.dropped, maxPeople)})
	}
	for _, l := range links {
		b.link(l)
	}
	owners := map[Account][]int{}
	for i := range b.people {
		for _, a := range b.people[i].Accounts {
			owners[a] = append(owners[a], i)
			for _, k := range a.keys() {
				b.claims[k] = append(b.claims[k], claim{a, i, a.expr()})
			}
		}
	}
	for a, people := range owners {
		if len(people) > 1 {
			b.conflicts = append(b.conflicts, b.conflict(a, people))
		}
	}
	slices.SortFunc(b.conflicts, func(x, y Conflict) int { return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.What, y.What)) })
	return b
}

func (b *Book) conflict(a Account, people []int) Conflict {
	c := Conflict{Account: a.String()}
	for _, i := range people {
		c.People = append(c.People, b.people[i].ID)
	}
	c.What = fmt.Sprintf("%s is claimed by %s; link it to one of them.", c.Account, strings.Join(c.People, " and "))
	return c
}

// link puts a link into force.
func (b *Book) link(l Link) {
	a, err := ParseAccount(l.Account)
	if err != nil {
		b.conflicts = append(b.conflicts, Conflict{What: "A link cannot be read: " + err.Error() + "."})
		return
	}
	person := func(i int) bool {
		p := &b.people[i]
		return strings.EqualFold(p.ID, l.Person) || p.Email != "" && strings.EqualFold(p.Email, l.Person)
	}
	found := -1
	for i := range b.people {
		switch {
		case person(i) && found >= 0 && !l.Off:
			b.conflicts = append(b.conflicts, Conflict{Account: a.String(), People: []string{b.people[found].ID, b.people[i].ID},
				What: fmt.Sprintf("The link of %s names %s, which are two people on rosters.", a, l.Person)})
		case person(i):
			found = i
		}
		if l.Off == person(i) {
			b.people[i].Accounts = slices.DeleteFunc(b.people[i].Accounts, func(own Account) bool { return own == a })
		}
	}
	if l.Off {
		return
	}
	if found < 0 { // somebody who is on no roster
		p := Person{ID: l.Person}
		if email := strings.ToLower(l.Person); isEmail(email) {
			p.Email, p.Accounts = email, []Account{{ID: email}}
		}
		b.people = append(b.people, p)
		found = len(b.people) - 1
	}
	if p := &b.people[found]; !slices.Contains(p.Accounts, a) {
		p.Accounts = append(p.Accounts, a)
	}
}

// People returns everybody, by roster and id. It must not be changed.
func (b *Book) People() []Person { return b.people }

// Conflicts returns what needs to be decided.
func (b *Book) Conflicts() []Conflict { return b.conflicts }

// Accounts returns the accounts of a person.
func (b *Book) Accounts(p Person) []Account {
	for i := range b.people {
		if b.people[i].ID == p.ID && b.people[i].Source == p.Source {
			return b.people[i].Accounts
		}
	}
	return p.Accounts
}

// Resolve returns who acted in e. Ok is false if nobody is known to have that
// account, or more than one person claims it: then see Conflicts.
func (b *Book) Resolve(e *event.Event) (p Person, ok bool) {
	found := -1
	fields := fieldsOf(e)
	header := proof.Header{Source: e.Source}
	for _, key := range keysOf(&e.Actor) {
		for _, c := range b.claims[key] {
			if c.person == found || c.expr.Eval(&header, &proof.View{Fields: fields}) != proof.True {
				continue
			}
			if found >= 0 {
				return Person{}, false
			}
			found = c.person
		}
	}
	if found >= 0 {
		return b.people[found], true
	}
	if email := strings.ToLower(e.Actor.Email); isEmail(email) && e.Actor.Type == event.User {
		return Person{ID: email, Email: email, Accounts: []Account{{ID: email}}}, true
	}
	return Person{}, false
}

// keysOf returns what claims on a could be found by.
func keysOf(a *event.Actor) []string {
	var keys []string
	for _, s := range []string{a.ID, a.Email, a.Name} {
		s = strings.ToLower(s)
		keys = append(keys, s)
		for rest, ok := s, true; ok; {
			if _, rest, ok = strings.Cut(rest, ":"); ok {
				keys = append(keys, rest)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(slices.DeleteFunc(keys, func(s string) bool { return s == "" }))
}

// fieldsOf returns the fields of e that accounts are known by.
func fieldsOf(e *event.Event) []proof.Field {
	only := event.Event{Actor: event.Actor{ID: e.Actor.ID, Email: e.Actor.Email, Name: e.Actor.Name, Role: e.Actor.Role}, Where: event.Where{Account: e.Where.Account}}
	fields, err := proof.ParseBody(only.AppendJSON(nil))
	if err != nil {
		return nil
	}
	return fields
}
