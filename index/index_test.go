package index_test

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/evident/index"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "10") // each makes a trail and asks it 20 questions; -rapid.checks overrules it
	flag.Parse()
	os.Exit(m.Run())
}

// tb is what testing.T and rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// A world is a trail with an index.
type world struct {
	t      tb
	ctx    context.Context
	dir    string
	trail  *trail.Trail
	index  *index.Index
	fed    atomic.Pointer[index.Index]
	blocks int
	clock  atomic.Int64 // nanoseconds since base
	n      int
}

// newWorld opens both. Fed gives the index its rows as they are appended; else
// it reads the trail.
func newWorld(t tb, blocks int, fed bool) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "index")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: context.Background(), dir: dir, blocks: blocks}
	cfg := trail.Config{Dir: filepath.Join(dir, "trail"), Origin: "test", SealRecords: 256, Now: func() time.Time { return base.Add(time.Duration(w.clock.Load())) }}
	if fed {
		cfg.Observe = func(h *proof.Header, fields []proof.Field) {
			if x := w.fed.Load(); x != nil {
				x.Add(index.RowOf(h, fields))
			}
		}
	}
	if w.trail, err = trail.Open(cfg); err != nil {
		t.Fatal(err)
	}
	w.open()
	t.Cleanup(func() {
		w.close()
		if err := w.trail.Close(); err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(dir)
	})
	return w
}

func (w *world) folder() string { return filepath.Join(w.dir, "index") }

