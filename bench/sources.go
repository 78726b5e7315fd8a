package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.com/evident/bench/load"
)

// Series of the sources: events a second, mapping included.
const (
	sourceRate   = "evident, batches as "
	idleMemory   = "evident, memory MB of 1,000 idle syslog connections"
	idleSenders  = 1000
	sourceEvents = 200_000 // of each shape
	sourceLimit  = 15 * time.Second
)

// sources sends the same load in the formats of other systems, in turn with that
// in the schema.
func (r *rig) sources(ctx context.Context) error {
	n := roundUp(min(sourceEvents, r.RoundEvents))
	for i := range load.Shapes {
		for _, shape := range []*load.Shape{&load.Native, &load.Shapes[i]} {
			if err := r.source(ctx, shape, n); err != nil {
				return fmt.Errorf("%s: %w", shape.Name, err)
			}
		}
	}
	return r.syslog(ctx, n)
}

// source sends n events of a shape to a new trail.
func (r *rig) source(ctx context.Context, shape *load.Shape, n int) error {
	corpus, err := load.WriteShape(filepath.Join(r.work, "shape"), load.NewGenerator(3, time.Now(), 0, n), shape, n, batch)
	if err != nil {
		return err
	}
	defer corpus.Close()
	dir := filepath.Join(r.work, "sources")
	defer os.RemoveAll(dir)
	s, err := r.startEvident(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	out, err := s.send(ctx, load.Plan{Clients: batchClients, Corpus: corpus, Until: corpus.Batches(), Limit: sourceLimit})
	if err != nil {
		return err
	}
	r.add(sourceRate+shape.Name, out.PerSecond())
	r.addWork(sourceRate+shape.Name, s, out)
	return nil
}

// syslog sends lines over plain TCP, which acknowledges nothing: the clock stops
// when all of them are in the trail. Then it opens connections that are silent.
func (r *rig) syslog(ctx context.Context, n int) error {
	dir := filepath.Join(r.work, "syslog")
	defer os.RemoveAll(dir)
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	listen, err := freeAddr()
	if err != nil {
		return err
	}
	config := filepath.Join(r.work, "syslog.yaml")
	text := fmt.Sprintf("sources:\n- name: linux/bench\n  syslog: [{listen: %q, over: tcp, max-connections: %d}]\n", listen, 4*idleSenders)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	s, err := r.start(ctx, addr, r.evident, "serve", "--data", dir, "--listen", addr, "--config", config)
	if err != nil {
		return err
	}
	defer s.stop()
	before := residentBytes(s)
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for range idleSenders {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", listen)
		if err != nil {
			return err
		}
		idle = append(idle, c)
	}
	time.Sleep(time.Second) // for the server to have accepted them all
	r.add(idleMemory, (residentBytes(s)-before)/(1<<20))

	var lines []byte
	g := load.NewGenerator(4, time.Now(), 0, n)
	for range n {
		lines = load.Syslog.Append(g, lines)
	}
	const senders = 4
	begin, ticks := time.Now(), s.cpuTicks()
	parts := cutLines(lines, senders)
	sent := make(chan error, senders)
	for _, part := range parts {
		go func() { sent <- sendAll(ctx, listen, part) }()
	}
	for range parts {
		if err := <-sent; err != nil {
			return err
		}
	}
	for {
		have, err := s.records()
		if err != nil {
			return err
		}
		if have >= float64(n) {
			break
		}
		if time.Since(begin) > 2*time.Minute {
			return fmt.Errorf("%.0f of %d lines are in the trail after two minutes", have, n)
		}
		time.Sleep(5 * time.Millisecond)
	}
	out := load.Outcome{Events: n, Took: time.Since(begin)}
	s.ticks = s.cpuTicks() - ticks
	r.add(sourceRate+load.Syslog.Name, out.PerSecond())
	r.addWork(sourceRate+load.Syslog.Name, s, out)
	return nil
}

// cutLines cuts text into so many parts, at line ends.
func cutLines(text []byte, parts int) (out [][]byte) {
	for ; parts > 1; parts-- {
		at := len(text) / parts
		for at < len(text) && text[at-1] != '\n' {
			at++
		}
		out, text = append(out, text[:at]), text[at:]
	}
	return append(out, text)
}

func sendAll(ctx context.Context, addr string, text []byte) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	_, err = c.Write(text)
	return errors.Join(err, c.Close())
}

// records is how many records the trail has.
func (s *server) records() (float64, error) {
	answer, err := http.Get("http://" + s.addr + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "evident_trail_records "); found {
			return strconv.ParseFloat(rest, 64)
		}
	}
	return 0, errors.New("the server does not say how many records it has")
}

// residentBytes is the memory that a server has now.
func residentBytes(s *server) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text))
	pages, _ := strconv.ParseFloat(f[1], 64)
	return pages * float64(os.Getpagesize())
}

// sourceRows is what the table says of sources.
func (r *rig) sourceRows() (rows []row) {
	native := sourceRate + load.Native.Name
	for _, s := range load.Shapes {
		name := "ingest, batches of " + s.Name + ", mapping included"
		if strings.Contains(s.Name, ".") {
			rows = append(rows, r.against(name, "0.8 × json", sourceRate+s.Name, native, "json", atLeast(.8)))
		} else {
			rows = append(rows, r.alone(name, "50,000 events/s", sourceRate+s.Name, " events/s", over(50_000)))
		}
	}
	return append(rows,
		r.alone("ingest, lines of syslog over TCP, mapping included", "50,000 events/s", sourceRate+load.Syslog.Name, " events/s", over(50_000)),
		r.alone("memory of 1,000 idle syslog connections", "100 MiB", idleMemory, " MiB", under(100)))
}
