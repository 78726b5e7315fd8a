package index

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"example.com/evident/index/block"
	"example.com/evident/index/words"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// A Query asks for the records that match a filter, among the first Size.
type Query struct {
	Expr proof.Expr // the zero value is every record
	Size uint64     // of the trail that is asked about; what is indexed if zero

	// For Search only.
	Limit  int    // hits of a page; 50 if zero, 1,000 at most
	Cursor string // Next of the page before; it carries the Size

	search bool // look at strays by themselves
}

// A Hit is a record that matches.
type Hit struct {
	Seq        uint64
	OccurredAt time.Time
}

// A Page is what Search found: newest first, by occurred_at, then seq.
type Page struct {
	Hits []Hit
	Next string // cursor of the next page; empty if this is the last
	Size uint64 // of the trail that was asked about
	Read uint64 // records that were read from the trail to decide
}

// Unfinished is the error of a question that took too long. Nothing of an
// answer is given, since a number that is too small looks like one that is right.
type Unfinished struct {
	Looked uint64    // records that were decided
	Of     uint64    // records there are
	Read   uint64    // records that had to be read from the trail for it
	Back   time.Time // of a search: nothing later than this is undecided
	Cause  error
}

func (e *Unfinished) Error() string {
	back := ""
	if !e.Back.IsZero() {
		back = ", back to " + e.Back.Format(time.RFC3339)
	}
	return fmt.Sprintf("search index: out of time: %d of %d records decided%s, %d of them by reading them; a shorter period or a rarer word is faster: %v", e.Looked, e.Of, back, e.Read, e.Cause)
}

func (e *Unfinished) Unwrap() error { return e.Cause }

const (
	defaultLimit = 50
	maxLimit     = 1000
	noDeadline   = 1<<63 - 1
)

// key is where a record stands in the order of a search.
type key struct {
	occurred int64
	seq      uint64
}

func (k key) compare(l key) int {
	return cmp.Or(cmp.Compare(k.occurred, l.occurred), cmp.Compare(k.seq, l.seq))
}

// An asking is one question on its way.
type asking struct {
	index  *Index
	expr   proof.Expr
	plan   plan
	size   uint64
	parts  []part
	looked atomic.Uint64
	read   atomic.Uint64
}

// ask runs do on a snapshot of the index. If a part turns out to be damaged,
// it is made again from the trail and do is run once more.
func (x *Index) ask(ctx context.Context, q Query, deadline time.Duration, do func(ctx context.Context, a *asking) error) error {
	if q.Expr.Op == "" {
		q.Expr = proof.Expr{Op: "all"}
	}
	if err := q.Expr.Validate(); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	err := x.askOnce(ctx, q, do)
	if damaged := (*partError)(nil); errors.As(err, &damaged) && ctx.Err() == nil {
		if healErr := x.heal(ctx, damaged.place); healErr != nil {
			return fmt.Errorf("search index: %w; and make it again: %w", err, healErr)
		}
		err = x.askOnce(ctx, q, do)
	}
	return err
}

func (x *Index) askOnce(ctx context.Context, q Query, do func(ctx context.Context, a *asking) error) error {
	a := &asking{index: x, expr: q.Expr, size: q.Size}
	if a.size == 0 {
		a.size = x.Size()
	}
	err := x.Wait(ctx, a.size)
	if err == nil {
		a.plan, err = newPlan(q.Expr, func(t time.Time) (uint64, error) { return x.seqAt(ctx, t, a.size) })
	}
	if err == nil {
		a.parts = x.snapshot(a.size, q.search)
		err = do(ctx, a)
		x.release(a.parts)
	}
	if err != nil && ctx.Err() != nil {
		return &Unfinished{Looked: a.looked.Load(), Of: a.size, Read: a.read.Load(), Back: a.back(), Cause: context.Cause(ctx)}
	}
	return err
}

// back is set by Search only.
func (a *asking) back() time.Time {
	for i := range a.parts {
		if a.parts[i].undecided {
			return block.TimeOf(a.parts[i].Latest)
		}
	}
	return time.Time{}
}

// Search returns a page of the records that match, newest first.
func (x *Index) Search(ctx context.Context, q Query) (Page, error) {
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	if q.Limit < 0 || q.Limit > maxLimit {
		return Page{}, fmt.Errorf("search index: limit %d, want 1 to %d", q.Limit, maxLimit)
	}
	var after *key
	if q.Cursor != "" {
		var err error
		if after, q.Size, err = parseCursor(q.Cursor, q.Expr); err != nil {
			return Page{}, err
		}
	}
	q.search = true
	var page Page
	err := x.ask(ctx, q, x.cfg.Deadline, func(ctx context.Context, a *asking) error {
		hits, err := a.newest(ctx, after, q.Limit+1)
		if err != nil {
			return err
		}
		page = Page{Size: a.size, Read: a.read.Load()}
		if len(hits) > q.Limit {
			hits = hits[:q.Limit]
			page.Next = cursor(hits[q.Limit-1], a.size, q.Expr)
		}
		for _, k := range hits {
			page.Hits = append(page.Hits, Hit{k.seq, block.TimeOf(k.occurred)})
		}
		return nil
	})
	return page, err
}

