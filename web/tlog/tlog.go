// Package tlog is the face that the trail shows to clients, monitors and
// witnesses which already exist: c2sp.org/tlog-tiles, with the headers of
// records as entries. It holds nothing and writes nothing: tiles are made from
// the trail when they are asked for, and every header in them has been verified
// on the way out.
//
// Who may read is decided by whoever mounts it.
package tlog

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"example.com/evident/trail"
)

// Config is what the handler works with. Trail is required.
type Config struct {
	Trail *trail.Trail
	Log   *slog.Logger // nil: nothing is logged
}

// tileWidth is how many hashes or entries a full tile has.
const tileWidth = 256

// New returns the handler of GET /checkpoint and GET /tile/….
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	f := &face{trail: c.Trail, log: c.Log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", f.checkpoint)
	mux.HandleFunc("GET /tile/entries/{path...}", f.entries)
	mux.HandleFunc("GET /tile/{level}/{path...}", f.hashes)
	return mux
}

type face struct {
	trail *trail.Trail
	log   *slog.Logger
}

func (f *face) checkpoint(w http.ResponseWriter, r *http.Request) {
	note, _ := f.trail.Checkpoint()
	if note == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(note)
}

// hashes serves tile n of a level: its i-th hash is that of the subtree of
// 256^level leaves at n·256+i.
func (f *face) hashes(w http.ResponseWriter, r *http.Request) {
	level, ok := parseLevel(r.PathValue("level"))
	n, width, okPath := parsePath(r.PathValue("path"))
	if !ok || !okPath || !f.covered(level, n, width) {
		http.NotFound(w, r)
		return
	}
	b := make([]byte, 0, width*32)
	if level == 0 {
		first := n * tileWidth
		for h, err := range f.trail.Headers(r.Context(), first, first+uint64(width)) {
			if err != nil {
				f.fail(w, r, err)
				return
			}
			b = append(b, h.Leaf[:]...)
		}
	} else {
		for i := range uint64(width) {
			h, err := f.trail.Subtree(8*level, n*tileWidth+i)
			if err != nil {
				f.fail(w, r, err)
				return
			}
			b = append(b, h[:]...)
		}
	}
	send(w, r, b)
}

// entries serves the headers of tile n, each after its length as u16be.
func (f *face) entries(w http.ResponseWriter, r *http.Request) {
	n, width, ok := parsePath(r.PathValue("path"))
	if !ok || !f.covered(0, n, width) {
		http.NotFound(w, r)
		return
	}
	first := n * tileWidth
	b := make([]byte, 0, width*320)
	for h, err := range f.trail.Headers(r.Context(), first, first+uint64(width)) {
		if err != nil {
			f.fail(w, r, err)
			return
		}
		start := len(b)
		b = h.Header.Append(append(b, 0, 0))
		binary.BigEndian.PutUint16(b[start:], uint16(len(b)-start-2)) // a header has 600 bytes at most
	}
	send(w, r, b)
}

// covered reports whether the last checkpoint covers all of a tile. What is
// behind it is not promised yet, so it is not shown. A partial tile of any
// width that is covered is served, also where the full one exists: some
// checkpoint had that size, and its readers may still come.
func (f *face) covered(level int, n uint64, width int) bool {
	_, c := f.trail.Checkpoint()
	have := uint64(0)
	if shift := 8 * level; shift < 64 {
		have = c.Size >> shift // hashes of that level
	}
	return n < have/tileWidth || n == have/tileWidth && uint64(width) <= have%tileWidth
}

// fail answers for a trail that does not verify, or could not be read.
func (f *face) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		f.log.ErrorContext(r.Context(), "tile not served", "path", r.URL.Path, "error", err.Error())
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// send serves what will never change. Whoever had to show a key gets it for
// himself: a cache in between must not hand it on.
func send(w http.ResponseWriter, r *http.Request, b []byte) {
	who := "public"
	if r.Header.Get("Authorization") != "" {
		who = "private"
	}
	w.Header().Set("Cache-Control", who+", max-age=604800, immutable")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
}

func parseLevel(s string) (int, bool) {
	l, err := strconv.ParseUint(s, 10, 8)
	return int(l), err == nil && l <= 63 && s == strconv.FormatUint(l, 10)
}

// parsePath reads <N>[.p/<W>] of c2sp.org/tlog-tiles: N in groups of three
// digits, all but the last with an x in front; W from 1 to 255, absent for a
// full tile. There is one way to write each.
func parsePath(s string) (n uint64, width int, ok bool) {
	s, partial, isPartial := strings.Cut(s, ".p/")
	width = tileWidth
	if isPartial {
		w, err := strconv.ParseUint(partial, 10, 8)
		if err != nil || w == 0 || partial != strconv.FormatUint(w, 10) {
			return 0, 0, false
		}
		width = int(w)
	}
	for group := range strings.SplitSeq(s, "/") {
		digits, err := strconv.ParseUint(strings.TrimPrefix(group, "x"), 10, 10)
		if err != nil || n > 1<<53 {
			return 0, 0, false
		}
		n = n*1000 + digits
	}
	return n, width, s == formatIndex(n)
}

// formatIndex writes the number of a tile as it stands in its path.
func formatIndex(n uint64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}
