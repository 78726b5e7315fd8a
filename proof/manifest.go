package proof

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Manifest describes a sealed segment (format.md section 5). It was written and
// chained when the segment was sealed, so what it says about times was said
// before anybody knew which records would be asked for.
type Manifest struct {
	Format     string          `json:"format"`
	Origin     string          `json:"origin"`
	Segment    uint64          `json:"segment"`
	First      uint64          `json:"first"` // its records are First ≤ seq < Until
	Until      uint64          `json:"until"`
	Previous   Hash            `json:"previous"` // hash of the manifest before
	Root       Hash            `json:"root"`     // of the tree of size Until
	At         Span            `json:"at"`
	Counts     []Count         `json:"counts"` // sorted by source, then action
	Files      json.RawMessage `json:"files"`  // docs/storage.md; not looked at here
	Checkpoint string          `json:"checkpoint"`
}

// Span is the earliest and the latest of some times, in UTC.
type Span struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Count is the number of records of one source and action, and when they
// happened: one source that is late does not widen the times of the others.
type Count struct {
	Source     string `json:"source"`
	Action     string `json:"action"`
	Records    uint64 `json:"records"`
	OccurredAt Span   `json:"occurred_at"`
}

// ManifestFormat is the Format of every manifest.
const ManifestFormat = "evident.segment/1"

// Append appends the manifest as one line of JSON, without a line feed.
func (m *Manifest) Append(b []byte) ([]byte, error) {
	line, err := encode(m)
	if err != nil {
		return b, fmt.Errorf("encode manifest: %w", err)
	}
	return append(b, line...), nil
}

// HashManifest returns the hash of a manifest's bytes, as the next one's
// Previous and the record of its sealing name it.
func HashManifest(line []byte) Hash { return sha256.Sum256(line) }

// ParseManifest reads one manifest.
func ParseManifest(line []byte) (m Manifest, err error) {
	if err := decode(line, &m); err != nil {
		return m, fmt.Errorf("parse manifest: %w", err)
	}
	if len(line) > maxManifest || m.Format != ManifestFormat || !m.inUTC() || !plainFiles(m.Files) {
		return m, errors.New("parse manifest: want format " + ManifestFormat + ", times in UTC, and files of plain members")
	}
	return m, nil
}

// plainFiles reports whether files is in the one form that it has for whoever
// does not look at it: a list of objects of plain names, strings and numbers.
func plainFiles(files []byte) bool {
	var list []map[string]json.RawMessage
	if json.Unmarshal(files, &list) != nil {
		return false
	}
	for _, f := range list {
		for name, value := range f {
			if name == "" || len(name) > 64 || !onlyWords(name, "_") || value[0] != '"' && (value[0] < '0' || value[0] > '9') {
				return false
			}
		}
	}
	return !slices.ContainsFunc(list, func(f map[string]json.RawMessage) bool { return f == nil })
}

func (m *Manifest) inUTC() bool {
	times := []time.Time{m.At.First, m.At.Last}
	for _, c := range m.Counts {
		times = append(times, c.OccurredAt.First, c.OccurredAt.Last)
	}
	return inUTC(times...)
}

// Touches reports whether the segment may hold a record of the window from ≤ t
// < until, by "at" or by "occurred_at".
func (m *Manifest) Touches(by string, from, until time.Time) bool {
	touches := func(s Span) bool { return !s.Last.Before(from) && s.First.Before(until) }
	if by == "at" {
		return touches(m.At)
	}
	return slices.ContainsFunc(m.Counts, func(c Count) bool { return touches(c.OccurredAt) })
}

// consistent reports whether a manifest agrees with itself: the counts add up,
// and its checkpoint states its own root (whose signature is another matter).
func (m *Manifest) consistent() bool {
	left := m.Until - m.First
	for i, c := range m.Counts {
		if i > 0 && cmp.Or(cmp.Compare(m.Counts[i-1].Source, c.Source), cmp.Compare(m.Counts[i-1].Action, c.Action)) >= 0 || c.Records > left {
			return false
		}
		left -= c.Records
	}
	end := strings.LastIndex(m.Checkpoint, "\n\n") + 1
	return m.First < m.Until && left == 0 && end > 0 && m.Checkpoint[:end] == Checkpoint{m.Origin, m.Until, m.Root}.Text()
}

// encode writes v as one line of JSON with no more escapes than it needs.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// decode reads JSON into v and refuses what encoding/json would let pass: names
// that stand twice, differ in case, are unknown or missing, null in place of a
// value, and numbers or times in another form. What v holds is written again:
// what does not come out as it went in was not well formed.
func decode(b []byte, v any) error {
	limits := docLimits(b)
	limits.fields = math.MaxInt
	fields, err := scan(nil, b, limits)
	if err != nil {
		return err
	}
	for _, f := range fields {
		if c := f.Value[0]; c == 'n' {
			return errors.New("decode: null in place of a value")
		} else if c == '-' || '0' <= c && c <= '9' {
			if _, err := parseUint(string(f.Value)); err != nil {
				return err
			}
		}
	}
	if err := json.Unmarshal(b, v); err != nil {
		return err
	}
	again, err := encode(v)
	if err != nil {
		return err
	}
	var in, out any
	for _, doc := range []struct {
		from []byte
		to   *any
	}{{b, &in}, {again, &out}} {
		d := json.NewDecoder(bytes.NewReader(doc.from))
		d.UseNumber() // digits are compared, not values
		if err := d.Decode(doc.to); err != nil {
			return err
		}
	}
	if !reflect.DeepEqual(in, out) {
		return errors.New("decode: a member too many, too few or in another form")
	}
	return nil
}

func inUTC(times ...time.Time) bool {
	return !slices.ContainsFunc(times, func(t time.Time) bool {
		return t.Location() != time.UTC || t.Year() < 1970 || t.Year() > 2261
	})
}
