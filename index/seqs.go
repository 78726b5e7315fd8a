package index

import (
	"context"
	"iter"
	"time"
)

// Seqs yields the numbers of all records that match and lie in the window
// from ≤ time < until, in ascending order. By is "occurred_at" or "at"; a zero
// time is no bound. After an error it yields nothing more. There is no deadline
// but that of ctx.
func (x *Index) Seqs(ctx context.Context, q Query, by string, from, until time.Time) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		field := "/occurred_at"
		if by == "at" {
			field = by
		}
		q.Expr = within(q.Expr, field, from, until)
		if q.Size == 0 {
			q.Size = x.Size()
		}
		stopped := false
		first := uint64(0) // below it all was yielded, should a part have to be made again
		err := x.ask(ctx, q, noDeadline, func(ctx context.Context, a *asking) error {
			for i := range a.parts {
				p := &a.parts[i]
				if p.until <= first {
					continue
				}
				keys, err := a.allOf(ctx, p)
				if err != nil {
					return err
				}
				for _, k := range keys {
					if stopped = !yield(k.seq, nil); stopped {
						return nil
					}
				}
				first = p.until
			}
			return nil
		})
		if err != nil && !stopped {
			yield(0, err)
		}
	}
}

// allOf returns all matches of a part by ascending seq.
func (a *asking) allOf(ctx context.Context, p *part) ([]key, error) {
	b, err := a.plan.on(p)
	if err != nil {
		return nil, err
	}
	rows, err := a.list(ctx, p, all(b.maybe, p.within()), b.sure, bySeq, noLimit)
	if err != nil {
		return nil, err
	}
	if b.exact() {
		for i := range rows {
			rows[i].sure = true
		}
	}
	return a.decide(ctx, nil, rows, len(rows))
}
