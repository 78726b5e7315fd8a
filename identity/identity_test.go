package identity_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/filter"
	"example.com/evident/identity"
	"example.com/evident/proof"
)

var t0 = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// row is an event of a roster; detail is JSON.
func row(at time.Time, id, name, detail string) *event.Event {
	return &event.Event{
		Source: "hr.roster/people", OccurredAt: at, Action: "person.record", Outcome: event.Success,
		Targets: []event.Target{{Type: "person", ID: id, Name: name}}, Detail: json.RawMessage(detail),
	}
}

func roster(rows ...*event.Event) *identity.Roster {
	r := &identity.Roster{}
	for _, e := range rows {
		r.Apply(e)
	}
	return r
}

var people = roster(
	row(t0, "E-1", "Alice Smith", `{"email":"Alice@example.com","start":"2024-01-01","accounts":["okta:00uALICE","github:Alice","arn:aws:iam::111122223333:user/eng/alice","arn:aws:sts::111122223333:assumed-role/deploy/alice"]}`),
	row(t0, "E-2", "Bo Berg", `{"email":"bo@example.com","end":"2026-03-31","accounts":["okta:00uBO","aws:bo"]}`),
	row(t0, "E-3", "Cy", `{"email":"cy@example.com","end":"2026-02-15T17:00:00+01:00","status":"terminated","accounts":["linux/web-1:cy"]}`),
	row(t0, "E-4", "Dee Dee", `{"status":"active"}`),
	row(t0, "E-5", "Alice Jones", `{"email":"alice@other.example","accounts":["oidc:ali@other.example"]}`),
)

// actor is an event by an actor of a source.
func actor(source string, a event.Actor, account string) *event.Event {
	if a.Type == "" {
		a.Type = event.User
	}
	return &event.Event{Source: source, Actor: a, Where: event.Where{Account: account}}
}

