package api_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/trail"
	"example.com/evident/web/api"
)

var checkAll = trail.CheckOptions{}

func TestOpenUntilTheFirstKeyIsMade(t *testing.T) {
	r := open(t)
	r.get("/v1/count", 200, nil)
	id, token := r.makeKey(`{"admin":true}`)
	r.problem("GET", "/v1/count", "", 401, "required")
	if w := r.do("GET", "/v1/count", ""); w.Header().Get("WWW-Authenticate") == "" {
		t.Error("no challenge")
	}
	for _, wrong := range []string{"Bearer x", "Bearer " + token + "x", "Basic !", "Bearer", "Digest " + token, token} {
		if w := r.do("GET", "/v1/keys", "", "Authorization", wrong); w.Code != 401 {
			t.Errorf("%q: %d", wrong, w.Code)
		}
	}
	admin := r.as(token)
	admin.get("/v1/keys", 200, nil)
	if w := r.do("GET", "/v1/keys", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("me:"+token))); w.Code != 200 {
		t.Errorf("as a password: %d", w.Code)
	}
	if w := admin.do("DELETE", "/v1/keys/"+id, ""); w.Code != 200 {
		t.Fatalf("revoke: %d %s", w.Code, w.Body)
	}
	// The last key is revoked, and the server is not open again.
	admin.problem("GET", "/v1/keys", "", 401, "revoked")
	r.problem("GET", "/v1/count", "", 401, "required")
	// Whoever holds the data directory can still make one.
	req := httptest.NewRequest("GET", "/v1/keys", nil)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req.WithContext(api.WithOwner(req.Context(), event.Actor{Type: event.User, ID: "root"})))
	if w.Code != 200 {
		t.Errorf("the owner: %d", w.Code)
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json"} {
		r.get(path, 200, nil)
	}
	for _, path := range []string{"/v1/status", "/metrics", "/v1/events", "/v1/events/0"} {
		r.problem("GET", path, "", 401, "required")
	}
}

func TestKeysAreRecordsWithoutTokens(t *testing.T) {
	r := open(t)
	_, admin := r.makeKey(`{"admin":true}`)
	a := r.as(admin)
	id, token := a.makeKey(`{"append":["app/billing","okta/*"],"read":true}`)
	var keys struct{ Keys []api.Key }
	a.get("/v1/keys", 200, &keys)
	if len(keys.Keys) != 2 || keys.Keys[0].ID != id || !keys.Keys[0].Active || keys.Keys[0].CreatedBy == "tester" || keys.Keys[1].CreatedBy != "tester" {
		t.Errorf("%+v", keys)
	}
	a.do("DELETE", "/v1/keys/"+id, "")
	a.problem("DELETE", "/v1/keys/"+id, "", 422, "already")
	a.problem("DELETE", "/v1/keys/evk_aaaaaaaa", "", 404, "no key")
	a.get("/v1/keys", 200, &keys)
	if keys.Keys[0].Active || keys.Keys[0].RevokedAt == nil {
		t.Errorf("%+v", keys.Keys[0])
	}
	acts := map[string]int{}
	for rec, err := range r.trail.Records(t.Context(), 0, r.trail.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(rec.Body, []byte(token[13:])) || bytes.Contains(rec.Body, []byte(admin[13:])) {
			t.Errorf("a token is in the trail: %s", rec.Body)
		}
		acts[rec.Header.Source+" "+rec.Header.Action]++
	}
	if acts["evident key.create"] != 2 || acts["evident key.revoke"] != 1 {
		t.Errorf("%v", acts)
	}
	if log := r.log.String(); strings.Contains(log, token[13:]) || strings.Contains(log, admin[13:]) {
		t.Error("a token is in the log")
	}
	for body, words := range map[string]string{
		`{"name":"","scope":{"read":true}}`:                                      "name",
		`{"name":"x","scope":{}}`:                                                "scope",
		`{"name":"x","scope":{"append":["evident"]}}`:                            "scope.append",
		`{"name":"x","scope":{"append":["*/x"]}}`:                                "scope.append",
		`{"name":"x","scope":{"read":true},"expires_at":"2020-01-01T00:00:00Z"}`: "expires",
		`{"name":"` + strings.Repeat("x", 200) + `","scope":{"read":true}}`:      "name",
	} {
		a.problem("POST", "/v1/keys", body, 422, words)
	}
	a.problem("POST", "/v1/keys", `{"name":"x","scope":{"root":true}}`, 400, "root")
}

func TestKeyExpires(t *testing.T) {
	r := open(t)
	var out api.KeyCreated
	r.post("/v1/keys", fmt.Sprintf(`{"name":"short","scope":{"read":true},"expires_at":%q}`, time.Now().Add(300*time.Millisecond).Format(time.RFC3339Nano)), 201, &out)
	k := r.as(out.Token)
	if w := k.do("GET", "/v1/count", ""); w.Code != 200 {
		t.Skipf("this machine took longer than the key lives: %d", w.Code)
	}
	time.Sleep(time.Until(*out.Key.ExpiresAt) + time.Millisecond)
	k.problem("GET", "/v1/count", "", 401, "expired")
}

