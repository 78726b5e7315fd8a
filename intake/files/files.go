// Package files is the way in for logs that lie on the machine's own disks: it
// follows files as they grow, notices that they are rotated, cut or gone, and
// hands each line, verbatim, to package intake.
//
// It looks every second and needs no notifications, which not every file system
// gives. How far each file was read is a record of the trail (cursor.move), as
// is everything that happens to a file (file.rotate, file.truncate,
// file.vanish). Each line is known by the file that it stands in and by its
// place there, so that a line which is read twice is one record.
package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/state"
)

// Acts of a Tailer, and who does them.
const (
	ActionRotate   = "file.rotate"   // another file has taken the place of one that was read
	ActionTruncate = "file.truncate" // a file is shorter than what was read of it, or begins otherwise
	ActionVanish   = "file.vanish"   // a file is gone, and none has taken its place

	actor = "evident.files"
)

// Defaults of a Config, and what it cannot change.
const (
	defaultEvery     = time.Second
	defaultMoveEvery = 30 * time.Second
	defaultMaxBytes  = 1 << 20
	maxFiles         = 1000
	settleLooks      = 5 // a rotated file that was quiet for as many looks has its last line
)

// A Config says what a Tailer reads. Source, Paths and Trail are required.
type Config struct {
	Source string
	Paths  []string // of files; may be patterns of filepath.Match
	Trail  Trail
	// Every is how often it looks; a second if zero. MoveEvery is how often at
	// most it records how far a file was read, 30 seconds if zero.
	Every, MoveEvery time.Duration
	// MaxBytes of a line; of a longer one the beginning is kept, as unmapped; 1
	// MiB if zero, at most source.MaxEventBytes.
	MaxBytes int
	// Zone is that of times which come without one; nil: UTC.
	Zone *time.Location
	Log  *slog.Logger // nothing is logged if nil
}

// Trail is what a Tailer knows of the trail.
type Trail struct {
	// Take stores a delivery: intake.Intake.Take.
	Take func(ctx context.Context, d *intake.Delivery, a *intake.Answer) error
	// Cursor is state.State.Cursor of what is in force.
	Cursor func(source, stream string) (state.Cursor, bool)
	// Record records an act; it returns when it is durable.
	Record func(ctx context.Context, a state.Act) error
}

// A Tailer follows files. Run is to be called once; Status may be called at any
// time.
type Tailer struct {
	cfg   Config
	log   *slog.Logger
	tails map[string]*tail // of paths, what lies there now
	old   []*tail          // what lay there and may have more lines
	many  bool             // too many files; it was said

	mu     sync.Mutex
	status Status
}

// Status is what a Tailer has done since it was made.
type Status struct {
	Lines, Bytes, Unmapped, Cut  uint64
	Rotated, Truncated, Vanished uint64
	Files                        []FileStatus // by path
	Failure                      string       // of the last look; empty: none
	Looked                       time.Time
	TooMany                      bool // there are more files than are followed
}

// FileStatus is how far a file was read.
type FileStatus struct {
	Path         string
	Read, Length int64 // bytes
}

// New returns a Tailer.
func New(c Config) (*Tailer, error) {
	if err := event.ValidSource(c.Source); err != nil {
		return nil, fmt.Errorf("follow files: %w", err)
	}
	if len(c.Paths) == 0 {
		return nil, errors.New("follow files: paths: required")
	}
	for _, p := range c.Paths {
		if _, err := filepath.Match(p, ""); err != nil || !filepath.IsAbs(p) {
			return nil, fmt.Errorf("follow files: path: found %q, expected an absolute path or pattern", p)
		}
	}
	c.Every = cmp.Or(c.Every, defaultEvery)
	c.MoveEvery = cmp.Or(c.MoveEvery, defaultMoveEvery)
	c.MaxBytes = cmp.Or(c.MaxBytes, defaultMaxBytes)
	if c.MaxBytes < 1 || c.MaxBytes > source.MaxEventBytes {
		return nil, fmt.Errorf("follow files: max bytes: found %d, expected 1 to %d", c.MaxBytes, source.MaxEventBytes)
	}
	t := &Tailer{cfg: c, log: c.Log, tails: map[string]*tail{}}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	return t, nil
}

