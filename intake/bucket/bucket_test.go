package bucket_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/bucket"
	"example.com/evident/source"
	"example.com/evident/state"
)

// kind has objects of {"Records":[{"id":…}]}.
var kind = source.Kind{
	Name:  "files",
	Split: source.JSON("Records"),
	Map: func(raw []byte, now time.Time) (event.Event, error) {
		return event.Event{
			ID: source.MemberText(raw, "id"), OccurredAt: now, Actor: event.Actor{Type: event.User, ID: "ana"},
			Action: "x.y", Category: event.Data, Outcome: event.Success, Raw: raw,
		}, nil
	},
}

// rig is a trail that remembers what it was given, at a time that stands still.
type rig struct {
	t   *testing.T
	now time.Time

	mu      sync.Mutex
	events  map[string]int
	ids     []string
	kept    [][]byte
	parts   []int
	acts    []state.Act
	cursors state.State
	refuse  error
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, now: time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC), events: map[string]int{}}
}

func (r *rig) take(_ context.Context, d *intake.Delivery, a *intake.Answer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	if d.Raws == nil {
		r.kept = append(r.kept, bytes.Clone(d.Body))
		a.Unmapped++
		return nil
	}
	r.parts = append(r.parts, len(d.Raws))
	for i, raw := range d.Raws {
		id := source.MemberText(raw, "id")
		if r.events[id]++; r.events[id] == 1 {
			a.Accepted++
		} else {
			a.Duplicates++
		}
		r.ids = append(r.ids, d.IDs[i])
	}
	return nil
}

func (r *rig) record(_ context.Context, a state.Act) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := a.Event(r.now)
	if err != nil {
		return err
	}
	r.cursors, err = state.Apply(r.cursors, state.Record{Seq: r.cursors.Next, At: r.now, Action: e.Action, Outcome: e.Outcome, Actor: e.Actor, Detail: e.Detail})
	r.acts = append(r.acts, a)
	return err
}

