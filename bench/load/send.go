package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Plan is one load: so many clients send batches [First, Until) of a corpus,
// each its next one as soon as it has its answer, for at most Limit.
type Plan struct {
	Addr         string // host:port
	Clients      int
	Corpus       *Corpus
	First, Until int
	Limit        time.Duration // zero: until all is sent
}

// Outcome is what a load came to.
type Outcome struct {
	Events  int
	Batches int // the number of the batch after the last that was sent
	Took    time.Duration
	Waits   Waits
}

// PerSecond is the rate of acknowledged events.
func (o Outcome) PerSecond() float64 { return float64(o.Events) / o.Took.Seconds() }

// answerLimit bounds what is read of an answer.
const answerLimit = 16 << 20

// Send runs a plan. It fails at the first answer that does not acknowledge
// every event of its request: a load that is half refused measures nothing.
func Send(ctx context.Context, p Plan) (Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		events atomic.Int64
		mu     sync.Mutex // guards waits and failed
		waits  Waits
		failed error
	)
	next.Store(int64(p.First))
	begin := time.Now()
	var deadline time.Time
	if p.Limit > 0 {
		deadline = begin.Add(p.Limit)
	}
	for range p.Clients {
		wg.Go(func() {
			c := client{addr: p.Addr, shape: p.Corpus.shape}
			defer c.close()
			var mine Waits
			var buf []byte
			var err error
			for err == nil && ctx.Err() == nil && (deadline.IsZero() || time.Now().Before(deadline)) {
				i := int(next.Add(1) - 1)
				if i >= p.Until {
					break
				}
				var n int
				if buf, n, err = p.Corpus.Batch(i, buf); err != nil {
					break
				}
				sent := time.Now()
				if err = c.post(ctx, buf, n); err == nil {
					mine = append(mine, time.Since(sent))
					events.Add(int64(n))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, mine...)
			if err != nil && failed == nil {
				failed = err
				cancel()
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if failed == nil {
		failed = ctx.Err()
	}
	waits.sort()
	return Outcome{Events: int(events.Load()), Batches: min(int(next.Load()), p.Until), Took: took, Waits: waits}, failed
}

// client is one connection that posts one request after the other. It is
// hand-made because http.Client costs as much CPU as the server does, and both
// share the machine.
type client struct {
	addr  string
	shape *Shape
	conn  net.Conn
	in    *bufio.Reader
	head  []byte
	text  []byte
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

func (c *client) post(ctx context.Context, body []byte, events int) error {
	if c.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.addr)
		if err != nil {
			return fmt.Errorf("send batch: %w", err)
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, 64<<10)
	}
	c.head = append(c.head[:0], "POST "+c.shape.Path+" HTTP/1.1\r\nHost: "+c.addr+"\r\nContent-Type: "+c.shape.Type+"\r\nContent-Length: "...)
	c.head = strconv.AppendInt(c.head, int64(len(body)), 10)
	c.head = append(c.head, "\r\n\r\n"...)
	parts := net.Buffers{c.head, body}
	if _, err := parts.WriteTo(c.conn); err != nil {
		return fmt.Errorf("send batch: %w", err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	text := bytes.NewBuffer(c.text[:0])
	_, err = io.Copy(text, io.LimitReader(answer.Body, answerLimit))
	_ = answer.Body.Close()
	c.text = text.Bytes()
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK || c.shape.Taken != nil && !bytes.Contains(c.text, []byte(c.shape.Taken(events))) {
		return errors.New("send batch: " + answer.Status + ": " + string(c.text[:min(len(c.text), 300)]))
	}
	return nil
}
