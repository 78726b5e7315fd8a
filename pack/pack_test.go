package pack_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/filter"
	"example.com/evident/pack"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// day is the clock of all trails here, and of what happens in them.
func day(month, d int) time.Time {
	return time.Date(2026, time.Month(month), d, 9, 30, 0, 0, time.UTC)
}

// A world is a trail with a clock of its own.
type world struct {
	*testing.T
	trail *trail.Trail
	now   time.Time
	n     int
	seal  int // records of a segment
}

func newWorld(t *testing.T, sealRecords int) *world {
	w := &world{T: t, now: day(1, 1), seal: sealRecords}
	// The clock is read by the trail's goroutines only between appends, which
	// wait for them.
	tr, err := trail.Open(trail.Config{
		Dir: t.TempDir(), Origin: "audit.example.com/main", SealRecords: sealRecords,
		Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.trail = tr
	t.Cleanup(func() { tr.Close() })
	return w
}

// An event is what a test says about one; the rest is filled in.
type event struct {
	source, action, category, outcome string
	occurred                          time.Time
	more                              map[string]any
}

// add appends events and returns the seq of the first.
func (w *world) add(events ...event) uint64 {
	w.Helper()
	var drafts []trail.Draft
	for _, e := range events {
		w.n++
		d := trail.Draft{Source: or(e.source, "app/billing"), ID: fmt.Sprintf("id-%d", w.n), Action: or(e.action, "invoice.read"),
			Category: or(e.category, "data"), Outcome: or(e.outcome, "success"), OccurredAt: e.occurred}
		if d.OccurredAt.IsZero() {
			d.OccurredAt = w.now
		}
		body := map[string]any{
			"id": d.ID, "source": d.Source, "occurred_at": string(proof.AppendTime(nil, d.OccurredAt)),
			"action": d.Action, "category": d.Category, "outcome": d.Outcome,
			"actor": map[string]any{"type": "user", "id": fmt.Sprintf("u-%d", w.n%7)},
		}
		for k, v := range e.more {
			body[k] = v
		}
		var err error
		if d.Body, err = json.Marshal(body); err != nil {
			w.Fatal(err)
		}
		if d.Fields, err = proof.ParseBody(d.Body); err != nil {
			w.Fatal(err)
		}
		drafts = append(drafts, d)
	}
	results, err := w.trail.Append(context.Background(), drafts)
	if err != nil {
		w.Fatal(err)
	}
	return results[0].Seq
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// sealed waits until that many segments are sealed and recorded as such.
func (w *world) sealed(n int) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		size, seals := w.trail.Size(), 0
		for r, err := range w.trail.Own(ctx, size) {
			if err != nil {
				w.Fatal(err)
			}
			if r.Header.Action == "segment.seal" {
				seals++
			}
		}
		if seals >= n {
			return
		}
		if err := w.trail.Wait(ctx, size); err != nil {
			w.Fatalf("%d of %d segments are sealed: %v", seals, n, err)
		}
	}
}

// options asks for everything of March.
func (w *world) options(text string) pack.Options {
	w.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		w.Fatal(err)
	}
	return pack.Options{
		Filter: f, From: day(3, 1).Truncate(24 * time.Hour), Until: day(4, 1).Truncate(24 * time.Hour),
		MadeBy: "evident test", Now: day(6, 1), Sign: w.trail.SignText,
	}
}

// A made pack, with what the verifiers said of it.
type made struct {
	pack.Summary
	name  string
	said  string
	files map[string][]byte
}

// build makes a pack and holds both verifiers against it: they must verify it,
// and say the same.
func (w *world) build(o pack.Options) made {
	w.Helper()
	name := filepath.Join(w.TempDir(), "pack.zip")
	s, err := pack.BuildFile(context.Background(), w.trail, o, name, nil)
	if err != nil {
		w.Fatal(err)
	}
	m := made{Summary: s, name: name, files: unzip(w.T, name)}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".evident-pack-*")); len(left) > 0 {
		w.Errorf("temporary files were left behind: %v", left)
	}
	info, err := os.Stat(name)
	if err != nil || uint64(info.Size()) != s.Bytes {
		w.Errorf("the zip has %d bytes, the summary says %d (%v)", info.Size(), s.Bytes, err)
	}
	var out bytes.Buffer
	if err := proof.VerifyPack(os.DirFS(filepath.Dir(name)), "pack.zip", w.trail.Keys(), &out); err != nil {
		w.Errorf("Go verifier: %v\n%s", err, out.String())
	}
	m.said = withoutKeys(out.String())
	said, status := python(w.T, w.trail.Keys(), name)
	if status != 0 || withoutKeys(said) != m.said {
		w.Errorf("verify.py: exit status %d\n%s\nthe Go verifier said\n%s", status, said, m.said)
	}
	return m
}

