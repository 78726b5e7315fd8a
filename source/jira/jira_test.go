package jira_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/jira"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, jira.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, jira.Kind, "testdata") }

func entry(id, created, items string) string {
	return fmt.Sprintf(`{"id":%q,"author":{"accountId":"a"},"created":%q,"items":[%s]}`, id, created, items)
}

func TestEveryRowOfTheTable(t *testing.T) {
	for native, want := range jira.Kind.Actions {
		raw := fmt.Sprintf(`{"timestamp":1772357400250,"webhookEvent":%q}`, native)
		if strings.HasPrefix(native, "changelog") {
			item := map[string]string{
				"changelog": `{"field":"x"}`, "changelog:status": `{"field":"status","toString":"Done"}`, "changelog:assignee": `{"field":"assignee"}`,
				"changelog:status approved": `{"field":"status","toString":"Approved"}`, "changelog:status rejected": `{"field":"status","toString":"Declined"}`,
			}[native]
			raw = `{"issue":{"id":"1","key":"A-1"},"history":` + entry("1", "2026-03-01T09:00:00.000+0000", item) + `}`
		}
		e, err := jira.Kind.Map([]byte(raw), time.Time{})
		if err != nil || e.Action != want.Action || e.Category != want.Category || e.NativeAction != native {
			t.Errorf("%s: %+v, %v", native, e, err)
		}
	}
}

func TestStatusesOfApproval(t *testing.T) {
	for to, want := range map[string]string{
		"Approved": "issue.approve", "CAB approved": "issue.approve", "AUTHORISED": "issue.approve", "Not approved": "issue.transition", "To be approved": "issue.transition",
		"Waiting for approval": "issue.transition", "Unapproved": "issue.transition", "Rejected": "issue.reject", "Declined by CAB": "issue.reject", "Done": "issue.transition", "": "issue.transition",
	} {
		raw := `{"issue":{"key":"A-1"},"history":` + entry("1", "2026-03-01T09:00:00.000+0000", fmt.Sprintf(`{"field":"status","toString":%q}`, to)) + `}`
		if e, err := jira.Kind.Map([]byte(raw), time.Time{}); err != nil || e.Action != want {
			t.Errorf("%s: %s, %v", to, e.Action, err)
		}
	}
}

func issue(key, created, updated string, entries ...string) string {
	return fmt.Sprintf(`{"id":"1%s","key":%q,"fields":{"created":%q,"updated":%q,"creator":{"accountId":"c"},"summary":"changes"},"changelog":{"startAt":0,"total":%d,"histories":[%s]}}`,
		key, key, created, updated, len(entries), strings.Join(entries, ","))
}

func TestIssuesAreCut(t *testing.T) {
	h := entry("7", "2026-03-01T09:00:00.000+0000", "")
	hook := `{"timestamp":1,"webhookEvent":"jira:issue_created","issue":{"key":"A-1","fields":{}}}`
	f := func(delivery string, want ...string) {
		t.Helper()
		var got []string
		for raw, err := range jira.Kind.Split(strings.NewReader(delivery)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	}
	created := `{"issue":{"id":"1A-1","key":"A-1","created":"2026-03-01T08:00:00.000+0000","creator":{"accountId":"c"}}}`
	changed := `{"issue":{"id":"1A-1","key":"A-1"},"history":` + h + `}`
	one := issue("A-1", "2026-03-01T08:00:00.000+0000", "2026-03-01T09:00:00.000+0000", h)
	f(`{"issues":[`+one+`],"isLast":true}`, created, changed)
	f(one, created, changed)
	f(created+"\n"+changed, created, changed)
	f(hook, hook)
	f(`{"broken`, `{"broken`)
}

// server answers searches with pages, and changelogs with log.
type server struct {
	*httptest.Server
	pages map[string]string // by token
	log   string
	asked []string
}

func serve(t *testing.T, s *server) *source.API {
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked = append(s.asked, r.URL.Path+" "+r.URL.Query().Get("jql")+" "+r.URL.Query().Get("nextPageToken"))
		if strings.HasSuffix(r.URL.Path, "/changelog") {
			fmt.Fprint(w, s.log)
			return
		}
		fmt.Fprint(w, s.pages[r.URL.Query().Get("nextPageToken")])
	}))
	t.Cleanup(s.Close)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &source.API{Base: s.URL, Settings: map[string]string{"jql": "project = CHG"}, Now: func() time.Time { return now }, Do: func(r *http.Request) (*source.Response, error) {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		_, err = b.ReadFrom(resp.Body)
		return &source.Response{Status: resp.StatusCode, Header: resp.Header, Body: b.Bytes()}, err
	}}
}

