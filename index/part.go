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
	tail   *tail  // or this, known to DuckDB as feed(number, …)
	number int64

	users  int    // guarded by Index.mu
	retire func() // to be called when there is none any more; nil while in use
}

// A part is a place as one query sees it, which does not change any more.
type part struct {
	place        *place
	first, until uint64 // the records in it
	all          bool   // until is the end of the place
	undecided    bool   // a search has not been through it
	stretch      int
	facts
}

// stretches is the number of stretches of the place.
func (p *part) stretches() int {
	if p.place.block != nil {
		return p.place.block.stretches()
	}
	return int((p.until - p.first + uint64(p.stretch) - 1) / uint64(p.stretch))
}

// snapshot returns the place up to size.
func (pl *place) snapshot(size uint64) part {
	if pl.block != nil {
		b := pl.block
		p := part{place: pl, first: b.First, until: min(size, b.Until), all: size >= b.Until, stretch: int(b.Stretch)}
		p.facts = facts{b.Earliest, b.Latest, b.Flags, b.Lost}
		return p
	}
	t := pl.tail
	t.mu.RLock()
	defer t.mu.RUnlock()
	end := t.first + uint64(t.n)
	return part{place: pl, first: t.first, until: min(size, end), all: true, stretch: t.stretch, facts: t.facts}
}

// table is what stands behind FROM, with these columns at least.
func (p *part) table(columns uint32) string {
	if p.place.block != nil {
		return p.place.block.table
	}
	return fmt.Sprintf("feed(%d, %d, %d)", p.place.number, p.until-p.first, columns)
}

// within is true of the rows of the place that are in the part.
func (p *part) within() cond {
	if p.all || p.place.tail != nil {
		return always
	}
	return cond{"seq < ?", args{int64(p.until)}, colSeq}
}

func (p *part) dictionary(g int) (entries, error) {
	if p.place.block != nil {
		return p.place.block.dictionary(g)
	}
	return p.place.tail.dictionary(g)
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
