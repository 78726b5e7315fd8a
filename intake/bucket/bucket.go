// Package bucket is the way in for what systems deliver as objects: CloudTrail
// and Config to S3, exports into a folder. Each object is one delivery, read in
// parts, so that its size costs no memory. Plain objects and gzip are read.
//
// A Connector lists a prefix from its cursor on. The cursor names the last
// object that is in the trail with all objects before it, and is itself a record
// of the trail (cursor.move). A second pass goes over the recent past for objects
// that appear late, behind the cursor, or were written again; the events that it
// finds are counted and recorded as source.late.
//
// An object that cannot be read as what it should be is tried again, then kept
// as it came, as unmapped, and gone past (source.skip).
//
// A Store is what objects lie in: S3 and whatever speaks as it does, or a folder
// of files. docs/connectors.md is for those who run connectors.
package bucket

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/state"
)

// actor is who the records of connectors are by.
const actor = "evident.bucket"

// Limits of a connector.
const (
	groupObjects  = 64 // between two moves of a cursor
	workers       = 8  // objects that are read at once
	partEvents    = 1000
	partBytes     = 4 << 20
	maxObject     = 16 << 30 // bytes of an object, unpacked
	objectTimeout = 15 * time.Minute
	listTimeout   = 2 * time.Hour // of one pass over one stream
	objectTries   = 4             // before a broken object is kept as it is
	failTries     = 3             // rounds that fail before it is recorded
	maxStreams    = 10_000
	maxDepth      = 12      // of folders above the days
	maxSeen       = 1 << 20 // objects that the second pass knows
	firstPause    = 5 * time.Second
	longPause     = 10 * time.Minute
	defaultWait   = 5 * time.Minute
	defaultLag    = 36 * time.Hour
)

// An Object is something in a Store.
type Object struct {
	Key, ETag string // the ETag changes when the object is written again
	Size      int64
	Modified  time.Time
}

// A Store is a bucket, or a folder of files.
type Store interface {
	// List yields the objects whose keys begin with prefix and are greater than
	// after, in the order of their keys. After an error it yields nothing more.
	List(ctx context.Context, prefix, after string) iter.Seq2[Object, error]
	// Folders returns the keys up to the next slash that begin with prefix,
	// which ends with a slash or is empty. Each ends with a slash.
	Folders(ctx context.Context, prefix string) ([]string, error)
	// Open returns an object's bytes and its own metadata, names in lower case,
	// and its ETag as "etag" if it has one. The error is fs.ErrNotExist if it is
	// not there.
	Open(ctx context.Context, key string) (io.ReadCloser, map[string]string, error)
}

// metaETag is the name by which Open returns an ETag.
const metaETag = "etag"

// Config is what a Connector works with.
type Config struct {
	Source string // such as aws.cloudtrail/prod
	Kind   source.Kind
	Store  Store
	Prefix string // of keys; empty: all
	// Dated says that the objects lie in folders of years, months and days, as
	// AWS delivers them. Each folder that has such is a stream with a cursor of
	// its own. Otherwise all is one stream, and new objects are those with
	// greater keys.
	Dated bool
	// Match says which keys are read; nil: all.
	Match func(key string) bool
	// Begin is the day on which a stream begins that was never read; zero: with
	// the oldest there is.
	Begin time.Time
	// Every is how long to wait after all was read, Lag how late an object may
	// appear; five minutes and 36 hours if zero.
	Every, Lag time.Duration
	Trail      Trail
	Log        *slog.Logger // nothing is logged if nil
}

// Trail is what a connector knows of the trail, and of time.
type Trail struct {
	// Take stores a delivery: intake.Intake.Take.
	Take func(ctx context.Context, d *intake.Delivery, a *intake.Answer) error
	// Cursor is state.State.Cursor of what is in force.
	Cursor func(source, stream string) (state.Cursor, bool)
	// Record records an act; it returns when it is durable.
	Record func(ctx context.Context, a state.Act) error
	Now    func() time.Time // time.Now if nil
}

