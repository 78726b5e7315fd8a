package entraaudit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/entraaudit"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)        { sourcetest.Run(t, entraaudit.Kind, "testdata") }
func FuzzMap(f *testing.F)     { sourcetest.Fuzz(f, entraaudit.Kind, "testdata") }
func TestMutants(t *testing.T) { sourcetest.Mutate(t, entraaudit.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

type object = map[string]any

// record returns a record of diagnostic settings with members of its properties
// put in the place of others.
func record(members object) []byte {
	p := object{"id": "d1", "activityDateTime": "2026-03-01T09:00:00Z", "activityDisplayName": "Add user", "result": "success",
		"category": "UserManagement", "initiatedBy": object{"user": object{"id": "u1", "userPrincipalName": "ana@example.com"}}}
	for name, v := range members {
		p[name] = v
	}
	return must(json.Marshal(object{"category": "AuditLogs", "time": "2026-03-01T09:05:00Z", "tenantId": "t1", "properties": p}))
}

func mapped(t *testing.T, raw []byte) event.Event {
	t.Helper()
	e, err := entraaudit.Kind.Map(raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryRowOfTheTable(t *testing.T) {
	if n := len(entraaudit.Kind.Actions); n < 40 {
		t.Errorf("%d rows", n)
	}
	for native, want := range entraaudit.Kind.Actions {
		for _, name := range []string{native, strings.ToLower(native), native + " "} {
			if e := mapped(t, record(object{"activityDisplayName": name})); e.Action != want.Action || e.Category != want.Category || e.NativeAction != name {
				t.Errorf("%q: %s %s", name, e.Action, e.Category)
			}
		}
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(activity, category, action string, want event.Category) {
		t.Helper()
		e := mapped(t, record(object{"activityDisplayName": activity, "category": category}))
		if e.Action != action || e.Category != want || event.ValidAction(e.Action) != nil {
			t.Errorf("%s: %s %s", activity, e.Action, e.Category)
		}
	}
	f("Set user photo", "UserManagement", "entra.set_user_photo", event.Account)
	f("Onboarded resource to PIM", "ResourceManagement", "entra.onboarded_resource_to_pim", event.Access)
	f("Add member to role (newly invented)", "RoleManagement", "role.grant", event.Access)
	f("Change (newly invented)", "Policy", "entra.change_newly_invented", event.Config)
	f("Rotate something", "KeyManagement", "entra.rotate_something", event.Data)
	f("東京", "Other", "entra", event.Config)
}

func TestOutcomes(t *testing.T) {
	f := func(want event.Outcome, result, reason string) {
		t.Helper()
		if e := mapped(t, record(object{"result": result, "resultReason": reason})); e.Outcome != want || e.OutcomeCode != result || e.OutcomeReason != reason {
			t.Errorf("%s %s: %s", result, reason, e.Outcome)
		}
	}
	f(event.Success, "success", "")
	f(event.Failure, "failure", "ObjectConflict")
	f(event.Denied, "failure", "Authorization_RequestDenied")
	f(event.Denied, "failure", "Insufficient privileges to complete the operation.")
	f(event.Unknown, "timeout", "")
	f(event.Unknown, "unknownFutureValue", "")
	f(event.Unknown, "", "")
}

func TestActors(t *testing.T) {
	f := func(by object, want event.Actor) {
		t.Helper()
		if e := mapped(t, record(object{"initiatedBy": by, "loggedByService": "Core Directory"})); e.Actor != want {
			t.Errorf("%v: %+v", by, e.Actor)
		}
	}
	f(object{"user": object{"id": "u1", "displayName": "Ana", "userPrincipalName": "ana@example.com"}}, event.Actor{Type: event.User, ID: "u1", Name: "Ana", Email: "ana@example.com"})
	f(object{"user": object{"userPrincipalName": "not an address"}, "app": nil}, event.Actor{Type: event.User, ID: "not an address", Name: "not an address"})
	f(object{"user": nil, "app": object{"servicePrincipalId": "s1", "appId": "a1", "displayName": "X"}}, event.Actor{Type: event.Service, ID: "s1", Name: "X"})
	f(object{"app": object{"appId": "a1"}}, event.Actor{Type: event.Service, ID: "a1"})
	f(object{"app": object{"displayName": "X"}}, event.Actor{Type: event.Service, ID: "X", Name: "X"})
	f(object{"user": object{"id": "u1", "roles": []any{object{"displayName": "Global Administrator"}, "Other"}}}, event.Actor{Type: event.User, ID: "u1", Role: "Global Administrator,Other"})
	f(nil, event.Actor{Type: event.ActorSystem, ID: "Core Directory"})
}

func TestWhatIsNoRecordIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := entraaudit.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "not an Entra audit record")
	f(`{"id":"1","activityDateTime":"2026-03-01T09:00:00Z"}`, "activityDisplayName")
	f(`{"category":"SignInLogs","operationName":"Sign-in activity","properties":{"id":"1"}}`, "entra.signin")
	f(`{"id":"1","id":"2"}`, "duplicate")
}

func TestDeliveries(t *testing.T) {
	a, b := string(record(nil)), string(record(object{"id": "d2"}))
	f := func(name, delivery string) {
		var got []string
		for raw, err := range entraaudit.Kind.Split(strings.NewReader(delivery)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, []string{a, b}) {
			t.Errorf("%s: %q", name, got)
		}
	}
	f("Event Hubs", `{"records":[`+a+`,`+b+`]}`)
	f("Graph", `{"@odata.context":"x","value":[`+a+`,`+b+`]}`)
	f("NDJSON", a+"\n"+b)
}

func TestSecretsAreNotCopied(t *testing.T) {
	found := 0
	for _, name := range must(filepath.Glob("testdata/*.json")) {
		raw := must(os.ReadFile(name))
		if strings.HasSuffix(name, ".event.json") || !bytes.Contains(raw, []byte("THIS-IS-A-SECRET")) {
			continue
		}
		found++
		e := mapped(t, raw)
		if e.Raw = nil; bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
			t.Errorf("%s: %s", name, e.AppendJSON(nil))
		}
	}
	if found < 2 {
		t.Errorf("%d fixtures with a secret", found)
	}
}

// TestPull walks through pages and goes on where the window ended.
func TestPull(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("$filter")+r.URL.Query().Get("$skiptoken"))
		if r.URL.Query().Get("$skiptoken") != "" {
			fmt.Fprint(w, `{"value":[]}`)
			return
		}
		fmt.Fprintf(w, `{"value":[%s],"@odata.nextLink":"https://elsewhere.example.com%s?$skiptoken=t"}`, record(nil), r.URL.Path)
	}))
	defer server.Close()
	clock := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	api := &source.API{Base: server.URL, Do: do, Now: func() time.Time { return clock }}
	cursor := entraaudit.Kind.Pull.From(clock.Add(-time.Hour))
	sizes := []int{}
	for range 3 {
		p, err := entraaudit.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if p.More != (len(sizes) != 1) {
			t.Errorf("page %d: more is %v", len(sizes), p.More)
		}
		sizes, cursor, clock = append(sizes, min(1, len(p.Delivery))), p.Next, clock.Add(time.Minute)
	}
	const path = "/v1.0/auditLogs/directoryAudits "
	want := []string{
		path + "activityDateTime ge 2026-03-01T08:00:00Z and activityDateTime le 2026-03-01T09:00:00Z", path + "t",
		path + "activityDateTime ge 2026-03-01T09:00:00Z and activityDateTime le 2026-03-01T09:02:00Z",
	}
	if !slices.Equal(sizes, []int{1, 0, 1}) || !slices.Equal(asked, want) {
		t.Errorf("%v\n%q", sizes, asked)
	}
}

