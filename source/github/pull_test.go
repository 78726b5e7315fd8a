package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/github"
)

// hub is a GitHub with one repository, acme/api, whose history is a line.
type hub struct {
	entries     []object
	commits     []object          // oldest first
	pulls       map[string]object // by the commit that they made
	reviews     []object
	checks      []object
	activity    []object
	deployments []object
	statuses    []object
	lost        int    // commits that the branch held before and no longer does
	common      string // the last commit before those
	forgotten   string // a commit that GitHub no longer has
	requests    []string
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests = append(h.requests, r.URL.Path)
	path := strings.TrimPrefix(r.URL.Path, "/repos/acme/api")
	switch part := strings.Split(strings.Trim(path, "/"), "/"); {
	case r.URL.Path == "/orgs/acme/audit-log", r.URL.Path == "/enterprises/group/audit-log":
		h.audit(w, r)
	case path == "":
		answer(w, object{"default_branch": "main", "stargazers_count": len(h.requests)})
	case path == "/branches/main":
		answer(w, object{"commit": object{"sha": h.head()}})
	case path == "/activity":
		answer(w, h.activity)
	case path == "/commits":
		until := r.FormValue("until")
		var list []object
		for _, c := range slices.Backward(h.commits) {
			if date := c["commit"].(object)["committer"].(object)["date"].(string); until == "" || date <= until {
				list = append(list, c)
			}
		}
		paged(w, r, list)
	case part[0] == "commits" && part[len(part)-1] == "pulls":
		var list []object
		if p := h.pulls[part[1]]; p != nil {
			list = append(list, p)
		}
		paged(w, r, list)
	case part[0] == "commits" && part[len(part)-1] == "check-runs":
		answer(w, object{"total_count": len(h.checks), "check_runs": h.checks})
	case part[0] == "commits" && part[len(part)-1] == "statuses":
		paged(w, r, nil)
	case part[0] == "commits":
		answer(w, h.commits[h.index(part[1])])
	case part[0] == "compare":
		h.compare(w, r, part[1])
	case part[0] == "pulls" && len(part) == 2:
		for _, p := range h.pulls {
			if fmt.Sprint(p["number"]) == part[1] {
				p["comments"] = len(h.requests) // never the same twice
				answer(w, p)
				return
			}
		}
		http.NotFound(w, r)
	case part[0] == "pulls" && part[2] == "reviews":
		paged(w, r, h.reviews)
	case part[0] == "pulls" && part[2] == "commits":
		paged(w, r, []object{{"sha": "a", "author": object{"login": "ana", "id": 1}, "committer": object{"login": "ana", "id": 1}}})
	case path == "/deployments":
		paged(w, r, h.deployments)
	case part[0] == "deployments":
		paged(w, r, h.statuses)
	default:
		http.NotFound(w, r)
	}
}

func (h *hub) head() string { return h.commits[len(h.commits)-1]["sha"].(string) }

func (h *hub) index(sha string) int {
	return slices.IndexFunc(h.commits, func(c object) bool { return c["sha"] == sha })
}

func (h *hub) compare(w http.ResponseWriter, r *http.Request, span string) {
	base, head, _ := strings.Cut(span, "...")
	if base == h.forgotten {
		http.NotFound(w, r)
		return
	}
	if h.index(base) < 0 {
		base = h.common
	}
	list := h.commits[h.index(base)+1 : h.index(head)+1]
	page, per := number(r, "page", 1), number(r, "per_page", 100)
	from, to := min((page-1)*per, len(list)), min(page*per, len(list))
	answer(w, object{"status": "ahead", "behind_by": h.lost, "total_commits": len(list), "commits": list[from:to]})
}

// audit gives two entries a page.
func (h *hub) audit(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.FormValue("after"))
	since := strings.TrimPrefix(r.FormValue("phrase"), "created:>=")
	var list []object
	for _, e := range h.entries {
		if time.UnixMilli(int64(e["@timestamp"].(int))).UTC().Format(time.RFC3339) >= since {
			list = append(list, e)
		}
	}
	to := min(after+2, len(list))
	if to < len(list) {
		w.Header().Set("Link", fmt.Sprintf(`<http://elsewhere.example/x?after=%d>; rel="next", <http://x/>; rel="first"`, to))
	}
	answer(w, list[after:to])
}

