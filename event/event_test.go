package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
)

// minimal is the smallest event that is acceptable.
const minimal = `{"id":"1","source":"app/billing","occurred_at":"2026-03-01T09:30:00Z",` +
	`"actor":{"type":"user","id":"u1"},"action":"role.grant","category":"privileged","outcome":"success"}`

// full has every member, one of them with escapes.
const full = `{"schema":"evident.event/1","id":"e-1","source":"okta/acme","occurred_at":"2026-03-01T09:30:00.25Z",` +
	`"actor":{"type":"user","id":"u1","name":"Ana \"A\" Lima","email":"ana@acme.example","role":"admin","session":"s1","mfa":true},` +
	`"action":"role.grant","native_action":"user.account.privilege.grant","category":"privileged",` +
	`"targets":[{"type":"user","id":"u2","name":"Bo"},{"type":"role","id":"r1"}],` +
	`"outcome":"denied","outcome_code":"E403","outcome_reason":"policy",` +
	`"where":{"ip":"2001:db8::7","user_agent":"curl/8","host":"h1","region":"eu-1","account":"123"},` +
	`"why":{"ticket":"SEC-7","approval":"a1","change":"c1","session":"s2","incident":"i1","policy":"p1","reason":"on call"},` +
	`"detail":{"granted_role":"admin","n":[1,2,{"x":null}]},"request_id":"r-1","trace_id":"t-1","raw":"{\"a\":\"\\u00e9\"}\n"}`

func fields(t testing.TB, body []byte) []proof.Field {
	t.Helper()
	f, err := proof.ParseBody(body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return f
}

// both reads body by either way and holds that they agree.
func both(t testing.TB, body string) (event.Event, error) {
	t.Helper()
	a, errA := event.FromFields(fields(t, []byte(body)))
	b, errB := event.Parse([]byte(body))
	if (errA == nil) != (errB == nil) || errA != nil && errA.Error() != errB.Error() {
		t.Fatalf("FromFields says %v, Parse says %v\n%s", errA, errB, body)
	}
	if b.Detail = nil; !bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil)) {
		t.Fatalf("FromFields and Parse differ\n%s", body)
	}
	return a, errA
}

func TestFullEventIsReadAndWrittenTheSame(t *testing.T) {
	if _, err := both(t, full); err != nil {
		t.Fatal(err)
	}
	e, err := event.Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := string(e.AppendJSON(nil)); got != full {
		t.Errorf("got  %s\nwant %s", got, full)
	}
	if e.Actor.MFA == nil || !*e.Actor.MFA || e.Actor.Name != `Ana "A" Lima` || e.Why.Reason != "on call" ||
		string(e.Raw) != "{\"a\":\"\\u00e9\"}\n" || e.OccurredAt.Nanosecond() != 250_000_000 {
		t.Errorf("%+v", e)
	}
}

