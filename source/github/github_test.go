package github_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source/github"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, github.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, github.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type object = map[string]any

func mapped(t *testing.T, o object) event.Event {
	t.Helper()
	e, err := github.Kind.Map(must(json.Marshal(o)), now)
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
	return e
}

// entry returns an audit log entry with members put in the place of others.
func entry(members object) object {
	e := object{"@timestamp": 1772355600123, "_document_id": "d1", "action": "repo.create", "actor": "ana-ruiz", "actor_id": 4001, "org": "acme", "repo": "acme/api"}
	for name, v := range members {
		e[name] = v
	}
	return e
}

func TestEveryRowOfTheTable(t *testing.T) {
	entries, hooks := 0, 0
	for native, want := range github.Kind.Actions {
		if native == "commit" || native == "branch" {
			continue // see TestOnlyValidApprovalsCount and the fixtures
		}
		e := mapped(t, entry(object{"action": native}))
		if e.Action == want.Action {
			entries++
		} else {
			name, action, _ := strings.Cut(native, ".")
			payload := object{"sender": object{"login": "ana", "id": 1}}
			if action != "" {
				payload["action"] = action
			}
			e = mapped(t, object{"event": name, "delivery": "g", "payload": payload})
			hooks++
		}
		if e.Action != want.Action || e.Category != want.Category || e.NativeAction != native {
			t.Errorf("%s: %s %s %s", native, e.NativeAction, e.Action, e.Category)
		}
	}
	if entries < 60 || hooks < 15 {
		t.Errorf("%d actions of the audit log, %d webhooks", entries, hooks)
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(native, action string, category event.Category) {
		t.Helper()
		e := mapped(t, entry(object{"action": native}))
		if e.Action != action || e.Category != category || event.ValidAction(e.Action) != nil {
			t.Errorf("%s: %s %s", native, e.Action, e.Category)
		}
	}
	f("repo.something_new", "github.repo_something_new", event.Config)
	f("team.something", "github.team_something", event.Access)
	f("user.two_factor_other", "github.user_two_factor_other", event.Authentication)
	f("workflows.other", "github.workflows_other", event.Change)
	f("ip_allow_list_entry.other", "github.ip_allow_list_entry_other", event.Network)
	f("日本.x", "github.x", event.System)
	hook := mapped(t, object{"event": "code_scanning_alert", "delivery": "g", "payload": object{"action": "appeared_in_branch", "sender": object{"login": "a"}}})
	if hook.Action != "github.code_scanning_alert_appeared_in_branch" || hook.Category != event.Config {
		t.Errorf("%s %s", hook.Action, hook.Category)
	}
}

func TestOutcomesOfEntries(t *testing.T) {
	f := func(want event.Outcome, members object) {
		t.Helper()
		if e := mapped(t, entry(members)); e.Outcome != want {
			t.Errorf("%v: %s", members, e.Outcome)
		}
	}
	f(event.Success, nil)
	f(event.Denied, object{"action": "protected_branch.rejected_ref_update"})
	f(event.Failure, object{"action": "user.failed_login"})
	f(event.Failure, object{"action": "user.two_factor_challenge_failure"})
	f(event.Success, object{"action": "org.oauth_app_access_denied"}) // the denial was done
	for conclusion, want := range map[string]event.Outcome{"success": event.Success, "failure": event.Failure, "cancelled": event.Failure, "timed_out": event.Failure, "skipped": event.Unknown, "": event.Unknown} {
		f(want, object{"action": "workflows.completed_workflow_run", "conclusion": conclusion})
	}
	for code, want := range map[int]event.Outcome{200: event.Success, 204: event.Success, 302: event.Success, 401: event.Failure, 403: event.Denied, 404: event.Failure, 500: event.Failure} {
		f(want, object{"action": "api.request", "status_code": code})
	}
}

func TestTimesOfEntries(t *testing.T) {
	want := time.Date(2026, 3, 1, 9, 0, 0, 123e6, time.UTC)
	for _, v := range []any{1772355600123, 1772355600123.0, "1772355600123", "2026-03-01T09:00:00.123Z", "2026-03-01 09:00:00.123", 1772355600.123} {
		for _, name := range []string{"@timestamp", "created_at", "at_sign_timestamp"} {
			e := entry(object{"@timestamp": nil, name: v})
			if got := mapped(t, e).OccurredAt; !got.Equal(want) {
				t.Errorf("%s %v: %v", name, v, got)
			}
		}
	}
	if _, err := github.Kind.Map(must(json.Marshal(entry(object{"@timestamp": -1}))), now); err == nil || !strings.Contains(err.Error(), `its time is "-1"`) {
		t.Error(err)
	}
}

func TestActors(t *testing.T) {
	f := func(want event.Actor, members object) {
		t.Helper()
		if e := mapped(t, entry(members)); e.Actor != want {
			t.Errorf("%v: %+v", members, e.Actor)
		}
	}
	f(event.Actor{Type: event.User, ID: "4001", Name: "ana-ruiz"}, nil)
	f(event.Actor{Type: event.User, ID: "ana-ruiz", Name: "ana-ruiz"}, object{"actor_id": nil})
	f(event.Actor{Type: event.User, ID: "4001", Name: "ana-ruiz", Email: "ana@example.com"}, object{"external_identity_nameid": "ana@example.com"})
	f(event.Actor{Type: event.Service, ID: "4001", Name: "x[bot]"}, object{"actor": "x[bot]"})
	f(event.Actor{Type: event.Service, ID: "4001", Name: "ana-ruiz"}, object{"actor_is_bot": true})
	f(event.Actor{Type: event.Service, ID: "4001", Name: "ana-ruiz"}, object{"programmatic_access_type": "GitHub App server-to-server token"})
	f(event.Actor{Type: event.User, ID: "4001", Name: "ana-ruiz"}, object{"programmatic_access_type": "Personal access token (classic)"})
	f(event.Actor{Type: event.ActorSystem, ID: "github"}, object{"actor": nil, "actor_id": nil})
	f(event.Actor{Type: event.User, ID: "9", Name: "bo"}, object{"actor": "", "actor_id": nil, "user": "bo", "user_id": 9, "action": "user.failed_login"})
}

func TestTickets(t *testing.T) {
	f := func(title, branch, want string) {
		t.Helper()
		e := mapped(t, object{"type": "pull_request", "repository": "acme/api", "pull_request": object{"number": 1, "title": title, "head": object{"ref": branch}, "merged_at": "2026-03-01T09:00:00Z"}})
		if e.Why.Ticket != want || e.Why.Change != "acme/api#1" {
			t.Errorf("%q %q: %+v", title, branch, e.Why)
		}
	}
	f("OPS-12: rotate keys", "x", "OPS-12")
	f("[OPS-12] rotate", "", "OPS-12")
	f("rotate (OPS-12)", "", "OPS-12")
	f("rotate keys", "feature/OPS-12-rotate", "OPS-12")
	f("OPS-12", "PAY-3-x", "OPS-12")
	f("use UTF-8 and SHA-256 for ABC2-7", "", "ABC2-7")
	f("fix CVE-2024-1234", "", "")
	f("xOPS-12 OPS-0 OPS-12a ops-12", "", "")
	f("", "", "")
}

func TestWhatIsNothingOfGitHubIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := github.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "neither an entry")
	f(`{"action":"repo.create"}`, "neither an entry")
	f(`{"sender":{"login":"x"},"zen":"x"}`, "neither an entry")
	f(`{"type":"star","repository":"a/b"}`, `its type is "star"`)
	f(`{"type":"commit","repository":"a/b"}`, "sha is missing")
	f(`{"type":"review","repository":"a/b","review":{}}`, "not a review of GitHub")
}

