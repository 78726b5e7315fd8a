package source_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/source"
)

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func TestUnmappedKeepsEverything(t *testing.T) {
	for _, raw := range []string{"", "{", "\xff\x00", `{"a":1}`, strings.Repeat("\"", 1<<20)} {
		e := source.Unmapped("okta/acme", []byte(raw), "why \xff not"+strings.Repeat("é", 20_000), now)
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		body := e.AppendJSON(nil)
		fields, err := proof.ParseBody(body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := event.FromFields(fields)
		if err != nil || !bytes.Equal(got.Raw, []byte(raw)) || got.Action != "unmapped" || !strings.HasPrefix(got.OutcomeReason, "why \uFFFD not") {
			t.Errorf("%v: %.200s", err, body)
		}
	}
	a := source.Unmapped("okta/acme", []byte("x"), "one", now)
	b := source.Unmapped("okta/acme", []byte("x"), "two", now.Add(time.Hour))
	c := source.Unmapped("okta/acme", []byte("y"), "one", now)
	if a.ID != b.ID || a.ID == c.ID {
		t.Errorf("%s %s %s", a.ID, b.ID, c.ID)
	}
}

func TestKindEventNeverDrops(t *testing.T) {
	kind := source.Kind{Map: func(raw []byte, _ time.Time) (event.Event, error) {
		switch string(raw) {
		case "bad":
			return event.Event{}, errors.New("not an event")
		case "half":
			return event.Event{ID: "1", Raw: raw}, nil
		}
		return event.Event{ID: "1", OccurredAt: now, Actor: event.Actor{Type: event.User, ID: "u"}, Action: "a.b",
			Category: event.Data, Outcome: event.Success, Raw: raw}, nil
	}}
	f := func(raw string, mapped bool, reason string) {
		e, ok := kind.Event("k/n", nil, []byte(raw), now)
		if ok != mapped || e.Source != "k/n" || string(e.Raw) != raw || !strings.Contains(e.OutcomeReason, reason) || e.Validate() != nil {
			t.Errorf("%s: %t %+v", raw, ok, e)
		}
	}
	f("good", true, "")
	f("bad", false, "not an event")
	f("half", false, "actor.type: required")
}

func TestMembersAndElements(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var got []string
		for name, value := range source.Members([]byte(in)) {
			got = append(got, name+"="+string(value))
		}
		for element := range source.Elements([]byte(in)) {
			got = append(got, string(element))
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%s: got %s, want %s", in, s, want)
		}
	}
	f(`{}`, ``)
	f(` { "a" : 1 , "b":{"c":"}"},"d":[ ],"e\u0041":"\"" } `, `a=1|b={"c":"}"}|d=[ ]|eA="\""`)
	f(`[1, "x,]" ,{"a":[]},[2],null]`, `1|"x,]"|{"a":[]}|[2]|null`)
	f(`"x"`, ``)
	f(``, ``)
	f(`12`, ``)
	for _, broken := range []string{`{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":}`, `{"a":1`, `{"a":1,`, `[`, `[1`, `[,`, `["`, `[{`, `{"a":"\`} {
		for range source.Members([]byte(broken)) {
		}
		for range source.Elements([]byte(broken)) {
		}
	}
}

func TestText(t *testing.T) {
	f := func(in, want string) {
		if got := source.Text([]byte(in)); got != want {
			t.Errorf("%.40q: got %.40q, want %.40q", in, got, want)
		}
	}
	f(`"a"`, "a")
	f(`"\u00e9\n\ud83d\ude00"`, "é\n😀")
	f(`"\ud83d."`, "\uFFFD.")
	f("\"\xff\"", "\uFFFD")
	f(`true`, "true")
	f(`-1.5`, "-1.5")
	f(`null`, "")
	f(`{}`, "")
	f(`[1]`, "")
	f(``, "")
	f(`"`+strings.Repeat("é", 10_000)+`"`, strings.Repeat("é", 8190)+"…")
	if got := source.Text([]byte(`"` + strings.Repeat("\xff", 16_000) + `"`)); len(got) > event.MaxStringBytes {
		t.Error(len(got))
	}
}

func TestValid(t *testing.T) {
	f := func(in string, ok bool) {
		if err := source.Valid([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
	f(` {"a":1} `, true)
	f("{\"a\":\"\xff\\ud800\"}", true)
	f(`{"a":1,"a":2}`, false)
	f(`{"a":1}{}`, false)
	f(`{"a":01}`, false)
	f(``, false)
}
