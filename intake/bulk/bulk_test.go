package bulk_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/bulk"
	"example.com/evident/intake/sender"
	"example.com/evident/source"
	"example.com/evident/source/awscloudtrail"
	"example.com/evident/source/log"
	"example.com/evident/trail"
)

var kinds = []source.Kind{log.Kind, awscloudtrail.Kind}

type rig struct {
	*bulk.Handler
	trail *trail.Trail
	full  atomic.Bool // the disk
	t     testing.TB
}

func open(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t}
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail", Fault: func(op, _ string) error {
		if op == "write" && r.full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	r.trail = tr
	r.Handler = bulk.New(bulk.Config{Intake: intake.New(intake.Config{Trail: tr, Kinds: kinds}), Bodies: body.New(0), Admit: admit, Prefix: bulk.Prefix})
	return r
}

// admit knows one key that may append everything, and one that may not.
func admit(_ context.Context, c sender.Credential) (sender.Sender, error) {
	s := sender.Sender{Actor: event.Actor{Type: event.Service, ID: "key"}}
	switch c.Token {
	case "":
		return s, sender.ErrNoToken
	case "evk_all":
		return s, nil
	case "evk_log":
		s.MayAppend = func(name string) bool { return strings.HasPrefix(name, "log/") }
		return s, nil
	case "evk_later":
		return s, errors.New("not now")
	}
	return s, sender.ErrToken
}

func (r *rig) do(method, path, text string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(text))
	req.Header.Set("Authorization", "ApiKey "+base64.StdEncoding.EncodeToString([]byte("any:evk_all")))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Header().Get("X-Elastic-Product") != "Elasticsearch" {
		r.t.Errorf("%s %s: no X-Elastic-Product", method, path)
	}
	if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
		r.t.Errorf("%s %s: %s", method, path, w.Body)
	}
	return w
}

type entry struct {
	Op     string
	Index  string `json:"_index"`
	ID     string `json:"_id"`
	Status int
	Result string
	Error  struct{ Type, Reason string }
}