func (r *rig) connector(store bucket.Store, change ...func(*bucket.Config)) *bucket.Connector {
	c := bucket.Config{Source: "files/prod", Kind: kind, Store: store, Dated: true, Prefix: "AWSLogs/", Trail: bucket.Trail{
		Take: r.take, Record: r.record, Now: func() time.Time { return r.now },
		Cursor: func(source, stream string) (state.Cursor, bool) { return r.cursors.Cursor(source, stream) },
	}}
	for _, f := range change {
		f(&c)
	}
	k, err := bucket.New(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return k
}

func (r *rig) round(k *bucket.Connector) {
	r.t.Helper()
	if err := k.Round(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) got() []string { return slices.Sorted(maps.Keys(r.events)) }

func (r *rig) actions() (names []string) {
	for _, a := range r.acts {
		if a.Action != state.ActionCursorMove {
			names = append(names, a.Action)
		}
	}
	return names
}

func object(ids ...string) []byte {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, `,{"id":%q}`, id)
	}
	return []byte(`{"Records":[` + strings.TrimPrefix(b.String(), ",") + `]}`)
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// files is a folder whose objects were written at noon of 10 March.
func files(objects map[string][]byte) fstest.MapFS {
	fsys := fstest.MapFS{}
	for key, b := range objects {
		put(fsys, key, b, time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	}
	return fsys
}

func put(fsys fstest.MapFS, key string, b []byte, at time.Time) {
	fsys[key] = &fstest.MapFile{Data: b, ModTime: at}
}

func TestDaysOfEveryStreamAreReadInOrder(t *testing.T) {
	r := newRig(t)
	fsys := files(map[string][]byte{
		"AWSLogs/1/CloudTrail/eu-west-1/2026/03/09/1_T2350Z_a.json.gz":    zipped(object("a")),
		"AWSLogs/1/CloudTrail/eu-west-1/2026/03/10/1_T0010Z_b.json.gz":    zipped(object("b", "c")),
		"AWSLogs/1/CloudTrail/us-east-1/2026/03/10/1_T0010Z_d.json":       object("d"),
		"AWSLogs/1/Config/eu-west-1/2026/3/9/ConfigHistory/h.json.gz":     zipped(object("e")),
		"AWSLogs/1/Config/eu-west-1/2026/3/10/ConfigHistory/h.json.gz":    zipped(object("f")),
		"AWSLogs/1/CloudTrail/eu-west-1/2026/03/10/":                      nil,
		"elsewhere/2026/03/10/x.json":                                     object("no"),
		"AWSLogs/1/CloudTrail/eu-west-1/2026/03/12/1_tomorrow.json.gz":    zipped(object("not yet")),
		"AWSLogs/1/CloudTrail/eu-west-1/2026/03/10/ignored.txt":           object("ignored"),
		"AWSLogs/1/CloudTrail-Digest/eu-west-1/2026/03/10/digest.json.gz": zipped(object("digest")),
	})
	delete(fsys, "AWSLogs/1/CloudTrail/eu-west-1/2026/03/10/")
	k := r.connector(bucket.Folder{FS: fsys}, func(c *bucket.Config) {
		c.Match = func(key string) bool { return !strings.HasSuffix(key, ".txt") && !strings.Contains(key, "-Digest/") }
	})
	r.round(k)
	if got := r.got(); !slices.Equal(got, []string{"a", "b", "c", "d", "e", "f"}) {
		t.Errorf("%v", got)
	}
	for stream, want := range map[string]string{
		"AWSLogs/1/CloudTrail/eu-west-1/": "2026-03-10", "AWSLogs/1/CloudTrail/us-east-1/": "2026-03-10", "AWSLogs/1/Config/eu-west-1/": "2026-03-10",
	} {
		c, _ := r.cursors.Cursor("files/prod", stream)
		var p struct{ Day, Key, ETag string }
		if err := json.Unmarshal([]byte(c.Cursor), &p); err != nil || p.Day != want || !strings.HasPrefix(p.Key, stream) || p.ETag == "" {
			t.Errorf("%s: %q, %v", stream, c.Cursor, err)
		}
	}
	if st := k.Status(); st.Objects != 5 || st.Accepted != 6 || st.Late != 0 || st.Duplicates != 0 || st.Streams != 4 {
		t.Errorf("%+v", st)
	}
}

func TestAfterARestartNothingIsLostOrMadeTwice(t *testing.T) {
	r := newRig(t)
	fsys := files(map[string][]byte{"AWSLogs/1/CloudTrail/r/2026/03/10/a.json.gz": zipped(object("a"))})
	r.round(r.connector(bucket.Folder{FS: fsys}))
	acts := len(r.acts)
	put(fsys, "AWSLogs/1/CloudTrail/r/2026/03/10/b.json.gz", zipped(object("b")), r.now)
	put(fsys, "AWSLogs/1/CloudTrail/r/2026/03/11/c.json.gz", zipped(object("c")), r.now)
	k := r.connector(bucket.Folder{FS: fsys})
	r.round(k)
	if got := r.got(); !slices.Equal(got, []string{"a", "b", "c"}) || len(r.acts) != acts+2 {
		t.Errorf("%v, %d acts", got, len(r.acts))
	}
	if st := k.Status(); st.Late != 0 {
		t.Errorf("%+v", st) // what the second pass read again is a duplicate
	}
}

func TestCursorStaysWhereTheTrailAcknowledged(t *testing.T) {
	r := newRig(t)
	r.refuse = errors.New("trail is full")
	k := r.connector(bucket.Folder{FS: files(map[string][]byte{"AWSLogs/1/x/2026/03/10/a.json": object("a")})})
	if err := k.Round(t.Context()); err == nil || !strings.Contains(err.Error(), "full") || len(r.acts) != 0 {
		t.Errorf("%v, acts %v", err, r.acts)
	}
	r.refuse = nil
	if r.round(k); !slices.Equal(r.got(), []string{"a"}) {
		t.Errorf("%v", r.got())
	}
}

func TestObjectsBehindTheCursorAndWrittenAgainAreLate(t *testing.T) {
	for _, dated := range []bool{true, false} {
		r := newRig(t)
		fsys := files(map[string][]byte{"AWSLogs/1/x/2026/03/10/b.json": object("b"), "AWSLogs/1/x/2026/03/11/d.json": object("d")})
		k := r.connector(bucket.Folder{FS: fsys}, func(c *bucket.Config) { c.Dated = dated })
		r.round(k)
		r.now = r.now.Add(2 * time.Hour)
		put(fsys, "AWSLogs/1/x/2026/03/10/a.json", object("a"), r.now)             // of the day before
		put(fsys, "AWSLogs/1/x/2026/03/11/c.json", object("c"), r.now)             // of today
		put(fsys, "AWSLogs/1/x/2026/03/10/b.json", object("b", "b2"), r.now)       // written again
		put(fsys, "AWSLogs/1/x/2026/02/01/old.json", object("old"), r.now.Add(-1)) // late, but its day is long past
		r.round(k)
		want := []string{"a", "b", "b2", "c", "d"}
		if !dated {
			want = append(want, "old") // listed whole, so that it is found
		}
		if got := r.got(); !slices.Equal(got, want) {
			t.Errorf("dated %v: %v", dated, got)
		}
		if st := k.Status(); st.Late != len(want)-2 {
			t.Errorf("dated %v: %+v", dated, st)
		}
		if got := r.actions(); len(got) == 0 || got[0] != state.ActionSourceLate {
			t.Errorf("acts %v", got)
		}
		n := len(r.ids)
		r.now = r.now.Add(2 * time.Hour)
		if r.round(k); len(r.ids) != n {
			t.Errorf("dated %v: objects were read again that had not changed", dated)
		}
	}
}

func TestBrokenObjectsAreKeptAndGonePast(t *testing.T) {
	whole := zipped(object("a", "b"))
	half := whole[:len(whole)-9]
	r := newRig(t)
	fsys := files(map[string][]byte{
		"AWSLogs/1/x/2026/03/10/a.json.gz": half,
		"AWSLogs/1/x/2026/03/10/b.json":    []byte(`{"Records":[{"id":"c"},{"id":`),
		"AWSLogs/1/x/2026/03/10/c.json.gz": append(zipped(object("d")), "tail"...),
		"AWSLogs/1/x/2026/03/10/d.json":    object("e"),
	})
	k := r.connector(bucket.Folder{FS: fsys})
	for range 3 {
		if err := k.Round(t.Context()); err == nil {
			t.Fatal("a broken object is no error")
		}
	}
	if len(r.kept) != 0 || len(r.acts) != 0 {
		t.Errorf("kept %d, acts %v", len(r.kept), r.acts)
	}
	r.round(k)
	if len(r.kept) != 3 || !slices.ContainsFunc(r.kept, func(b []byte) bool { return bytes.Equal(b, half) }) {
		t.Errorf("kept %q", r.kept)
	}
	if got := r.got(); !slices.Contains(got, "c") || !slices.Contains(got, "e") {
		t.Errorf("%v", got)
	}
	if got := r.actions(); !slices.Equal(got, []string{state.ActionSourceSkip, state.ActionSourceSkip, state.ActionSourceSkip}) {
		t.Errorf("acts %v", got)
	}
	n := len(r.kept)
	if r.round(k); len(r.kept) != n || k.Status().Skipped != 3 {
		t.Error("kept again")
	}
}

// vanishing is a folder whose objects are gone when they are opened.
type vanishing struct{ bucket.Folder }

func (vanishing) Open(context.Context, string) (io.ReadCloser, map[string]string, error) {
	return nil, nil, fmt.Errorf("get: %w", fs.ErrNotExist)
}

func TestObjectThatVanishesIsRecorded(t *testing.T) {
	r := newRig(t)
	k := r.connector(vanishing{bucket.Folder{FS: files(map[string][]byte{"AWSLogs/1/x/2026/03/10/a.json": object("a")})}})
	r.round(k)
	if got := r.actions(); !slices.Equal(got, []string{state.ActionSourceSkip}) || !strings.Contains(r.acts[0].Reason, "not there any more") {
		t.Errorf("acts %+v", r.acts)
	}
}

func TestLargeObjectsAreStoredInParts(t *testing.T) {
	r := newRig(t)
	var ids []string
	for i := range 2500 {
		ids = append(ids, fmt.Sprint("e", i))
	}
	k := r.connector(bucket.Folder{FS: files(map[string][]byte{"AWSLogs/1/x/2026/03/10/a.json.gz": zipped(object(ids...))})})
	r.round(k)
	if !slices.Equal(r.parts, []int{1000, 1000, 500}) || r.ids[0] == r.ids[1] || !strings.HasSuffix(r.ids[2499], "/2500") {
		t.Errorf("parts %v, ids %s … %s", r.parts, r.ids[0], r.ids[2499])
	}
}

// many is a bucket with n objects of one event each.
type many struct {
	n     int
	heap  uint64 // largest seen while it was listed
	opens int
	mu    sync.Mutex
}

func (m *many) List(_ context.Context, prefix, after string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for i := range m.n {
			key := fmt.Sprintf("%sk%07d", prefix, i)
			if key <= after {
				continue
			}
			if i%20_000 == 0 {
				var s runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&s)
				m.heap = max(m.heap, s.HeapAlloc)
			}
			if !yield(bucket.Object{Key: key, ETag: "1"}, nil) {
				return
			}
		}
	}
}

