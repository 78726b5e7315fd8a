package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/evident/bench/load"
)

// Names of series of the large trail.
const (
	verifyHeaders, verifyAll = "evident, headers verified a second", "evident, events verified a second"
	bytesSchema, bytesCloud  = "evident, bytes an event, schema", "evident, bytes an event, CloudTrail"
	packBuilt, packVerified  = "pack of 100,000, built in s", "pack of 100,000, verified in s"
	packEvents               = 100_000
)

// large is the long load, between two of the floor's, and all that is asked of
// a large trail.
func (r *rig) large(ctx context.Context) error {
	r.fit()
	end := time.Now()
	r.say("making %d events", r.Sustained)
	first, err := load.Write(filepath.Join(r.work, "first"), load.NewGenerator(3, end, 0, r.Large), r.Sustained, batch)
	if err != nil {
		return err
	}
	if err := r.floorLong(ctx, first); err != nil {
		return err
	}
	dir := filepath.Join(r.work, "large")
	defer os.RemoveAll(dir)
	s, err := r.startEvident(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	out, err := s.send(ctx, load.Plan{Clients: batchClients, Corpus: first, Until: first.Batches()})
	if err != nil {
		return err
	}
	r.addOutcome(evLong, out)
	r.addWork(evLong, s, out)
	if err := r.settled(ctx, s); err != nil {
		return err
	}
	if err := r.floorLong(ctx, first); err != nil {
		return err
	}
	if err := first.Close(); err != nil {
		return err
	}
	if err := r.rest(ctx, s, end); err != nil {
		return err
	}
	r.add(evPeakLong, s.peakBytes()/(1<<20))
	if err := r.searches(ctx, s, r.Large); err != nil {
		return err
	}
	if err := r.pack(ctx, s, end); err != nil {
		return err
	}
	r.add(evPeakLong, s.peakBytes()/(1<<20))
	s.stop()
	r.size("events in the schema", dir, bytesSchema)
	return r.verify(ctx, dir)
}

// loadLimit bounds the filling of the large trail.
const loadLimit = 10 * time.Minute

// fit makes the large trail smaller where this machine, as busy as it is, would
// take too long to fill it.
func (r *rig) fit() {
	rate, _ := r.median(evBatch)
	most := int(rate * loadLimit.Seconds())
	if most == 0 || r.Large <= most {
		return
	}
	r.note("at %s events/s, %s events would take more than %v: the large trail got %s", figure(rate), thousands(int64(r.Large)), loadLimit, thousands(int64(roundUp(most))))
	r.Large = roundUp(most)
	r.Sustained = min(r.Sustained, roundUp(most/2))
}

func (r *rig) floorLong(ctx context.Context, c *load.Corpus) error {
	s, err := r.startFloor(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	out, err := s.send(ctx, load.Plan{Clients: batchClients, Corpus: c, Until: c.Batches()})
	if err != nil {
		return err
	}
	r.addOutcome(floorLong, out)
	return nil
}

// rest fills the trail up to its large size; the last stretch, as long as a
// round, shows whether it has become slower.
func (r *rig) rest(ctx context.Context, s *server, end time.Time) error {
	n := r.Large - r.Sustained
	if n == 0 {
		return nil
	}
	r.say("making %d events", n)
	c, err := load.Write(filepath.Join(r.work, "rest"), load.NewGenerator(4, end, r.Sustained, r.Large), n, batch)
	if err != nil {
		return err
	}
	defer c.Close()
	last := max(0, n-r.RoundEvents) / batch
	if _, err := s.send(ctx, load.Plan{Clients: batchClients, Corpus: c, Until: last}); err != nil {
		return err
	}
	out, err := s.send(ctx, load.Plan{Clients: batchClients, Corpus: c, First: last, Until: c.Batches()})
	if err != nil {
		return err
	}
	r.addOutcome(evLast, out)
	r.addWork(evLast, s, out)
	return r.settled(ctx, s)
}

// settleLimit bounds the wait until everything is sealed and indexed.
const settleLimit = 5 * time.Minute

// settled waits until the data folder has stopped changing: sealing and
// indexing are off the path of the acknowledgement.
func (r *rig) settled(ctx context.Context, s *server) error {
	begin := time.Now()
	for last, quiet := int64(-1), 0; quiet < 4; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		now := s.cpuTicks()
		if now-last <= 2 {
			quiet++
		} else {
			quiet = 0
		}
		last = now
		if time.Since(begin) > settleLimit {
			r.note("after %v the server was still at work behind the load", settleLimit)
			return nil
		}
	}
	r.say("settled after %.0f s", time.Since(begin).Seconds())
	return nil
}

// size books what a closed trail takes on the disk for an event, once sealed:
// the log with the stretch that waits for its segment is left out, and so are
// its events. The log's name says where they begin.
func (r *rig) size(what, dir string, series string) {
	total, parts := diskBytes(dir)
	sealed := firstInLog(dir)
	if sealed == 0 {
		r.note("%s: nothing was sealed", what)
		return
	}
	total -= parts["wal"]
	delete(parts, "wal")
	r.disk = append(r.disk, diskRow{what, sealed, total, parts})
	r.add(series, float64(total)/float64(sealed))
}

// firstInLog is the number of the first record that is not sealed, 0 if that
// cannot be seen.
func firstInLog(dir string) int {
	logs, _ := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	slices.Sort(logs)
	for _, l := range logs {
		if n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(l), ".wal")); err == nil {
			return n
		}
	}
	return 0
}

