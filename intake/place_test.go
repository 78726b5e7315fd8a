package intake_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/trail"
)

// plain is a kind whose events bring no ids.
var plain = source.Kind{
	Name: "plain",
	Split: func(r io.Reader) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			all, _ := io.ReadAll(r)
			for raw := range bytes.SplitSeq(all, []byte("\n")) {
				if string(raw) == "broken" {
					yield(nil, errors.New("it breaks off"))
					return
				}
				if !yield(raw, nil) {
					return
				}
			}
		}
	},
	Map: func(raw []byte, now time.Time) (event.Event, error) {
		return event.Event{OccurredAt: time.Date(2026, 3, 1, 0, 0, 0, 0, now.Location()).UTC(), Actor: event.Actor{Type: event.User, ID: "ana"},
			Action: "a.b", Category: event.Data, Outcome: event.Success, Raw: raw}, nil
	},
}

func openPlain(t *testing.T, redact func(string, []byte) []byte) *rig {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return &rig{intake.New(intake.Config{Trail: tr, Kinds: []source.Kind{plain}, Redact: redact}), tr, t}
}

// A delivery that is sent again makes duplicates; equal events of two
// deliveries, or at two places of one, are two.
func TestEventsWithoutID(t *testing.T) {
	r := openPlain(t, nil)
	f := func(d intake.Delivery, accepted, duplicates int) {
		t.Helper()
		d.Source = "plain/x"
		if a := r.take(d); a.Accepted != accepted || a.Duplicates != duplicates || len(a.Refused) > 0 {
			t.Errorf("%+v; want %d accepted, %d duplicates", a, accepted, duplicates)
		}
	}
	f(intake.Delivery{Body: []byte("one\none")}, 2, 0)
	f(intake.Delivery{Body: []byte("one\none")}, 0, 2)
	f(intake.Delivery{Body: []byte("one\none\none")}, 3, 0)
	raws := [][]byte{[]byte("one"), []byte("o\nne")}
	f(intake.Delivery{Raws: raws}, 2, 0)
	f(intake.Delivery{Raws: raws}, 0, 2)
	f(intake.Delivery{Raws: raws, IDs: []string{"host/7", "host/8"}}, 2, 0)
	f(intake.Delivery{Raws: raws[:1], IDs: []string{"host/7"}}, 0, 1)
	f(intake.Delivery{Raws: raws[:1], IDs: []string{"host/9"}}, 1, 0)
}

// Where nobody is there to send it better, what cannot be cut is kept.
func TestKeep(t *testing.T) {
	r := openPlain(t, nil)
	a := r.take(intake.Delivery{Source: "plain/x", Body: []byte("one\nbroken\nrest")})
	if a.Accepted != 1 || len(a.Refused) != 1 {
		t.Errorf("%+v", a)
	}
	a = r.take(intake.Delivery{Source: "plain/x", Body: []byte("two\nbroken\nrest"), Keep: true})
	if a.Accepted != 2 || a.Unmapped != 1 || len(a.Refused) > 0 {
		t.Errorf("%+v", a)
	}
	huge := bytes.Repeat([]byte("x"), source.MaxEventBytes+1)
	a = r.take(intake.Delivery{Source: "plain/x", Raws: [][]byte{huge, []byte("three")}})
	if a.Accepted != 2 || a.Unmapped != 1 {
		t.Errorf("%d %d %+v", a.Accepted, a.Unmapped, a.Refused)
	}
	records, err := r.trail.Read(context.Background(), []uint64{a.Receipts[0].Seq})
	if err != nil || !strings.Contains(string(records[0].Body[:600]), "only the first 16777216 of 16777217 bytes are kept") {
		t.Errorf("%v %.600s", err, records[0].Body)
	}
}

// What the policy masks is nowhere in what is stored, mapped or not.
func TestRedact(t *testing.T) {
	r := openPlain(t, func(_ string, raw []byte) []byte {
		return bytes.ReplaceAll(raw, []byte("secret"), []byte("[masked]"))
	})
	r.take(intake.Delivery{Source: "plain/x", Body: []byte("a secret\nbroken secret"), Keep: true})
	r.take(intake.Delivery{Source: "plain/x", Body: []byte("a secret\nbroken"), Keep: true})
	r.text(`{"id":"1","source":"app/x","occurred_at":"2026-03-01T00:00:00Z","actor":{"type":"user","id":"secret"},"action":"a.b","category":"data","outcome":"success"}`)
	masked := 0
	for rec, err := range r.trail.Records(context.Background(), 0, r.trail.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(rec.Body, []byte("secret")) {
			t.Errorf("%s", rec.Body)
		}
		if bytes.Contains(rec.Body, []byte("[masked]")) {
			masked++
		}
	}
	if masked < 4 {
		t.Errorf("%d records have the mask", masked)
	}
}

