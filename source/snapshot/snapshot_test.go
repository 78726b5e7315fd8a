package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/snapshot"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, snapshot.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, snapshot.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// take asks with settings and returns what was sent, and the page.
func take(settings map[string]string, status int, header http.Header, body string) (r *http.Request, sent string, p source.Page, err error) {
	api := &source.API{Base: "https://api.example.com", Settings: settings, Now: func() time.Time { return now }}
	api.Do = func(req *http.Request) (*source.Response, error) {
		r = req
		b, _ := io.ReadAll(req.Body)
		sent = string(b)
		resp := &source.Response{Status: status, Header: header, Body: []byte(body)}
		if status/100 != 2 {
			return nil, &source.StatusError{Response: resp, Request: "GET x"}
		}
		return resp, nil
	}
	p, err = snapshot.Kind.Pull.Page(context.Background(), api, "never")
	return r, sent, p, err
}

func TestAnswersAreKeptByteForByte(t *testing.T) {
	const body = `{ "b" : 1.50, "a":["é","\u00e9"] }`
	_, _, p, err := take(map[string]string{"name": "mine", "path": "/settings?api_key=abc&b=c"}, 200, http.Header{"Set-Cookie": {"s=1"}, "X-Auth-Token": {"t"}, "Etag": {"1"}}, body)
	if err != nil || p.More || p.Next != "2026-03-01T06:00:00Z" || !bytes.Contains(p.Delivery, []byte(`"body":`+body)) {
		t.Fatalf("%s %+v %v", p.Delivery, p, err)
	}
	if bytes.Contains(p.Delivery, []byte("abc")) || bytes.Contains(p.Delivery, []byte("s=1")) || bytes.Contains(p.Delivery, []byte(`"t"`)) || !bytes.Contains(p.Delivery, []byte(`"Etag":"1"`)) {
		t.Errorf("%s", p.Delivery)
	}
	for raw, err := range snapshot.Kind.Split(bytes.NewReader(p.Delivery)) {
		e, mapped := snapshot.Kind.Event("snapshot/x", nil, raw, now)
		if err != nil || !mapped || e.NativeAction != "mine" || e.Outcome != event.Success {
			t.Errorf("%+v, %v", e, err)
		}
	}
	for _, text := range []string{"<a>1</a>", "plain", `{"a":1,"a":2}`, "\xff\x00", ""} {
		_, _, p, err := take(map[string]string{"name": "mine", "path": "/"}, 200, nil, text)
		if err != nil {
			t.Fatal(err)
		}
		sourcetest.Check(t, snapshot.Kind, p.Delivery)
		if e, mapped := snapshot.Kind.Event("snapshot/x", nil, p.Delivery, now); !mapped {
			t.Errorf("%q: %+v", text, e)
		}
	}
}

func TestAnswersThatSayNo(t *testing.T) {
	for status, want := range map[int]event.Outcome{401: event.Denied, 403: event.Denied, 404: event.Failure, 400: event.Failure} {
		_, _, p, err := take(map[string]string{"name": "mine", "path": "/"}, status, nil, "no")
		e, mapped := snapshot.Kind.Event("snapshot/x", nil, p.Delivery, now)
		if err != nil || !mapped || e.Outcome != want {
			t.Errorf("%d: %s, %v", status, e.Outcome, err)
		}
	}
	for _, status := range []int{408, 429, 500, 503} {
		_, _, p, err := take(map[string]string{"name": "mine", "path": "/"}, status, nil, "no")
		var s *source.StatusError
		if !errors.As(err, &s) || p.Delivery != nil {
			t.Errorf("%d is a snapshot: %v", status, err)
		}
	}
}

