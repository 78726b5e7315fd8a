// Package state folds the trail's own records, those of source evident, into
// what is in force: the API keys, who made and revoked them, and how far each
// source was read, and which accounts somebody has linked to a person.
//
// There is no table behind it. The same records give the same State, on any
// machine; a State is thrown away and folded again whenever that is easier.
// It reads no clock, no file and no randomness: what it needs of them comes in
// the records. Who keeps the State of a running server, and appends to it, is
// package acts.
package state

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/evident/event"
	"example.com/evident/identity"
)

// Source is the source of the trail's own records. No sender may name it.
const Source = "evident"

// Record is what state needs of one record of the trail.
type Record struct {
	Seq     uint64
	At      time.Time // occurred_at: the same when the act is checked and when it is folded again
	Action  string
	Outcome event.Outcome
	Actor   event.Actor
	Detail  []byte // a JSON object or nil
}

// FromBody returns what state needs of record seq.
func FromBody(seq uint64, body []byte) (Record, error) {
	e, err := event.Parse(body)
	if err != nil {
		return Record{}, fmt.Errorf("record %d: %w", seq, err)
	}
	return Record{Seq: seq, At: e.OccurredAt, Action: e.Action, Outcome: e.Outcome, Actor: e.Actor, Detail: e.Detail}, nil
}

// State is what is in force after the records before number Next. It is
// immutable: Apply returns another one. The zero State is that of an empty trail.
type State struct {
	Next uint64 // every record of source evident below it is in the State
	keys map[string]Key
	// links is what is in force of whose accounts are, each person and account once.
	links   []identity.Link
	cursors cursors
}

// actions lists what changes a State, for Concerns and Apply.
var actions = []string{ActionKeyCreate, ActionKeyRevoke, ActionCursorMove, ActionPersonLink, ActionPersonUnlink}

// Concerns reports whether records of this action can change a State, so that
// a reader may pass over whole segments that hold none of them.
func Concerns(action string) bool { return slices.Contains(actions, action) }

// Apply returns s with r in force. It is pure. An error means that r should
// never have been admitted; the writer calls Apply before it appends, so a
// record of the trail with an error is proof of tampering or of a bug. Records
// of other actions, and acts that did not succeed, change nothing but Next.
func Apply(s State, r Record) (State, error) {
	if r.Seq < s.Next {
		return s, fmt.Errorf("record %d: comes after record %d", r.Seq, s.Next-1)
	}
	next := s
	next.Next = r.Seq + 1
	if r.Outcome != event.Success {
		return next, nil
	}
	var err error
	switch r.Action {
	case ActionKeyCreate:
		next.keys = clone(s.keys)
		err = next.createKey(r)
	case ActionKeyRevoke:
		next.keys = clone(s.keys)
		err = next.revokeKey(r)
	case ActionCursorMove:
		err = next.moveCursor(r)
	case ActionPersonLink:
		err = next.linkPerson(r)
	case ActionPersonUnlink:
		err = next.unlinkPerson(r)
	}
	if err != nil {
		return s, fmt.Errorf("record %d: %w", r.Seq, err)
	}
	return next, nil
}

// clone returns a map of its own, so that Apply does not change what it was given.
func clone[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}
