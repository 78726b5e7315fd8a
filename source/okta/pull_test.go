package okta_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/evident/source"
	"example.com/evident/source/okta"
)

// system is an Okta with events numbered from zero, two a page.
type system struct {
	events   int
	requests []string
	link     string // in the place of the true link
}

func (s *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests = append(s.requests, r.URL.String())
	after, _ := strconv.Atoi(r.FormValue("after"))
	var page []string
	for ; after < s.events && len(page) < 2; after++ {
		page = append(page, string(logEvent(map[string]any{"uuid": fmt.Sprint(after)})))
	}
	w.Header().Add("Link", `<http://`+r.Host+r.URL.String()+`>; rel="self"`)
	next := s.link
	if next == "" {
		next = fmt.Sprintf(`http://%s/api/v1/logs?after=%d&limit=1000&sortOrder=ASCENDING`, r.Host, after)
	}
	w.Header().Add("Link", `<`+next+`>; rel="next"`)
	io.WriteString(w, "["+strings.Join(page, ",")+"]")
}

func (s *system) api(t *testing.T) *source.API {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &source.API{Base: server.URL, Now: func() time.Time { return now }, Do: do}
}

func do(r *http.Request) (*source.Response, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", answer.StatusCode)
	}
	return &source.Response{Status: answer.StatusCode, Header: answer.Header, Body: body}, err
}

// pull fetches until there is no more, and returns the ids it saw and the cursor.
func pull(t *testing.T, api *source.API, cursor string) (ids, last string) {
	t.Helper()
	for range 20 {
		p, err := okta.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for raw, err := range okta.Kind.Split(strings.NewReader(string(p.Delivery))) {
			if err != nil {
				t.Fatal(err)
			}
			e, err := okta.Kind.Map(raw, now)
			if err != nil {
				t.Fatal(err)
			}
			ids += e.ID + " "
		}
		if cursor = p.Next; !p.More {
			return ids, cursor
		}
	}
	t.Fatal("no end")
	return
}

func TestPullGoesThroughAllPagesAndOnFromThere(t *testing.T) {
	s := &system{events: 5}
	api := s.api(t)
	from := okta.Kind.Pull.From(time.Date(2026, 3, 1, 10, 0, 0, 5e6, time.FixedZone("", 3600)))
	ids, cursor := pull(t, api, from)
	if ids != "0 1 2 3 4 " {
		t.Errorf("%q", ids)
	}
	if first := s.requests[0]; first != "/api/v1/logs?limit=1000&since=2026-03-01T09%3A00%3A00.005Z&sortOrder=ASCENDING" {
		t.Error(first)
	}
	if ids, again := pull(t, api, cursor); ids != "" || again != cursor {
		t.Errorf("nothing new, but %q, %q", ids, again)
	}
	s.events = 7
	if ids, _ := pull(t, api, cursor); ids != "5 6 " {
		t.Errorf("%q", ids)
	}
	a, _ := okta.Kind.Pull.Page(context.Background(), api, from)
	b, _ := okta.Kind.Pull.Page(context.Background(), api, from)
	if string(a.Delivery) != string(b.Delivery) || a.Next != b.Next || len(a.Delivery) == 0 {
		t.Error("one cursor, two pages")
	}
}

func TestPullFollowsNoLinkElsewhere(t *testing.T) {
	s := &system{events: 1, link: "http://elsewhere.example/api/v1/logs?after=1"}
	api := s.api(t)
	if _, cursor := pull(t, api, "after=0"); cursor != "after=1" || len(s.requests) != 2 {
		t.Errorf("%q, %q", cursor, s.requests)
	}
	s.link = "http://elsewhere.example/api/v1/users?after=1"
	if _, err := okta.Kind.Pull.Page(context.Background(), api, "after=0"); err == nil {
		t.Error("a link to another collection")
	}
}

func TestPullSaysWhatFailed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := okta.Kind.Pull.Page(context.Background(), &source.API{Base: server.URL, Do: do}, "after=0")
	if err == nil || !strings.Contains(err.Error(), "fetch logs: status 404") {
		t.Error(err)
	}
}
