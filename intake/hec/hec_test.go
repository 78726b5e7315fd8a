package hec_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/hec"
	"example.com/evident/intake/sender"
	"example.com/evident/source"
	"example.com/evident/source/awscloudtrail"
	"example.com/evident/source/log"
	"example.com/evident/trail"
)

var kinds = []source.Kind{log.Kind, awscloudtrail.Kind}

type rig struct {
	*hec.Handler
	trail *trail.Trail
	full  atomic.Bool // the disk
	sick  error
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
	r.Handler = hec.New(hec.Config{
		Intake: intake.New(intake.Config{Trail: tr, Kinds: kinds}), Bodies: body.New(0), Admit: admit,
		Healthy: func() error { return r.sick }, FirstAck: 40,
	})
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

// post sends body to path and returns the status and the text of the answer.
func (r *rig) post(path, text string, header ...string) (int, string) {
	r.t.Helper()
	req := httptest.NewRequest("POST", "/services/collector"+path, strings.NewReader(text))
	req.Header.Set("Authorization", "Splunk evk_all")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

// raws returns "source raw" of the records that were added since size, sorted:
// events of several sources have no order between them.
func (r *rig) raws(size uint64) (out []string) {
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
			out = append(out, e.Source+" "+string(e.Raw))
		}
	}
	slices.Sort(out)
	return out
}

const trailRecord = `{"eventVersion":"1.08","eventID":"11111111-2222-4333-8444-555555555555","eventTime":"2026-03-01T09:30:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"eu-west-1","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","userName":"ana","accountId":"123456789012"}}`

const schemaEvent = `{"id":"inv-7","occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},"action":"invoice.void","category":"data","outcome":"success"}`

func TestEvents(t *testing.T) {
	r := open(t)
	f := func(what, path, text string, status int, answer string, stored ...string) {
		t.Helper()
		size := r.trail.Size()
		code, got := r.post(path, text)
		if code != status || got != answer {
			t.Errorf("%s: %d %s\nwant %d %s", what, code, got, status, answer)
		}
		slices.Sort(stored)
		if now := r.raws(size); strings.Join(now, "\n") != strings.Join(stored, "\n") {
			t.Errorf("%s: stored\n%s\nwant\n%s", what, strings.Join(now, "\n"), strings.Join(stored, "\n"))
		}
	}
	const ok = `{"text":"Success","code":0}`
	a := `{"time":1772357400.25,"host":"web-1","sourcetype":"nginx:access","event":"GET / 200"}`
	b := `{"event":{"user":"ana","n":1},"source":"/var/log/My App","index":"main"}`
	f("two after each other", "", a+b, 200, ok, "log/nginx_access "+a, "log/var_log_my_app "+b)
	f("the same again", "", a+b, 200, ok)
	f("lines", "/event", b+"\n"+a+"\n", 200, ok, "log/var_log_my_app "+b, "log/nginx_access "+a)
	f("an array", "/event/1.0", " ["+a+" , "+b+"] ", 200, ok, "log/nginx_access "+a, "log/var_log_my_app "+b)
	f("arrays and objects", "/event", "["+a+"]"+b+"["+b+"]", 200, ok, "log/nginx_access "+a, "log/var_log_my_app "+b, "log/var_log_my_app "+b)
	f("names of nothing", "", `{"event":"x"}`, 200, ok, `log/unnamed {"event":"x"}`)
	f("names in the query", "/event?sourcetype=Deploys", `{"event":"x"}`, 200, ok, `log/deploys {"event":"x"}`)
	f("a name that is given twice", "", `{"event":"x","index":"a","index":"b"}`, 200, ok, `log/b {"event":"x","index":"a","index":"b"}`)
	f("a known kind", "", `{"sourcetype":"_json","source":"aws.cloudtrail/prod","event": `+trailRecord+` }`, 200, ok, "aws.cloudtrail/prod "+trailRecord)
	f("a known kind as text", "", fmt.Sprintf(`{"sourcetype":"aws.cloudtrail/lab","event":%q}`, trailRecord), 200, ok, "aws.cloudtrail/lab "+trailRecord)
	f("an event in the schema", "", `{"sourcetype":"app/billing","event":`+schemaEvent+`}`, 200, ok, "app/billing ")

	bad := func(code int, text string, n int) string {
		return fmt.Sprintf(`{"text":"%s","code":%d,"invalid-event-number":%d}`, text, code, n)
	}
	c := `{"event":"before"}`
	f("nothing", "", "", 400, `{"text":"No data","code":5}`)
	f("white space", "", " \n", 400, `{"text":"No data","code":5}`)
	f("an empty array", "", "[]", 400, `{"text":"No data","code":5}`)
	f("no event", "", c+`{"time":1}`+a, 400, bad(12, "Event field is required", 1), "log/unnamed "+c)
	f("an empty event", "", `{"event":""}`+a, 400, bad(13, "Event field cannot be blank", 0))
	f("a null event", "", `{"event":null}`, 400, bad(13, "Event field cannot be blank", 0))
	f("fields that are none", "", `{"event":"x","fields":[1]}`, 400, bad(15, "Error in handling indexed fields", 0))
	f("not the schema", "", `{"sourcetype":"app/billing","event":{}}`, 400, bad(6, "Invalid data format: parse body: byte 2: want at least one member", 0))
	f("no such path", "/mint", a, 404, `{"text":"The requested URL was not found on this server.","code":404}`)
	for what, text := range map[string]string{
		"text": "hello", "a number": "7", "broken off": `{"event":"x"`, "a broken array": `[{"event":"y"}`, "an array in an array": `[[{"event":"z"}]]`,
		"a stray bracket": `]`, "a stray comma": `,{"event":"x"}`,
	} {
		size := r.trail.Size()
		if code, got := r.post("", text); code != 400 || !strings.HasPrefix(got, `{"text":"Invalid data format: `) || !strings.Contains(got, `"code":6,"invalid-event-number":`) {
			t.Errorf("%s: %d %s", what, code, got)
		}
		if n := len(r.raws(size)); n != strings.Count(what, "a broken array") {
			t.Errorf("%s: %d stored", what, n)
		}
	}
}

