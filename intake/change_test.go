package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/trail"
)

// states is a kind whose raws are "thing state hour"; timeless without an hour.
func states(timeless bool) source.Kind {
	k := lines
	k.Name = "states"
	k.Map = func(raw []byte, now time.Time) (event.Event, error) {
		words := strings.Fields(string(raw))
		e := event.Event{
			ID: string(raw), OccurredAt: now, Actor: event.Actor{Type: event.User, ID: "ana"}, Action: "x.y",
			Category: event.Data, Outcome: event.Success, Detail: []byte(`{"a":1}`), Raw: raw,
		}
		if !timeless {
			var hour int
			if _, err := fmt.Sscan(words[2], &hour); err != nil {
				return e, err
			}
			e.OccurredAt = time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC)
		}
		return e, nil
	}
	k.Change = &source.Change{Timeless: timeless, Of: func(raw []byte) (string, []byte) {
		words := bytes.Fields(raw)
		if len(words) < 2 {
			return "", nil
		}
		return string(words[0]), fmt.Appendf(nil, `{"is":%q}`, words[1])
	}}
	return k
}

// showing opens an intake of states over a trail in dir.
func showing(t *testing.T, dir string, timeless bool) *rig {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Hour); return now }
	return &rig{intake.New(intake.Config{Trail: tr, Kinds: []source.Kind{states(timeless)}, Now: clock}), tr, t}
}

// show sends raws and returns id and detail of each record that came of them.
func (r *rig) show(raws ...string) (out []string) {
	r.t.Helper()
	size := r.trail.Size()
	a := r.take(intake.Delivery{Source: "states/x", Body: []byte(strings.Join(raws, "\n"))})
	if len(a.Refused) != 0 {
		r.t.Fatalf("%+v", a)
	}
	for rec, err := range r.trail.Records(r.t.Context(), size, r.trail.Size()) {
		if err != nil {
			r.t.Fatal(err)
		}
		e, err := event.Parse(rec.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, e.ID+" "+strings.TrimPrefix(string(e.Detail), `{"a":1`))
	}
	return out
}

func (r *rig) want(got []string, want ...string) {
	r.t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		r.t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func diff(before, from, to string) string {
	return fmt.Sprintf(`,"diff":{"before":%q,"changes":[{"path":"/is","from":%q,"to":%q}]}}`, before, from, to)
}

func TestDifferencesToTheStateBefore(t *testing.T) {
	dir := t.TempDir()
	r := showing(t, dir, false)
	r.want(r.show("a red 1", "b red 1", "a blue 2"), "a red 1 }", "b red 1 }", "a blue 2 "+diff("a red 1", "red", "blue"))
	r.want(r.show("a green 4"), "a green 4 "+diff("a blue 2", "blue", "green"))
	r.want(r.show("a blue 2", "a red 1"))    // sent again
	r.want(r.show("a grey 3"), "a grey 3 }") // late: what it is held against is not known
	r.want(r.show("a green 5"), `a green 5 ,"diff":{"before":"a green 4","changes":[]}}`)
	if err := r.trail.Close(); err != nil {
		t.Fatal(err)
	}
	r = showing(t, dir, false) // folded from the trail
	defer r.trail.Close()
	r.want(r.show("a pink 6", "b blue 2"), "a pink 6 "+diff("a green 5", "green", "pink"), "b blue 2 "+diff("b red 1", "red", "blue"))
}

func TestThingsWithoutTimesComeBackToWhatTheyWere(t *testing.T) {
	dir := t.TempDir()
	r := showing(t, dir, true)
	r.want(r.show("a red", "b red"), "a red }", "b red }")
	r.want(r.show("a red", "b red")) // the next export, unchanged
	r.want(r.show("a blue"), "a blue "+diff("a red", "red", "blue"))
	back := r.show("a red", "b red")
	if len(back) != 1 || !strings.HasPrefix(back[0], "a red/") || !strings.HasSuffix(back[0], diff("a blue", "blue", "red")) {
		t.Errorf("%q", back)
	}
	if err := r.trail.Close(); err != nil {
		t.Fatal(err)
	}
	r = showing(t, dir, true)
	defer r.trail.Close()
	r.want(r.show("a red", "b red"))
}

func TestStatesAreFoldedAgainAfterAFailure(t *testing.T) {
	r := showing(t, t.TempDir(), false)
	defer r.trail.Close()
	r.show("a red 1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var a intake.Answer
	if err := r.Take(ctx, &intake.Delivery{Source: "states/x", Body: []byte("a blue 2")}, &a); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	r.want(r.show("a green 3"), "a green 3 "+diff("a red 1", "red", "green"))
}
