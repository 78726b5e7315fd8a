package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/proof"
	"example.com/evident/source"
	"example.com/evident/trail"
)

// lines is a kind whose raws are lines of "id action"; other lines it cannot read.
var lines = source.Kind{
	Name: "lines",
	Split: func(r io.Reader) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			all, err := io.ReadAll(r)
			for raw := range bytes.SplitSeq(all, []byte("\n")) {
				if string(raw) == "broken off" {
					yield(nil, errors.New("it breaks off"))
					return
				}
				if len(raw) > 0 && !yield(raw, err) {
					return
				}
			}
		}
	},
	Map: func(raw []byte, _ time.Time) (event.Event, error) {
		var id, action string
		if string(raw) == "panic" {
			panic("on purpose")
		}
		if n, err := fmt.Sscan(string(raw), &id, &action); n != 2 || err != nil {
			return event.Event{}, errors.New("not a line of this kind")
		}
		return event.Event{
			ID: id, OccurredAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Actor: event.Actor{Type: event.User, ID: "ana"},
			Action: action, Category: event.Data, Outcome: event.Success, Raw: raw,
		}, nil
	},
}

type rig struct {
	*intake.Intake
	trail *trail.Trail
	t     *testing.T
}

func open(t *testing.T) *rig {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	kinds := []source.Kind{lines, {Name: "json", Verbatim: true}}
	return &rig{intake.New(intake.Config{Trail: tr, Kinds: kinds}), tr, t}
}

func (r *rig) take(d intake.Delivery) intake.Answer {
	r.t.Helper()
	var a intake.Answer
	if err := r.Take(context.Background(), &d, &a); err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) text(body string) intake.Answer {
	r.t.Helper()
	return r.take(intake.Delivery{Body: []byte(body)})
}

// bodies returns what the trail has of a source, in order.
func (r *rig) records(source string) []trail.Record {
	r.t.Helper()
	var out []trail.Record
	for rec, err := range r.trail.Records(context.Background(), 0, r.trail.Size()) {
		if err != nil {
			r.t.Fatal(err)
		}
		if rec.Header.Source == source {
			out = append(out, rec)
		}
	}
	return out
}

// ev is an event of app/billing; rest goes before its end.
func ev(id, rest string) string {
	return fmt.Sprintf(`{"id":%q,"source":"app/billing","occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},`+
		`"action":"role.grant","category":"privileged","outcome":"success"%s}`, id, rest)
}

func TestBodiesAreStoredAsTheyCame(t *testing.T) {
	r := open(t)
	pretty := "{\n  \"id\": \"p\",\n" + strings.TrimPrefix(ev("p", ""), `{"id":"p",`)
	for _, c := range []struct{ form, body string }{
		{"one object", ev("a", `,"detail":{"n":1.00}`)},
		{"lines", ev("b", "") + "\n\n" + ev("c", "") + "\r\n  " + ev("d", "") + "\n"},
		{"an array", " [" + ev("e", "") + " ,\n" + ev("f", `,"detail":{"s":"],[\"}"}`) + "]\n"},
		{"an object over several lines", pretty},
		{"objects one after the other", strings.ReplaceAll(pretty, `"p"`, `"q"`) + "\n" + strings.ReplaceAll(pretty, `"p"`, `"r"`)},
		{"a byte order mark", "\ufeff" + ev("g", "")},
	} {
		if a := r.text(c.body); len(a.Refused) > 0 || a.Accepted == 0 {
			t.Errorf("%s: %+v", c.form, a)
		}
	}
	got := r.records("app/billing")
	if len(got) != 10 {
		t.Fatalf("%d records, want 10", len(got))
	}
	if string(got[0].Body) != ev("a", `,"detail":{"n":1.00}`) || string(got[6].Body) != pretty {
		t.Errorf("a body changed:\n%s\n%s", got[0].Body, got[6].Body)
	}
}