// verify checks the closed trail with the command that users have.
func (r *rig) verify(ctx context.Context, dir string) error {
	for _, v := range []struct {
		series string
		args   []string
	}{{verifyHeaders, []string{"verify", "--headers-only", dir}}, {verifyAll, []string{"verify", dir}}} {
		took, _, err := runProgram(ctx, r.evident, v.args...)
		if err != nil {
			r.note("%s: %v", v.series, err)
			continue
		}
		r.add(v.series, float64(r.Large)/took.Seconds())
	}
	return ctx.Err()
}

// pack makes a pack of the days in the middle that hold 100,000 events.
func (r *rig) pack(ctx context.Context, s *server, end time.Time) error {
	year := float64(365 * 24 * time.Hour)
	start := end.UTC().AddDate(-1, 0, 0)
	at := func(event int) string {
		return start.Add(time.Duration(year * float64(event) / float64(r.Large))).Format(time.RFC3339)
	}
	file := filepath.Join(r.work, "pack.zip")
	defer os.Remove(file)
	from := r.Large / 2
	took, err := s.makePack(ctx, `{"from":"`+at(from)+`","until":"`+at(from+packEvents)+`"}`, file)
	if err != nil {
		r.note("pack: %v", err)
		return ctx.Err()
	}
	r.add(packBuilt, took.Seconds())
	took, out, err := runProgram(ctx, r.evident, "verify", file)
	if err != nil {
		r.note("pack: %v", err)
		return ctx.Err()
	}
	r.add(packVerified, took.Seconds())
	r.say("%s", tail(out, 300))
	if info, err := os.Stat(file); err == nil {
		r.note("the pack of 100,000 events has %s MB", figure(float64(info.Size())/1e6))
	}
	return nil
}

// makePack asks the server for a pack and says how long it took until the last
// byte was here.
func (s *server) makePack(ctx context.Context, request, file string) (time.Duration, error) {
	begin := time.Now()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/v1/packs", strings.NewReader(request))
	if err != nil {
		return 0, err
	}
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return 0, fmt.Errorf("%s: %s", answer.Status, text)
	}
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, err = io.Copy(f, answer.Body)
	return time.Since(begin), err
}

// cpuTicks is the processor time that the server has used, in hundredths of a
// second.
func (s *server) cpuTicks() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return statTicks(string(text))
}