func TestTargetComesBeforeTargets(t *testing.T) {
	e, err := both(t, strings.Replace(minimal, `"outcome"`, `"targets":[{"id":"b"},{"name":"c"}],"target":{"id":"a"},"outcome"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Target{{ID: "a"}, {ID: "b"}, {Name: "c"}}
	if len(e.Targets) != 3 || e.Targets[0] != want[0] || e.Targets[1] != want[1] || e.Targets[2] != want[2] {
		t.Errorf("%+v", e.Targets)
	}
}

func TestIDMayBeLeftToTheIntake(t *testing.T) {
	e, err := both(t, strings.Replace(minimal, `"id":"1",`, ``, 1))
	if err != nil {
		t.Fatal(err)
	}
	var r *event.Refusal
	if err := e.Validate(); !errors.As(err, &r) || r.Field != "id" {
		t.Errorf("Validate without an id says %v", err)
	}
}

func TestNullIsAbsent(t *testing.T) {
	body := strings.Replace(minimal, `"outcome"`, `"target":null,"targets":null,"where":null,"why":null,"detail":null,`+
		`"request_id":null,"raw":null,"raw_encoding":null,"native_action":"","outcome"`, 1)
	body = strings.Replace(body, `"id":"u1"`, `"id":"u1","mfa":null,"email":null,"name":""`, 1)
	e, err := both(t, body)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := both(t, minimal)
	if !bytes.Equal(e.AppendJSON(nil), want.AppendJSON(nil)) {
		t.Errorf("%s", e.AppendJSON(nil))
	}
}

var long = strings.Repeat("x", event.MaxStringBytes+1)

// refused has what is wrong with minimal when old is replaced by new, and how it
// is said.
var refused = []struct{ name, old, new, want string }{
	{"no actor", `"actor":{"type":"user","id":"u1"},`, ``, `actor: required, found nothing; want an object with type and id`},
	{"an empty actor", `{"type":"user","id":"u1"}`, `{}`, `actor: required`},
	{"an actor that is a string", `{"type":"user","id":"u1"}`, `"ana"`, `actor: found the string "ana"; want an object with type and id`},
	{"an actor without an id", `,"id":"u1"`, ``, `actor.id: required, found nothing; want the identity of the user`},
	{"an actor without a type", `"type":"user",`, ``, `actor.type: required`},
	{"an unknown actor type", `"type":"user"`, `"type":"robot"`, `actor.type: found "robot"; want user, service, system or anonymous`},
	{"an id that is a number", `"id":"u1"`, `"id":17`, `actor.id: found the number 17; want a string`},
	{"an e-mail address that is none", `"id":"u1"`, `"id":"u1","email":"ana"`, `actor.email: found "ana"; want an e-mail address`},
	{"mfa as a string", `"id":"u1"`, `"id":"u1","mfa":"true"`, `actor.mfa: found the string "true"; want true or false`},
	{"an unknown member of actor", `"id":"u1"`, `"id":"u1","uid":"7"`, `actor.uid: found an unknown field; want only the fields of evident.event/1; put others in detail`},
	{"an unknown member", `"outcome"`, `"severity":3,"outcome"`, `severity: found an unknown field`},
	{"a member with a hostile name", `"outcome"`, `"<script>\u202e":3,"outcome"`, `"<script>\u202e": found an unknown field`},
	{"a member with a slash in its name", `"outcome"`, `"actor/id":"x","outcome"`, `"actor/id": found an unknown field`},
	{"an empty id", `"id":"1"`, `"id":""`, `id: found an empty string; want a string of 1 to 512 bytes`},
	{"a null id", `"id":"1"`, `"id":null`, `id: found null`},
	{"a long id", `"id":"1"`, `"id":"` + long[:513] + `"`, `id: found 513 bytes`},
	{"no source", `"source":"app/billing",`, ``, `source: required, found nothing; want kind/name`},
	{"a source without a name", `app/billing`, `app`, `source: found "app"; want kind/name`},
	{"a time with an offset", `09:30:00Z`, `09:30:00+00:00`, `occurred_at: found "2026-03-01T09:30:00+00:00"; want a time in UTC such as`},
	{"a day that is none", `2026-03-01T`, `2026-02-29T`, `occurred_at: found`},
	{"ten digits of a second", `00Z`, `00.0123456789Z`, `occurred_at: found`},
	{"a year too early", `2026`, `1969`, `occurred_at: found`},
	{"a time that is a number", `"2026-03-01T09:30:00Z"`, `1740821400`, `occurred_at: found the number 1740821400`},
	{"no time", `"occurred_at":"2026-03-01T09:30:00Z",`, ``, `occurred_at: required`},
	{"an action with capitals", `role.grant`, `RoleGrant`, `action: found "RoleGrant"; want one to four words`},
	{"an action of five words", `role.grant`, `a.b.c.d.e`, `action: found`},
	{"an unknown category", `privileged`, `security`, `category: found "security"; want authentication, account, access`},
	{"no category", `"category":"privileged",`, ``, `category: required`},
	{"an unknown outcome", `success`, `ok`, `outcome: found "ok"; want success, failure, denied or unknown`},
	{"an address that is none", `"outcome"`, `"where":{"ip":"10.0.0.1:443"},"outcome"`, `where.ip: found "10.0.0.1:443"; want an IPv4 or IPv6 address`},
	{"an address with a zone", `"outcome"`, `"where":{"ip":"fe80::1%eth0"},"outcome"`, `where.ip: found`},
	{"where as an array", `"outcome"`, `"where":["x"],"outcome"`, `where: found an array; want an object`},
	{"a long string", `"outcome"`, `"where":{"host":"` + long + `"},"outcome"`, `where.host: found 16385 bytes; want a string of at most 16384 bytes`},
	{"targets that are strings", `"outcome"`, `"targets":["u2"],"outcome"`, `targets: found an array of other things than objects`},
	{"targets that are an object", `"outcome"`, `"targets":{"a":{"id":"x"}},"outcome"`, `targets: found a member "a"; want an array`},
	{"an empty target", `"outcome"`, `"targets":[{"id":"a"},{}],"outcome"`, `targets.1: found an object; want an object with at least one of`},
	{"a target of empty strings", `"outcome"`, `"targets":[{"id":"a"},{"id":""}],"outcome"`, `targets.1: found an empty target`},
	{"an unknown member of a target", `"outcome"`, `"targets":[{"arn":"a"}],"outcome"`, `targets.0.arn: found an unknown field`},
	{"detail that is a string", `"outcome"`, `"detail":"x","outcome"`, `detail: found the string "x"; want an object`},
	{"detail that is an array", `"outcome"`, `"detail":[1],"outcome"`, `detail: found an array`},
	{"raw that is an object", `"outcome"`, `"raw":{},"outcome"`, `raw: found an object; want a string`},
	{"raw in another encoding", `"outcome"`, `"raw":"00","raw_encoding":"hex","outcome"`, `raw_encoding: found "hex"; want base64`},
	{"raw that is not base64", `"outcome"`, `"raw":"?","raw_encoding":"base64","outcome"`, `raw: found "?"; want standard base64`},
	{"another schema", `"outcome"`, `"schema":"evident.event/2","outcome"`, `schema: found "evident.event/2"; want evident.event/1`},
}

func TestRefusalsNameTheFieldAndWhatIsWanted(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			body := strings.Replace(minimal, c.old, c.new, 1)
			if body == minimal {
				t.Fatal("the test changes nothing")
			}
			a, errA := event.FromFields(fields(t, []byte(body)))
			_, errB := event.Parse([]byte(body))
			var r *event.Refusal
			if !errors.As(errA, &r) || !strings.HasPrefix(r.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", errA, c.want)
			}
			if errB == nil || r != nil && !strings.HasPrefix(errB.Error(), r.Field+":") && r.Field != "" && r.Field[0] != '"' {
				t.Errorf("Parse says %v", errB)
			}
			if a.ID != "" {
				t.Error("an event came with the error")
			}
		})
	}
}

func TestAnonymousNeedsNoID(t *testing.T) {
	if _, err := both(t, strings.Replace(minimal, `"type":"user","id":"u1"`, `"type":"anonymous"`, 1)); err != nil {
		t.Error(err)
	}
}

func TestParseRefusesWhatTheTrailRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 15) + "1" + strings.Repeat("}", 15)
	f := func(name, old, new string, ok bool) {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(minimal, old, new, 1)
			_, err := event.Parse([]byte(body))
			_, errTrail := proof.ParseBody([]byte(body))
			if (err == nil) != ok || (errTrail == nil) != ok {
				t.Errorf("Parse says %v, the trail says %v", err, errTrail)
			}
		})
	}
	f("a member twice", `"id":"1"`, `"id":"1","id":"2"`, false)
	f("a member twice by escape", `"id":"1"`, `"id":"1","\u0069d":"2"`, false)
	f("bytes that are not UTF-8", `"1"`, "\"\xff\"", false)
	f("half a surrogate pair", `"1"`, `"\ud800"`, false)
	f("half a surrogate pair in detail", `"outcome"`, `"detail":{"a":"\ud800x"},"outcome"`, false)
	f("half a surrogate pair in a name", `"outcome"`, `"detail":{"\udc00":1},"outcome"`, false)
	f("NUL in a name", `"outcome"`, `"detail":{"\u0000":1},"outcome"`, false)
	f("NUL in a value", `"outcome"`, `"detail":{"a":"\u0000"},"outcome"`, true)
	f("16 levels", `"outcome"`, `"detail":`+deep[5:len(deep)-1]+`,"outcome"`, true)
	f("17 levels", `"outcome"`, `"detail":{"a":`+deep+`},"outcome"`, false)
	f("an array for a body", minimal, `[`+minimal+`]`, false)
	f("two bodies", minimal, minimal+minimal, false)
	f("nothing", minimal, ``, false)
	f("a trailing comma", `"success"}`, `"success",}`, false)
	f("a number that floats cannot hold", `"outcome"`, `"detail":{"n":123456789012345678901234567890e-5},"outcome"`, true)
}

func TestAppendJSONNeverWritesBrokenText(t *testing.T) {
	e := event.Event{ID: "a\xffb", Source: "app/x", OccurredAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
		Actor: event.Actor{Type: event.User, ID: "\x00\x1f\b\f\u2028\"\\/<"}, Action: "a", Category: event.Data, Outcome: event.Success,
		Raw: []byte("\xff\x00")}
	body := e.AppendJSON(nil)
	got, err := event.FromFields(fields(t, body))
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != "a\uFFFDb" || got.Actor.ID != e.Actor.ID || !bytes.Equal(got.Raw, e.Raw) || !got.OccurredAt.Equal(e.OccurredAt) {
		t.Errorf("%s", body)
	}
	var r *event.Refusal
	if err := e.Validate(); !errors.As(err, &r) || r.Field != "id" || r.Want != "valid UTF-8" {
		t.Errorf("Validate says %v", err)
	}
}

func TestRawIsWrittenTheShorterWay(t *testing.T) {
	f := func(name string, raw []byte, base64 bool) {
		e, _ := both(t, minimal)
		e.Raw = raw
		body := e.AppendJSON(nil)
		if bytes.Contains(body, []byte(`"raw_encoding":"base64"`)) != base64 {
			t.Errorf("%s: %s", name, body)
		}
		if got, err := event.FromFields(fields(t, body)); err != nil || !bytes.Equal(got.Raw, raw) {
			t.Errorf("%s: %q, %v", name, got.Raw, err)
		}
	}
	f("text", []byte(`{"a":"b"}`), false)
	f("not UTF-8", []byte("\x80"), true)
	f("quotes only", bytes.Repeat([]byte(`"`), 1000), true)
	f("controls", bytes.Repeat([]byte{1}, 100), true)
}

