package index

import (
	"context"
	"fmt"
)

// A search stops at the block whose newest record is older than what it has
// found. When a year of old events is imported, a few records in every block
// are of today, at least the trail's own, and no search would ever stop. So the
// newest few records of each block are its strays: in a search they do not
// count as the block's, but are looked at together with the strays of all
// others, in memory.
const maxStrays = 64

// straysOf returns the last rows in order that are a tail's strays, and the
// time above which all of them lie, in milliseconds.
func straysOf(t *tail, order []uint32) (strays []uint32, bulk int64) {
	n := min(maxStrays, len(order)/8)
	bulk = t.t[order[len(order)-1-n]]
	from := len(order) - n
	for from < len(order) && t.t[order[from]] == bulk {
		from++
	}
	return order[from:], bulk
}

// loadStrays reads the strays of a block from the trail.
func (x *Index) loadStrays(ctx context.Context, b *block) error {
	records, err := x.cfg.Trail.Read(ctx, b.Strays[:b.StrayCount])
	if err != nil {
		return fmt.Errorf("read trail: %w", err)
	}
	for i := range records {
		b.strays = append(b.strays, RowOf(&records[i].Header, records[i].Fields))
	}
	return nil
}

// straysPlace returns the place of the strays of all blocks, nil if there are
// none. x.mu is held.
func (x *Index) straysPlace() *place {
	if x.strays != nil {
		return x.strays
	}
	var rows []Row
	for _, pl := range x.places {
		if pl.block != nil {
			rows = append(rows, pl.block.strays...)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	t := newTail(0, len(rows))
	t.add(rows)
	x.strays = &place{tail: t, strays: true}
	return x.strays
}
