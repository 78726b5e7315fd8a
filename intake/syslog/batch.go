package syslog

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"example.com/evident/intake"
)

// A batch is messages that are handed to the intake together.
type batch struct {
	raws      [][]byte
	ids       []string
	broken    []string
	anyBroken bool
	bytes     int
	text      []byte // of ids
	answer    intake.Answer
}

func (b *batch) add(raw []byte, broken string) {
	b.raws = append(b.raws, raw)
	b.broken = append(b.broken, broken)
	b.anyBroken = b.anyBroken || broken != ""
	b.bytes += len(raw)
}

func (b *batch) reset() {
	clear(b.raws)
	clear(b.ids)
	clear(b.broken)
	*b = batch{raws: b.raws[:0], ids: b.ids[:0], broken: b.broken[:0], text: b.text[:0], answer: b.answer}
}

// place gives the messages the ids of their positions: what stands in prefix,
// and numbers from first on.
func (b *batch) place(prefix string, first uint64) {
	b.text, b.ids = b.text[:0], b.ids[:0]
	for i := range b.raws {
		b.text = strconv.AppendUint(append(b.text, prefix...), first+uint64(i), 10)
	}
	text, at := string(b.text), 0 // one piece of memory for all
	for i := range b.raws {
		n := len(prefix) + digits(first+uint64(i))
		b.ids = append(b.ids, text[at:at+n])
		at += n
	}
}

func digits(n uint64) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

// tooLong says of a message that only its beginning is kept.
func tooLong(f *frame) string {
	if f.size <= len(f.data) {
		return ""
	}
	return fmt.Sprintf("too long: only the first %d of %d bytes are kept", len(f.data), f.size)
}

// Counts are what a Listener has done since it was made.
type Counts struct {
	Messages, Bytes, Batches uint64 // stored, or found to be stored
	Unmapped                 uint64 // of Messages
	Cut                      uint64 // of Messages: too long, or without their end
	Resent                   uint64 // of Messages: RELP clients sent them a second time
	Dropped                  uint64 // UDP: there was no room for them
	DroppedBySystem          uint64 // UDP: the system's buffer had no room for them
	Lost                     uint64 // TCP: had come, but could not be stored before the server stopped
	Failed                   uint64 // attempts to store
	Malformed                uint64 // connections closed for what they sent
	TurnedAway               uint64 // connections over the limit
	Gaps, Missing            uint64 // in the sequenceId of senders, and what is missing in them
	Connections              int    // open now
}

type counter struct {
	messages, bytes, batches, unmapped, cut, resent                              atomic.Uint64
	dropped, droppedBySystem, lost, failed, malformed, turnedAway, gaps, missing atomic.Uint64
	connections                                                                  atomic.Int64
}

// Counts returns what l has done so far.
func (l *Listener) Counts() Counts {
	c := &l.counter
	return Counts{
		Messages: c.messages.Load(), Bytes: c.bytes.Load(), Batches: c.batches.Load(),
		Unmapped: c.unmapped.Load(), Cut: c.cut.Load(), Resent: c.resent.Load(),
		Dropped: c.dropped.Load(), DroppedBySystem: c.droppedBySystem.Load(),
		Lost: c.lost.Load(), Failed: c.failed.Load(), Malformed: c.malformed.Load(), TurnedAway: c.turnedAway.Load(),
		Gaps: c.gaps.Load(), Missing: c.missing.Load(), Connections: int(c.connections.Load()),
	}
}

// A gate bounds the memory of all connections together.
type gate struct{ free atomic.Int64 }

func (g *gate) take(n int) bool {
	if g.free.Add(-int64(n)) >= 0 {
		return true
	}
	g.free.Add(int64(n))
	return false
}

func (g *gate) give(n int) { g.free.Add(int64(n)) }

// quiet keeps those who send garbage from filling the log.
type quiet struct {
	mu     sync.Mutex
	until  time.Time
	lines  int
	untold int
}

const linesPerSecond = 10

// may reports whether a line may be logged, and how many were not before it.
func (q *quiet) may(now time.Time) (untold int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.After(q.until) {
		q.until, q.lines = now.Add(time.Second), 0
	}
	if q.lines >= linesPerSecond {
		q.untold++
		return 0, false
	}
	q.lines++
	untold, q.untold = q.untold, 0
	return untold, true
}

// opened logs who began to send by RELP: the ids of its messages do not say.
func (l *Listener) opened(s *stream) {
	args := []any{"from", s.conn.RemoteAddr().String()}
	if t, ok := s.conn.(*tls.Conn); ok {
		if peers := t.ConnectionState().PeerCertificates; len(peers) > 0 {
			args = append(args, "certificate", peers[0].Subject.String())
		}
	}
	l.say(slog.LevelInfo, "RELP session begins", args...)
}

// warn logs what somebody may want to look into.
func (l *Listener) warn(what string, args ...any) { l.say(slog.LevelWarn, what, args...) }

func (l *Listener) say(level slog.Level, what string, args ...any) {
	untold, ok := l.quiet.may(time.Now())
	if !ok {
		return
	}
	args = append(args, "source", l.cfg.Source)
	if untold > 0 {
		args = append(args, "lines_left_out_before", untold)
	}
	l.log.Log(context.Background(), level, what, args...)
}