func TestIDAndSourceAreSplicedIn(t *testing.T) {
	r := open(t)
	bare := `{ "occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},"action":"role.grant","category":"privileged","outcome":"success"}`
	a := r.take(intake.Delivery{Body: []byte(bare + "\n" + bare), Source: "app/web"})
	if a.Accepted != 2 || len(a.Receipts) != 2 || len(a.Receipts[0].ID) != 26 {
		t.Fatalf("%+v", a)
	}
	for i, rec := range r.records("app/web") {
		want := `{"id":"` + a.Receipts[i].ID + `","source":"app/web",` + bare[1:]
		if string(rec.Body) != want {
			t.Errorf("body %s\nwant %s", rec.Body, want)
		}
		if rec.Header.ID != proof.EventID("app/web", a.Receipts[i].ID) {
			t.Error("the header has another id")
		}
	}
	// What an event says of itself is never replaced.
	if a := r.take(intake.Delivery{Body: []byte(ev("own", "")), Source: "app/web"}); a.Accepted != 1 || len(r.records("app/billing")) != 1 {
		t.Errorf("the source of an event was replaced: %+v", a)
	}
}

func TestDuplicatesAndConflicts(t *testing.T) {
	r := open(t)
	first := r.text(ev("a", ""))
	respaced := strings.ReplaceAll(ev("a", ""), ",", " , ")
	again := r.text(respaced + "\n" + ev("b", "") + "\n" + ev("b", ""))
	if again.Accepted != 1 || again.Duplicates != 2 || len(again.Refused) != 0 {
		t.Fatalf("%+v", again)
	}
	if got, want := again.Receipts[0], first.Receipts[0]; got.Seq != want.Seq || got.Leaf != want.Leaf || !got.Duplicate {
		t.Errorf("receipt of a duplicate %+v, of the event %+v", got, want)
	}
	if f, l, ok := again.Span(); !ok || f != l || f != again.Receipts[1].Seq {
		t.Errorf("span %d %d %v", f, l, ok)
	}

	other := strings.Replace(ev("a", ""), "u1", "u2", 1)
	for range 2 { // whoever tries again makes no second record
		a := r.text(ev("c", "") + "\n" + other)
		if len(a.Refused) != 1 || a.Refused[0].Line != 2 || a.Refused[0].ID != "a" || !strings.Contains(a.Refused[0].Reason, fmt.Sprint("record ", first.Receipts[0].Seq)) {
			t.Fatalf("%+v", a)
		}
	}
	own := conflicts(r)
	if len(own) != 1 {
		t.Fatalf("%d records of the conflict", len(own))
	}
	e, err := event.Parse(own[0].Body)
	if err != nil || string(e.Raw) != other || e.Outcome != event.Denied || e.Targets[0].ID != "a" {
		t.Errorf("record of the conflict: %v\n%s", err, own[0].Body)
	}
}

func conflicts(r *rig) (out []trail.Record) {
	for _, rec := range r.records("evident") {
		if rec.Header.Action == intake.ActionConflict {
			out = append(out, rec)
		}
	}
	return out
}

func TestAtomic(t *testing.T) {
	r := open(t)
	r.text(ev("a", ""))
	before := len(r.records("app/billing"))
	f := func(what, body string, refused int) {
		t.Helper()
		a := r.take(intake.Delivery{Body: []byte(body), Atomic: true})
		if a.Accepted != 0 || len(a.Refused) != refused || len(r.records("app/billing")) != before {
			t.Errorf("%s: %+v", what, a)
		}
	}
	f("one is no event", ev("x", "")+"\n{}\n"+ev("y", ""), 1)
	f("one is in conflict", ev("x", "")+"\n"+strings.Replace(ev("a", ""), "u1", "u2", 1), 1)
	f("two of them are in conflict", ev("x", "")+"\n"+strings.Replace(ev("x", ""), "u1", "u2", 1), 1)
	if a := r.take(intake.Delivery{Body: []byte(ev("a", "") + "\n" + ev("x", "")), Atomic: true}); a.Accepted != 1 || a.Duplicates != 1 {
		t.Errorf("all are good: %+v", a)
	}
	if len(conflicts(r)) != 2 {
		t.Errorf("%d conflicts recorded, want 2", len(conflicts(r)))
	}
	var large *intake.TooLarge
	var a intake.Answer
	var all strings.Builder
	for i := range intake.MaxAtomicEvents + 1 {
		all.WriteString(ev(fmt.Sprint(i), "") + "\n")
	}
	if err := r.Take(t.Context(), &intake.Delivery{Body: []byte(all.String()), Atomic: true}, &a); !errors.As(err, &large) {
		t.Errorf("%d events at once: %v", intake.MaxAtomicEvents+1, err)
	}
}

