package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"example.com/evident/event"
)

// Limits of a Pipe.
const (
	pipeLines     = 1000    // in one delivery
	pipeBytes     = 1 << 20 // in one delivery, and of a line
	pipeWait      = 200 * time.Millisecond
	pipePause     = 30 * time.Second // at most, between attempts
	pipeLast      = 15 * time.Second // for what was read when the Pipe is stopped
	pipeAhead     = 4 * pipeLines    // lines that are read while others are being sent
	pipeAheadSize = 4 * pipeBytes
	maxRefused    = 100 // that a report holds
)

// A PipeReport says what became of the lines of a Pipe.
type PipeReport struct {
	Lines, Accepted, Duplicates, Unmapped int
	RefusedLines                          int
	Refused                               []Refused // the first hundred; Line is that of the input, from 1
	Unsent                                int       // lines that were read, and may or may not be stored
}

// Pipe sends each line of r as an event of source, until r ends, and returns
// when all are durable. Source is one whose kind takes lines (log/web), or one
// of events in the schema (app/billing), one in each line.
//
// What the server cannot take now is sent again until it can, with the same
// name, so that nothing is stored twice. r is not read any further in the
// meantime: a program that writes to a pipe waits. When ctx ends, what was read
// has 15 seconds more. An error says that the server wants none of it, that r
// failed, or that ctx ended; refused lines are in the report.
func (c *Client) Pipe(ctx context.Context, r io.Reader, source string) (PipeReport, error) {
	p := &pipe{client: c, source: source, run: event.NewID(time.Now()), pause: 200 * time.Millisecond}
	if c.Retries >= 0 {
		quick := *c
		quick.Retries = -1 // trying again is done here
		p.client = &quick
	}
	lines := make(chan line, pipeAhead)
	failed := make(chan error, 1)
	room := make(chan struct{}, 1)
	p.ahead = &ahead{free: pipeAheadSize, more: room}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(lines)
		failed <- readLines(reading, r, lines, p.ahead)
	}()
	if err := p.sendAll(ctx, lines); err != nil {
		return p.report, err
	}
	if ctx.Err() != nil {
		return p.report, ctx.Err() // r may be a terminal that is never read to its end
	}
	return p.report, <-failed
}

// A line is one of the input.
type line struct {
	text   []byte
	number int
	long   bool
}

// pipe is one run of Pipe.
type pipe struct {
	client *Client
	source string
	run    string // part of the names of its deliveries
	sent   int    // deliveries
	pause  time.Duration
	report PipeReport
	ahead  *ahead

	batch []line
	size  int
}

// readLines reads r line by line. Of a line that is too long only its beginning
// is kept in memory.
func readLines(ctx context.Context, r io.Reader, out chan<- line, a *ahead) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		l := line{number: number}
		for {
			part, err := in.ReadSlice('\n')
			if len(l.text)+len(part) > pipeBytes {
				l.long = true
			} else {
				l.text = append(l.text, part...)
			}
			if err == nil {
				break
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if len(l.text) > 0 && !give(ctx, l, out, a) {
				return ctx.Err()
			}
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("read line %d: %w", number, err)
		}
		if !give(ctx, l, out, a) {
			return ctx.Err()
		}
	}
}

func give(ctx context.Context, l line, out chan<- line, a *ahead) bool {
	if l.text = bytes.TrimRight(l.text, "\r\n"); len(l.text) == 0 && !l.long {
		return true
	}
	if !a.take(ctx, len(l.text)) {
		return false
	}
	select {
	case out <- l:
		return true
	case <-ctx.Done():
		return false
	}
}

// sendAll sends lines until there are no more, or ctx ends.
func (p *pipe) sendAll(ctx context.Context, lines <-chan line) error {
	for {
		var due <-chan time.Time // when the first line of the batch has waited long enough
		for full := false; !full; {
			select {
			case l, ok := <-lines:
				if !ok {
					return p.flush(ctx)
				}
				if len(p.batch) == 0 {
					due = time.After(pipeWait)
				}
				p.add(l)
				full = len(p.batch) >= pipeLines || p.size >= pipeBytes
			case <-due:
				full = true
			case <-ctx.Done():
				return p.flush(ctx)
			}
		}
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
}

func (p *pipe) add(l line) {
	p.ahead.give(len(l.text))
	p.report.Lines++
	if l.long {
		p.refuse(Refused{Line: l.number, Error: fmt.Sprintf("line: more than %d bytes", pipeBytes)})
		return
	}
	p.batch = append(p.batch, l)
	p.size += len(l.text) + 1
}

func (p *pipe) refuse(r Refused) {
	p.report.RefusedLines++
	if len(p.report.Refused) < maxRefused {
		p.report.Refused = append(p.report.Refused, r)
	}
}

// flush sends the batch.
func (p *pipe) flush(ctx context.Context) error {
	batch := p.batch
	p.batch, p.size = p.batch[:0], 0
	if len(batch) == 0 {
		return nil
	}
	// The end of ctx is not at once that of what was read.
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(pipeLast, cancel) })
	defer stop()
	return p.send(last, batch)
}

// send sends lines until they are stored, in parts if they are too many at once.
func (p *pipe) send(ctx context.Context, batch []line) error {
	var body bytes.Buffer
	for i := range batch {
		body.Write(batch[i].text)
		body.WriteByte('\n')
	}
	p.sent++
	d := Delivery{
		Body: body.Bytes(), ContentType: "application/x-ndjson", Source: p.source, NoReceipts: true,
		Name: "pipe/" + p.run + "/" + strconv.Itoa(p.sent),
	}
	for pause := p.pause; ; pause = min(2*pause, pipePause) {
		a, err := p.client.Deliver(ctx, d)
		if err == nil {
			p.count(&a, batch)
			return nil
		}
		var no *Error
		if errors.As(err, &no) {
			switch {
			case no.Status == http.StatusRequestEntityTooLarge && len(batch) > 1:
				if err := p.send(ctx, batch[:len(batch)/2]); err != nil {
					return err
				}
				return p.send(ctx, batch[len(batch)/2:])
			case no.Status == http.StatusRequestEntityTooLarge:
				p.refuse(Refused{Line: batch[0].number, Error: no.Error()})
				return nil
			case no.Status < 500 && no.Status != http.StatusTooManyRequests && no.Status != http.StatusRequestTimeout:
				p.report.Unsent += len(batch)
				return fmt.Errorf("send lines %d to %d: %w", batch[0].number, batch[len(batch)-1].number, err)
			}
			pause = max(pause, no.retryAfter)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			p.report.Unsent += len(batch)
			return fmt.Errorf("send lines %d to %d: stopped after: %w", batch[0].number, batch[len(batch)-1].number, err)
		}
	}
}

// count adds what became of a batch to the report.
func (p *pipe) count(a *Answer, batch []line) {
	p.report.Accepted += a.Accepted
	p.report.Duplicates += a.Duplicates
	p.report.Unmapped += a.Unmapped
	for _, r := range a.Refused {
		if r.Line >= 1 && r.Line <= len(batch) {
			r.Line = batch[r.Line-1].number
		}
		p.refuse(r)
	}
}
