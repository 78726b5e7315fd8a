package syslog_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/evident/intake/syslog"
)

// An rsyslog is a real one: it reads lines from a file and forwards them by one
// action.
type rsyslog struct {
	t        testing.TB
	dir      string
	conf     string
	cmd      *exec.Cmd
	out      bytes.Buffer
	finished chan struct{}
}

// newRsyslog makes the configuration of one; nothing runs yet.
func newRsyslog(t testing.TB, module, action string) *rsyslog {
	t.Helper()
	if _, err := exec.LookPath("rsyslogd"); err != nil {
		t.Skip("SKIPPED: there is no rsyslogd; apt-get install rsyslog rsyslog-relp rsyslog-gnutls")
	}
	dir := t.TempDir()
	r := &rsyslog{t: t, dir: dir, conf: filepath.Join(dir, "rsyslog.conf")}
	conf := fmt.Sprintf(`
global(workDirectory=%q)
module(load="imfile" mode="polling" pollingInterval="1")
%s
input(type="imfile" file=%q tag="app" ruleset="forward" persistStateInterval="1000")
ruleset(name="forward") { action(%s) }
`, dir, module, r.file(), action)
	r.write(r.conf, conf)
	return r
}

func (r *rsyslog) file() string { return filepath.Join(r.dir, "in.log") }

func (r *rsyslog) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// numbered are n lines.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %06d of the test\n", i)
	}
	return b.String()
}

// start starts it. What it has not forwarded when it was stopped or killed
// before, it forwards now.
func (r *rsyslog) start() {
	r.t.Helper()
	os.Remove(filepath.Join(r.dir, "pid"))
	r.cmd = exec.Command("rsyslogd", "-n", "-f", r.conf, "-i", filepath.Join(r.dir, "pid"))
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	cmd, finished := r.cmd, make(chan struct{})
	r.finished = finished
	go func() {
		cmd.Wait()
		close(finished)
	}()
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		<-finished
	})
}

func (r *rsyslog) kill(sig os.Signal) {
	r.cmd.Process.Signal(sig)
	select {
	case <-r.finished:
	case <-time.After(20 * time.Second):
		r.t.Errorf("rsyslog does not end\n%s", r.out.String())
		r.cmd.Process.Kill()
		<-r.finished
	}
}

// once wants each of n numbered lines exactly once.
func once(t testing.TB, raws []string, n int) {
	t.Helper()
	seen := make([]int, n)
	for _, raw := range raws {
		_, after, ok := strings.Cut(raw, "line ")
		i, err := strconv.Atoi(after[:min(len(after), 6)])
		if !ok || err != nil || i >= n || !strings.HasSuffix(raw, " of the test") || !strings.HasPrefix(raw, "<") {
			t.Fatalf("stored %q", raw)
		}
		seen[i]++
	}
	missing, twice := 0, 0
	for _, k := range seen {
		if k == 0 {
			missing++
		}
		twice += max(0, k-1)
	}
	if missing > 0 || twice > 0 {
		t.Errorf("of %d lines %d are missing and %d are there more than once", n, missing, twice)
	}
}

const waitForever = `action.resumeRetryCount="-1" action.resumeInterval="1"`

func TestRsyslogPlain(t *testing.T) {
	for framing, template := range map[string]string{"traditional": "RSYSLOG_ForwardFormat", "octet-counted": "RSYSLOG_SyslogProtocol23Format"} {
		t.Run(framing, func(t *testing.T) {
			r := start(t, nil)
			_, port, _ := strings.Cut(r.addr, ":")
			rs := newRsyslog(t, "", fmt.Sprintf(`type="omfwd" target="127.0.0.1" port=%q protocol="tcp" TCP_Framing=%q template=%q %s`, port, framing, template, waitForever))
			const n = 5000
			rs.write(rs.file(), numbered(n))
			rs.start()
			r.await(n)
			rs.kill(syscall.SIGTERM)
			once(t, r.raws(), n)
		})
	}
}

func relpAction(addr string) (module, action string) {
	_, port, _ := strings.Cut(addr, ":")
	return `module(load="omrelp")`, fmt.Sprintf(`type="omrelp" target="127.0.0.1" port=%q template="RSYSLOG_SyslogProtocol23Format" %s
  queue.type="LinkedList" queue.filename="forward" queue.saveOnShutdown="on"`, port, waitForever)
}

func withRELP(c *syslog.Config) { c.RELP = true }

func TestRsyslogRELP(t *testing.T) {
	r := start(t, withRELP)
	rs := newRsyslog(t, module(relpAction(r.addr)), action(relpAction(r.addr)))
	const n = 20_000
	rs.write(rs.file(), numbered(n))
	begun := time.Now()
	rs.start()
	r.await(n)
	t.Logf("%d lines in %v", n, time.Since(begun))
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
	if c := r.l.Counts(); c.Resent != 0 || c.Malformed != 0 {
		t.Errorf("%+v", c)
	}
}

func module(m, _ string) string { return m }
func action(_, a string) string { return a }
