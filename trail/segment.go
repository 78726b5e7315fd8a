package trail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/evident/proof"
)

// A segment is a sealed stretch of the trail, in files that are never written
// again.
type segment struct {
	first, until uint64
	headers      *headerFile
	bodies       *bodyFile // nil: expired
}

func (s *segment) close() error {
	err := s.headers.file.Close()
	if s.bodies != nil {
		err = errors.Join(err, s.bodies.close())
	}
	return err
}

// Names of a segment's files. The number is the seq of its first record.
func headersName(first uint64) string { return fmt.Sprintf("%020d.headers", first) }
func bodiesName(first uint64, class string) string {
	return fmt.Sprintf("%020d.bodies-%s", first, class)
}
func manifestName(first uint64) string { return fmt.Sprintf("%020d.manifest", first) }

// class is the one retention class that there is so far.
const class = "standard"

// An openSegment is a stretch of the trail that lies in a log.
type openSegment struct {
	wal   *wal
	first uint64
	last  proof.Hash // leaf of the last record; owned by the appender
	began time.Time  // when its first record came; owned by the appender

	// Guarded by Trail.mu.
	places []place
	ids    [][16]byte
	own    []uint64 // records of source evident
	counts counts
	at     span

	// reading is held while somebody reads the log; retired says that the
	// records are in a sealed segment now, and the log is used for others.
	reading sync.RWMutex
	retired bool
}

type countKey struct{ source, action string }

// A count is how many records of one source and action there are, and when
// they happened.
type count struct {
	records  uint64
	occurred span
}

type counts map[countKey]*count

// add counts h. A new key is a copy: h may lie in memory of the sender's.
func (c counts) add(h *proof.Header) {
	n, ok := c[countKey{h.Source, h.Action}]
	if !ok {
		n = &count{}
		c[countKey{strings.Clone(h.Source), strings.Clone(h.Action)}] = n
	}
	n.records++
	n.occurred.add(h.OccurredAt)
}

// of returns the number of records of one source and action.
func (c counts) of(source, action string) uint64 {
	if n, ok := c[countKey{source, action}]; ok {
		return n.records
	}
	return 0
}

// A span is the earliest and the latest of some times.
type span struct{ first, last time.Time }

func (s *span) add(t time.Time) {
	if s.first.IsZero() || t.Before(s.first) {
		s.first = t
	}
	if s.last.IsZero() || t.After(s.last) {
		s.last = t
	}
}

func newOpenSegment(w *wal, last proof.Hash) *openSegment {
	return &openSegment{wal: w, first: w.first, last: last, counts: counts{}}
}

// add notes a record that is durable in the log.
func (s *openSegment) add(p place, leaf proof.Hash, h *proof.Header) {
	s.places = append(s.places, p)
	s.ids = append(s.ids, h.ID)
	if h.Source == ownSource {
		s.own = append(s.own, h.Seq)
	}
	s.counts.add(h)
	s.at.add(h.At)
	s.last = leaf
	if s.began.IsZero() {
		s.began = h.At
	}
}

func (s *openSegment) until() uint64 { return s.first + uint64(len(s.places)) }

// maxOverfull is how many times as large as wanted a segment may grow, while the
// one before it is being sealed, before appends wait.
const maxOverfull = 4

// current returns the segment that takes the next records, after closing the
// one that is full. A segment is closed only when the sealing of the one before
// is recorded in it: so a segment cannot be described anew later (docs/format.md
// section 6.5).
func (t *Trail) current() (*openSegment, error) {
	s := t.active()
	if !t.full(s, 1) {
		return s, nil
	}
	for deadline := time.After(10 * time.Second); ; {
		t.mu.Lock()
		waiting, recorded, fewer, failed := len(t.open) > 1, t.recorded == len(t.manifests), t.fewer, t.failed
		t.mu.Unlock()
		switch {
		case failed != nil:
			return nil, failed
		case !waiting && recorded:
			return t.roll()
		case !waiting || !t.full(s, maxOverfull):
			return s, nil // it also takes the record of the sealing
		}
		select {
		case <-fewer:
		case <-deadline:
			return nil, unavailable(fmt.Errorf("the segment before record %d is still being sealed", s.first))
		}
	}
}

// full reports whether s is times as large as a segment is to be.
func (t *Trail) full(s *openSegment, times int) bool {
	return len(s.places) >= times*t.cfg.SealRecords || s.wal.end >= int64(times)*t.cfg.SealBytes
}

// active is the segment that takes records. Only the appender changes which
// that is.
func (t *Trail) active() *openSegment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[len(t.open)-1]
}

// roll closes the active segment and begins the next.
func (t *Trail) roll() (*openSegment, error) {
	if err := t.cfg.Fault("write", walName(t.size)); err != nil {
		return nil, unavailable(err)
	}
	w, err := createWAL(t.walDir(), t.size, t.takeSpare())
	if err != nil {
		return nil, unavailable(err)
	}
	// Dying here leaves an empty log behind the full one: recovery goes on in it.
	t.mu.Lock()
	s := newOpenSegment(w, t.open[len(t.open)-1].last)
	t.open = append(t.open, s)
	t.mu.Unlock()
	select {
	case t.rolled <- struct{}{}:
	default:
	}
	return s, nil
}

// rollOld closes the active segment if it is full, or old and holds more than
// records of sealing, which would otherwise make new segments for ever.
func (t *Trail) rollOld() error {
	s := t.active()
	others := uint64(len(s.places)) - s.counts.of(ownSource, actionSeal) - s.counts.of(ownSource, actionCheck)
	t.mu.Lock()
	sealed := len(t.open) == 1 && t.recorded == len(t.manifests)
	t.mu.Unlock()
	if others == 0 || !sealed || !t.full(s, 1) && t.cfg.Now().Sub(s.began) < t.cfg.SealAge {
		return nil
	}
	_, err := t.roll()
	return err
}

// takeSpare returns a log that can be used again, or "".
func (t *Trail) takeSpare() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spares) == 0 {
		return ""
	}
	name := t.spares[len(t.spares)-1]
	t.spares = t.spares[:len(t.spares)-1]
	return name
}

// retire gives the log of a segment that is sealed now back for use.
func (t *Trail) retire(s *openSegment) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.retired = true
	name := s.wal.name
	if err := s.wal.file.Close(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spares) >= 2 || s.wal.space.Load() > 2*t.cfg.SealBytes {
		return os.Remove(name)
	}
	spare := filepath.Join(t.walDir(), fmt.Sprintf("spare-%d", s.first))
	if err := os.Rename(name, spare); err != nil {
		return err
	}
	t.spares = append(t.spares, spare)
	return nil
}

func (t *Trail) dropSpares() error {
	var errs []error
	for _, name := range t.spares {
		errs = append(errs, os.Remove(name))
	}
	t.spares = nil
	return errors.Join(errs...)
}

func (t *Trail) walDir() string     { return filepath.Join(t.cfg.Dir, "wal") }
func (t *Trail) segmentDir() string { return filepath.Join(t.cfg.Dir, "segments") }

// segmentOf returns the sealed segment that holds seq, or nil. t.mu is held.
func (t *Trail) segmentOf(seq uint64) *segment {
	i, found := slices.BinarySearchFunc(t.sealed, seq, func(s *segment, seq uint64) int {
		switch {
		case s.until <= seq:
			return -1
		case s.first > seq:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return t.sealed[i]
}
