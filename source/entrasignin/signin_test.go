package entrasignin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/entrasignin"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)        { sourcetest.Run(t, entrasignin.Kind, "testdata") }
func FuzzMap(f *testing.F)     { sourcetest.Fuzz(f, entrasignin.Kind, "testdata") }
func TestMutants(t *testing.T) { sourcetest.Mutate(t, entrasignin.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

type object = map[string]any

// signIn returns a sign-in of diagnostic settings with members of its properties
// put in the place of others.
func signIn(category string, members object) []byte {
	p := object{"id": "s1", "createdDateTime": "2026-03-01T09:00:00Z", "userId": "u1", "userPrincipalName": "ana@example.com",
		"appId": "a1", "status": object{"errorCode": 0}}
	for name, v := range members {
		p[name] = v
	}
	return must(json.Marshal(object{"category": category, "time": "2026-03-01T09:05:00Z", "tenantId": "t1", "properties": p}))
}

func mapped(t *testing.T, raw []byte) event.Event {
	t.Helper()
	e, err := entrasignin.Kind.Map(raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryRowOfTheTable(t *testing.T) {
	for category, want := range entrasignin.Kind.Actions {
		for _, name := range []string{category, strings.ToLower(category)} {
			if e := mapped(t, signIn(name, nil)); e.Action != want.Action || e.Category != want.Category || e.NativeAction != category {
				t.Errorf("%s: %s %s %s", name, e.NativeAction, e.Action, e.Category)
			}
		}
	}
}

func TestOutcomesByCode(t *testing.T) {
	f := func(want event.Outcome, codes ...int) {
		t.Helper()
		for _, code := range codes {
			e := mapped(t, signIn("SignInLogs", object{"status": object{"errorCode": code}}))
			if e.Outcome != want || e.OutcomeCode != strconv.Itoa(code) {
				t.Errorf("%d: %s %s", code, e.Outcome, e.OutcomeCode)
			}
			if want != event.Success && e.Actor.MFA != nil {
				t.Errorf("%d: mfa is %v", code, *e.Actor.MFA)
			}
		}
	}
	f(event.Success, 0)
	f(event.Failure, 50126, 50053, 50055, 50057, 50034, 500121, 700016, 7000215, 7000222, 50173, 65004, 1)
	f(event.Denied, 53000, 53001, 53002, 53003, 53004, 530003, 50105, 530032, 530035)
	f(event.Unknown, 50074, 50076, 50079, 50140, 50125, 50158, 65001, 16000, 50072, 50097)
	e := mapped(t, signIn("SignInLogs", object{"status": object{"errorCode": 1}, "conditionalAccessStatus": "failure"}))
	if e.Outcome != event.Denied {
		t.Error(e.Outcome)
	}
	if e = mapped(t, signIn("SignInLogs", object{"status": nil})); e.Outcome != event.Unknown {
		t.Error(e.Outcome)
	}
}

func TestMFA(t *testing.T) {
	f := func(want string, members object) {
		t.Helper()
		got := "unknown"
		if m := mapped(t, signIn("SignInLogs", members)).Actor.MFA; m != nil {
			got = fmt.Sprint(*m)
		}
		if got != want {
			t.Errorf("%v: %s", members, got)
		}
	}
	step := func(method, result string, succeeded bool) object {
		return object{"authenticationRequirement": "singleFactorAuthentication",
			"authenticationDetails": []object{{"authenticationMethod": method, "authenticationStepResultDetail": result, "succeeded": succeeded}}}
	}
	f("unknown", nil)
	f("true", object{"authenticationRequirement": "multiFactorAuthentication"})
	f("false", object{"authenticationRequirement": "singleFactorAuthentication"})
	f("true", object{"authenticationRequirement": "singleFactorAuthentication", "status": object{"errorCode": 0, "additionalDetails": "MFA requirement satisfied by claim in the token"}})
	f("false", step("Password", "Correct password", true))
	f("true", step("FIDO2 security key", "", true))
	f("false", step("FIDO2 security key", "", false))
	f("true", step("Mobile app notification", "MFA completed in Azure AD", true))
	f("unknown", object{"authenticationRequirement": "multiFactorAuthentication", "status": object{"errorCode": 50074}})
}

func TestWhatIsNoSignInIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := entrasignin.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "not a sign-in")
	f(`{"id":"1","createdDateTime":"2026-03-01T09:00:00Z"}`, "whoever signed in is missing")
	f(`{"category":"AuditLogs","properties":{"id":"1"}}`, "entra.audit")
	f(`{"id":"1","id":"2"}`, "duplicate")
}

func TestDeliveries(t *testing.T) {
	a, b := string(signIn("SignInLogs", nil)), string(signIn("ManagedIdentitySignInLogs", nil))
	f := func(name, delivery string) {
		var got []string
		for raw, err := range entrasignin.Kind.Split(strings.NewReader(delivery)) {
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
	f("Graph", `{"@odata.context":"x","value":[`+a+`,`+b+`],"@odata.nextLink":"x"}`)
	f("NDJSON", a+"\n"+b)
}

// TestPull walks through pages and goes on where the window ended.
func TestPull(t *testing.T) {
	f := func(version, filter string) {
		var asked []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("$filter")+r.URL.Query().Get("$skiptoken"))
			if r.URL.Query().Get("$skiptoken") != "" {
				fmt.Fprint(w, `{"value":[]}`)
				return
			}
			fmt.Fprintf(w, `{"value":[%s],"@odata.nextLink":"https://elsewhere.example.com%s?$skiptoken=t"}`, signIn("SignInLogs", nil), r.URL.Path)
		}))
		defer server.Close()
		clock := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		api := &source.API{Base: server.URL, Settings: map[string]string{"version": version}, Do: do, Now: func() time.Time { return clock }}
		cursor := entrasignin.Kind.Pull.From(clock.Add(-time.Hour))
		sizes := []int{}
		for range 3 {
			p, err := entrasignin.Kind.Pull.Page(context.Background(), api, cursor)
			if err != nil {
				t.Fatal(err)
			}
			if p.More != (len(sizes) != 1) {
				t.Errorf("page %d: more is %v", len(sizes), p.More)
			}
			sizes, cursor, clock = append(sizes, min(1, len(p.Delivery))), p.Next, clock.Add(time.Minute)
		}
		path := "/" + version + "/auditLogs/signIns "
		want := []string{
			path + "createdDateTime ge 2026-03-01T08:00:00Z and createdDateTime le 2026-03-01T09:00:00Z" + filter, path + "t",
			path + "createdDateTime ge 2026-03-01T09:00:00Z and createdDateTime le 2026-03-01T09:02:00Z" + filter,
		}
		if !slices.Equal(sizes, []int{1, 0, 1}) || !slices.Equal(asked, want) {
			t.Errorf("%v\n%q", sizes, asked)
		}
		api.Settings["version"] = "v3"
		if _, err := entrasignin.Kind.Pull.Page(context.Background(), api, cursor); err == nil || !strings.Contains(err.Error(), "version") {
			t.Error(err)
		}
	}
	f("v1.0", "")
	f("beta", " and (signInEventTypes/any(t: t eq 'interactiveUser') or signInEventTypes/any(t: t eq 'nonInteractiveUser')"+
		" or signInEventTypes/any(t: t eq 'servicePrincipal') or signInEventTypes/any(t: t eq 'managedIdentity'))")
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
	p, err := entrasignin.Kind.Pull.Page(context.Background(), api, w.String())
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

// TestRealDeliveries maps the sign-ins among records of others, which are not part
// of this repository.
func TestRealDeliveries(t *testing.T) {
	const file = "../../../shared/data/open/entra/signin_and_audit_events.ndjson"
	delivery, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("SKIPPED: no %s, so no real delivery was mapped", file)
	}
	var got []string
	for raw, err := range entrasignin.Kind.Split(bytes.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := entrasignin.Kind.Event("entra.signin/prod", nil, raw, now)
		sourcetest.Check(t, entrasignin.Kind, raw)
		if !ok {
			if !strings.Contains(e.OutcomeReason, "entra.audit") {
				t.Error(e.OutcomeReason)
			}
			got = append(got, "audit")
			continue
		}
		mfa := "unknown"
		if e.Actor.MFA != nil {
			mfa = fmt.Sprint(*e.Actor.MFA)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %s%s mfa %s", e.OccurredAt.Format(time.DateTime), e.Action, e.Outcome, e.Where.IP, e.Actor.Email, e.Actor.Name, mfa))
	}
	want := []string{
		"2023-07-26 22:58:30 token.issue failure 12.12.12.12 some-service-principal mfa unknown",
		"2023-07-21 05:03:52 session.start success 12.12.12.12 eve@lexcorp.comA User Display Name mfa true",
		"2023-07-21 05:03:52 session.start success 12.12.12.12 homer.simpson@springfield.orgA User Display Name mfa true",
		"audit", "audit", "audit", "audit", "audit", "audit",
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
