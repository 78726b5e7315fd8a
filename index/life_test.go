package index_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/evident/index"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

var everything = proof.Expr{Op: "all"}

func is(value string, fields ...string) proof.Expr {
	return proof.Expr{Op: "is", Fields: fields, Value: value}
}

// plain makes n events of a few actors, half a second apart.
func (w *world) plain(n int) {
	w.t.Helper()
	var drafts []trail.Draft
	for range n {
		i := w.n + len(drafts)
		d := trail.Draft{
			Source: "app/a", ID: fmt.Sprintf("id-%d", i), OccurredAt: base.Add(time.Duration(i) * time.Second / 2),
			Category: "data", Action: "doc.read", Outcome: "success",
		}
		d.Body = fmt.Appendf(nil, `{"id":%q,"source":"app/a","occurred_at":%q,"category":"data","action":"doc.read","outcome":"success","actor":{"type":"user","id":"user-%d"},"detail":{"note":"word%d of %d"}}`,
			d.ID, proof.AppendTime(nil, d.OccurredAt), i%5, i%7, i)
		var err error
		if d.Fields, err = proof.ParseBody(d.Body); err != nil {
			w.t.Fatal(err)
		}
		drafts = append(drafts, d)
	}
	w.append(drafts...)
}

func (w *world) checkSome() {
	w.t.Helper()
	all := w.records()
	for _, e := range []proof.Expr{everything, is("user-3", "/actor/id"), is("word2 of*", "/detail/note"), {Op: "text", Value: "word4"}} {
		w.compare(all, e)
	}
}

func TestPagesDoNotShift(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, 32, true)
		w.draw(rt, 60)
		e := filterOf(rt, 2)
		all := w.records()
		want := scan(all, e)
		q := index.Query{Expr: e, Limit: 3, Size: uint64(len(all))}
		var hits []uint64
		for {
			page, err := w.index.Search(w.ctx, q)
			if err != nil {
				rt.Fatal(err)
			}
			for _, h := range page.Hits {
				hits = append(hits, h.Seq)
			}
			w.draw(rt, 5)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if !slices.EqualFunc(hits, want, func(seq uint64, r trail.Record) bool { return seq == r.Header.Seq }) {
			rt.Fatalf("%v, want %d records", hits, len(want))
		}
	})
}

// files are the files of the index with this ending.
func (w *world) files(ending string) []string {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.folder(), "*"+ending))
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

func (w *world) waitForBlocks(n int) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(w.files(".words")) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%d blocks after 30 s, want %d: %v", len(w.files(".words")), n, w.index.Err())
		}
	}
}

func flip(t testing.TB, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsNoticedAndMadeGood(t *testing.T) {
	damages := map[string]func(t *testing.T, w *world){
		"words flipped":  func(t *testing.T, w *world) { flip(t, w.files(".words")[1], 200) },
		"table flipped":  func(t *testing.T, w *world) { flip(t, w.files(".duckdb")[0], 20_000) },
		"table missing":  func(t *testing.T, w *world) { os.Remove(w.files(".duckdb")[2]) },
		"words missing":  func(t *testing.T, w *world) { os.Remove(w.files(".words")[0]) },
		"words empty":    func(t *testing.T, w *world) { os.Truncate(w.files(".words")[0], 0) },
		"table cut":      func(t *testing.T, w *world) { os.Truncate(w.files(".duckdb")[1], 8192) },
		"blocks swapped": func(t *testing.T, w *world) { swap(w.files(".duckdb")[0], w.files(".duckdb")[1]) },
		"both swapped": func(t *testing.T, w *world) {
			swap(w.files(".duckdb")[0], w.files(".duckdb")[1])
			swap(w.files(".words")[0], w.files(".words")[1])
		},
		"rubbish beside": func(t *testing.T, w *world) {
			os.WriteFile(filepath.Join(w.folder(), "000000000064.duckdb.tmp"), []byte("rubbish"), 0o600)
			os.WriteFile(filepath.Join(w.folder(), "000000000192.words"), []byte("rubbish"), 0o600)
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 64, true)
			w.plain(230)
			w.waitForBlocks(3)
			w.close()
			damage(t, w)
			w.open()
			w.checkSome()
			w.waitForBlocks(3)
			w.close()
			w.open()
			w.checkSome()
		})
	}
}

func swap(a, b string) {
	os.Rename(a, a+".x")
	os.Rename(b, a)
	os.Rename(a+".x", b)
}

