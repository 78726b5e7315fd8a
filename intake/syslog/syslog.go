// Package syslog is the way in for syslog: RFC 5424 and RFC 3164 messages over
// TCP with either framing of RFC 6587, over TLS (RFC 5425), over UDP (RFC 5426)
// and over RELP, the protocol of rsyslog in which every message is
// acknowledged. docs/syslog.md says what each guarantees.
//
// It takes messages out of their framing and hands each, verbatim, to package
// intake as a raw of the listener's source. What a message says, its header
// included, is for the kind of that source.
package syslog

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/trail"
)

// Defaults of a Config, and limits that it cannot change.
const (
	DefaultMaxBytes = 256 << 10
	DefaultConns    = 2048
	DefaultIdle     = time.Hour

	batchMessages = 4096             // in one delivery
	baseBytes     = 4 << 10          // buffer of an idle connection
	ownBytes      = 64 << 10         // buffer that every connection may have
	busyBytes     = 256 << 10        // and one that sends much, if there is memory
	sharedBytes   = 64 << 20         // for the buffers of all connections over ownBytes
	patience      = 30 * time.Second // for a message to come whole, and for an answer to be read
	leastRate     = 64 << 10         // bytes a second that a longer message must come with
	handshake     = 10 * time.Second // for TLS
	takeAgain     = time.Second      // between attempts to store
)

// A Config says what a Listener listens for. Intake, Source and, for RELP, Trail
// are required.
type Config struct {
	Intake *intake.Intake
	Trail  *trail.Trail // tells what of a resend is stored already
	Source string       // of every message
	RELP   bool         // streams are RELP, not plain
	TLS    *tls.Config  // streams begin with a handshake; nil: they do not
	// Zone is that of senders whose times have none; nil: UTC.
	Zone *time.Location
	// MaxBytes of one message; of a longer one the beginning is kept, as
	// unmapped, with its length. At most source.MaxEventBytes.
	MaxBytes int
	// MaxConns at once, of which one host may have half.
	MaxConns int
	// Idle is after how long a connection without a message is closed.
	Idle time.Duration
	Log  *slog.Logger // nothing is logged if nil
}

// A Listener takes in what comes for one source. Its methods may be called
// concurrently.
type Listener struct {
	cfg     Config
	log     *slog.Logger
	begun   int64 // nanoseconds since 1970: part of ids
	ids     *lineIDs
	counter counter
	memory  gate
	gaps    gaps

	mu    sync.Mutex
	conns map[string]int // of each host
	all   int
	last  uint64 // number of the last connection
	quiet quiet
}

// New returns a Listener.
func New(c Config) (*Listener, error) {
	if c.Source == "" {
		return nil, errors.New("syslog listener: source: required")
	}
	if err := event.ValidSource(c.Source); err != nil {
		return nil, fmt.Errorf("syslog listener: %w", err)
	}
	if c.RELP && c.Trail == nil {
		return nil, errors.New("syslog listener: RELP needs the trail")
	}
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	c.MaxConns = cmp.Or(c.MaxConns, DefaultConns)
	c.Idle = cmp.Or(c.Idle, DefaultIdle)
	if c.MaxBytes < 480 || c.MaxBytes > source.MaxEventBytes { // 480: RFC 5424 section 6.1
		return nil, fmt.Errorf("syslog listener: max bytes: found %d, expected 480 to %d", c.MaxBytes, source.MaxEventBytes)
	}
	if c.MaxConns < 1 || c.Idle < 0 {
		return nil, errors.New("syslog listener: connections and idle time must be positive")
	}
	l := &Listener{cfg: c, log: c.Log, begun: time.Now().UnixNano(), conns: map[string]int{}}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.memory.free.Store(sharedBytes)
	if c.RELP {
		l.ids = newLineIDs(c.Source, c.Trail, c.Intake)
	}
	return l, nil
}

// Serve takes in what comes over the connections of ln until ctx ends, then
// stores and acknowledges what has come whole, closes ln and all connections,
// and returns nil. It returns an error when ln fails.
func (l *Listener) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept syslog connection: %w", err)
			}
			// Mostly too many open files: others end.
			l.warn("syslog connection not accepted", "error", err.Error())
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		n, ok := l.admit(conn)
		if !ok {
			continue
		}
		streams.Go(func() {
			defer l.leave(conn)
			l.serve(ctx, conn, n)
		})
	}
}

// serve is one connection.
func (l *Listener) serve(ctx context.Context, conn net.Conn, n uint64) {
	defer conn.Close()
	if l.cfg.TLS != nil {
		secure := tls.Server(conn, l.cfg.TLS)
		shake, cancel := context.WithTimeout(ctx, handshake)
		err := secure.HandshakeContext(shake)
		cancel()
		if err != nil {
			l.counter.malformed.Add(1)
			l.warn("syslog TLS handshake failed", "from", conn.RemoteAddr().String(), "error", err.Error())
			return
		}
		conn = secure
	}
	s := newStream(l, conn, n)
	// Whoever waits for bytes stops waiting.
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := s.run(ctx); err != nil {
		l.warn("syslog connection closed", "from", conn.RemoteAddr().String(), "connection", n, "error", err.Error())
	}
}

// admit counts a connection, or closes it.
func (l *Listener) admit(conn net.Conn) (n uint64, ok bool) {
	host := hostOf(conn.RemoteAddr())
	l.mu.Lock()
	full, many := l.all >= l.cfg.MaxConns, l.conns[host] >= max(1, l.cfg.MaxConns/2)
	if !full && !many {
		l.all++
		l.conns[host]++
		l.last++
		n = l.last
	}
	l.mu.Unlock()
	if full || many {
		l.counter.turnedAway.Add(1)
		l.warn("syslog connection turned away", "from", conn.RemoteAddr().String(), "limit", l.cfg.MaxConns, "host_has_half", many)
		conn.Close()
		return 0, false
	}
	l.counter.connections.Add(1)
	return n, true
}

func (l *Listener) leave(conn net.Conn) {
	l.counter.connections.Add(-1)
	host := hostOf(conn.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.conns[host]--; l.conns[host] == 0 {
		delete(l.conns, host)
	}
}

// take stores the messages of b, each under the id that it was given.
func (l *Listener) take(b *batch) error {
	l.counter.batches.Add(1)
	d := intake.Delivery{Source: l.cfg.Source, Raws: b.raws, IDs: b.ids, Keep: true, Zone: l.cfg.Zone}
	if b.anyBroken {
		d.Broken = b.broken
	}
	// What has come is stored, also while the server stops.
	if err := l.cfg.Intake.Take(context.Background(), &d, &b.answer); err != nil {
		l.counter.failed.Add(1)
		l.warn("syslog messages not stored", "messages", len(b.raws), "error", err.Error())
		return err
	}
	l.counter.messages.Add(uint64(len(b.raws)))
	l.counter.bytes.Add(uint64(b.bytes))
	l.counter.unmapped.Add(uint64(b.answer.Unmapped))
	return nil
}

// hostOf is the sender without its port.
func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