func (m *many) Folders(context.Context, string) ([]string, error) { return nil, nil }

func (m *many) Open(context.Context, string) (io.ReadCloser, map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opens++
	return io.NopCloser(strings.NewReader(`{"id":"same"}`)), nil, nil
}

func TestListingOfManyKeysIsBounded(t *testing.T) {
	r := newRig(t)
	store := &many{n: 100_000}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	taken := 0
	k := r.connector(store, func(c *bucket.Config) {
		c.Dated = false
		var mu sync.Mutex
		c.Trail.Take = func(_ context.Context, d *intake.Delivery, _ *intake.Answer) error {
			mu.Lock()
			defer mu.Unlock()
			taken += len(d.Raws)
			return nil
		}
		c.Trail.Record = func(_ context.Context, a state.Act) error { r.acts = append(r.acts[:0], a); return nil }
	})
	r.round(k)
	if taken != store.n || store.opens != store.n {
		t.Errorf("%d events of %d objects", taken, store.opens)
	}
	if grown := int64(store.heap) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	} else {
		t.Logf("the heap grew by %d bytes", grown)
	}
}

func TestFolderListsInTheOrderOfKeys(t *testing.T) {
	fsys := files(map[string][]byte{"a.gz": nil, "a/b": nil, "a/c/d": nil, "a-1": nil, "b": nil, "a/c.x": nil})
	f := bucket.Folder{FS: fsys}
	list := func(prefix, after string) (keys []string) {
		for o, err := range f.List(t.Context(), prefix, after) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, o.Key)
		}
		return keys
	}
	all := []string{"a-1", "a.gz", "a/b", "a/c.x", "a/c/d", "b"}
	if got := list("", ""); !slices.Equal(got, all) {
		t.Errorf("%v", got)
	}
	for i, after := range all {
		if got := list("", after); !slices.Equal(got, all[i+1:]) {
			t.Errorf("after %s: %v", after, got)
		}
	}
	if got := list("a/c", ""); !slices.Equal(got, []string{"a/c.x", "a/c/d"}) {
		t.Errorf("%v", got)
	}
	if got := list("a/", "a/b"); !slices.Equal(got, []string{"a/c.x", "a/c/d"}) {
		t.Errorf("%v", got)
	}
}

func TestKeysOfDays(t *testing.T) {
	f := bucket.Folder{FS: files(map[string][]byte{"a/r/2026/03/09/x": nil, "a/r/2026/03/10/y": nil, "b/r/2026/3/10/z": nil, "b/r/2026/03/11/w": nil})}
	list := func(from, until time.Time) (keys []string) {
		for key, err := range bucket.Keys(t.Context(), f, "", from, until) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		return keys
	}
	day := time.Date(2026, 3, 10, 23, 0, 0, 0, time.UTC)
	if got := list(day, day); !slices.Equal(got, []string{"a/r/2026/03/10/y", "b/r/2026/3/10/z"}) {
		t.Errorf("%v", got)
	}
	if got := list(time.Time{}, time.Time{}); len(got) != 4 {
		t.Errorf("%v", got)
	}
}
