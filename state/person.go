package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/evident/identity"
)

// Acts on whose an account is.
const (
	ActionPersonLink   = "person.link"
	ActionPersonUnlink = "person.unlink"
)

// maxLinks bounds what a State holds.
const maxLinks = 10_000

// maxPersonBytes bounds an id on a roster, and maxReasonBytes why somebody
// decided so.
const (
	maxPersonBytes = 320
	maxReasonBytes = 1 << 10
)

// PersonLinked is the detail of person.link and person.unlink: that an account
// is a person's, or is not, whatever the roster says.
type PersonLinked struct {
	Person  string `json:"person"`  // id on a roster, or e-mail address
	Account string `json:"account"` // as identity.ParseAccount reads it
	Reason  string `json:"reason,omitempty"`
}

// Links returns what is in force of whose accounts are, in the order in which
// it was recorded. It must not be changed.
func (s State) Links() []identity.Link { return s.links }

// check refuses what names nobody or nothing, and returns the link.
func (d *PersonLinked) check() (identity.Link, error) {
	person := strings.TrimSpace(d.Person)
	if person == "" || len(person) > maxPersonBytes {
		return identity.Link{}, fmt.Errorf("person: found %d bytes; expected an id on a roster or an e-mail address of 1 to %d", len(person), maxPersonBytes)
	}
	if len(d.Reason) > maxReasonBytes {
		return identity.Link{}, fmt.Errorf("reason: found %d bytes; expected %d at most", len(d.Reason), maxReasonBytes)
	}
	a, err := identity.ParseAccount(d.Account)
	return identity.Link{Person: person, Account: a.String()}, err
}

// linkPerson puts a link into force. An account has one link at most: whoever
// gives it to somebody else takes it from the first one in so many words.
func (s *State) linkPerson(r Record) error {
	l, err := s.link(r)
	if err != nil {
		return err
	}
	for _, other := range s.links {
		switch {
		case other.Account != l.Account || other.Off:
		case strings.EqualFold(other.Person, l.Person):
			return fmt.Errorf("account: %s is linked to %s already", l.Account, l.Person)
		default:
			return fmt.Errorf("account: %s is linked to %s; unlink it first", l.Account, other.Person)
		}
	}
	return s.putLink(l)
}

// unlinkPerson takes an account from a person, also from one to whom only a
// roster gives it.
func (s *State) unlinkPerson(r Record) error {
	l, err := s.link(r)
	if err != nil {
		return err
	}
	l.Off = true
	if slices.ContainsFunc(s.links, func(other identity.Link) bool {
		return other.Off && other.Account == l.Account && strings.EqualFold(other.Person, l.Person)
	}) {
		return fmt.Errorf("account: %s is unlinked from %s already", l.Account, l.Person)
	}
	return s.putLink(l)
}

func (s *State) link(r Record) (identity.Link, error) {
	var d PersonLinked
	if err := unmarshal(r.Detail, &d); err != nil {
		return identity.Link{}, err
	}
	return d.check()
}

// putLink adds l in place of what was said of the same person and account.
func (s *State) putLink(l identity.Link) error {
	links := slices.DeleteFunc(slices.Clone(s.links), func(other identity.Link) bool {
		return other.Account == l.Account && strings.EqualFold(other.Person, l.Person)
	})
	if len(links) >= maxLinks {
		return errors.New("account: there are as many links as there can be; put accounts into the roster")
	}
	s.links = append(links, l)
	return nil
}
