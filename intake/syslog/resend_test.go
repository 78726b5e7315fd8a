package syslog_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/evident/intake"
	"example.com/evident/intake/syslog"
	"example.com/evident/source"
)

// A client speaks RELP by hand.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	txnr int
}

func (r *rig) client() *client {
	r.t.Helper()
	c := &client{t: r.t.(*testing.T), conn: r.dial()}
	c.in = bufio.NewReader(c.conn)
	c.send("open", "relp_version=0\nrelp_software=test\ncommands=syslog")
	if got := c.answer(); !strings.HasPrefix(got, "200 OK\n") || !strings.Contains(got, "commands=syslog") {
		r.t.Fatalf("open is answered %q", got)
	}
	return c
}

func (c *client) send(command, data string) {
	c.txnr++
	frame := fmt.Sprintf("%d %s %d %s\n", c.txnr, command, len(data), data)
	if data == "" {
		frame = fmt.Sprintf("%d %s 0\n", c.txnr, command)
	}
	io.WriteString(c.conn, frame) // if it breaks, that shows in the answer
}

// answer reads one; empty if the connection has ended.
func (c *client) answer() string {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	head, err := c.in.ReadString(' ')
	if err != nil {
		if os.IsTimeout(err) {
			c.t.Error("no answer")
		}
		return ""
	}
	command, _ := c.in.ReadString(' ')
	var n int
	fmt.Fscanf(c.in, "%d", &n)
	data := make([]byte, n+1) // a space, or the line feed
	io.ReadFull(c.in, data)
	if n > 0 {
		c.in.ReadByte()
	}
	if command != "rsp " && head != "0 " {
		c.t.Errorf("answer to %s is %s", head, command)
	}
	return strings.TrimSpace(string(data))
}

// log sends lines and wants them acknowledged.
func (c *client) log(lines ...string) {
	c.t.Helper()
	for _, line := range lines {
		c.send("syslog", line)
	}
	for range lines {
		if got := c.answer(); got != "200 OK" {
			c.t.Fatalf("a line is answered %q", got)
		}
	}
}

// What is sent again on a new connection is there once, also when the server
// has been another one in the meantime; equal lines are as many as were sent.
func TestResend(t *testing.T) {
	dir := t.TempDir()
	r := startOn(t, openTrail(t, dir, nil), "127.0.0.1:0", withRELP)
	c := r.client()
	first := []string{"<13>a", "<13>x", "<13>x", "<13>b"}
	c.log(first...)
	c.log("<13>x", "<13>c")
	want := slices.Concat(first, []string{"<13>x", "<13>c"})
	r.want(want...)
	c.conn.Close()

	// The last three again, and two that are new.
	c = r.client()
	c.log("<13>b", "<13>x", "<13>c", "<13>d", "<13>c")
	want = append(want, "<13>d", "<13>c")
	r.want(want...)
	r.until("three lines were sent again", func(c syslog.Counts) bool { return c.Resent == 3 })

	// The same to a server that knows only the trail.
	r.stop()
	r.trail.Close()
	r = startOn(t, openTrail(t, dir, nil), "127.0.0.1:0", withRELP)
	c = r.client()
	c.log("<13>d", "<13>c", "<13>e", "<13>e")
	r.want(append(want, "<13>e", "<13>e")...)
	c.send("close", "")
	if got := c.answer(); got != "" {
		t.Errorf("close is answered %q", got)
	}
}

// A connection that its client has given up may still bring lines, while the
// same lines come over the next one.
func TestResendWhileTheOldConnectionLives(t *testing.T) {
	for round := range 20 {
		r := start(t, withRELP)
		old, next := r.client(), r.client()
		var all []string
		for i := range 100 {
			all = append(all, fmt.Sprintf("<13>line %d", i))
		}
		old.log(all[:20]...)
		var both sync.WaitGroup
		both.Go(func() { old.log(all[20:80]...) })
		both.Go(func() {
			time.Sleep(time.Duration(round) * 50 * time.Microsecond)
			next.log(all[10:]...)
		})
		both.Wait()
		got := r.raws()
		slices.Sort(got)
		if len(got) != 100 || len(slices.Compact(got)) != 100 {
			t.Fatalf("%d records of 100 lines", len(got))
		}
		r.stop()
	}
}