// TestAppendKeySeesNothingOfOthers: a key for app/billing in a trail with other
// sources answers as if there were none.
func TestAppendKeySeesNothingOfOthers(t *testing.T) {
	r := open(t)
	r.fill(100) // half of them okta/acme
	_, token := r.makeKey(`{"append":["app/billing"]}`)
	k := r.as(token)

	var a struct {
		Accepted int
		Refused  []struct{ Error string }
	}
	k.post("/v1/events", ev("app/billing", "mine", "2026-03-02T00:00:00Z", "doc.read", ""), 200, &a)
	other := ev("okta/acme", "e1", "2026-03-01T00:01:00Z", "doc.write", `,"detail":{"n":1}`)
	newID := ev("okta/acme", "nobody-has-this", "2026-03-01T00:01:00Z", "doc.write", "")
	for _, body := range []string{other, newID, strings.Replace(other, "ana", "eve", 1)} {
		k.post("/v1/events", body, 422, &a)
		if a.Accepted != 0 || a.Refused[0].Error != "source: this key may not append events of okta/acme" {
			t.Errorf("%+v", a)
		}
	}
	k.problem("POST", "/v1/events?source=okta/acme", "{}", 403, "may not append")
	k.problem("POST", "/v1/events?source=evident", "{}", 403, "evident")

	var n struct{ Count uint64 }
	for filter, want := range map[string]uint64{
		"": 51, "source:okta/acme": 0, "source:app/billing": 51, "-source:app/billing": 0, "source:evident": 0, "action:key.create": 0,
		"source:okta/acme OR source:app/billing": 51, "id:e1": 0, "id:e2": 1, "-id:e2": 50, "source:*": 51,
	} {
		if k.get("/v1/count?"+q(filter), 200, &n); n.Count != want {
			t.Errorf("count of %q is %d, want %d", filter, n.Count, want)
		}
		var p page
		if k.get("/v1/events?limit=1000&"+q(filter), 200, &p); uint64(len(p.Events)) != want {
			t.Errorf("search for %q finds %d, want %d", filter, len(p.Events), want)
		}
		var h struct{ Total uint64 }
		if k.get("/v1/histogram?"+q(filter), 200, &h); h.Total != want {
			t.Errorf("histogram of %q has %d, want %d", filter, h.Total, want)
		}
	}
	var f struct {
		Facets []struct{ Values []struct{ Value string } }
	}
	if k.get("/v1/facets?fields=source", 200, &f); len(f.Facets[0].Values) != 1 || f.Facets[0].Values[0].Value != "app/billing" {
		t.Errorf("facets show %+v", f)
	}
	// By number or by id: the same answer as for what is not there.
	visible := 0
	for seq := range r.trail.Size() {
		w := k.do("GET", fmt.Sprint("/v1/events/", seq), "")
		rec, err := r.trail.Read(t.Context(), []uint64{seq})
		if err != nil {
			t.Fatal(err)
		}
		if mine := rec[0].Header.Source == "app/billing"; mine != (w.Code == 200) || !mine && w.Code != 404 {
			t.Errorf("record %d of %s: %d", seq, rec[0].Header.Source, w.Code)
		}
		if w.Code == 200 {
			visible++
		}
	}
	if visible != 51 {
		t.Errorf("%d records are visible", visible)
	}
	there, not := k.do("GET", "/v1/events/by-id?id=e1&source=okta/acme", ""), k.do("GET", "/v1/events/by-id?id=nobody&source=okta/acme", "")
	var p1, p2 api.Problem
	json.Unmarshal(there.Body.Bytes(), &p1)
	json.Unmarshal(not.Body.Bytes(), &p2)
	if p1.RequestID, p2.RequestID = "", ""; p1.Status != 404 || p1 != p2 {
		t.Errorf("%+v\n%+v", p1, p2)
	}
	k.problem("GET", "/v1/events/by-id?id=e1", "", 404, "no such record")
	k.get("/v1/events/by-id?id=e2", 200, nil)
	for _, path := range []string{"/v1/status", "/metrics"} {
		k.problem("GET", path, "", 403, "may not read")
	}
	k.problem("POST", "/v1/packs", `{"from":"2026-03-01T00:00:00Z","until":"2026-04-01T00:00:00Z"}`, 403, "may not read")
	k.problem("GET", "/v1/keys", "", 403, "administer")
	k.problem("POST", "/v1/keys", `{}`, 403, "administer")

	_, token = func() (string, string) {
		req := httptest.NewRequest("POST", "/v1/keys", strings.NewReader(`{"name":"reader","scope":{"read":true}}`))
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req.WithContext(api.WithOwner(req.Context(), event.Actor{Type: event.User, ID: "root"})))
		var out api.KeyCreated
		json.Unmarshal(w.Body.Bytes(), &out)
		return out.Key.ID, out.Token
	}()
	reader := r.as(token)
	if reader.get("/v1/count?"+q("source:okta/acme"), 200, &n); n.Count != 50 {
		t.Errorf("a reader counts %d", n.Count)
	}
	reader.post("/v1/events", ev("app/billing", "x", "2026-03-02T00:00:00Z", "doc.read", ""), 422, &a)
	reader.problem("GET", "/v1/keys", "", 403, "administer")
	reader.get("/v1/status", 200, nil)
}

