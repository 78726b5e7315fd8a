package state_test

import (
	"reflect"
	"strings"
	"testing"

	"example.com/evident/identity"
	"example.com/evident/state"
)

func TestLinks(t *testing.T) {
	s, seq := state.State{}, uint64(0)
	act := func(action, person, account, want string) {
		t.Helper()
		before := s
		next, err := state.Apply(s, record(t, seq, action, state.PersonLinked{Person: person, Account: account, Reason: "asked him"}))
		seq++
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s %s %s: error %v, want %q", action, person, account, err, want)
		case err != nil && !reflect.DeepEqual(next, before):
			t.Errorf("%s %s %s: the state changed", action, person, account)
		}
		if err == nil {
			s = next
		}
	}
	link, unlink := state.ActionPersonLink, state.ActionPersonUnlink
	act(link, "E-1", "okta:00u1", "")
	first := s
	act(link, "e-1", "OKTA:00U1", "is linked to e-1 already")
	act(link, "E-2", "okta:00u1", "is linked to E-1; unlink it first")
	act(link, "E-2", "github:bo", "")
	act(unlink, "E-1", "okta:00u1", "")
	act(unlink, "E-1", "okta:00u1", "is unlinked from E-1 already")
	act(link, "E-2", "okta:00u1", "")
	act(link, "", "okta:1", "person: found 0 bytes")
	act(link, "E-1", "okta", "account: found \"okta\"")
	act(link, strings.Repeat("x", 400), "okta:1", "person: found 400 bytes")
	want := []identity.Link{{Person: "E-2", Account: "github:bo"}, {Person: "E-1", Account: "okta:00u1", Off: true}, {Person: "E-2", Account: "okta:00u1"}}
	if !reflect.DeepEqual(s.Links(), want) {
		t.Errorf("links %+v", s.Links())
	}
	if len(first.Links()) != 1 || first.Links()[0].Off {
		t.Errorf("an older state changed: %+v", first.Links())
	}
}