// Two senders with equal lines are two, and so is what one sends in the course
// of things.
func TestEqualLinesStayTwo(t *testing.T) {
	r := start(t, withRELP)
	a, b := r.client(), r.client()
	fill := make([]string, 200)
	for i := range fill {
		fill[i] = fmt.Sprint("<13>fill ", i)
	}
	a.log(fill...) // past what may be a resend
	a.log("<13>x", "<13>x", "<13>x")
	a.log("<13>x")
	b.log("<13>y", "<13>y")
	var both sync.WaitGroup
	for range 10 {
		both.Go(func() { a.log("<13>x"); a.log("<13>x", "<13>x") })
		both.Wait()
	}
	r.await(200 + 4 + 2 + 30)
	if n := len(r.raws()); n != 236 {
		t.Errorf("%d records, not 236", n)
	}
}

// When the trail takes nothing, nothing is acknowledged.
func TestNoAcknowledgementWithoutStoring(t *testing.T) {
	var full sync.Map
	tr := openTrail(t, t.TempDir(), func(op, _ string) error {
		if _, is := full.Load("disk"); is && op == "write" {
			return syscall.ENOSPC
		}
		return nil
	})
	r := startOn(t, tr, "127.0.0.1:0", withRELP)
	c := r.client()
	c.log("<13>one")
	full.Store("disk", true)
	c.send("syslog", "<13>two")
	if got := c.answer(); got != "" {
		t.Errorf("a line that could not be stored is answered %q", got)
	}
	r.until("an attempt that failed", func(c syslog.Counts) bool { return c.Failed == 1 && c.Connections == 0 })
}

func TestRELPRefusals(t *testing.T) {
	for what, sent := range map[string]string{
		"no open":               "1 syslog 3 <1>\n",
		"nothing offered":       "1 open 14 relp_version=0\n",
		"an unknown command":    "1 open 15 commands=syslog\n2 starttls 0\n",
		"a length that is big":  "1 open 15 commands=syslog\n2 syslog 99999999 x\n",
		"no length":             "1 open 15 commands=syslog\n2 syslog x\n",
		"no line feed":          "1 open 15 commands=syslog\n2 syslog 3 <1>x\n",
		"no number":             "hello\n",
		"a number without end":  "12345678901234567890",
		"a command without end": "1 " + strings.Repeat("x", 100),
		"a long length of data": "1 open 15 commands=syslog\n2 syslog 1234567890 x",
		"TLS":                   "\x16\x03\x01\x02\x00\x01",
	} {
		t.Run(what, func(t *testing.T) {
			r := start(t, withRELP)
			conn := r.dial()
			io.WriteString(conn, sent)
			conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
				t.Error("the connection is open")
			}
			r.stop()
			if c := r.l.Counts(); c.Malformed != 1 || c.Messages != 0 || r.log.Len() == 0 {
				t.Errorf("%+v\n%s", c, r.log)
			}
		})
	}
}

// A line that is too long is kept in part, and acknowledged once it has come.
func TestRELPTooLong(t *testing.T) {
	r := start(t, func(c *syslog.Config) { c.RELP, c.MaxBytes = true, 500 })
	c := r.client()
	big := "<13>" + strings.Repeat("x", 100_000)
	c.log("<13>one", big, "<13>two")
	r.want("<13>one", big[:500], "<13>two")
}

// A cutter stands between rsyslog and the server and breaks connections at
// random, each time with acknowledgements that do not arrive.
type cutter struct {
	ln net.Listener
	to string
}

func (c *cutter) serve(cuts int) {
	for n := 0; ; n++ {
		in, err := c.ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			in.Close()
			continue
		}
		left := int64(1 << 60)
		if n < cuts {
			left = 1000 + rand.Int64N(200_000)
		}
		go func() {
			io.Copy(out, io.LimitReader(in, left))
			// From here on no answer arrives, but what was sent is stored.
			in.(*net.TCPConn).SetLinger(0)
			in.Close()
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			out.Close()
		}()
		go func() {
			io.Copy(in, out)
			in.Close()
		}()
	}
}

