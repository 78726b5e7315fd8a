// Package poll is the way in for systems that have to be asked: a Connector
// drives the source.Pull of one source and hands what it fetched to the intake.
//
// A cursor moves only after every event of its page was acknowledged by the
// trail, and is itself a record of the trail (cursor.move): whoever has the
// trail knows how far each source was read, and a connector that was killed goes
// on where it was. What it fetches twice is a duplicate by its id.
//
// A second pass goes over the recent past again and again, for events that
// appear late, behind the cursor: what it finds is counted and recorded as
// source.late. It also runs while the first one cannot get on.
//
// Nothing blocks a source for ever: every request has a time limit, every wait
// a bound, a cursor that goes in circles is an error. A page that stays broken
// is kept as it came, as unmapped, and is gone past (source.skip). A cursor that
// the source does not take any more is replaced by one of an earlier time. If what
// comes after it cannot be read, it is kept and asked for again, for ever, with
// waits between (source.fail, source.recover): a stretch of time is never jumped
// over.
//
// Credentials come from the environment, from files or from AWS's own chain,
// and stand in no record, log or error. docs/connectors.md is for those who run
// connectors.
package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/state"
)

// actor is who the records of connectors are by.
const actor = "evident.poll"

// Limits of a connector.
const (
	maxPages    = 10_000 // of one round
	pageTimeout = 10 * time.Minute
	brokenTries = 4 // before a broken page is kept as it is
	failTries   = 3 // rounds that fail before it is recorded
	firstPause  = 5 * time.Second
	longPause   = 10 * time.Minute
	quietRecord = time.Hour
	minRewind   = time.Hour
	defaultWait = 5 * time.Minute // if the kind does not say how often
)

// Config is what a Connector works with.
type Config struct {
	Source string // such as okta/acme
	// Stream is what of the source is fetched, if it takes several connectors.
	Stream string
	Kind   source.Kind // has a Pull
	Client *Client
	// Settings are those of source.API.
	Settings map[string]string
	// Begin is where a source begins that was never read; zero: now.
	Begin time.Time
	// Every and Lag, if not zero, replace those of the kind.
	Every, Lag time.Duration
	Trail      Trail
	Log        *slog.Logger // nothing is logged if nil
}

// Trail is what a connector knows of the trail.
type Trail struct {
	// Take stores a delivery: intake.Intake.Take.
	Take func(ctx context.Context, d *intake.Delivery, a *intake.Answer) error
	// Cursor is state.State.Cursor of what is in force.
	Cursor func(source, stream string) (state.Cursor, bool)
	// Record records an act; it returns when it is durable.
	Record func(ctx context.Context, a state.Act) error
}

// A Connector reads one source. Run is to be called once; Status may be called
// at any time.
type Connector struct {
	cfg    Config
	api    *source.API
	answer *source.Response // the last that was 2xx, of the page being fetched

	begun    bool
	cursor   string
	moved    time.Time // when the cursor was moved before the start
	fresh    int       // events that were not there before
	recorded time.Time // when the cursor was recorded last
	newest   time.Time // when the newest event of the first pass happened
	due      time.Time // when the second pass is

	first, second pass

	good    time.Time // when the source took the cursor last
	rewound bool      // it began again before the failure that lasts
	failing time.Time // since when; zero: it is not
	told    bool      // the failure was recorded

	mu     sync.Mutex
	status Status // guarded by mu
}

// A Status says how a connector does.
type Status struct {
	Source, Stream, Cursor string
	// LastSuccess is when everything that there was had been read, Newest when
	// the newest event of it happened; zero: not yet.
	LastSuccess, Newest time.Time
	// Next is when it asks again.
	Next time.Time
	// Failures is how many rounds failed since, LastError why the last did.
	Failures  int
	LastError string
	// Counts since the start.
	Pages, Events, Accepted, Duplicates, Unmapped, Conflicts, Late, Skipped int
}

