package azureactivity_test

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
	"example.com/evident/source/azureactivity"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)        { sourcetest.Run(t, azureactivity.Kind, "testdata") }
func FuzzMap(f *testing.F)     { sourcetest.Fuzz(f, azureactivity.Kind, "testdata") }
func TestMutants(t *testing.T) { sourcetest.Mutate(t, azureactivity.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

type object = map[string]any

// record returns a record with members put in the place of others.
func record(members object) []byte {
	r := object{"time": "2026-03-01T09:00:00Z", "operationName": "Microsoft.Compute/disks/write", "resultType": "Success",
		"resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d", "correlationId": "c1", "category": "Administrative"}
	for name, v := range members {
		r[name] = v
	}
	return must(json.Marshal(r))
}

func mapped(t *testing.T, raw []byte) event.Event {
	t.Helper()
	e, err := azureactivity.Kind.Map(raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryRowOfTheTable(t *testing.T) {
	if n := len(azureactivity.Kind.Actions); n < 30 {
		t.Errorf("%d rows", n)
	}
	for native, want := range azureactivity.Kind.Actions {
		for _, name := range []string{native, strings.ToUpper(native), strings.ToLower(native)} {
			e := mapped(t, record(object{"operationName": name}))
			if e.Action != want.Action || e.Category != want.Category || e.NativeAction != name {
				t.Errorf("%s: %s %s", name, e.Action, e.Category)
			}
		}
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(operation, category, action string, want event.Category) {
		t.Helper()
		e := mapped(t, record(object{"operationName": operation, "category": category}))
		if e.Action != action || e.Category != want || event.ValidAction(e.Action) != nil {
			t.Errorf("%s: %s %s", operation, e.Action, e.Category)
		}
	}
	f("Microsoft.Compute/disks/write", "Administrative", "azure.compute.disks.write", event.Config)
	f("MICROSOFT.COMPUTE/DISKS/WRITE", "Administrative", "azure.compute.disks.write", event.Config)
	f("Microsoft.Network/networkSecurityGroups/read", "Administrative", "azure.network.networksecuritygroups.read", event.System)
	f("Microsoft.Network/networkSecurityGroups/join/action", "Administrative", "azure.network.networksecuritygroups.join", event.Network)
	f("Microsoft.Search/searchServices/listAdminKeys/action", "Administrative", "azure.search.searchservices.listadminkeys", event.Data)
	f("Microsoft.Authorization/foo/write", "Administrative", "azure.authorization.foo.write", event.Access)
	f("Microsoft.Web/serverfarms/write", "Administrative", "azure.web.serverfarms.write", event.Change)
	f("Microsoft.Compute/virtualMachines/deallocate2/action", "Autoscale", "azure.compute.virtualmachines.deallocate2", event.System)
	f("Acme.Thing/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/write", "Administrative", "azure.acme_thing.a_b_c_d_e_f_g_h_i_j_k_l_m_n_o.write", event.Config)
	f("SecretList", "AuditEvent", "azure.secret_list", event.System)
	f("VaultGet", "AuditEvent", "azure.vault_get", event.Data)
}

func TestOutcomes(t *testing.T) {
	f := func(want event.Outcome, members object) {
		t.Helper()
		if e := mapped(t, record(members)); e.Outcome != want {
			t.Errorf("%v: %s", members, e.Outcome)
		}
	}
	for _, s := range []string{"Start", "Started", "Accept", "Accepted", "Active", "InProgress", "In Progress", "Updated", "Resolved", ""} {
		f(event.Unknown, object{"resultType": s})
	}
	f(event.Success, object{"resultType": "Success"})
	f(event.Success, object{"resultType": nil, "status": object{"value": "Succeeded"}})
	f(event.Failure, object{"resultType": "Failure"})
	f(event.Failure, object{"resultType": nil, "status": "Failed"})
	f(event.Failure, object{"resultType": "Canceled"})
	f(event.Denied, object{"resultType": "Failure", "resultSignature": "Failed.Forbidden"})
	f(event.Denied, object{"resultType": "Failed", "subStatus": object{"value": "Forbidden"}})
	f(event.Denied, object{"resultType": "Failed", "ActivitySubstatusValue": "Forbidden (HTTP Status Code: 403)"})
	f(event.Denied, object{"resultType": "Failure", "properties": object{"statusCode": "403"}})
	f(event.Denied, object{"resultType": "Failure", "properties": object{"statusMessage": `{"error":{"code":"LinkedAuthorizationFailed"}}`}})
	f(event.Failure, object{"resultType": "Failure", "properties": object{"statusCode": "Unauthorized"}})
	f(event.Denied, object{"resultType": "Success", "resultSignature": "Forbidden", "properties": object{"httpStatusCode": 403}})
	f(event.Failure, object{"resultType": "Success", "properties": object{"httpStatusCode": 404}})
	f(event.Success, object{"resultType": "Done", "properties": object{"httpStatusCode": 200}})
}

func TestActors(t *testing.T) {
	const guid = "0c000000-0000-4000-8000-00000000000c"
	f := func(members object, want event.ActorType, id, email string, mfa string) {
		t.Helper()
		a := mapped(t, record(members)).Actor
		got := "unknown"
		if a.MFA != nil {
			got = fmt.Sprint(*a.MFA)
		}
		if a.Type != want || a.ID != id || a.Email != email || got != mfa {
			t.Errorf("%v: %+v %s", members, a, got)
		}
	}
	claims := func(c object) object { return object{"identity": object{"claims": c}} }
	f(object{"caller": "ana@example.com"}, event.User, "ana@example.com", "ana@example.com", "unknown")
	f(object{"caller": guid}, event.Service, guid, "", "unknown")
	f(object{"caller": "Microsoft.Advisor"}, event.ActorSystem, "Microsoft.Advisor", "", "unknown")
	f(nil, event.ActorSystem, "unknown", "", "unknown")
	f(object{"category": "ResourceHealth"}, event.ActorSystem, "Microsoft.Compute", "", "unknown")
	f(claims(object{"upn": "ana@example.com", "oid": guid, "amr": `["pwd","mfa"]`}), event.User, guid, "ana@example.com", "true")
	f(claims(object{"upn": "ana@example.com", "amr": "pwd"}), event.User, "ana@example.com", "ana@example.com", "false")
	f(claims(object{"upn": "ana@example.com", "amr": "rsa"}), event.User, "ana@example.com", "ana@example.com", "unknown")
	f(claims(object{"appid": "a1", "oid": guid, "idtyp": "app"}), event.Service, guid, "", "unknown")
	f(object{"identity": object{"authorization": object{"evidence": object{"principalId": guid, "principalType": "User"}}}}, event.User, guid, "", "unknown")
	f(object{"identity": object{"authorization": object{"evidence": object{"principalId": guid, "principalType": "Group"}}}}, event.ActorSystem, "unknown", "", "unknown")
}

func TestWhatIsNoActivityIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := azureactivity.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`[]`, "not an Azure activity")
	f(`{"time":"2026-03-01T09:00:00Z"}`, "operationName is missing")
	f(`{"operationName":"x"}`, "both time and resourceId")
	f(`{"time":"1","time":"2"}`, "duplicate")
	f(`{"category":"kube-audit","operationName":"x","time":"t","properties":{"log":"{}"}}`, "kubernetes.audit")
}

func TestDeliveries(t *testing.T) {
	a, b := string(record(nil)), string(record(object{"correlationId": "c2"}))
	f := func(name, delivery string) {
		var got []string
		for raw, err := range azureactivity.Kind.Split(strings.NewReader(delivery)) {
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
	f("REST", `{"value":[`+a+`,`+b+`],"nextLink":"x"}`)
	f("NDJSON", a+"\n"+b)
	f("an array of batches", `[{"records":[`+a+`]},{"records":[`+b+`]}]`)
}

func TestIDs(t *testing.T) {
	ids := map[string]bool{}
	for _, members := range []object{nil, {"resultType": "Start"}, {"operationName": "x/y"}, {"time": "2026-03-01T09:00:01Z"}, {"resourceId": "/x"},
		{"correlationId": "c2"}, {"eventDataId": "own"}, {"resourceId": strings.Repeat("x", 600)}} {
		id := mapped(t, record(members)).ID
		if id == "" || len(id) > event.MaxIDBytes || ids[id] {
			t.Errorf("%v: %s", members, id)
		}
		ids[id] = true
	}
	if !ids["own"] {
		t.Error("eventDataId is not the id")
	}
	if id := mapped(t, record(object{"correlationId": nil})).ID; id != "" {
		t.Error(id)
	}
}

func TestSecretsAreNotCopied(t *testing.T) {
	raw := must(os.ReadFile("testdata/run_command.json"))
	e := mapped(t, raw)
	if e.Raw = nil; !bytes.Contains(raw, []byte("THIS-IS-A-SECRET")) || bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
		t.Errorf("%s", e.AppendJSON(nil))
	}
}

// TestPull walks through two pages and goes on where the window ended.
func TestPull(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("$filter")+r.URL.Query().Get("$skiptoken"))
		switch {
		case r.URL.Query().Get("$skiptoken") != "":
			fmt.Fprintf(w, `{"value":[%s]}`, record(object{"correlationId": "c2"}))
		case strings.Contains(r.URL.Query().Get("$filter"), "ge '2026-03-01T09"):
			fmt.Fprint(w, `{"value":[]}`)
		default:
			fmt.Fprintf(w, `{"value":[%s],"nextLink":"https://elsewhere.example.com/x/eventtypes/management/values?$skiptoken=t"}`, record(nil))
		}
	}))
	defer server.Close()
	clock := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	api := &source.API{Base: server.URL, Settings: map[string]string{"subscription": "s1"}, Do: do, Now: func() time.Time { return clock }}
	cursor := azureactivity.Kind.Pull.From(clock.Add(-time.Hour))
	var events []int
	for range 3 {
		p, err := azureactivity.Kind.Pull.Page(context.Background(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range azureactivity.Kind.Split(bytes.NewReader(p.Delivery)) {
			n++
		}
		if p.More != (len(events) == 0) {
			t.Errorf("page %d: more is %v", len(events), p.More)
		}
		events, cursor, clock = append(events, n), p.Next, clock.Add(time.Minute)
	}
	const path = "/subscriptions/s1/providers/Microsoft.Insights/eventtypes/management/values "
	want := []string{
		path + "eventTimestamp ge '2026-03-01T08:00:00Z' and eventTimestamp le '2026-03-01T09:00:00Z'", path + "t",
		path + "eventTimestamp ge '2026-03-01T09:00:00Z' and eventTimestamp le '2026-03-01T09:02:00Z'",
	}
	if !slices.Equal(events, []int{1, 1, 0}) || !slices.Equal(asked, want) {
		t.Errorf("%v\n%q", events, asked)
	}
	api.Settings = nil
	if _, err := azureactivity.Kind.Pull.Page(context.Background(), api, cursor); err == nil || !strings.Contains(err.Error(), "subscription") {
		t.Error(err)
	}
}

func TestPullBeginsAWindowAgainWhenATokenIsTooOld(t *testing.T) {
	asked := 0
	api := &source.API{Base: "https://api.example.com", Settings: map[string]string{"subscription": "s"}, Now: time.Now, Do: func(r *http.Request) (*source.Response, error) {
		if asked++; r.URL.Query().Get("$skiptoken") != "" {
			return nil, &source.StatusError{Response: &source.Response{Status: http.StatusBadRequest}, Request: "GET"}
		}
		return &source.Response{Status: http.StatusOK, Body: []byte(`{"value":[{}]}`)}, nil
	}}
	w := source.Window{Since: now, Until: now.Add(time.Hour), Next: "$skiptoken=old"}
	p, err := azureactivity.Kind.Pull.Page(context.Background(), api, w.String())
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

// TestRealDeliveries maps records of others, which are not part of this
// repository.
func TestRealDeliveries(t *testing.T) {
	const file = "../../../shared/data/open/azure_activity/activity_events.ndjson"
	delivery, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("SKIPPED: no %s, so no real delivery was mapped", file)
	}
	var got []string
	for raw, err := range azureactivity.Kind.Split(bytes.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := azureactivity.Kind.Event("azure.activity/prod", nil, raw, now)
		if !ok || e.OccurredAt.Equal(now) || e.Where.IP == "" || len(e.Targets) == 0 || e.Outcome != event.Success || e.ID == "" {
			t.Errorf("%+v", e)
		}
		got = append(got, e.Action+" "+string(e.Category)+" "+string(e.Actor.Type))
		sourcetest.Check(t, azureactivity.Kind, raw)
	}
	want := []string{
		"firewall.delete network system", "firewall.update network system", "firewall.update network system", "firewall.update network system",
		"azure.network.networksecuritygroups.join network system", "log.update config system", "firewall.delete network system",
		"azure.network.networksecuritygroups.read system system",
		"role.grant privileged user", "role.grant access user", "role.grant privileged user", "privilege.elevate privileged user",
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
