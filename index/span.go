package index

import (
	"context"
	"math"
	"sync"
	"time"

	"example.com/evident/index/block"
	"example.com/evident/proof"
)

// Span returns the earliest and the latest occurred_at of the records that
// match, both zero if there are none.
func (x *Index) Span(ctx context.Context, q Query) (earliest, latest time.Time, err error) {
	s := span{earliest: math.MaxInt64, latest: math.MinInt64}
	err = x.ask(ctx, q, x.cfg.Deadline, func(ctx context.Context, a *asking) error { return a.each(ctx, &s) })
	if err != nil || s.earliest > s.latest {
		return time.Time{}, time.Time{}, err
	}
	return block.TimeOf(s.earliest), block.TimeOf(s.latest), nil
}

// A span is the earliest and latest time of what is counted.
type span struct {
	mu               sync.Mutex // guards what follows
	earliest, latest int64
}

func (s *span) add(earliest, latest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.earliest, s.latest = min(s.earliest, earliest), max(s.latest, latest)
}

func (s *span) rows(ctx context.Context, a *asking, p *part, where cond) error {
	if where.is(always) && p.place.block != nil {
		s.add(p.Earliest, p.Latest)
		return nil
	}
	if p.place.tail != nil {
		p.each(where, func(t *block.Tail, row int) { s.add(t.Occurred(row), t.Occurred(row)) })
		return nil
	}
	query := "SELECT min(t * 1000000 + ns), max(t * 1000000 + ns) FROM " + p.place.block.Table + " WHERE " + where.sql + " HAVING count(*) > 0"
	return a.rows(ctx, p, query, where.args, func(scan func(...any) error) error {
		var earliest, latest int64
		err := scan(&earliest, &latest)
		if err == nil {
			s.add(earliest, latest)
		}
		return err
	})
}

func (s *span) record(h *proof.Header, _ []proof.Field) {
	at := h.OccurredAt.UnixNano()
	s.add(at, at)
}
