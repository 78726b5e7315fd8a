package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// TestFaults fails each kind of operation, early and late. What was
// acknowledged is there afterwards, and the trail verifies.
func TestFaults(t *testing.T) {
	for _, op := range []string{"write", "sync", "seal"} {
		for _, after := range []int{0, 1, 2, 5, 9} {
			t.Run(fmt.Sprintf("%s %d", op, after), func(t *testing.T) { testFault(t, op, after) })
		}
	}
}

func testFault(t *testing.T, op string, after int) {
	dir := t.TempDir()
	closeTrail(t, open(t, trail.Config{Dir: dir}))
	var mu sync.Mutex
	n, failed := 0, false
	var logged lockedBuffer
	fault := func(what, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if what == op {
			n++
			if n > after && !failed {
				failed = true
				return errors.New("injected fault")
			}
		}
		return nil
	}
	tr := open(t, trail.Config{Dir: dir, SealRecords: 40, CheckpointEvery: time.Millisecond, Fault: fault, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	acked := map[string]bool{}
	refused := 0
	for i := range 15 {
		list := drafts(t, fmt.Sprint(i), 10)
		if _, err := tr.Append(context.Background(), list); err == nil {
			for _, d := range list {
				acked[d.ID] = true
			}
		} else if !errors.Is(err, trail.ErrUnavailable) && !errors.Is(err, trail.ErrFailed) {
			t.Errorf("append %d: %v; want ErrUnavailable or ErrFailed", i, err)
		} else {
			refused++
		}
		time.Sleep(2 * time.Millisecond)
	}
	if op == "write" && (refused > 1 || refused == 0 && !strings.Contains(logged.String(), "record the sealing") || tr.Failed() != nil) {
		t.Errorf("%d appends were refused (%v), want the one that could not be written, or a sealing", refused, tr.Failed())
	}
	if op == "sync" && tr.Failed() == nil && refused > 0 {
		t.Error("the trail goes on after a sync that failed")
	}
	tr.Close() // may say that it failed
	check(t, dir)
	tr = open(t, trail.Config{Dir: dir, SealRecords: 40})
	for id := range acked {
		if _, ok, err := tr.Find(proof.EventID("app/test", id)); err != nil || !ok {
			t.Errorf("%s was acknowledged and is not there (%v)", id, err)
		}
	}
	appendAll(t, tr, drafts(t, "again", 10))
	closeTrail(t, tr)
	check(t, dir)
}

// A lockedBuffer is a bytes.Buffer that several goroutines may use.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestSealingRecordedLate refuses the record of a sealing. The segments after
// it are sealed once it is there, so that every check passes in between.
func TestSealingRecordedLate(t *testing.T) {
	dir := t.TempDir()
	var refuse atomic.Bool
	var first sync.Once
	fault := func(what, name string) error {
		if what == "write" && refuse.Load() {
			return errors.New("injected fault")
		}
		if what == "seal" {
			first.Do(func() { refuse.Store(true) }) // until this test says otherwise
		}
		return nil
	}
	var logged lockedBuffer
	tr := open(t, trail.Config{Dir: dir, SealRecords: 40, Fault: fault, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	appendAll(t, tr, drafts(t, "a", 50))
	tr.Append(context.Background(), drafts(t, "closes the segment", 1)) // may meet the fault itself
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(logged.String(), "record the sealing"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the record of the sealing was not refused")
		}
	}
	refuse.Store(false)
	i := 0
	for deadline := time.Now().Add(30 * time.Second); len(tr.Manifests()) < 3; i++ {
		appendAll(t, tr, drafts(t, fmt.Sprint("b", i), 5))
		if time.Now().After(deadline) {
			t.Fatal("no segment was sealed after that")
		}
	}
	if _, err := tr.Check(context.Background(), trail.CheckOptions{}); err != nil {
		t.Error(err)
	}
	closeTrail(t, tr)
	check(t, dir)
}
