package event_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
	"pgregory.net/rapid"
)

// text draws strings with all that is hard to write: quotes, controls, marks of
// direction, and often nothing.
func text() *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringMatching(`[\x00-\x1f"\\/<>&\x{2028}\x{202e}é😀]{0,8}`))
}

func anyEvent(t *rapid.T) event.Event {
	s := func(name string) string { return text().Draw(t, name) }
	e := event.Event{
		ID:         rapid.StringN(1, 100, 512).Draw(t, "id"),
		Source:     rapid.SampledFrom([]string{"evident", "app/billing", "aws.cloudtrail/prod-1"}).Draw(t, "source"),
		OccurredAt: time.Unix(rapid.Int64Range(0, 9_214_646_399).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC(),
		Actor: event.Actor{
			Type: rapid.SampledFrom(event.ActorTypes).Draw(t, "type"), ID: "i" + s("actor.id"), Name: s("name"),
			Email: rapid.SampledFrom([]string{"", "a@b", "ana.lima+x@acme.example"}).Draw(t, "email"), Role: s("role"), Session: s("session"),
			MFA: rapid.Ptr(rapid.Bool(), true).Draw(t, "mfa"),
		},
		Action: rapid.StringMatching(`[a-z0-9_]{1,10}(\.[a-z0-9_]{1,10}){0,3}`).Draw(t, "action"), NativeAction: s("native"),
		Category: rapid.SampledFrom(event.Categories).Draw(t, "category"), Outcome: rapid.SampledFrom(event.Outcomes).Draw(t, "outcome"),
		OutcomeCode: s("code"), OutcomeReason: s("reason"),
		Where: event.Where{IP: rapid.SampledFrom([]string{"", "203.0.113.7", "::1"}).Draw(t, "ip"), UserAgent: s("agent"), Host: s("host"), Region: s("region"), Account: s("account")},
		Why: event.Why{Ticket: s("ticket"), Approval: s("approval"), Change: s("change"), Session: s("why.session"), Incident: s("incident"),
			Policy: s("policy"), Reason: s("why.reason")},
		RequestID: s("request"), TraceID: s("trace"),
		Raw: rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(text(), func(s string) []byte { return []byte(s) })).Draw(t, "raw"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "targets") {
		e.Targets = append(e.Targets, event.Target{Type: s("t.type"), ID: "x" + s("t.id"), Name: s("t.name")})
	}
	if rapid.Bool().Draw(t, "detailed") {
		e.Detail = json.RawMessage(rapid.SampledFrom([]string{`{}`, `{"a":1}`, ` { "a" : [ 1 , {"b":"\u00e9"} ] , "" : null } `}).Draw(t, "detail"))
	}
	return e
}

func same(t rapid.TB, a, b event.Event) {
	t.Helper()
	if x, y := a.AppendJSON(nil), b.AppendJSON(nil); !bytes.Equal(x, y) {
		t.Fatalf("two events:\n%s\n%s", x, y)
	}
}

// TestRoundTrip holds that an event is the same after it was written and read by
// either way, and that what is written is acceptable to the trail.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		body := e.AppendJSON(nil)
		fields, err := proof.ParseBody(body)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		flat, err := event.FromFields(fields)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		parsed, err := event.Parse(body)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if !flat.OccurredAt.Equal(e.OccurredAt) || !bytes.Equal(flat.Raw, e.Raw) {
			t.Fatalf("time or raw changed\n%s", body)
		}
		e.Detail = bytes.TrimSpace(e.Detail)
		same(t, e, parsed)
		e.Detail = nil
		same(t, e, flat)
	})
}

// TestNoTwoEventsHaveOneBody holds that what differs in an event differs in its
// bytes.
func TestNoTwoEventsHaveOneBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyEvent(t)
		b := a
		switch rapid.IntRange(0, 4).Draw(t, "change") {
		case 0:
			b.Actor.Name += "x"
		case 1:
			b.Raw = append(bytes.Clone(a.Raw), 'x')
		case 2:
			b.OccurredAt = a.OccurredAt.Add(1)
		case 3:
			b.Targets = append(append([]event.Target{}, a.Targets...), event.Target{ID: "y"})
		case 4:
			b.Why.Reason, b.Why.Policy = b.Why.Policy+"x", b.Why.Reason
		}
		if bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil)) {
			t.Fatalf("%s", a.AppendJSON(nil))
		}
	})
}

// FuzzFromFields holds that both ways of reading agree on any body that the trail
// takes, and that an event that was read is read the same from what it writes.
func FuzzFromFields(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(full))
	for _, c := range refused {
		if !strings.Contains(c.new, long) {
			f.Add([]byte(strings.Replace(minimal, c.old, c.new, 1)))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := proof.ParseBody(body)
		parsed, errParse := event.Parse(body)
		if err != nil {
			if errParse == nil && !strings.Contains(err.Error(), "fields") { // the trail has limits that Parse has not
				t.Fatalf("the trail refuses what Parse takes: %v\n%s", err, body)
			}
			return
		}
		flat, errFlat := event.FromFields(fields)
		if errParse != nil && strings.HasPrefix(errParse.Error(), "detail: found an array") {
			return // an array with objects in it, which flat fields cannot tell from an object
		}
		if (errFlat == nil) != (errParse == nil) {
			t.Fatalf("FromFields says %v, Parse says %v\n%s", errFlat, errParse, body)
		}
		if errFlat != nil {
			return
		}
		again, err := event.Parse(parsed.AppendJSON(nil))
		if err != nil {
			t.Fatalf("%v\n%s", err, parsed.AppendJSON(nil))
		}
		same(t, parsed, again)
		parsed.Detail = nil
		same(t, flat, parsed)
	})
}

func BenchmarkFromFields(b *testing.B) {
	fields, err := proof.ParseBody([]byte(full))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.FromFields(fields); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(fields)), "fields")
}

func BenchmarkAppendJSON(b *testing.B) {
	e, err := event.Parse([]byte(full))
	if err != nil {
		b.Fatal(err)
	}
	var body []byte
	b.ReportAllocs()
	for b.Loop() {
		body = e.AppendJSON(body[:0])
	}
}