func TestABarePayloadIsToldByItsShape(t *testing.T) {
	for _, file := range must(filepath.Glob("testdata/hook_*.json")) {
		if strings.HasSuffix(file, ".event.json") || strings.Contains(file, "bare") || strings.Contains(file, "unknown") {
			continue
		}
		var o struct {
			Event   string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(must(os.ReadFile(file)), &o); err != nil {
			t.Fatal(err)
		}
		enveloped, err1 := github.Kind.Map(must(os.ReadFile(file)), now)
		bare, err2 := github.Kind.Map(o.Payload, now)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %v, %v", file, err1, err2)
		}
		enveloped.ID, enveloped.Raw, bare.Raw = "", nil, nil
		if a, b := enveloped.AppendJSON(nil), bare.AppendJSON(nil); !bytes.Equal(a, b) {
			t.Errorf("%s:\n%s\n%s", file, a, b)
		}
	}
}

// TestSecretsAreNotCopied holds that what is secret is in raw only.
func TestSecretsAreNotCopied(t *testing.T) {
	found := 0
	for _, file := range must(filepath.Glob("testdata/*.json")) {
		raw := must(os.ReadFile(file))
		if strings.HasSuffix(file, ".event.json") || !bytes.Contains(raw, []byte("SECRET")) {
			continue
		}
		found++
		e, _ := github.Kind.Event("github/acme", func() string { return "x" }, raw, now)
		if e.Raw = nil; bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
			t.Errorf("%s: %s", file, e.AppendJSON(nil))
		}
	}
	if found < 4 {
		t.Errorf("%d fixtures with a secret", found)
	}
}

