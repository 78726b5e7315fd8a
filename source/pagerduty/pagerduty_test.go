package pagerduty_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/pagerduty"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, pagerduty.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, pagerduty.Kind, "testdata") }

func TestEveryRowOfTheTable(t *testing.T) {
	for native, want := range pagerduty.Kind.Actions {
		raw := fmt.Sprintf(`{"id":"1","type":"%s_log_entry","created_at":"2026-03-01T09:00:00Z"}`, native)
		if name, ok := strings.CutPrefix(native, "audit:"); ok {
			resource, verb, _ := strings.Cut(name, ".")
			raw = fmt.Sprintf(`{"id":"1","execution_time":"2026-03-01T09:00:00Z","root_resource":{"id":"x","type":"%s_reference"},"action":%q}`, resource, verb)
		} else if strings.Contains(native, ".") {
			raw = fmt.Sprintf(`{"id":"1","event_type":%q,"occurred_at":"2026-03-01T09:00:00Z"}`, native)
		} else if native == "oncall" {
			raw = `{"escalation_policy":{"id":"p"},"user":{"id":"u"},"start":"2026-03-01T09:00:00Z"}`
		}
		e, err := pagerduty.Kind.Map([]byte(raw), time.Time{})
		if err != nil || e.Action != want.Action || e.Category != want.Category || e.NativeAction != native {
			t.Errorf("%s: %+v, %v", native, e, err)
		}
	}
}

