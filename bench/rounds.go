package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"example.com/evident/bench/load"
	"example.com/evident/bench/pg"
)

// Names of series. Rates are events a second, waits milliseconds.
const (
	floorBatch, pgBatch, evBatch    = "floor, batches", "postgres, batches", "evident, batches"
	floorSingle, pgSingle, evSingle = "floor, singles", "postgres, singles", "evident, singles"
	p50, p99                        = ", p50 ms", ", p99 ms"
	floorLong, evLong               = "floor, long load", "evident, long load"
	evLast                          = "evident, last stretch of the large trail"
	evPeak, evPeakLong              = "evident, peak memory MB, rounds", "evident, peak memory MB, large trail"
	pgMemory                        = "postgres, memory MB"
	pgBytes, pgVerify               = "postgres, bytes an event", "postgres, verified events/s"
	batchClients, singleClients     = 8, 32
)

// roundLimit bounds the batches of one round; what was sent until then counts.
const roundLimit = time.Minute

// rounds lets floor, PostgreSQL and Evident take turns.
func (r *rig) rounds(ctx context.Context) error {
	if !r.NoPG {
		s, err := pg.Start(ctx, r.work, r.BuffersMB)
		if errors.Is(err, pg.ErrMissing) {
			r.note("PostgreSQL is not here: %v", err)
		} else if err != nil {
			return err
		}
		r.postgres = s
	}
	for n := range r.Rounds {
		r.say("round %d of %d", n+1, r.Rounds)
		if err := r.roundFloor(ctx); err != nil {
			return err
		}
		if r.postgres != nil {
			if err := r.roundPostgres(ctx, n == r.Rounds-1); err != nil {
				return err
			}
		}
		if r.evident == "" {
			continue
		}
		if err := r.roundEvident(ctx, n); err != nil {
			return err
		}
	}
	// From here on its memory is better used as page cache.
	if r.postgres != nil {
		r.postgres.Stop()
		r.postgres = nil
	}
	return nil
}

// loads sends batches, then singles, by send; s is nil for PostgreSQL, which is
// many processes.
func (r *rig) loads(ctx context.Context, s *server, send func(context.Context, load.Plan) (load.Outcome, error), events int, inBatches, single string) error {
	out, err := send(ctx, load.Plan{Clients: batchClients, Corpus: r.batches, Until: events / batch, Limit: roundLimit})
	if err != nil {
		return err
	}
	r.addOutcome(inBatches, out)
	if s != nil {
		r.addWork(inBatches, s, out)
	}
	out, err = send(ctx, load.Plan{Clients: singleClients, Corpus: r.singles, Until: r.singles.Batches(), Limit: r.Singles})
	if err != nil {
		return err
	}
	r.addOutcome(single, out)
	if s != nil {
		r.addWork(single, s, out)
	}
	return nil
}

func (r *rig) addOutcome(name string, o load.Outcome) {
	r.add(name, o.PerSecond())
	r.add(name+p50, milliseconds(o.Waits.At(.50)))
	r.add(name+p99, milliseconds(o.Waits.At(.99)))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *server) send(ctx context.Context, p load.Plan) (load.Outcome, error) {
	p.Addr = s.addr
	before := s.cpuTicks()
	out, err := load.Send(ctx, p)
	s.ticks = s.cpuTicks() - before
	return out, err
}

// addWork books the processor time that a server took for the events of its
// last load: a neighbour changes it less than it changes a rate. What happens
// after the load has ended is not in it.
func (r *rig) addWork(name string, s *server, o load.Outcome) {
	if o.Events > 0 {
		r.add(name+", processor µs an event", float64(s.ticks)*10_000/float64(o.Events))
	}
}

func (r *rig) roundFloor(ctx context.Context) error {
	s, err := r.startFloor(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	return r.loads(ctx, s, s.send, r.RoundEvents, floorBatch, floorSingle)
}

func (r *rig) roundPostgres(ctx context.Context, last bool) error {
	if err := r.postgres.Reset(ctx); err != nil {
		return err
	}
	if err := r.loads(ctx, nil, r.postgres.Send, r.PGEvents, pgBatch, pgSingle); err != nil {
		return err
	}
	r.add(pgMemory, float64(r.postgres.MemoryBytes())/(1<<20))
	if !last {
		return nil
	}
	size, rows, err := r.postgres.Size(ctx)
	if err != nil {
		return err
	}
	r.add(pgBytes, float64(size)/float64(rows))
	took, err := r.postgres.Verify(ctx)
	if err != nil {
		return err
	}
	r.add(pgVerify, float64(rows)/took.Seconds())
	return nil
}

// roundEvident runs the loads on a new trail; the last round's trail then
// answers the searches of the small size.
func (r *rig) roundEvident(ctx context.Context, n int) error {
	dir := filepath.Join(r.work, "round"+strconv.Itoa(n))
	defer os.RemoveAll(dir)
	s, err := r.startEvident(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := r.loads(ctx, s, s.send, r.RoundEvents, evBatch, evSingle); err != nil {
		return err
	}
	r.add(evPeak, s.peakBytes()/(1<<20))
	if n < r.Rounds-1 {
		return nil
	}
	return r.searches(ctx, s, r.RoundEvents)
}