func TestRaw(t *testing.T) {
	r := open(t)
	f := func(what, path, text string, status int, code string, stored ...string) {
		t.Helper()
		size := r.trail.Size()
		got, answer := r.post(path, text)
		if got != status || !strings.Contains(answer, `"code":`+code) {
			t.Errorf("%s: %d %s", what, got, answer)
		}
		slices.Sort(stored)
		if now := r.raws(size); strings.Join(now, "\n") != strings.Join(stored, "\n") {
			t.Errorf("%s: stored\n%s\nwant\n%s", what, strings.Join(now, "\n"), strings.Join(stored, "\n"))
		}
	}
	f("lines", "/raw?sourcetype=sshd", "one\ntwo\n", 200, "0}", "log/sshd one", "log/sshd two")
	f("lines again", "/raw/1.0?sourcetype=sshd", "one\ntwo\n", 200, "0}")
	f("lines of a host", "/raw?host=web-1&sourcetype=sshd&time=1772357400.5", "one \"1\"\r\ntwo", 200, "0}",
		`log/sshd {"time":"1772357400.5","host":"web-1","sourcetype":"sshd","event":"one \"1\""}`, `log/sshd {"time":"1772357400.5","host":"web-1","sourcetype":"sshd","event":"two"}`)
	f("a known kind, enveloped", "/raw?source=aws.cloudtrail/prod&host=x", `{"Records":[`+trailRecord+`]}`, 200, "0}", "aws.cloudtrail/prod "+trailRecord)
	f("nothing", "/raw", "\n", 400, "5}")
	f("a time that is none", "/raw?time=now", "x", 400, "6}")
	f("a channel that is too long", "/raw?channel="+strings.Repeat("x", 200), "x", 400, "11}")
	f("a known kind that cannot be cut", "/raw?sourcetype=aws.cloudtrail/prod", `[`+trailRecord+`,`, 400, `6,"invalid-event-number":1}`) // its first event is there already
}