// python runs the verify.py of this repository.
func python(t *testing.T, keys []proof.Key, name string) (said string, status int) {
	t.Helper()
	cmd := exec.Command("python3", "../proof/verify.py", name)
	for _, k := range keys {
		cmd.Args = append(cmd.Args, "--key", k.String())
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err) // python3 is part of what tests need
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func withoutKeys(said string) string {
	var b strings.Builder
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "key ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// unzip reads a pack with the standard library, which knows nothing of the form.
func unzip(t *testing.T, name string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func (m made) rows(t *testing.T) []map[string]string {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(m.files["population.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func (m made) lines(name string) []string {
	return strings.Split(strings.TrimSuffix(string(m.files[name]), "\n"), "\n")
}

// fill adds n events a month from January to May, on the first days of each.
func (w *world) fill(n int) {
	for month := 1; month <= 5; month++ {
		w.now = day(month, 2)
		w.add(make([]event, n-1)...)
		w.add(event{}) // begins the next segment, if this one is full
		if n > w.seal {
			w.sealed(month)
		}
	}
}

func TestSegmentsOfOtherMonthsAreGaps(t *testing.T) {
	w := newWorld(t, 64)
	w.fill(400)
	m := w.build(w.options("source:app/billing"))
	if m.Counts.Matched != 400 || m.Counts.Headers >= m.Size || m.Counts.Headers < 400 {
		t.Errorf("%d of 400 match, %d headers of %d", m.Counts.Matched, m.Counts.Headers, m.Size)
	}
	var tree proof.TreeFile
	if err := json.Unmarshal(m.files["tree.json"], &tree); err != nil {
		t.Fatal(err)
	}
	long, sealings := 0, len(m.lines("seals.jsonl"))
	for _, p := range tree.Pieces {
		if p.Prev != nil && p.Until-p.From > 1 {
			long++
		}
	}
	if long != 2 || sealings != 5 || tree.Pieces[0].Hashes == nil {
		t.Errorf("the pieces are %+v, and %d sealings; want runs for March and the end, and 5 sealings", tree.Pieces, sealings)
	}
	if tree.Period == nil || tree.Period.Checkpoint == string(m.files["checkpoint.txt"]) {
		t.Error("the pack does not tie the trail to what it was at the window's end")
	}
}

func TestAllHeadersLeaveNoGap(t *testing.T) {
	w := newWorld(t, 64)
	w.fill(400)
	o := w.options("source:app/billing")
	o.AllHeaders = true
	m := w.build(o)
	var tree proof.TreeFile
	if err := json.Unmarshal(m.files["tree.json"], &tree); err != nil {
		t.Fatal(err)
	}
	if m.Counts.Headers != m.Size || len(tree.Pieces) != 1 || tree.Pieces[0].Prev == nil {
		t.Errorf("%d headers of %d, in pieces %+v; want all of them in one run", m.Counts.Headers, m.Size, tree.Pieces)
	}
}

func TestNothingSealed(t *testing.T) {
	w := newWorld(t, 1000)
	w.fill(3)
	m := w.build(w.options(""))
	if m.Counts.Matched != 3 || len(m.files["manifests.jsonl"])+len(m.files["seals.jsonl"]) > 0 {
		t.Errorf("%d match; want 3, and neither manifests nor sealings", m.Counts.Matched)
	}
}

func TestNothingMatches(t *testing.T) {
	w := newWorld(t, 64)
	w.fill(60)
	m := w.build(w.options("action:role.grant"))
	if m.Counts.Matched != 0 || len(m.files["records.jsonl"]) > 0 || len(m.rows(t)) > 0 {
		t.Errorf("%+v; want no match", m.Counts)
	}
	if !strings.Contains(string(m.files["index.html"]), "No record of the window matches.") {
		t.Error("the page does not say that nothing matches")
	}
}

func TestWindowIncludesItsBeginningAndNotItsEnd(t *testing.T) {
	w := newWorld(t, 1000)
	o := w.options("")
	w.now = day(5, 1)
	first := w.add(
		event{occurred: o.From.Add(-time.Nanosecond)}, event{occurred: o.From},
		event{occurred: o.Until.Add(-time.Nanosecond)}, event{occurred: o.Until})
	m := w.build(o)
	if rows := m.rows(t); len(rows) != 2 || rows[0]["seq"] != fmt.Sprint(first+1) || rows[1]["seq"] != fmt.Sprint(first+2) {
		t.Errorf("rows %v; want the second and the third event", rows)
	}
	o.By = pack.ByAt
	if m := w.build(o); m.Counts.Matched != 0 {
		t.Errorf("%d recorded in the window; want none", m.Counts.Matched)
	}
}

func TestLateAndAheadAreInItAndListed(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(1, 20)
	w.add(make([]event, 100)...)
	w.add(event{})
	w.sealed(1)
	w.now = day(3, 20)
	ahead := w.add(event{occurred: w.now.Add(3 * time.Hour), action: "clock.ahead"})
	w.add(make([]event, 100)...)
	w.add(event{})
	w.sealed(2)
	w.now = day(5, 10)
	late := w.add(event{occurred: day(3, 30), action: "sync.late"})
	w.add(make([]event, 100)...)
	m := w.build(w.options("source:app/*"))
	if m.Counts.Late != 1 || m.Counts.Ahead != 1 {
		t.Errorf("%d late and %d ahead; want 1 and 1", m.Counts.Late, m.Counts.Ahead)
	}
	page := string(m.files["index.html"])
	for _, want := range []string{
		fmt.Sprintf(`<td class="number">%d</td><td class="time">2026-03-30T09:30:00Z</td><td class="time">2026-05-10T09:30:00Z</td><td>41 days later</td>`, late),
		fmt.Sprintf(`<td class="number">%d</td><td class="time">2026-03-20T12:30:00Z</td><td class="time">2026-03-20T09:30:00Z</td><td>3h0m0s ahead</td>`, ahead),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not list %s", want)
		}
	}
}

func TestActorClause(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	var events []event
	for i := range 100 {
		name := []string{"alice", "bob"}[i%2]
		events = append(events, event{more: map[string]any{
			"actor": map[string]any{"type": "user", "id": name, "name": name, "email": name + "@acme.example"},
			"raw":   "the bytes as they came",
		}})
	}
	w.add(events...)
	w.add(event{action: "other.action"}) // has neither name nor email
	o := w.options("actor.email:alice@* action:invoice.read")
	m := w.build(o)
	if m.Counts.Matched != 50 || m.Counts.Unproven != 50 || !strings.Contains(m.said, "rests on the exporter's word for 50 records") {
		t.Errorf("%+v\n%s\nwant 50 on the exporter's word", m.Counts, m.said)
	}
	if !strings.Contains(string(m.files["index.html"]), "the exporter’s word</strong> for 50 records") {
		t.Error("the page does not say what rests on the exporter's word")
	}

	o.Prove = true
	m = w.build(o)
	if m.Counts.Others != 50 || m.Counts.Unproven != 0 || strings.Contains(m.said, "word for") {
		t.Errorf("%+v\n%s\nwant all proven", m.Counts, m.said)
	}
	others := string(m.files["others.jsonl"])
	if !strings.Contains(others, "bob@acme.example") || strings.Contains(others, "the bytes as they came") || strings.Contains(others, `"seed"`) {
		t.Error("others.jsonl does not hold the email, or more than that")
	}

	// A name that is absent cannot be shown to be so without the whole body.
	o = w.options("actor.name:alice")
	o.Prove = true
	m = w.build(o)
	if m.Counts.Unproven != 0 || !strings.Contains(string(m.files["others.jsonl"]), `"seed"`) {
		t.Errorf("%+v; want all proven, the event without a name by its whole body", m.Counts)
	}

	// With something withheld that is not possible, and said so.
	o.Withhold = []string{"where.ip"}
	m = w.build(o)
	if m.Counts.Unproven == 0 || strings.Contains(string(m.files["others.jsonl"]), `"seed"`) {
		t.Errorf("%+v; want what cannot be shown left unproven", m.Counts)
	}
}

func TestCandidatesSpareReading(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	first := w.add(
		event{more: map[string]any{"request_id": "needle"}}, event{}, event{more: map[string]any{"request_id": "needle"}})
	o := w.options("needle")
	asked := uint64(0)
	o.Candidates = func(_ context.Context, size uint64) ([]uint64, error) {
		asked = size
		return []uint64{first, first + 1, first + 2}, nil
	}
	if m := w.build(o); m.Counts.Matched != 2 || asked != m.Size {
		t.Errorf("%d match, the index was asked for size %d; want 2 and %d", m.Counts.Matched, asked, m.Size)
	}
}

func TestMatchOnTheExportersWord(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	w.add(event{more: map[string]any{"where": map[string]any{"ip": "203.0.113.7"}}})
	o := w.options("ip:203.0.113.0/24")
	o.Withhold = []string{"/where/ip"}
	m := w.build(o)
	if m.OnWord != 1 || !strings.Contains(m.said, "1 that match on the exporter's word") {
		t.Errorf("%d on the exporter's word; want 1\n%s", m.OnWord, m.said)
	}
	if got := m.rows(t)[0]["ip"]; got != "[withheld]" {
		t.Errorf("ip is %q", got)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	w.add(event{more: map[string]any{"actor": map[string]any{"type": "user", "id": "u", "email": "alice@acme.example"}}})
	f := func(change func(*pack.Options), want string) {
		t.Helper()
		o := w.options("")
		change(&o)
		name := filepath.Join(t.TempDir(), "pack.zip")
		_, err := pack.BuildFile(context.Background(), w.trail, o, name, nil)
		var refusal *pack.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want a refusal with %q", err, want)
		}
		if _, err := os.Stat(name); err == nil {
			t.Error("a file was left behind")
		}
	}
	f(func(o *pack.Options) { o.Until = o.From }, "begin before it ends")
	f(func(o *pack.Options) { o.By = "received_at" }, "by occurred_at or by at")
	f(func(o *pack.Options) { o.From = time.Date(1812, 1, 1, 0, 0, 0, 0, time.UTC) }, "between 1970 and 2261")
	f(func(o *pack.Options) { o.Withhold = []string{"outcome"} }, "header")
	f(func(o *pack.Options) { o.Withhold = []string{"actor..id"} }, "is no field")
	f(func(o *pack.Options) {
		o.MadeBy, o.Withhold = "evident, for ALICE@acme.example", []string{"actor.email"}
	}, "is to be withheld")
	f(func(o *pack.Options) {
		o.Filter, _ = filter.Parse("actor.email:alice@acme.example")
		o.Withhold = []string{"actor.email"}
	}, "the filter itself says")

	name := filepath.Join(t.TempDir(), "pack.zip")
	if err := os.WriteFile(name, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pack.BuildFile(context.Background(), w.trail, w.options(""), name, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("writing over a file: %v", err)
	}
	if b, _ := os.ReadFile(name); string(b) != "mine" {
		t.Error("a file was written over")
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t, 64)
	w.fill(50)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	if _, err := pack.Build(ctx, w.trail, w.options(""), &out, nil); !errors.Is(err, context.Canceled) || out.Len() > 0 {
		t.Errorf("%v, %d bytes written", err, out.Len())
	}
}

func TestProgress(t *testing.T) {
	w := newWorld(t, 64)
	w.fill(50)
	var last, total uint64
	progress := func(done, all uint64) {
		if done != last+1 {
			t.Fatalf("%d after %d", done, last)
		}
		last, total = done, all
	}
	if _, err := pack.Build(context.Background(), w.trail, w.options(""), io.Discard, progress); err != nil {
		t.Fatal(err)
	}
	if last != 50 || total != 50 {
		t.Errorf("%d of %d; want 50 of 50", last, total)
	}
}