func TestAPersonIsOnePerson(t *testing.T) {
	b := identity.NewBook(people, []identity.Link{
		{Person: "e-4", Account: "okta:00uDEE"},
		{Person: "E-2", Account: "aws:bo", Off: true},
		{Person: "cy@example.com", Account: "k8s:cy-admin"},
		{Person: "guest@example.com", Account: "github:guest-1"},
	})
	f := func(e *event.Event, want string) {
		t.Helper()
		p, ok := b.Resolve(e)
		if p.ID != want || ok != (want != "") {
			t.Errorf("%s %+v is %q, want %q", e.Source, e.Actor, p.ID, want)
		}
	}
	type a = event.Actor
	f(actor("okta/acme", a{ID: "00ualice"}, ""), "E-1")
	f(actor("okta/other", a{ID: "00uALICE", Email: "x@example.com"}, ""), "E-1")
	f(actor("app/okta", a{ID: "00uALICE"}, ""), "")
	f(actor("okta/acme", a{ID: "00uX", Name: "00uALICE"}, ""), "") // anybody may be called that
	f(actor("gcp.audit/prod", a{ID: "ALICE@example.com"}, ""), "E-1")
	f(actor("slack/x", a{ID: "U1", Email: "alice@example.com"}, ""), "E-1")
	f(actor("app/x", a{ID: "1", Name: "alice@example.com"}, ""), "")
	f(actor("kubernetes.audit/c", a{ID: "oidc:alice@example.com"}, ""), "E-1")
	f(actor("aws.cloudtrail/p", a{ID: "AROA1:alice@example.com", Email: "alice@example.com", Name: "alice@example.com"}, ""), "E-1")
	f(actor("github/acme", a{ID: "4711", Name: "ALICE"}, ""), "E-1")
	f(actor("github/acme", a{ID: "alice"}, ""), "E-1")
	f(actor("aws.cloudtrail/p", a{ID: "AIDA1", Name: "alice"}, "111122223333"), "E-1")
	f(actor("aws.cloudtrail/p", a{ID: "AIDA1", Name: "alice"}, "999922223333"), "")
	f(actor("aws.cloudtrail/p", a{ID: "AROA1:alice", Name: "alice", Role: "arn:aws:iam::111122223333:role/deploy"}, "111122223333"), "E-1")
	f(actor("aws.cloudtrail/p", a{ID: "AROA1:alice", Name: "alice", Role: "arn:aws:iam::111122223333:role/eng/deploy"}, "111122223333"), "E-1")
	f(actor("aws.cloudtrail/p", a{ID: "AROA1:alice", Name: "alice", Role: "arn:aws:iam::111122223333:role/admin"}, "111122223333"), "")
	f(actor("kubernetes.audit/c", a{ID: "arn:aws:sts::111122223333:assumed-role/deploy/alice"}, ""), "E-1")
	f(actor("aws.cloudtrail/p", a{ID: "AIDA2", Name: "bo"}, "1"), "") // taken from him
	f(actor("linux/web-1", a{ID: "1001", Name: "cy"}, ""), "E-3")
	f(actor("linux/web-2", a{ID: "1001", Name: "cy"}, ""), "")
	f(actor("linux/web-1", a{ID: "alice"}, ""), "") // only by a link
	f(actor("kubernetes.audit/c", a{ID: "7", Name: "cy-admin"}, ""), "E-3")
	f(actor("okta/acme", a{ID: "00uDEE"}, ""), "E-4")
	f(actor("github/x", a{ID: "guest-1"}, ""), "guest@example.com")
	f(actor("app/x", a{ID: "9", Email: "New@example.com"}, ""), "new@example.com") // on no roster
	f(actor("app/x", a{Type: event.Service, ID: "9", Email: "svc@example.com"}, ""), "")
	f(actor("app/x", a{ID: "ali@other.example"}, ""), "E-5")
	if c := b.Conflicts(); len(c) != 0 {
		t.Errorf("conflicts %+v", c)
	}
	p, err := b.Find("E-1")
	if got := fmt.Sprint(b.Accounts(p)); err != nil || got != "[alice@example.com okta:00ualice github:alice arn:aws:iam::111122223333:user/eng/alice arn:aws:sts::111122223333:assumed-role/deploy/alice]" {
		t.Errorf("accounts %s, %v", got, err)
	}
}

func TestFind(t *testing.T) {
	b := identity.NewBook(people, nil)
	f := func(s, want string) {
		t.Helper()
		p, err := b.Find(s)
		if err != nil {
			p.ID = err.Error()
		}
		if want == "" || !strings.Contains(p.ID, want) {
			t.Errorf("%s is %s, want %s", s, p.ID, want)
		}
	}
	f("e-1", "E-1")
	f("ALICE@example.com", "E-1")
	f("okta:00uALICE", "E-1")
	f("Alice Smith", "E-1")
	f("bo", "E-2")
	f("00ubo", "E-2")
	f("somebody@example.com", "somebody@example.com")
	f("alice", `person: "alice" means 2 people: E-1 alice@example.com, E-5 alice@other.example; name one by id or e-mail address`)
	f("zoe", `nobody is known by "zoe"`)
	if _, err := identity.NewBook(roster(), nil).Find("zoe"); err == nil || !strings.Contains(err.Error(), "no roster yet") {
		t.Errorf("error %v", err)
	}
}

