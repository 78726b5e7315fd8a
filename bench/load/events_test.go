package load_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"example.com/evident/bench/load"
)

var end = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func TestEventsAreValidAndOfTheShapeThatIsClaimed(t *testing.T) {
	const n = 50_000
	g := load.NewGenerator(1, end, 0, n)
	actors, size := map[string]int{}, 0
	var b []byte
	for range n {
		b = g.Append(b[:0])
		size += len(b)
		var e struct {
			Actor      struct{ ID string }
			OccurredAt time.Time `json:"occurred_at"`
		}
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		if e.OccurredAt.Before(end.AddDate(-1, 0, 0)) || e.OccurredAt.After(end.Add(time.Minute)) {
			t.Fatalf("event at %v, want within twelve months before %v", e.OccurredAt, end)
		}
		actors[e.Actor.ID]++
	}
	if mean := size / n; mean < 1050 || mean > 1150 {
		t.Errorf("mean size %d, want about 1,100", mean)
	}
	if first, last := actors[g.ActorID(0)], actors[g.ActorID(g.Actors()-1)]; first < 50*last || len(actors) < 1500 {
		t.Errorf("%d actors, the first with %d events and the last with %d: no zipf law", len(actors), first, last)
	}
}

func TestCorpusGivesBackEveryEvent(t *testing.T) {
	c, err := load.Write(filepath.Join(t.TempDir(), "c"), load.NewGenerator(1, end, 0, 25), 25, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	g, total := load.NewGenerator(1, end, 0, 25), 0
	for i := range c.Batches() {
		body, n, err := c.Batch(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for range n {
			want = g.Append(want)
		}
		if !bytes.Equal(body, want) {
			t.Errorf("batch %d differs from what was generated", i)
		}
		total += n
	}
	if total != 25 {
		t.Errorf("%d events in all batches, want 25", total)
	}
}

func BenchmarkAppend(b *testing.B) {
	g := load.NewGenerator(1, end, 0, b.N)
	var line []byte
	for b.Loop() {
		line = g.Append(line[:0])
	}
	b.SetBytes(int64(len(line)))
}
