package poll

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/state"
)

// A pass goes over a source's pages.
type pass struct {
	broken int // how often the page that it is at came broken
}

// errCircle says that a source's cursors lead to where they came from.
var errCircle = errors.New("the source says that there is more, and gives a cursor that it gave before")

// forward is the first pass: page after page until there is no more.
func (k *Connector) forward(ctx context.Context) error {
	if !k.begun {
		if err := k.begin(ctx); err != nil {
			return err
		}
	}
	seen := map[string]bool{k.cursor: true}
	for range maxPages {
		page, err := k.fetch(ctx, k.cursor, &k.first)
		if err != nil {
			return err
		}
		before := k.fresh
		if _, err := k.take(ctx, page, &k.first); err != nil {
			return err
		}
		if page.Next != "" && page.Next != k.cursor {
			if err := k.move(ctx, page.Next, k.fresh == before); err != nil {
				return err
			}
		} else if page.More {
			return errCircle
		}
		if !page.More {
			return nil
		}
		if seen[k.cursor] {
			return errCircle
		}
		seen[k.cursor] = true
	}
	return nil // the next round goes on
}

// move records that everything before cursor is in the trail, and goes there. A
// cursor that moves with the clock, quietly, over what brings nothing new is
// recorded once an hour: reading that again after a restart does no harm.
func (k *Connector) move(ctx context.Context, cursor string, quiet bool) error {
	if k.cfg.Client.Mask(cursor) != cursor {
		return errors.New("move cursor: the source put a credential into it, and a cursor is recorded")
	}
	if now := k.api.Now(); !quiet || now.Sub(k.recorded) >= quietRecord {
		if err := k.cfg.Trail.Record(ctx, state.NewCursorMove(actor, k.cfg.Source, k.cfg.Stream, cursor)); err != nil {
			return fmt.Errorf("move cursor: %w", err)
		}
		k.recorded = now
	}
	k.cursor, k.good = cursor, k.api.Now()
	k.note(func(s *Status) { s.Cursor = cursor })
	return nil
}