func TestRefusalsNameLineIDAndField(t *testing.T) {
	r := open(t)
	f := func(line, id, want string) {
		t.Helper()
		a := r.text(ev(fmt.Sprint("good", len(want), line[:min(9, len(line))]), "") + "\n\n" + line)
		if a.Accepted != 1 || len(a.Refused) != 1 {
			t.Fatalf("%.80s: %+v", line, a)
		}
		got := a.Refused[0]
		if got.Line != 3 || got.ID != id || !strings.Contains(got.Reason, want) || len(got.Reason) > 600 {
			t.Errorf("%.80s\n got %+v\nwant id %q and %q", line, got, id, want)
		}
	}
	f(strings.Replace(ev("x1", ""), `"id":"u1"`, `"name":"u1"`, 1), "x1", "actor.id")
	f(strings.Replace(ev("x2", ""), "app/billing", "evident", 1), "x2", "evident")
	f(strings.Replace(ev("x3", ""), "app/billing", "evident/x", 1), "x3", "evident")
	f(ev("x4", `,"surprise":1`), "x4", "detail")
	f(ev("x5", `,"id":"again"`), "", "parse body")
	f(ev("x6", `,"detail":`+strings.Repeat(`{"a":`, 40)+`1`+strings.Repeat("}", 40)), "", "parse body")
	f(ev("x7", ",\"detail\":{\"s\":\"\xff\"}"), "", "parse body")
	f(ev("x8", `,"detail":{"s":"`+strings.Repeat("a", 1<<20)+`"}`), "", "1048576")
	f(strings.Replace(ev("x9", ""), "role.grant", "Role Grant", 1), "x9", "action")
	f(ev("xa", `,"detail":{"s":"\ud800"}`), "", "parse body")
	f(`{"id":"xb"`, "", "parse body")
	f(`[1]`, "", "parse body")
	f(`null`, "", "parse body")
	f(`"`+strings.Repeat("a", 3000)+`"`, "", "parse body")
	f(strings.Replace(ev("xc", ""), `"id":"xc"`, `"id":""`, 1), "", "id")
	f(strings.Replace(ev("xd", ""), `"id":"xd"`, `"id":null`, 1), "", "id")
}

func TestMalformedBodiesStoreNothing(t *testing.T) {
	r := open(t)
	f := func(body string) {
		t.Helper()
		var a intake.Answer
		var malformed *intake.Malformed
		if err := r.Take(t.Context(), &intake.Delivery{Body: []byte(body)}, &a); !errors.As(err, &malformed) {
			t.Errorf("%.40q: error %v, answer %+v", body, err, a)
		}
	}
	good := ev("a", "")
	f("")
	f(" \n\n")
	f("\ufeff")
	f("[" + good)
	f("[" + good + ",")
	f("[" + good + ",]")
	f("[" + good + " " + good + "]")
	f("[" + good + "] x")
	f("[,]")
	f("[")
	f("[}")
	f("[\"abc")
	if n := len(r.records("app/billing")); n != 0 {
		t.Errorf("%d records", n)
	}
	if a := r.text("[]"); a.Accepted != 0 || len(a.Refused) != 0 {
		t.Errorf("an empty array: %+v", a)
	}
	var large *intake.TooLarge
	var a intake.Answer
	for _, body := range []string{strings.Repeat("1\n", intake.MaxEvents+1), "[1" + strings.Repeat(",1", intake.MaxEvents) + "]"} {
		if err := r.Take(t.Context(), &intake.Delivery{Body: []byte(body)}, &a); !errors.As(err, &large) {
			t.Errorf("too many events: %v", err)
		}
	}
}

