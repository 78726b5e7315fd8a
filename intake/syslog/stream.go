package syslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"example.com/evident/source"
)

// A stream is one connection. It has one buffer, which messages are cut from
// and stored from without being copied; the buffer is small while nothing comes.
type stream struct {
	l      *Listener
	conn   net.Conn
	host   string
	prefix string // of ids
	framer framer // nil until the first byte has come
	relp   *session

	buf      []byte
	from, to int // what is not cut yet
	shared   int // bytes taken from the gate
	waiting  time.Time
	passed   int // bytes since then
	batch    batch
	number   uint64 // messages before the batch
}

func newStream(l *Listener, conn net.Conn, n uint64) *stream {
	host := hostOf(conn.RemoteAddr())
	s := &stream{l: l, conn: conn, host: host, buf: make([]byte, baseBytes)}
	s.prefix = fmt.Sprintf("syslog/%s/%d/%d/", host, l.begun, n)
	if l.cfg.RELP {
		s.relp = newSession(s)
		s.framer = &relp{max: l.cfg.MaxBytes, hard: source.MaxEventBytes}
	}
	return s
}

// Reasons why a connection ends that are nobody's fault.
var errEnd = errors.New("the session is over")

// run takes in what comes until the connection ends, and returns why if that is
// worth knowing.
func (s *stream) run(ctx context.Context) error {
	defer func() { s.l.memory.give(s.shared) }()
	if s.relp != nil {
		defer s.relp.end()
	}
	for {
		err := s.read(ctx)
		if err == nil {
			err = s.consume(ctx)
		}
		if err == nil {
			continue
		}
		if s.relp == nil {
			s.finish(ctx, errors.Is(err, io.EOF))
		} else if ctx.Err() != nil {
			s.relp.goodbye()
		}
		if ctx.Err() != nil || errors.Is(err, errEnd) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return nil
		}
		return err
	}
}

// read reads more into the buffer.
func (s *stream) read(ctx context.Context) error {
	if err := s.room(ctx); err != nil {
		return err
	}
	for {
		var due time.Time
		empty := s.from == s.to && s.passed == 0
		switch {
		case !empty:
			due = s.waiting.Add(patience + time.Duration((s.to-s.from+s.passed)/leastRate)*time.Second)
		case len(s.buf) > baseBytes:
			due = time.Now().Add(time.Second)
		default:
			due = time.Now().Add(s.l.cfg.Idle)
		}
		s.conn.SetReadDeadline(due)
		if ctx.Err() != nil { // the deadline may have been set after that for stopping
			return ctx.Err()
		}
		n, err := s.conn.Read(s.buf[s.to:])
		if n > 0 {
			if empty {
				s.waiting = time.Now()
			}
			s.to += n
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !empty:
			s.l.counter.malformed.Add(1)
			return fmt.Errorf("message: did not come whole within %v", patience)
		case len(s.buf) > baseBytes: // nothing comes for now: let others have the memory
			s.resize(baseBytes)
		default:
			return fmt.Errorf("idle for %v: %w", s.l.cfg.Idle, errEnd)
		}
	}
}