// expired reports whether a source says that it does not know what it was asked
// for: the cursors of some are good for a while only.
func expired(err error) bool {
	var status *source.StatusError
	if !errors.As(err, &status) {
		return false
	}
	switch status.Response.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// rewind goes back to a time before the source took the cursor last. What is
// read again are duplicates; nothing is passed over.
func (k *Connector) rewind(ctx context.Context) error {
	back := k.good.Add(-max(k.cfg.Lag, minRewind))
	if back.Before(k.cfg.Begin) {
		back = k.cfg.Begin
	}
	if err := k.move(ctx, k.cfg.Kind.Pull.From(back), false); err != nil {
		return err
	}
	return k.forward(ctx)
}

// again is the second pass, over the recent past. It moves no cursor, and what
// it finds behind the newest event of the first pass came late.
func (k *Connector) again(ctx context.Context) error {
	from := k.api.Now().Add(-k.cfg.Lag)
	if from.Before(k.cfg.Begin) {
		from = k.cfg.Begin
	}
	newest := k.newest // of the first pass
	defer func() { k.newest = newest }()
	behind := newest
	if k.moved.After(behind) {
		behind = k.moved
	}
	noted := state.SourceNoted{Source: k.cfg.Source, Stream: k.cfg.Stream}
	defer func() {
		if noted.Events > 0 {
			k.note(func(s *Status) { s.Late += noted.Events })
			k.record(context.WithoutCancel(ctx), state.NewSourceNote(actor, state.ActionSourceLate, "", noted))
		}
	}()
	cursor, seen := k.cfg.Kind.Pull.From(from), map[string]bool{}
	for range maxPages {
		page, err := k.fetch(ctx, cursor, &k.second)
		if err != nil {
			return err
		}
		stored, err := k.take(ctx, page, &k.second)
		if err != nil {
			return err
		}
		for _, at := range stored {
			if !at.After(behind) {
				noted.Add(at)
			}
		}
		if !page.More {
			return nil
		}
		if page.Next == cursor || seen[page.Next] {
			return errCircle
		}
		seen[cursor], cursor = true, page.Next
	}
	return nil
}

// fetch asks for a page. One that cannot be read whole is an error until it
// came so often enough; then what came is kept as it is.
func (k *Connector) fetch(ctx context.Context, cursor string, p *pass) (source.Page, error) {
	limited, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	k.answer = nil
	page, err := k.cfg.Kind.Pull.Page(limited, k.api, cursor)
	var later *Later
	var status *source.StatusError
	if err == nil || k.answer == nil || errors.As(err, &later) || errors.As(err, &status) || limited.Err() != nil {
		return page, err
	}
	// It answered, but what came after it cannot be told from the answer: there
	// is no way on but to ask again.
	if p.broken++; p.broken == brokenTries {
		d := intake.Delivery{Source: k.cfg.Source, Body: k.answer.Body, Keep: true}
		var a intake.Answer
		if len(d.Body) > 0 {
			if takeErr := k.cfg.Trail.Take(ctx, &d, &a); takeErr != nil {
				return page, takeErr
			}
			k.count(&a)
		}
	}
	return page, fmt.Errorf("read page: %w", err)
}

// take stores the events of a page, and returns when those happened that were
// not there before.
func (k *Connector) take(ctx context.Context, page source.Page, p *pass) (stored []time.Time, err error) {
	k.note(func(s *Status) { s.Pages++ })
	if len(page.Delivery) == 0 {
		return nil, nil
	}
	d := intake.Delivery{Source: k.cfg.Source, Raws: [][]byte{}, Actor: event.Actor{Type: event.ActorSystem, ID: actor}}
	for raw, err := range k.cfg.Kind.Split(bytes.NewReader(page.Delivery)) {
		if err != nil {
			if p.broken++; p.broken < brokenTries {
				return nil, fmt.Errorf("read page: %w", err) // it may come whole the next time
			}
			return nil, k.keep(ctx, page, p, err)
		}
		d.Raws = append(d.Raws, raw)
	}
	p.broken = 0
	var a intake.Answer
	if err := k.cfg.Trail.Take(ctx, &d, &a); err != nil {
		return nil, err
	}
	k.count(&a)
	return k.times(&d, &a), nil
}

// keep stores a page that stays broken as it came, and lets the pass go on.
func (k *Connector) keep(ctx context.Context, page source.Page, p *pass, cause error) error {
	d := intake.Delivery{Source: k.cfg.Source, Body: page.Delivery, Keep: true}
	var a intake.Answer
	if err := k.cfg.Trail.Take(ctx, &d, &a); err != nil {
		return err
	}
	k.count(&a)
	k.note(func(s *Status) { s.Skipped++ })
	noted := state.SourceNoted{Source: k.cfg.Source, Stream: k.cfg.Stream, Cursor: k.cfg.Client.Mask(k.cursor), Tries: p.broken}
	p.broken = 0
	return k.cfg.Trail.Record(ctx, state.NewSourceNote(actor, state.ActionSourceSkip, k.cfg.Client.Mask(cause.Error()), noted))
}

func (k *Connector) count(a *intake.Answer) {
	k.fresh += a.Accepted
	k.note(func(s *Status) {
		s.Events += a.Accepted + a.Duplicates + len(a.Refused)
		s.Accepted += a.Accepted
		s.Duplicates += a.Duplicates
		s.Unmapped += a.Unmapped
		s.Conflicts += len(a.Refused)
	})
}

// times returns when the events happened that are new, and notes the newest of
// all. Mapping them a second time costs little beside fetching them.
func (k *Connector) times(d *intake.Delivery, a *intake.Answer) (stored []time.Time) {
	fresh := make(map[string]bool, a.Accepted)
	for _, r := range a.Receipts {
		if !r.Duplicate {
			fresh[r.ID] = true
		}
	}
	now := k.api.Now()
	for _, raw := range d.Raws {
		e, mapped := k.cfg.Kind.Event(k.cfg.Source, func() string { return "?" }, raw, now)
		if !mapped {
			continue
		}
		if fresh[e.ID] {
			stored = append(stored, e.OccurredAt)
		}
		if e.OccurredAt.After(k.newest) && !e.OccurredAt.After(now) {
			k.newest = e.OccurredAt
		}
	}
	return stored
}
