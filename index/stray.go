package index

import (
	"context"
	"fmt"
	"strings"

	"example.com/evident/index/block"
)

// A search stops at the block whose newest record is older than what it has
// found. When a year of old events is imported, a few records in every block
// are of today, at least the trail's own, and no search would ever stop. So the
// newest few records of each block are its strays: in a search they do not
// count as the block's, but are looked at together with the strays of all
// others, in memory.
//
// loadStrays reads the strays of a block from the trail.
func (x *Index) loadStrays(ctx context.Context, b *block.Block) error {
	records, err := x.cfg.Trail.Read(ctx, b.StraySeqs())
	if err != nil {
		return fmt.Errorf("read trail: %w", err)
	}
	for i := range records {
		h := records[i].Header
		for _, s := range []*string{&h.Source, &h.Category, &h.Action, &h.Outcome} {
			*s = strings.Clone(*s) // these rows stay, and must not keep alive what the header was read from
		}
		b.StrayRows = append(b.StrayRows, RowOf(&h, records[i].Fields))
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
			rows = append(rows, pl.block.StrayRows...)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	t := block.NewTail(0, len(rows))
	t.Add(rows)
	x.strays = &place{tail: t, strays: true}
	return x.strays
}
