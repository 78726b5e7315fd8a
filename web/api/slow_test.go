package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// TestABodyThatDoesNotComeIsGivenUp: a stranger who says that a body will come,
// and sends none, must not hold a connection for ever.
func TestABodyThatDoesNotComeIsGivenUp(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.makeKey(`{"read":true}`)
	s := httptest.NewUnstartedServer(r.Handler)
	s.Config.IdleTimeout = time.Second
	s.Start()
	defer s.Close()
	var wait sync.WaitGroup
	for _, path := range []string{"/v1/packs", "/v1/events", "/nowhere"} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n", path)
		c.SetReadDeadline(time.Now().Add(15 * time.Second))
		wait.Go(func() {
			if _, err := io.ReadAll(c); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
	wait.Wait()
}

// TestDeadlinesOfABody: after a body was read none is left that would end a long
// answer, and behind the answer there is one again.
func TestDeadlinesOfABody(t *testing.T) {
	r := open(t)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	req := httptest.NewRequest(http.MethodPost, "/v1/packs", &atEnd{w: w, text: `{}`})
	req.Host = "localhost"
	r.ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest || w.reading.IsZero() || len(w.all) < 3 || !w.all[len(w.all)-2].IsZero() || w.all[len(w.all)-1].IsZero() {
		t.Errorf("%d; while it was read %v, of %v", w.Code, w.reading, w.all)
	}
}

// deadlines remembers the deadlines for reading that were set.
type deadlines struct {
	*httptest.ResponseRecorder
	all     []time.Time
	reading time.Time // the one in force while the body was read
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.all = append(d.all, at)
	return nil
}

type atEnd struct {
	w    *deadlines
	text string
}

func (r *atEnd) Read(b []byte) (int, error) {
	r.w.reading = r.w.all[len(r.w.all)-1]
	n := copy(b, r.text)
	if r.text = r.text[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
