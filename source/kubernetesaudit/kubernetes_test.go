package kubernetesaudit_test

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
	"example.com/evident/source/kubernetesaudit"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)        { sourcetest.Run(t, kubernetesaudit.Kind, "testdata") }
func FuzzMap(f *testing.F)     { sourcetest.Fuzz(f, kubernetesaudit.Kind, "testdata") }
func TestMutants(t *testing.T) { sourcetest.Mutate(t, kubernetesaudit.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// record returns an event with members put in the place of others.
func record(members map[string]any) []byte {
	r := map[string]any{
		"auditID": "a1", "stage": "ResponseComplete", "verb": "get", "requestURI": "/api", "user": map[string]any{"username": "ana"},
		"requestReceivedTimestamp": "2026-03-01T09:00:00Z", "responseStatus": map[string]any{"code": 200},
	}
	for name, v := range members {
		r[name] = v
	}
	return must(json.Marshal(r))
}

func TestEveryRowOfTheTable(t *testing.T) {
	if n := len(kubernetesaudit.Kind.Actions); n < 40 {
		t.Errorf("%d rows", n)
	}
	for native, want := range kubernetesaudit.Kind.Actions {
		verb, rest, _ := strings.Cut(native, " ")
		resource, sub, _ := strings.Cut(rest, "/")
		e, err := kubernetesaudit.Kind.Map(record(map[string]any{"verb": verb, "objectRef": map[string]any{"resource": resource, "subresource": sub}}), now)
		if err != nil || e.Action != want.Action || e.Category != want.Category || e.NativeAction != native {
			t.Errorf("%s: %s %s %s, %v", native, e.NativeAction, e.Action, e.Category, err)
		}
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(verb, group, resource, sub, action string, category event.Category) {
		t.Helper()
		if a := kubernetesaudit.Lookup(verb, group, resource, sub); a.Action != action || a.Category != category || event.ValidAction(a.Action) != nil {
			t.Errorf("%s %s.%s/%s: %+v", verb, resource, group, sub, a)
		}
	}
	f("get", "", "pods", "", "kubernetes.get_pods", event.System)
	f("create", "", "services", "", "kubernetes.create_services", event.Network)
	f("update", "", "secrets", "status", "kubernetes.update_secrets_status", event.System)
	f("create", "events.k8s.io", "events", "", "kubernetes.create_events", event.System)
	f("update", "apps", "controllerrevisions", "", "kubernetes.update_controllerrevisions", event.Change)
	f("update", "autoscaling", "horizontalpodautoscalers", "", "kubernetes.update_horizontalpodautoscalers", event.Change)
	f("patch", "gateway.networking.k8s.io", "httproutes", "", "kubernetes.patch_httproutes", event.Network)
	f("deletecollection", "rbac.authorization.k8s.io", "others", "", "kubernetes.deletecollection_others", event.Access)
	f("delete", "storage.k8s.io", "storageclasses", "", "kubernetes.delete_storageclasses", event.Config)
	f("create", "example.com", "secrets", "", "kubernetes.create_secrets", event.Config)
	f("get", "", "", "", "kubernetes.get", event.System)
	f("create", "", strings.Repeat("x", 100), "", "kubernetes.create_"+strings.Repeat("x", 46), event.Config)
}

func TestOutcomes(t *testing.T) {
	f := func(want event.Outcome, stage string, code int, message, decision string) {
		t.Helper()
		status := map[string]any{"code": code, "message": message}
		e, err := kubernetesaudit.Kind.Map(record(map[string]any{
			"stage": stage, "responseStatus": status, "annotations": map[string]any{"authorization.k8s.io/decision": decision},
		}), now)
		if err != nil || e.Outcome != want {
			t.Errorf("%s %d %s: %s, %v", stage, code, decision, e.Outcome, err)
		}
		if (e.Category == event.Authentication) != (code == 401) {
			t.Errorf("%d: %s", code, e.Category)
		}
	}
	f(event.Unknown, "RequestReceived", 0, "", "")
	f(event.Unknown, "ResponseComplete", 0, "", "allow")
	f(event.Success, "ResponseComplete", 200, "", "allow")
	f(event.Success, "ResponseStarted", 101, "", "")
	f(event.Success, "ResponseComplete", 304, "", "")
	f(event.Failure, "ResponseStarted", 401, "", "")
	f(event.Failure, "ResponseComplete", 404, "", "allow")
	f(event.Failure, "ResponseComplete", 409, "", "allow")
	f(event.Failure, "ResponseComplete", 500, "", "allow")
	f(event.Failure, "Panic", 200, "", "allow")
	f(event.Denied, "ResponseComplete", 403, "", "forbid")
	f(event.Denied, "ResponseComplete", 403, "", "allow")
	f(event.Denied, "ResponseComplete", 0, "", "forbid")
	f(event.Denied, "ResponseComplete", 400, `admission webhook "x" denied the request: no`, "allow")
}

func TestActors(t *testing.T) {
	f := func(username, uid string, want event.ActorType, id string) {
		t.Helper()
		e, err := kubernetesaudit.Kind.Map(record(map[string]any{"user": map[string]any{"username": username, "uid": uid}}), now)
		if err != nil || e.Actor.Type != want || e.Actor.ID != id || e.Actor.Name != username {
			t.Errorf("%s: %+v, %v", username, e.Actor, err)
		}
	}
	f("ana", "", event.User, "ana")
	f("ana@example.com", "u-1", event.User, "u-1")
	f("", "", event.Anonymous, "")
	f("system:anonymous", "", event.Anonymous, "system:anonymous")
	f("system:serviceaccount:ci:runner", "8d4e", event.Service, "8d4e")
	f("system:node:n1", "", event.ActorSystem, "system:node:n1")
	f("system:kube-scheduler", "", event.ActorSystem, "system:kube-scheduler")
	f("system:admin", "", event.User, "system:admin")
	f("eks:node-manager", "", event.Service, "eks:node-manager")
	f("aksService", "", event.Service, "aksService")
}

func TestGroupsOfManyAreBounded(t *testing.T) {
	groups := []string{"system:authenticated"}
	for i := range 5000 {
		groups = append(groups, fmt.Sprintf("group-%d", i))
	}
	e, err := kubernetesaudit.Kind.Map(record(map[string]any{"user": map[string]any{"username": "ana", "groups": groups}}), now)
	if err != nil || !strings.HasPrefix(e.Actor.Role, "group-0,group-1,") || len(e.Actor.Role) > 1024 {
		t.Errorf("%q, %v", e.Actor.Role, err)
	}
}

func TestWhatIsTooLongIsCut(t *testing.T) {
	long := strings.Repeat("é", 10_000)
	e, mapped := kubernetesaudit.Kind.Event("kubernetes.audit/prod", func() string { return "place" }, record(map[string]any{
		"auditID": long, "verb": long, "stage": long, "userAgent": long, "sourceIPs": []string{long},
		"objectRef": map[string]any{"resource": long, "subresource": long, "namespace": long, "name": long, "apiGroup": long},
	}), now)
	if !mapped || e.ID != "place" || !strings.HasPrefix(e.Targets[0].ID, "éé") {
		t.Errorf("%s %s", e.ID, e.OutcomeReason)
	}
}

func TestWhatIsNoEventIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := kubernetesaudit.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`I0301 09:30:00.000000       1 trace.go:236] Trace`, "not JSON")
	f(`[]`, "not a Kubernetes audit event")
	f(`{"auditID":"1"}`, "verb is missing")
	f(`{"verb":"get"}`, "auditID or verb is missing")
	f(`{"verb":"get","verb":"list"}`, "duplicate")
}

// TestDeliveries finds the same events in every envelope that they come in.
func TestDeliveries(t *testing.T) {
	a, b := string(record(nil)), string(record(map[string]any{"auditID": "a2", "userAgent": "quote \" and \\ and é"}))
	text := func(s string) string { return string(must(json.Marshal(s))) }
	f := func(name, delivery string) {
		t.Run(name, func(t *testing.T) {
			var got []string
			for raw, err := range kubernetesaudit.Kind.Split(strings.NewReader(delivery)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(bytes.TrimSpace(raw)))
			}
			if !slices.Equal(got, []string{a, b}) {
				t.Errorf("%q", got)
			}
		})
	}
	f("the webhook", `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`+a+`,`+b+`]}`)
	f("a file", a+"\n"+b+"\n")
	f("an array", `[`+a+`,`+b+`]`)
	f("EKS through CloudWatch Logs", `{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","message":`+text(a)+`},{"id":"2","message":`+text(b)+`}]}`)
	f("AKS through diagnostic settings", `{"records":[{"category":"kube-audit","properties":{"log":`+text(a+"\n")+`,"stream":"stdout"}},{"category":"kube-audit","properties":{"log":`+text(b)+`}}]}`)
	f("a container's log", `{"log":`+text(a)+`,"stream":"stdout"}`+"\n"+`{"log":`+text(b)+`,"stream":"stdout"}`)
}

