package gitlab_test

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
	"example.com/evident/source/gitlab"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, gitlab.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, gitlab.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type object = map[string]any

func mapped(t *testing.T, o object) event.Event {
	t.Helper()
	e, err := gitlab.Kind.Map(must(json.Marshal(o)), now)
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
	return e
}

// audit returns an audit event with details, and members put in the place of
// others.
func audit(details, members object) object {
	e := object{"id": 1, "author_id": 4001, "author_name": "Ana", "entity_id": 29, "entity_type": "Project", "entity_path": "acme/api", "created_at": "2026-03-01T09:00:00.123Z", "details": details}
	for name, v := range members {
		e[name] = v
	}
	return e
}

func TestEveryRowOfTheTable(t *testing.T) {
	audits, hooks := 0, 0
	for native, want := range gitlab.Kind.Actions {
		e := mapped(t, audit(nil, object{"event_type": native}))
		if audits++; e.Action != want.Action {
			audits--
			hooks++
			o := object{"event_name": native, "user_id": 1}
			if action, ok := strings.CutPrefix(native, "merge_request."); ok {
				o = object{"object_kind": "merge_request", "object_attributes": object{"action": action}}
			}
			e = mapped(t, o)
		}
		if e.Action != want.Action || e.Category != want.Category || e.NativeAction != native {
			t.Errorf("%s: %s %s %s", native, e.NativeAction, e.Action, e.Category)
		}
	}
	if audits < 30 || hooks < 15 {
		t.Errorf("%d audit events, %d hooks", audits, hooks)
	}
}

func TestNamesOfEvents(t *testing.T) {
	f := func(native, action string, category event.Category, details, members object) {
		t.Helper()
		e := mapped(t, audit(details, members))
		if e.NativeAction != native || e.Action != action || e.Category != category || event.ValidAction(e.Action) != nil {
			t.Errorf("%v %v: %s %s %s", details, members, e.NativeAction, e.Action, e.Category)
		}
	}
	f("project_archived", "repo.archive", event.Config, nil, object{"event_type": "project_archived"})
	f("project_archived", "repo.archive", event.Config, object{"event_name": "project_archived"}, object{"event_type": "audit_operation"})
	f("project_archived", "repo.archive", event.Config, object{"custom_message": "Project archived"}, nil)
	f("add_user_access", "permission.grant", event.Access, object{"add": "user_access", "as": "Developer"}, nil)
	f("add_user_access", "role.grant", event.Privileged, object{"add": "user_access", "as": "Owner"}, nil)
	f("member_destroyed", "role.revoke", event.Privileged, object{"as": "Owner"}, object{"event_type": "member_destroyed"})
	f("change_access_level", "role.revoke", event.Privileged, object{"change": "access level", "from": "Owner", "to": "Guest"}, nil)
	f("change_access_level", "permission.update", event.Access, object{"change": "access level", "from": "Guest", "to": "Developer"}, nil)
	f("authenticated_with_standard", "session.start", event.Authentication, object{"with": "standard"}, nil)
	f("failed_login", "session.start", event.Authentication, object{"failed_login": "STANDARD"}, nil)
	f("audit_operation", "gitlab.audit_operation", event.System, object{"custom_message": "Something else"}, nil)
	f("change_something", "gitlab.change_something", event.Config, object{"change": "something"}, nil)
	f("some_token_rotated", "gitlab.some_token_rotated", event.Account, nil, object{"event_type": "some_token_rotated"})
}

func TestActorsAndOutcomes(t *testing.T) {
	f := func(want event.Actor, outcome event.Outcome, details, members object) {
		t.Helper()
		e := mapped(t, audit(details, members))
		if e.Actor != want || e.Outcome != outcome {
			t.Errorf("%v %v: %+v %s", details, members, e.Actor, e.Outcome)
		}
	}
	f(event.Actor{Type: event.User, ID: "4001", Name: "Ana", Email: "ana@example.com"}, event.Success, object{"author_email": "ana@example.com"}, nil)
	f(event.Actor{Type: event.Service, ID: "DeployKey/Ana", Name: "Ana"}, event.Success, object{"author_class": "DeployKey"}, object{"author_id": -3})
	f(event.Actor{Type: event.Service, ID: "token/Ana", Name: "Ana"}, event.Success, nil, object{"author_id": -2})
	f(event.Actor{Type: event.Service, ID: "88", Name: "Ana"}, event.Success, nil, object{"author_id": 88, "event_type": "merge_request_merged_by_project_bot"})
	f(event.Actor{Type: event.Anonymous, Name: "Ana"}, event.Failure, object{"failed_login": "STANDARD"}, object{"author_id": -1})
	f(event.Actor{Type: event.User, ID: "4001", Name: "Ana"}, event.Failure, nil, object{"event_type": "login_failed_with_otp_authentication"})
	f(event.Actor{Type: event.User, ID: "4001", Name: "Ana"}, event.Failure, nil, object{"event_type": "deploy_token_creation_failed"})
	f(event.Actor{Type: event.ActorSystem, ID: "gitlab"}, event.Success, nil, object{"author_id": nil, "author_name": nil})
}

func TestWhatIsNothingOfGitLabIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := gitlab.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "neither an audit event nor a hook")
	f(`{"id":1}`, "neither an audit event nor a hook")
	f(`{"id":1,"details":{},"created_at":"yesterday"}`, `created_at is "yesterday"`)
}

func TestDeliveries(t *testing.T) {
	a, b := string(must(json.Marshal(audit(nil, nil)))), string(must(json.Marshal(audit(object{"events": []any{1}}, object{"id": 2}))))
	for name, delivery := range map[string]string{"a page": "[" + a + "," + b + "]", "lines": a + "\n" + b + "\n"} {
		var got []string
		for raw, err := range gitlab.Kind.Split(strings.NewReader(delivery)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, []string{a, b}) {
			t.Errorf("%s: %q", name, got)
		}
	}
	var bare, enveloped event.Event
	bare = mapped(t, object{"event_name": "project_create", "project_id": 1, "created_at": "2026-03-01T09:00:00Z"})
	enveloped = mapped(t, object{"event": "System Hook", "delivery": "g", "payload": object{"event_name": "project_create", "project_id": 1, "created_at": "2026-03-01T09:00:00Z"}})
	if enveloped.ID != "g" || bare.ID != "" || bare.Action != enveloped.Action || !bare.OccurredAt.Equal(enveloped.OccurredAt) {
		t.Errorf("%+v\n%+v", bare, enveloped)
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
		e, _ := gitlab.Kind.Event("gitlab/acme", func() string { return "x" }, raw, now)
		if e.Raw = nil; bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
			t.Errorf("%s: %s", file, e.AppendJSON(nil))
		}
	}
	if found < 4 {
		t.Errorf("%d fixtures with a secret", found)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return v
}

func BenchmarkMap(b *testing.B) {
	raw := must(os.ReadFile("testdata/member_added.json"))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var body []byte
	for b.Loop() {
		e, ok := gitlab.Kind.Event("gitlab/acme", nil, raw, now)
		if !ok {
			b.Fatalf("%s", e.OutcomeReason)
		}
		body = e.AppendJSON(body[:0])
	}
}