func TestPackVerifiesAndIsRecorded(t *testing.T) {
	r := open(t)
	r.fill(600)
	w := r.do("POST", "/v1/packs", `{"from":"2026-03-01T00:00:00Z","until":"2026-03-01T05:00:00Z","filter":"source:okta/acme","withhold":["actor.email"]}`)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/zip" || !strings.Contains(w.Header().Get("Content-Disposition"), "evident-20260301-20260301.zip") {
		t.Fatalf("%d %v %.500s", w.Code, w.Header(), w.Body)
	}
	var log bytes.Buffer
	if err := verifyPack(t, w.Body.Bytes(), r.trail.Keys(), &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if strings.Contains(w.Body.String(), "ana@acme.example") {
		t.Error("what was withheld is in the pack")
	}
	if _, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len())); err != nil {
		t.Error(err)
	}
	var n struct{ Count uint64 }
	if r.get("/v1/count?"+q("source:evident action:pack.create"), 200, &n); n.Count != 1 {
		t.Errorf("%d records say so", n.Count)
	}
}

// TestPackThatIsNotMadeIsNotRecorded: nor does one leave that cannot be.
func TestPackThatIsNotMadeIsNotRecorded(t *testing.T) {
	r := open(t)
	r.fill(20)
	size := r.trail.Size()
	r.problem("POST", "/v1/packs", `{"from":"2026-05-01T00:00:00Z","until":"2026-04-01T00:00:00Z"}`, 422, "window")
	if r.trail.Size() != size {
		t.Error("a pack that was refused is in the trail")
	}
	r.full.Store(true)
	r.problem("POST", "/v1/packs", `{"from":"2026-03-01T00:00:00Z","until":"2026-04-01T00:00:00Z"}`, 503, "")
}

func TestOtherSitesMayDoNothing(t *testing.T) {
	r := open(t)
	body := ev("app/billing", "x", "2026-03-02T00:00:00Z", "doc.read", "")
	for _, h := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://evil.example"}, {"Host", "evil.example"}, {"Host", "evil.example:8080"}, {"Host", "127.0.0.1.evil.example"},
	} {
		if w := r.do("POST", "/v1/events", body, h...); w.Code != 403 {
			t.Errorf("%v: %d", h, w.Code)
		}
	}
	for _, host := range []string{"localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "127.5.5.5"} {
		if w := r.do("GET", "/v1/count", "", "Host", host); w.Code != 200 {
			t.Errorf("%s: %d", host, w.Code)
		}
	}
	// With a key, the name of the server does not matter.
	_, token := r.makeKey(`{"read":true}`)
	if w := r.as(token).do("GET", "/v1/count", "", "Host", "audit.acme.example"); w.Code != 200 {
		t.Errorf("with a key: %d", w.Code)
	}
}

func TestPanicsAreAnswered(t *testing.T) {
	r := open(t)
	w := httptest.NewRecorder()
	r.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret 4711") })).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "4711") || !strings.Contains(r.log.String(), "secret 4711") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("half an answer is not cut: %v", v)
		}
	}()
	r.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("half"))
		panic("then")
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestFullDisk(t *testing.T) {
	r := open(t)
	r.fill(10)
	r.full.Store(true)
	w := r.do("POST", "/v1/events", ev("app/billing", "x", "2026-03-02T00:00:00Z", "doc.read", ""))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	r.problem("POST", "/v1/keys", `{"name":"x","scope":{"read":true}}`, 503, "")
	r.get("/v1/count", 200, nil) // reading goes on
	r.full.Store(false)
	r.post("/v1/events", ev("app/billing", "x", "2026-03-02T00:00:00Z", "doc.read", ""), 200, nil)
}

func TestMetricsAndReadiness(t *testing.T) {
	r := open(t)
	r.fill(10)
	r.post("/v1/events", "{}", 422, nil)
	w := r.do("GET", "/metrics", "")
	for _, want := range []string{
		`evident_intake_events_total{result="accepted"} 10`, `evident_intake_events_total{result="refused"} 1`,
		"evident_trail_records ", `evident_http_requests_total{method="POST",route="POST /v1/events",status="422"} 1`, "go_goroutines",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(w.Body.String(), "billing") {
		t.Error("a source stands in the metrics")
	}
	r.Stop()
	r.problem("GET", "/readyz", "", 503, "stopping")
	r.get("/healthz", 200, nil)
}

func verifyPack(t *testing.T, b []byte, keys []proof.Key, log *bytes.Buffer) error {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pack.zip"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return proof.VerifyPack(os.DirFS(dir), "pack.zip", keys, log)
}
