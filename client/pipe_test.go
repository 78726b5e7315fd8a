package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/evident/client"
)

// A store is a server that keeps lines, each delivery once by its name.
type store struct {
	mu     sync.Mutex
	names  map[string]bool
	lines  []string
	asked  int
	before func(asked int, w http.ResponseWriter) (done bool) // nil: takes everything
	after  func(asked int) (lost bool)                        // the answer
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if err != nil || s.before != nil && s.before(s.asked, w) {
		return
	}
	name := r.URL.Query().Get("delivery")
	accepted, duplicates, refused := 0, 0, []string{}
	for i, line := range strings.Split(strings.TrimSuffix(string(body), "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "bad"):
			refused = append(refused, fmt.Sprintf(`{"line":%d,"error":"it is bad"}`, i+1))
		case s.names[name]:
			duplicates++
		default:
			s.lines = append(s.lines, line)
			accepted++
		}
	}
	s.names[name] = true
	if s.after != nil && s.after(s.asked) {
		panic(http.ErrAbortHandler)
	}
	if len(refused) > 0 {
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	fmt.Fprintf(w, `{"accepted":%d,"duplicates":%d,"refused":[%s]}`, accepted, duplicates, strings.Join(refused, ","))
}

func serve(t *testing.T, s *store) *client.Client {
	t.Helper()
	s.names = map[string]bool{}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = nil
	server.Start()
	t.Cleanup(server.Close)
	return &client.Client{Server: server.URL}
}

func TestPipe(t *testing.T) {
	var s store
	c := serve(t, &s)
	var text strings.Builder
	var want []string
	for i := range 5000 {
		line := fmt.Sprint("line ", i%100) // equal ones are to stay
		want = append(want, line)
		text.WriteString(line + "\r\n\n")
	}
	report, err := c.Pipe(t.Context(), strings.NewReader(text.String()+"the last has no end"), "log/web")
	if err != nil || report.Accepted != 5001 || report.Lines != 5001 || report.RefusedLines != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if want = append(want, "the last has no end"); !slices.Equal(s.lines, want) {
		t.Errorf("%d lines, not those that were sent", len(s.lines))
	}
}

// The server cannot, then the answer is lost: it is sent again, and stored once.
func TestPipeTriesAgain(t *testing.T) {
	s := store{
		before: func(asked int, w http.ResponseWriter) bool {
			if asked > 2 {
				return false
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		},
		after: func(asked int) bool { return asked == 3 },
	}
	report, err := serve(t, &s).Pipe(t.Context(), strings.NewReader("one\ntwo\n"), "log/web")
	if err != nil || report.Duplicates != 2 || len(s.lines) != 2 || s.asked != 4 {
		t.Errorf("%+v, %v; the server has %q", report, err, s.lines)
	}
}

func TestPipeRefusals(t *testing.T) {
	var s store
	long := strings.Repeat("x", 2<<20)
	report, err := serve(t, &s).Pipe(t.Context(), strings.NewReader("one\n\nbad\n"+long+"\ntwo\n"), "app/web")
	if err != nil || report.Accepted != 2 || report.RefusedLines != 2 || report.Lines != 4 {
		t.Fatalf("%+v, %v", report, err)
	}
	if slices.SortFunc(report.Refused, func(a, b client.Refused) int { return a.Line - b.Line }); report.Refused[0].Line != 3 || report.Refused[1].Line != 4 {
		t.Errorf("%+v", report.Refused)
	}

	no := store{before: func(_ int, w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"status":403,"detail":"this key may not"}`)
		return true
	}}
	report, err = serve(t, &no).Pipe(t.Context(), strings.NewReader("one\n"), "log/web")
	if err == nil || !strings.Contains(err.Error(), "this key may not") || report.Unsent != 1 || no.asked != 1 {
		t.Errorf("%+v, %v, asked %d times", report, err, no.asked)
	}
}

// What is too large at once is sent in parts.
func TestPipeTooLarge(t *testing.T) {
	var c *client.Client
	s := &store{}
	c = serve(t, s)
	c.HTTP = &http.Client{Transport: limit{most: 10}}
	report, err := c.Pipe(t.Context(), strings.NewReader("a\nb\nc\nd\ne\nf\ng\nan even longer one\nh\n"), "log/web")
	if err != nil || report.Accepted != 8 || report.RefusedLines != 1 || report.Refused[0].Line != 8 {
		t.Errorf("%+v, %v", report, err)
	}
	if got := strings.Join(s.lines, ""); got != "abcdefgh" {
		t.Errorf("%q", got)
	}
}

// limit takes no bodies that are larger.
type limit struct{ most int64 }

func (l limit) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.ContentLength > l.most {
		return &http.Response{StatusCode: http.StatusRequestEntityTooLarge, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: r}, nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

// A program that says little is heard soon; one that is interrupted has said
// what it said; and one that says much waits while nothing can be stored.
func TestPipeLive(t *testing.T) {
	var s store
	c := serve(t, &s)
	in, out := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	type result struct {
		report client.PipeReport
		err    error
	}
	done := make(chan result, 1)
	go func() {
		report, err := c.Pipe(ctx, in, "log/web")
		done <- result{report, err}
	}()
	io.WriteString(out, "one\n")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		n := len(s.lines)
		s.mu.Unlock()
		if n == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the line is not sent")
		}
	}
	stop()
	if r := <-done; !errors.Is(r.err, context.Canceled) || r.report.Accepted != 1 || r.report.Unsent != 0 {
		t.Errorf("%+v", r)
	}

	busy := store{before: func(_ int, w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}}
	in, out = io.Pipe()
	ctx, stop = context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	written := make(chan int, 1)
	go func() {
		n := 0
		for ; n < 1000; n++ {
			if _, err := io.WriteString(out, strings.Repeat("x", 100_000)+"\n"); err != nil {
				break
			}
		}
		written <- n
	}()
	c = serve(t, &busy)
	finished := make(chan struct{})
	go func() {
		c.Pipe(ctx, in, "log/web")
		close(finished)
	}()
	<-ctx.Done()
	out.Close()
	if n := <-written; n > 100 {
		t.Errorf("%d lines of 100 kB were read while none could be sent", n)
	}
	in.Close()
	_ = finished // it has 15 seconds for what was read
}
