package intakehttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	intakehttp "example.com/evident/intake/http"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

type rig struct {
	http.Handler
	trail *trail.Trail
	full  atomic.Bool // the disk
	t     testing.TB
}

func open(t testing.TB, limit int64) *rig {
	t.Helper()
	r := &rig{t: t}
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail", CheckpointEvery: 50 * time.Millisecond,
		Fault: func(op, name string) error {
			if op == "write" && r.full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	r.trail = tr
	r.Handler = handler(tr, limit)
	return r
}

func handler(tr *trail.Trail, limit int64) http.Handler {
	return intakehttp.New(intakehttp.Config{
		Intake: intake.New(intake.Config{Trail: tr}), Trail: tr, Bodies: body.New(limit),
		Sender: func(*http.Request) intakehttp.Sender {
			return intakehttp.Sender{Actor: event.Actor{Type: event.Service, ID: "test"}}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, status int, err error) {
			http.Error(w, err.Error(), status)
		},
	})
}

type answer struct {
	Accepted, Duplicates int
	Refused              []struct {
		Line      int
		ID, Error string
	}
	FirstSeq, LastSeq *uint64
	Receipts          []struct {
		ID, Leaf, Checkpoint string
		Seq, Index, Size     uint64
		Proof                []string
	}
}

// post sends body and returns the status and the text of the answer.
func (r *rig) post(query string, body []byte, header ...string) (*http.Response, string) {
	r.t.Helper()
	req := httptest.NewRequest("POST", "/v1/events"+query, bytes.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Result(), w.Body.String()
}

func (r *rig) ok(query string, body []byte, header ...string) (a answer) {
	r.t.Helper()
	resp, text := r.post(query, body, header...)
	if resp.StatusCode != 200 && resp.StatusCode != 422 {
		r.t.Fatalf("status %d: %s", resp.StatusCode, text)
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		r.t.Fatalf("%v\n%s", err, text)
	}
	if (resp.StatusCode == 422) != (len(a.Refused) > 0) {
		r.t.Errorf("status %d with %d refused", resp.StatusCode, len(a.Refused))
	}
	return a
}

func ev(id, rest string) string {
	return fmt.Sprintf(`{"id":%q,"source":"app/billing","occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},`+
		`"action":"role.grant","category":"privileged","outcome":"success"%s}`+"\n", id, rest)
}

func TestAnswerIsExactlyTheStatedJSON(t *testing.T) {
	r := open(t, 0)
	resp, text := r.post("", []byte(ev("a\u00e9\"", "")+"{}\n"))
	if resp.StatusCode != 422 || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %s", resp.StatusCode, resp.Header)
	}
	rec, err := r.trail.Read(t.Context(), []uint64{r.trail.Size() - 1})
	if err != nil {
		t.Fatal(err)
	}
	seq := rec[0].Header.Seq
	_, why := proof.ParseBody([]byte("{}"))
	want := fmt.Sprintf(`{"accepted":1,"duplicates":0,"refused":[{"line":2,"id":"","error":"%s"}],"first_seq":%d,"last_seq":%d,"receipts":[{"id":"aé\"","seq":%d,"leaf":"%s"}]}`+"\n", why, seq, seq, seq, rec[0].Leaf)

	if text != want {
		t.Errorf("got  %swant %s", text, want)
	}
	_, text = r.post("?receipts=false", []byte(ev("a\u00e9\"", "")))
	if want := `{"accepted":0,"duplicates":1,"refused":[],"first_seq":null,"last_seq":null}` + "\n"; text != want {
		t.Errorf("got  %swant %s", text, want)
	}
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func zst(t testing.TB, b []byte, window int) []byte {
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

func TestEncodings(t *testing.T) {
	r := open(t, 0)
	for i, c := range []struct {
		encoding string
		pack     func(b []byte) []byte
	}{
		{"", bytes.Clone}, {"identity", bytes.Clone}, {"gzip", zip}, {"GZIP", zip},
		{"gzip", func(b []byte) []byte { return append(zip(b[:20]), zip(b[20:])...) }},
		{"zstd", func(b []byte) []byte { return zst(t, b, 1<<20) }},
		{"zstd", func(b []byte) []byte { return append(zst(t, b[:20], 1<<20), zst(t, b[20:], 1<<20)...) }},
	} {
		for j := range 3 { // readers are used again
			if a := r.ok("", c.pack([]byte(ev(fmt.Sprint(i, "-", j), ""))), "Content-Encoding", c.encoding); a.Accepted != 1 {
				t.Errorf("%s: %+v", c.encoding, a)
			}
		}
	}
}

func TestBodiesThatCannotBeTaken(t *testing.T) {
	r := open(t, 0)
	size := r.trail.Size()
	good := []byte(ev("a", ""))
	f := func(what string, want int, query string, body []byte, header ...string) {
		t.Helper()
		resp, text := r.post(query, body, header...)
		if resp.StatusCode != want || len(strings.TrimSpace(text)) < 10 {
			t.Errorf("%s: status %d, want %d: %s", what, resp.StatusCode, want, text)
		}
	}
	bomb := zip(bytes.Repeat([]byte(" "), body.MaxBytes+1))
	f("nothing", 400, "", nil)
	f("not gzip", 400, "", good, "Content-Encoding", "gzip")
	f("gzip cut off", 400, "", zip(good)[:30], "Content-Encoding", "gzip")
	f("gzip with a wrong sum", 400, "", append(zip(good)[:len(zip(good))-8], 1, 2, 3, 4, 5, 6, 7, 8), "Content-Encoding", "gzip")
	f("gzip and more", 400, "", append(zip(good), "rest"...), "Content-Encoding", "gzip")
	f("a gzip bomb", 413, "", bomb, "Content-Encoding", "gzip")
	f("a gzip bomb in a gzip bomb", 422, "", zip(bomb), "Content-Encoding", "gzip") // its inside is not JSON, and not opened
	f("not zstd", 400, "", good, "Content-Encoding", "zstd")
	f("zstd cut off", 400, "", zst(t, good, 1<<20)[:20], "Content-Encoding", "zstd")
	f("a zstd bomb", 413, "", zst(t, bytes.Repeat([]byte(" "), body.MaxBytes+1), 1<<20), "Content-Encoding", "zstd")
	f("a large zstd window", 413, "", hugeWindow(), "Content-Encoding", "zstd")
	f("an unknown encoding", 415, "", good, "Content-Encoding", "br")
	f("two encodings", 415, "", good, "Content-Encoding", "gzip, zstd")
	f("too large", 413, "", bytes.Repeat([]byte(" "), body.MaxBytes+1))
	f("an unknown option", 400, "?atomc=true", good)
	f("an option that is none", 400, "?atomic=maybe", good)
	f("an option twice", 400, "?atomic=true&atomic=false", good)
	f("a source that is none", 400, "?source=what", good)
	f("a query that is none", 400, "?%zz", good)
	f("source evident", 403, "?source=evident", good)
	if r.trail.Size() != size {
		t.Error("something was stored")
	}
	if a := r.ok("", good); a.Accepted != 1 {
		t.Errorf("a good body after all these: %+v", a)
	}
}

// hugeWindow is the head of a zstd frame that asks for 1 GiB of window.
func hugeWindow() []byte {
	return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3}, make([]byte, 64)...)
}

func TestProofsVerify(t *testing.T) {
	r := open(t, 0)
	var body strings.Builder
	for i := range 300 {
		body.WriteString(ev(fmt.Sprint(i), ""))
	}
	a := r.ok("?proof=true", []byte(body.String()))
	if len(a.Receipts) != 300 {
		t.Fatalf("%d receipts", len(a.Receipts))
	}
	for _, rc := range a.Receipts {
		c, err := proof.OpenCheckpoint([]byte(rc.Checkpoint), r.trail.Keys())
		if err != nil {
			t.Fatal(err)
		}
		if c.Size != rc.Size || rc.Index != rc.Seq || rc.Size <= rc.Seq {
			t.Fatalf("size %d of a checkpoint of %d, index %d, seq %d", rc.Size, c.Size, rc.Index, rc.Seq)
		}
		var leaf proof.Hash
		hex.Decode(leaf[:], []byte(rc.Leaf))
		if root := rootOf(t, rc.Index, rc.Size, leaf, rc.Proof); root != c.Root {
			t.Fatalf("the proof of record %d leads to %s, the checkpoint says %s", rc.Seq, root, c.Root)
		}
	}
	if again := r.ok("?proof=1", []byte(ev("0", ""))); again.Duplicates != 1 || len(again.Receipts) != 1 || again.Receipts[0].Checkpoint == "" {
		t.Errorf("a duplicate gets no proof: %+v", again)
	}
	body.Reset()
	for i := range intakehttp.MaxProofs + 1 {
		body.WriteString(ev(fmt.Sprint("m", i), ""))
	}
	if resp, text := r.post("?proof=true", []byte(body.String())); resp.StatusCode != 413 {
		t.Errorf("too many proofs: %d %.200s", resp.StatusCode, text)
	}
}

// rootOf is RFC 9162 section 2.1.3.2, written again for the test.
func rootOf(t *testing.T, index, size uint64, leaf proof.Hash, path []string) proof.Hash {
	fn, sn, r := index, size-1, leaf
	for _, s := range path {
		var p proof.Hash
		if _, err := hex.Decode(p[:], []byte(s)); err != nil || sn == 0 {
			t.Fatalf("path of %d in %d: %v", index, size, err)
		}
		if fn&1 == 1 || fn == sn {
			r = proof.NodeHash(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = proof.NodeHash(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 {
		t.Fatalf("path of %d in %d is too short", index, size)
	}
	return r
}

func TestFullDiskAnd503(t *testing.T) {
	r := open(t, 0)
	r.ok("", []byte(ev("a", "")))
	r.full.Store(true)
	resp, text := r.post("", []byte(ev("b", "")))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), text)
	}
	r.full.Store(false)
	if a := r.ok("", []byte(ev("a", "")+ev("b", ""))); a.Accepted != 1 || a.Duplicates != 1 {
		t.Errorf("after the disk has room again: %+v", a)
	}
}

func TestBoundedMemory(t *testing.T) {
	r := open(t, 300<<10)
	if resp, text := r.post("", bytes.Repeat([]byte(" "), 1<<20)); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a body larger than all memory: %d %s", resp.StatusCode, text)
	}
	// What was taken was given back, whatever became of it.
	for i := range 50 {
		r.post("", bytes.Repeat([]byte(" "), 1<<20))
		r.post("", zip(bytes.Repeat([]byte("x"), 100<<10))[:50], "Content-Encoding", "gzip")
		if a := r.ok("", []byte(ev(fmt.Sprint(i), `,"detail":{"s":"`+strings.Repeat("x", 100<<10)+`"}`))); a.Accepted != 1 {
			t.Fatalf("%+v", a)
		}
	}
}

// TestSlowBodyIsGivenUp runs a real connection in a bubble where time is quick.
func TestSlowBodyIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail"})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		ln := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		srv := &http.Server{Handler: handler(tr, 0)}
		go srv.Serve(ln)
		defer srv.Close()

		conn := ln.dial()
		fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
		go func() {
			for range 1000 { // a byte a second
				if _, err := conn.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		begun := time.Now()
		head := make([]byte, 64)
		if _, err := io.ReadFull(conn, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 408 ") {
			t.Errorf("%q, %v", head, err)
		}
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
		conn.Close()
		time.Sleep(time.Minute) // the server lingers a little before it closes its end
	})
}