// room makes room in the buffer for at least a byte.
func (s *stream) room(ctx context.Context) error {
	filled := s.to == len(s.buf)
	if s.from > 0 {
		copy(s.buf, s.buf[s.from:s.to])
		s.from, s.to = 0, s.to-s.from
	}
	if !filled {
		return nil
	}
	most := max(busyBytes, s.l.cfg.MaxBytes+headBytes)
	for size := min(4*len(s.buf), most); len(s.buf) < size; {
		if s.resize(size) || s.to < len(s.buf) {
			return nil
		}
		// All memory for large messages is in use; whoever has it must give it
		// back in time.
		if time.Since(s.waiting) > patience {
			return errors.New("message: no memory for one that large was to be had")
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// resize gives the buffer another size, if there is memory for it.
func (s *stream) resize(size int) bool {
	want := max(0, size-ownBytes)
	if want > s.shared && !s.l.memory.take(want-s.shared) {
		if size = ownBytes; len(s.buf) >= size {
			return false
		}
		want = 0
	}
	s.l.memory.give(max(0, s.shared-want))
	s.shared = want
	larger := make([]byte, size)
	s.to = copy(larger, s.buf[s.from:s.to])
	s.from, s.buf = 0, larger
	return true
}

// consume stores what has come whole.
func (s *stream) consume(ctx context.Context) error {
	if s.framer == nil {
		if err := s.choose(); err != nil {
			return err
		}
	}
	var broken error
	for s.from < s.to {
		f, used, ok, err := s.framer.next(s.buf[s.from:s.to])
		s.from += used
		if err != nil {
			s.l.counter.malformed.Add(1)
			broken = err
			if _, ok := s.framer.(*lines); !ok {
				s.framer = nil // what follows is no message
			}
			break
		}
		if ok {
			s.waiting, s.passed = time.Now(), 0
			if err := s.frame(ctx, &f); err != nil {
				return err
			}
			continue
		}
		s.passed += used
		if used == 0 || s.from == s.to {
			break
		}
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	return broken
}

// choose looks at the first byte for how messages are framed. The sender keeps
// to it.
func (s *stream) choose() error {
	c := s.buf[s.from]
	switch {
	case c == 0x16 && s.l.cfg.TLS == nil:
		s.l.counter.malformed.Add(1)
		s.from = s.to
		return errors.New("a TLS handshake came where none is expected; this listener is a plain one")
	case c >= '1' && c <= '9' && s.counts():
		s.framer = &counted{max: s.l.cfg.MaxBytes, hard: source.MaxEventBytes}
	default:
		s.framer = &lines{max: s.l.cfg.MaxBytes, hard: source.MaxEventBytes}
	}
	return nil
}

// counts reports whether the first bytes are an octet count, and not a line that
// begins with a number: a message begins with <.
func (s *stream) counts() bool {
	b := s.buf[s.from:s.to]
	_, at, err := number(b, 0, len(b))
	return err == nil && (at == len(b) || b[at] == ' ' && (at+1 == len(b) || b[at+1] == '<'))
}

// frame takes one frame. Its data is valid until the batch is flushed.
func (s *stream) frame(ctx context.Context, f *frame) error {
	if s.relp != nil && f.command != commandSyslog {
		if err := s.flush(ctx); err != nil {
			return err
		}
		return s.relp.command(f)
	}
	if s.relp != nil {
		if err := s.relp.message(f); err != nil {
			return err
		}
	} else if len(f.data) == 0 {
		return nil // keeps the connection alive, says nothing
	}
	s.add(f, tooLong(f))
	if len(s.batch.raws) >= batchMessages {
		return s.flush(ctx)
	}
	return nil
}

func (s *stream) add(f *frame, broken string) {
	if broken != "" {
		s.l.counter.cut.Add(1)
	}
	s.batch.add(f.data, broken)
}

// flush stores the batch. A plain stream waits until that is possible: it reads
// no more in the meantime, and the sender notices. With RELP the connection is
// closed, and what is not acknowledged comes again.
func (s *stream) flush(ctx context.Context) error {
	b := &s.batch
	if len(b.raws) == 0 {
		return nil
	}
	defer b.reset()
	if s.relp != nil {
		return s.relp.take(ctx, b)
	}
	b.place(s.prefix, s.number)
	s.number += uint64(len(b.raws))
	for {
		if err := s.l.take(b); err == nil {
			break
		}
		select {
		case <-time.After(takeAgain):
			continue
		case <-ctx.Done():
		}
		s.l.counter.lost.Add(uint64(len(b.raws)))
		s.l.log.Error("syslog messages lost: the server stops and they cannot be stored", "messages", len(b.raws), "from", s.host, "source", s.l.cfg.Source)
		return ctx.Err()
	}
	for i, raw := range b.raws {
		s.l.sequence(s.host, raw, b.broken[i] == "")
	}
	return nil
}

// finish stores what a plain stream ended in the middle of. A line whose sender
// closed the connection behind it is whole.
func (s *stream) finish(ctx context.Context, closed bool) {
	if s.framer == nil {
		return
	}
	if f, ok := s.framer.rest(s.buf[s.from:s.to]); ok {
		f.data = f.data[:min(len(f.data), s.l.cfg.MaxBytes)]
		broken := "the connection ended before the message did"
		if _, ok := s.framer.(*lines); ok && closed {
			broken = tooLong(&f)
		}
		s.add(&f, broken)
		if err := s.flush(ctx); err != nil {
			return // it was logged
		}
	}
}
