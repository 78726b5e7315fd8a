package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// row is one line of the table: what was to be reached and what was.
type row struct{ name, target, measured, ratio, reached string }

type latencyRow struct {
	query       string
	events      int
	found       string
	p50, p99    time.Duration
	repetitions int
}

type diskRow struct {
	what   string
	events int
	bytes  int64
	parts  map[string]int64
}

// median is that of a series; false when nothing was measured.
func (r *rig) median(name string) (float64, bool) {
	s := slices.Sorted(slices.Values(r.series[name]))
	if len(s) == 0 {
		return 0, false
	}
	if n := len(s) / 2; len(s)%2 == 0 {
		return (s[n-1] + s[n]) / 2, true
	}
	return s[len(s)/2], true
}

// figure prints a number with so many digits as mean something.
func figure(v float64) string {
	switch {
	case v >= 100:
		return thousands(int64(v + .5))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

const notMeasured = "not measured"

// against is the row of a median beside that of a peer.
func (r *rig) against(name, target, mine, peer, peerName string, reached func(mine, peer float64) bool) row {
	m, ok := r.median(mine)
	if !ok {
		return row{name, target, notMeasured, "", ""}
	}
	p, ok := r.median(peer)
	if !ok {
		return row{name, target, figure(m), "", ""}
	}
	return row{name, target, figure(m), fmt.Sprintf("%.2f × %s (%s)", m/p, peerName, figure(p)), verdict(reached(m, p))}
}

// alone is the row of a figure that has no peer.
func (r *rig) alone(name, target, mine, unit string, reached func(float64) bool) row {
	m, ok := r.median(mine)
	if !ok {
		return row{name, target, notMeasured, "", ""}
	}
	return row{name, target, figure(m) + unit, "", verdict(reached(m))}
}

func verdict(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

func atLeast(factor float64) func(m, p float64) bool {
	return func(m, p float64) bool { return m >= factor*p }
}

func under(limit float64) func(float64) bool { return func(v float64) bool { return v <= limit } }
func over(limit float64) func(float64) bool  { return func(v float64) bool { return v >= limit } }

func (r *rig) rows() []row {
	long := fmt.Sprintf("ingest, batches of 1,000, 8 clients, %s events", thousands(int64(r.Sustained)))
	rows := []row{
		r.against(long, "5 × PostgreSQL", evLong, pgBatch, "PostgreSQL", atLeast(5)),
		r.against(long, "0.5 × floor", evLong, floorLong, "floor", atLeast(.5)),
		r.against("ingest, batches, short rounds", "", evBatch, floorBatch, "floor", atLeast(.5)),
		r.against("ingest, single events, 32 clients", "0.7 × floor", evSingle, floorSingle, "floor", atLeast(.7)),
		r.against("the same, against the chain", "", evSingle, pgSingle, "PostgreSQL", atLeast(1)),
		r.against("the same, p99 ms", "2 × floor at most", evSingle+p99, floorSingle+p99, "floor", func(m, p float64) bool { return m <= 2*p }),
		r.alone("verification of headers, tree and signatures", "1,000,000 events/s", verifyHeaders, " events/s", over(1e6)),
		r.alone("verification of everything", "200,000 events/s", verifyAll, " events/s", over(2e5)),
		r.against("the same, against the chain", "", verifyAll, pgVerify, "PostgreSQL", atLeast(1)),
		r.against("bytes on disk an event, in the schema", "300 at most", bytesSchema, pgBytes, "PostgreSQL", func(m, _ float64) bool { return m <= 300 }),
		r.alone("bytes on disk an event, CloudTrail with raw", "380 at most", bytesCloud, "", under(380)),
	}
	rows = append(rows, r.sourceRows()...)
	for _, q := range queries {
		rows = append(rows, r.alone(fmt.Sprintf("%s, %s events, p50 ms", q.name, thousands(int64(r.Large))), fmt.Sprintf("under %.0f", q.limit), searchName(q.name, r.Large), "", under(q.limit)))
	}
	rows = append(rows,
		r.alone("pack of 100,000 events, built", "10 s", packBuilt, " s", under(10)),
		r.alone("the same, verified", "3 s", packVerified, " s", under(3)),
		r.alone("memory of the server under load", "768 MiB", evPeakLong, " MiB", under(768)),
		r.growth("ingest, last million against the short rounds", evBatch, evLast))
	for _, q := range queries {
		rows = append(rows, r.growth(q.name+", large against small", searchName(q.name, r.Large), searchName(q.name, r.RoundEvents)))
	}
	return rows
}

// growth is by how much a figure got worse: slower is so many times as slow.
func (r *rig) growth(name, slow, fast string) row {
	s, ok1 := r.median(slow)
	f, ok2 := r.median(fast)
	if !ok1 || !ok2 || f == 0 {
		return row{name, "1.3 × at most", notMeasured, "", ""}
	}
	return row{name, "1.3 × at most", figure(s) + " / " + figure(f), fmt.Sprintf("%.2f", s/f), verdict(s <= 1.3*f)}
}

// report is the page.
func (r *rig) report(failed error) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# How fast\n")
	p("Made by `make bench` (%s) on %s in %.0f minutes; %s.", size(r.Quick), r.began.UTC().Format("2 January 2006"), time.Since(r.began).Minutes(), machine())
	p("The load generator ran on the same cores. Events of %d bytes on average. Rounds in turn: floor, PostgreSQL, Evident; the table shows medians. The floor is the same HTTP server which only parses lines, hashes and syncs them, on a preallocated file; PostgreSQL is a jsonb table with four indexes and a SHA-256 chain by trigger, `synchronous_commit=on`.\n", r.meanBytes())
	if failed != nil {
		p("**This run did not end:** %v\n", failed)
	}
	p("| figure | to reach | measured | ratio | reached |\n|---|---|---|---|---|")
	for _, w := range r.rows() {
		p("| %s | %s | %s | %s | %s |", w.name, w.target, w.measured, w.ratio, w.reached)
	}
	p("\n## Every measurement\n\n| what | median | all, in turn |\n|---|---|---|")
	for _, name := range slices.Sorted(mapKeys(r.series)) {
		m, _ := r.median(name)
		var all []string
		for _, v := range r.series[name] {
			all = append(all, figure(v))
		}
		p("| %s | %s | %s |", name, figure(m), strings.Join(all, ", "))
	}
	if len(r.latency) > 0 {
		p("\n## Searches\n\n| query | events | found | p50 ms | p99 ms | runs |\n|---|---|---|---|---|---|")
		for _, l := range r.latency {
			p("| %s | %s | %s | %.1f | %.1f | %d |", l.query, thousands(int64(l.events)), l.found, milliseconds(l.p50), milliseconds(l.p99), l.repetitions)
		}
	}
	if len(r.disk) > 0 {
		p("\n## On disk\n\n| what | events | bytes an event | of which |\n|---|---|---|---|")
		for _, d := range r.disk {
			var parts []string
			for _, k := range slices.Sorted(mapKeys(d.parts)) {
				parts = append(parts, fmt.Sprintf("%s %.1f", k, float64(d.parts[k])/float64(d.events)))
			}
			p("| %s | %s | %.1f | %s |", d.what, thousands(int64(d.events)), float64(d.bytes)/float64(d.events), strings.Join(parts, ", "))
		}
	}
	if len(r.notes) > 0 {
		p("\n## Notes\n")
		for _, n := range r.notes {
			p("- %s", n)
		}
	}
	return b.String()
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func size(quick bool) string {
	if quick {
		return "quick"
	}
	return "full size"
}

func (r *rig) meanBytes() int64 {
	if r.batches == nil {
		return 0
	}
	return r.batches.Bytes() / int64(r.batches.Events())
}

// machine describes where this ran, without its name.
func machine() string {
	model, hashing := "unknown processor", "SHA-256 without instructions of its own (they would make it about four times as fast)"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if strings.Contains(string(text), " sha_ni") || strings.Contains(string(text), " sha2") {
			hashing = "SHA-256 in hardware"
		}
		if _, after, found := strings.Cut(string(text), "model name"); found {
			model, _, _ = strings.Cut(strings.TrimLeft(after, "\t: "), "\n")
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	kernel, _, _ = bytes.Cut(kernel, []byte("-")) // what a distributor adds says nothing of speed
	memory := ""
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			kb, _ := strconv.Atoi(f[1])
			memory = fmt.Sprintf(", %d GB", kb>>20)
		}
	}
	return fmt.Sprintf("%d × %s, %s%s, %s, %s", runtime.NumCPU(), model, hashing, memory, strings.TrimSpace(string(kernel)), runtime.Version())
}