// newest returns the newest matches below after. Parts are visited by their
// latest occurred_at, in windows of 1, 2, 4 and 8, until nothing newer than
// what was found can be in the rest.
func (a *asking) newest(ctx context.Context, after *key, n int) ([]key, error) {
	slices.SortStableFunc(a.parts, func(p, q part) int { return cmp.Compare(q.Latest, p.Latest) })
	for i := range a.parts {
		a.parts[i].undecided = true
	}
	var hits []key
	for begin, width := 0, 1; begin < len(a.parts); begin, width = begin+width, min(2*width, 8) {
		window := a.parts[begin:min(len(a.parts), begin+width)]
		if len(hits) == n && hits[n-1].occurred > window[0].Latest {
			break
		}
		found, err := a.window(ctx, window, after, hits, n)
		if err != nil {
			return nil, err
		}
		hits = found
	}
	return hits, nil
}

// window adds the newest matches of a few parts to hits. What columns decide is
// asked of all at once; what must be read from the trail part by part, so that
// nothing is read in vain, since the trail itself reads on all processors.
func (a *asking) window(ctx context.Context, parts []part, after *key, hits []key, n int) ([]key, error) {
	conds := make([]between, len(parts))
	found := make([][]key, len(parts))
	var floor *key
	if len(hits) == n {
		floor = &hits[n-1]
	}
	err := parallel(len(parts), runtime.GOMAXPROCS(0), func(i int) (err error) {
		p := &parts[i]
		conds[i], err = a.plan.on(p)
		if err == nil && conds[i].exact() {
			found[i], err = a.newestOf(ctx, p, conds[i], after, floor, n)
			p.undecided = err != nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	hits = merge(n, append(found, hits)...)
	for i := range parts {
		p := &parts[i]
		if !p.undecided {
			continue
		}
		missing := n // what is newer than all of the part needs no company from it
		for _, k := range hits {
			if k.occurred > p.Latest {
				missing--
			}
		}
		floor = nil
		if len(hits) == n {
			floor = &hits[n-1]
		}
		more, err := a.newestOf(ctx, p, conds[i], after, floor, missing)
		if err != nil {
			return nil, err
		}
		p.undecided = false
		hits = merge(n, hits, more)
	}
	return hits, nil
}

// merge returns the newest n of all lists.
func merge(n int, lists ...[]key) []key {
	hits := slices.Concat(lists...)
	slices.SortFunc(hits, func(k, l key) int { return l.compare(k) })
	return hits[:min(n, len(hits))]
}

// newestOf returns the newest matches of one part below after and not below floor.
func (a *asking) newestOf(ctx context.Context, p *part, b between, after, floor *key, n int) ([]key, error) {
	if n == 0 {
		return nil, nil
	}
	where := []cond{b.maybe, p.within()}
	if after != nil {
		where = append(where, p.below(*after))
	}
	if floor != nil {
		where = append(where, p.since(block.TimeOf(floor.occurred)))
	}
	if b.exact() {
		rows, err := a.list(ctx, p, all(where...), always, newestFirst, n)
		a.looked.Add(p.records)
		var hits []key
		for _, r := range rows {
			hits = append(hits, r.key)
		}
		return hits, err
	}
	var hits []key
	for {
		const atOnce = 1 << 13
		rows, err := a.list(ctx, p, all(where...), b.sure, newestFirst, atOnce)
		if err != nil {
			return nil, err
		}
		hits, err = a.decide(ctx, hits, rows, n)
		if err != nil || len(hits) >= n || len(rows) < atOnce {
			a.looked.Add(p.records)
			return hits, err
		}
		where = append(where, p.below(rows[len(rows)-1].key))
	}
}

// decide appends the rows that match until there are n, in their order. Those
// that are not sure are read from the trail, more and more at once.
func (a *asking) decide(ctx context.Context, hits []key, rows []row, n int) ([]key, error) {
	for width := max(64, n); len(rows) > 0 && len(hits) < n; width = min(2*width, 2048) {
		batch := rows[:min(width, len(rows))]
		rows = rows[len(batch):]
		matches, err := a.evidence(ctx, batch, nil)
		if err != nil {
			return nil, err
		}
		for i, r := range batch {
			if r.sure || matches[i] {
				hits = append(hits, r.key)
			}
		}
	}
	return hits[:min(n, len(hits))], nil
}

// evidence reads those of rows that are not sure from the trail and says which
// of them match. Each is called for those, if it is given.
func (a *asking) evidence(ctx context.Context, rows []row, each func(h *proof.Header, fields []proof.Field)) ([]bool, error) {
	matches := make([]bool, len(rows))
	var seqs []uint64
	var at []int
	for i, r := range rows {
		if !r.sure {
			seqs, at = append(seqs, r.seq), append(at, i)
		}
	}
	if len(seqs) == 0 {
		return matches, nil
	}
	records, err := a.records(ctx, seqs)
	if err != nil {
		return nil, fmt.Errorf("search trail: %w", err)
	}
	a.read.Add(uint64(len(seqs)))
	n := 0
	for i := range records {
		r := &records[i]
		for seqs[n] != r.Header.Seq {
			n++
		}
		if v := (proof.View{Fields: r.Fields}); a.expr.Eval(&r.Header, &v) == proof.True {
			matches[at[n]] = true
			if each != nil {
				each(&r.Header, r.Fields)
			}
		}
	}
	return matches, nil
}

// A sifter is a trail that can leave out, before it verifies them, records that
// are not wanted for what their body says. What it returns is verified like
// everything that leaves the trail. To compute the digest of a body takes ten
// times as long as to see that a word is not in it.
type sifter interface {
	Sift(ctx context.Context, seqs []uint64, keep func(body []byte) bool) ([]trail.Record, error)
}

// records reads the records seqs, at least those that match, in this order.
func (a *asking) records(ctx context.Context, seqs []uint64) ([]trail.Record, error) {
	if s, ok := a.index.cfg.Trail.(sifter); ok {
		return s.Sift(ctx, seqs, func(body []byte) bool { return words.Possible(&a.expr, body) })
	}
	return a.index.cfg.Trail.Read(ctx, seqs)
}

// A row is one of a list: a record that may match.
type row struct {
	key
	sure bool // it matches for sure
}

// rows runs a query on a part that is a block and calls each for every row.
func (a *asking) rows(ctx context.Context, p *part, query string, bound []any, each func(scan func(...any) error) error) error {
	if err := a.index.duck.Rows(ctx, query, bound, each); err != nil {
		return &partError{p.place, err}
	}
	return nil
}

// An order is that of a list of rows.
type order string

const (
	newestFirst order = " ORDER BY t DESC, ns DESC, seq DESC LIMIT ?"
	bySeq       order = " ORDER BY seq LIMIT ?"
	noLimit           = 1 << 40
)

// list returns the first rows of a part for which where is true.
func (a *asking) list(ctx context.Context, p *part, where, sure cond, by order, limit int) ([]row, error) {
	if where.is(never) {
		return nil, nil
	}
	if p.place.tail != nil {
		if by == newestFirst {
			return p.newest(where, sure, limit), nil
		}
		var rows []row
		p.each(where, func(t *block.Tail, i int) {
			rows = append(rows, row{key{t.Occurred(i), uint64(t.Seqs[i])}, sure.of(t, i)})
		})
		return rows, nil
	}
	query := "SELECT t, ns, seq, " + sure.sql + " FROM " + p.place.block.Table + " WHERE " + where.sql + string(by)
	bound := append(slices.Concat(sure.args, where.args), int64(limit))
	var rows []row
	err := a.rows(ctx, p, query, bound, func(scan func(...any) error) error {
		var t, seq int64
		var ns int32
		var r row
		if err := scan(&t, &ns, &seq, &r.sure); err != nil {
			return err
		}
		r.key = key{t*1e6 + int64(ns), uint64(seq)}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// cursor writes where a page ended, of which trail and which filter.
func cursor(k key, size uint64, e proof.Expr) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "1.%d.%d.%d.%x", k.occurred, k.seq, size, sumOf(e)))
}

// ErrCursor is the error of a Search with a cursor that is not one of its filter.
var ErrCursor = errors.New("search index: the cursor is not one of this filter")

func parseCursor(s string, e proof.Expr) (*key, uint64, error) {
	var k key
	var size, sum uint64
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		_, err = fmt.Sscanf(string(b), "1.%d.%d.%d.%x", &k.occurred, &k.seq, &size, &sum)
	}
	if err != nil || cursor(k, size, e) != s {
		return nil, 0, ErrCursor
	}
	return &k, size, nil
}

func sumOf(e proof.Expr) uint64 {
	b, err := json.Marshal(e)
	if err != nil {
		panic("bug: " + err.Error()) // it is made of strings
	}
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// seqAt returns the first of size records with at ≥ t, or size.
func (x *Index) seqAt(ctx context.Context, t time.Time, size uint64) (uint64, error) {
	low, high := uint64(0), size
	for low < high {
		middle := low + (high-low)/2
		var at time.Time
		for head, err := range x.cfg.Trail.Headers(ctx, middle, middle+1) {
			if err != nil {
				return 0, fmt.Errorf("search trail: %w", err)
			}
			at = head.Header.At
		}
		if at.Before(t) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}