func TestScope(t *testing.T) {
	r := open(t)
	mine := func(s string) bool { return s == "app/billing" }
	a := r.take(intake.Delivery{Body: []byte(ev("a", "") + "\n" + strings.Replace(ev("b", ""), "app/billing", "okta/acme", 1)), MayAppend: mine})
	if a.Accepted != 1 || len(a.Refused) != 1 || !strings.Contains(a.Refused[0].Reason, "may not append") {
		t.Errorf("%+v", a)
	}
	var forbidden *intake.Forbidden
	if err := r.Take(t.Context(), &intake.Delivery{Body: []byte("x y"), Source: "lines/x", MayAppend: mine}, &a); !errors.As(err, &forbidden) {
		t.Errorf("another's source: %v", err)
	}
	if err := r.Take(t.Context(), &intake.Delivery{Body: []byte("{}"), Source: "evident"}, &a); !errors.As(err, &forbidden) {
		t.Errorf("source evident: %v", err)
	}
}

func TestRawEventsAreMappedOrKept(t *testing.T) {
	r := open(t)
	deliver := func(body string) intake.Answer {
		return r.take(intake.Delivery{Body: []byte(body), Source: "lines/prod"})
	}
	a := deliver("1 doc.read\n\xffwhat\n2 Doc!\npanic\n")
	if a.Accepted != 4 || a.Unmapped != 3 || len(a.Refused) != 0 {
		t.Fatalf("%+v", a)
	}
	got := r.records("lines/prod")
	for i, raw := range []string{"1 doc.read", "\xffwhat", "2 Doc!", "panic"} {
		e, err := event.Parse(got[i].Body)
		if err != nil || string(e.Raw) != raw {
			t.Errorf("raw %q came back as %q, %v", raw, e.Raw, err)
		}
		if mapped := e.Action != source.ActionUnmapped; mapped != (i == 0) || !mapped && e.OutcomeReason == "" {
			t.Errorf("%q: action %s, reason %q", raw, e.Action, e.OutcomeReason)
		}
	}
	if again := deliver("1 doc.read\n\xffwhat\n2 Doc!\npanic\n"); again.Duplicates != 4 || again.Accepted != 0 {
		t.Errorf("the same delivery again: %+v", again)
	}
	// A mapping that makes what JSON cannot hold: header and body agree all the same.
	if a := deliver("\xff5 doc.read"); a.Accepted != 1 || a.Unmapped != 0 {
		t.Errorf("an id that is not UTF-8: %+v", a)
	}
	rec := r.records("lines/prod")[4]
	if e, err := event.Parse(rec.Body); err != nil || rec.Header.ID != proof.EventID("lines/prod", e.ID) {
		t.Errorf("the header has another id than the body: %v %s", err, rec.Body)
	}
	if a := deliver("3 doc.read\nbroken off\n4 doc.read"); a.Accepted != 1 || len(a.Refused) != 1 || a.Refused[0].Line != 2 {
		t.Errorf("a delivery that breaks off: %+v", a)
	}
}

func TestVerbatimKindTakesTheWayOfTheSchema(t *testing.T) {
	r := open(t)
	bare := strings.Replace(ev("a", ""), `"source":"app/billing",`, "", 1)
	if a := r.take(intake.Delivery{Body: []byte(bare + "\n{}"), Source: "json/export"}); a.Accepted != 1 || len(a.Refused) != 1 {
		t.Errorf("%+v", a)
	}
	if got := r.records("json/export"); len(got) != 1 || !strings.Contains(string(got[0].Body), `"source":"json/export"`) {
		t.Errorf("%d records", len(got))
	}
}