// TestSecretsAreNotCopied holds that what is secret in a request is in raw only.
func TestSecretsAreNotCopied(t *testing.T) {
	found := 0
	for _, name := range must(filepath.Glob("testdata/*.json")) {
		raw := must(os.ReadFile(name))
		if strings.HasSuffix(name, ".event.json") || !bytes.Contains(raw, []byte("THIS-IS-A-SECRET")) {
			continue
		}
		found++
		e, _ := kubernetesaudit.Kind.Event("kubernetes.audit/prod", nil, raw, now)
		if e.Raw = nil; bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
			t.Errorf("%s: %s", name, e.AppendJSON(nil))
		}
	}
	if found < 3 {
		t.Errorf("%d fixtures with a secret", found)
	}
}

// TestRealDeliveries maps logs of others, which are not part of this repository.
func TestRealDeliveries(t *testing.T) {
	const dir = "../../../shared/data/open/kubernetes"
	files, _ := filepath.Glob(filepath.Join(dir, "*.*"))
	if len(files) == 0 {
		t.Skipf("SKIPPED: no files in %s, so no real delivery was mapped", dir)
	}
	events, outcomes, types := map[string]int{}, map[event.Outcome]int{}, map[event.ActorType]int{}
	for _, file := range files {
		delivery := must(os.ReadFile(file))
		for raw, err := range kubernetesaudit.Kind.Split(bytes.NewReader(delivery)) {
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			e, mapped := kubernetesaudit.Kind.Event("kubernetes.audit/prod", nil, raw, now)
			if !mapped || e.Actor.ID == "" || e.OccurredAt.Equal(now) || e.Where.IP == "" || len(e.Targets) == 0 {
				t.Errorf("%s: %+v", file, e)
			}
			events[filepath.Base(file)]++
			outcomes[e.Outcome]++
			types[e.Actor.Type]++
			sourcetest.Check(t, kubernetesaudit.Kind, raw)
		}
	}
	got := fmt.Sprint(events, outcomes, types)
	if got != wantReal {
		t.Errorf("got  %s\nwant %s", got, wantReal)
	}
}

// wantReal was counted from the files by hand: 125 of stage RequestReceived, 12
// of code 403, 8 of code 409 and 500; service accounts 4 and eks: 1, people
// system:admin 37, admin 22, kubernetes-admin 1.
const wantReal = "map[audit2rbac_demo.log:37 eks_audit_events.ndjson:9 microk8s_audit_first250.ndjson:250] " +
	"map[denied:12 failure:8 success:151 unknown:125] map[service:5 system:231 user:60]"

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
		e, ok := kubernetesaudit.Kind.Event("kubernetes.audit/prod", nil, raws[i%len(raws)], now)
		if !ok {
			b.Fatalf("%s", e.OutcomeReason)
		}
		body = e.AppendJSON(body[:0])
		i++
	}
}