// TestExpandedClausesMeanTheSame holds what is searched for against Resolve, and
// the text of what is searched for against what Parse makes of it.
func TestExpandedClausesMeanTheSame(t *testing.T) {
	b := identity.NewBook(people, []identity.Link{{Person: "E-4", Account: "okta:00uDEE"}})
	r := rand.New(rand.NewPCG(1, 1))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	filters := map[string]filter.Filter{}
	for _, p := range b.People() {
		f, err := filter.Parse("person:" + filter.Quote(p.ID))
		if err != nil {
			t.Fatal(err)
		}
		if f, err = b.Expand(f); err != nil {
			t.Fatal(err)
		}
		again, err := filter.Parse(f.String())
		if err != nil || !reflect.DeepEqual(again, f) {
			t.Fatalf("%s reads back as %s, %v", f, again, err)
		}
		filters[p.ID] = f
	}
	found := 0
	for range 5000 {
		e := actor(pick("okta/acme", "github/acme", "aws.cloudtrail/p", "kubernetes.audit/c", "linux/web-1", "app/x"), event.Actor{
			ID:    pick("00uALICE", "alice", "Bo", "cy", "00uDEE", "alice@example.com", "oidc:cy@example.com", "x", "AROA1:alice", "arn:aws:iam::111122223333:user/eng/alice"),
			Email: pick("", "", "", "alice@example.com", "bo@example.com", "x:bo@example.com"), Name: pick("", "alice", "bo", "cy", "alice@example.com"),
			Role: pick("", "arn:aws:iam::111122223333:role/deploy", "arn:aws:iam::1:role/x", "arn:aws:iam::1:role/aws-reserved/AWSReservedSSO_x"), Type: event.Service,
		}, pick("", "111122223333"))
		e.ID, e.OccurredAt, e.Action, e.Category, e.Outcome = "1", t0, "a.b", event.Data, event.Success
		fields, err := proof.ParseBody(e.AppendJSON(nil))
		if err != nil {
			t.Fatal(err)
		}
		by := []string{}
		for _, p := range b.People() {
			if filters[p.ID].Match(&proof.Header{Source: e.Source, OccurredAt: t0}, fields) {
				by = append(by, p.ID)
			}
		}
		p, ok := b.Resolve(e)
		if ok != (len(by) == 1) || ok && p.ID != by[0] {
			t.Fatalf("%s %+v is %q; found by the filters of %v", e.Source, e.Actor, p.ID, by)
		}
		if ok {
			found++
		}
	}
	if found < 800 {
		t.Errorf("%d of 5000 resolved", found)
	}
}

func TestWhatIsDoneAfterTheEnd(t *testing.T) {
	b := identity.NewBook(people, nil)
	f := func(text string, at time.Time, email string, want bool) {
		t.Helper()
		parsed, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if parsed, err = b.Expand(parsed); err != nil {
			t.Fatal(err)
		}
		e := event.Event{Source: "app/x", Actor: event.Actor{ID: "1", Email: email}}
		fields, _ := proof.ParseBody(e.AppendJSON(nil))
		if got := parsed.Match(&proof.Header{Source: "app/x", OccurredAt: at}, fields); got != want {
			t.Errorf("%s: %s by %s: %t (%s)", text, at, email, got, parsed)
		}
	}
	last := time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC)
	f("person.ended:true", last, "bo@example.com", false)
	f("person.ended:true", last.Add(time.Second), "bo@example.com", true)
	f("person.ended:true", last.Add(time.Second), "alice@example.com", false)
	f("person.ended:true", time.Date(2026, 2, 15, 16, 0, 0, 0, time.UTC), "cy@example.com", true)
	f("person.ended:true", time.Date(2026, 2, 15, 15, 59, 59, 0, time.UTC), "cy@example.com", false)
	f("person.ended:2026-03-*", last.AddDate(0, 1, 0), "bo@example.com", true)
	f("person.ended:2026-03-31", last.AddDate(0, 1, 0), "bo@example.com", true)
	f("person.ended:2026-03-*", last.AddDate(0, 1, 0), "cy@example.com", false)
	f("person.ended:2026-02-15", last.AddDate(0, 1, 0), "cy@example.com", true)
	f("person.ended:2025-*", last.AddDate(0, 1, 0), "cy@example.com", false)
	f("person:bo -person.ended:true", last, "bo@example.com", true)

	many := &identity.Roster{}
	for i := range 1200 {
		many.Apply(row(t0, fmt.Sprint(i), "", fmt.Sprintf(`{"email":"p%d@example.com","end":"2026-%02d-%02d"}`, i, 1+i%12, 1+i%28)))
	}
	big := identity.NewBook(many, nil)
	if _, err := big.Clause("person.ended", "*"); err == nil || !strings.Contains(err.Error(), "more than 1000 people") {
		t.Errorf("error %v", err)
	}
	if _, err := big.Clause("person.ended", "2026-0*"); err == nil || !strings.Contains(err.Error(), "900 people have ended on 2026-0*") {
		t.Errorf("error %v", err)
	}
	if e, err := big.Clause("person.ended", "2026-03-*"); err != nil || len(e.Args) != 100 {
		t.Errorf("%d people, %v", len(e.Args), err)
	}
	if _, err := identity.NewBook(roster(), nil).Clause("person.ended", "*"); err == nil || !strings.Contains(err.Error(), "no roster yet") {
		t.Errorf("error %v", err)
	}
}