// pipeListener hands out connections in memory, with deadlines as real ones have.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, errors.New("closed")
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// TestSendersAtOnce: memory that is used again must not mix senders.
func TestSendersAtOnce(t *testing.T) {
	r := open(t, 0)
	srv := httptest.NewServer(r)
	defer srv.Close()
	const senders, rounds, batch = 8, 20, 50
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for round := range rounds {
				var body strings.Builder
				for i := range batch {
					id := fmt.Sprintf("%d-%d-%d", s, round, i)
					body.WriteString(ev(id, fmt.Sprintf(`,"detail":{"me":%q}`, id)))
				}
				resp, err := http.Post(srv.URL+"/v1/events", "application/x-ndjson", strings.NewReader(body.String()))
				if err != nil {
					t.Error(err)
					return
				}
				var a answer
				err = json.NewDecoder(resp.Body).Decode(&a)
				resp.Body.Close()
				if err != nil || a.Accepted != batch {
					t.Errorf("%v %+v", err, a)
					return
				}
				for i, rc := range a.Receipts {
					if rc.ID != fmt.Sprintf("%d-%d-%d", s, round, i) {
						t.Errorf("receipt %d of %d-%d is for %s", i, s, round, rc.ID)
					}
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for rec, err := range r.trail.Records(context.Background(), 0, r.trail.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Header.Source != "app/billing" {
			continue
		}
		n++
		var e struct {
			ID     string
			Detail struct{ Me string }
		}
		if err := json.Unmarshal(rec.Body, &e); err != nil || e.ID != e.Detail.Me || rec.Header.ID != proof.EventID("app/billing", e.ID) {
			t.Fatalf("record %d is mixed: %s", rec.Header.Seq, rec.Body)
		}
	}
	if n != senders*rounds*batch {
		t.Errorf("%d records", n)
	}
}
