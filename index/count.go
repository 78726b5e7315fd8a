package index

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"example.com/evident/index/block"
	"example.com/evident/proof"
)

// Count returns how many records match.
func (x *Index) Count(ctx context.Context, q Query) (uint64, error) {
	counts, err := x.Histogram(ctx, q, time.Time{}, time.Time{}, 1)
	if err != nil {
		return 0, err
	}
	return counts.Counts[0], nil
}

// Bars are counts of records by occurred_at: Counts[i] is of From+i×Width until
// From+(i+1)×Width, the last one ends at Until.
type Bars struct {
	From, Until time.Time
	Width       time.Duration
	Counts      []uint64
	Size        uint64 // of the trail that was asked about
	Read        uint64 // records that were read from the trail to decide
}

const maxBars = 10_000

// Histogram counts the records that match and have from ≤ occurred_at < until
// in bars of equal width, which is rounded up to a millisecond, as from is
// rounded down. With one bar and no times it counts all.
func (x *Index) Histogram(ctx context.Context, q Query, from, until time.Time, bars int) (Bars, error) {
	out := Bars{From: from, Until: until}
	if bars < 1 || bars > maxBars {
		return out, fmt.Errorf("search index: %d bars, want 1 to %d", bars, maxBars)
	}
	h := histogram{counts: make([]uint64, bars)}
	if from.IsZero() && until.IsZero() && bars == 1 {
		h.width = 1 << 62
	} else {
		if !from.Before(until) {
			return out, fmt.Errorf("search index: from %v until %v is no period", from, until)
		}
		out.From = time.UnixMilli(from.UnixMilli()).UTC()
		span := until.Sub(out.From)
		out.Width = (span/time.Duration(bars) + time.Millisecond - 1).Truncate(time.Millisecond)
		for out.Width*time.Duration(bars) < span {
			out.Width += time.Millisecond
		}
		h.from, h.width = out.From.UnixMilli(), out.Width.Milliseconds()
		q.Expr = within(q.Expr, "/occurred_at", from, until)
	}
	out.Counts = h.counts
	err := x.ask(ctx, q, x.cfg.Deadline, func(ctx context.Context, a *asking) error {
		clear(h.counts)
		out.Size = a.size
		err := a.each(ctx, &h)
		out.Read = a.read.Load()
		return err
	})
	return out, err
}

// within adds a period to a filter. Field is "/occurred_at" or "at"; a zero
// time is no bound.
func within(e proof.Expr, field string, from, until time.Time) proof.Expr {
	period := proof.Expr{Op: "all"}
	if e.Op != "" {
		period.Args = append(period.Args, e)
	}
	for op, t := range map[string]time.Time{"from": from, "until": until} {
		if !t.IsZero() {
			period.Args = append(period.Args, proof.Expr{Op: op, Fields: []string{field}, Value: string(proof.AppendTime(nil, t))})
		}
	}
	return period
}

// A tally is what is counted of the records that match.
type tally interface {
	// rows counts the rows of p for which where is true.
	rows(ctx context.Context, a *asking, p *part, where cond) error
	// record counts a record that was read.
	record(h *proof.Header, fields []proof.Field)
}

// each counts all parts: what is sure in the columns, the rest in the trail.
func (a *asking) each(ctx context.Context, t tally) error {
	return parallel(len(a.parts), runtime.GOMAXPROCS(0), func(i int) error {
		p := &a.parts[i]
		b, err := a.plan.on(p)
		if err != nil {
			return err
		}
		if where := all(b.sure, p.within()); !where.is(never) {
			if err := t.rows(ctx, a, p, where); err != nil {
				return err
			}
		}
		if !b.exact() {
			if err := a.unsure(ctx, p, b, t); err != nil {
				return err
			}
		}
		a.looked.Add(p.records)
		return nil
	})
}

// unsure counts the rows that may match but not surely.
func (a *asking) unsure(ctx context.Context, p *part, b between, t tally) error {
	rows, err := a.list(ctx, p, all(b.maybe, not(b.sure), p.within()), never, bySeq, noLimit)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(rows, 1024) {
		if _, err := a.evidence(ctx, batch, t.record); err != nil {
			return err
		}
	}
	return nil
}

// A histogram counts by milliseconds since from, in units of width.
type histogram struct {
	from, width int64

	mu     sync.Mutex // guards counts
	counts []uint64
}

func (h *histogram) rows(ctx context.Context, a *asking, p *part, where cond) error {
	t0, _ := block.SplitTime(p.Earliest)
	t1, _ := block.SplitTime(p.Latest)
	first := max(0, (t0-h.from)/h.width)
	last := min(int64(len(h.counts)-1), (t1-h.from)/h.width)
	if first == last && where.is(always) {
		h.add(first, p.records)
		return nil
	}
	if p.place.tail != nil {
		counts := make([]uint64, last-first+1)
		p.each(where, func(t *block.Tail, row int) { counts[(t.T[row]-h.from)/h.width-first]++ })
		for i, n := range counts {
			h.add(first+int64(i), n)
		}
		return nil
	}
	bar, bound, kind := "CAST(0 AS UTINYINT)", []any{}, "UTINYINT" // a small type needs no hash table
	if first < last {
		if last-first > 255 {
			kind = "INTEGER"
		}
		bar = "CAST((t - ?) // ? AS " + kind + ")"
		bound = []any{h.from + first*h.width, h.width}
	}
	query := "SELECT " + bar + " AS bar, count(*) FROM " + p.place.block.Table + " WHERE " + where.sql + " GROUP BY bar"
	return a.rows(ctx, p, query, append(bound, where.args...), func(scan func(...any) error) error {
		var bar, n int64
		if err := scan(&bar, &n); err != nil {
			return err
		}
		h.add(first+bar, uint64(n))
		return nil
	})
}

func (h *histogram) record(header *proof.Header, _ []proof.Field) {
	t, _ := block.SplitTime(header.OccurredAt.UnixNano())
	h.add((t-h.from)/h.width, 1)
}

func (h *histogram) add(bar int64, n uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[bar] += n
}