func ids(t *testing.T, p source.Page) (ids []string) {
	for raw, err := range jira.Kind.Split(bytes.NewReader(p.Delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		e, mapped := jira.Kind.Event("jira/x", nil, raw, time.Time{})
		if !mapped {
			t.Fatalf("%+v", e)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func TestPagesToTheEnd(t *testing.T) {
	old, fresh := entry("1", "2026-02-01T09:00:00.000+0000", ""), entry("2", "2026-03-01T11:30:00.000+0000", "")
	s := &server{pages: map[string]string{
		"":   `{"issues":[` + issue("A-1", "2026-01-01T00:00:00.000+0000", "2026-03-01T11:30:00.000+0000", old, fresh) + `],"nextPageToken":"t2"}`,
		"t2": `{"issues":[` + issue("A-2", "2026-03-01T11:40:00.000+0000", "2026-03-01T12:40:30.000+0100") + `],"isLast":true}`,
	}}
	api := serve(t, s)
	p1, err := jira.Kind.Pull.Page(t.Context(), api, jira.Kind.Pull.From(time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)))
	if err != nil || !p1.More || !slices.Equal(ids(t, p1), []string{"history/A-1/2"}) {
		t.Fatalf("%+v, %v", p1, err)
	}
	p2, err := jira.Kind.Pull.Page(t.Context(), api, p1.Next)
	if err != nil || p2.More || !slices.Equal(ids(t, p2), []string{"issue/A-2/created"}) {
		t.Fatalf("%+v, %v", p2, err)
	}
	want := `(project = CHG) AND updated >= "-62m" ORDER BY updated ASC`
	if !slices.Equal(s.asked, []string{"/rest/api/3/search/jql " + want + " ", "/rest/api/3/search/jql " + want + " t2"}) {
		t.Errorf("asked %q", s.asked)
	}
	var next struct{ Since time.Time }
	if err := json.Unmarshal([]byte(p2.Next), &next); err != nil || !next.Since.Equal(time.Date(2026, 3, 1, 11, 40, 30, 0, time.UTC)) {
		t.Errorf("%s", p2.Next)
	}
	s.pages[""] = `{"issues":[],"isLast":true}`
	if p3, err := jira.Kind.Pull.Page(t.Context(), api, p2.Next); err != nil || p3.More || len(p3.Delivery) != 0 || p3.Next != p2.Next {
		t.Errorf("%+v, %v", p3, err)
	}
}

func TestLongChangelogsAreFetchedWhole(t *testing.T) {
	one := issue("A-1", "2026-03-01T11:10:00.000+0000", "2026-03-01T11:30:00.000+0000", entry("2", "2026-03-01T11:30:00.000+0000", ""))
	s := &server{
		pages: map[string]string{"": `{"issues":[` + strings.Replace(one, `"total":1`, `"total":2`, 1) + `],"isLast":true}`},
		log:   `{"values":[` + entry("1", "2026-03-01T11:20:00.000+0000", "") + `,` + entry("2", "2026-03-01T11:30:00.000+0000", "") + `],"isLast":true}`,
	}
	p, err := jira.Kind.Pull.Page(t.Context(), serve(t, s), jira.Kind.Pull.From(time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)))
	if err != nil || !slices.Equal(ids(t, p), []string{"issue/A-1/created", "history/A-1/2", "history/A-1/1", "history/A-1/2"}) {
		t.Errorf("%q, %v", ids(t, p), err)
	}
}

func TestHalfAnAnswerIsAnError(t *testing.T) {
	s := &server{pages: map[string]string{"": `{"issues":[{"id":`}}
	if _, err := jira.Kind.Pull.Page(t.Context(), serve(t, s), jira.Kind.Pull.From(time.Time{})); err == nil {
		t.Error("no error")
	}
	if _, err := jira.Kind.Pull.Page(t.Context(), serve(t, s), "x"); err == nil {
		t.Error("a cursor that is none")
	}
}

func TestWhatIsNotOfJiraIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := jira.Kind.Map([]byte(raw), time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f("{", "not JSON")
	f("{}", "not of Jira")
	f(`{"webhookEvent":"x"}`, "timestamp")
	f(`{"issue":{"key":"A-1"}}`, "created")
	f(`{"issue":{"key":"A-1"},"history":{}}`, "created")
}

func TestActors(t *testing.T) {
	f := func(author string, want event.Actor) {
		t.Helper()
		raw := `{"issue":{"key":"A-1"},"history":{"id":"1","created":"2026-03-01T09:00:00.000+0000","author":` + author + `}}`
		if e, err := jira.Kind.Map([]byte(raw), time.Time{}); err != nil || e.Actor != want {
			t.Errorf("%s: %+v, %v", author, e.Actor, err)
		}
	}
	f(`{"accountId":"1","displayName":"A","emailAddress":"a@example.com"}`, event.Actor{Type: event.User, ID: "1", Name: "A", Email: "a@example.com"})
	f(`{"name":"ana"}`, event.Actor{Type: event.User, ID: "ana"})
	f(`{"accountId":"1","accountType":"app"}`, event.Actor{Type: event.Service, ID: "1"})
	f(`null`, event.Actor{Type: event.ActorSystem, ID: "jira"})
}
