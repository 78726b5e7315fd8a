package tlog_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/proof"
	"example.com/evident/trail"
	face "example.com/evident/web/tlog"
)

func open(t *testing.T, records int) (*trail.Trail, http.Handler) {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail", SealRecords: 4096})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	fill(t, tr, records)
	return tr, face.New(face.Config{Trail: tr})
}

// fill appends until tr has that many records.
func fill(t *testing.T, tr *trail.Trail, records int) {
	t.Helper()
	for int(tr.Size()) < records {
		var drafts []trail.Draft
		for i := int(tr.Size()); i < records && len(drafts) < 1000; i++ {
			id := fmt.Sprint("e", i)
			body := fmt.Sprintf(`{"id":%q,"source":"app/x","occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u"},"action":"doc.read","category":"data","outcome":"success"}`, id)
			fields, err := proof.ParseBody([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			drafts = append(drafts, trail.Draft{Body: []byte(body), Fields: fields, Source: "app/x", ID: id,
				OccurredAt: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC), Category: "data", Action: "doc.read", Outcome: "success"})
		}
		if _, err := tr.Append(t.Context(), drafts); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := tr.WaitCheckpoint(t.Context(), tr.Size()); err != nil {
		t.Fatal(err)
	}
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

// tilePath is the path of a tile as c2sp.org/tlog-tiles gives it, by x/mod.
func tilePath(tile tlog.Tile) string {
	return "/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

// TestTilesAreThoseOfXMod holds every tile of several sizes against tiles made
// by golang.org/x/mod from the leaf hashes.
func TestTilesAreThoseOfXMod(t *testing.T) {
	tr, h := open(t, 1)
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = hashes[x]
		}
		return out, nil
	})
	old := int64(0)
	for _, records := range []int{1, 2, 255, 256, 257, 700, 65536, 66000} {
		fill(t, tr, records)
		_, c := tr.Checkpoint()
		for hd, err := range tr.Headers(context.Background(), uint64(old), c.Size) {
			if err != nil {
				t.Fatal(err)
			}
			more, err := tlog.StoredHashesForRecordHash(int64(hd.Header.Seq), tlog.Hash(hd.Leaf), reader)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, more...)
		}
		for _, tile := range tlog.NewTiles(8, old, int64(c.Size)) {
			want, err := tlog.ReadTileData(tile, reader)
			if err != nil {
				t.Fatal(err)
			}
			w := get(h, tilePath(tile))
			if w.Code != 200 || w.Body.String() != string(want) {
				t.Fatalf("size %d: %s: status %d, %d bytes", c.Size, tilePath(tile), w.Code, w.Body.Len())
			}
			if tile.L == 0 {
				checkEntries(t, h, tile, want)
			}
		}
		old = int64(c.Size)
	}
}

// checkEntries holds that each entry of a tile has the leaf hash that stands there.
func checkEntries(t *testing.T, h http.Handler, tile tlog.Tile, hashes []byte) {
	t.Helper()
	path := strings.Replace(tilePath(tile), "/tile/0/", "/tile/entries/", 1)
	w := get(h, path)
	b := w.Body.Bytes()
	for len(hashes) > 0 {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			t.Fatalf("%s: status %d: cut off", path, w.Code)
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		if leaf := tlog.RecordHash(b[2:n]); string(leaf[:]) != string(hashes[:32]) {
			t.Fatalf("%s: an entry has another hash", path)
		}
		b, hashes = b[n:], hashes[32:]
	}
	if len(b) > 0 {
		t.Fatalf("%s: %d bytes too many", path, len(b))
	}
}

func TestPathsAndHeaders(t *testing.T) {
	tr, h := open(t, 600)
	_, c := tr.Checkpoint()
	f := func(path string, want int) {
		t.Helper()
		if w := get(h, path); w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
	f("/tile/0/000", 200)
	f("/tile/0/000.p/7", 200) // of a checkpoint long ago
	f("/tile/0/001", 200)
	f("/tile/0/002", 404)
	f(fmt.Sprintf("/tile/0/002.p/%d", c.Size%256), 200)
	f(fmt.Sprintf("/tile/0/002.p/%d", c.Size%256+1), 404)
	f("/tile/1/000.p/2", 200)
	f("/tile/1/000", 404)
	f("/tile/2/000.p/1", 404)
	f("/tile/63/000", 404)
	f("/tile/64/000", 404)
	f("/tile/entries/001", 200)
	f("/tile/entries/001.p/3", 200)
	f("/tile/entries/003", 404)
	for _, path := range []string{
		"/tile/0/0", "/tile/0/0000", "/tile/0/x000/000", "/tile/0/000.p/0", "/tile/0/000.p/256", "/tile/0/000.p/07", "/tile/0/000.p/",
		"/tile/00/000", "/tile/+0/000", "/tile/0/", "/tile/0/000/", "/tile/0/x000", "/tile/0/-01", "/tile/0/000.p/7/8", "/tile/0/1e1",
		"/tile/0/x999/x999/x999/x999/x999/x999/x999/999", "/tile/entries/", "/tile/entries/abc", "/tile/8/0/000",
	} {
		f(path, 404)
	}
	w := get(h, "/checkpoint")
	note, _ := tr.Checkpoint()
	if w.Code != 200 || w.Body.String() != string(note) || w.Header().Get("Cache-Control") != "no-cache" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("checkpoint: %d %v", w.Code, w.Header())
	}
	if cc := get(h, "/tile/0/000").Header().Get("Cache-Control"); !strings.HasPrefix(cc, "public") || !strings.Contains(cc, "immutable") {
		t.Errorf("Cache-Control of a tile: %s", cc)
	}
	r := httptest.NewRequest("GET", "/tile/0/000", nil)
	r.Header.Set("Authorization", "Bearer x")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if cc := rec.Header().Get("Cache-Control"); !strings.HasPrefix(cc, "private") {
		t.Errorf("Cache-Control of a tile that somebody showed a key for: %s", cc)
	}
	rec = httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("POST", "/checkpoint", nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", rec.Code)
	}
}
