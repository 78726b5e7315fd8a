package state_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/evident/state"
)

func TestCursorsStandWhereTheyWereMovedLast(t *testing.T) {
	move := func(seq uint64, source, stream, cursor string) state.Record {
		return record(t, seq, state.ActionCursorMove, state.CursorMoved{Source: source, Stream: stream, Cursor: cursor})
	}
	s1 := apply(t, state.State{}, move(0, "okta/acme", "", "a"))
	s2 := apply(t, s1, move(1, "aws.cloudtrail/prod", "AWSLogs/1/", "k1"))
	s3 := apply(t, s2, move(2, "okta/acme", "", "b"))
	if c, ok := s3.Cursor("okta/acme", ""); !ok || c.Cursor != "b" || c.Seq != 2 || c.Moved.IsZero() {
		t.Errorf("cursor %+v", c)
	}
	if c, _ := s1.Cursor("okta/acme", ""); c.Cursor != "a" {
		t.Error("Apply changed the state that it was given")
	}
	if _, ok := s3.Cursor("aws.cloudtrail/prod", ""); ok {
		t.Error("a cursor of another stream")
	}
	if all := s3.Cursors(); len(all) != 2 || all[0].Source != "aws.cloudtrail/prod" {
		t.Errorf("cursors %+v", all)
	}
	for what, d := range map[string]state.CursorMoved{
		"source":        {Source: "okta", Cursor: "a"},
		`found "evide`:  {Source: "evident/x", Cursor: "a"},
		"cursor: found": {Source: "okta/acme", Cursor: strings.Repeat("a", state.MaxCursorBytes+1)},
		"stream: found": {Source: "okta/acme", Stream: strings.Repeat("a", 2000)},
	} {
		if _, err := state.Apply(s3, record(t, 9, state.ActionCursorMove, d)); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestManyCursors: every one stands where it was moved last, in every State.
func TestManyCursors(t *testing.T) {
	var s, half state.State
	const streams = 700
	for i := range 2 * streams {
		s = apply(t, s, record(t, uint64(i), state.ActionCursorMove, state.CursorMoved{Source: "files/x", Stream: fmt.Sprint(i % streams), Cursor: fmt.Sprint(i)}))
		if i == streams-1 {
			half = s
		}
	}
	for i := range streams {
		a, _ := half.Cursor("files/x", fmt.Sprint(i))
		b, _ := s.Cursor("files/x", fmt.Sprint(i))
		if a.Cursor != fmt.Sprint(i) || b.Cursor != fmt.Sprint(i+streams) {
			t.Fatalf("stream %d: %s, then %s", i, a.Cursor, b.Cursor)
		}
	}
	if len(s.Cursors()) != streams {
		t.Errorf("%d cursors", len(s.Cursors()))
	}
}
