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
	"strconv"
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

// segment is a manifest, without what is not needed to the end.
type segment struct {
	Manifest
	hash      Hash
	spared    bool // its records all lie outside the window
	late      bool // it was sealed too late for that to be believed
	disproved bool // the tree at its end or a header of it is not as it says
}

// readSegments reads the manifests, each of which names the hash of the one
// before.
func (v *verifier) readSegments() (all []segment, err error) {
	const file = "manifests.jsonl"
	lines := v.pack.lines(file)
	var last segment
	for lines.Scan() {
		m, err := ParseManifest(lines.Bytes())
		follows := m.Segment == uint64(len(all)) && m.First == last.Until && m.Previous == last.hash && m.Until <= v.tree.Size && !m.At.First.Before(last.At.Last)
		if err := cmp.Or(
			require(err == nil, file, "is not well formed"),
			require(m.Origin == v.info.Origin, file, "does not belong to this trail"),
			require(follows && m.consistent(), file, "does not fit"),
		); err != nil {
			return all, err
		}
		last = segment{Manifest: m, hash: HashManifest(lines.Bytes()), spared: !m.Touches(v.info.Window.By, v.info.Window.From, v.info.Window.Until)}
		last.Counts, last.Files = nil, nil // checked, and not needed to the end
		all = append(all, last)
	}
	return all, lines.end()
}

// passSegment holds a header, or after a gap nil, and the tree that ends with it
// against the segment that they lie in.
func (v *verifier) passSegment(tree *Tree, h *Header) {
	for len(v.ahead) > 0 && v.ahead[0].Until < tree.Size() {
		v.ahead = v.ahead[1:]
	}
	if len(v.ahead) == 0 {
		return
	}
	s := &v.ahead[0]
	unlike := h != nil && (s.spared && v.info.Window.holds(h) || h.At.Before(s.At.First) || h.At.After(s.At.Last))
	s.disproved = s.disproved || unlike || s.Until == tree.Size() && tree.Root() != s.Root
}

// checkSegments is step f: the headers that are not in the pack lie in segments
// which were described, before the trail went on, as outside the window.
func (v *verifier) checkSegments() error {
	disproved := slices.ContainsFunc(v.segments, func(s segment) bool { return s.disproved })
	if err := cmp.Or(
		v.segmentsErr,
		require(!disproved, "manifests.jsonl", "does not fit"),
		v.seals.form,
		require(v.sealed == len(v.segments), "manifests.jsonl", "is not what was sealed"),
	); err != nil {
		return err
	}
	left, i, counted := 0, 0, -1
	for _, p := range v.tree.Pieces {
		for at := p.From; p.Prev == nil && at < p.Until; at = v.segments[i].Until {
			for i < len(v.segments) && v.segments[i].Until <= at {
				i++
			}
			if i == len(v.segments) || !v.segments[i].spared || v.segments[i].late {
				return fail("tree.json", "hides a stretch of the window")
			}
			if i != counted {
				left, counted = left+1, i
			}
		}
	}
	v.print("segments  %d segments; %d left out, outside the window by what was recorded of them in the one after", len(v.segments), left)
	return nil
}

// SealSeconds is how long after the last record of a segment its sealing may have
// been recorded for its headers to be left out of a pack.
const SealSeconds = 3600

// checkSeal holds the next manifest against the record of its sealing, which
// stands in the segment that follows: what the tree holds cannot be described anew.
func (v *verifier) checkSeal(d *disclosure, h *Header) error {
	i := v.sealed
	v.sealed++
	if err := d.check(v.seals.file, h); err != nil {
		return err
	} else if i >= len(v.segments) {
		return fail(v.seals.file, "does not belong here")
	}
	next := v.tree.Size
	if i+1 < len(v.segments) {
		next = v.segments[i+1].Until
	}
	s, number := &v.segments[i], strconv.Itoa(i)
	hash, _ := text(d.view.find("/detail/manifest"))
	named := string(d.view.find("/detail/segment")) == number && string(hash) == s.hash.String()
	sealing := h.Source == "evident" && h.Action == "segment.seal" && h.ID == EventID("evident", "segment.seal/"+number)
	s.late = h.At.Unix()-s.At.Last.Unix() > SealSeconds
	return require(named && sealing && s.Until <= d.seq && d.seq < next, "manifests.jsonl", "is not what was sealed")
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
