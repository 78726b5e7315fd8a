package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/evident/bench/load"
	"example.com/evident/bench/pg"
)

// batch is how many events a batch holds.
const batch = 1000

// rig holds what is measured and what came out.
type rig struct {
	config
	work  string
	began time.Time

	floor, evident string // programs; evident is empty when it could not be built
	postgres       *pg.Server
	batches        *load.Corpus // of the rounds
	singles        *load.Corpus // of the rounds
	running        []*server

	series  map[string][]float64
	latency []latencyRow
	disk    []diskRow
	notes   []string
}

func (r *rig) say(format string, args ...any) {
	fmt.Printf("%6.0fs  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// note says something that belongs into the table's page.
func (r *rig) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.say("note: %s", text)
	r.notes = append(r.notes, text)
}

func (r *rig) add(name string, v float64) {
	r.series[name] = append(r.series[name], v)
	r.say("%s: %s", name, figure(v))
}

// measure runs everything in its order.
func (r *rig) measure(ctx context.Context) error {
	if err := r.build(ctx); err != nil {
		return err
	}
	if err := r.corpora(); err != nil {
		return err
	}
	if err := r.rounds(ctx); err != nil {
		return err
	}
	if r.evident == "" {
		return nil
	}
	if err := r.sources(ctx); err != nil {
		return err
	}
	if err := r.large(ctx); err != nil {
		return err
	}
	return r.cloudTrail(ctx)
}

func (r *rig) build(ctx context.Context) error {
	r.floor = filepath.Join(r.work, "floor")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", r.floor, "./floor").CombinedOutput(); err != nil {
		return fmt.Errorf("build floor: %w\n%s", err, out)
	}
	program := filepath.Join(r.work, "evident")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/evident")
	cmd.Dir = r.Root
	if out, err := cmd.CombinedOutput(); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		r.note("evident could not be built, so that only its peers were measured: %s", strings.TrimSpace(string(out)))
		return nil
	}
	r.evident = program
	return nil
}

// corpora makes the events of the rounds, before any clock starts.
func (r *rig) corpora() (err error) {
	end := time.Now()
	r.say("making %d events", r.RoundEvents)
	r.batches, err = load.Write(filepath.Join(r.work, "batches"), load.NewGenerator(1, end, 0, r.RoundEvents), r.RoundEvents, batch)
	if err != nil {
		return err
	}
	n := int(r.Singles.Seconds() * 30_000)
	r.singles, err = load.Write(filepath.Join(r.work, "singles"), load.NewGenerator(2, end, 0, n), n, 1)
	return err
}

func (r *rig) close() {
	for _, s := range r.running {
		s.stop()
	}
	if r.postgres != nil {
		r.postgres.Stop()
	}
	for _, c := range []*load.Corpus{r.batches, r.singles} {
		if c != nil {
			_ = c.Close()
		}
	}
}

// server is a process that answers HTTP on loopback.
type server struct {
	cmd    *exec.Cmd
	addr   string
	exited chan error
	errors strings.Builder
	over   bool
	ticks  int64 // processor time of the last load, in hundredths of a second
}

// startLimit bounds how long a server may take until it answers.
const startLimit = 2 * time.Minute

// start runs a program that will listen on addr and waits until it is ready.
func (r *rig) start(ctx context.Context, addr, program string, args ...string) (*server, error) {
	s := &server{cmd: exec.Command(program, args...), addr: addr, exited: make(chan error, 1)}
	s.cmd.Stderr = &s.errors
	// A process group of its own: an interrupt from the terminal comes to the
	// bench alone, which then ends its servers in order. If the bench itself is
	// killed, they go with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	r.running = append(r.running, s)
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if len(s.exited) > 0 {
			return nil, fmt.Errorf("start %s: it stopped: %w\n%s", filepath.Base(program), <-s.exited, s.errors.String())
		}
		answer, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return s, nil
		}
	}
	s.stop()
	return nil, fmt.Errorf("start %s: not ready in %v\n%s", filepath.Base(program), startLimit, s.errors.String())
}

func (r *rig) startFloor(ctx context.Context) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return r.start(ctx, addr, r.floor, "-listen", addr, "-file", filepath.Join(r.work, "floor.data"))
}

func (r *rig) startEvident(ctx context.Context, dir string) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return r.start(ctx, addr, r.evident, "serve", "--data", dir, "--listen", addr)
}

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// stop ends the server, in its own way if it can within a minute.
func (s *server) stop() {
	if s.over {
		return
	}
	s.over = true
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

// peakBytes is the most memory that the server has had.
func (s *server) peakBytes() float64 {
	f, err := os.Open("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024
		}
	}
	return 0
}

// diskBytes is what the files below dir take on the disk, by the first part of
// their path.
func diskBytes(dir string) (total int64, parts map[string]int64) {
	parts = map[string]int64{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a file that went away meanwhile has no size
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		size := info.Size()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			size = st.Blocks * 512
		}
		rel, _ := filepath.Rel(dir, path)
		part, _, _ := strings.Cut(rel, string(filepath.Separator))
		parts[part] += size
		total += size
		return nil
	})
	return total, parts
}

// runProgram runs a command to its end and says how long it took.
func runProgram(ctx context.Context, program string, args ...string) (took time.Duration, out string, err error) {
	begin := time.Now()
	text, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	took = time.Since(begin)
	if err != nil {
		err = errors.New(filepath.Base(program) + " " + strings.Join(args, " ") + ": " + err.Error() + ": " + tail(string(text), 600))
	}
	return took, string(text), err
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
