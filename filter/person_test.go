package filter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/evident/filter"
	"example.com/evident/proof"
)

func TestPeopleAreExpanded(t *testing.T) {
	clause := func(key, value string) (proof.Expr, error) {
		if value == "nobody" {
			return proof.Expr{}, errors.New("nobody")
		}
		f, err := filter.Parse(fmt.Sprintf("actor.ident:%s OR source:okta/* actor.id:%s", filter.Quote(key), filter.Quote(value)))
		return f.Expr(), err
	}
	f := func(text, want string) {
		t.Helper()
		parsed, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parsed.Expand(clause)
		if err != nil || got.String() != want {
			t.Errorf("%s\nbecomes %s, %v\nwant    %s", text, got, err, want)
		}
		if parsed.NamesPeople() != (text != want) || got.NamesPeople() {
			t.Errorf("%s: NamesPeople is wrong", text)
		}
		if e := got.Expr(); e.Validate() != nil {
			t.Errorf("%s: %v", text, e.Validate())
		}
	}
	f("actor:alice", "actor:alice")
	f("", "")
	f("person:a", "actor.ident:person OR source:okta/* actor.id:a")
	f("outcome:denied -person:a", "outcome:denied -(actor.ident:person OR source:okta/* actor.id:a)")
	f(`person:\* OR b`, `actor.ident:person OR source:okta/* actor.id:\* OR b`)
	f("person.ended:true", `actor.ident:person.ended OR source:okta/* actor.id:\*`)
	f("person.ended:2026-*", `actor.ident:person.ended OR source:okta/* actor.id:2026-\*`)

	parsed, _ := filter.Parse("a person:nobody")
	if _, err := parsed.Expand(clause); err == nil || err.Error() != "nobody" {
		t.Errorf("error %v", err)
	}
	many, err := filter.Parse(strings.Repeat("person:a OR ", 140) + "person:b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = many.Expand(clause); err == nil || !strings.Contains(err.Error(), "people that it asks for take") {
		t.Errorf("error %v", err)
	}
	if e := many.Expr(); e.Validate() == nil {
		t.Error("a tree with people in it is taken for one that can be evaluated")
	}
}

func TestPeopleThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"person:*":                   `found "*", expected one person`,
		"person:al*":                 `found "*"`,
		`person:""`:                  "found nothing",
		"person.ended:yesterday":     "expected * or true",
		"person.ended:2026-03-01T00": "expected * or true",
		"after_end:true":             "did you mean person.ended?",
	} {
		if _, err := filter.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}
