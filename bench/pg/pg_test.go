package pg_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"example.com/evident/bench/load"
	"example.com/evident/bench/pg"
)

func TestChainTakesBatchesAndSinglesAndVerifies(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	if err := openToOthers(dir); err != nil {
		t.Fatal(err)
	}
	s, err := pg.Start(ctx, dir, 64)
	if errors.Is(err, pg.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if err := s.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	for _, batch := range []int{1000, 1} {
		c, err := load.Write(filepath.Join(dir, "c"), load.NewGenerator(uint64(batch), time.Now(), 0, 5000), 5*max(batch, 100), batch)
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Send(ctx, load.Plan{Clients: 4, Corpus: c, Until: c.Batches(), Limit: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if out.Events != c.Events() {
			t.Errorf("batch %d: %d events in, want %d", batch, out.Events, c.Events())
		}
		t.Logf("batch %d: %.0f events/s, p99 %v", batch, out.PerSecond(), out.Waits.At(.99))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Verify(ctx); err != nil {
		t.Error(err)
	}
	if _, rows, err := s.Size(ctx); err != nil || rows != 5500 {
		t.Errorf("%d rows, %v; want 5500", rows, err)
	}
}
