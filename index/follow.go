package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"example.com/evident/index/block"
	"example.com/evident/index/words"
	"example.com/evident/proof"
)

// A Row is what the index wants to know of one record.
type Row = block.Row

// RowOf returns the row of the record with this header and body. Fields are nil
// if the body has expired. It may be called from any goroutine, and the row
// refers to nothing of the record.
func RowOf(h *proof.Header, fields []proof.Field) Row { return block.RowOf(h, fields) }

// feedRows is how many rows may wait. What is too much is dropped, and read
// from the trail later: nobody who appends ever waits for the index.
const feedRows = 1 << 14

// A feedRing takes rows in any order and gives them out in the order of the trail.
type feedRing struct {
	mu   sync.Mutex // guards what follows
	used bool       // some row came this way
	next uint64     // the row that is wanted
	rows []Row
	have []bool

	wake chan struct{} // has something in it after a row came
}

func newFeedRing() *feedRing {
	return &feedRing{rows: make([]Row, feedRows), have: make([]bool, feedRows), wake: make(chan struct{}, 1)}
}

// Add gives the index rows of records that are durable, so that it need not
// read them from the trail. They may come in any order, more than once, or not
// at all. It never waits.
func (x *Index) Add(rows ...Row) {
	f := x.feed
	f.mu.Lock()
	f.used = true
	for i := range rows {
		if seq := rows[i].Seq(); seq >= f.next && seq-f.next < feedRows {
			f.rows[seq%feedRows], f.have[seq%feedRows] = rows[i], true
		}
	}
	ready := f.have[f.next%feedRows]
	f.mu.Unlock()
	if ready {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// take appends the rows that are next, up to max.
func (f *feedRing) take(rows []Row, max int) []Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(rows) < max && f.have[f.next%feedRows] {
		i := f.next % feedRows
		rows = append(rows, f.rows[i])
		f.rows[i], f.have[i] = Row{}, false
		f.next++
	}
	return rows
}

// helps says whether it is worth waiting for the feed to bring a record that is
// so far behind the newest.
func (f *feedRing) helps(behind uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used && behind <= feedRows
}

// skip says that the rows below next are not wanted any more.
func (f *feedRing) skip(next uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; f.next < next; f.next++ {
		i := f.next % feedRows
		if next-f.next > feedRows { // all of them
			clear(f.rows)
			clear(f.have)
			f.next = next
			return
		}
		f.rows[i], f.have[i] = Row{}, false
	}
}

// gap is how many rows are missing before the first that is there, at most max.
func (f *feedRing) gap(max uint64) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range min(max, feedRows) {
		if f.have[(f.next+n)%feedRows] {
			return n
		}
	}
	return max
}

const (
	takeRows   = 1024                  // that are added at once
	readRows   = 8192                  // that are read from the trail at once
	feedGrace  = 50 * time.Millisecond // how long a row that is durable may be on its way here
	retryAfter = time.Second
)

// follow indexes what is in the trail and what comes, until the index is closed.
func (x *Index) follow() {
	var tail *place
	next := uint64(0)
	rows := make([]Row, 0, takeRows)
	for x.ctx.Err() == nil {
		if tail != nil && tail.tail.Full() {
			select {
			case x.full <- tail: // waits while a block is being made
				tail = nil
			case <-x.ctx.Done():
				return
			}
		}
		if tail == nil {
			if adopted, until := x.adopt(next); adopted {
				next = until
				x.feed.skip(next)
				x.grow(next)
				continue
			}
			tail = x.newTail(next)
			x.append(tail)
		}
		rows = x.feed.take(rows[:0], min(takeRows, tail.tail.Room()))
		if len(rows) > 0 {
			tail.tail.Add(rows)
			clear(rows)
			next += uint64(len(rows))
			x.grow(next)
			continue
		}
		until, err := x.missing(next)
		if err == nil && until > next {
			until = min(until, next+uint64(tail.tail.Room()))
			err = x.read(x.ctx, tail.tail, until)
			next = tail.tail.End()
			x.feed.skip(next)
			x.grow(next)
		}
		if err != nil && x.ctx.Err() == nil {
			x.stumble(err)
		}
	}
}

// missing waits for the record next and says up to where the trail is to be
// read; next itself means that the feed has gone on. As long as the feed
// works, it is given some time to bring what is durable.
func (x *Index) missing(next uint64) (until uint64, err error) {
	if err := x.cfg.Trail.Wait(x.ctx, next); err != nil {
		return next, err
	}
	if x.feed.helps(x.cfg.Trail.Size() - next) {
		select {
		case <-x.feed.wake:
			return next, nil
		case <-x.ctx.Done():
			return next, nil
		case <-time.After(feedGrace):
		}
	}
	return next + x.feed.gap(min(x.cfg.Trail.Size()-next, readRows)), nil
}

