package gitlab_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/evident/source"
	"example.com/evident/source/gitlab"
)

// lab is a GitLab whose audit events have the ids 1, 2, … and the times in at. It
// gives two a page, the newest first, and refuses windows over 30 days.
type lab struct {
	at   []time.Time
	link string // in the place of the true path
	path string // of the last request
}

func (l *lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.path = r.URL.EscapedPath()
	after, err1 := time.Parse(time.RFC3339, r.FormValue("created_after"))
	before, err2 := time.Parse(time.RFC3339, r.FormValue("created_before"))
	if err1 != nil || err2 != nil || before.Sub(after) > 30*24*time.Hour || r.FormValue("pagination") != "keyset" {
		http.Error(w, "created_after, created_before", http.StatusBadRequest)
		return
	}
	below := len(l.at) + 1
	fmt.Sscan(r.FormValue("cursor"), &below)
	page := []object{}
	for id := below - 1; id > 0 && len(page) < 2; id-- {
		if at := l.at[id-1]; !at.Before(after) && !at.After(before) {
			page, below = append(page, audit(nil, object{"id": id, "created_at": at.Format("2006-01-02T15:04:05.000Z")})), id
		}
	}
	if len(page) == 2 {
		q := r.URL.Query()
		q.Set("cursor", fmt.Sprint(below))
		path := l.link
		if path == "" {
			path = r.URL.Path
		}
		w.Header().Set("Link", "<http://elsewhere.example"+path+"?"+q.Encode()+`>; rel="next"`)
	}
	json.NewEncoder(w).Encode(page)
}

func (l *lab) api(t *testing.T, settings map[string]string) *source.API {
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	return &source.API{Base: server.URL, Settings: settings, Now: func() time.Time { return now }, Do: do}
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

// pull fetches until there is no more, and returns the ids and the cursor.
func pull(t *testing.T, api *source.API, cursor string) (ids, last string) {
	t.Helper()
	seen := map[string]bool{}
	for range 50 {
		p, err := gitlab.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		again, err := gitlab.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil || string(again.Delivery) != string(p.Delivery) || again.Next != p.Next {
			t.Error("one cursor, two pages")
		}
		for raw, err := range gitlab.Kind.Split(strings.NewReader(string(p.Delivery))) {
			if err != nil {
				t.Fatal(err)
			}
			e, err := gitlab.Kind.Map(raw, now)
			if err != nil {
				t.Fatal(err)
			}
			ids += strings.TrimPrefix(e.ID, "audit/") + " "
		}
		if p.More && seen[p.Next] {
			t.Fatal("a circle")
		}
		seen[p.Next] = true
		if cursor = p.Next; !p.More {
			return ids, cursor
		}
	}
	t.Fatal("no end")
	return
}

func TestPullGoesThroughAllWindowsAndOnFromThere(t *testing.T) {
	l := &lab{at: []time.Time{now.AddDate(0, -4, 0), now.AddDate(0, -2, 0), now.AddDate(0, -2, 1), now.AddDate(0, -2, 2), now.Add(-time.Hour), now.Add(-time.Minute)}}
	api := l.api(t, map[string]string{"group": "acme/labs"})
	ids, cursor := pull(t, api, gitlab.Kind.Pull.From(now.AddDate(0, -3, 0)))
	if ids != "4 3 2 6 5 " || l.path != "/api/v4/groups/acme%2Flabs/audit_events" {
		t.Errorf("%q %s", ids, l.path)
	}
	if ids, again := pull(t, api, cursor); ids != "" || again != cursor {
		t.Errorf("nothing new, but %q, %s and then %s", ids, cursor, again)
	}
	l.at = append(l.at, now.Add(-time.Minute), now)
	if ids, _ = pull(t, api, cursor); ids != "8 7 6 " && ids != "8 7 " {
		t.Errorf("%q", ids)
	}
}

func TestPullReadsWhatTheSettingsName(t *testing.T) {
	l := &lab{}
	for path, settings := range map[string]map[string]string{
		"/api/v4/groups/6/audit_events":            {"group": "6"},
		"/api/v4/projects/acme%2Fapi/audit_events": {"project": "acme/api"},
		"/api/v4/audit_events":                     {"instance": "true"},
	} {
		pull(t, l.api(t, settings), gitlab.Kind.Pull.From(now.Add(-time.Hour)))
		if l.path != path {
			t.Errorf("%v: %s", settings, l.path)
		}
	}
}

func TestPullSaysWhatFailed(t *testing.T) {
	f := func(l *lab, settings map[string]string, cursor, want string) {
		t.Helper()
		if _, err := gitlab.Kind.Pull.Page(context.Background(), l.api(t, settings), cursor); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", settings, err)
		}
	}
	from := gitlab.Kind.Pull.From(now.Add(-time.Hour))
	f(&lab{}, nil, from, "none of group, project and instance")
	f(&lab{}, map[string]string{"group": "6"}, "{", "read cursor")
	f(&lab{}, map[string]string{"group": "6"}, `{"since":"2026-03-01T00:00:00Z","next":"x=1"}`, "fetch audit events: status 400")
	f(&lab{at: []time.Time{now, now}, link: "/api/v4/users"}, map[string]string{"group": "6"}, from, "not one of audit events")
}
