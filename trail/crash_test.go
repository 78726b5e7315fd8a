package trail_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("EVIDENT_TEST_WRITER"); dir != "" {
		write(dir, os.Getenv("EVIDENT_TEST_RUN"))
		return
	}
	os.Exit(m.Run())
}

// write appends to the trail in dir until the process is killed, and prints
// what was acknowledged and what was signed.
func write(dir, run string) {
	tr, err := trail.Open(trail.Config{Dir: dir, SealRecords: 150, CheckpointEvery: 3 * time.Millisecond})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var mu sync.Mutex // lines must not mix
	for c := range 4 {
		go func() {
			for i := 0; ; i++ {
				list := drafts(nil2{}, fmt.Sprintf("%s-%d-%d", run, c, i), 1+rand.IntN(20))
				results, err := tr.Append(context.Background(), list)
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				}
				for k := range results {
					fmt.Println("ack", list[k].ID)
				}
				mu.Unlock()
			}
		}()
	}
	for size := uint64(0); ; {
		note, c, err := tr.WaitCheckpoint(context.Background(), size+1)
		if err != nil {
			return
		}
		size = c.Size
		mu.Lock()
		fmt.Println("checkpoint", base64.StdEncoding.EncodeToString(note))
		mu.Unlock()
	}
}

// nil2 is a testing.TB for the writer, which has none.
type nil2 struct{ testing.TB }

func (nil2) Helper() {}

// TestKill kills a writer again and again. After each kill every record that
// was acknowledged is there, nothing that was ever signed is contradicted, and
// the whole trail verifies.
func TestKill(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 20
	}
	dir := t.TempDir()
	var acked []string
	var signed []proof.Checkpoint
	for run := range kills {
		a, s := killWriter(t, dir, fmt.Sprint(run))
		acked, signed = append(acked, a...), append(signed, s...)
		if run%10 == 9 || run == kills-1 {
			check(t, dir) // as the kill left it
		}
		tr := open(t, trail.Config{Dir: dir, SealRecords: 150})
		for _, id := range a {
			if _, ok, err := tr.Find(proof.EventID("app/test", id)); err != nil || !ok {
				t.Fatalf("run %d: %s was acknowledged and is not there (%v)", run, id, err)
			}
		}
		for _, c := range s {
			if root, err := tr.Root(c.Size); err != nil || root != c.Root {
				t.Fatalf("run %d: the checkpoint of size %d was signed and is not kept to (%v)", run, c.Size, err)
			}
		}
		if run%10 == 9 {
			closeTrail(t, tr)
			check(t, dir)
			continue
		}
		closeTrail(t, tr)
	}
	tr := open(t, trail.Config{Dir: dir})
	defer closeTrail(t, tr)
	for _, id := range acked {
		if _, ok, err := tr.Find(proof.EventID("app/test", id)); err != nil || !ok {
			t.Fatalf("at the end: %s was acknowledged and is not there (%v)", id, err)
		}
	}
	for _, c := range signed {
		if root, err := tr.Root(c.Size); err != nil || root != c.Root {
			t.Fatalf("at the end: the checkpoint of size %d is not kept to (%v)", c.Size, err)
		}
	}
	t.Logf("%d kills, %d records acknowledged, %d checkpoints", kills, len(acked), len(signed))
	if len(acked) < kills || len(signed) < kills/2 {
		t.Error("the writers did too little to be of use")
	}
}

func killWriter(t *testing.T, dir, run string) (acked []string, signed []proof.Checkpoint) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "EVIDENT_TEST_WRITER="+dir, "EVIDENT_TEST_RUN="+run)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	var once sync.Once
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		switch kind {
		case "ack":
			acked = append(acked, rest)
			// The kill comes at a random instant after the first answer.
			once.Do(func() {
				time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { cmd.Process.Kill() })
			})
		case "checkpoint":
			note, err := base64.StdEncoding.DecodeString(rest)
			if err != nil {
				break // cut by the kill
			}
			text, _, _ := bytes.Cut(note, []byte("\n\n"))
			if c, err := proof.ParseCheckpoint(string(text) + "\n"); err == nil {
				signed = append(signed, c)
			}
		case "error":
			t.Errorf("writer: %s", rest)
		}
	}
	cmd.Wait()
	if n := len(acked); n > 0 {
		acked = acked[:n-1] // the last line may be cut
	}
	return acked, signed
}

