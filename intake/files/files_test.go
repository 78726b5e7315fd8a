package files_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/acts"
	"example.com/evident/intake/files"
	"example.com/evident/source"
	"example.com/evident/state"
	"example.com/evident/trail"
)

const name = "lines/test"

var linesKind = source.Kind{
	Name: "lines",
	Split: func(r io.Reader) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for s := bufio.NewScanner(r); s.Scan(); {
				if !yield(bytes.Clone(s.Bytes()), nil) {
					return
				}
			}
		}
	},
	Map: func(raw []byte, now time.Time) (event.Event, error) {
		return event.Event{
			OccurredAt: now.UTC(), Actor: event.Actor{Type: event.ActorSystem, ID: "host"}, Action: "log.write",
			Category: event.System, Outcome: event.Unknown, Raw: raw,
		}, nil
	},
}

// A rig is a folder of logs and a trail.
type rig struct {
	t      *testing.T
	dir    string
	trail  *trail.Trail
	book   *acts.Book
	tailer *files.Tailer
	config files.Config
	stop   func()
}

func open(t *testing.T) *rig {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	r := &rig{t: t, dir: t.TempDir(), trail: tr, stop: func() {}}
	if r.book, err = acts.Open(t.Context(), tr, nil); err != nil {
		t.Fatal(err)
	}
	r.config = files.Config{Source: name, Paths: []string{filepath.Join(r.dir, "*.log")}, Every: 5 * time.Millisecond}
	return r
}

// follow starts a Tailer; what another has read before it knows from the trail.
func (r *rig) follow() {
	r.t.Helper()
	in := intake.New(intake.Config{Trail: r.trail, Kinds: []source.Kind{linesKind}})
	book, err := acts.Open(r.t.Context(), r.trail, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.config.Trail = files.Trail{
		Take:   in.Take,
		Cursor: func(source, stream string) (state.Cursor, bool) { return book.State().Cursor(source, stream) },
		Record: func(ctx context.Context, a state.Act) error {
			_, err := book.Record(ctx, a)
			return err
		},
	}
	if r.tailer, err = files.New(r.config); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	tailer := r.tailer
	go func() { done <- tailer.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("run: %v", err)
		}
	}
	r.t.Cleanup(r.stop)
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// write appends to a file.
func (r *rig) write(name, text string) {
	r.t.Helper()
	f, err := os.OpenFile(r.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.t.Fatal(err)
	}
}

// records are the events of the trail of a source, those of action if that is
// not empty.
func (r *rig) records(of, action string) (all []event.Event) {
	r.t.Helper()
	for rec, err := range r.trail.Records(context.Background(), 0, r.trail.Size()) {
		if err != nil {
			r.t.Fatal(err)
		}
		if rec.Header.Action == intake.ActionConflict {
			r.t.Errorf("a conflict: %.500s", rec.Body)
		}
		if rec.Header.Source == of && (action == "" || rec.Header.Action == action) {
			e, err := event.Parse(rec.Body)
			if err != nil {
				r.t.Fatal(err)
			}
			all = append(all, e)
		}
	}
	return all
}

// want waits until these lines are there, and no others.
func (r *rig) want(lines ...string) {
	r.t.Helper()
	var got []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if r.trail.Counts()[name] >= uint64(len(lines)) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for _, e := range r.records(name, "") {
		got = append(got, string(e.Raw))
	}
	if !slices.Equal(got, lines) {
		r.t.Fatalf("lines %.1000q\nwant %.1000q\n%+v", got, lines, r.tailer.Status())
	}
}

func (r *rig) until(what string, holds func(s files.Status) bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(r.tailer.Status()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: %+v", what, r.tailer.Status())
		}
	}
}

func TestGrows(t *testing.T) {
	r := open(t)
	r.write("a.log", "one\ntwo\r\n\nthr")
	r.follow()
	r.want("one", "two")
	r.write("a.log", "ee\none\none\n")
	r.want("one", "two", "three", "one", "one")
	r.write("b.log", "other\n")
	r.want("one", "two", "three", "one", "one", "other")
	r.stop()
	if n := len(r.records("evident", state.ActionCursorMove)); n != 2 {
		t.Errorf("%d cursors were moved, not one a file", n)
	}
}

// A Tailer that begins again goes on where the last one was, and makes nothing
// twice also if that had not been recorded.
func TestBeginsAgain(t *testing.T) {
	r := open(t)
	r.write("a.log", "one\ntwo\n")
	r.follow()
	r.want("one", "two")
	r.stop()
	r.write("a.log", "three\n")
	r.follow()
	r.want("one", "two", "three")
	if s := r.tailer.Status(); s.Lines != 1 {
		t.Errorf("%d lines were read, not only the new one", s.Lines)
	}
	// A crash: nothing is recorded of how far it was read.
	r.write("a.log", "four\n")
	r.want("one", "two", "three", "four")
	crashed := open(t)
	crashed.dir, crashed.config.Paths = r.dir, r.config.Paths
	crashed.trail, crashed.book = r.trail, r.book
	crashed.follow() // while the other one still runs: as if that had been killed
	crashed.until("all was read", func(s files.Status) bool { return s.Lines >= 2 })
	crashed.want("one", "two", "three", "four")
}