func TestPullBeginsAWindowAgainWhenATokenIsTooOld(t *testing.T) {
	asked := 0
	api := &source.API{Base: "https://api.example.com", Now: time.Now, Do: func(r *http.Request) (*source.Response, error) {
		if asked++; r.URL.Query().Get("$skiptoken") != "" {
			return nil, &source.StatusError{Response: &source.Response{Status: http.StatusBadRequest}, Request: "GET"}
		}
		return &source.Response{Status: http.StatusOK, Body: []byte(`{"value":[{}]}`)}, nil
	}}
	w := source.Window{Since: now, Until: now.Add(time.Hour), Next: "$skiptoken=old"}
	p, err := entraaudit.Kind.Pull.Page(context.Background(), api, w.String())
	if err != nil || asked != 2 || len(p.Delivery) == 0 || p.More || p.Next != source.WindowFrom(w.Until) {
		t.Errorf("%d requests, %+v, %v", asked, p, err)
	}
}

func do(r *http.Request) (*source.Response, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return &source.Response{Status: answer.StatusCode, Header: answer.Header, Body: body}, err
}

// TestRealDeliveries maps the audit records among records of others, which are not
// part of this repository.
func TestRealDeliveries(t *testing.T) {
	const file = "../../../shared/data/open/entra/signin_and_audit_events.ndjson"
	delivery, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("SKIPPED: no %s, so no real delivery was mapped", file)
	}
	var got []string
	for raw, err := range entraaudit.Kind.Split(bytes.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := entraaudit.Kind.Event("entra.audit/prod", nil, raw, now)
		sourcetest.Check(t, entraaudit.Kind, raw)
		if !ok {
			if !strings.Contains(e.OutcomeReason, "entra.signin") {
				t.Error(e.OutcomeReason)
			}
			got = append(got, "sign-in")
			continue
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %s %s %s", e.OccurredAt.Format(time.DateTime), e.Action, e.Category, e.Outcome, e.Where.IP, e.Actor.Email, e.Targets[0].Name))
	}
	want := []string{
		"sign-in", "sign-in", "sign-in",
		"2024-11-27 02:22:58 policy.delete config success 1.2.3.4 aragorn@lotr.com Outside MFA",
		"2024-11-21 16:47:21 policy.delete config success 1.2.3.4 denethor@lotr.com Require multifactor authentication for all users",
		"2024-11-21 16:47:21 entra.added_policy config success 1.2.3.4 Kratos@onmicrosoft.com Require multifactor authentication for all users",
		"2024-12-16 16:32:16 role.grant privileged success 1.2.3.4 Radahn@Starscourge.onmicrosoft.com Malenia",
		"2024-12-16 16:32:16 privilege.request privileged success 1.2.3.4 Radahn@Starscourge.onmicrosoft.com Malenia",
		"2024-12-16 16:32:16 role.grant privileged success 1.2.3.4 Radahn@Starscourge.onmicrosoft.com Malenia",
	}
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
