package okta_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source/okta"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, okta.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, okta.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// logEvent returns a LogEvent with members put in the place of others.
func logEvent(members map[string]any) []byte {
	e := map[string]any{
		"uuid": "u1", "published": "2026-03-01T09:00:00.123Z", "eventType": "user.session.start",
		"actor":   map[string]any{"id": "00u1", "type": "User", "alternateId": "ana@example.com", "displayName": "Ana Ruiz"},
		"outcome": map[string]any{"result": "SUCCESS"},
	}
	for name, v := range members {
		e[name] = v
	}
	return must(json.Marshal(e))
}

func mapped(t *testing.T, members map[string]any) event.Event {
	t.Helper()
	e, err := okta.Kind.Map(logEvent(members), now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryRowOfTheTable(t *testing.T) {
	if len(okta.Kind.Actions) < 60 {
		t.Errorf("%d event types", len(okta.Kind.Actions))
	}
	for native, want := range okta.Kind.Actions {
		e := mapped(t, map[string]any{"eventType": native})
		if event.ValidAction(want.Action) != nil || e.Action != want.Action || e.Category != want.Category || e.NativeAction != native {
			t.Errorf("%s: %s %s %s", native, e.NativeAction, e.Action, e.Category)
		}
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(native, action string, category event.Category) {
		t.Helper()
		e := mapped(t, map[string]any{"eventType": native})
		if e.Action != action || e.Category != category || event.ValidAction(e.Action) != nil {
			t.Errorf("%s: %s %s", native, e.Action, e.Category)
		}
	}
	f("user.lifecycle.x", "okta.user_lifecycle_x", event.Account)
	f("user.session.impersonation.other", "okta.user_session_impersonation_other", event.Privileged)
	f("user.authentication.auth_via_new_AD_thing", "okta.user_authentication_auth_via_new_ad_thing", event.Authentication)
	f("system.agent.ad.import_user", "okta.system_agent_ad_import_user", event.System)
	f("zone.other", "okta.zone_other", event.Network)
	f("iam.something.new", "okta.iam_something_new", event.Access)
	f("policy.something.new", "okta.policy_something_new", event.Config)
	f("日本", "okta", event.System)
	f(strings.Repeat("long.", 40), "okta."+strings.Repeat("long_", 11)+"long", event.System)
}

func TestOutcomes(t *testing.T) {
	f := func(result any, eventType string, want event.Outcome) {
		t.Helper()
		e := mapped(t, map[string]any{"eventType": eventType, "outcome": map[string]any{"result": result, "reason": "WHY"}})
		text, _ := result.(string)
		if e.Outcome != want || e.OutcomeCode != text || e.OutcomeReason != "WHY" {
			t.Errorf("%v %s: %s %s %s", result, eventType, e.Outcome, e.OutcomeCode, e.OutcomeReason)
		}
	}
	for result, want := range map[string]event.Outcome{
		"SUCCESS": event.Success, "ALLOW": event.Success,
		"FAILURE": event.Failure, "UNANSWERED": event.Failure, "ABANDONED": event.Failure,
		"DENY": event.Denied, "RATE_LIMIT": event.Denied,
		"CHALLENGE": event.Unknown, "SKIPPED": event.Unknown, "DEFERRED": event.Unknown, "SCHEDULED": event.Unknown, "UNKNOWN": event.Unknown,
		"NEW_WORD": event.Unknown, "": event.Unknown,
	} {
		f(result, "policy.evaluate_sign_on", want)
	}
	f(nil, "user.session.start", event.Unknown)
	f("FAILURE", "user.session.start", event.Failure)
	f("FAILURE", "app.generic.unauth_app_access_attempt", event.Denied)
	f("FAILURE", "application.policy.sign_on.deny_access", event.Denied)
	if e := mapped(t, map[string]any{"outcome": nil}); e.Outcome != event.Unknown {
		t.Errorf("no outcome: %s", e.Outcome)
	}
}

func TestActors(t *testing.T) {
	f := func(id, kind, alternate, display any, want event.Actor) {
		t.Helper()
		e := mapped(t, map[string]any{"actor": map[string]any{"id": id, "type": kind, "alternateId": alternate, "displayName": display}})
		if e.Actor != want {
			t.Errorf("%v %v: %+v", id, kind, e.Actor)
		}
	}
	f("00u1", "User", "ana@example.com", "Ana Ruiz", event.Actor{Type: event.User, ID: "00u1", Name: "Ana Ruiz", Email: "ana@example.com"})
	f("00u1", "User", "ana", "Ana Ruiz", event.Actor{Type: event.User, ID: "00u1", Name: "Ana Ruiz"})
	f("unknown", "User", "nobody@example.com", "unknown", event.Actor{Type: event.Anonymous, Name: "nobody@example.com", Email: "nobody@example.com"})
	f("00u0", "SystemPrincipal", "system@okta.com", "Okta System", event.Actor{Type: event.ActorSystem, ID: "00u0", Name: "Okta System"})
	f("0oa1", "PublicClientApp", "0oa1", "Deployer", event.Actor{Type: event.Service, ID: "0oa1", Name: "Deployer"})
	f("unknown", "ServiceAccount", "unknown", "unknown", event.Actor{Type: event.Service, ID: "unknown"})
	f("203.0.113.9", "IP address", "unknown", "203.0.113.9", event.Actor{Type: event.Anonymous, ID: "203.0.113.9", Name: "203.0.113.9"})
	if e := mapped(t, map[string]any{"actor": nil}); e.Actor != (event.Actor{Type: event.Anonymous}) {
		t.Errorf("no actor: %+v", e.Actor)
	}
	yes := mapped(t, map[string]any{"eventType": "user.authentication.auth_via_mfa"}).Actor.MFA
	no := mapped(t, map[string]any{"eventType": "user.authentication.auth_via_mfa", "outcome": map[string]any{"result": "CHALLENGE"}}).Actor.MFA
	if yes == nil || !*yes || no != nil {
		t.Errorf("mfa: %v %v", yes, no)
	}
}

func TestUsersAreTheFirstTargetsAndNoneIsLeftOut(t *testing.T) {
	target := func(kind, id, alternate, display string) map[string]any {
		return map[string]any{"type": kind, "id": id, "alternateId": alternate, "displayName": display}
	}
	e := mapped(t, map[string]any{"target": []any{
		target("AppInstance", "0oa", "Payroll", "Payroll"), target("AppUser", "0ua", "bo@example.com", "Bo"), target("UserGroup", "00g", "unknown", "Admins"),
		target("User", "00u", "bo@example.com", "Bo Li"), target("AppUser", "0ub", "bo", "Bo"), target("", "unknown", "unknown", "unknown"),
	}})
	want := []event.Target{{Type: "user", ID: "00u", Name: "bo@example.com"}, {Type: "app_user", ID: "0ua", Name: "bo@example.com"}, {Type: "app_user", ID: "0ub", Name: "bo"},
		{Type: "app", ID: "0oa", Name: "Payroll"}, {Type: "group", ID: "00g", Name: "Admins"}}
	if !slices.Equal(e.Targets, want) {
		t.Errorf("%+v", e.Targets)
	}
	var many []any
	for i := range 70 {
		many = append(many, target("UserGroup", fmt.Sprint(i), "", ""))
	}
	if e := mapped(t, map[string]any{"target": many}); len(e.Targets) != 64 || !strings.Contains(string(e.Detail), `"targets_left_out":6`) {
		t.Errorf("%d targets, %s", len(e.Targets), e.Detail)
	}
}

func TestWhatIsNoLogEventIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := okta.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "eventType or published is missing")
	f(`{"uuid":"1","eventType":"x"}`, "eventType or published is missing")
	f(string(logEvent(map[string]any{"published": "yesterday"})), `published is "yesterday"`)
	f(string(logEvent(map[string]any{"published": "0001-01-01T00:00:00Z"})), "no time")
}

// TestDeliveries finds the same events in every envelope that they come in.
func TestDeliveries(t *testing.T) {
	a, b := string(logEvent(nil)), string(logEvent(map[string]any{"uuid": "u2", "target": []any{map[string]any{"id": "x", "type": "User"}}}))
	f := func(name, delivery string) {
		t.Run(name, func(t *testing.T) {
			var got []string
			for raw, err := range okta.Kind.Split(strings.NewReader(delivery)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(raw))
			}
			if !slices.Equal(got, []string{a, b}) {
				t.Errorf("%q", got)
			}
		})
	}
	f("a page of the API", `[`+a+`,`+b+`]`)
	f("lines", a+"\n"+b+"\n")
	f("an event hook", `{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","cloudEventsVersion":"0.1","source":"https://acme.okta.example/api/v1/eventHooks/who1",`+
		`"eventId":"h1","data":{"events":[`+a+`,`+b+`]},"eventTime":"2026-03-01T09:00:02Z","contentType":"application/json"}`)
	f("EventBridge", `{"version":"0","id":"i","detail-type":"SystemLog","detail":`+a+`}`+"\n"+`{"detail":`+b+`}`)
	f("a log stream to Splunk", `{"time":1,"event":`+a+`}`+`{"time":1,"event":`+b+`}`)
}

