package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/evident/client"
)

const (
	// loadEvents is how many events are delivered at once.
	loadEvents = 1000
	// mapped is the source of the demo whose events are in a format of their own.
	mapped = "aws.cloudtrail/prod"
)

// A loader delivers events while the next ones are being made up: those in the
// schema, and those of the mapped source, each in their order.
type loader struct {
	client  *client.Client
	start   time.Time
	stored  atomic.Uint64
	streams map[string]*stream // by the source of deliveries; "" for the schema

	ctx    context.Context
	cancel context.CancelCauseFunc
	wait   sync.WaitGroup
}

type stream struct {
	next    *batch
	batches chan *batch
}

func newLoader(ctx context.Context, c *client.Client) *loader {
	l := &loader{client: c, start: time.Now(), streams: map[string]*stream{}}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	for _, source := range []string{"", mapped} {
		s := &stream{next: &batch{}, batches: make(chan *batch, 2)}
		l.streams[source] = s
		l.wait.Go(func() {
			for b := range s.batches {
				if err := l.deliver(source, b); err != nil {
					l.cancel(err)
					return
				}
			}
		})
	}
	return l
}

// add takes one event. False: it cannot be delivered, and end says why.
func (l *loader) add(source string, raw []byte) bool {
	if source != mapped {
		source = ""
	}
	s := l.streams[source]
	s.next.add(source == "", place{}, raw)
	return len(s.next.places) < loadEvents || l.hand(s)
}

func (l *loader) hand(s *stream) bool {
	select {
	case s.batches <- s.next:
		s.next = &batch{}
		return true
	case <-l.ctx.Done():
		return false
	}
}

// end delivers what is left and returns when all is stored.
func (l *loader) end() error {
	for _, s := range l.streams {
		if len(s.next.places) > 0 {
			l.hand(s)
		}
		close(s.batches)
	}
	l.wait.Wait()
	defer l.cancel(nil)
	return context.Cause(l.ctx)
}

func (l *loader) deliver(source string, b *batch) error {
	d := client.Delivery{Body: b.body, Source: source, NoReceipts: true}
	if source == "" {
		d.ContentType = "application/x-ndjson"
	}
	a, err := l.client.Deliver(l.ctx, d)
	if err != nil {
		return err
	}
	if len(a.Refused) > 0 {
		return fmt.Errorf("event refused: %s", a.Refused[0].Error)
	}
	if n := a.Accepted + a.Duplicates; n != len(b.places) {
		return errors.New("the server did not answer for every event")
	}
	l.stored.Add(uint64(len(b.places)))
	return nil
}

func (l *loader) rate() uint64 {
	return uint64(float64(l.stored.Load()) / max(time.Since(l.start).Seconds(), 0.001))
}
