package trail_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// draft makes an event of source app/test with a few fields.
func draft(t testing.TB, id string, extra string) trail.Draft {
	t.Helper()
	return draftOf(t, "app/test", id, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), extra)
}

func draftOf(t testing.TB, source, id string, occurred time.Time, extra string) trail.Draft {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"source":%q,"occurred_at":%q,"actor":{"type":"user","id":"u-%d"},"action":"doc.read","category":"data","outcome":"success"%s}`,
		id, source, occurred.Format(time.RFC3339Nano), len(id)%7, extra)
	fields, err := proof.ParseBody([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return trail.Draft{
		Body: []byte(body), Fields: fields, Source: source, ID: id, OccurredAt: occurred,
		Category: "data", Action: "doc.read", Outcome: "success",
	}
}

func drafts(t testing.TB, prefix string, n int) []trail.Draft {
	out := make([]trail.Draft, n)
	for i := range out {
		out[i] = draft(t, fmt.Sprintf("%s-%d", prefix, i), "")
	}
	return out
}

func open(t testing.TB, cfg trail.Config) *trail.Trail {
	t.Helper()
	tr, err := trail.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func closeTrail(t testing.TB, tr *trail.Trail) {
	t.Helper()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}

func appendAll(t testing.TB, tr *trail.Trail, list []trail.Draft) []trail.Result {
	t.Helper()
	results, err := tr.Append(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// check goes through the whole trail that lies in dir.
func check(t testing.TB, dir string) trail.Report {
	t.Helper()
	r, err := trail.CheckDir(context.Background(), dir, trail.CheckOptions{})
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	return r
}

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	cfg := trail.Config{Dir: dir, Origin: "evident.example/test", SealRecords: 300}
	tr := open(t, cfg)
	var leaves []proof.Hash
	for i := range 7 {
		for _, r := range appendAll(t, tr, drafts(t, fmt.Sprint(i), 100)) {
			if r.Status != trail.Appended || r.Leaf == (proof.Hash{}) {
				t.Fatalf("result %+v", r)
			}
			leaves = append(leaves, r.Leaf)
		}
		if i == 3 {
			waitSealed(t, tr, 1) // until then the next segment is not closed
		}
	}
	waitSealed(t, tr, 2)
	for range 2 {
		readAll(t, tr)
		if err := checkLive(tr); err != nil {
			t.Fatal(err)
		}
		closeTrail(t, tr)
		r := check(t, dir)
		if r.Unsigned != 0 || r.Bodies != r.Size || r.Size < 700 {
			t.Fatalf("report %+v", r)
		}
		tr = open(t, cfg)
	}
	for i, r := range appendAll(t, tr, drafts(t, "3", 100)) {
		if r.Status != trail.Duplicate || r.Leaf != leaves[300+i] {
			t.Fatalf("draft 3-%d again: %+v", i, r)
		}
	}
	closeTrail(t, tr)
}

func checkLive(tr *trail.Trail) error {
	_, err := tr.Check(context.Background(), trail.CheckOptions{})
	return err
}

// readAll reads every record by each way there is, and compares.
func readAll(t *testing.T, tr *trail.Trail) {
	t.Helper()
	size := tr.Size()
	var all []trail.Record
	for r, err := range tr.Records(context.Background(), 0, size) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if uint64(len(all)) != size {
		t.Fatalf("%d records of %d", len(all), size)
	}
	i := 0
	for h, err := range tr.Headers(context.Background(), 0, size) {
		if err != nil || h.Leaf != all[i].Leaf || h.Header != all[i].Header {
			t.Fatalf("header %d: %v", i, err)
		}
		i++
	}
	var seqs []uint64
	for range 50 {
		seqs = append(seqs, rand.Uint64N(size))
	}
	some, err := tr.Read(context.Background(), seqs)
	if err != nil {
		t.Fatal(err)
	}
	for k, r := range some {
		if r.Leaf != all[seqs[k]].Leaf || string(r.Body) != string(all[seqs[k]].Body) {
			t.Fatalf("record %d differs", seqs[k])
		}
		seq, ok, err := tr.Find(r.Header.ID)
		if err != nil || !ok || seq != seqs[k] {
			t.Fatalf("find record %d: %d %v %v", seqs[k], seq, ok, err)
		}
	}
}

func waitSealed(t testing.TB, tr *trail.Trail, n int) {
	t.Helper()
	for range 1000 {
		_, recorded, err := tr.Find(proof.EventID("evident", fmt.Sprintf("segment.seal/%d", n-1)))
		if err != nil {
			t.Fatal(err)
		}
		if recorded {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d segments are sealed, want %d", len(tr.Manifests()), n)
}

func TestConcurrentAppends(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, trail.Config{Dir: dir, SealRecords: 500, CheckpointEvery: 5 * time.Millisecond})
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := range 30 {
				appendAll(t, tr, drafts(t, fmt.Sprintf("%d-%d", c, i), 1+i%17))
			}
		})
	}
	wg.Wait()
	readAll(t, tr)
	closeTrail(t, tr)
	check(t, dir)
}

func TestDuplicatesAndConflicts(t *testing.T) {
	tr := open(t, trail.Config{Dir: t.TempDir()})
	defer closeTrail(t, tr)
	appendAll(t, tr, []trail.Draft{draft(t, "a", `,"detail":{"n":1,"m":[1, 2]}`)})
	f := func(name, extra string, want trail.Status) {
		t.Helper()
		got := appendAll(t, tr, []trail.Draft{draft(t, "a", extra)})[0]
		if got.Status != want || got.Seq != 1 {
			t.Errorf("%s: status %v of record %d, want %v of record 1", name, got.Status, got.Seq, want)
		}
	}
	f("the same bytes", `,"detail":{"n":1,"m":[1, 2]}`, trail.Duplicate)
	f("spaced and ordered otherwise", `,  "detail" : {"m":[1,2], "n":1}`, trail.Duplicate)
	f("another value", `,"detail":{"n":2,"m":[1, 2]}`, trail.Conflict)
	f("a number written otherwise", `,"detail":{"n":1.0,"m":[1, 2]}`, trail.Conflict)
	f("a field more", `,"detail":{"n":1,"m":[1, 2],"k":null}`, trail.Conflict)
	f("a field less", ``, trail.Conflict)

	both := appendAll(t, tr, []trail.Draft{draft(t, "b", ""), draft(t, "b", ""), draft(t, "b", `,"request_id":"x"`)})
	for i, want := range []trail.Status{trail.Appended, trail.Duplicate, trail.Conflict} {
		if both[i].Status != want || both[i].Seq != 2 {
			t.Errorf("draft %d of the same call: %+v, want status %v of record 2", i, both[i], want)
		}
	}
	other := draftOf(t, "app/other", "a", time.Unix(0, 0).UTC(), "")
	if got := appendAll(t, tr, []trail.Draft{other})[0]; got.Status != trail.Appended {
		t.Errorf("the same id of another source: %+v", got)
	}
}

func TestRawDecides(t *testing.T) {
	tr := open(t, trail.Config{Dir: t.TempDir()})
	defer closeTrail(t, tr)
	appendAll(t, tr, []trail.Draft{draft(t, "a", `,"raw":"{\"x\":1}","request_id":"1"`)})
	f := func(extra string, want trail.Status) {
		t.Helper()
		if got := appendAll(t, tr, []trail.Draft{draft(t, "a", extra)})[0]; got.Status != want {
			t.Errorf("%s: status %v, want %v", extra, got.Status, want)
		}
	}
	f(`,"raw":"{\"x\":1}","request_id":"read otherwise by a later mapping"`, trail.Duplicate)
	f(`,"raw":"{ \"x\" : 1 }"`, trail.Duplicate)
	f(`,"raw":"{\"x\":2}","request_id":"1"`, trail.Conflict)
}

func TestAppendAll(t *testing.T) {
	tr := open(t, trail.Config{Dir: t.TempDir()})
	defer closeTrail(t, tr)
	appendAll(t, tr, []trail.Draft{draft(t, "a", "")})
	before := tr.Size()
	list := []trail.Draft{draft(t, "new", ""), draft(t, "a", `,"request_id":"other"`), draft(t, "new2", "")}
	results, err := tr.AppendAll(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []trail.Status{trail.Skipped, trail.Conflict, trail.Skipped} {
		if results[i].Status != want {
			t.Errorf("draft %d: status %v, want %v", i, results[i].Status, want)
		}
	}
	if tr.Size() != before {
		t.Errorf("%d records were appended although one was in conflict", tr.Size()-before)
	}
	list[1] = draft(t, "a", "")
	results, err = tr.AppendAll(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []trail.Status{trail.Appended, trail.Duplicate, trail.Appended} {
		if results[i].Status != want {
			t.Errorf("draft %d: status %v, want %v", i, results[i].Status, want)
		}
	}
	if tr.Size() != before+2 {
		t.Errorf("size %d, want %d", tr.Size(), before+2)
	}
}

func TestRefusedDrafts(t *testing.T) {
	tr := open(t, trail.Config{Dir: t.TempDir()})
	defer closeTrail(t, tr)
	f := func(name string, spoil func(d *trail.Draft)) {
		t.Helper()
		d := draft(t, name, "")
		spoil(&d)
		if _, err := tr.Append(context.Background(), []trail.Draft{draft(t, "good", ""), d}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	f("source with a quote", func(d *trail.Draft) { d.Source = `app/x","y":"` })
	f("unknown category", func(d *trail.Draft) { d.Category = "misc" })
	f("action in capitals", func(d *trail.Draft) { d.Action = "Doc.Read" })
	f("unknown outcome", func(d *trail.Draft) { d.Outcome = "ok" })
	f("a time before 1970", func(d *trail.Draft) { d.OccurredAt = time.Unix(-1, 0) })
	f("a time after 2261", func(d *trail.Draft) { d.OccurredAt = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) })
	f("no fields", func(d *trail.Draft) { d.Fields = nil })
	if tr.Size() != 1 {
		t.Errorf("size %d: something was appended", tr.Size())
	}
}

func TestProofs(t *testing.T) {
	tr := open(t, trail.Config{Dir: t.TempDir(), SealRecords: 700})
	defer closeTrail(t, tr)
	var tree proof.Tree
	var roots []proof.Hash
	for i := range 11 {
		appendAll(t, tr, drafts(t, fmt.Sprint(i), 97))
	}
	size := tr.Size()
	var leaves []proof.Hash
	for h, err := range tr.Headers(context.Background(), 0, size) {
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, tree.Root())
		leaves = append(leaves, h.Leaf)
		tree.Append(h.Leaf)
	}
	roots = append(roots, tree.Root())
	for _, n := range []uint64{0, 1, 2, 255, 256, 257, 512, 700, size} {
		if got, err := tr.Root(n); err != nil || got != roots[n] {
			t.Errorf("root of size %d: %v %v, want %v", n, got, err, roots[n])
		}
	}
	for _, seq := range []uint64{0, 1, 255, 256, 700, size - 1} {
		path, err := tr.ProveRecord(seq, size)
		if err != nil {
			t.Fatal(err)
		}
		if got := climb(leaves[seq], seq, size, path); got != tree.Root() {
			t.Errorf("audit path of record %d leads to %v, want %v", seq, got, tree.Root())
		}
	}
	if _, err := tr.ProveRecord(size, size); err == nil {
		t.Error("a record that is not there was proven")
	}
	for _, bounds := range [][2]uint64{{0, size}, {1, 2}, {3, 259}, {256, 512}, {255, 1000}, {0, 0}} {
		stretch, err := tr.SubtreeHashes(bounds[0], bounds[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(stretch) > 2*10 {
			t.Errorf("stretch %v has %d subtrees", bounds, len(stretch))
		}
	}
}

// climb follows an audit path as RFC 9162 section 2.1.3.2 says.
func climb(leaf proof.Hash, seq, size uint64, path []proof.Hash) proof.Hash {
	fn, sn, h := seq, size-1, leaf
	for _, p := range path {
		if fn%2 == 1 || fn == sn {
			h = proof.NodeHash(p, h)
			for fn%2 == 0 && fn != 0 {
				fn, sn = fn/2, sn/2
			}
		} else {
			h = proof.NodeHash(h, p)
		}
		fn, sn = fn/2, sn/2
	}
	return h
}

func TestTwoOnOneDirectory(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, trail.Config{Dir: dir})
	_, err := trail.Open(trail.Config{Dir: dir})
	locked, ok := err.(*trail.LockedError)
	if !ok || locked.PID == 0 || !strings.Contains(err.Error(), "--server") {
		t.Errorf("second open: %v; want an error that names the holder", err)
	}
	if _, err := trail.CheckDir(context.Background(), dir, trail.CheckOptions{}); err == nil {
		t.Error("a trail that is open was checked from outside")
	}
	closeTrail(t, tr)
	closeTrail(t, open(t, trail.Config{Dir: dir}))
	if err := tr.Close(); err != trail.ErrClosed {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := tr.Append(context.Background(), []trail.Draft{draft(t, "late", "")}); err != trail.ErrClosed {
		t.Errorf("append to a closed trail: %v", err)
	}
}