// TestLargeDeliveries: parts, memory that is used again, and strings of events
// that are gone must not mix.
func TestLargeDeliveries(t *testing.T) {
	r := open(t)
	const events = 10_000
	for round := range 2 {
		var body bytes.Buffer
		for i := range events {
			e := ev(fmt.Sprintf("%d-%d", round, i), fmt.Sprintf(`,"detail":{"n":%d}`, i))
			if i%3 == 0 {
				e = strings.Replace(e, fmt.Sprintf(`"id":"%d-%d",`, round, i), "", 1)
			}
			body.WriteString(e + "\n")
		}
		buffer := body.Bytes()
		a := r.take(intake.Delivery{Body: buffer, Form: intake.Lines})
		if a.Accepted != events || len(a.Receipts) != events {
			t.Fatalf("%d accepted, %d refused", a.Accepted, len(a.Refused))
		}
		ids := make([]string, events)
		for i := range a.Receipts {
			ids[i] = strings.Clone(a.Receipts[i].ID)
		}
		clear(buffer) // whoever kept a reference would show it now
		for i, rec := range r.records("app/billing")[round*events:] {
			var got struct {
				ID     string
				Detail struct{ N int }
			}
			if err := json.Unmarshal(rec.Body, &got); err != nil || got.Detail.N != i || got.ID != ids[i] {
				t.Fatalf("event %d: %+v, receipt %s", i, got, ids[i])
			}
		}
	}
	if c := r.trail.Counts()["app/billing"]; c != 2*events {
		t.Errorf("trail counts %d", c)
	}
}

func FuzzTake(f *testing.F) {
	for _, s := range []string{ev("a", ""), "[" + ev("a", "") + "]", "{}\n{\n}", "[[[", `"`, "\xef\xbb\xbf[]", `{"id":"a\u0000"}`} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	tr, err := trail.Open(trail.Config{Dir: f.TempDir(), Origin: "test.example/trail"})
	if err != nil {
		f.Fatal(err)
	}
	defer tr.Close()
	in := intake.New(intake.Config{Trail: tr, Kinds: []source.Kind{lines}})
	f.Fuzz(func(t *testing.T, body []byte, raw bool) {
		d := intake.Delivery{Body: body}
		if raw {
			d.Source = "lines/x"
		}
		var a intake.Answer
		before := bytes.Clone(body)
		if err := in.Take(t.Context(), &d, &a); err != nil && len(a.Receipts) > 0 {
			t.Errorf("%v, and %d receipts", err, len(a.Receipts))
		}
		if !bytes.Equal(before, body) {
			t.Error("the delivery was changed")
		}
		if len(a.Receipts) != a.Accepted+a.Duplicates {
			t.Errorf("%+v", a)
		}
	})
}

// TestALongNameIsCounted: an event without id is given one, whose pointer counts
// like those that came: what is stored must be what a verifier takes.
func TestALongNameIsCounted(t *testing.T) {
	r := open(t)
	var below strings.Builder
	for i := range 256 {
		fmt.Fprintf(&below, `,"%03d":0`, i)
	}
	event := func(n int) string {
		return `{"source":"app/x","occurred_at":"2026-03-01T00:00:00Z","actor":{"type":"user","id":"u"},"action":"a","category":"data","outcome":"success",` +
			`"detail":{"` + strings.Repeat("n", n) + `":{` + below.String()[1:] + `}}}`
	}
	stored := 0
	for n := 4084; n > 4070; n-- {
		for _, id := range []string{"", fmt.Sprintf(`"id":"%d",`, n)} {
			a := r.text("{" + id + event(n)[1:])
			stored += a.Accepted
			for _, receipt := range a.Receipts {
				records, err := r.trail.Read(t.Context(), []uint64{receipt.Seq})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := proof.ParseBody(records[0].Body); err != nil {
					t.Errorf("a name of %d bytes, %q: what was stored is refused: %v", n, id, err)
				}
			}
		}
	}
	if stored == 0 || stored == 28 {
		t.Errorf("%d of 28 were stored: the test says little", stored)
	}
}