func TestMarshalAndUnmarshalAreAppendJSONAndParse(t *testing.T) {
	e, _ := event.Parse([]byte(full))
	b, err := json.Marshal(struct{ E event.Event }{e})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"E":` + full + `}`; string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var got struct{ E event.Event }
	if err := json.Unmarshal(b, &got); err != nil || !bytes.Equal(got.E.AppendJSON(nil), []byte(full)) {
		t.Error(err)
	}
}

func TestValidSourceAndAction(t *testing.T) {
	f := func(valid func(string) error, s string, ok bool) {
		if err := valid(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"evident", "aws.cloudtrail/prod", "app/billing-2", "k8s_audit/a.b"} {
		f(event.ValidSource, s, true)
	}
	for _, s := range []string{"", "app", "/x", "app/", "a-b/c", "App/x", "app/x/y", ".a/b", "a/-b", "a/" + strings.Repeat("b", 127), "a/b\n"} {
		f(event.ValidSource, s, false)
	}
	for _, s := range []string{"a", "role.grant", "a.b.c.d", "s3.put_object", "_.0"} {
		f(event.ValidAction, s, true)
	}
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "a.b.c.d.e", "A", "a-b", strings.Repeat("a", 65)} {
		f(event.ValidAction, s, false)
	}
}

func TestNewIDIsAULID(t *testing.T) {
	at := time.UnixMilli(1469918176385) // the example of the ULID specification: 01ARYZ6S41…
	seen := map[string]bool{}
	for range 100 {
		id := event.NewID(at)
		if len(id) != 26 || !strings.HasPrefix(id, "01ARYZ6S41") || seen[id] {
			t.Fatal(id)
		}
		seen[id] = true
	}
	if event.NewID(at) > event.NewID(at.Add(time.Millisecond)) {
		t.Error("ids do not follow time")
	}
}

func TestEveryCategoryHasAMeaning(t *testing.T) {
	for _, c := range event.Categories {
		if c.Meaning() == "" {
			t.Error(c)
		}
	}
	if event.Category("x").Meaning() != "" {
		t.Error("an unknown category has a meaning")
	}
}