func (w *world) open() {
	w.t.Helper()
	var err error
	w.index, err = index.Open(w.ctx, index.Config{Dir: w.folder(), Trail: w.trail, BlockRecords: w.blocks, Deadline: time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	w.fed.Store(w.index)
}

func (w *world) close() {
	w.t.Helper()
	w.fed.Store(nil)
	if err := w.index.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) append(drafts ...trail.Draft) {
	w.t.Helper()
	w.n += len(drafts)
	if _, err := w.trail.Append(w.ctx, drafts); err != nil {
		w.t.Fatal(err)
	}
}

// draw appends n events.
func (w *world) draw(t *rapid.T, n int) {
	for n > 0 {
		var drafts []trail.Draft
		for range min(n, rapid.IntRange(1, 40).Draw(t, "batch")) {
			drafts = append(drafts, event(t, w.n+len(drafts)))
		}
		w.append(drafts...)
		n -= len(drafts)
		w.clock.Add(int64(rapid.IntRange(0, 2).Draw(t, "clock")) * int64(time.Second))
	}
}

// records are all records of the trail.
func (w *world) records() []trail.Record {
	w.t.Helper()
	var all []trail.Record
	for r, err := range w.trail.Records(w.ctx, 0, w.trail.Size()) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// scan is the plain scan that every answer must equal: newest first.
func scan(all []trail.Record, e proof.Expr) []trail.Record {
	var found []trail.Record
	for _, r := range all {
		v := proof.View{Fields: r.Fields}
		if e.Eval(&r.Header, &v) == proof.True {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b trail.Record) int {
		return cmp.Or(b.Header.OccurredAt.Compare(a.Header.OccurredAt), cmp.Compare(b.Header.Seq, a.Header.Seq))
	})
	return found
}

func text(e proof.Expr) string {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// compare asks every kind of question and holds the answers against the scan.
func (w *world) compare(all []trail.Record, e proof.Expr) {
	w.t.Helper()
	want := scan(all, e)
	q := index.Query{Expr: e, Size: uint64(len(all)), Limit: 7}
	w.comparePages(q, want)
	n, err := w.index.Count(w.ctx, q)
	if err != nil || n != uint64(len(want)) {
		w.t.Fatalf("count %s: %d, %v, want %d", text(e), n, err, len(want))
	}
	w.compareBars(q, want)
	w.compareFacets(q, want)
	earliest, latest, err := w.index.Span(w.ctx, q)
	if err != nil || len(want) == 0 && !latest.IsZero() || len(want) > 0 && (!latest.Equal(want[0].Header.OccurredAt) || !earliest.Equal(want[len(want)-1].Header.OccurredAt)) {
		w.t.Fatalf("span %s: %v to %v, %v", text(e), earliest, latest, err)
	}
	var seqs, wantSeqs []uint64
	from, until := base.Add(time.Second), base.Add(time.Hour)
	for seq, err := range w.index.Seqs(w.ctx, q, "occurred_at", from, until) {
		if err != nil {
			w.t.Fatalf("seqs %s: %v", text(e), err)
		}
		seqs = append(seqs, seq)
	}
	for _, r := range want {
		if at := r.Header.OccurredAt; !at.Before(from) && at.Before(until) {
			wantSeqs = append(wantSeqs, r.Header.Seq)
		}
	}
	slices.Sort(wantSeqs)
	if !slices.Equal(seqs, wantSeqs) {
		w.t.Fatalf("seqs %s: %v, want %v", text(e), seqs, wantSeqs)
	}
}

func (w *world) comparePages(q index.Query, want []trail.Record) {
	w.t.Helper()
	var hits []index.Hit
	for {
		page, err := w.index.Search(w.ctx, q)
		if err != nil {
			w.t.Fatalf("search %s: %v", text(q.Expr), err)
		}
		if hits = append(hits, page.Hits...); len(hits) > len(want) {
			break
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	same := slices.EqualFunc(hits, want, func(h index.Hit, r trail.Record) bool {
		return h.Seq == r.Header.Seq && h.OccurredAt.Equal(r.Header.OccurredAt)
	})
	if !same {
		var seqs []uint64
		for _, r := range want {
			seqs = append(seqs, r.Header.Seq)
		}
		w.t.Fatalf("search %s: %v, want %v", text(q.Expr), hits, seqs)
	}
}

func (w *world) compareBars(q index.Query, want []trail.Record) {
	w.t.Helper()
	from, until := base.Add(-time.Second), base.Add(3*time.Hour+2*time.Second)
	bars, err := w.index.Histogram(w.ctx, q, from, until, 37)
	if err != nil {
		w.t.Fatalf("histogram %s: %v", text(q.Expr), err)
	}
	counts := make([]uint64, 37)
	for _, r := range want {
		if at := r.Header.OccurredAt; !at.Before(from) && at.Before(until) {
			counts[at.Sub(bars.From)/bars.Width]++
		}
	}
	if !slices.Equal(bars.Counts, counts) {
		w.t.Fatalf("histogram %s: %v, want %v", text(q.Expr), bars.Counts, counts)
	}
}

func (w *world) compareFacets(q index.Query, want []trail.Record) {
	w.t.Helper()
	facets, err := w.index.Facets(w.ctx, q, []string{"action", "actor.id", "target.name", "actor.name"}, 1000)
	if err != nil {
		w.t.Fatalf("facets %s: %v", text(q.Expr), err)
	}
	names := map[string][]string{"actor.id": {"/actor/id"}, "actor.name": {"/actor/name"}, "target.name": {"/target/name", "/targets/0/name"}}
	for _, facet := range facets {
		counts, absent := map[string]uint64{}, uint64(0)
		for _, r := range want {
			value, ok := r.Header.Action, true
			if pointers := names[facet.Field]; pointers != nil {
				value, ok = valueAt(r.Fields, pointers)
			}
			if ok {
				counts[value]++
			} else {
				absent++
			}
		}
		got := map[string]uint64{}
		for _, v := range facet.Values {
			got[v.Value] = v.Count
		}
		if fmt.Sprint(got) != fmt.Sprint(counts) || facet.Absent != absent {
			w.t.Fatalf("facet %s of %s: %v and %d absent, want %v and %d", facet.Field, text(q.Expr), got, facet.Absent, counts, absent)
		}
	}
}

// valueAt is the value that a facet counts, the plain way.
func valueAt(fields []proof.Field, pointers []string) (string, bool) {
	for _, p := range pointers {
		for _, f := range fields {
			if f.Pointer != p {
				continue
			}
			var v any
			if err := json.Unmarshal(f.Value, &v); err != nil {
				panic(err)
			}
			switch v := v.(type) {
			case string:
				return v, true
			case nil, map[string]any:
			case []any:
				if len(v) > 0 {
					return string(f.Value), true
				}
			default:
				return string(f.Value), true
			}
		}
	}
	return "", false
}

func TestAnswersAreThoseOfAPlainScan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, rapid.SampledFrom([]int{32, 64, 256}).Draw(rt, "block"), rapid.Bool().Draw(rt, "fed"))
		w.draw(rt, rapid.IntRange(0, 200).Draw(rt, "events"))
		all := w.records()
		filters := make([]proof.Expr, 20)
		for i := range filters {
			filters[i] = filterOf(rt, 3)
			w.compare(all, filters[i])
		}
		// The same again from the files, and from nothing.
		w.close()
		w.open()
		for _, e := range filters[:5] {
			w.compare(all, e)
		}
		w.close()
		if err := os.RemoveAll(w.folder()); err != nil {
			rt.Fatal(err)
		}
		w.open()
		for _, e := range filters[5:10] {
			w.compare(all, e)
		}
	})
}
