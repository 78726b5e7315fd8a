package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ActionCursorMove says that everything which a source sent up to a cursor is
// in the trail: the next fetch begins there.
const ActionCursorMove = "cursor.move"

// Limits of a cursor, and of how many a State holds.
const (
	MaxCursorBytes = 8 << 10
	maxStreamBytes = 1 << 10
	maxCursors     = 100_000
)

// CursorMoved is the detail of cursor.move.
type CursorMoved struct {
	Source string `json:"source"`
	// Stream is what of the source the cursor is of: a folder of a bucket, a
	// file. Empty: there is only one.
	Stream string `json:"stream,omitempty"`
	Cursor string `json:"cursor"` // means something to who wrote it, and to nobody else
}

// A Cursor is how far a source was read, as it stands in the trail.
type Cursor struct {
	Source, Stream, Cursor string
	Moved                  time.Time
	Seq                    uint64 // of its cursor.move
}

// stream is what a cursor is of.
type stream struct{ source, name string }

// cursors are those of all streams. There may be many, and they move often, so
// that a State shares most of them with the one before: those in recent hide
// those in base.
type cursors struct{ base, recent map[stream]Cursor }

// maxRecent is how many cursors are copied for every move.
const maxRecent = 256

func (c cursors) get(k stream) (Cursor, bool) {
	if v, ok := c.recent[k]; ok {
		return v, true
	}
	v, ok := c.base[k]
	return v, ok
}

// with returns c with one cursor moved; c stays as it is.
func (c cursors) with(k stream, v Cursor) cursors {
	next := cursors{base: c.base, recent: clone(c.recent)}
	next.recent[k] = v
	if len(next.recent) > maxRecent {
		next.base = clone(c.base)
		maps.Copy(next.base, next.recent)
		next.recent = nil
	}
	return next
}

// Cursor returns how far a stream of a source was read; false if it never was.
func (s State) Cursor(source, name string) (Cursor, bool) {
	return s.cursors.get(stream{source, name})
}

// Cursors returns every cursor, by source, then stream.
func (s State) Cursors() []Cursor {
	all := clone(s.cursors.base)
	maps.Copy(all, s.cursors.recent)
	return slices.SortedFunc(maps.Values(all), func(a, b Cursor) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Stream, b.Stream))
	})
}

func (s *State) moveCursor(r Record) error {
	var d CursorMoved
	if err := unmarshal(r.Detail, &d); err != nil {
		return err
	}
	kind, name, _ := strings.Cut(d.Source, "/")
	if !isPart(kind, "._") || kind == Source || !isPart(name, "._-") {
		return fmt.Errorf("source: found %q; expected one such as okta/acme", d.Source)
	}
	if len(d.Stream) > maxStreamBytes || !utf8.ValidString(d.Stream) {
		return fmt.Errorf("stream: found %d bytes; expected at most %d, of UTF-8", len(d.Stream), maxStreamBytes)
	}
	if len(d.Cursor) > MaxCursorBytes || !utf8.ValidString(d.Cursor) {
		return fmt.Errorf("cursor: found %d bytes; expected at most %d, of UTF-8", len(d.Cursor), MaxCursorBytes)
	}
	k := stream{d.Source, d.Stream}
	if _, ok := s.cursors.get(k); !ok && len(s.cursors.base) >= maxCursors {
		return fmt.Errorf("cursor: there are %d; no more can be held", maxCursors)
	}
	s.cursors = s.cursors.with(k, Cursor{Source: d.Source, Stream: d.Stream, Cursor: d.Cursor, Moved: r.At, Seq: r.Seq})
	return nil
}