func TestWhoMaySend(t *testing.T) {
	r := open(t)
	f := func(what, authorization, path string, status int, answer string) {
		t.Helper()
		code, got := r.post(path, `{"event":"x","sourcetype":"aws.cloudtrail/prod"}`, "Authorization", authorization)
		if code != status || !strings.HasPrefix(got, answer) {
			t.Errorf("%s: %d %s", what, code, got)
		}
	}
	f("none", "", "", 401, `{"text":"Token is required","code":2}`)
	f("another scheme", "Digest evk_all", "", 401, `{"text":"Invalid authorization","code":3}`)
	f("another token", "Splunk evk_none", "", 403, `{"text":"Invalid token","code":4}`)
	f("in the query", "", "?token=evk_all", 400, `{"text":"Query string authorization is not enabled","code":16}`)
	f("not decided", "Splunk evk_later", "", 503, `{"text":"Server is busy","code":9}`)
	f("another source", "Splunk evk_log", "", 400, `{"text":"Incorrect index: source: this key may not append events of aws.cloudtrail/prod","code":7,"invalid-event-number":0}`)
	f("another source, raw", "Splunk evk_log", "/raw?sourcetype=aws.cloudtrail/prod", 403, `{"text":"Incorrect index: source: `)
	f("Splunk", "splunk evk_all", "", 200, `{"text":"Success"`)
	f("Bearer", "Bearer evk_all", "", 200, `{"text":"Success"`)
	f("Basic", "Basic eDpldmtfYWxs", "", 200, `{"text":"Success"`)
}