func TestDamageWhileOpenIsMadeGood(t *testing.T) {
	w := newWorld(t, 64, true)
	w.plain(230)
	w.waitForBlocks(3)
	w.close()
	w.open()
	if err := w.index.Wait(w.ctx, w.trail.Size()); err != nil {
		t.Fatal(err)
	}
	spoil := func(name string, at int64, with []byte) {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		// In place, as a disk would do it, not by a new file.
		if info, err := f.Stat(); err != nil || at < 0 {
			at += info.Size()
		}
		if _, err := f.WriteAt(with, at); err != nil {
			t.Fatal(err)
		}
	}
	spoil(w.files(".duckdb")[0], 0, make([]byte, 1<<16))
	spoil(w.files(".words")[1], 0, make([]byte, 1<<16))
	spoil(w.files(".words")[2], -20_000, make([]byte, 19_000)) // rows only: they would hide records
	w.checkSome()
	w.close()
	w.open()
	w.checkSome()
}

func TestIndexOfAnotherTrailIsNotUsed(t *testing.T) {
	one, other := newWorld(t, 64, true), newWorld(t, 64, true)
	one.plain(200)
	one.waitForBlocks(3)
	other.append(event0(t, other))
	other.plain(200)
	other.waitForBlocks(3)
	one.close()
	other.close()
	if err := os.RemoveAll(other.folder()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(other.folder(), os.DirFS(one.folder())); err != nil {
		t.Fatal(err)
	}
	other.open()
	other.checkSome()
	one.open()
}

// event0 is an event that only one of two trails has.
func event0(t testing.TB, w *world) trail.Draft {
	t.Helper()
	body := `{"id":"other","source":"app/b","occurred_at":"2026-03-01T09:30:00Z","category":"data","action":"doc.read","outcome":"success"}`
	fields, err := proof.ParseBody([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return trail.Draft{Body: []byte(body), Fields: fields, Source: "app/b", ID: "other", OccurredAt: base, Category: "data", Action: "doc.read", Outcome: "success"}
}

func TestEventsAreFoundAtOnce(t *testing.T) {
	for _, fed := range []bool{true, false} {
		w := newWorld(t, 64, fed)
		for range 5 {
			w.plain(50)
			acknowledged := time.Now()
			if err := w.index.Wait(w.ctx, w.trail.Size()); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(acknowledged); d > 2*time.Second {
				t.Errorf("fed %v: found after %v", fed, d)
			}
		}
	}
}

func TestManyAppendAndSearch(t *testing.T) {
	w := newWorld(t, 64, true)
	done, stop := context.WithCancel(w.ctx)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for done.Err() == nil {
				n := w.index.Size()
				count, err := w.index.Count(w.ctx, index.Query{Size: n, Expr: proof.Expr{Op: "not", Args: []proof.Expr{is("nobody", "/actor/id")}}})
				if err != nil || n > 0 && count != n {
					t.Errorf("counted %d of %d: %v", count, n, err)
					return
				}
			}
		})
	}
	for range 40 {
		w.plain(17)
	}
	stop()
	wg.Wait()
	w.checkSome()
}

func TestFeedMayLoseAndMix(t *testing.T) {
	w := newWorld(t, 64, false)
	w.plain(300)
	// Rows come in any order, twice, or not at all.
	for _, r := range w.records() {
		if r.Header.Seq%3 != 0 {
			w.index.Add(index.RowOf(&r.Header, r.Fields))
		}
		if r.Header.Seq%5 == 0 {
			w.index.Add(index.RowOf(&r.Header, r.Fields))
		}
	}
	w.checkSome()
}

func TestOutOfTimeSaysHowFar(t *testing.T) {
	w := newWorld(t, 64, true)
	w.plain(200)
	if err := w.index.Wait(w.ctx, w.trail.Size()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(w.ctx, time.Now().Add(-time.Second))
	defer cancel()
	_, err := w.index.Search(ctx, index.Query{Expr: proof.Expr{Op: "text", Value: "word1"}})
	var late *index.Unfinished
	if !errors.As(err, &late) || late.Of != w.trail.Size() || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("search: %v", err)
	}
	if want := fmt.Sprintf("of %d records", w.trail.Size()); !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	if n, err := w.index.Count(ctx, index.Query{Expr: proof.Expr{Op: "text", Value: "word1"}}); !errors.As(err, &late) || n != 0 {
		t.Errorf("count: %d, %v", n, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, 64, true)
	w.plain(20)
	first, err := w.index.Search(w.ctx, index.Query{Limit: 5, Size: w.trail.Size()})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	for name, q := range map[string]index.Query{
		"another filter":   {Cursor: first.Next, Expr: is("user-1", "/actor/id")},
		"a broken cursor":  {Cursor: first.Next[1:]},
		"no cursor at all": {Cursor: "****"},
		"a long page":      {Limit: 100_000},
		"no filter":        {Expr: proof.Expr{Op: "like"}},
		"no field":         {Expr: proof.Expr{Op: "is", Value: "x"}},
	} {
		if page, err := w.index.Search(w.ctx, q); err == nil {
			t.Errorf("%s: %+v, want a refusal", name, page)
		}
	}
	if _, err := w.index.Facets(w.ctx, index.Query{}, []string{"detail.a"}, 5); err == nil {
		t.Error("facet of a field without column: want a refusal")
	}
}