func TestTheOrderOfRowsDoesNotMatter(t *testing.T) {
	var rows []*event.Event
	for i := range 40 {
		at := t0.Add(time.Duration(i%7) * time.Hour) // several at the same time
		rows = append(rows, row(at, fmt.Sprint("E-", i%5), fmt.Sprint("name ", i%11), fmt.Sprintf(`{"email":"p%d@example.com","accounts":["okta:%d"]}`, i%6, i%4)))
	}
	want := identity.NewBook(roster(rows...), nil)
	r := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		got := identity.NewBook(roster(rows...), nil)
		if !reflect.DeepEqual(got.People(), want.People()) || !reflect.DeepEqual(got.Conflicts(), want.Conflicts()) {
			t.Fatalf("%+v\nwant %+v", got.People(), want.People())
		}
	}
}

func TestConflictsAreReported(t *testing.T) {
	r := roster(
		row(t0, "E-1", "", `{"email":"a@example.com","accounts":["okta:1","okta:2"]}`),
		row(t0, "E-2", "", `{"email":"b@example.com","accounts":["okta:1","no account"]}`),
		row(t0, "E-3", "", `{"email":"c@example.com","end":"03/04/2026"}`),
	)
	b := identity.NewBook(r, nil)
	if got := fmt.Sprint(b.Conflicts()); !strings.Contains(got, "okta:1 is claimed by E-1 and E-2") ||
		!strings.Contains(got, `The row of e-2: account: found "no account"`) || !strings.Contains(got, "03/04/2026, can mean more than one day") || len(b.Conflicts()) != 3 {
		t.Errorf("conflicts %s", got)
	}
	e := actor("okta/x", event.Actor{ID: "1"}, "")
	if p, ok := b.Resolve(e); ok {
		t.Errorf("resolved to %s", p.ID)
	}
	for _, id := range []string{"E-1", "E-2"} { // who looks for either must not miss it
		if e, err := b.Clause("person", id); err != nil || !strings.Contains(filter.Text(e), "actor.id:1") {
			t.Errorf("%s: %s, %v", id, filter.Text(e), err)
		}
	}
	b = identity.NewBook(r, []identity.Link{{Person: "E-2", Account: "okta:1"}})
	if p, ok := b.Resolve(e); !ok || p.ID != "E-2" || strings.Contains(fmt.Sprint(b.Conflicts()), "claimed") {
		t.Errorf("linked, it resolves to %s; conflicts %v", p.ID, b.Conflicts())
	}
}

func TestRowsThatAreNone(t *testing.T) {
	e := row(t0, "E-1", "", `{}`)
	e.Source = "app/people"
	failed := row(t0, "E-2", "", `{}`)
	failed.Outcome = event.Failure
	if b := identity.NewBook(roster(e, failed, row(t0, "", "", "{}"), &event.Event{Source: "hr.roster/x"}), nil); len(b.People()) != 0 {
		t.Errorf("%+v", b.People())
	}
	b := identity.NewBook(roster(row(t0, "E-1", "x@example.com", `{"last_day":"2026-03-03"}`), row(t0.Add(1), "E-1", "x@example.com", `{"status":"terminated"}`)), nil)
	if p := b.People()[0]; p.Email != "x@example.com" || !p.End.Equal(t0.Add(1)) {
		t.Errorf("%+v", p)
	}
}