// Equal raws at two positions are two records, whether they can be read or not,
// and one that is not whole says so.
func TestPositionsOfWhatCannotBeRead(t *testing.T) {
	r := openPlain(t, nil)
	bad := []byte("bad \xff")
	d := intake.Delivery{Source: "plain/x", Raws: [][]byte{bad, bad, []byte("half a li")},
		IDs: []string{"c/1", "c/2", "c/3"}, Broken: []string{"it is bad", "it is bad", "it broke off"}}
	if a := r.take(d); a.Accepted != 3 || a.Unmapped != 3 {
		t.Errorf("%+v", a)
	}
	if a := r.take(d); a.Duplicates != 3 || a.Accepted != 0 {
		t.Errorf("again: %+v", a)
	}
	got := r.records("plain/x")
	if len(got) != 3 || !strings.Contains(string(got[2].Body), `"outcome_reason":"it broke off"`) || !strings.Contains(string(got[2].Body), intake.UnmappedID("c/3")) {
		t.Errorf("%d records, the last %s", len(got), got[len(got)-1].Body)
	}
}

// An event whose time is when it came, since it brings none, is the same event
// when it comes again later. One that only has the same id is another.
func TestSameRawAgain(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	timeless := plain
	timeless.Map = func(raw []byte, now time.Time) (event.Event, error) {
		return event.Event{OccurredAt: now.UTC(), Actor: event.Actor{Type: event.User, ID: "ana"},
			Action: "a.b", Category: event.Data, Outcome: event.Success, Raw: raw}, nil
	}
	r := openPlain(t, nil)
	r.Intake = intake.New(intake.Config{Trail: r.trail, Kinds: []source.Kind{timeless}, Now: func() time.Time { return now }})
	f := func(raw string, accepted, duplicates, refused int) {
		t.Helper()
		a := r.take(intake.Delivery{Source: "plain/x", Raws: [][]byte{[]byte(raw)}, IDs: []string{"host/7"}})
		if a.Accepted != accepted || a.Duplicates != duplicates || len(a.Refused) != refused {
			t.Errorf("%s: %+v", raw, a)
		}
		now = now.Add(time.Hour)
	}
	f("one", 1, 0, 0)
	f("one", 0, 1, 0)
	f("two", 0, 0, 1)
	f("one", 0, 1, 0)
}

// Events in the schema that bring no id get that of their place, if there is one.
func TestPlaceOfEventsInTheSchema(t *testing.T) {
	r := openPlain(t, nil)
	raw := `{"occurred_at":"2026-03-01T00:00:00Z","actor":{"type":"user","id":"u"},"action":"a.b","category":"data","outcome":"success"}`
	for i := range 2 {
		a := r.take(intake.Delivery{Source: "app/x", Raws: [][]byte{[]byte(raw), []byte(raw)}, IDs: []string{`say "7"`, ""}})
		if a.Accepted != 2-i || a.Duplicates != i || a.Receipts[0].ID != `say "7"` {
			t.Errorf("%+v", a)
		}
	}
}

// A delivery that has a name is known by it: with the same one it was sent
// again, with another one it is another, whatever it holds.
func TestNamedDeliveries(t *testing.T) {
	r := openPlain(t, nil)
	f := func(d intake.Delivery, accepted, duplicates int) {
		t.Helper()
		if a := r.take(d); a.Accepted != accepted || a.Duplicates != duplicates || len(a.Refused) > 0 {
			t.Errorf("%+v; want %d accepted, %d duplicates", a, accepted, duplicates)
		}
	}
	for _, body := range []string{"beat", "bad \xff"} {
		f(intake.Delivery{Source: "plain/x", Body: []byte(body), Name: "run-1/1" + body}, 1, 0)
		f(intake.Delivery{Source: "plain/x", Body: []byte(body), Name: "run-1/1" + body}, 0, 1)
		f(intake.Delivery{Source: "plain/x", Body: []byte(body), Name: "run-1/2" + body}, 1, 0)
	}
	event := []byte(`{"occurred_at":"2026-03-01T00:00:00Z","actor":{"type":"user","id":"ana"},"action":"a.b","category":"data","outcome":"success"}`)
	f(intake.Delivery{Source: "app/x", Body: event, Name: "run-1/1"}, 1, 0)
	f(intake.Delivery{Source: "app/x", Body: event, Name: "run-1/1"}, 0, 1)
	f(intake.Delivery{Source: "app/x", Body: event, Name: "run-1/2"}, 1, 0)
}
