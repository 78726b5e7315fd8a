package index

import (
	"slices"

	"example.com/evident/index/block"
)

// each calls do for the rows of a part that is a tail for which where is true.
func (p *part) each(where cond, do func(t *block.Tail, row int)) {
	if where.is(never) {
		return
	}
	for row := range p.rows {
		if where.row == nil || where.row(p.place.tail, row) {
			do(p.place.tail, row)
		}
	}
}

// newest returns the newest n rows for which where is true, newest first.
func (p *part) newest(where, sure cond, n int) []row {
	var rows []row
	floor := key{occurred: -1 << 63}
	later := func(a, b row) int { return b.compare(a.key) }
	t := p.place.tail
	for i := p.rows - 1; i >= 0; i-- { // most come in the order of time, so that the floor soon rises
		if !where.of(t, i) {
			continue
		}
		r := row{key{t.Occurred(i), uint64(t.Seqs[i])}, sure.of(t, i)}
		if r.compare(floor) < 0 {
			continue
		}
		if rows = append(rows, r); len(rows) >= 2*n+1024 {
			slices.SortFunc(rows, later)
			rows = rows[:n]
			floor = rows[n-1].key
		}
	}
	slices.SortFunc(rows, later)
	return rows[:min(n, len(rows))]
}
