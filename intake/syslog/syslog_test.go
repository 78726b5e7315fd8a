package syslog_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/syslog"
	"example.com/evident/source"
	"example.com/evident/trail"
)

const name = "lines/test"

// linesKind maps a line to an event that says nothing of it.
var linesKind = source.Kind{
	Name: "lines",
	Split: func(r io.Reader) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for s := bufio.NewScanner(r); s.Scan(); {
				if !yield(bytes.Clone(s.Bytes()), nil) {
					return
				}
			}
		}
	},
	Map: func(raw []byte, now time.Time) (event.Event, error) {
		return event.Event{
			OccurredAt: now.UTC(), Actor: event.Actor{Type: event.ActorSystem, ID: "host"}, Action: "log.write",
			Category: event.System, Outcome: event.Unknown, Raw: raw,
		}, nil
	},
}

func openTrail(t testing.TB, dir string, fault func(op, name string) error) *trail.Trail {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail", Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// A rig is a listener with a trail.
type rig struct {
	t     testing.TB
	trail *trail.Trail
	l     *syslog.Listener
	addr  string
	log   *bytes.Buffer
	stop  func() // and wait until it has stopped
}

// start listens for streams. change may change the configuration.
func start(t testing.TB, change func(c *syslog.Config)) *rig {
	t.Helper()
	return startOn(t, openTrail(t, t.TempDir(), nil), "127.0.0.1:0", change)
}

func startOn(t testing.TB, tr *trail.Trail, addr string, change func(c *syslog.Config)) *rig {
	t.Helper()
	r := &rig{t: t, trail: tr, log: &bytes.Buffer{}}
	c := syslog.Config{
		Intake: intake.New(intake.Config{Trail: tr, Kinds: []source.Kind{linesKind}}), Trail: tr, Source: name,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	var err error
	if r.l, err = syslog.New(c); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	r.run(func(ctx context.Context) error { return r.l.Serve(ctx, ln) })
	return r
}

// startUDP listens for datagrams.
func startUDP(t testing.TB, fault func(op, name string) error) *rig {
	t.Helper()
	tr := openTrail(t, t.TempDir(), fault)
	r := &rig{t: t, trail: tr, log: &bytes.Buffer{}}
	var err error
	r.l, err = syslog.New(syslog.Config{
		Intake: intake.New(intake.Config{Trail: tr, Kinds: []source.Kind{linesKind}}), Source: name,
		Log: slog.New(slog.NewTextHandler(r.log, nil)), MaxBytes: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r.addr = conn.LocalAddr().String()
	r.run(func(ctx context.Context) error { return r.l.ServePackets(ctx, conn) })
	return r
}

// run serves until stop is called.
func (r *rig) run(serve func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	stopped := false
	r.stop = func() {
		r.t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("serve: %v", err)
		}
	}
	r.t.Cleanup(r.stop)
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

// send sends text over a connection of its own, and closes that.
func (r *rig) send(text string) {
	r.t.Helper()
	conn := r.dial()
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	conn.Close()
}

// await waits until the trail has n records of the source.
func (r *rig) await(n uint64) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for r.trail.Counts()[name] < n {
		if err := r.trail.Wait(ctx, r.trail.Size()); err != nil {
			if n > 1000 {
				once(r.t, r.raws(), int(n))
			}
			r.t.Fatalf("%d records of %d: %v\n%s", r.trail.Counts()[name], n, err, r.log)
		}
	}
}

// until waits until what holds.
func (r *rig) until(what string, holds func(c syslog.Counts) bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(r.l.Counts()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: %+v", what, r.l.Counts())
		}
	}
}

func (r *rig) events() []event.Event { return eventsOf(r.t, r.trail) }

func eventsOf(t testing.TB, tr *trail.Trail) []event.Event {
	t.Helper()
	var all []event.Event
	for rec, err := range tr.Records(context.Background(), 0, tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Header.Source != name {
			if rec.Header.Action == intake.ActionConflict {
				t.Errorf("a conflict: %.500s", rec.Body)
			}
			continue
		}
		e, err := event.Parse(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// raws are the messages of the trail.
func (r *rig) raws() []string {
	r.t.Helper()
	var raws []string
	for _, e := range r.events() {
		raws = append(raws, string(e.Raw))
	}
	return raws
}

func (r *rig) want(want ...string) {
	r.t.Helper()
	r.await(uint64(len(want)))
	if got := r.raws(); !slices.Equal(got, want) {
		r.t.Errorf("stored %.2000q\nwant %.2000q", got, want)
	}
}

func TestFraming(t *testing.T) {
	for _, c := range []struct {
		what, sent string
		want       []string
	}{
		{"lines", "<13>one\n<13>two\r\n\n<13>three\n", []string{"<13>one", "<13>two", "<13>three"}},
		{"equal lines", "<13>one\n<13>one\n", []string{"<13>one", "<13>one"}},
		{"a line that begins with a number", "2026-03-01 one\n7 dwarfs\n", []string{"2026-03-01 one", "7 dwarfs"}},
		{"octet counts", "7 <13>one9 <13>tw\no\n8 <13>five", []string{"<13>one", "<13>tw\no", "<13>five"}},
		{"octet counts with line ends that are counted, and such that are not", "8 <13>one\n\n7 <13>two\n", []string{"<13>one", "<13>two"}},
		{"a line without an end", "<13>one\n<13>tw", []string{"<13>one", "<13>tw"}},
		{"a count without its end", "7 <13>one20 <13>two", []string{"<13>one", "<13>two"}},
		{"bytes that are no text", "<13>\xff\x00\x01\n", []string{"<13>\xff\x00\x01"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := start(t, nil)
			r.send(c.sent)
			r.want(c.want...)
			r.stop()
			if broken := strings.Contains(c.what, "count without"); (r.l.Counts().Cut > 0) != broken {
				t.Errorf("%+v", r.l.Counts())
			}
		})
	}
}

// A message that is too long is kept in part, and says so; those behind it are
// whole.
func TestTooLong(t *testing.T) {
	big := "<13>" + strings.Repeat("x", 300_000)
	for what, sent := range map[string]string{
		"lines":  "<13>one\n" + big + "\n<13>two\n",
		"counts": "7 <13>one" + fmt.Sprint(len(big)) + " " + big + "7 <13>two",
	} {
		t.Run(what, func(t *testing.T) {
			r := start(t, func(c *syslog.Config) { c.MaxBytes = 1000 })
			r.send(sent)
			r.want("<13>one", big[:1000], "<13>two")
			e := r.events()[1]
			if e.Action != source.ActionUnmapped || !strings.Contains(e.OutcomeReason, "first 1000 of 300004 bytes") {
				t.Errorf("%s %q", e.Action, e.OutcomeReason)
			}
			r.stop() // counted after they are stored
			if c := r.l.Counts(); c.Cut != 1 || c.Messages != 3 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// Whatever is sent, the connection is closed with a line in the log, what came
// before it is kept, and others are not harmed.
func TestHostile(t *testing.T) {
	for what, c := range map[string]struct{ sent, log string }{
		"a count that is too big": {"7 <13>one99999999 <13>", "octet count: found 99999999"},
		"digits without end":      {"7 <13>one1234567890123", "octet count"},
		"a negative count":        {"7 <13>one-7 <13>two", "octet count"},
		"garbage":                 {"7 <13>one\x00\x01\x02", "octet count"},
		"a count of zero":         {"7 <13>one0 7 <13>two", "octet count"},
	} {
		t.Run(what, func(t *testing.T) {
			r := start(t, nil)
			other := r.dial()
			conn := r.dial()
			io.WriteString(conn, c.sent)
			conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
				t.Errorf("the connection is open: %v", err)
			}
			io.WriteString(other, "<13>other\n")
			r.want("<13>one", "<13>other")
			r.stop()
			if got := r.l.Counts(); got.Malformed != 1 || !strings.Contains(r.log.String(), c.log) {
				t.Errorf("%+v\n%s", got, r.log)
			}
		})
	}
	t.Run("TLS on a plain listener", func(t *testing.T) {
		r := start(t, nil)
		if conn, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true}); err == nil {
			conn.Close()
			t.Error("it was taken")
		}
		r.stop()
		if !strings.Contains(r.log.String(), "TLS handshake came") || r.trail.Counts()[name] != 0 {
			t.Errorf("%s", r.log)
		}
	})
}

func TestLimits(t *testing.T) {
	r := start(t, func(c *syslog.Config) { c.MaxConns, c.Idle = 4, 3*time.Second })
	closed := func(conn net.Conn) bool {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, err := conn.Read(make([]byte, 1))
		return err != nil && !os.IsTimeout(err)
	}
	first := r.dial()
	r.until("one connection", func(c syslog.Counts) bool { return c.Connections == 1 })
	r.dial()
	r.until("two connections", func(c syslog.Counts) bool { return c.Connections == 2 })
	if third := r.dial(); !closed(third) {
		t.Error("a host has more than half of all connections")
	}
	r.until("one was turned away", func(c syslog.Counts) bool { return c.TurnedAway == 1 })
	if !closed(first) {
		t.Error("an idle connection is open")
	}
	r.until("no connection", func(c syslog.Counts) bool { return c.Connections == 0 })
	if _, err := syslog.New(syslog.Config{Source: name, MaxBytes: source.MaxEventBytes + 1}); err == nil {
		t.Error("messages that no trail takes are allowed")
	}
}

func TestSequenceGaps(t *testing.T) {
	r := start(t, nil)
	line := func(host string, n int) string {
		return fmt.Sprintf("<13>1 2026-03-01T00:00:00Z %s app 7 - [meta sequenceId=\"%d\"] text sequenceId=\"99\"\n", host, n)
	}
	r.send(line("a", 1) + line("a", 2) + line("b", 1) + line("a", 5) + line("b", 2) + line("a", 4) + line("a", 6) + line("a", 1) + line("a", 2) +
		"<13>1 - a app 7 - - not [meta sequenceId=\"50\"] in its data\n")
	r.await(10)
	r.stop()
	if c := r.l.Counts(); c.Gaps != 1 || c.Missing != 2 {
		t.Errorf("%d gaps, %d missing", c.Gaps, c.Missing)
	}
}

func openQuietly(dir string) (*trail.Trail, error) {
	return trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
}

func TestUDP(t *testing.T) {
	r := startUDP(t, nil)
	conn, err := net.Dial("udp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	long := "<13>" + strings.Repeat("x", 2000)
	for i, data := range []string{"<13>one", "<13>one", "<13>two\n", "\n", "<13>three\nin two lines", long} {
		io.WriteString(conn, data)
		if i != 3 {
			r.await(uint64(i+1) - min(1, uint64(i)/4)) // one after the other: none is dropped
		}
	}
	r.want("<13>one", "<13>one", "<13>two", "<13>three\nin two lines", long[:1000])
	r.stop()
	if id := r.events()[0].ID; !strings.HasPrefix(id, "syslog/127.0.0.1/") {
		t.Errorf("the id %q does not say who sent it", id)
	}
	if c := r.l.Counts(); c.Messages != 5 || c.Cut != 1 || c.Dropped != 0 {
		t.Errorf("%+v", c)
	}
}

// When nothing can be stored, datagrams wait, as many as there is room for; the
// others are counted.
func TestUDPDrops(t *testing.T) {
	begin := make(chan struct{})
	var full atomic.Bool
	r := startUDP(t, func(op, _ string) error {
		if full.Load() && op == "sync" {
			<-begin
		}
		return nil
	})
	full.Store(true)
	conn, err := net.Dial("udp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := uint64(0)
	data := "<13>" + strings.Repeat("x", 900)
	for end := time.Now().Add(20 * time.Second); r.l.Counts().Dropped+r.l.Counts().DroppedBySystem == 0; {
		for range 100 {
			if _, err := io.WriteString(conn, data); err == nil {
				sent++
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%d sent, and nothing is dropped", sent)
		}
	}
	full.Store(false)
	close(begin)
	r.stop() // what waits is stored first
	c := r.l.Counts()
	t.Logf("%d sent, %+v", sent, c)
	if c.Messages+c.Dropped > sent || c.Messages == 0 || c.Messages != uint64(len(r.raws())) {
		t.Errorf("%d sent, %+v", sent, c)
	}
}

// Those who take all memory for large messages, and never end them, leave others
// what they need.
func TestLargeMessagesHarmNobodyElse(t *testing.T) {
	r := start(t, func(c *syslog.Config) { c.MaxBytes = source.MaxEventBytes })
	part := "16000000 <13>" + strings.Repeat("x", 15_000_000)
	for range 8 {
		conn := r.dial()
		go io.WriteString(conn, part) // no more of it is read than there is memory for
	}
	r.until("they are there", func(c syslog.Counts) bool { return c.Connections == 8 })
	var want []string
	for i := range 20 {
		line := fmt.Sprint("<13>", i, strings.Repeat("y", 50_000))
		want = append(want, line)
		r.send(line + "\n")
		r.await(uint64(i + 1))
	}
	r.want(want...)
}