// New returns a Connector.
func New(c Config) (*Connector, error) {
	if err := event.ValidSource(c.Source); err != nil {
		return nil, err
	}
	if c.Kind.Pull == nil || c.Client == nil {
		return nil, fmt.Errorf("connect %s: %s has no API that is read", c.Source, c.Kind.Name)
	}
	if c.Every == 0 {
		c.Every = c.Kind.Pull.Every
	}
	if c.Every <= 0 {
		c.Every = defaultWait
	}
	if c.Lag == 0 {
		c.Lag = c.Kind.Pull.Lag
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k := &Connector{cfg: c, api: c.Client.API(c.Settings), status: Status{Source: c.Source, Stream: c.Stream}}
	do := k.api.Do
	k.api.Do = func(r *http.Request) (*source.Response, error) {
		resp, err := do(r)
		if err == nil {
			k.answer = resp
		}
		return resp, err
	}
	return k, nil
}

// Status returns how the connector does.
func (k *Connector) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Run reads the source until ctx ends.
func (k *Connector) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := k.forward(ctx)
		if expired(err) && k.Status().Failures+1 >= failTries && !k.rewound {
			k.rewound = true
			err = k.rewind(ctx)
		}
		now := k.api.Now()
		if k.begun && k.cfg.Lag > 0 && !now.Before(k.due) {
			if late := k.again(ctx); late != nil && err == nil {
				err = late
			}
			k.due = now.Add(max(k.cfg.Lag/4, k.cfg.Every))
		}
		if ctx.Err() != nil {
			return
		}
		pause := k.settle(ctx, err)
		k.note(func(s *Status) { s.Next = k.api.Now().Add(pause) })
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// begin takes up the cursor where the trail says it is. Where a source begins
// that was never read is recorded too: it must not begin later after a restart.
func (k *Connector) begin(ctx context.Context) error {
	if c, ok := k.cfg.Trail.Cursor(k.cfg.Source, k.cfg.Stream); ok {
		k.cursor, k.moved, k.good, k.begun = c.Cursor, c.Moved, c.Moved, true
		k.note(func(s *Status) { s.Cursor = k.cursor })
		return nil
	}
	if k.cfg.Begin.IsZero() {
		k.cfg.Begin = k.api.Now()
	}
	err := k.move(ctx, k.cfg.Kind.Pull.From(k.cfg.Begin), false)
	k.begun = err == nil
	return err
}

// settle notes how a round ended and returns how long to wait for the next. A
// failure that lasts is recorded, and so is its end.
func (k *Connector) settle(ctx context.Context, err error) time.Duration {
	now := k.api.Now()
	noted := state.SourceNoted{Source: k.cfg.Source, Stream: k.cfg.Stream, Cursor: k.cfg.Client.Mask(k.cursor)}
	if err == nil {
		if k.told {
			noted.Since = &k.failing
			k.record(ctx, state.NewSourceNote(actor, state.ActionSourceRecover, "", noted))
		}
		k.failing, k.told, k.rewound, k.good = time.Time{}, false, false, now
		k.note(func(s *Status) { s.LastSuccess, s.Newest, s.Failures, s.LastError = now, k.newest, 0, "" })
		return k.cfg.Every
	}
	text := k.cfg.Client.Mask(err.Error())
	failures := 0
	k.note(func(s *Status) { s.Failures++; s.LastError = text; failures = s.Failures })
	if k.failing.IsZero() {
		k.failing = now
	}
	k.cfg.Log.WarnContext(ctx, "source cannot be read", "source", k.cfg.Source, "stream", k.cfg.Stream, "tries", failures, "error", text)
	if failures >= failTries && !k.told {
		noted.Since, noted.Tries = &k.failing, failures
		k.told = k.record(ctx, state.NewSourceNote(actor, state.ActionSourceFail, text, noted))
	}
	var later *Later
	if errors.As(err, &later) {
		return max(later.At.Sub(now), time.Second)
	}
	return backoff(firstPause, longPause, failures)
}

// record records what the connector did. If it cannot be recorded the trail
// takes nothing, and the events that it is about will say so.
func (k *Connector) record(ctx context.Context, a state.Act) bool {
	err := k.cfg.Trail.Record(ctx, a)
	if err != nil {
		k.cfg.Log.ErrorContext(ctx, "act not recorded", "action", a.Action, "source", k.cfg.Source, "error", err)
	}
	return err == nil
}

func (k *Connector) note(change func(*Status)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.status)
}
