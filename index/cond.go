package index

import (
	"math/bits"
	"slices"
	"strings"
	"time"

	"example.com/evident/index/block"
	"example.com/evident/index/words"
)

// A cond is a condition on rows: in SQL for blocks, as a function for tails.
// The text is made of column names and question marks; every value is bound.
type cond struct {
	sql  string
	args []any
	row  func(t *block.Tail, row int) bool // nil of always and never
}

var (
	always = cond{sql: "TRUE"}
	never  = cond{sql: "FALSE"}
)

func (c cond) is(d cond) bool { return c.sql == d.sql }

// of says whether the condition is true of a row of a tail.
func (c cond) of(t *block.Tail, row int) bool {
	if c.row == nil {
		return c.is(always)
	}
	return c.row(t, row)
}

func (c cond) equal(d cond) bool {
	return c.sql == d.sql && slices.EqualFunc(c.args, d.args, func(a, b any) bool { return a == b })
}

func all(conds ...cond) cond {
	conds, decided := simplify(always, never, conds)
	if decided || len(conds) < 2 {
		return conds[0]
	}
	c := join(" AND ", conds)
	c.row = func(t *block.Tail, row int) bool {
		for i := range conds {
			if !conds[i].row(t, row) {
				return false
			}
		}
		return true
	}
	return c
}

func anyOf(conds ...cond) cond {
	conds, decided := simplify(never, always, conds)
	if decided || len(conds) < 2 {
		return conds[0]
	}
	c := join(" OR ", conds)
	c.row = func(t *block.Tail, row int) bool {
		for i := range conds {
			if conds[i].row(t, row) {
				return true
			}
		}
		return false
	}
	return c
}

// simplify leaves out what is neutral or stands twice. If one condition decides
// all, it is alone in the result, which is never empty.
func simplify(neutral, decides cond, conds []cond) (rest []cond, decided bool) {
	for _, c := range conds {
		if c.is(decides) {
			return []cond{decides}, true
		}
		if !c.is(neutral) && !slices.ContainsFunc(rest, c.equal) {
			rest = append(rest, c)
		}
	}
	if len(rest) == 0 {
		return []cond{neutral}, true
	}
	return rest, false
}

func join(op string, conds []cond) (out cond) {
	var texts []string
	for _, c := range conds {
		texts = append(texts, c.sql)
		out.args = append(out.args, c.args...)
	}
	out.sql = "(" + strings.Join(texts, op) + ")"
	return out
}

func not(c cond) cond {
	switch {
	case c.is(always):
		return never
	case c.is(never):
		return always
	}
	return cond{"NOT (" + c.sql + ")", c.args, func(t *block.Tail, row int) bool { return !c.row(t, row) }}
}

func hasFlag(flag uint8) cond {
	return cond{"(flags & ?) > 0", []any{flag}, func(t *block.Tail, row int) bool { return t.Flags[row]&flag > 0 }}
}

// isLost is true of rows whose entry of a group was not kept.
func isLost(group int) cond {
	return cond{block.ColumnNames[4+group] + " = ?", []any{uint32(0)}, func(t *block.Tail, row int) bool { return t.Codes[group][row] == 0 }}
}

// few is up to how many values are written one by one; more become a string of bits.
const few = 8

func inCodes(group int, set block.CodeSet) cond {
	if set.N == 0 {
		return never
	}
	c := cond{row: func(t *block.Tail, row int) bool { return set.Has(t.Codes[group][row]) }}
	column := block.ColumnNames[4+group]
	if set.N <= few {
		for code := uint32(1); int(code) <= set.Size; code++ {
			if set.Has(code) {
				c.args = append(c.args, code)
			}
		}
		c.sql = column + " IN (?" + strings.Repeat(", ?", len(c.args)-1) + ")"
		return c
	}
	c.sql, c.args = "get_bit(CAST(? AS BIT), CAST("+column+" AS INTEGER)) = 1", []any{set.String()}
	return c
}

// inStretches is true of the rows of these stretches.
func (p *part) inStretches(set words.Stretches) cond {
	n, first, stretch := set.Count(), p.place.first, p.stretch()
	if n == 0 {
		return never
	}
	c := cond{row: func(t *block.Tail, row int) bool { return set.Has(row / stretch) }}
	if n > few {
		b := make([]byte, p.stretches())
		for i := range b {
			b[i] = '0'
			if set.Has(i) {
				b[i] = '1'
			}
		}
		c.sql = "get_bit(CAST(? AS BIT), CAST((seq - ?) >> ? AS INTEGER)) = 1"
		c.args = []any{string(b), int64(first), int64(bits.TrailingZeros(uint(stretch)))}
		return c
	}
	var texts []string
	for i := range p.stretches() {
		if from := int64(first) + int64(i*stretch); set.Has(i) {
			texts = append(texts, "seq BETWEEN ? AND ?")
			c.args = append(c.args, from, from+int64(stretch)-1)
		}
	}
	c.sql = "(" + strings.Join(append(texts, "FALSE"), " OR ") + ")"
	return c
}

// since is true of the rows that occurred at a time or later.
func (p *part) since(at time.Time) cond {
	switch {
	case !at.After(block.TimeOf(p.Earliest)):
		return always
	case at.After(block.TimeOf(p.Latest)):
		return never
	}
	t, ns := block.SplitTime(at.UnixNano()) // it is between two times that have one
	row := func(tail *block.Tail, row int) bool { return tail.T[row] > t || tail.T[row] == t && tail.NS[row] >= ns }
	if ns == 0 {
		return cond{"t >= ?", []any{t}, row}
	}
	return cond{"(t > ? OR t = ? AND ns >= ?)", []any{t, t, ns}, row}
}

// sinceSeq is true of the record seq and those behind it.
func (p *part) sinceSeq(seq uint64) cond {
	switch {
	case seq <= p.first:
		return always
	case seq >= p.until:
		return never
	}
	return sinceSeq(seq)
}

func sinceSeq(seq uint64) cond {
	return cond{"seq >= ?", []any{int64(seq)}, func(t *block.Tail, row int) bool { return t.Seqs[row] >= int64(seq) }}
}

// below is true of the rows that come after k in a search.
func (p *part) below(k key) cond {
	if k.occurred > p.Latest {
		return always
	}
	t, ns := block.SplitTime(k.occurred)
	return cond{
		"(t < ? OR t = ? AND (ns < ? OR ns = ? AND seq < ?))", []any{t, t, ns, ns, int64(k.seq)},
		func(tail *block.Tail, row int) bool {
			return key{tail.Occurred(row), uint64(tail.Seqs[row])}.compare(k) < 0
		},
	}
}
