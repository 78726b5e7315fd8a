package intakehttp

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
	MaxBodyBytes   = 64 << 20 // after decompression
	grace          = 10 * time.Second
	bytesPerSecond = 32 << 10
	maxWindowBytes = 8 << 20 // of zstd
)

// A body is the body of one request in memory; release gives it back.
type body struct {
	bytes []byte
	taken int // from the gate
}

// bodies reads request bodies within the limits.
type bodies struct {
	gate    *gate
	buffers buffers
	gzip    sync.Pool // of *gzip.Reader
	zstd    sync.Pool // of *zstd.Decoder
}

func (s *bodies) release(b body) {
	s.gate.give(b.taken)
	if b.bytes != nil {
		s.buffers.put(b.bytes)
	}
}

// read returns the decompressed body of r. An error is a *failure. The body,
// whole or in part, is to be released in any case.
func (s *bodies) read(w http.ResponseWriter, r *http.Request) (body, error) {
	if r.ContentLength > MaxBodyBytes {
		return body{}, errTooLarge
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
			return body{}, p.explain(err)
		}
		return s.readAll(z, p)
	case "zstd":
		z, _ := s.zstd.Get().(*zstd.Decoder)
		if z == nil {
			var err error
			if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes)); err != nil {
				return body{}, fmt.Errorf("make zstd reader: %w", err)
			}
		}
		defer func() {
			z.Reset(nil) // lets go of the request
			s.zstd.Put(z)
		}()
		if err := z.Reset(p); err != nil {
			return body{}, p.explain(err)
		}
		return s.readAll(z, p)
	default:
		return body{}, &failure{http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding: found %q, expected gzip, zstd or identity", clip(encoding))}
	}
}

// readAll reads from to its end. It asks the gate for memory as bytes come,
// never for what a sender merely says will come.
func (s *bodies) readAll(from io.Reader, p *paced) (b body, err error) {
	for {
		if len(b.bytes) == cap(b.bytes) {
			if b, err = s.grow(b); err != nil {
				return b, err
			}
		}
		n, err := from.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if len(b.bytes) > MaxBodyBytes {
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
func (s *bodies) grow(b body) (body, error) {
	larger := s.buffers.get(cap(b.bytes) + 1)
	if !s.gate.take(cap(larger)) {
		s.buffers.put(larger)
		return b, errBusy
	}
	larger = append(larger, b.bytes...)
	s.release(b)
	return body{bytes: larger, taken: cap(larger)}, nil
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
		return &failure{http.StatusRequestTimeout, fmt.Sprintf("body: came too slowly; after %v at least %d bytes a second must come", grace, bytesPerSecond)}
	case p.err != nil:
		return &failure{http.StatusBadRequest, "body: broke off"}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return errTooLarge
	default:
		return &failure{http.StatusBadRequest, "body: is not what Content-Encoding says: " + clip(err.Error())}
	}
}
