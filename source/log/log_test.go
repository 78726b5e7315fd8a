package log_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source/log"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, log.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, log.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))

func one(t *testing.T, raw string) event.Event {
	t.Helper()
	e, mapped := log.Kind.Event("log/test", func() string { return "1" }, []byte(raw), now)
	if !mapped {
		t.Fatalf("%q: %s", raw, e.OutcomeReason)
	}
	return e
}

func TestTimes(t *testing.T) {
	const arrival = "2026-03-01T11:00:00Z"
	for value, want := range map[string]string{
		`1772357400`:                        "2026-03-01T09:30:00Z",
		`1772357400.5`:                      "2026-03-01T09:30:00.5Z",
		`1.7723574e9`:                       "2026-03-01T09:30:00Z",
		`1772357400123`:                     "2026-03-01T09:30:00.123Z",
		`1772357400123.25`:                  "2026-03-01T09:30:00.12325Z",
		`1772357400123456`:                  "2026-03-01T09:30:00.123456Z",
		`"1772357400123456789"`:             "2026-03-01T09:30:00.123456789Z",
		`"2026-03-01T10:30:00+01:00"`:       "2026-03-01T09:30:00Z",
		`"2026-03-01T10:30:00+0100"`:        "2026-03-01T09:30:00Z",
		`"2026-03-01T10:30:00.5"`:           "2026-03-01T09:30:00.5Z",
		`"2026-03-01 10:30:00,123"`:         "2026-03-01T09:30:00.123Z",
		`"2026-03-01 09:30:00.5 UTC"`:       "2026-03-01T09:30:00.5Z",
		`"2026/03/01 10:30:00"`:             "2026-03-01T09:30:00Z",
		`"01/Mar/2026:09:30:00 +0000"`:      "2026-03-01T09:30:00Z",
		`"Sun, 01 Mar 2026 09:30:00 +0000"`: "2026-03-01T09:30:00Z",
		`"Mar  1 10:30:00"`:                 "2026-03-01T09:30:00Z",
		`12`:                                arrival,
		`-1772357400`:                       arrival,
		`99999999999999999999`:              arrival,
		`1e300`:                             arrival,
		`"yesterday"`:                       arrival,
		`"0001-01-01T00:00:00Z"`:            arrival,
		`null`:                              arrival,
		`""`:                                arrival,
	} {
		if got := one(t, `{"time":`+value+`}`).OccurredAt.Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

func TestActors(t *testing.T) {
	for raw, want := range map[string]event.Actor{
		`{"user":"ana"}`:        {Type: event.User, ID: "ana"},
		`{"User":{"Name":"a"}}`: {Type: event.User, ID: "a"},
		`{"userId":7,"user":"ana","user_email":"ana@example.com"}`: {Type: event.User, ID: "7", Name: "ana", Email: "ana@example.com"},
		`{"user":{"email":"ana@example.com"}}`:                     {Type: event.User, ID: "ana@example.com", Email: "ana@example.com"},
		`{"user":{"email":"ana at home"}}`:                         {Type: event.User, ID: "ana at home"},
		`{"user":"unknown","host":"h","service":"s"}`:              {Type: event.ActorSystem, ID: "h/s"},
		`{"user":null}`:                                          {Type: event.ActorSystem, ID: "unknown"},
		`{"user":["a","b"]}`:                                     {Type: event.User, ID: "a"},
		`{"actor":{"type":"service","id":"ci"}}`:                 {Type: event.Service, ID: "ci"},
		`{"actor_id":"1","session_id":"s"}`:                      {Type: event.User, ID: "1", Session: "s"},
		`{"msg":"user=ana logged in","email":"ana@example.com"}`: {Type: event.ActorSystem, ID: "unknown"},
		`user=ana logged in`:                                     {Type: event.ActorSystem, ID: "unknown"},
	} {
		if got := one(t, raw).Actor; got != want {
			t.Errorf("%s: %+v", raw, got)
		}
	}
}

func TestActionsAndOutcomes(t *testing.T) {
	for raw, want := range map[string]string{
		`{"action":"Login"}`:                             "session.start authentication unknown",
		`{"event":"Order:Ship"}`:                         "order.ship system unknown",
		`{"event":{"action":"a/b/c/d/e"}}`:               "a.b.c.d_e system unknown",
		`{"event":{"action":"x","category":"database"}}`: "log.x data unknown",
		`{"action":"a b","event":"c"}`:                   "log.c system unknown",
		`{"action":"123"}`:                               "log.line system unknown",
		`{"action":"..."}`:                               "log.line system unknown",
		`{"outcome":"Denied"}`:                           "log.line system denied",
		`{"success":true}`:                               "log.line system success",
		`{"success":false}`:                              "log.line system failure",
		`{"status":403,"level":"error"}`:                 "log.line system unknown",
		`{"status":"ok"}`:                                "log.line system success",
		`{"result":"weird","status":"blocked"}`:          "log.line system denied",
	} {
		e := one(t, raw)
		if got := e.Action + " " + string(e.Category) + " " + string(e.Outcome); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

// TestNothingIsTakenForAnID holds that numbers of event types are not ids: events
// with the same one would be taken for one another.
func TestNothingIsTakenForAnID(t *testing.T) {
	for raw, want := range map[string]string{
		`{"event":{"id":"4624"}}`:                                 "1",
		`{"id":"f2f7c4b0-1111-4222-8333-444455556666"}`:           "1",
		`{"event":{"id":"f2f7c4b0-1111-4222-8333-444455556666"}}`: "f2f7c4b0-1111-4222-8333-444455556666",
	} {
		if got := one(t, raw).ID; got != want {
			t.Errorf("%s: %s", raw, got)
		}
	}
}

func TestRealFiles(t *testing.T) {
	const file = "../../../shared/data/open/generic_json/crowdsec_teleport-bf.log"
	body, err := os.ReadFile(file)
	if err != nil {
		t.Skip("SKIPPED: the shared samples are not there")
	}
	n := 0
	for raw, err := range log.Kind.Split(bytes.NewReader(body)) {
		if err != nil {
			t.Fatal(err)
		}
		e := one(t, string(raw))
		if n++; e.Action != "session.start" || e.Outcome != event.Failure || e.Actor.ID != "Bekekrb" || e.Where.IP != "172.19.0.2" || e.OccurredAt.Year() != 2023 {
			t.Errorf("%+v", e)
		}
		sourcetest.Check(t, log.Kind, raw)
	}
	if n != bytes.Count(bytes.TrimSpace(body), []byte("\n"))+1 {
		t.Error(n)
	}
}

func BenchmarkMap(b *testing.B) {
	raw, err := os.ReadFile("testdata/ecs_nested.json")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := log.Kind.Map(raw, now); err != nil {
			b.Fatal(err)
		}
	}
}
