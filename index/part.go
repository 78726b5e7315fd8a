package index

import (
	"fmt"
	"sync"
)

// A place is a stretch of the index: a block, or a tail of which a block is
// made one day. Queries hold the places that they look at.
type place struct {
	first  uint64
	block  *block // either this
	tail   *tail  // or this
	strays bool   // the tail is of strays, not of a stretch

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
	facts

	records   uint64
	undecided bool // a search has not been through it
}

// snapshot returns the place up to size, for a search without its strays.
func (pl *place) snapshot(size uint64, search bool) part {
	if b := pl.block; b != nil {
		p := part{place: pl, first: b.First, until: min(size, b.Until), all: size >= b.Until, bulk: search}
		p.facts = facts{b.Earliest, b.Latest, b.Flags, b.Lost}
		p.records = p.until - p.first
		if search {
			p.latest = min(p.latest, b.Bulk*1e6+999_999)
		}
		return p
	}
	t := pl.tail
	t.mu.RLock()
	defer t.mu.RUnlock()
	if pl.strays {
		return part{place: pl, until: size, rows: t.n, facts: t.facts}
	}
	p := part{place: pl, first: t.first, until: min(size, t.end()), facts: t.facts}
	p.records = p.until - p.first
	p.rows = int(p.records)
	return p
}

// stretch is the length of a stretch, and stretches how many the place has.
func (p *part) stretch() int {
	if p.place.block != nil {
		return int(p.place.block.Stretch)
	}
	return p.place.tail.stretch
}

func (p *part) stretches() int {
	if p.place.block != nil {
		return p.place.block.stretches()
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
		time = cond{sql: "t <= ?", args: args{p.place.block.Bulk}}
	}
	return all(size, time)
}

func (p *part) dictionary(g int) (entries, error) {
	if p.place.block != nil {
		return p.place.block.dictionary(g)
	}
	return p.place.tail.dictionary(g)
}

// mention says whether some entry of the place may have all these words.
func (p *part) mention(hashes []uint32) bool {
	if p.place.block != nil {
		return p.place.block.entryWords.hasAll(hashes)
	}
	return p.place.tail.mention(hashes)
}

func (p *part) may(hashes []uint32) (stretchSet, error) {
	if p.place.block != nil {
		return p.place.block.may(hashes)
	}
	return p.place.tail.may(hashes)
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