// A Connector reads one bucket. One Run or Round at a time; Status at any time.
type Connector struct {
	cfg     Config
	seed    maphash.Seed // of what is in no record
	cursors map[string]position
	due     time.Time // when the second pass is
	failing time.Time // since when; zero: it is not
	told    bool      // the failure was recorded

	mu     sync.Mutex // guards what follows
	seen   map[uint64]time.Time
	tried  map[string]int // of objects that could not be read
	status Status
}

// A Status says how a connector does.
type Status struct {
	Source string
	// LastSuccess is when everything that there was had been read.
	LastSuccess time.Time
	Next        time.Time // when it looks again
	Failures    int       // rounds that failed since
	LastError   string
	LastKey     string
	// Counts since the start.
	Streams, Objects, Accepted, Duplicates, Unmapped, Conflicts, Late, Skipped int
}

// New returns a Connector.
func New(c Config) (*Connector, error) {
	if err := event.ValidSource(c.Source); err != nil {
		return nil, err
	}
	if c.Kind.Split == nil || c.Store == nil {
		return nil, fmt.Errorf("connect %s: a kind and a store are required", c.Source)
	}
	if c.Every == 0 {
		c.Every = defaultWait
	}
	if c.Lag == 0 {
		c.Lag = defaultLag
	}
	if c.Trail.Now == nil {
		c.Trail.Now = time.Now
	}
	if c.Match == nil {
		c.Match = func(string) bool { return true }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Connector{
		cfg: c, seed: maphash.MakeSeed(), cursors: map[string]position{}, seen: map[uint64]time.Time{}, tried: map[string]int{}, status: Status{Source: c.Source},
	}, nil
}

// Status returns how the connector does.
func (k *Connector) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Run reads the bucket until ctx ends.
func (k *Connector) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := k.Round(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := k.settle(ctx, err)
		k.note(func(s *Status) { s.Next = k.cfg.Trail.Now().Add(pause) })
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
}

// Round reads what there is, and goes over the recent past when that is due.
// One stream that fails keeps none of the others waiting.
func (k *Connector) Round(ctx context.Context) error {
	streams, err := k.streams(ctx)
	if err != nil {
		return err
	}
	k.note(func(s *Status) { s.Streams = len(streams) })
	now := k.cfg.Trail.Now().UTC()
	second := !now.Before(k.due)
	for _, s := range streams {
		limited, cancel := context.WithTimeout(ctx, listTimeout)
		failed := k.forward(limited, s, now)
		if failed == nil && second {
			failed = k.again(limited, s, now)
		}
		cancel()
		if failed != nil && err == nil {
			err = failed
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if second {
		k.forget(now.Add(-k.cfg.Lag - 24*time.Hour))
		k.due = now.Add(max(k.cfg.Lag/72, k.cfg.Every))
	}
	return err
}

// settle notes how a round ended and returns how long to wait for the next. A
// failure that lasts is recorded, and so is its end.
func (k *Connector) settle(ctx context.Context, err error) time.Duration {
	now := k.cfg.Trail.Now()
	noted := state.SourceNoted{Source: k.cfg.Source}
	if err == nil {
		if k.told {
			since := k.failing
			noted.Since = &since
			k.record(ctx, state.NewSourceNote(actor, state.ActionSourceRecover, "", noted))
		}
		k.failing, k.told = time.Time{}, false
		k.note(func(s *Status) { s.LastSuccess, s.Failures, s.LastError = now, 0, "" })
		return k.cfg.Every
	}
	failures := 0
	k.note(func(s *Status) { s.Failures++; s.LastError = err.Error(); failures = s.Failures })
	if k.failing.IsZero() {
		k.failing = now
	}
	k.cfg.Log.WarnContext(ctx, "bucket cannot be read", "source", k.cfg.Source, "tries", failures, "error", err)
	if failures >= failTries && !k.told {
		since := k.failing
		noted.Since, noted.Tries = &since, failures
		k.told = k.record(ctx, state.NewSourceNote(actor, state.ActionSourceFail, err.Error(), noted))
	}
	pause := longPause
	if failures < 16 {
		pause = min(firstPause<<(failures-1), longPause)
	}
	return pause - rand.N(pause/2)
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
