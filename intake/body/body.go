// Package body reads the bodies of requests into memory: whole, decompressed,
// and within bounds. One Reader serves all ways in over HTTP, so that the memory
// which senders can make the server use has one bound, however they come. What a
// body means is not its concern.
package body

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Limits of a body. One that comes more slowly than bytesPerSecond on average,
// after a grace, is given up: it holds memory that others could use.
const (
	MaxBytes       = 64 << 20 // after decompression
	grace          = 10 * time.Second
	bytesPerSecond = 32 << 10
	maxWindowBytes = 8 << 20 // of zstd
)

// A Body is the body of one request in memory, until it is released.
type Body struct {
	Bytes []byte
	taken int // from the gate
}

// A Reader reads the bodies of requests. Its methods may be called concurrently.
type Reader struct {
	gate    *gate
	buffers buffers
	gzip    sync.Pool // of *gzip.Reader
	zstd    sync.Pool // of *zstd.Decoder
}

// New returns a Reader that has at most bytes of memory for bodies that are being
// read or stored; 192 MiB if zero.
func New(bytes int64) *Reader {
	if bytes == 0 {
		bytes = 192 << 20
	}
	return &Reader{gate: newGate(bytes)}
}

// Release gives the memory of b back; nobody may look at its bytes any more.
func (s *Reader) Release(b Body) {
	s.gate.give(b.taken)
	if b.Bytes != nil {
		s.buffers.put(b.Bytes)
	}
}

// Read returns the decompressed body of r. An error is a *Failure, after which the
// connection should be closed: the rest of the body is not waited for. The body,
// whole or in part, is to be released in any case.
func (s *Reader) Read(w http.ResponseWriter, r *http.Request) (Body, error) {
	if r.ContentLength > MaxBytes {
		return Body{}, errTooLarge
	}
	p := &paced{from: r.Body, conn: http.NewResponseController(w), begun: time.Now()}
	defer p.done()
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return s.readAll(p, p)
	case "gzip", "x-gzip":
		z, _ := s.gzip.Get().(*gzip.Reader)
		if z == nil {
			z = &gzip.Reader{}
		}
		defer s.gzip.Put(z)
		if err := z.Reset(p); err != nil {
			return Body{}, p.explain(err)
		}
		return s.readAll(z, p)
	case "zstd":
		z, _ := s.zstd.Get().(*zstd.Decoder)
		if z == nil {
			var err error
			if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes)); err != nil {
				return Body{}, fmt.Errorf("make zstd reader: %w", err)
			}
		}
		defer func() {
			z.Reset(nil) // lets go of the request
			s.zstd.Put(z)
		}()
		if err := z.Reset(p); err != nil {
			return Body{}, p.explain(err)
		}
		return s.readAll(z, p)
	default:
		return Body{}, &Failure{http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding: found %q, expected gzip, zstd or identity", clip(encoding))}
	}
}

// readAll reads from to its end. It asks the gate for memory as bytes come,
// never for what a sender merely says will come.
func (s *Reader) readAll(from io.Reader, p *paced) (b Body, err error) {
	for {
		if len(b.Bytes) == cap(b.Bytes) {
			if b, err = s.grow(b); err != nil {
				return b, err
			}
		}
		n, err := from.Read(b.Bytes[len(b.Bytes):cap(b.Bytes)])
		b.Bytes = b.Bytes[:len(b.Bytes)+n]
		if len(b.Bytes) > MaxBytes {
			return b, errTooLarge
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, p.explain(err)
		}
	}
}

// grow moves b to the next larger buffer.
func (s *Reader) grow(b Body) (Body, error) {
	larger := s.buffers.get(cap(b.Bytes) + 1)
	if !s.gate.take(cap(larger)) {
		s.buffers.put(larger)
		return b, errBusy
	}
	larger = append(larger, b.Bytes...)
	s.Release(b)
	return Body{Bytes: larger, taken: cap(larger)}, nil
}

// paced is a request's body that must keep coming.
type paced struct {
	from  io.Reader
	conn  *http.ResponseController
	begun time.Time
	read  int64
	until time.Time // the deadline that is set
	err   error     // of the request, not of what decompresses it
}

func (p *paced) Read(b []byte) (int, error) {
	due := p.begun.Add(grace + time.Duration(p.read/bytesPerSecond)*time.Second)
	if due != p.until {
		p.until = due
		p.conn.SetReadDeadline(due) // where there is no connection there is no deadline
	}
	n, err := p.from.Read(b)
	p.read += int64(n)
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}

// done takes the deadline off the connection, which lives on.
func (p *paced) done() { p.conn.SetReadDeadline(time.Time{}) }

// explain turns what went wrong while a body was read into an answer.
func (p *paced) explain(err error) error {
	var tooLarge *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(p.err, &tooLarge):
		return errTooLarge
	case errors.Is(p.err, os.ErrDeadlineExceeded), errors.As(p.err, &timeout) && timeout.Timeout():
		return &Failure{http.StatusRequestTimeout, fmt.Sprintf("body: came too slowly; after %v at least %d bytes a second must come", grace, bytesPerSecond)}
	case p.err != nil:
		return &Failure{http.StatusBadRequest, "body: broke off"}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return errTooLarge
	default:
		return &Failure{http.StatusBadRequest, "body: is not what Content-Encoding says: " + clip(err.Error())}
	}
}