// real returns the raws of files that are not part of this repository.
func real(t *testing.T, pattern string) (raws [][]byte) {
	files, _ := filepath.Glob("../../../shared/data/open/" + pattern)
	if len(files) == 0 {
		t.Skipf("SKIPPED: no files %s, so nothing real was mapped", pattern)
	}
	for _, file := range files {
		for raw, err := range github.Kind.Split(bytes.NewReader(must(os.ReadFile(file)))) {
			if err != nil {
				t.Fatal(err)
			}
			raws = append(raws, raw)
		}
	}
	return raws
}

func TestRealEntries(t *testing.T) {
	actions, outcomes := map[string]int{}, map[event.Outcome]int{}
	for _, raw := range real(t, "github_audit/audit_events.ndjson") {
		e, ok := github.Kind.Event("github/acme", func() string { return "none" }, raw, now)
		if !ok || e.Actor.ID == "" || e.Actor.Type != event.User || e.OccurredAt.Year() < 2021 || e.OccurredAt.Year() > 2023 || len(e.Targets) == 0 || e.Where.Account == "" {
			t.Errorf("%s\n%+v", raw, e)
		}
		sourcetest.Check(t, github.Kind, raw)
		actions[e.Action]++
		outcomes[e.Outcome]++
	}
	// Counted in the file by hand.
	want := map[string]int{"protected_branch.delete": 2, "protected_branch.update": 2, "protected_branch.policy_override": 1, "workflow.complete": 2, "detector.disable": 8, "detector.enable": 1,
		"github.enterprise_config_disable_anonymous_git_access": 1, "permission.grant": 1, "permission.revoke": 1, "repo.enable": 1}
	if fmt.Sprint(actions) != fmt.Sprint(want) || outcomes[event.Failure] != 2 || outcomes[event.Success] != 18 {
		t.Errorf("%v %v", actions, outcomes)
	}
}

func TestRealWebhooks(t *testing.T) {
	var got []string
	for _, raw := range real(t, "github_pr/*.json") {
		e, ok := github.Kind.Event("github/acme", func() string { return "none" }, raw, now)
		if !ok || e.Actor != (event.Actor{Type: event.User, ID: "21031067", Name: "Codertocat"}) || e.Targets[0].ID != "Codertocat/Hello-World#2" || e.Why.Change != "Codertocat/Hello-World#2" {
			t.Errorf("%+v", e)
		}
		sourcetest.Check(t, github.Kind, raw)
		got = append(got, e.Action+" "+e.OutcomeCode+" "+e.OccurredAt.Format("15:04:05"))
	}
	slices.Sort(got)
	want := []string{"pull_request.close  15:21:18", "pull_request.create  15:20:33", "pull_request_review.dismiss dismissed 15:20:38", "pull_request_review.submit commented 15:20:38"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return v
}

func BenchmarkMap(b *testing.B) {
	for _, name := range []string{"repo_create", "hook_pull_request_opened", "commit_approved"} {
		b.Run(name, func(b *testing.B) {
			raw := must(os.ReadFile("testdata/" + name + ".json"))
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			var body []byte
			for b.Loop() {
				e, ok := github.Kind.Event("github/acme", nil, raw, now)
				if !ok {
					b.Fatalf("%s", e.OutcomeReason)
				}
				body = e.AppendJSON(body[:0])
			}
		})
	}
}