// Run follows the files until ctx ends, then records how far each was read and
// returns nil. What cannot be read or stored now is tried again.
func (t *Tailer) Run(ctx context.Context) error {
	defer t.close()
	tick := time.NewTicker(t.cfg.Every)
	defer tick.Stop()
	for {
		err := t.look(ctx)
		if ctx.Err() == nil {
			t.report(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return t.moveAll()
		}
	}
}

// look goes once over all files.
func (t *Tailer) look(ctx context.Context) error {
	paths, errs := t.paths()
	for _, path := range paths {
		if err := t.follow(ctx, path); err != nil {
			errs = append(errs, err)
		}
	}
	for path, tl := range t.tails {
		if !slices.Contains(paths, path) {
			errs = append(errs, t.gone(ctx, path, tl))
		}
	}
	for _, tl := range slices.Concat(t.old, slices.Collect(values(t.tails))) {
		if ctx.Err() != nil {
			break
		}
		if err := t.read(ctx, tl); err != nil {
			errs = append(errs, err)
			continue
		}
		if time.Since(tl.moved) >= t.cfg.MoveEvery {
			errs = append(errs, t.move(ctx, tl))
		}
	}
	t.retire(ctx, &errs)
	return errors.Join(errs...)
}

// paths lists the files that there are.
func (t *Tailer) paths() (paths []string, errs []error) {
	for _, pattern := range t.cfg.Paths {
		found, err := filepath.Glob(pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("list files: %w", err))
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if t.many = len(paths) > maxFiles; t.many {
		errs = append(errs, fmt.Errorf("list files: found %d; only the first %d are followed", len(paths), maxFiles))
		paths = paths[:maxFiles]
	}
	return paths, errs
}

// follow opens what lies at path if that is not what lay there before.
func (t *Tailer) follow(ctx context.Context, path string) error {
	before := t.tails[path]
	if before != nil {
		same, err := before.stillThere()
		if same || err != nil {
			return err
		}
		// A file that other patterns find under its new name would be read under
		// both; its lines have the same ids under either.
		if err := t.act(ctx, ActionRotate, before, map[string]any{"read": before.offset, "next": "a new file"}); err != nil {
			return err
		}
		t.count(func(s *Status) { s.Rotated++ })
		before.rotated = time.Now()
		t.old = append(t.old, before)
		delete(t.tails, path)
	}
	tl, err := openTail(path)
	if err != nil || tl == nil {
		return err
	}
	if before == nil {
		if err := t.resume(ctx, tl); err != nil {
			tl.file.Close()
			return err
		}
	} else if err := t.between(ctx, path, before, tl); err != nil {
		t.log.Warn("rotated files not read", "path", path, "error", err.Error())
	}
	tl.moved = time.Now()
	t.tails[path] = tl
	return nil
}

// resume goes to where the file at a path was read up to.
func (t *Tailer) resume(ctx context.Context, tl *tail) error {
	c, ok := t.cfg.Trail.Cursor(t.cfg.Source, tl.path)
	if !ok {
		return nil
	}
	p, err := parsePosition(c.Cursor)
	if err != nil {
		return fmt.Errorf("follow %s: %w", tl.path, err)
	}
	if tl.same(&p) {
		tl.position = p // if it was cut in the meantime, that is noticed when it is read
		return nil
	}
	// Another file lies there: what is left of the old one is read first.
	siblings, err := siblingsOf(tl.path, c.Moved.Add(-t.cfg.MoveEvery))
	if err != nil {
		return err
	}
	found := false
	for _, s := range siblings {
		switch {
		case s.same(&p):
			found, s.position = true, p
		case s.identity == tl.identity || s.born < p.Born:
			s.file.Close()
			continue
		}
		s.path, s.rotated, s.moved = tl.path, time.Now(), time.Now()
		t.old = append(t.old, s)
	}
	t.count(func(s *Status) { s.Rotated++ })
	return t.act(ctx, ActionRotate, &tail{path: tl.path, position: p}, map[string]any{
		"read": p.Offset, "next": "a new file, found at the start", "rest_found": found,
	})
}

// between finds files that came and went at path since the last look.
func (t *Tailer) between(_ context.Context, path string, before, now *tail) error {
	siblings, err := siblingsOf(path, before.looked)
	if err != nil {
		return err
	}
	for _, s := range siblings {
		known := s.identity == now.identity || slices.ContainsFunc(t.old, func(o *tail) bool { return o.identity == s.identity })
		if known || s.born < before.born {
			s.file.Close()
			continue
		}
		s.path, s.rotated, s.moved = path, time.Now(), time.Now()
		t.old = append(t.old, s)
	}
	return nil
}

// gone notes that nothing lies at path any more.
func (t *Tailer) gone(ctx context.Context, path string, tl *tail) error {
	if tl.vanished.IsZero() {
		tl.vanished = time.Now()
	}
	// Between renaming and making a file there is none for a moment.
	if time.Since(tl.vanished) < t.settle() {
		return nil
	}
	if err := t.act(ctx, ActionVanish, tl, map[string]any{"read": tl.offset}); err != nil {
		return err
	}
	t.count(func(s *Status) { s.Vanished++ })
	tl.rotated = tl.vanished
	t.old = append(t.old, tl)
	delete(t.tails, path)
	return nil
}

func (t *Tailer) settle() time.Duration { return settleLooks * t.cfg.Every }

// retire lets go of rotated files that were read to their end.
func (t *Tailer) retire(ctx context.Context, errs *[]error) {
	t.old = slices.DeleteFunc(t.old, func(tl *tail) bool {
		if !tl.atEnd || time.Since(tl.rotated) < t.settle() || time.Since(tl.grown) < t.settle() {
			return false
		}
		// The last line of a file that nobody writes to needs no end.
		if err := t.take(ctx, tl, true); err != nil {
			*errs = append(*errs, err)
			return false
		}
		tl.file.Close()
		return true
	})
}

// act records what happened to a file.
func (t *Tailer) act(ctx context.Context, action string, tl *tail, detail map[string]any) error {
	detail["source"] = t.cfg.Source
	detail["file"] = tl.key()
	err := t.cfg.Trail.Record(ctx, state.Act{
		Action: action, Category: event.System, Actor: event.Actor{Type: event.ActorSystem, ID: actor},
		Target: event.Target{Type: "file", ID: tl.path}, Detail: detail,
	})
	if err != nil {
		return fmt.Errorf("record %s of %s: %w", action, tl.path, err)
	}
	t.log.Info(action, "path", tl.path, "read", tl.offset, "source", t.cfg.Source)
	return nil
}

// move records how far a file was read. A path has one cursor: as long as what
// lay there has more lines, it is that file's.
func (t *Tailer) move(ctx context.Context, tl *tail) error {
	first := slices.IndexFunc(t.old, func(o *tail) bool { return o.path == tl.path })
	if !tl.dirty || first >= 0 && t.old[first] != tl {
		return nil
	}
	if err := t.cfg.Trail.Record(ctx, state.NewCursorMove(actor, t.cfg.Source, tl.path, tl.position.String())); err != nil {
		return fmt.Errorf("move cursor of %s: %w", tl.path, err)
	}
	tl.dirty, tl.moved = false, time.Now()
	return nil
}

// moveAll records where everything ends, when the Tailer stops.
func (t *Tailer) moveAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	for _, tl := range slices.Concat(t.old, slices.Collect(values(t.tails))) {
		errs = append(errs, t.move(ctx, tl))
	}
	return errors.Join(errs...)
}

func (t *Tailer) close() {
	for _, tl := range slices.Concat(t.old, slices.Collect(values(t.tails))) {
		tl.file.Close()
	}
}

func (t *Tailer) count(change func(s *Status)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.status)
}

// report notes how the last look went.
func (t *Tailer) report(err error) {
	var list []FileStatus
	for _, tl := range t.tails {
		list = append(list, FileStatus{Path: tl.path, Read: tl.offset, Length: tl.length})
	}
	slices.SortFunc(list, func(a, b FileStatus) int { return cmp.Compare(a.Path, b.Path) })
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	t.count(func(s *Status) {
		if failure != "" && failure != s.Failure {
			t.log.Warn("follow files", "source", t.cfg.Source, "error", failure)
		}
		s.Files, s.Failure, s.Looked, s.TooMany = list, failure, time.Now(), t.many
	})
}

// Status returns what t has done so far.
func (t *Tailer) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	s.Files = slices.Clone(s.Files)
	return s
}