// read indexes the records up to until from the trail.
func (x *Index) read(ctx context.Context, t *block.Tail, until uint64) error {
	rows := make([]Row, 0, 256)
	for r, err := range x.cfg.Trail.Records(ctx, t.End(), until) {
		if err != nil {
			return fmt.Errorf("read trail: %w", err)
		}
		if rows = append(rows, RowOf(&r.Header, r.Fields)); len(rows) == cap(rows) {
			t.Add(rows)
			rows = rows[:0]
		}
	}
	t.Add(rows)
	return nil
}

// stumble notes an error, and waits before the next try.
func (x *Index) stumble(err error) {
	x.mu.Lock()
	x.last = err
	x.mu.Unlock()
	x.cfg.Log.WarnContext(x.ctx, "index does not follow the trail", "error", err.Error())
	select {
	case <-time.After(retryAfter):
	case <-x.ctx.Done():
	}
}

// adopt takes the block that begins with first into use, if it is there and is
// of this trail. A block that is not is deleted.
func (x *Index) adopt(first uint64) (adopted bool, until uint64) {
	until = first + uint64(x.cfg.BlockRecords)
	if x.cfg.Trail.Size() < until {
		return false, 0
	}
	b, err := block.Open(x.ctx, x.duck, x.cfg.Dir, first, x.cache)
	if err == nil {
		if err = x.matches(b, first, until); err == nil {
			err = x.loadStrays(x.ctx, b)
		}
		if err == nil {
			x.append(&place{first: first, block: b})
			return true, until
		}
		err = errors.Join(err, b.Close(x.ctx, x.duck))
	}
	if !errors.Is(err, os.ErrNotExist) && x.ctx.Err() == nil {
		x.cfg.Log.WarnContext(x.ctx, "index block is made again", "first", first, "error", err.Error())
	}
	if err := block.Remove(x.cfg.Dir, first); err != nil {
		x.cfg.Log.WarnContext(x.ctx, "delete index block", "first", first, "error", err.Error())
	}
	return false, 0
}

// matches holds a block against the trail. The leaf of its last record binds
// that record and, through prev, every one before it.
func (x *Index) matches(b *block.Block, first, until uint64) error {
	if b.First != first || b.Until != until || int(b.Stretch) != words.StretchOf(x.cfg.BlockRecords) {
		return errors.New("the block is of another size")
	}
	leaf, err := x.leaf(until - 1)
	if err == nil && leaf != b.Leaf {
		err = errors.New("the block is of another trail")
	}
	return err
}

func (x *Index) leaf(seq uint64) (leaf proof.Hash, err error) {
	for head, err := range x.cfg.Trail.Headers(x.ctx, seq, seq+1) {
		if err != nil {
			return leaf, fmt.Errorf("read trail: %w", err)
		}
		leaf = head.Leaf
	}
	return leaf, nil
}

// sealAll makes blocks of full tails, one after the other.
func (x *Index) sealAll() {
	for {
		var pl *place
		select {
		case pl = <-x.full:
		case <-x.ctx.Done():
			return
		}
		for {
			err := x.seal(pl)
			if err == nil || x.ctx.Err() != nil {
				break
			}
			// The tail stays in memory and is searched there. When the next one
			// is full too, following the trail waits.
			x.stumble(err)
		}
	}
}

// seal makes a block of a full tail and puts it in its place.
func (x *Index) seal(pl *place) error {
	leaf, err := x.leaf(pl.tail.End() - 1)
	if err == nil {
		err = os.MkdirAll(x.cfg.Dir, 0o700)
	}
	if err == nil {
		err = block.Write(x.ctx, x.duck, x.cfg.Dir, pl.tail, leaf)
	}
	var b *block.Block
	if err == nil {
		b, err = block.Open(x.ctx, x.duck, x.cfg.Dir, pl.first, x.cache)
	}
	if err == nil {
		if err = x.loadStrays(x.ctx, b); err != nil {
			err = errors.Join(err, b.Close(x.ctx, x.duck))
		}
	}
	if err != nil {
		return fmt.Errorf("seal index block %d: %w", pl.first, err)
	}
	x.replace(pl, &place{first: pl.first, block: b}, nil)
	return nil
}
