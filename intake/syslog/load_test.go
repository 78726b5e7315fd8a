package syslog_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/evident/intake/syslog"
)

// BenchmarkTCP sends lines over four connections, with a trail on disk behind.
func BenchmarkTCP(b *testing.B) {
	r := start(b, nil)
	line := "<38>1 2026-03-01T12:00:00.123456+00:00 web-1.example.com sshd 4711 - - Accepted publickey for ana from 203.0.113.7 port 50022 ssh2 %08d"
	const conns = 4
	begun := time.Now()
	var all sync.WaitGroup
	for c := range conns {
		conn := r.dial()
		all.Go(func() {
			var text strings.Builder
			for i := c; i < b.N; i += conns {
				fmt.Fprintf(&text, line+"\n", i)
				if text.Len() > 64<<10 {
					conn.Write([]byte(text.String()))
					text.Reset()
				}
			}
			conn.Write([]byte(text.String()))
			conn.(*net.TCPConn).CloseWrite()
		})
	}
	all.Wait()
	r.await(uint64(b.N))
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "lines/s")
	b.ReportMetric(float64(r.l.Counts().Messages)/float64(r.l.Counts().Batches), "lines/batch")
}

// A thousand senders that say nothing must not cost much.
func TestIdleConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: the race detector, which runs what is short, takes memory itself")
	}
	for what, relp := range map[string]bool{"TCP": false, "RELP": true} {
		t.Run(what, func(t *testing.T) {
			r := start(t, func(c *syslog.Config) { c.RELP = relp })
			const n = 1000
			before := resident(t)
			for i := range n {
				if relp {
					r.client().log(fmt.Sprint("<13>one of ", i))
				} else {
					fmt.Fprintf(r.dial(), "<13>one of %d\n", i)
				}
			}
			r.await(n)
			r.until("all are open", func(c syslog.Counts) bool { return c.Connections == n })
			took := resident(t) - before
			t.Logf("%d idle connections take %d KiB, those of the senders included", n, took>>10)
			if took > 100<<20 {
				t.Errorf("%d idle connections take %d MiB, more than 100", n, took>>20)
			}
		})
	}
}

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	runtime.GC()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("SKIPPED: the system does not say how much memory a process has")
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
