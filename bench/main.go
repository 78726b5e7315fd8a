// Command bench measures Evident on the machine it runs on, beside two peers on
// the same machine in the same minutes: the hash chain in PostgreSQL that a team
// would build by itself (bench/pg), and a floor that only parses lines, hashes
// and syncs them (bench/floor). They take turns, so that a noisy neighbour hits
// all; medians and ratios count, absolute figures belong to the machine.
//
//	go run . [-quick] [-out results.md]
//
// It builds what it measures, listens on loopback only, keeps everything in one
// temporary folder and ends every process that it began, also when interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// config says how much is measured.
type config struct {
	Root, Work, Out string
	Quick, NoPG     bool
	Rounds          int
	RoundEvents     int           // batches: floor and Evident, each round
	PGEvents        int           // batches: PostgreSQL, each round
	Singles         time.Duration // single events: each of the three, each round
	Sustained       int           // events of the long load
	Large           int           // events of the large trail
	CloudTrail      int           // records for the size with raw bytes
	BuffersMB       int           // PostgreSQL's shared buffers
	Queries         int           // of each kind
	Limit           time.Duration
}

func main() {
	c := config{}
	flag.StringVar(&c.Root, "root", "..", "folder of the module to build evident from")
	flag.StringVar(&c.Work, "work", "", "folder for data (default: a temporary one; needs about 15 GB)")
	flag.StringVar(&c.Out, "out", "results.md", "file for the table")
	flag.BoolVar(&c.Quick, "quick", false, "small sizes, about two minutes")
	flag.BoolVar(&c.NoPG, "no-pg", false, "leave PostgreSQL out")
	flag.IntVar(&c.Rounds, "rounds", 0, "rounds of floor, PostgreSQL, Evident (3)")
	flag.IntVar(&c.RoundEvents, "round-events", 0, "events in batches a round, floor and Evident (1,000,000)")
	flag.IntVar(&c.PGEvents, "pg-events", 0, "events in batches a round, PostgreSQL (200,000)")
	flag.DurationVar(&c.Singles, "singles", 0, "time for single events a round, each (8s)")
	flag.IntVar(&c.Sustained, "sustained", 0, "events of the long load (5,000,000)")
	flag.IntVar(&c.Large, "large", 0, "events of the large trail (10,000,000)")
	flag.IntVar(&c.CloudTrail, "cloudtrail", 0, "CloudTrail records (524,288)")
	flag.IntVar(&c.BuffersMB, "pg-buffers", 0, "PostgreSQL's shared buffers in MB (1024)")
	flag.IntVar(&c.Queries, "queries", 0, "searches of each kind (30)")
	flag.DurationVar(&c.Limit, "limit", 40*time.Minute, "give up after this time")
	flag.Parse()
	c.defaults()
	if err := run(c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// defaults fills in what no flag has set.
func (c *config) defaults() {
	type sizes struct {
		rounds, round, pg, sustained, large, cloud, buffers, queries int
		singles                                                      time.Duration
	}
	d := sizes{3, 1_000_000, 200_000, 5_000_000, 10_000_000, 1 << 19, 1024, 30, 8 * time.Second}
	if c.Quick {
		d = sizes{2, 200_000, 30_000, 600_000, 1_000_000, 1 << 18, 256, 10, 3 * time.Second}
	}
	for _, f := range []struct {
		to   *int
		from int
	}{{&c.Rounds, d.rounds}, {&c.RoundEvents, d.round}, {&c.PGEvents, d.pg}, {&c.Sustained, d.sustained}, {&c.Large, d.large},
		{&c.CloudTrail, d.cloud}, {&c.BuffersMB, d.buffers}, {&c.Queries, d.queries}} {
		if *f.to == 0 {
			*f.to = f.from
		}
	}
	if c.Singles == 0 {
		c.Singles = d.singles
	}
	c.RoundEvents, c.PGEvents = roundUp(c.RoundEvents), min(roundUp(c.PGEvents), roundUp(c.RoundEvents))
	c.Sustained = roundUp(c.Sustained)
	c.Large = max(roundUp(c.Large), c.Sustained)
}

func roundUp(n int) int { return (n + batch - 1) / batch * batch }

func run(c config) error {
	// SIGPIPE too: whoever pipes the output into head must not leave servers behind.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, errors.New("the time limit was reached"))
	defer cancel()
	out, err := filepath.Abs(c.Out)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(c.Work, "evident-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	// The user that PostgreSQL runs as has to walk through it.
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	r := &rig{config: c, work: work, series: map[string][]float64{}, began: time.Now()}
	defer r.close()
	err = r.measure(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// What was measured before something failed is still worth a table.
	if e := os.WriteFile(out, []byte(r.report(err)), 0o644); e != nil {
		return errors.Join(err, e)
	}
	r.say("wrote %s", out)
	return err
}
