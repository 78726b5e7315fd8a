package googleworkspace_test

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
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/googleworkspace"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)        { sourcetest.Run(t, googleworkspace.Kind, "testdata") }
func FuzzMap(f *testing.F)     { sourcetest.Fuzz(f, googleworkspace.Kind, "testdata") }
func TestMutants(t *testing.T) { sourcetest.Mutate(t, googleworkspace.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

type object = map[string]any

// activity returns an activity of an application with one event.
func activity(application, kind, name string, parameters map[string]string, actor object) []byte {
	list := []object{}
	for n, v := range parameters {
		list = append(list, object{"name": n, "value": v})
	}
	if actor == nil {
		actor = object{"callerType": "USER", "email": "ana@example.com", "profileId": "1"}
	}
	return must(json.Marshal(object{"actor": actor, "events": []object{{"type": kind, "name": name, "parameters": list}},
		"id": object{"applicationName": application, "customerId": "C1", "time": "2026-03-01T09:00:00.000Z", "uniqueQualifier": "-7"}}))
}

func mapped(t *testing.T, raw []byte) event.Event {
	t.Helper()
	e, err := googleworkspace.Kind.Map(raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func split(t *testing.T, delivery string) (raws []string) {
	t.Helper()
	for raw, err := range googleworkspace.Kind.Split(strings.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, string(raw))
	}
	return raws
}

func TestEveryRowOfTheTable(t *testing.T) {
	if n := len(googleworkspace.Kind.Actions); n < 40 {
		t.Errorf("%d rows", n)
	}
	for native, want := range googleworkspace.Kind.Actions {
		application, name, _ := strings.Cut(native, ":")
		if e := mapped(t, activity(application, "", name, nil, nil)); e.Action != want.Action || e.Category != want.Category || e.NativeAction != name {
			t.Errorf("%s: %s %s", native, e.Action, e.Category)
		}
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(application, kind, name, action string, want event.Category) {
		t.Helper()
		if e := mapped(t, activity(application, kind, name, nil, nil)); e.Action != action || e.Category != want || event.ValidAction(e.Action) != nil {
			t.Errorf("%s %s: %s %s", application, name, e.Action, e.Category)
		}
	}
	f("chat", "user_action", "room_created", "google.chat.room_created", event.Data)
	f("admin", "USER_SETTINGS", "NEW_THING", "google.admin.new_thing", event.Account)
	f("admin", "DELEGATED_ADMIN_SETTINGS", "NEW_THING", "google.admin.new_thing", event.Access)
	f("admin", "DOMAIN_SETTINGS", "NEW_THING", "google.admin.new_thing", event.Config)
	f("login", "", "new_thing", "google.login.new_thing", event.Authentication)
	f("meet", "call", "call_ended", "google.meet.call_ended", event.System)
	f("token", "", "request", "google.token.request", event.Access)
}

func TestOutcomes(t *testing.T) {
	f := func(want event.Outcome, application, name, status string) {
		t.Helper()
		e := mapped(t, activity(application, "", name, map[string]string{"login_challenge_status": status}, nil))
		if e.Outcome != want {
			t.Errorf("%s %s: %s", name, status, e.Outcome)
		}
	}
	f(event.Success, "login", "login_success", "")
	f(event.Failure, "login", "login_failure", "")
	f(event.Failure, "saml", "login_failure", "")
	f(event.Unknown, "login", "login_challenge", "")
	f(event.Success, "login", "login_challenge", "passed")
	f(event.Success, "login", "login_verification", "Challenge Passed.")
	f(event.Failure, "login", "login_challenge", "failed")
	f(event.Failure, "login", "login_challenge", "incorrect_answer_entered")
	f(event.Denied, "login", "suspicious_login", "")
	f(event.Denied, "login", "suspicious_programmatic_login", "")
	f(event.Denied, "login", "risky_sensitive_action_blocked", "")
	f(event.Success, "login", "risky_sensitive_action_allowed", "")
	f(event.Denied, "context_aware_access", "ACCESS_DENY_EVENT", "")
	f(event.Failure, "context_aware_access", "ACCESS_DENY_INTERNAL_ERROR_EVENT", "")
	f(event.Success, "context_aware_access", "MONITOR_MODE_ACCESS_DENY_EVENT", "")
	f(event.Failure, "ldap", "ldap_bind_failed", "")
	f(event.Success, "admin", "CREATE_USER", "")
}

func TestActors(t *testing.T) {
	f := func(actor object, want event.Actor) {
		t.Helper()
		if e := mapped(t, activity("drive", "access", "view", nil, actor)); e.Actor != want {
			t.Errorf("%v: %+v", actor, e.Actor)
		}
	}
	f(object{"email": "ana@example.com", "profileId": "1"}, event.Actor{Type: event.User, ID: "1", Email: "ana@example.com"})
	f(object{"email": "ana@example.com"}, event.Actor{Type: event.User, ID: "ana@example.com", Email: "ana@example.com"})
	f(object{"profileId": "105250506097979753968"}, event.Actor{Type: event.Anonymous})
	f(object{"callerType": "KEY", "key": "SYSTEM"}, event.Actor{Type: event.ActorSystem, ID: "SYSTEM"})
	f(object{"callerType": "KEY", "key": "consumer"}, event.Actor{Type: event.Service, ID: "consumer"})
	f(object{"email": "x@p.iam.gserviceaccount.com"}, event.Actor{Type: event.Service, ID: "x@p.iam.gserviceaccount.com", Email: "x@p.iam.gserviceaccount.com"})
	f(object{"email": "", "profileId": ""}, event.Actor{Type: event.ActorSystem, ID: "drive"})
}

func TestMFA(t *testing.T) {
	f := func(want, name string, parameters map[string]string) {
		t.Helper()
		got := "unknown"
		if m := mapped(t, activity("login", "login", name, parameters, nil)).Actor.MFA; m != nil {
			got = fmt.Sprint(*m)
		}
		if got != want {
			t.Errorf("%s %v: %s", name, parameters, got)
		}
	}
	f("unknown", "login_success", nil)
	f("unknown", "login_success", map[string]string{"login_challenge_method": "password"})
	f("true", "login_success", map[string]string{"login_challenge_method": "password,security_key"})
	f("true", "login_verification", map[string]string{"is_second_factor": "true", "login_challenge_status": "passed"})
	f("unknown", "login_verification", map[string]string{"is_second_factor": "true", "login_challenge_status": "failed"})
	f("unknown", "login_failure", map[string]string{"is_second_factor": "true"})
	f("false", "login_success", map[string]string{"is_second_factor": "false"})
	f("unknown", "logout", map[string]string{"is_second_factor": "true"})
}

func TestWhatIsNoActivityIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := googleworkspace.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "not a Workspace activity")
	f(`{"id":{"applicationName":"login"},"events":[]}`, "an event's name is missing")
	f(`{"name":"login_success","id":{}}`, "id.applicationName")
	f(`{"id":{"applicationName":"login"},"events":[{"name":"a"},{"name":"b"}]}`, "an activity with 2, which was not cut")
	f(`{"id":1,"id":2}`, "duplicate")
}

// TestActivitiesAreCutIntoEvents holds that raws are the activity's own bytes, and
// that none of its events is lost, nor taken for another one.
func TestActivitiesAreCutIntoEvents(t *testing.T) {
	const before, after = `{ "kind":"x", "id":{"time":"2026-03-01T09:00:00Z","uniqueQualifier":"-7","applicationName":"admin","customerId":"C1"}, "events": `, ` , "actor":{"email":"ana@example.com"}}`
	const a, b = `{"name":"CREATE_USER","type" : "USER_SETTINGS"}`, `{ "name":"SUSPEND_USER","x":"\u00e9"}`
	want := []string{before + `[` + a + `,null,null]` + after, before + `[null,` + b + `,null]` + after, before + `[null,null,` + a + `]` + after}
	got := split(t, `{"kind":"admin#reports#activities","items":[`+before+"[ "+a+" ,\n"+b+","+a+" ]"+after+`],"nextPageToken":"t"}`)
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	ids := map[string]bool{}
	for _, raw := range got {
		ids[mapped(t, []byte(raw)).ID] = true
		if again := split(t, raw); !slices.Equal(again, []string{raw}) {
			t.Errorf("cut once more: %q", again)
		}
	}
	if len(ids) != 3 || !ids["2026-03-01T09:00:00Z/-7/admin/C1/2"] {
		t.Errorf("%v", ids)
	}
	one := before + "[ " + a + " ]" + after
	if got := split(t, one); !slices.Equal(got, []string{one}) {
		t.Errorf("an activity with one event: %q", got)
	}
	if id := mapped(t, []byte(one)).ID; id != "2026-03-01T09:00:00Z/-7/admin/C1/0" {
		t.Error(id)
	}
	broken := before + "[" + a + "," + b
	if got := split(t, broken); !slices.Equal(got, []string{broken}) {
		t.Errorf("a broken activity: %q", got)
	}
}

func TestWhatWouldGrowTooMuchIsKeptWhole(t *testing.T) {
	many := `{"id":{"applicationName":"admin"},"events":[{"name":"x"}` + strings.Repeat(`,{"name":"x"}`, 1000) + `]}`
	large := `{"id":{"applicationName":"admin"},"x":"` + strings.Repeat("x", 1<<20) + `","events":[{"name":"x"}` + strings.Repeat(`,{"name":"x"}`, 99) + `]}`
	for _, raw := range []string{many, large} {
		got := split(t, raw)
		if !slices.Equal(got, []string{raw}) {
			t.Errorf("%d raws", len(got))
		}
		if _, ok := googleworkspace.Kind.Event("google.workspace/x", nil, []byte(raw), now); ok {
			t.Error("it is mapped")
		}
	}
}

func TestDeliveries(t *testing.T) {
	a, b := string(activity("login", "login", "login_success", nil, nil)), string(activity("admin", "USER_SETTINGS", "CREATE_USER", nil, nil))
	for name, delivery := range map[string]string{
		"the API": `{"kind":"admin#reports#activities","etag":"e","items":[` + a + `,` + b + `]}`,
		"NDJSON":  a + "\n" + b, "an array": `[` + a + `,` + b + `]`,
	} {
		if got := split(t, delivery); !slices.Equal(got, []string{a, b}) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := split(t, `{"kind":"admin#reports#activities","items":[]}`); len(got) != 0 {
		t.Errorf("an empty page: %q", got)
	}
}

func TestSecretsAreNotCopied(t *testing.T) {
	raw := must(os.ReadFile("testdata/unknown_event.json"))
	e := mapped(t, raw)
	if e.Raw = nil; !bytes.Contains(raw, []byte("THIS-IS-A-SECRET")) || bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
		t.Errorf("%s", e.AppendJSON(nil))
	}
}

// TestPull walks through two applications and goes on where the window ended.
func TestPull(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		application := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		asked = append(asked, strings.Join([]string{application, q.Get("startTime"), q.Get("endTime"), q.Get("pageToken")}, " "))
		switch {
		case application == "login" && q.Get("pageToken") == "":
			fmt.Fprintf(w, `{"items":[%s],"nextPageToken":"t 1"}`, activity("login", "login", "login_success", nil, nil))
		case application == "login":
			fmt.Fprintf(w, `{"items":[%s]}`, activity("login", "login", "logout", nil, nil))
		default:
			fmt.Fprint(w, `{"kind":"admin#reports#activities"}`)
		}
	}))
	defer server.Close()
	clock := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	api := &source.API{Base: server.URL, Settings: map[string]string{"applications": "login, admin"}, Do: do, Now: func() time.Time { return clock }}
	cursor := googleworkspace.Kind.Pull.From(clock.Add(-time.Hour))
	var more []bool
	sizes := 0
	for range 4 {
		p, err := googleworkspace.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		more, sizes, cursor, clock = append(more, p.More), sizes+min(1, len(p.Delivery)), p.Next, clock.Add(time.Minute)
	}
	const since, until = " 2026-03-01T08:00:00Z", " 2026-03-01T09:00:00Z"
	want := []string{"login" + since + until + " ", "login" + since + until + " t 1", "admin" + since + until + " ", "login" + until + " 2026-03-01T09:03:00Z "}
	if !slices.Equal(asked, want) || !slices.Equal(more, []bool{true, true, false, true}) || sizes != 3 {
		t.Errorf("%q %v %d", asked, more, sizes)
	}
	api.Settings["applications"] = "drive" // in the middle of a window
	if p, err := googleworkspace.Kind.Pull.Page(context.Background(), api, cursor); err != nil || p.More || asked[len(asked)-1] != "drive"+until+" 2026-03-01T09:03:00Z " {
		t.Errorf("%+v %v %q", p, err, asked[len(asked)-1])
	}
	api.Settings["applications"] = " , "
	if _, err := googleworkspace.Kind.Pull.Page(context.Background(), api, cursor); err == nil || !strings.Contains(err.Error(), "applications") {
		t.Error(err)
	}
}

