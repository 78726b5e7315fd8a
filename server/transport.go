package server

import (
	"io"
	"net/http"
	"sync"

	"example.com/evident/web/api"
)

// Transport returns a way to the server's handlers inside this process, for
// whoever holds the data directory: no network, no key, the same answers.
func (s *Server) Transport() http.RoundTripper { return &transport{s} }

type transport struct{ server *Server }

// RoundTrip answers from another goroutine, so that a large answer is read
// while it is written and never held whole.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := api.WithOwner(req.Context(), t.server.cfg.Owner)
	body, write := io.Pipe()
	w := &answer{head: make(chan struct{}), header: http.Header{}, write: write}
	in := req.Clone(ctx)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI, in.Host = req.URL.RequestURI(), "localhost"
	go func() {
		defer func() {
			if v := recover(); v != nil { // as a broken connection would
				write.CloseWithError(io.ErrUnexpectedEOF)
			}
			w.WriteHeader(http.StatusOK)
			write.Close()
			in.Body.Close()
		}()
		t.server.handler.ServeHTTP(w, in)
	}()
	select {
	case <-w.head:
	case <-ctx.Done():
		body.CloseWithError(ctx.Err())
		return nil, ctx.Err()
	}
	return &http.Response{
		StatusCode: w.code, Status: http.StatusText(w.code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: -1, Request: req,
	}, nil
}

// answer is the ResponseWriter of one exchange.
type answer struct {
	once   sync.Once
	head   chan struct{} // closed when code and sent are set
	header http.Header
	code   int
	sent   http.Header
	write  *io.PipeWriter
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) {
	a.once.Do(func() {
		a.code, a.sent = code, a.header.Clone()
		close(a.head)
	})
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.write.Write(b)
}