func paged(w http.ResponseWriter, r *http.Request, list []object) {
	page, per := number(r, "page", 1), number(r, "per_page", 30)
	from, to := min((page-1)*per, len(list)), min(page*per, len(list))
	if to < len(list) {
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%d>; rel="next"`, r.Host, r.URL.Path, page+1))
	}
	answer(w, list[from:to])
}

func number(r *http.Request, name string, otherwise int) int {
	if n, err := strconv.Atoi(r.FormValue(name)); err == nil {
		return n
	}
	return otherwise
}

func answer(w http.ResponseWriter, v any) {
	if list, ok := v.([]object); ok && list == nil {
		v = []object{}
	}
	json.NewEncoder(w).Encode(v)
}

// api is the hub's as a connector sees it.
func (h *hub) api(t *testing.T, settings map[string]string) *source.API {
	server := httptest.NewServer(h)
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
	response := &source.Response{Status: answer.StatusCode, Header: answer.Header, Body: body}
	if err == nil && answer.StatusCode != http.StatusOK {
		return nil, &source.StatusError{Response: response, Request: r.URL.Path}
	}
	return response, err
}

// pull fetches until there is no more, holds that a page fetched again is the
// same, and returns the events and the cursor.
func pull(t *testing.T, api *source.API, cursor string) (events []event.Event, last string) {
	t.Helper()
	for range 50 {
		p, err := github.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		again, err := github.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil || string(again.Delivery) != string(p.Delivery) || again.Next != p.Next || again.More != p.More {
			t.Errorf("one cursor, two pages:\n%s\n%s\n%s\n%s\n%v", p.Delivery, again.Delivery, p.Next, again.Next, err)
		}
		for raw, err := range github.Kind.Split(strings.NewReader(string(p.Delivery))) {
			if err != nil {
				t.Fatal(err)
			}
			e, ok := github.Kind.Event("github/acme", nil, raw, now)
			if !ok {
				t.Fatalf("%s: %s", e.OutcomeReason, raw)
			}
			events = append(events, e)
		}
		if p.More && p.Next == cursor {
			t.Fatal("more, but no way on")
		}
		if cursor = p.Next; !p.More {
			return events, cursor
		}
	}
	t.Fatal("no end")
	return
}

// told is what events are about, in short.
func told(events []event.Event) (s []string) {
	for _, e := range events {
		s = append(s, strings.TrimSpace(e.Action+" "+e.ID+" "+e.OutcomeCode))
	}
	return s
}

func equal(t *testing.T, got []event.Event, want ...string) {
	t.Helper()
	if s := told(got); !slices.Equal(s, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(s, "\n"), strings.Join(want, "\n"))
	}
}

func commitOf(sha, parent, date string) object {
	who := object{"login": "ana", "id": 1, "type": "User", "followers": 3}
	return object{"sha": sha, "parents": []object{{"sha": parent}}, "author": who, "committer": who,
		"commit": object{"message": "change " + sha, "author": object{"name": "Ana", "date": date}, "committer": object{"name": "Ana", "date": date}}}
}

func mergeOf(number int, sha string) object {
	return object{"number": number, "title": "OPS-1: x", "user": object{"login": "ana", "id": 1}, "merged_at": "2026-03-01T09:00:00Z", "merge_commit_sha": sha,
		"merged_by": object{"login": "bo", "id": 2}, "head": object{"ref": "x", "sha": "a"}, "base": object{"ref": "main"}}
}

var begin = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func TestPullFindsEveryCommitWithOrWithoutPullRequest(t *testing.T) {
	h := &hub{
		commits: []object{commitOf("c0", "", "2026-02-01T00:00:00Z"), commitOf("c1", "c0", "2026-03-01T08:30:00Z"), commitOf("c2", "c1", "1999-01-01T00:00:00Z"), commitOf("c3", "c2", "2030-01-01T00:00:00Z")},
		pulls:   map[string]object{"c1": mergeOf(7, "c1")},
		reviews: []object{
			{"id": 80, "user": object{"login": "bo", "id": 2}, "state": "APPROVED", "commit_id": "a", "submitted_at": "2026-03-01T08:50:00Z"},
			{"id": 81, "user": object{"login": "cy", "id": 3}, "state": "APPROVED", "commit_id": "a", "submitted_at": "2026-03-01T09:10:00Z"},
		},
		checks: []object{
			{"id": 70, "name": "test", "started_at": "2026-03-01T08:40:00Z", "completed_at": "2026-03-01T08:45:00Z", "conclusion": "success"},
			{"id": 71, "name": "slow", "started_at": "2026-03-01T08:40:00Z", "completed_at": "2026-03-01T09:45:00Z", "conclusion": "failure"},
			{"id": 72, "name": "later", "started_at": "2026-03-01T09:40:00Z"},
		},
		activity: []object{{"id": 5, "activity_type": "push", "timestamp": "2026-03-01T10:00:00Z", "actor": object{"login": "dee", "id": 4}, "after": "c3", "before": "c1"},
			{"id": 4, "activity_type": "pr_merge", "timestamp": "2026-03-01T09:00:00Z", "after": "c1", "before": "c0"}, {"id": 3, "activity_type": "push", "timestamp": "2026-02-01T00:00:00Z", "after": "c0"}},
	}
	api := h.api(t, map[string]string{"org": "acme", "audit": "off", "repos": "api, acme/api"})
	events, cursor := pull(t, api, github.Kind.Pull.From(begin))
	equal(t, events, "commit.land commit/acme/api@c1 approved", "pull_request.merge pull_request/acme/api#7/merged", "pull_request_review.submit review/80 approved",
		"check_run.complete check_run/70 success", "commit.land commit/acme/api@c2 direct_push", "commit.land commit/acme/api@c3 direct_push")
	if d := string(events[0].Detail); !strings.Contains(d, `"approvals":1,"approved_by":["bo"]`) || !strings.Contains(d, `"checks_passed":1,"checks_failed":0,"checks_pending":1`) {
		t.Error(d)
	}
	for _, e := range events[4:] { // whatever date they claim
		if e.Actor.Name != "dee" || !e.OccurredAt.Equal(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v", e)
		}
	}
	if events, again := pull(t, api, cursor); len(events) > 0 || again != cursor {
		t.Errorf("nothing new, but %q, %s and then %s", told(events), cursor, again)
	}
	h.commits = append(h.commits, commitOf("c4", "c3", "2026-03-01T07:00:00Z"))
	events, cursor = pull(t, api, cursor)
	equal(t, events, "commit.land commit/acme/api@c4 direct_push")
	if e := events[0]; e.Actor.Name != "ana" || !strings.Contains(string(e.Detail), `"actor_from":"committer"`) || !strings.Contains(string(e.Detail), `"time_of":"committer"`) {
		t.Errorf("%+v %s", e, e.Detail)
	}

	h.lost, h.common = 2, "c2"
	h.commits = append(h.commits[:3], commitOf("c5", "c2", "2026-03-01T11:00:00Z"))
	events, cursor = pull(t, api, cursor)
	equal(t, events, "branch.rewrite branch/acme/api:main/c4..c5 rewritten", "commit.land commit/acme/api@c5 direct_push")

	h.lost, h.forgotten = 0, "c5"
	h.commits = append(h.commits, commitOf("c6", "c5", "2026-03-01T11:30:00Z"))
	events, _ = pull(t, api, cursor)
	if s := told(events); s[0] != "branch.rewrite branch/acme/api:main/c5..c6 rewritten" || s[len(s)-1] != "commit.land commit/acme/api@c6 direct_push" {
		t.Errorf("%q", s)
	}
}

func TestPullBeginsWhereGitHubHasForgottenHowTheBranchStood(t *testing.T) {
	h := &hub{forgotten: "gone", commits: []object{commitOf("c0", "", "2026-02-01T00:00:00Z"), commitOf("c1", "c0", "2026-03-01T11:00:00Z")},
		activity: []object{{"id": 3, "activity_type": "push", "timestamp": "2026-02-01T00:00:00Z", "after": "gone"}}}
	events, cursor := pull(t, h.api(t, map[string]string{"repos": "acme/api"}), github.Kind.Pull.From(begin))
	equal(t, events, "branch.rewrite branch/acme/api:main/gone..c1 rewritten", "commit.land commit/acme/api@c1 direct_push")
	events, _ = pull(t, h.api(t, map[string]string{"repos": "acme/api"}), cursor)
	equal(t, events)
}

func TestPullGoesThroughManyCommits(t *testing.T) {
	h := &hub{commits: []object{commitOf("c0", "", "2026-02-01T00:00:00Z")}}
	for i := range 25 {
		h.commits = append(h.commits, commitOf(fmt.Sprint("d", i), "", "2026-03-01T09:00:00Z"))
	}
	events, _ := pull(t, h.api(t, map[string]string{"repos": "acme/api"}), github.Kind.Pull.From(begin))
	if len(events) != 25 || events[24].ID != "commit/acme/api@d24" {
		t.Errorf("%q", told(events))
	}
}

func TestPullWaitsForThePullRequestOfANewCommit(t *testing.T) {
	h := &hub{commits: []object{commitOf("c0", "", "2026-02-01T00:00:00Z"), commitOf("c1", "c0", "2026-03-01T11:00:00Z"), commitOf("c2", "c1", "2026-03-01T11:59:30Z")}}
	api := h.api(t, map[string]string{"repos": "acme/api"})
	events, cursor := pull(t, api, github.Kind.Pull.From(begin))
	equal(t, events, "commit.land commit/acme/api@c1 direct_push")
	h.pulls = map[string]object{"c2": mergeOf(8, "c2")}
	events, cursor = pull(t, api, cursor)
	equal(t, events, "commit.land commit/acme/api@c2 not_approved", "pull_request.merge pull_request/acme/api#8/merged")
	h.commits = append(h.commits, commitOf("c3", "c2", "2026-03-01T11:59:40Z"))
	events, cursor = pull(t, api, cursor)
	equal(t, events)
	api.Now = func() time.Time { return now.Add(5 * time.Minute) }
	events, _ = pull(t, api, cursor)
	equal(t, events, "commit.land commit/acme/api@c3 direct_push")
}

func TestPullReadsTheAuditLogInTurn(t *testing.T) {
	h := &hub{commits: []object{commitOf("c0", "", "2026-02-01T00:00:00Z")}}
	add := func(id string, at int) {
		h.entries = append(h.entries, object{"@timestamp": at, "_document_id": id, "action": "repo.create", "actor": "ana"})
	}
	add("before", 1772351999000)
	for i := range 5 {
		add(fmt.Sprint("e", i), 1772355600000+i)
	}
	api := h.api(t, map[string]string{"org": "acme", "repos": "api"})
	events, cursor := pull(t, api, github.Kind.Pull.From(begin))
	equal(t, events, "repo.create e0", "repo.create e1", "repo.create e2", "repo.create e3", "repo.create e4")
	if events, again := pull(t, api, cursor); len(events) > 0 || again != cursor {
		t.Errorf("nothing new, but %q, %s and then %s", told(events), cursor, again)
	}
	ofGroup, _ := pull(t, h.api(t, map[string]string{"enterprise": "group"}), github.Kind.Pull.From(begin))
	equal(t, ofGroup, "repo.create e0", "repo.create e1", "repo.create e2", "repo.create e3", "repo.create e4")
	add("e5", 1772355600500)
	h.commits = append(h.commits, commitOf("c1", "c0", "2026-03-01T11:00:00Z"))
	events, _ = pull(t, api, cursor)
	if s := told(events); !slices.Contains(s, "repo.create e5") || !slices.Contains(s, "commit.land commit/acme/api@c1 direct_push") {
		t.Errorf("%q", s)
	}
}

func TestPullReadsDeploymentsAndWhatBecameOfThem(t *testing.T) {
	bot := object{"login": "x[bot]", "id": 9, "type": "Bot"}
	h := &hub{commits: []object{commitOf("c0", "", "2026-02-01T00:00:00Z")}}
	h.deployments = []object{{"id": 31, "sha": "c0", "environment": "production", "creator": bot, "created_at": "2026-03-01T10:00:00Z", "updated_at": "x"}, {"id": 30, "sha": "c0", "created_at": "2026-02-01T10:00:00Z"}}
	h.statuses = []object{{"id": 1, "state": "in_progress", "creator": bot, "created_at": "2026-03-01T10:01:00Z"}}
	api := h.api(t, map[string]string{"repos": "acme/api"})
	events, cursor := pull(t, api, github.Kind.Pull.From(begin))
	equal(t, events, "deployment.create deployment/31", "deployment.update deployment_status/1 in_progress")
	h.statuses = append(h.statuses, object{"id": 2, "state": "failure", "creator": bot, "created_at": "2026-03-01T10:09:00Z"})
	events, cursor = pull(t, api, cursor)
	equal(t, events, "deployment.update deployment_status/2 failure")
	if events[0].Outcome != event.Failure {
		t.Errorf("%s", events[0].Outcome)
	}
	if events, again := pull(t, api, cursor); len(events) > 0 || again != cursor {
		t.Errorf("nothing new, but %q", told(events))
	}
}

func TestPullSaysWhatFailed(t *testing.T) {
	h := &hub{commits: []object{commitOf("c0", "", "2026-02-01T00:00:00Z")}}
	f := func(settings map[string]string, cursor, want string) {
		t.Helper()
		if _, err := github.Kind.Pull.Page(context.Background(), h.api(t, settings), cursor); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", settings, err)
		}
	}
	from := github.Kind.Pull.From(begin)
	f(nil, from, "none of org, enterprise and repos")
	f(map[string]string{"repos": "api"}, from, `repos has "/api"`)
	f(map[string]string{"repos": "a/b/c"}, from, `repos has "a/b/c"`)
	f(map[string]string{"repos": "acme/other"}, from, "fetch commits acme/other: /repos/acme/other: 404")
	f(map[string]string{"repos": "acme/api"}, "{", "read cursor")
}