func TestDeliveries(t *testing.T) {
	a, b := `{"id":"1","type":"trigger_log_entry"}`, `{"id":"2","type":"resolve_log_entry"}`
	f := func(delivery string, want ...string) {
		t.Helper()
		var got []string
		for raw, err := range pagerduty.Kind.Split(strings.NewReader(delivery)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	}
	f(`{"log_entries":[`+a+`,`+b+`],"limit":100,"offset":0,"more":false,"total":null}`, a, b)
	f(`{"oncalls":[`+a+`]}`, a)
	f(`{"records":[`+a+`],"next_cursor":null}`, a)
	f(`{"event":`+a+`}`, a)
	f(a+"\n"+b, a, b)
}

func TestSecretsAreNotCopied(t *testing.T) {
	raw, err := os.ReadFile("testdata/trigger.json")
	if err != nil {
		t.Fatal(err)
	}
	e, _ := pagerduty.Kind.Event("pagerduty/x", nil, raw, time.Time{})
	if e.Raw = nil; strings.Contains(string(e.AppendJSON(nil)), "SECRET") {
		t.Errorf("%s", e.AppendJSON(nil))
	}
}

func TestOutcomesAndActors(t *testing.T) {
	f := func(kind, agent string, outcome event.Outcome, actor event.Actor) {
		t.Helper()
		e, err := pagerduty.Kind.Map([]byte(`{"id":"1","type":"`+kind+`_log_entry","created_at":"2026-03-01T09:00:00Z","agent":`+agent+`}`), time.Time{})
		if err != nil || e.Outcome != outcome || e.Actor != actor {
			t.Errorf("%s %s: %+v, %v", kind, agent, e, err)
		}
	}
	f("resolve", `{"id":"U","type":"user_reference","summary":"A"}`, event.Success, event.Actor{Type: event.User, ID: "U", Name: "A"})
	f("trigger", `{"id":"S","type":"service_reference"}`, event.Success, event.Actor{Type: event.Service, ID: "S"})
	f("exhaust_escalation_path", `null`, event.Failure, event.Actor{Type: event.ActorSystem, ID: "pagerduty"})
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ask fetches pages from a cursor until there is no more, and returns what was
// asked for and the ids of all events.
func ask(t *testing.T, what, cursor string, answer func(path string, q url.Values) string) (asked, ids []string, next string) {
	t.Helper()
	api := &source.API{Base: "https://api.example.com", Settings: map[string]string{"what": what}, Now: func() time.Time { return now }}
	api.Do = func(r *http.Request) (*source.Response, error) {
		q := r.URL.Query()
		asked = append(asked, q.Get("since")+" "+q.Get("until")+" "+q.Get("offset")+q.Get("cursor"))
		return &source.Response{Status: 200, Body: []byte(answer(r.URL.Path, q))}, nil
	}
	for range 200 {
		p, err := pagerduty.Kind.Pull.Page(t.Context(), api, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for raw, err := range pagerduty.Kind.Split(bytes.NewReader(p.Delivery)) {
			e, mapped := pagerduty.Kind.Event("pagerduty/x", nil, raw, now)
			if err != nil || !mapped {
				t.Fatalf("%+v, %v", e, err)
			}
			ids = append(ids, e.ID)
		}
		if cursor = p.Next; !p.More {
			return asked, ids, cursor
		}
	}
	t.Fatal("it does not end")
	return nil, nil, ""
}

func entry(id, at string) string {
	return fmt.Sprintf(`{"id":%q,"type":"trigger_log_entry","created_at":%q}`, id, at)
}

func TestPagesToTheEnd(t *testing.T) {
	begin := pagerduty.Kind.Pull.From(time.Date(2026, 2, 27, 12, 0, 0, 0, time.UTC))
	answer := func(path string, q url.Values) string {
		if path != "/log_entries" {
			t.Errorf("asked %s", path)
		}
		switch {
		case q.Get("since") == "2026-02-28T12:00:00Z" && q.Get("offset") == "0":
			return `{"log_entries":[` + entry("b", "2026-03-01T11:00:00Z") + `],"more":true}`
		case q.Get("since") == "2026-02-28T12:00:00Z":
			return `{"log_entries":[` + entry("a", "2026-03-01T10:00:00Z") + `],"more":false}`
		}
		return `{"log_entries":[],"more":false}`
	}
	asked, ids, next := ask(t, "", begin, answer)
	if !slices.Equal(asked, []string{"2026-02-27T12:00:00Z 2026-02-28T12:00:00Z 0", "2026-02-28T12:00:00Z 2026-03-01T12:00:00Z 0", "2026-02-28T12:00:00Z 2026-03-01T12:00:00Z 100"}) || !slices.Equal(ids, []string{"b", "a"}) {
		t.Errorf("asked %q, %v", asked, ids)
	}
	if next != `{"since":"2026-03-01T11:00:00Z"}` {
		t.Error(next)
	}
	if _, ids, again := ask(t, "", next, answer); again != next || len(ids) != 0 {
		t.Errorf("with nothing new the cursor moved to %s", again)
	}
}

func TestBusyPeriodsAreAskedForInParts(t *testing.T) {
	asked, _, next := ask(t, "log_entries", `{"since":"2026-03-01T10:00:00Z"}`, func(_ string, q url.Values) string {
		if q.Get("until") == "2026-03-01T12:00:00Z" && q.Get("since") == "2026-03-01T10:00:00Z" {
			return `{"log_entries":[` + entry("x", "2026-03-01T11:59:00Z") + `],"more":true}`
		}
		return `{"log_entries":[],"more":false}`
	})
	if n := len(asked); n != 102 || asked[99] != "2026-03-01T10:00:00Z 2026-03-01T12:00:00Z 9900" || asked[100] != "2026-03-01T10:00:00Z 2026-03-01T11:00:00Z 0" || asked[101] != "2026-03-01T11:00:00Z 2026-03-01T12:00:00Z 0" {
		t.Errorf("%d: %q", n, asked[max(0, n-3):])
	}
	if next != `{"since":"2026-03-01T11:00:00Z"}` {
		t.Error(next)
	}
}

func TestShiftsThatHaveBegun(t *testing.T) {
	shift := func(start string) string {
		return fmt.Sprintf(`{"escalation_policy":{"id":"p"},"user":{"id":"u"},"escalation_level":1,"start":%s,"end":null}`, start)
	}
	_, ids, next := ask(t, "oncalls", `{"since":"2026-03-01T08:00:00Z"}`, func(path string, _ url.Values) string {
		return `{"oncalls":[` + strings.Join([]string{shift(`"2026-03-01T07:00:00Z"`), shift(`"2026-03-01T09:00:00Z"`), shift(`"2026-03-01T13:00:00Z"`), shift("null")}, ",") + `],"more":false}`
	})
	if !slices.Equal(ids, []string{"oncall/u//p/1/2026-03-01T09:00:00Z/"}) || next != `{"since":"2026-03-01T09:00:00Z"}` {
		t.Errorf("%v %s", ids, next)
	}
}

func TestAuditIsPagedByCursor(t *testing.T) {
	record := `{"id":"r1","execution_time":"2026-03-01T11:00:00Z","root_resource":{"id":"x","type":"user_reference"},"action":"create"}`
	asked, ids, _ := ask(t, "audit", `{"since":"2026-03-01T10:00:00Z"}`, func(_ string, q url.Values) string {
		if q.Get("cursor") == "" {
			return `{"records":[` + record + `],"next_cursor":"c2"}`
		}
		return `{"records":[` + strings.Replace(record, "r1", "r2", 1) + `],"next_cursor":null}`
	})
	if len(asked) != 2 || !slices.Equal(ids, []string{"r1", "r2"}) {
		t.Errorf("%q %v", asked, ids)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	api := &source.API{Base: "https://api.example.com", Settings: map[string]string{}, Now: func() time.Time { return now }}
	api.Do = func(*http.Request) (*source.Response, error) { return &source.Response{Body: []byte(`{"log_`)}, nil }
	for what, cursor := range map[string]string{"": `{"since":"2026-03-01T10:00:00Z"}`, "oncalls": "x", "nothing": `{"since":"2026-03-01T10:00:00Z"}`} {
		api.Settings["what"] = what
		if _, err := pagerduty.Kind.Pull.Page(t.Context(), api, cursor); err == nil {
			t.Errorf("%q: no error", what)
		}
	}
}

func TestWhatIsNotOfPagerDutyIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := pagerduty.Kind.Map([]byte(raw), time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f("{", "not JSON")
	f("{}", "neither log entry")
	f(`{"type":"trigger_log_entry","created_at":"2026-03-01T11:00:00Z"}`, "id is missing")
	f(`{"id":"1","type":"trigger_log_entry"}`, "no time")
	f(`{"user":{},"escalation_policy":{}}`, "always on call")
}