// bulk sends a body and returns the entries of the answer.
func (r *rig) bulk(path, text string) (entries []entry, errs bool) {
	r.t.Helper()
	w := r.do("POST", path, text)
	var a struct {
		Took   *int
		Errors bool
		Items  []map[string]entry
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); w.Code != 200 || err != nil || a.Took == nil {
		r.t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	for _, m := range a.Items {
		for op, e := range m {
			e.Op = op
			entries = append(entries, e)
		}
	}
	return entries, a.Errors
}

// records returns "source id raw" of the records that were added since size.
func (r *rig) records(size uint64) (out []string) {
	r.t.Helper()
	for rec, err := range r.trail.Records(context.Background(), size, r.trail.Size()) {
		if err != nil {
			r.t.Fatal(err)
		}
		e, err := event.Parse(rec.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Source != "evident" {
			out = append(out, e.Source+" "+e.ID+" "+string(e.Raw))
		}
	}
	return out
}

const (
	trailRecord = `{"eventVersion":"1.08","eventID":"11111111-2222-4333-8444-555555555555","eventTime":"2026-03-01T09:30:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"eu-west-1","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","userName":"ana","accountId":"123456789012"}}`
	trailID     = "11111111-2222-4333-8444-555555555555"
	schemaEvent = `{"occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},"action":"invoice.void","category":"data","outcome":"success"}`
)

func TestActions(t *testing.T) {
	r := open(t)
	doc := `{"@timestamp":"2026-03-01T09:30:00.000Z","message":"hello"}`
	f := func(what, path, text, want string, stored ...string) {
		t.Helper()
		size := r.trail.Size()
		entries, errs := r.bulk(path, text)
		var got []string
		failed := false
		for _, e := range entries {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %d %s%s", e.Op, e.Status, e.Result, e.Error.Type)))
			failed = failed || e.Error.Type != ""
		}
		if strings.Join(got, ", ") != want || errs != failed {
			t.Errorf("%s: %s (errors %v); want %s", what, strings.Join(got, ", "), errs, want)
		}
		if now := r.records(size); strings.Join(now, "\n") != strings.Join(stored, "\n") {
			t.Errorf("%s: stored\n%s\nwant\n%s", what, strings.Join(now, "\n"), strings.Join(stored, "\n"))
		}
	}
	f("index and create", "/elastic/_bulk", `{"index":{"_index":"web-2026.03.01","_id":"a"}}`+"\n"+doc+"\n"+`{ "create" : { "_index" : "web" , "_id" : "b" } }`+"\r\n"+doc+"\r\n",
		"index 201 created, create 201 created", "log/web a "+doc, "log/web b "+doc)
	f("the same again", "/_bulk", `{"index":{"_index":"web-2026.03.02","_id":"a"}}`+"\n"+doc+"\n"+`{"create":{"_index":"web","_id":"b"}}`+"\n"+doc+"\n",
		"index 200 noop, create 409 version_conflict_engine_exception")
	f("an id with another meaning", "/_bulk", `{"index":{"_index":"web","_id":"a"}}`+"\n"+`{"message":"other"}`+"\n", "index 409 version_conflict_engine_exception")
	f("update and delete", "/web/_bulk", `{"update":{"_id":"a"}}`+"\n"+`{"doc":{"x":1}}`+"\n"+`{"delete":{"_id":"a"}}`+"\n"+`{"create":{"_id":"c"}}`+"\n"+doc+"\n",
		"update 403 security_exception, delete 403 security_exception, create 201 created", "log/web c "+doc)
	f("documents that are none", "/web/_bulk", `{"create":{}}`+"\n[]\n"+`{"create":{}}`+"\n{\"x\":\n"+`{"create":{"_id":"`+strings.Repeat("x", 600)+`"}}`+"\n"+doc+"\n"+`{"create":{"_id":""}}`+"\n"+doc+"\n",
		"create 400 document_parsing_exception, create 400 document_parsing_exception, create 400 illegal_argument_exception, create 400 illegal_argument_exception")
	f("no index", "/_bulk", `{"create":{}}`+"\n"+doc+"\n", "create 400 action_request_validation_exception")
	f("a mapped kind by index", "/aws.cloudtrail-prod/_bulk", `{"create":{}}`+"\n"+trailRecord+"\n", "create 201 created", "aws.cloudtrail/prod "+trailID+" "+trailRecord)
	f("a mapped kind by name", "/_bulk", `{"create":{"_index":"aws.cloudtrail/lab"}}`+"\n"+trailRecord+"\n", "create 201 created", "aws.cloudtrail/lab "+trailID+" "+trailRecord)
	f("a mapped kind by path", "/aws.cloudtrail%2Fqa/_doc/_bulk", `{"create":{}}`+"\n"+trailRecord+"\n", "create 201 created", "aws.cloudtrail/qa "+trailID+" "+trailRecord)
	wrapped := fmt.Sprintf(`{"@timestamp":"2026-03-01T09:30:01.000Z","agent":{"type":"filebeat"},"log":{"offset":1,"file":{"path":"/x"}},"message":%q}`, strings.Replace(trailRecord, "5555", "6666", 1))
	f("a mapped kind in a shipper's document", "/aws.cloudtrail-prod/_bulk", `{"create":{}}`+"\n"+wrapped+"\n", "create 201 created",
		"aws.cloudtrail/prod 11111111-2222-4333-8444-666655555555 "+strings.Replace(trailRecord, "5555", "6666", 1))
	f("in the schema", "/app-billing/_bulk", `{"create":{"_id":"say \"7\""}}`+"\n"+schemaEvent+"\n"+`{"create":{}}`+"\n{\"action\":\"x\"}\n", "create 201 created, create 400 document_parsing_exception", `app/billing say "7" `)
	f("in the schema again", "/app-billing/_bulk", `{"index":{"_id":"say \"7\""}}`+"\n"+schemaEvent+"\n", "index 200 noop")
}

func TestSourceOfIndex(t *testing.T) {
	r := open(t)
	n := 0
	f := func(index, want string) {
		t.Helper()
		size := r.trail.Size()
		n++
		r.bulk("/_bulk", fmt.Sprintf(`{"create":{"_index":%q}}`+"\n"+`{"n":%d}`+"\n", index, n))
		if got := r.records(size); len(got) != 1 || !strings.HasPrefix(got[0], want+" ") {
			t.Errorf("%s: %s; want %s", index, got, want)
		}
	}
	f("logs", "log/logs")
	f("logs-nginx.access-default", "log/logs-nginx.access-default")
	f("logstash-2026.03.01", "log/logstash")
	f("filebeat-8.19.0-2026.03.01-000001", "log/filebeat-8.19.0")
	f(".ds-logs-app-default-2026.03.01-000007", "log/logs-app-default")
	f("fluentd.20260301", "log/fluentd")
	f("vector-2026.03", "log/vector")
	f("Vector-2026-03-01-14", "log/vector")
	f("k8s-prod1", "log/k8s-prod1")
}

// Documents without _id: those that say where they stood in a file are known by
// that, however they are cut into requests.
func TestPlaces(t *testing.T) {
	r := open(t)
	doc := func(offset int) string {
		return fmt.Sprintf(`{"create":{"_index":"web"}}`+"\n"+`{"log":{"offset":%d,"file":{"path":"/var/log/web"}},"message":"same"}`+"\n", offset)
	}
	plain := `{"create":{"_index":"web"}}` + "\n" + `{"message":"same"}` + "\n"
	f := func(what, text string, stored int) {
		t.Helper()
		size := r.trail.Size()
		entries, errs := r.bulk("/_bulk", text)
		if errs || len(r.records(size)) != stored {
			t.Errorf("%s: %d stored, want %d: %+v", what, len(r.records(size)), stored, entries)
		}
		for _, e := range entries {
			if e.Status != 201 || e.ID == "" {
				t.Errorf("%s: %+v", what, e)
			}
		}
	}
	f("two", doc(0)+doc(100), 2)
	f("cut anew", doc(100)+doc(200), 1)
	f("two equal ones", plain+plain, 2)
	f("sent again", plain+plain, 0)
	f("another request", plain+plain+plain, 3)
}

func TestRequestsThatCannotBeRead(t *testing.T) {
	r := open(t)
	good := `{"create":{"_index":"web"}}` + "\n{}\n"
	f := func(what, text string, status int, header ...string) {
		t.Helper()
		w := r.do("POST", "/_bulk", text, header...)
		var a struct {
			Status int
			Error  struct {
				Type, Reason string
				RootCause    []struct{ Type string } `json:"root_cause"`
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != status || a.Status != status || a.Error.Type == "" || a.Error.Reason == "" || len(a.Error.RootCause) != 1 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
		if (w.Header().Get("Retry-After") != "") != (status == 503) || (w.Header().Get("WWW-Authenticate") != "") != (status == 401) {
			t.Errorf("%s: %v", what, w.Header())
		}
	}
	f("nothing", "\n", 400)
	f("no action", good+"hello\n", 400)
	f("an action of two", good+`{"create":{},"index":{}}`+"\n{}\n", 400)
	f("an action of none", good+"{}\n{}\n", 400)
	f("another action", good+`{"read":{}}`+"\n{}\n", 400)
	f("an action that is no object", good+`{"create":[]}`+"\n{}\n", 400)
	f("no document", good+`{"create":{}}`, 400)
	f("too many", strings.Repeat(`{"create":{}}`+"\n{}\n", intake.MaxEvents+1), 413)
	f("another encoding", good, 415, "Content-Encoding", "br")
	f("no key", good, 401, "Authorization", "")
	f("another key", good, 401, "Authorization", "Bearer evk_none")
	f("a key that cannot be checked", good, 503, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("elastic:evk_later")))
	r.full.Store(true)
	f("a full disk", good, 503)
	r.full.Store(false)
	if got := r.records(0); len(got) > 0 {
		t.Errorf("stored: %s", got)
	}
	w := r.do("PUT", "/_bulk", `{"create":{"_index":"aws.cloudtrail/x"}}`+"\n{}\n"+good, "Authorization", "ApiKey evk_log")
	if w.Code != 200 || strings.Count(w.Body.String(), `"status":403,"error":{"type":"security_exception"`) != 1 || strings.Count(w.Body.String(), `"status":201`) != 1 {
		t.Errorf("another source: %d %s", w.Code, w.Body)
	}
}

// What clients ask before they send, by their documentation.
func TestQuestions(t *testing.T) {
	r := open(t)
	f := func(method, path string, status int, has ...string) {
		t.Helper()
		w := r.do(method, path, "", "Accept", "application/json")
		if w.Code != status || slices.ContainsFunc(has, func(s string) bool { return !strings.Contains(w.Body.String(), s) }) {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	for _, prefix := range []string{"", "/elastic"} { // Beats, Logstash, Fluentd, clients of Elastic
		f("GET", prefix+"/", 200, `"number":"8.19.0"`, `"build_flavor":"default"`, `"tagline":"You Know, for Search"`)
		f("HEAD", prefix+"/", 200)
		f("GET", prefix+"/_license?human=false", 200, `"status":"active"`, `"type":"basic"`)
	}
	f("GET", "/elastic", 200, "8.19.0")
	f("GET", "/_xpack", 200, `"features"`)
	f("GET", "/_ilm/policy/filebeat", 200, `"filebeat"`)
	f("PUT", "/_ilm/policy/filebeat", 200, `"acknowledged":true`)
	f("HEAD", "/_index_template/filebeat-8.19.0", 200)
	f("PUT", "/_index_template/filebeat-8.19.0", 200, `"acknowledged":true`)
	f("PUT", "/_data_stream/filebeat-8.19.0", 200, `"acknowledged":true`)
	f("PUT", "/_ingest/pipeline/filebeat-8.19.0-nginx", 200, `"acknowledged":true`)
	f("GET", "/_ingest/pipeline/x", 200, `"x"`)
	f("GET", "/_cluster/health", 200, `"status":"green"`) // Vector
	f("GET", "/_nodes/http", 200, `"nodes":{}`)           // Logstash, sniffing
	f("HEAD", "/logs", 200)
	f("PUT", "/logs", 200, `"acknowledged":true`)
	f("POST", "/logs/_refresh", 200)
	f("GET", "/logs/_search", 404, "only takes documents")
	f("DELETE", "/logs", 404)
	f("GET", "/_cat/indices", 404)
	f("GET", "/_bulk", 405)
	const v8 = "application/vnd.elasticsearch+json;compatible-with=8"
	if w := r.do("GET", "/", "", "Accept", v8); w.Header().Get("Content-Type") != v8 {
		t.Errorf("%v", w.Header())
	}
	if w := r.do("GET", "/", "", "Authorization", ""); w.Code != 401 {
		t.Errorf("without a key: %d", w.Code)
	}
}

func TestSingleDocuments(t *testing.T) {
	r := open(t)
	f := func(method, path, text string, status int, has string) {
		t.Helper()
		if w := r.do(method, path, text); w.Code != status || !strings.Contains(w.Body.String(), has) {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	f("PUT", "/elastic/web/_doc/1", "{\n \"a\": 1\n}", 201, `{"_index":"web","_id":"1","_version":1,"result":"created"`)
	f("PUT", "/web/_doc/1", "{\n \"a\": 1\n}", 200, `"result":"noop"`)
	f("PUT", "/web/_doc/1", "{}", 409, `"type":"version_conflict_engine_exception"`)
	f("PUT", "/web/_create/1", "{\n \"a\": 1\n}", 409, `"type":"version_conflict_engine_exception"`)
	f("POST", "/web/_doc", "{}", 201, `"_id":"bulk-`)
	f("POST", "/web/_doc", "hello", 400, `"type":"document_parsing_exception"`)
	f("PUT", "/web/_doc/"+strings.Repeat("x", 600), "{}", 400, "_id: found 600 bytes")
	f("DELETE", "/web/_doc/1", "", 404, "only takes documents")
	f("POST", "/web/_update/1", "{}", 404, "only takes documents")
	if got := r.records(0); len(got) != 2 || got[0] != "log/web 1 {\n \"a\": 1\n}" {
		t.Errorf("%q", got)
	}
}

// Requests as clients document them, with the answers that they look for.
func TestClients(t *testing.T) {
	r := open(t)
	f := func(client, path, text, has string, header ...string) {
		t.Helper()
		w := r.do("POST", path, text, header...)
		if w.Code != 200 || !strings.Contains(w.Body.String(), has) {
			t.Errorf("%s: %d %s", client, w.Code, w.Body)
		}
	}
	f("Fluent Bit", "/elastic/_bulk/?filter_path=errors,items.*.error,items.*.status", `{"create":{"_index":"fluent-bit","_id":"0f2b7c9e"}}`+"\n"+`{"@timestamp":"2026-03-01T09:30:00.123Z","log":"line"}`+"\n",
		`"errors":false`, "Content-Type", "application/x-ndjson", "User-Agent", "Fluent-Bit")
	f("Vector", "/elastic/_bulk?timeout=60s", `{"index":{"_index":"vector-2026.03.01","_type":"_doc"}}`+"\n"+`{"message":"line","source_type":"file","timestamp":"2026-03-01T09:30:00.123Z"}`+"\n",
		`"errors":false`, "Content-Type", "application/x-ndjson")
	f("Fluentd", "/_bulk", `{"index":{"_index":"fluentd","_type":"_doc"}}`+"\n"+`{"message":"line"}`+"\n\n", `"errors":false`)
	f("Filebeat", "/_bulk?filter_path=errors%2Citems.%2A.error%2Citems.%2A.status", `{"create":{"_index":"filebeat-8.19.0","pipeline":"p"}}`+"\n"+`{"@timestamp":"2026-03-01T09:30:00.123Z","message":"line"}`+"\n",
		`"status":201`, "Content-Type", "application/vnd.elasticsearch+json; compatible-with=8", "Accept", "application/vnd.elasticsearch+json; compatible-with=8")
	f("OpenTelemetry", "/_bulk", `{"create":{"_index":"logs-generic.otel-default","require_data_stream":true}}`+"\n"+`{"body":{"text":"line"}}`+"\n", `"errors":false`)
	if got := len(r.records(0)); got != 5 {
		t.Errorf("%d stored", got)
	}
}

func FuzzBulk(f *testing.F) {
	f.Add([]byte(`{"index":{"_index":"web-2026.03.01","_id":"a"}}` + "\n" + `{"message":"x","@timestamp":"y"}` + "\n" + `{"delete":{}}`))
	f.Add([]byte(`{"create":{"_index":"aws.cloudtrail-x"}}` + "\n" + trailRecord))
	f.Add([]byte(`{"create":{"_index":"app-x","_id":"\ud800"}}` + "\n" + schemaEvent))
	r := open(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		r.t = t
		size := r.trail.Size()
		w := r.do("POST", "/web/_bulk", string(text))
		if w.Code != 200 && w.Code != 400 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if stored, created := len(r.records(size)), strings.Count(w.Body.String(), `"result":"created"`); w.Code == 200 && stored > created {
			t.Errorf("%d stored, %d said to be: %s", stored, created, w.Body)
		}
	})
}
