package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"example.com/evident/index/block"
	"example.com/evident/trail"
)

// A Trail is what the index asks of the trail. *trail.Trail is one.
type Trail interface {
	// Size is the number of records that are durable.
	Size() uint64
	// Wait returns when there are more than size, or with the error of ctx.
	Wait(ctx context.Context, size uint64) error
	// Read returns records, verified, in the order asked.
	Read(ctx context.Context, seqs []uint64) ([]trail.Record, error)
	// Records and Headers yield what is from ≤ seq < until, verified, in order.
	Records(ctx context.Context, from, until uint64) iter.Seq2[trail.Record, error]
	Headers(ctx context.Context, from, until uint64) iter.Seq2[trail.Head, error]
}

// Config says where an index lies and of which trail it is.
type Config struct {
	Dir   string // of its own: everything in it can be deleted at any time it is not open
	Trail Trail

	MemoryBytes  int64         // of DuckDB and of the entries kept; 256 MiB if zero
	Deadline     time.Duration // of a question; 10 s if zero
	BlockRecords int           // records of a block, a power of two; 1<<18 if zero. Changing it rebuilds the index
	Log          *slog.Logger  // nothing is logged if nil
}

// An Index is an open index. Its methods may be called concurrently.
type Index struct {
	cfg    Config
	duck   *block.Duck
	cache  *block.Cache
	feed   *feedRing
	ctx    context.Context // ends when the index is closed
	cancel context.CancelFunc
	wg     sync.WaitGroup
	full   chan *place // full tails, of which blocks are to be made
	repair sync.Mutex  // held while a place is made again

	mu     sync.Mutex // guards what follows
	places []*place   // in the order of the trail, without a gap
	strays *place     // of all blocks; nil if it is to be made
	size   uint64     // records that are indexed
	grown  chan struct{}
	last   error // why following the trail does not go on; nil while it does
}

// Open opens the index in c.Dir, or begins one, and follows the trail until
// Close. It returns at once; what is not yet indexed is waited for by those who
// ask for it.
func Open(ctx context.Context, c Config) (*Index, error) {
	if c.MemoryBytes == 0 {
		c.MemoryBytes = 256 << 20
	}
	if c.Deadline == 0 {
		c.Deadline = 10 * time.Second
	}
	if c.BlockRecords == 0 {
		c.BlockRecords = 1 << 18
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if bits.OnesCount(uint(c.BlockRecords)) != 1 || c.BlockRecords < 16 {
		return nil, fmt.Errorf("open index: blocks of %d records, want a power of two from 16 on", c.BlockRecords)
	}
	dir, err := filepath.Abs(c.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	c.Dir = dir
	x := &Index{
		cfg: c, cache: block.NewCache(int(c.MemoryBytes / 4)), feed: newFeedRing(),
		full: make(chan *place), grown: make(chan struct{}),
	}
	if x.duck, err = block.Start(ctx, dir, c.MemoryBytes/4*3); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x.ctx, x.cancel = context.WithCancel(context.WithoutCancel(ctx))
	x.wg.Go(x.follow)
	x.wg.Go(x.sealAll)
	return x, nil
}

// Close stops following the trail. Questions must have ended.
func (x *Index) Close() error {
	x.cancel()
	x.wg.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	var errs []error
	for _, pl := range x.places {
		if pl.block != nil {
			errs = append(errs, pl.block.Close(context.Background(), x.duck))
		}
	}
	if err := errors.Join(append(errs, x.duck.Close())...); err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// Size is the number of records that are indexed: all of them below it.
func (x *Index) Size() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.size
}

// Err returns why the index does not keep up with the trail, or nil.
func (x *Index) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last
}

// Wait returns when size records are indexed, or with an error when ctx ends.
func (x *Index) Wait(ctx context.Context, size uint64) error {
	for {
		x.mu.Lock()
		now, grown, last := x.size, x.grown, x.last
		x.mu.Unlock()
		if now >= size {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("wait for the index: %d of %d records are in it: %w", now, size, errors.Join(ctx.Err(), last))
		case <-x.ctx.Done():
			return fmt.Errorf("wait for the index: %w", ErrClosed)
		}
	}
}

// ErrClosed is the error of an index that was closed.
var ErrClosed = errors.New("the index is closed")

// grow says that the records below size are indexed.
func (x *Index) grow(size uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.size, x.last = size, nil
	close(x.grown)
	x.grown = make(chan struct{})
}

// snapshot returns the parts that hold the records below size, in their order.
// They must be released.
func (x *Index) snapshot(size uint64, search bool) []part {
	x.mu.Lock()
	defer x.mu.Unlock()
	places := x.places
	if search {
		if strays := x.straysPlace(); strays != nil {
			places = slices.Concat(places, []*place{strays})
		}
	}
	var parts []part
	for _, pl := range places {
		if pl.first < size {
			pl.users++
			parts = append(parts, pl.snapshot(size, search))
		}
	}
	return parts
}

func (x *Index) release(parts []part) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range parts {
		pl := parts[i].place
		pl.users--
		pl.retireIfIdle()
	}
}

// retireIfIdle lets go of a place that was replaced and that nobody looks at.
func (pl *place) retireIfIdle() {
	if pl.users == 0 && pl.retire != nil {
		retire := pl.retire
		pl.retire = nil
		retire()
	}
}

// append adds a place behind all others.
func (x *Index) append(pl *place) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.places = append(x.places, pl)
	x.strays = nil
}

// replace puts a place where another one was, which is retired when the last
// query that looks at it has ended.
func (x *Index) replace(old, new *place, retire func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.places[slices.Index(x.places, old)] = new
	x.strays = nil
	old.retire = retire
	old.retireIfIdle()
}

// newTail makes a place in memory for the records from first on.
func (x *Index) newTail(first uint64) *place {
	return &place{first: first, tail: block.NewTail(first, x.cfg.BlockRecords)}
}

// heal looks whether a block is damaged. If it is, its records are indexed
// again from the trail, first in memory, and the files are made anew. It goes
// on after ctx has ended, so that those who ask next find it done.
func (x *Index) heal(ctx context.Context, old *place) error {
	done := make(chan error, 1)
	x.wg.Go(func() { done <- x.remake(old) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *Index) remake(old *place) error {
	x.repair.Lock()
	defer x.repair.Unlock()
	x.mu.Lock()
	current := slices.Contains(x.places, old)
	x.mu.Unlock()
	if old.block == nil || !current {
		return nil
	}
	damage := old.block.Check()
	if damage == nil {
		return nil
	}
	x.cfg.Log.WarnContext(x.ctx, "index block is damaged and made again", "first", old.first, "error", damage.Error())
	pl := x.newTail(old.first)
	if err := x.read(x.ctx, pl.tail, old.block.Until); err != nil {
		return err
	}
	x.replace(old, pl, func() {
		// Nobody looks at it any more, so nothing that fails here is missed;
		// the files are written over when the block is made again.
		if err := old.block.Close(context.WithoutCancel(x.ctx), x.duck); err != nil {
			x.cfg.Log.WarnContext(x.ctx, "close damaged index block", "error", err.Error())
		}
		x.cache.Forget(old.block)
	})
	x.wg.Go(func() {
		select {
		case x.full <- pl:
		case <-x.ctx.Done():
		}
	})
	return nil
}
