// Package acts is the way in for what people and the system itself do in
// Evident: making a key, running a check. An act is held against the state that
// is in force, becomes a record of source evident, and is in force itself when
// that record is durable. There is no other way to change the state, and no
// other copy of it than the trail.
//
// What acts mean is package state's.
package acts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/state"
	"example.com/evident/trail"
)

// A Book knows what is in force and records what changes it. Its methods may
// be called concurrently.
type Book struct {
	trail *trail.Trail
	now   func() time.Time
	state atomic.Pointer[state.State]
	mu    sync.Mutex // one act at a time: the next is held against the state after this one
}

// Open folds the acts in t. It takes as long as there are acts, not as the trail
// is long. now is time.Now if nil.
func Open(ctx context.Context, t *trail.Trail, now func() time.Time) (*Book, error) {
	if now == nil {
		now = time.Now
	}
	b := &Book{trail: t, now: now}
	s, err := fold(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("fold state: %w", err)
	}
	b.state.Store(&s)
	return b, nil
}

// State returns what is in force.
func (b *Book) State() state.State { return *b.state.Load() }

// A Receipt says where an act stands in the trail.
type Receipt struct {
	Seq  uint64
	Leaf proof.Hash
	At   time.Time // when it was done
}

// Refused is an act that the state does not admit; nothing was recorded.
type Refused struct{ Err error }

func (e *Refused) Error() string { return e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }

// Record records a, and returns when it is durable and in force.
func (b *Book) Record(ctx context.Context, a state.Act) (Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now().UTC()
	e, err := a.Event(now)
	if err != nil {
		return Receipt{}, &Refused{err}
	}
	current := b.State()
	r := state.Record{Seq: max(current.Next, b.trail.Size()), At: now, Action: e.Action, Outcome: e.Outcome, Actor: e.Actor, Detail: e.Detail}
	if _, err := state.Apply(current, r); err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // the number of a record that there will not be says nothing
		}
		return Receipt{}, &Refused{err}
	}
	res, err := b.append(ctx, &e)
	if err != nil {
		return Receipt{}, fmt.Errorf("record %s: %w", a.Action, err)
	}
	if res.Status == trail.Appended {
		r.Seq = res.Seq
		next, err := state.Apply(current, r)
		if err != nil {
			panic(fmt.Sprintf("bug: %s was admitted and is refused: %v", a.Action, err))
		}
		b.state.Store(&next)
	}
	return Receipt{Seq: res.Seq, Leaf: res.Leaf, At: now}, nil
}

func (b *Book) append(ctx context.Context, e *event.Event) (trail.Result, error) {
	body := e.AppendJSON(nil)
	fields, err := proof.ParseBody(body)
	if err != nil {
		return trail.Result{}, err
	}
	results, err := b.trail.Append(ctx, []trail.Draft{{
		Body: body, Fields: fields, Source: e.Source, ID: e.ID, OccurredAt: e.OccurredAt,
		Category: string(e.Category), Action: e.Action, Outcome: string(e.Outcome),
	}})
	if err != nil {
		return trail.Result{}, err
	}
	if results[0].Status == trail.Conflict {
		return trail.Result{}, fmt.Errorf("record %d has the id %s and another meaning", results[0].Seq, e.ID)
	}
	return results[0], nil
}

// fold reads every act there is, in order.
func fold(ctx context.Context, t *trail.Trail) (state.State, error) {
	var s state.State
	for rec, err := range t.Own(ctx, t.Size()) {
		if err != nil {
			return s, err
		}
		if !state.Concerns(rec.Header.Action) {
			continue
		}
		if rec.Body == nil {
			return s, fmt.Errorf("record %d: its body has expired, but acts must not", rec.Header.Seq)
		}
		r, err := state.FromBody(rec.Header.Seq, rec.Body)
		if err != nil {
			return s, err
		}
		if s, err = state.Apply(s, r); err != nil {
			return s, err
		}
	}
	return s, nil
}