func TestAcks(t *testing.T) {
	r := open(t)
	f := func(path, text, want string, header ...string) {
		t.Helper()
		if _, got := r.post(path, text, header...); got != want {
			t.Errorf("%s: %s; want %s", path, got, want)
		}
	}
	const channel = "FE0ECFAD-13D5-401B-847D-77833BD77131"
	f("", `{"event":"x"}`, `{"text":"Success","code":0,"ackId":40}`, "X-Splunk-Request-Channel", channel)
	f("/raw?channel="+channel, `line`, `{"text":"Success","code":0,"ackId":41}`)
	f("", `{"event":""}`, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`, "X-Splunk-Request-Channel", channel)
	f("", `{"event":"x"}`, `{"text":"Success","code":0}`)
	f("/ack?channel="+channel, `{"acks":[41,7,41]}`, `{"acks":{"41":true,"7":true}}`)
	f("/ack", `{"acks":[]}`, `{"acks":{}}`, "X-Splunk-Request-Channel", channel)
	f("/ack", `{"acks":[1]}`, `{"text":"Data channel is missing","code":10}`)
	f("/ack?channel=x", `{}`, `{"text":"Invalid data format: expected {\"acks\":[0,1,2]}","code":6}`)
}

func TestHealthAndMethods(t *testing.T) {
	r := open(t)
	f := func(method, path string, status int, answer string) {
		t.Helper()
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(method, "/services/collector"+path, http.NoBody))
		if w.Code != status || w.Body.String() != answer {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	f("GET", "/health", 200, `{"text":"HEC is healthy","code":17}`)
	f("GET", "/health/1.0", 200, `{"text":"HEC is healthy","code":17}`)
	f("OPTIONS", "/event/1.0", 200, "")
	f("GET", "/event", 405, `{"text":"Method Not Allowed","code":405}`)
	r.sick = errors.New("the disk is full")
	f("GET", "/health", 503, `{"text":"HEC is unhealthy, queues are full","code":18}`)
}

// Requests as clients document them, with the answers that they look for.
func TestClients(t *testing.T) {
	r := open(t)
	f := func(client, path, text, has string, source string, header ...string) {
		t.Helper()
		size := r.trail.Size()
		code, got := r.post(path, text, header...)
		if code != 200 || !strings.Contains(got, has) {
			t.Errorf("%s: %d %s", client, code, got)
		}
		stored := r.raws(size)
		if len(stored) != 2 {
			t.Errorf("%s: %d stored", client, len(stored))
		}
		for _, raw := range stored {
			if !strings.HasPrefix(raw, source+" {") {
				t.Errorf("%s: %s; want %s", client, raw, source)
			}
		}
	}
	f("Fluent Bit", "/event", `{"time":1772357400.123,"host":"web-1","sourcetype":"nginx","event":{"log":"a"}}{"time":1772357400.124,"host":"web-1","sourcetype":"nginx","event":{"log":"b"}}`,
		`"code":0`, "log/nginx", "Content-Type", "application/json", "User-Agent", "Fluent-Bit")
	f("Vector", "/event", `{"event":{"message":"a"},"fields":{},"time":1772357400.123,"host":"web-1","sourcetype":"web"}{"event":{"message":"b"},"fields":{},"time":1772357400.124,"host":"web-1","sourcetype":"web"}`,
		`"ackId":`, "log/web", "X-Splunk-Request-Channel", "FE0ECFAD-13D5-401B-847D-77833BD77131")
	f("Fluentd", "", `{"host":"web-1","source":"app.web","index":"main","time":"1772357400.123","event":"{\"log\":\"a\"}"}`+"\n"+`{"host":"web-1","source":"app.web","index":"main","time":"1772357400.124","event":"{\"log\":\"b\"}"}`,
		`"text":"Success"`, "log/app.web")
	f("OpenTelemetry Collector", "", `{"time":1772357400.123,"host":"unknown","source":"otel","sourcetype":"otel","event":"a","fields":{"service.name":"web"}}`+"\r\n\r\n"+`{"time":1772357400.124,"host":"unknown","source":"otel","sourcetype":"otel","event":"b","fields":{"service.name":"web"}}`,
		`"code":0`, "log/otel")
	f("Docker", "/event/1.0", `{"event":{"line":"a","source":"stdout","tag":"web"},"time":"1772357400.123000","host":"web-1"}{"event":{"line":"b","source":"stdout","tag":"web"},"time":"1772357400.124000","host":"web-1"}`,
		`"code":0`, "log/unnamed")
}

// A server that cannot store says so in a way after which clients send again.
func TestFullDisk(t *testing.T) {
	r := open(t)
	r.full.Store(true)
	for _, path := range []string{"", "/raw?sourcetype=x", "/raw?host=x"} {
		if code, got := r.post(path, `{"event":"x"}`); code != 503 || got != `{"text":"Server is busy","code":9}` {
			t.Errorf("%s: %d %s", path, code, got)
		}
	}
	r.full.Store(false)
	if code, got := r.post("", `{"event":"x"}`); code != 200 || len(r.raws(0)) != 1 {
		t.Errorf("%d %s", code, got)
	}
}

func TestGzip(t *testing.T) {
	r := open(t)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte(`{"event":"x"}`))
	w.Close()
	if code, got := r.post("", z.String(), "Content-Encoding", "gzip"); code != 200 || len(r.raws(0)) != 1 {
		t.Errorf("%d %s", code, got)
	}
	if code, got := r.post("", "plain", "Content-Encoding", "gzip"); code != 400 || !strings.Contains(got, `"code":6`) {
		t.Errorf("%d %s", code, got)
	}
}

func FuzzEvents(f *testing.F) {
	for _, s := range []string{`{"event":"x"}`, `[{"event":{"a":1}},{"event":"y","fields":{}}]`, `{"event":"x","sourcetype":"aws.cloudtrail/x"}{`, "[[", "]"} {
		f.Add([]byte(s), "/event")
		f.Add([]byte(s), "/raw")
		f.Add([]byte(s), "/ack?channel=x")
	}
	r := open(f)
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		switch path {
		case "/event", "/raw", "/raw?host=x", "/ack?channel=x":
		default:
			return
		}
		r.t = t
		size := r.trail.Size()
		code, answer := r.post(path, string(text))
		if code != 200 && code != 400 {
			t.Errorf("%d %s", code, answer)
		}
		// What is answered for is there, verbatim.
		for _, raw := range r.raws(size) {
			if _, raw, _ = strings.Cut(raw, " "); path == "/event" && strings.HasPrefix(raw, "{") && !bytes.Contains(text, []byte(raw)) && !bytes.Contains(text, []byte(`\`)) {
				t.Errorf("%q is not in %q", raw, text)
			}
		}
	})
}
