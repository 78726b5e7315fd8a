package syslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Commands of RELP.
const (
	commandOpen   = "open"
	commandClose  = "close"
	commandSyslog = "syslog"
)

// offers is what this server can do.
const offers = "200 OK\nrelp_version=0\nrelp_software=evident\ncommands=syslog"

// A session is a connection that speaks RELP: the client numbers its frames and
// keeps each until it is answered. A message is answered when it is durable.
type session struct {
	s      *stream
	resend *resend
	opened bool
	txnrs  []int // of the batch
	out    []byte
}

func newSession(s *stream) *session { return &session{s: s} }

func (r *session) end() {
	if r.resend != nil {
		r.s.l.ids.end(r.resend)
	}
}

// message notes a message that the batch is to have.
func (r *session) message(f *frame) error {
	if !r.opened {
		r.s.l.counter.malformed.Add(1)
		return errors.New("RELP: expected open before syslog")
	}
	r.txnrs = append(r.txnrs, f.txnr)
	return nil
}

// take stores the messages of b and acknowledges them.
func (r *session) take(ctx context.Context, b *batch) error {
	l := r.s.l
	txnrs := r.txnrs
	r.txnrs = r.txnrs[:0]
	var err error
	var again int
	b.ids, again, err = l.ids.ids(ctx, r.resend, b.ids[:0], b.raws)
	if err == nil {
		err = l.take(b)
	}
	l.ids.landed(r.resend)
	if err != nil {
		// Without a pause the client would try without one.
		select {
		case <-time.After(takeAgain):
		case <-ctx.Done():
		}
		return fmt.Errorf("RELP: %d messages are not acknowledged: %w", len(txnrs), err)
	}
	l.counter.resent.Add(uint64(again))
	for i, raw := range b.raws {
		l.sequence(r.s.host, raw, b.broken[i] == "")
	}
	r.out = r.out[:0]
	for _, txnr := range txnrs {
		r.out = append(strconv.AppendInt(r.out, int64(txnr), 10), " rsp 6 200 OK\n"...)
	}
	return r.write()
}

// command answers what is no message.
func (r *session) command(f *frame) error {
	switch f.command {
	case commandOpen:
		return r.open(f)
	case commandClose:
		r.out = fmt.Appendf(r.out[:0], "%d rsp 0\n0 serverclose 0\n", f.txnr)
		if err := r.write(); err != nil {
			return err
		}
		return errEnd
	}
	r.s.l.counter.malformed.Add(1)
	r.refuse(f.txnr, "500 unknown command")
	return fmt.Errorf("RELP: expected open, syslog or close, found %q", f.command)
}

func (r *session) open(f *frame) error {
	if r.opened {
		r.s.l.counter.malformed.Add(1)
		r.refuse(f.txnr, "500 session is open")
		return errors.New("RELP: open came twice")
	}
	syslog := false
	for offer := range bytes.SplitSeq(f.data, []byte{'\n'}) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(offer), []byte{'='})
		for v := range bytes.SplitSeq(value, []byte{','}) {
			syslog = syslog || string(name) == "commands" && string(v) == commandSyslog
		}
	}
	if !syslog {
		r.s.l.counter.malformed.Add(1)
		r.refuse(f.txnr, "500 the command syslog is required")
		return fmt.Errorf("RELP: open does not offer the command syslog: %q", f.data[:min(len(f.data), 200)])
	}
	r.opened = true
	r.s.l.opened(r.s)
	r.resend = r.s.l.ids.begin(r.s.host)
	r.out = fmt.Appendf(r.out[:0], "%d rsp %d %s\n", f.txnr, len(offers), offers)
	return r.write()
}

// refuse answers a frame that ends the session; whether that arrives is no matter.
func (r *session) refuse(txnr int, why string) {
	r.out = fmt.Appendf(r.out[:0], "%d rsp %d %s\n", txnr, len(why), why)
	r.write()
}

// goodbye tells the client that the server stops.
func (r *session) goodbye() {
	r.out = append(r.out[:0], "0 serverclose 0\n"...)
	r.write()
}

// write sends what is in out. A client that does not read its answers loses its
// connection.
func (r *session) write() error {
	r.s.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := r.s.conn.Write(r.out); err != nil {
		return fmt.Errorf("RELP: answer: %w", err)
	}
	if cap(r.out) > busyBytes {
		r.out = nil
	}
	return nil
}
