package index

import (
	"fmt"
	"sync"

	"example.com/evident/index/block"
	"example.com/evident/index/words"
)

// A place is a stretch of the index: a block, or a tail of which a block is
// made one day. Queries hold the places that they look at.
type place struct {
	first  uint64
	block  *block.Block // either this
	tail   *block.Tail  // or this
	strays bool         // the tail is of strays, not of a stretch

	users  int    // guarded by Index.mu
	retire func() // to be called when there is none any more; nil while in use
}

// A part is a place as one query sees it. It does not change any more.
type part struct {
	place        *place
	first, until uint64 // its records are among these
	rows         int    // of a tail: the first so many
	all          bool   // of a block: no record is behind until
	bulk         bool   // of a block: without its strays
	block.Facts

	records   uint64
	undecided bool // a search has not been through it
}

// snapshot returns the place up to size, for a search without its strays.
func (pl *place) snapshot(size uint64, search bool) part {
	if b := pl.block; b != nil {
		p := part{place: pl, first: b.First, until: min(size, b.Until), all: size >= b.Until, bulk: search, Facts: b.Facts}
		p.records = p.until - p.first
		if search {
			p.Latest = min(p.Latest, b.Bulk*1e6+999_999)
		}
		return p
	}
	p := part{place: pl, first: pl.first}
	p.rows, p.Facts = pl.tail.Snapshot()
	if pl.strays {
		p.until = size
		return p
	}
	p.until = min(size, p.first+uint64(p.rows))
	p.records = p.until - p.first
	p.rows = int(p.records)
	return p
}

// stretch is the length of a stretch, and stretches how many the place has.
func (p *part) stretch() int {
	if p.place.block != nil {
		return int(p.place.block.Stretch)
	}
	return p.place.tail.Stretch
}

func (p *part) stretches() int {
	if p.place.block != nil {
		return p.place.block.Stretches()
	}
	return (p.rows + p.stretch() - 1) / p.stretch()
}

// within is true of the rows of the place that are in the part. What is behind
// the rows of a tail is not looked at anyhow.
func (p *part) within() cond {
	size, time := always, always
	if p.place.strays || p.place.block != nil && !p.all {
		size = not(sinceSeq(p.until))
	}
	if p.bulk {
		time = cond{sql: "t <= ?", args: []any{p.place.block.Bulk}}
	}
	return all(size, time)
}

func (p *part) dictionary(g int) (block.Entries, error) {
	if p.place.block != nil {
		return p.place.block.Dictionary(g)
	}
	return p.place.tail.Dictionary(g)
}

// mention says whether some entry of the place may have all these words.
func (p *part) mention(hashes []uint32) bool {
	if p.place.block != nil {
		return p.place.block.Mention(hashes)
	}
	return p.place.tail.Mention(hashes)
}

func (p *part) may(hashes []uint32) (words.Stretches, error) {
	if p.place.block != nil {
		return p.place.block.May(hashes)
	}
	return p.place.tail.May(hashes)
}

// A partError is an error of a part itself, not of the trail or the query: its
// files may be damaged.
type partError struct {
	place *place
	err   error
}

func (e *partError) Error() string {
	return fmt.Sprintf("read index from record %d on: %v", e.place.first, e.err)
}

func (e *partError) Unwrap() error { return e.err }

// parallel calls do for each i below n, on as many goroutines, and returns
// the error of the lowest i.
func parallel(n, goroutines int, do func(i int) error) error {
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, goroutines) {
		wg.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
