package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

const headerRequestID = "X-Request-Id"

// requestIDs numbers requests, behind a part that differs between runs.
type requestIDs struct {
	run  string
	last atomic.Uint64
}

func newRequestIDs() *requestIDs { return &requestIDs{run: rand.Text()[:6] + "-"} }

func (i *requestIDs) next() string { return i.run + strconv.FormatUint(i.last.Add(1), 36) }

// writeGrace is what an answer may take to be received after the handler's time.
const writeGrace = 30 * time.Second

// What a body may take to come: one of an act that is read, and the rest of one
// that nobody read, for which package http waits without end before it answers.
const (
	actGrace  = 30 * time.Second
	restGrace = 5 * time.Second
)

// fixed headers, shared by all answers; handlers that know better replace them.
var (
	noSniff  = []string{"nosniff"}
	noStore  = []string{"no-store"}
	noSource = []string{"default-src 'none'; frame-ancestors 'none'"}
	noRefer  = []string{"no-referrer"}
	hsts     = []string{"max-age=31536000"}
)

// wrap gives every route what all have: an id, a deadline, headers that keep
// browsers from guessing, a count, and an answer after a panic. timeout 0 is
// none, for handlers that set their own.
func (a *API) wrap(next http.Handler, timeout time.Duration, route string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		h := w.Header()
		h[headerRequestID] = []string{a.ids.next()}
		h["X-Content-Type-Options"], h["Cache-Control"] = noSniff, noStore
		h["Content-Security-Policy"], h["Referrer-Policy"] = noSource, noRefer
		if r.TLS != nil {
			h["Strict-Transport-Security"] = hsts
		}
		s := &statusWriter{ResponseWriter: w}
		if timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			r = r.WithContext(ctx)
			http.NewResponseController(w).SetWriteDeadline(begun.Add(timeout + writeGrace))
		}
		if r.Body != nil && r.Body != http.NoBody {
			http.NewResponseController(w).SetReadDeadline(begun.Add(timeout + writeGrace))
			defer func() { http.NewResponseController(w).SetReadDeadline(time.Now().Add(restGrace)) }()
		}
		defer func() {
			if v := recover(); v != nil {
				a.panicked(s, r, v)
			}
			a.metrics.answered(route, r.Method, s.code, time.Since(begun))
		}()
		if err := a.origin.Check(r); err != nil {
			a.fail(s, r, refuse(http.StatusForbidden, "origin: a page of another site may not do this"))
			return
		}
		next.ServeHTTP(s, r)
	})
}

// panicked answers for a bug. An answer that has begun is cut, so that nobody
// takes half of it for the whole.
func (a *API) panicked(s *statusWriter, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	a.log.ErrorContext(r.Context(), "handler panicked", "request_id", s.Header().Get(headerRequestID), "route", r.Pattern,
		"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if s.code != 0 {
		panic(http.ErrAbortHandler)
	}
	a.fail(s, r, fmt.Errorf("panic: %v", v))
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (s *statusWriter) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *statusWriter) Write(b []byte) (int, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
