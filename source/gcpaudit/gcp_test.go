package gcpaudit_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/gcpaudit"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)        { sourcetest.Run(t, gcpaudit.Kind, "testdata") }
func FuzzMap(f *testing.F)     { sourcetest.Fuzz(f, gcpaudit.Kind, "testdata") }
func TestMutants(t *testing.T) { sourcetest.Mutate(t, gcpaudit.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

type object = map[string]any

// entry returns an entry with members of its protoPayload put in the place of
// others.
func entry(log string, members object) []byte {
	p := object{"serviceName": "iam.googleapis.com", "methodName": "google.iam.admin.v1.CreateRole", "resourceName": "projects/p",
		"authenticationInfo": object{"principalEmail": "ana@example.com"}}
	for name, v := range members {
		p[name] = v
	}
	return must(json.Marshal(object{"insertId": "i1", "timestamp": "2026-03-01T09:00:00Z", "protoPayload": p,
		"logName": "projects/p/logs/cloudaudit.googleapis.com%2F" + log}))
}

func mapped(t *testing.T, raw []byte) event.Event {
	t.Helper()
	e, err := gcpaudit.Kind.Map(raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryRowOfTheTable(t *testing.T) {
	if n := len(gcpaudit.Kind.Actions); n < 60 {
		t.Errorf("%d rows", n)
	}
	for native, want := range gcpaudit.Kind.Actions {
		service, method, _ := strings.Cut(native, ":")
		for _, name := range []string{"v1." + service + "." + method, "google.x.v1.XService." + method, method} {
			if strings.Contains(method, ".") && strings.HasPrefix(name, "google.") {
				continue
			}
			e := mapped(t, entry("activity", object{"serviceName": service + ".googleapis.com", "methodName": name}))
			if e.Action != want.Action || e.Category != want.Category || e.NativeAction != name {
				t.Errorf("%s: %s %s", native, e.Action, e.Category)
			}
		}
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(log, service, method, action string, category event.Category) {
		t.Helper()
		e := mapped(t, entry(log, object{"serviceName": service + ".googleapis.com", "methodName": method}))
		if e.Action != action || e.Category != category || event.ValidAction(e.Action) != nil {
			t.Errorf("%s %s: %s %s", service, method, e.Action, e.Category)
		}
	}
	f("activity", "compute", "v1.compute.instances.setLabels", "compute.instances.set_labels", event.Config)
	f("activity", "compute", "beta.compute.subnetworks.insert", "compute.subnetworks.insert", event.Network)
	f("activity", "compute", "v1.compute.instances.list", "compute.instances.list", event.System)
	f("data_access", "storage", "storage.objects.get", "storage.objects.get", event.Data)
	f("activity", "run", "/Jobs.UpdateJob", "run.update_job", event.Change)
	f("activity", "iam", "google.iam.admin.v1.SetThing", "iam.set_thing", event.Account)
	f("activity", "iam", "google.iam.admin.v1.LintPolicy", "iam.lint_policy", event.Access)
	f("activity", "admin", "google.admin.AdminService.changeApplicationSetting", "admin.change_application_setting", event.Config)
	f("system_event", "compute", "compute.instances.hostError", "compute.instances.host_error", event.System)
	f("activity", "new-thing", "X.Y", "new_thing.y", event.Config)
}

func TestPolicies(t *testing.T) {
	f := func(action string, category event.Category, deltas ...[3]string) {
		t.Helper()
		var list []object
		for _, d := range deltas {
			list = append(list, object{"action": d[0], "role": d[1], "member": d[2]})
		}
		e := mapped(t, entry("activity", object{"methodName": "x.v1.Y.SetIamPolicy", "serviceData": object{"policyDelta": object{"bindingDeltas": list}}}))
		if e.Action != action || e.Category != category {
			t.Errorf("%v: %s %s", deltas, e.Action, e.Category)
		}
		if len(deltas) > 0 && e.Targets[0] != (event.Target{Type: "user", ID: "bo@example.com"}) {
			t.Errorf("%v: %v", deltas, e.Targets)
		}
	}
	const bo = "user:bo@example.com"
	f("policy.update", event.Access)
	f("role.grant", event.Access, [3]string{"ADD", "roles/viewer", bo})
	f("role.revoke", event.Access, [3]string{"REMOVE", "roles/owner", bo})
	f("policy.update", event.Access, [3]string{"ADD", "roles/viewer", bo}, [3]string{"REMOVE", "roles/editor", bo})
	for _, role := range []string{"roles/owner", "roles/editor", "roles/compute.instanceAdmin.v1", "roles/iam.serviceAccountTokenCreator", "roles/resourcemanager.organizationAdmin"} {
		f("role.grant", event.Privileged, [3]string{"ADD", role, bo})
	}
}

func TestOutcomes(t *testing.T) {
	f := func(want event.Outcome, log string, members object) {
		t.Helper()
		if e := mapped(t, entry(log, members)); e.Outcome != want {
			t.Errorf("%s %v: %s", log, members, e.Outcome)
		}
	}
	f(event.Success, "activity", nil)
	f(event.Success, "activity", object{"status": nil})
	f(event.Success, "activity", object{"status": object{}})
	f(event.Success, "activity", object{"status": object{"code": 0}})
	f(event.Success, "activity", object{"status": object{"message": "OK"}})
	f(event.Denied, "data_access", object{"status": object{"code": 7, "message": "no"}})
	f(event.Failure, "activity", object{"status": object{"code": 16}})
	f(event.Failure, "activity", object{"status": object{"code": 5}})
	f(event.Denied, "policy", nil)
	f(event.Failure, "policy", object{"status": object{"code": 9}})
	f(event.Denied, "activity", object{"authorizationInfo": []object{{"granted": false}}})
	f(event.Success, "activity", object{"authorizationInfo": []object{{"granted": false}, {"granted": true}}})
	f(event.Success, "activity", object{"authorizationInfo": []object{{"permission": "x"}}})
	f(event.Success, "activity", object{"authorizationInfo": []object{}})
	f(event.Failure, "data_access", object{"serviceName": "login.googleapis.com", "methodName": "google.login.LoginService.loginFailure"})
	f(event.Denied, "data_access", object{"serviceName": "login.googleapis.com", "methodName": "google.login.LoginService.suspiciousLogin"})
	f(event.Success, "data_access", object{"serviceName": "login.googleapis.com", "methodName": "google.login.LoginService.loginSuccess"})
}

func TestActors(t *testing.T) {
	f := func(log string, info object, want event.ActorType, id, email string) {
		t.Helper()
		if e := mapped(t, entry(log, object{"authenticationInfo": info})); e.Actor.Type != want || e.Actor.ID != id || e.Actor.Email != email {
			t.Errorf("%v: %+v", info, e.Actor)
		}
	}
	const sa = "x@p.iam.gserviceaccount.com"
	f("activity", object{"principalEmail": "ana@example.com", "principalSubject": "user:ana@example.com"}, event.User, "ana@example.com", "ana@example.com")
	f("activity", object{"principalEmail": sa}, event.Service, sa, sa)
	f("activity", object{"principalEmail": "123@cloudservices.gserviceaccount.com"}, event.Service, "123@cloudservices.gserviceaccount.com", "123@cloudservices.gserviceaccount.com")
	f("system_event", object{"principalEmail": "system@google.com"}, event.ActorSystem, "system@google.com", "system@google.com")
	f("activity", object{"principalEmail": "system:node:n1"}, event.ActorSystem, "system:node:n1", "")
	f("activity", object{"principalEmail": "system:anonymous"}, event.Anonymous, "system:anonymous", "")
	f("activity", object{"principalSubject": "principal://iam.googleapis.com/locations/global/workforcePools/w/subject/ana@example.com"}, event.User,
		"principal://iam.googleapis.com/locations/global/workforcePools/w/subject/ana@example.com", "ana@example.com")
	f("activity", object{"principalSubject": "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/w/subject/x"}, event.Service,
		"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/w/subject/x", "")
	f("activity", object{}, event.Anonymous, "", "")
	f("activity", nil, event.Anonymous, "", "")
	f("system_event", nil, event.ActorSystem, "iam.googleapis.com", "")
}

func TestWhatIsNoEntryIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := gcpaudit.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "not an entry of Cloud Audit Logs")
	f(`{"insertId":"1","textPayload":"x"}`, "methodName or serviceName is missing")
	f(`{"insertId":"1","insertId":"2"}`, "duplicate")
}

func split(t *testing.T, delivery string) (got []string) {
	t.Helper()
	for raw, err := range gcpaudit.Kind.Split(strings.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(raw))
	}
	return got
}

// TestDeliveries finds the same entries in every envelope that they come in.
func TestDeliveries(t *testing.T) {
	a, b := string(entry("activity", nil)), string(entry("data_access", object{"resourceName": "quote \" and \\ and é"}))
	f := func(name, delivery string) {
		t.Run(name, func(t *testing.T) {
			if got := split(t, delivery); !slices.Equal(got, []string{a, b}) {
				t.Errorf("%q", got)
			}
		})
	}
	push := func(s, data string) string {
		return `{"message":{"attributes":{"logging.googleapis.com/timestamp":"x"},"data":"` + data + `","messageId":"1","publishTime":"2026-03-01T09:30:01Z"},"subscription":"projects/p/subscriptions/` + s + `"}`
	}
	std, url := base64.StdEncoding, base64.URLEncoding
	f("a sink's file", a+"\n"+b+"\n")
	f("an array", `[`+a+`,`+b+`]`)
	f("the Logging API", `{"entries":[`+a+`,`+b+`],"nextPageToken":"x"}`)
	f("Pub/Sub pushed", push("s", std.EncodeToString([]byte(a)))+"\n"+push("s", url.EncodeToString([]byte(b))))
	f("Pub/Sub pulled", `{"receivedMessages":[{"ackId":"1","message":{"data":"`+std.EncodeToString([]byte(a))+`"}},{"ackId":"2","message":{"data":"`+std.EncodeToString([]byte(b+"\n"))+`"}}]}`)
	f("Pub/Sub unwrapped", a+b)
}

func TestWhatIsNotBase64OfAnObjectStaysAsItCame(t *testing.T) {
	for _, data := range []string{"not base64!", "aGVsbG8=", "eyJ", ""} {
		got := split(t, `{"message":{"data":"`+data+`"},"subscription":"s"}`)
		if data != "" && !slices.Equal(got, []string{data}) {
			t.Errorf("%q: %q", data, got)
		}
		for _, raw := range got {
			if _, ok := gcpaudit.Kind.Event("gcp.audit/p", nil, []byte(raw), now); ok {
				t.Errorf("%q is mapped", raw)
			}
		}
	}
}

func TestIDsAreUniqueWhereInsertIDIsNot(t *testing.T) {
	ids := map[string]bool{}
	for _, raw := range [][]byte{entry("activity", nil), entry("data_access", nil),
		bytes.Replace(entry("activity", nil), []byte("09:00:00Z"), []byte("09:00:01Z"), 1)} {
		ids[mapped(t, raw).ID] = true
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("%v", ids)
	}
	again := bytes.Replace(entry("activity", nil), []byte("09:00:00Z"), []byte("09:00:00.000000000Z"), 1)
	if !ids[mapped(t, again).ID] {
		t.Error("the same time in other digits is another id")
	}
	if id := mapped(t, bytes.Replace(entry("activity", nil), []byte(`"i1"`), []byte(`""`), 1)).ID; id != "" {
		t.Error(id)
	}
}

func TestSecretsAreNotCopied(t *testing.T) {
	raw := must(os.ReadFile("testdata/key_created.json"))
	e := mapped(t, raw)
	if e.Raw = nil; !bytes.Contains(raw, []byte("THIS-IS-A-SECRET")) || bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
		t.Errorf("%s", e.AppendJSON(nil))
	}
}

// TestPull walks through two pages, of which the second has a token that is too
// old at first, and goes on where the window ended.
func TestPull(t *testing.T) {
	var asked []string
	stale := true
	api := &source.API{Base: "https://logging.example.com", Settings: map[string]string{"resources": "projects/p, folders/7"}, Now: func() time.Time { return now }}
	api.Do = func(r *http.Request) (*source.Response, error) {
		var q struct {
			ResourceNames              []string
			Filter, OrderBy, PageToken string
		}
		if err := json.Unmarshal(must(io.ReadAll(r.Body)), &q); err != nil || r.Method != http.MethodPost || r.URL.Path != "/v2/entries:list" {
			t.Error(r.Method, r.URL, err)
		}
		asked = append(asked, fmt.Sprint(q.ResourceNames, q.Filter, q.OrderBy, q.PageToken))
		switch {
		case q.PageToken != "" && stale:
			stale = false
			return nil, &source.StatusError{Response: &source.Response{Status: http.StatusBadRequest}}
		case q.PageToken != "":
			return &source.Response{Body: []byte(`{"entries":[]}`)}, nil
		}
		return &source.Response{Body: []byte(`{"entries":[` + string(entry("activity", nil)) + `],"nextPageToken":"t"}`)}, nil
	}
	cursor := gcpaudit.Kind.Pull.From(now.Add(-time.Hour))
	var more []bool
	for range 3 {
		p, err := gcpaudit.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		cursor, more = p.Next, append(more, p.More)
	}
	const first = `[projects/p folders/7]logName:"cloudaudit.googleapis.com" AND timestamp>="2026-02-28T23:00:00Z" AND timestamp<"2026-03-01T00:00:00Z"timestamp asc`
	if !slices.Equal(asked, []string{first, first + "t", first, first + "t"}) || !slices.Equal(more, []bool{true, true, false}) || cursor != source.WindowFrom(now) {
		t.Errorf("%q %v %s", asked, more, cursor)
	}
	api.Settings = nil
	if _, err := gcpaudit.Kind.Pull.Page(context.Background(), api, cursor); err == nil || !strings.Contains(err.Error(), "resources") {
		t.Error(err)
	}
}

// TestRealDeliveries maps entries of others, which are not part of this
// repository.
func TestRealDeliveries(t *testing.T) {
	const file = "../../../shared/data/open/gcp_audit/audit_events.ndjson"
	delivery, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("SKIPPED: no %s, so no real delivery was mapped", file)
	}
	var got []string
	for raw, err := range gcpaudit.Kind.Split(bytes.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := gcpaudit.Kind.Event("gcp.audit/prod", nil, raw, now)
		if !ok || e.OccurredAt.Equal(now) || e.Where.IP == "" || len(e.Targets) == 0 || e.Outcome != event.Success || e.Actor.Type != event.User {
			t.Errorf("%+v", e)
		}
		got = append(got, e.Actor.Email+" "+e.Action)
		sourcetest.Check(t, gcpaudit.Kind, raw)
	}
	want := []string{
		"user@example.com policy.update", "user@example.com policy.update", "user@example.com compute.disks.create",
		"user@domain.com log.delete", "user@domain.com log.delete", "user@domain.com logging.get_bucket", "user@domain.com logging.get_sink",
		"staging@company.io key.create", "staging@company.io account.create", "staging@company.io policy.update",
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

func BenchmarkMap(b *testing.B) {
	var raws [][]byte
	size := 0
	for _, name := range must(filepath.Glob("testdata/*.json")) {
		if !strings.HasSuffix(name, ".event.json") && !strings.Contains(name, "nasty") {
			raws = append(raws, must(os.ReadFile(name)))
			size += len(raws[len(raws)-1])
		}
	}
	b.SetBytes(int64(size / len(raws)))
	b.ReportAllocs()
	i := 0
	var body []byte
	for b.Loop() {
		e, ok := gcpaudit.Kind.Event("gcp.audit/prod", nil, raws[i%len(raws)], now)
		if !ok {
			b.Fatalf("%s", e.OutcomeReason)
		}
		body = e.AppendJSON(body[:0])
		i++
	}
}