// TestFullDisk fills a small file system. Appends are refused while it is
// full, and taken again when there is room, without a restart.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("evident-test", dir, "tmpfs", 0, "size=40m"); err != nil {
		t.Skipf("SKIPPED: a small file system cannot be mounted here: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	filler := filepath.Join(dir, "filler")
	data := filepath.Join(dir, "data")
	tr := open(t, trail.Config{Dir: data})
	if err := os.WriteFile(filler, make([]byte, 15<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	big := `,"detail":{"text":"` + strings.Repeat("x", 200_000) + `"}`
	var acked []string
	full := false
	for i := range 200 {
		d := draft(t, fmt.Sprint("big-", i), big)
		_, err := tr.Append(context.Background(), []trail.Draft{d})
		if errors.Is(err, trail.ErrUnavailable) {
			full = true
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		acked = append(acked, d.ID)
	}
	if !full {
		t.Fatal("the disk never became full")
	}
	if _, err := tr.Append(context.Background(), []trail.Draft{draft(t, "still", big)}); !errors.Is(err, trail.ErrUnavailable) {
		t.Fatalf("append to a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	appendAll(t, tr, []trail.Draft{draft(t, "room", big)})
	closeTrail(t, tr)
	check(t, data)
	tr = open(t, trail.Config{Dir: data})
	defer closeTrail(t, tr)
	for _, id := range append(acked, "room") {
		if _, ok, err := tr.Find(proof.EventID("app/test", id)); err != nil || !ok {
			t.Errorf("%s was acknowledged and is not there (%v)", id, err)
		}
	}
}

// TestOldBackup puts an old copy back below the newest checkpoint.
func TestOldBackup(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	tr := open(t, trail.Config{Dir: dir, SealRecords: 50})
	appendAll(t, tr, drafts(t, "old", 120))
	closeTrail(t, tr)
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	tr = open(t, trail.Config{Dir: dir, SealRecords: 50})
	appendAll(t, tr, drafts(t, "new", 70))
	closeTrail(t, tr)
	checkpoint, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(backup, "checkpoint"), checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = trail.Open(trail.Config{Dir: backup})
	var behind *trail.BehindError
	if !errors.As(err, &behind) || behind.Checkpoint.Size <= behind.Size || !strings.Contains(err.Error(), "old backup") {
		t.Errorf("open an old backup: %v; want a refusal that says what it looks like", err)
	}
	if _, err := trail.CheckDir(context.Background(), backup, trail.CheckOptions{}); err == nil {
		t.Error("check finds nothing wrong with an old backup")
	}
}

// TestTornTail cuts a log in the middle of its last group, as a power cut may:
// the group is removed and the trail says so.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, trail.Config{Dir: dir, CheckpointEvery: time.Hour})
	appendAll(t, tr, drafts(t, "a", 5))
	crashed := t.TempDir()
	before := tr.Size()
	appendAll(t, tr, drafts(t, "b", 5))
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	log := filepath.Join(crashed, "wal", fmt.Sprintf("%020d.wal", 0))
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(b, "\x00"))
	if err := os.WriteFile(log, b[:end-100], 0o600); err != nil {
		t.Fatal(err)
	}
	tr = open(t, trail.Config{Dir: crashed})
	var cuts int
	for r, err := range tr.Own(context.Background(), tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Header.Action == "tail.cut" {
			cuts++
			if r.Header.Seq != before || !bytes.Contains(r.Body, []byte(`"bytes":`)) {
				t.Errorf("the cut is record %d, want %d: %s", r.Header.Seq, before, r.Body)
			}
		}
	}
	if cuts != 1 {
		t.Errorf("%d cuts are recorded, want 1", cuts)
	}
	closeTrail(t, tr)
	check(t, crashed)
}

// TestDamagedGroup damages a group that whole ones follow: that is no cut
// tail, and nothing may be removed.
func TestDamagedGroup(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, trail.Config{Dir: dir, CheckpointEvery: time.Hour})
	for i := range 5 {
		appendAll(t, tr, drafts(t, fmt.Sprint(i), 5))
	}
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	log := filepath.Join(crashed, "wal", fmt.Sprintf("%020d.wal", 0))
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte(`"2-3"`))
	b[at+1] ^= 1
	if err := os.WriteFile(log, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = trail.Open(trail.Config{Dir: crashed})
	var d *trail.Damage
	if !errors.As(err, &d) || d.Offset == 0 {
		t.Errorf("open: %v; want a *Damage that says where", err)
	}
	after, err := os.ReadFile(log)
	if err != nil || !bytes.Equal(after, b) {
		t.Error("the damaged log was changed")
	}
}

// TestClock sets the clock back and forward, also between two lives.
func TestClock(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	cfg := trail.Config{Dir: dir, Now: func() time.Time { return now }}
	tr := open(t, cfg)
	add := func(id string) { appendAll(t, tr, []trail.Draft{draft(t, id, "")}) }
	add("a")
	now = now.Add(-time.Hour)
	add("back an hour")
	now = now.Add(2 * time.Hour)
	add("on again")
	closeTrail(t, tr)
	now = now.Add(-24 * time.Hour)
	tr = open(t, cfg)
	add("back a day while nobody looked")
	var last time.Time
	var steps []string
	for r, err := range tr.Records(context.Background(), 0, tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Header.At.Before(last) {
			t.Errorf("record %d: at goes back from %v to %v", r.Header.Seq, last, r.Header.At)
		}
		last = r.Header.At
		if r.Header.Action == "clock.step" {
			steps = append(steps, string(r.Body))
		}
	}
	if len(steps) != 2 || !strings.Contains(steps[0], `"seconds":-3600`) || !strings.Contains(steps[1], `"seconds":-86400`) {
		t.Errorf("steps %q, want one of an hour and one of a day", steps)
	}
	closeTrail(t, tr)
	check(t, dir)
}

// TestEveryByte changes each byte of each file of a small trail, one at a
// time. Every change is found, and the file or a record in it is named.
func TestEveryByte(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, trail.Config{Dir: dir, SealRecords: 12})
	appendAll(t, tr, drafts(t, "a", 12))
	appendAll(t, tr, drafts(t, "b", 3))
	waitSealed(t, tr, 1)
	closeTrail(t, tr)
	check(t, dir)
	var files []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, name := range files {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(dir, name)
		step := 1
		if testing.Short() {
			step = 17
		}
		for i := 0; i < len(whole); i += step {
			spoiled := bytes.Clone(whole)
			spoiled[i] ^= 1 << (i % 8)
			mustFind(t, dir, name, spoiled, fmt.Sprintf("%s with byte %d changed", rel, i))
			changed++
		}
		if len(whole) > 0 {
			mustFind(t, dir, name, whole[:len(whole)-1], rel+" without its last byte")
		}
		if !strings.HasSuffix(name, ".wal") { // what a crash leaves behind a log is not evidence
			mustFind(t, dir, name, append(bytes.Clone(whole), 0), rel+" with a byte more")
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d bytes of %d files", changed, len(files))
	check(t, dir)
}

func mustFind(t *testing.T, dir, name string, spoiled []byte, what string) {
	t.Helper()
	if err := os.WriteFile(name, spoiled, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := trail.CheckDir(context.Background(), dir, trail.CheckOptions{})
	var d *trail.Damage
	if !errors.As(err, &d) {
		t.Errorf("%s: %v; want a *Damage", what, err)
		return
	}
	if base := filepath.Base(name); !strings.Contains(d.File, base) && !d.HasSeq && base != "key" {
		t.Errorf("%s: %v; does not name the file", what, err)
	}
}