func TestRotation(t *testing.T) {
	r := open(t)
	r.write("a.log", "one\ntwo\n")
	r.follow()
	r.want("one", "two")
	writer, err := os.OpenFile(r.path("a.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	r.rename("a.log", "a.log.1")
	writer.WriteString("three, by who has the old one open\n")
	r.until("the old one was read", func(s files.Status) bool { return s.Lines == 3 })
	r.write("a.log", "four\n")
	r.until("it was noticed", func(s files.Status) bool { return s.Rotated == 1 })
	writer.WriteString("five, without an end")
	r.want("one", "two", "three, by who has the old one open", "four", "five, without an end")
	got := r.records("evident", files.ActionRotate)
	if len(got) != 1 || got[0].Targets[0].ID != r.path("a.log") || !strings.Contains(string(got[0].Detail), `"read":43`) {
		t.Errorf("%d records of it: %+v", len(got), got)
	}
}

// While nobody looked the file was rotated, twice: all is read, once.
func TestRotationWhileStopped(t *testing.T) {
	r := open(t)
	r.write("a.log", "one\ntwo\n")
	r.follow()
	r.want("one", "two")
	r.stop()
	r.write("a.log", "three\n")
	r.rename("a.log", "a.log.2")
	time.Sleep(20 * time.Millisecond) // the files differ in when they were written
	r.write("a.log.1", "four\n")
	r.write("a.log", "five\n")
	r.follow()
	r.want("one", "two", "three", "four", "five")
	r.until("it was noticed", func(s files.Status) bool { return s.Rotated == 1 })
	time.Sleep(100 * time.Millisecond) // the old ones are let go of
	r.stop()
	r.write("a.log", "six\n")
	r.follow()
	r.want("one", "two", "three", "four", "five", "six")
}

// Copied and cut, as logrotate's copytruncate does, with lines in between that
// only the copy has.
func TestTruncation(t *testing.T) {
	r := open(t)
	r.config.Every = 300 * time.Millisecond
	r.write("a.log", "one\ntwo\n")
	r.follow()
	r.want("one", "two")
	r.write("a.log", "three\n")
	all, _ := os.ReadFile(r.path("a.log"))
	r.write("a.log.1", string(all))
	if err := os.Truncate(r.path("a.log"), 0); err != nil {
		t.Fatal(err)
	}
	r.write("a.log", "four\nfive, and more than there was before\n")
	r.until("all was read", func(s files.Status) bool { return s.Lines == 5 })
	var got []string
	for _, e := range r.records(name, "") {
		got = append(got, string(e.Raw))
	}
	slices.Sort(got)
	if want := []string{"five, and more than there was before", "four", "one", "three", "two"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if n := len(r.records("evident", files.ActionTruncate)); n != 1 || r.tailer.Status().Truncated != 1 {
		t.Errorf("%d records of it", n)
	}
	r.stop()
	r.follow() // it begins in the file that was cut
	r.write("a.log", "six\n")
	r.until("one line more", func(files.Status) bool { return r.trail.Counts()[name] >= 6 })
	if got := r.records(name, ""); len(got) != 6 || string(got[5].Raw) != "six" {
		t.Errorf("%d lines", len(got))
	}
}

func TestVanishes(t *testing.T) {
	r := open(t)
	r.write("a.log", "one\nand no end")
	r.follow()
	r.want("one")
	if err := os.Remove(r.path("a.log")); err != nil {
		t.Fatal(err)
	}
	r.want("one", "and no end")
	r.until("it was noticed", func(s files.Status) bool { return s.Vanished == 1 && len(s.Files) == 0 })
	if n := len(r.records("evident", files.ActionVanish)); n != 1 {
		t.Errorf("%d records of it", n)
	}
	r.write("a.log", "two\n")
	r.want("one", "and no end", "two")
}

func TestLongLines(t *testing.T) {
	r := open(t)
	r.config.MaxBytes = 1000
	long := strings.Repeat("x", 5000)
	r.write("a.log", "one\n"+long+"\ntwo\n"+long)
	r.follow()
	r.want("one", long[:1000], "two", long[:1000])
	r.write("a.log", long+"\nthree\n")
	r.want("one", long[:1000], "two", long[:1000], "three")
	if e := r.records(name, "")[1]; e.Action != source.ActionUnmapped || !strings.Contains(e.OutcomeReason, "first 1000 bytes") {
		t.Errorf("%s %q", e.Action, e.OutcomeReason)
	}
	if s := r.tailer.Status(); s.Cut != 2 || s.Lines != 5 {
		t.Errorf("%+v", s)
	}
}

func TestManyLines(t *testing.T) {
	r := open(t)
	var b strings.Builder
	var want []string
	for i := range 20_000 {
		line := fmt.Sprintf("line %d of many, of some length each", i)
		want = append(want, line)
		b.WriteString(line + "\n")
	}
	r.write("a.log", b.String())
	begun := time.Now()
	r.follow()
	r.want(want...)
	t.Logf("%d lines in %v", len(want), time.Since(begun))
}

func TestRefusals(t *testing.T) {
	for what, c := range map[string]files.Config{
		"no source":       {Paths: []string{"/a"}},
		"no paths":        {Source: name},
		"a relative path": {Source: name, Paths: []string{"a.log"}},
		"a bad pattern":   {Source: name, Paths: []string{"/[a"}},
		"lines too long":  {Source: name, Paths: []string{"/a"}, MaxBytes: source.MaxEventBytes + 1},
	} {
		if _, err := files.New(c); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}
