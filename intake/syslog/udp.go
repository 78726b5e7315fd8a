package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	datagramBytes = 64 << 10 // the largest there is
	queueBytes    = 16 << 20 // of datagrams that wait to be stored
	systemBytes   = 8 << 20  // asked of the system for those that wait to be read
	// lastReads is for how long they are still read when the listener stops.
	lastReads = 200 * time.Millisecond
)

// ServePackets takes in the datagrams of conn until ctx ends, then stores what
// has come, closes conn and returns nil. It returns an error when conn fails.
//
// Nobody sends a datagram again: what finds no room is dropped and counted.
func (l *Listener) ServePackets(ctx context.Context, conn *net.UDPConn) error {
	defer conn.Close()
	conn.SetReadBuffer(systemBytes) // as much of it as the system allows
	countDrops(conn)
	q := &queue{ready: make(chan struct{}, 1), begun: l.begun}
	stored := make(chan struct{})
	stopping, stop := context.WithCancel(ctx)
	go func() {
		defer close(stored)
		l.drain(stopping, q)
	}()
	unblock := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now().Add(lastReads)) })
	defer unblock()
	err := l.receive(conn, q)
	q.end()
	stop()
	<-stored
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// receive reads datagrams into the queue.
func (l *Listener) receive(conn *net.UDPConn, q *queue) error {
	b, control := make([]byte, datagramBytes), make([]byte, 64)
	var dropped uint32
	for {
		n, m, _, from, err := conn.ReadMsgUDPAddrPort(b, control)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("read syslog datagram: %w", err)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			continue // an ICMP answer to nobody
		}
		if now, ok := drops(control[:m]); ok && now != dropped {
			l.counter.droppedBySystem.Add(uint64(now - dropped))
			l.warn("syslog datagrams dropped by the system: its buffer is full", "dropped", now-dropped)
			dropped = now
		}
		data := b[:n]
		for len(data) > 0 && (data[len(data)-1] == '\n' || data[len(data)-1] == 0) {
			data = data[:len(data)-1]
		}
		if len(data) == 0 {
			continue
		}
		if !q.put(from.Addr().Unmap(), data, l.cfg.MaxBytes) {
			l.counter.dropped.Add(1)
			l.warn("syslog datagrams dropped: they come faster than they can be stored", "dropped_so_far", l.counter.dropped.Load())
		}
	}
}

// drain stores what is in the queue until that has ended and is empty.
func (l *Listener) drain(ctx context.Context, q *queue) {
	var b batch
	for {
		held, more := q.takeAll()
		for len(held.items) > 0 {
			n := min(len(held.items), batchMessages)
			if !l.store(ctx, &b, held.items[:n]) {
				l.counter.lost.Add(uint64(len(held.items)))
				l.log.Error("syslog messages lost: the server stops and they cannot be stored", "messages", len(held.items), "source", l.cfg.Source)
				return
			}
			held.items = held.items[n:]
		}
		q.recycle(held)
		if !more {
			return
		}
	}
}

// store stores datagrams, trying until it is possible or ctx ends.
func (l *Listener) store(ctx context.Context, b *batch, items []datagram) bool {
	defer b.reset()
	for i := range items {
		d := &items[i]
		f := frame{data: d.data, size: d.size}
		broken := tooLong(&f)
		if broken != "" {
			l.counter.cut.Add(1)
		}
		b.add(d.data, broken)
		b.ids = append(b.ids, d.id)
	}
	for l.take(b) != nil {
		select {
		case <-time.After(takeAgain):
		case <-ctx.Done():
			return false
		}
	}
	for i := range items {
		l.sequence(items[i].from.String(), items[i].data, b.broken[i] == "")
	}
	return true
}

// A datagram is one message that waits to be stored.
type datagram struct {
	from netip.Addr
	id   string
	data []byte
	size int
}

// held is datagrams and the memory that they lie in.
type held struct {
	items []datagram
	all   []datagram // items before any was stored
	bytes []byte
}

// A queue holds datagrams, as many as there is room for.
type queue struct {
	begun int64
	ready chan struct{} // something is in the queue, or it has ended

	mu     sync.Mutex
	now    held
	spare  held
	n      uint64 // datagrams so far
	closed bool
}

// put appends a datagram, cut to max bytes; false if there is no room.
func (q *queue) put(from netip.Addr, data []byte, most int) bool {
	size := len(data)
	data = data[:min(size, most)]
	q.mu.Lock()
	const each = 128 // bytes that an item takes beside its data
	if len(q.now.bytes)+len(data)+each*len(q.now.items) > queueBytes {
		q.mu.Unlock()
		return false
	}
	q.n++
	id := append(make([]byte, 0, 80), "syslog/"...)
	id = append(from.AppendTo(id), '/')
	id = append(strconv.AppendInt(id, q.begun, 10), "/udp/"...)
	id = strconv.AppendUint(id, q.n, 10)
	at := len(q.now.bytes)
	q.now.bytes = append(q.now.bytes, data...) // an older piece of memory keeps what lies in it
	q.now.items = append(q.now.items, datagram{from, string(id), q.now.bytes[at : at+len(data) : at+len(data)], size})
	q.mu.Unlock()
	q.wake()
	return true
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) end() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake()
}

// takeAll waits for datagrams and takes all of them; more is false if none can
// come after them.
func (q *queue) takeAll() (h held, more bool) {
	for {
		q.mu.Lock()
		h, more = q.now, !q.closed
		if len(h.items) > 0 || !more {
			h.all = h.items
			q.now, q.spare = q.spare, held{}
			q.mu.Unlock()
			return h, more
		}
		q.mu.Unlock()
		<-q.ready
	}
}

// recycle takes memory back that nobody uses any more.
func (q *queue) recycle(h held) {
	clear(h.all)
	q.mu.Lock()
	defer q.mu.Unlock()
	if cap(h.bytes) <= queueBytes/4 {
		q.spare = held{items: h.all[:0], bytes: h.bytes[:0]}
	}
}