func TestRsyslogRELPConnectionsBreak(t *testing.T) {
	skipShort(t)
	r := start(t, withRELP)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	const n, cuts = 20_000, 12
	go (&cutter{ln, r.addr}).serve(cuts)
	rs := relpRsyslog(t, ln.Addr().String())
	rs.write(rs.file(), numbered(n))
	rs.start()
	r.await(n)
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
	t.Logf("%+v", r.l.Counts())
	if r.l.Counts().Resent == 0 {
		t.Error("nothing was sent again: the test says nothing")
	}
}

// The client is stopped and started again while it sends.
func TestRsyslogRELPClientRestarts(t *testing.T) {
	r := start(t, withRELP)
	rs := relpRsyslog(t, r.addr)
	const n = 20_000
	text := numbered(n)
	half := len(text) / 2
	rs.write(rs.file(), text[:half])
	rs.start()
	r.await(n / 10)
	rs.kill(syscall.SIGTERM)
	f, err := os.OpenFile(rs.file(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text[half:]); err != nil {
		t.Fatal(err)
	}
	f.Close()
	rs.start()
	r.await(n)
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
	t.Logf("%+v", r.l.Counts())
}

// The client is killed with -9 and reads its file again from the start: what it
// sends again, however much, is there once. Its lines carry the time that they had in
// the file; one that it made itself would be another one each time.
func TestRsyslogRELPClientKilled(t *testing.T) {
	skipShort(t)
	r := start(t, withRELP)
	module, action := relpAction(t, r.addr)
	action = strings.ReplaceAll(action, "RSYSLOG_SyslogProtocol23Format", "asItIs")
	rs := newRsyslog(t, module+`template(name="asItIs" type="string" string="<13>app: %msg%")`, action)
	const n = 20_000
	rs.write(rs.file(), numbered(n))
	for k := range 3 {
		rs.start()
		r.await(uint64(n * (k + 1) / 4))
		rs.kill(syscall.SIGKILL)
		// What rsyslog notes of how far it came, it notes before that is sent.
		for _, pattern := range []string{"imfile-state*", "evident*"} {
			notes, _ := filepath.Glob(filepath.Join(rs.dir, pattern))
			for _, name := range notes {
				os.Remove(name)
			}
		}
	}
	rs.start()
	r.await(n)
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
	t.Logf("%+v", r.l.Counts())
}

const childVariable = "EVIDENT_TEST_SYSLOG_CHILD"

// TestMain is the server that TestRsyslogRELPServerKilled kills, if asked.
func TestMain(m *testing.M) {
	dir, addr, ok := strings.Cut(os.Getenv(childVariable), "|")
	if !ok {
		os.Exit(m.Run())
	}
	child(dir, addr)
}

// child serves until it is killed, and says how many lines it has.
func child(dir, addr string) {
	tr, err := openQuietly(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := syslog.New(syslog.Config{
		Intake: intake.New(intake.Config{Trail: tr, Kinds: []source.Kind{linesKind}}), Trail: tr, Source: name, RELP: true,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go func() {
		for ctx.Err() == nil {
			fmt.Println(tr.Counts()[name])
			time.Sleep(5 * time.Millisecond)
		}
	}()
	l.Serve(ctx, ln)
	stop()
	tr.Close()
}

// TestRsyslogRELPServerKilled kills the server with -9 at random instants.
func TestRsyslogRELPServerKilled(t *testing.T) {
	skipShort(t)
	dir := t.TempDir()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	rs := relpRsyslog(t, addr)
	const n, kills = 20_000, 8
	rs.write(rs.file(), numbered(n))
	// begin starts a server; await waits until it has as many lines.
	var out *bufio.Scanner
	begin := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+dir+"|"+addr)
		cmd.Stderr = os.Stderr
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		out = bufio.NewScanner(pipe)
		return cmd
	}
	await := func(lines int) {
		for out.Scan() {
			if have, _ := strconv.Atoi(out.Text()); have >= lines {
				return
			}
		}
	}
	cmd := begin()
	await(0)
	rs.start()
	for k := range kills {
		await(n * (k + 1) / (kills + 2))
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		cmd = begin()
	}
	await(n)
	rs.kill(syscall.SIGTERM)
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	tr := openTrail(t, dir, nil)
	var raws []string
	for _, e := range eventsOf(t, tr) {
		raws = append(raws, string(e.Raw))
	}
	once(t, raws, n)
}

// skipShort leaves out what takes long, most of it waiting for rsyslog to try
// again.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: takes half a minute, and this is a short run")
	}
}