func TestPullBeginsAWindowAgainWhenATokenIsTooOld(t *testing.T) {
	asked := 0
	api := &source.API{Base: "https://api.example.com", Settings: map[string]string{"applications": "login"}, Now: time.Now, Do: func(r *http.Request) (*source.Response, error) {
		if asked++; r.URL.Query().Get("pageToken") != "" {
			return nil, &source.StatusError{Response: &source.Response{Status: http.StatusBadRequest}, Request: "GET"}
		}
		return &source.Response{Status: http.StatusOK, Body: []byte(`{"items":[{}]}`)}, nil
	}}
	w := source.Window{Since: now, Until: now.Add(time.Hour), Next: "login old"}
	p, err := googleworkspace.Kind.Pull.Page(context.Background(), api, w.String())
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

// TestRealDeliveries maps activities of others, which are not part of this
// repository.
func TestRealDeliveries(t *testing.T) {
	const dir = "../../../shared/data/open/google_workspace/"
	delivery, err := os.ReadFile(dir + "panther_flattened_events.ndjson")
	if err != nil {
		t.Skipf("SKIPPED: no files in %s, so no real delivery was mapped", dir)
	}
	var cases []struct{ Data json.RawMessage } // a test file of another project, in which the delivery is the member data
	if err := json.Unmarshal(must(os.ReadFile(dir+"reports_activity.json")), &cases); err != nil {
		t.Fatal(err)
	}
	delivery = append(delivery, cases[0].Data...)
	var got []string
	ids := map[string]bool{}
	for raw, err := range googleworkspace.Kind.Split(bytes.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := googleworkspace.Kind.Event("google.workspace/prod", func() string { return fmt.Sprint(len(got)) }, raw, now)
		if !ok || ids[e.ID] {
			t.Errorf("%+v", e)
		}
		ids[e.ID] = true
		got = append(got, fmt.Sprintf("%s %s %s %s %s", e.OccurredAt.Format(time.DateTime), e.Action, e.Outcome, e.Actor.Email, e.Where.IP))
		sourcetest.Check(t, googleworkspace.Kind, raw)
	}
	want := []string{
		"2022-12-11 02:57:48 role.delete success example@example.io 12.12.12.12",
		"2022-12-11 02:57:48 role.create success example@example.io 12.12.12.12",
		"2022-12-20 17:27:47 document.update success user@example.io 12.12.12.12",
		"2026-03-01 00:00:00 session.start success some.user@somedomain.com ",
		"2026-03-01 00:00:00 session.start success some.user@somedomain.com ",
		"2026-03-01 00:00:00 google.logout.login_success success some.user@somedomain.com ",
		"2022-05-26 15:26:09 session.start success some.user@somedomain.com 10.10.10.10",
		"2011-06-17 15:39:18 group.update success liz@example.com ",
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