// TestSecretsAreNotCopied holds that what is secret in a record is in raw only.
func TestSecretsAreNotCopied(t *testing.T) {
	raw := must(os.ReadFile("testdata/nasty.json"))
	if bytes.Count(raw, []byte("SECRET")) < 3 {
		t.Fatal("no secrets in the fixture")
	}
	e, _ := okta.Kind.Event("okta/acme", nil, raw, now)
	if e.Raw = nil; bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
		t.Errorf("%s", e.AppendJSON(nil))
	}
}

// TestRealEvents maps events of others, which are not part of this repository.
func TestRealEvents(t *testing.T) {
	const file = "../../../shared/data/open/okta/system_log_events.ndjson"
	delivery, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("SKIPPED: no %s, so no real event was mapped", file)
	}
	type row struct {
		at, actor, email, action, ip, target string
		outcome                              event.Outcome
	}
	var got []row
	ids := map[string]bool{}
	for raw, err := range okta.Kind.Split(bytes.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := okta.Kind.Event("okta/acme", nil, raw, now)
		if !ok || e.ID == "" || e.Actor.Type != event.User || e.Where.UserAgent == "" {
			t.Errorf("%+v", e)
		}
		sourcetest.Check(t, okta.Kind, raw)
		target := ""
		if len(e.Targets) > 0 {
			target = e.Targets[0].Name
		}
		ids[e.ID] = true
		got = append(got, row{e.OccurredAt.Format(time.RFC3339Nano), e.Actor.ID, e.Actor.Email, e.Action, e.Where.IP, target, e.Outcome})
	}
	want := []row{ // read from the file by eye
		{"2020-11-25T21:27:03.496Z", "00uu1uuuuIlllaaaa356", "jack@acme.io", "role.grant", "136.24.229.58", "alice@acme.io", event.Success},
		{"2020-11-25T21:27:03.496Z", "00uu1uuuuIlllaaaa356", "jack@acme.io", "role.grant", "136.24.229.58", "alice@acme.io", event.Success},
		{"2024-05-02T18:46:21.121Z", "00u99ped55av2JpGs5d7", "jim.kalafut@panther.com", "rate_limit.warn", "11.22.33.44", "", event.Success},
		{"2024-04-02T19:17:37.621Z", "00ubewfku1EX0WCFk697", "casey.hill@hey.com", "session.start", "99.108.5.25", "Password", event.Success},
		{"2024-04-02T19:17:37.621Z", "00ubewfku1EX0WCFk697", "casey.hill@hey.com", "session.start", "99.108.5.25", "Password", event.Failure},
		{"2022-11-22T18:48:49.177Z", "00abc123", "homer.simpson@duff.com", "user.lock", "1.2.3.4", "", event.Failure},
		{"2022-12-13T00:58:19.811Z", "00ABC123", "homer.simpson@duff.com", "role.grant", "1.2.3.4", "App (123)", event.Failure},
		{"2022-06-22T18:18:29.015Z", "00abc123", "homer.simpson@duff.com", "mfa.suspend", "1.3.2.4", "peter.griffin@company.com", event.Success},
		{"2022-06-22T18:18:29.015Z", "00abc123", "homer.simpson@duff.com", "mfa.reset", "1.3.2.4", "peter.griffin@company.com", event.Success},
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("event %d:\ngot  %+v\nwant %+v", i, got, want)
		}
	}
	if len(ids) != 6 { // some of the nine are variations of one event
		t.Errorf("%d ids", len(ids))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return v
}

func BenchmarkMap(b *testing.B) {
	raw := must(os.ReadFile("testdata/session_start.json"))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var body []byte
	for b.Loop() {
		e, ok := okta.Kind.Event("okta/acme", nil, raw, now)
		if !ok {
			b.Fatalf("%s", e.OutcomeReason)
		}
		body = e.AppendJSON(body[:0])
	}
}