func TestRecipes(t *testing.T) {
	settings := map[string]string{
		"account": "111122223333", "region": "eu-west-1", "trail": `main"x`, "bucket": "example-logs", "owner": "example", "repo": "booking", "branch": "release/1", "org": "example", "domain": "example.okta.com",
	}
	for _, r := range snapshot.Recipes {
		set := maps.Clone(settings)
		set["recipe"] = r.Name
		if _, ok := snapshot.Lookup(r.Name); !ok {
			t.Errorf("%s is not found", r.Name)
		}
		base, err := r.Address(set)
		if err != nil || !strings.HasPrefix(base, "https://") || strings.Contains(base, "{") {
			t.Errorf("%s: %s, %v", r.Name, base, err)
		}
		req, sent, p, err := take(set, 200, nil, "{}")
		if err != nil || strings.Contains(req.URL.String(), "{") || !emptyOrJSON(sent) {
			t.Errorf("%s: %v %q %v", r.Name, req, sent, err)
			continue
		}
		e, mapped := snapshot.Kind.Event("snapshot/x", nil, p.Delivery, now)
		if !mapped || e.NativeAction != r.Name || len(e.Targets) != 1 || e.Targets[0].Type != r.TargetType || strings.Contains(e.Targets[0].ID, "{") {
			t.Errorf("%s: %+v", r.Name, e)
		}
	}
	set := maps.Clone(settings)
	set["recipe"] = "github.branch_protection"
	req, _, _, _ := take(set, 200, nil, "{}")
	if got := req.URL.EscapedPath(); got != "/repos/example/booking/branches/release%2F1/protection" {
		t.Error(got)
	}
	set["recipe"] = "aws.trail_status"
	req, sent, _, _ := take(set, 200, nil, "{}")
	if sent != `{"Name":"main\"x"}` || !strings.HasSuffix(req.Header.Get("X-Amz-Target"), ".GetTrailStatus") {
		t.Error(sent, req.Header)
	}
	delete(set, "trail")
	if _, _, _, err := take(set, 200, nil, "{}"); err == nil || !strings.Contains(err.Error(), "trail") {
		t.Error(err)
	}
	if _, _, _, err := take(map[string]string{"recipe": "no.such"}, 200, nil, ""); err == nil {
		t.Error("a recipe that is none")
	}
}

// emptyOrJSON reports whether what is sent is nothing or JSON.
func emptyOrJSON(sent string) bool { return sent == "" || source.Valid([]byte(sent)) == nil }

func TestDifferences(t *testing.T) {
	set := map[string]string{"name": "mine", "path": "/x"}
	state := func(status int, body string) []byte {
		t.Helper()
		_, _, p, err := take(set, status, http.Header{"Date": {time.Now().String()}}, body)
		if err != nil {
			t.Fatal(err)
		}
		key, s := snapshot.Kind.Change.Of(p.Delivery)
		if !strings.HasPrefix(key, "mine/") {
			t.Errorf("key %q", key)
		}
		return s
	}
	f := func(s1, s2 []byte, want string) {
		t.Helper()
		if got := string(source.Diff(s1, s2)); got != `{"changes":[`+want+`]}` {
			t.Errorf("%s", got)
		}
	}
	f(state(200, `{"a":1,"ResponseMetadata":{"RequestId":"1"}}`), state(200, `{"a":1,"ResponseMetadata":{"RequestId":"2"}}`), "")
	f(state(200, `{"a":1}`), state(200, `{"a":2}`), `{"path":"/body/a","from":1,"to":2}`)
	xml := func(more, id string) string {
		return `<R xmlns="x"><Rule><Days>1</Days></Rule><Rule><Days>2</Days></Rule>` + more + `<RequestId>` + id + `</RequestId></R>`
	}
	f(state(200, xml("", "1")), state(200, xml("", "2")), "")
	f(state(200, xml("", "1")), state(200, xml("<Rule><Days>3</Days></Rule><On>true</On>", "2")), `{"path":"/body/R/On","from":null,"to":"true"},{"path":"/body/R/Rule","added":[{"Days":"3"}]}`)
	f(state(200, `{"on":true}`), state(404, "not found"), `{"path":"/body","from":{"on":true},"to":"not found"},{"path":"/status","from":200,"to":404}`)
	f(state(200, "<a><b>"), state(200, "<a><c>"), `{"path":"/body","from":"\u003ca\u003e\u003cb\u003e","to":"\u003ca\u003e\u003cc\u003e"}`)
}

func TestWhatIsNoSnapshotIsRefusedWithTheReason(t *testing.T) {
	for _, raw := range []string{"", "{", "{}", `{"snapshot":"a","taken_at":"x","status":200}`, `{"snapshot":"a","taken_at":"2026-03-01T06:00:02Z"}`} {
		if _, err := snapshot.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), "not ") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestRecipesOfEverySystemThatIsAskedFor(t *testing.T) {
	var names []string
	for _, r := range snapshot.Recipes {
		names = append(names, r.Name)
	}
	for _, want := range []string{"aws.password_policy", "aws.trail_status", "aws.s3_object_lock", "aws.s3_public_access_block", "github.branch_protection", "okta.password_policies"} {
		if !slices.Contains(names, want) {
			t.Errorf("no recipe %s", want)
		}
	}
}
