package mapping_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/mapping"
	"example.com/evident/source/sourcetest"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))

func load(t testing.TB, file string) source.Kind {
	t.Helper()
	k, err := mapping.Load([]byte(file), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// blocks returns the code blocks of docs/mapping.md: an event, a file, what comes of it.
func blocks(t testing.TB) (raw, file, want string) {
	page, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	f := regexp.MustCompile("(?s)```(?:json|yaml)\n(.*?)```").FindAllSubmatch(page, -1)
	if len(f) != 3 {
		t.Fatalf("docs/mapping.md has %d blocks", len(f))
	}
	return strings.TrimSpace(string(f[0][1])), string(f[1][1]), string(f[2][1])
}

// TestDocumentation runs the example of docs/mapping.md.
func TestDocumentation(t *testing.T) {
	raw, file, want := blocks(t)
	k := load(t, file)
	sourcetest.Check(t, k, []byte(raw))
	e, err := k.Map([]byte(raw), now)
	if err != nil {
		t.Fatal(err)
	}
	e.Raw = nil
	var got bytes.Buffer
	if err := json.Indent(&got, e.AppendJSON(nil), "", "  "); err != nil {
		t.Fatal(err)
	}
	if got.String() != strings.TrimSpace(want) {
		t.Errorf("got %s\nwant %s", got.String(), want)
	}
	for raw, want := range map[string]string{
		`{"ev":"1","at":1772357400,"door":{"id":"x-1"},"badge":{"no":"7"},"type":"FORCED","ok":"refused","from":"gate"}`: `user 7 | door.force privileged denied | {"from":"gate"}`,
		`{"ev":"1","at":"2026-03-01T09:30:00Z","door":{},"badge":{"holder":"ana"},"type":"Battery Low","ok":"?"}`:        `user ana | acme_door.door_battery_low system unknown | {"actor_email":"ana"}`,
		`{"ev":"1","at":1772357400,"door":{}}`:                                     `anonymous  | acme_door.unknown system unknown | `,
		`{"ev":"1","at":1772357400,"door":{},"tries":{"a":[1,2]},"type":"OPENED"}`: `anonymous  | door.open access unknown | {"tries":{"a":[1,2]}}`,
	} {
		e, err := k.Map([]byte(raw), now)
		if got := fmt.Sprintf("%s %s | %s %s %s | %s", e.Actor.Type, e.Actor.ID, e.Action, e.Category, e.Outcome, e.Detail); err != nil || got != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", raw, err, got, want)
		}
		sourcetest.Check(t, k, []byte(raw))
	}
	for raw, want := range map[string]string{
		`{"ev":"1"}`:                        "when is not true",
		`[]`:                                "not a JSON object",
		`{"ev":"1","ev":"2","door":{}}`:     "not JSON",
		`{"ev":"1","door":{}}`:              "occurred_at: the event has none",
		`{"ev":"1","door":{},"at":"today"}`: `occurred_at: "today" is no time`,
		`{"ev":"` + strings.Repeat("x", 600) + `","door":{},"at":1}`: "id: 600 bytes",
	} {
		if _, err := k.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v", raw, err)
		}
	}
}

func FuzzMap(f *testing.F) {
	raw, file, _ := blocks(f)
	k := load(f, file)
	f.Add([]byte(raw))
	f.Add([]byte(`{"ev":1,"at":1e9,"door":[],"type":{},"badge":[{"holder":1}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) { sourcetest.Check(t, k, raw) })
}

// rest is what every file needs.
const rest = "fields: {occurred_at: /t, native_action: /a, actor.id: /u}\ndefault: {action: 'x.{native}', category: system}\n"

func TestLines(t *testing.T) {
	k := load(t, `
kind: acme.gate
framing: lines
pattern: '^(?P<t>\S+ \S+) (?P<u>\S*) did (?P<a>.*) from (?P<ip>\S+)$'
time_format: 2006-01-02 15:04:05
fields:
  occurred_at: /t
  native_action: $.a
  actor.id: /u
  where.ip: = event.ip
actions:
  log in: {action: session.start, category: authentication}
default: {action: "gate.{native}", category: system}
`)
	got := []string{}
	for raw, err := range k.Split(strings.NewReader("2026-03-01 09:30:00.5 ana did log in from 203.0.113.9\r\n\n2026-03-01 09:30:00 bo did x from 192.0.2.1 from 203.0.113.9\nnonsense\n")) {
		if err != nil {
			t.Fatal(err)
		}
		sourcetest.Check(t, k, raw)
		e, err := k.Map(raw, now)
		got = append(got, fmt.Sprint(e.OccurredAt.Format("15:04:05.9"), " ", e.Actor.ID, " ", e.Action, " ", e.Where.IP, " ", err))
	}
	want := []string{
		"08:30:00.5 ana session.start 203.0.113.9 <nil>",
		"08:30:00 bo gate.x_from_192_0_2_1 203.0.113.9 <nil>",
		"00:00:00    the line does not match the pattern",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestCSV(t *testing.T) {
	k := load(t, "kind: acme.csv\nframing: csv\nseparator: ;\ncolumns: [t, u, a]\n"+rest)
	var raws, actions []string
	for raw, err := range k.Split(strings.NewReader("t;u;a\r\n1772357400;ana;\"log\nin; \"\"now\"\"\"\nt;u;a\n1;2\n")) {
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, string(raw))
		e, err := k.Map(raw, now)
		if err != nil {
			actions = append(actions, err.Error())
			continue
		}
		actions = append(actions, e.Actor.ID+" "+e.Action)
	}
	if len(raws) != 2 || !slices.Equal(actions, []string{"ana x.log_in_now", "the row has 2 columns that can be read; want 3"}) {
		t.Errorf("%q %q", raws, actions)
	}
}

// TestErrors holds that whatever is wrong with a file is said with its place.
func TestErrors(t *testing.T) {
	const head = "kind: acme.x\n"
	for _, r := range [][2]string{
		{"", `x.yaml:1:1: the file is no mapping`},
		{"- a\n", `x.yaml:1:1: the file is no mapping`},
		{"a: b\n  c: d\n", `x.yaml:2:1: not YAML`},
		{"kind: Acme\n" + rest, `x.yaml:1:7: kind: found "Acme"`},
		{rest, `x.yaml:1:1: kind: required`},
		{head + "kind: y\n" + rest, `x.yaml:2:1: kind: is there twice`},
		{head + "colour: red\n" + rest, `x.yaml:2:1: colour: unknown; want kind`},
		{head + "framing: xml\n" + rest, `x.yaml:2:10: framing: found "xml"; want json, lines or csv`},
		{head + "framing: lines\n" + rest, `x.yaml:1:1: pattern: required`},
		{head + "framing: csv\n" + rest, `x.yaml:1:1: columns: required`},
		{head + "pattern: ^(?P<t>.*)$\n" + rest, `x.yaml:2:10: pattern: is for framing lines; framing is json`},
		{head + "framing: lines\npattern: (?P<t>.*)\n" + rest, `x.yaml:3:10: pattern: want an expression`},
		{head + "framing: lines\npattern: ^(?P<t>.*$\n" + rest, `x.yaml:3:10: pattern: error parsing regexp`},
		{head + "framing: lines\npattern: ^(.*)$\n" + rest, `x.yaml:3:10: pattern: no group has a name`},
		{head + "framing: csv\ncolumns: [t, u]\n" + rest, `native_action: there is no "a"; want one of t, u`},
		{head + "framing: csv\ncolumns: [t, t]\n" + rest, `x.yaml:3:14: columns: found "t"; want a name that comes once`},
		{head + "fields: {occurred_at: /t}\ndefault: {action: a, category: system}\n", `x.yaml:1:1: fields: native_action is required`},
		{head + "fields:\n  colour: /t\n", `x.yaml:3:3: fields: unknown name "colour"; want id, occurred_at`},
		{head + "fields:\n  actor.id: {a: b}\n", `x.yaml:3:13: actor.id: found a mapping; want text`},
		{head + "fields:\n  actor.id: []\n", `x.yaml:3:13: actor.id: found a list of 0; want 1 to 16 choices`},
		{head + "fields:\n  actor.id: $.a..b\n", `x.yaml:3:13: actor.id: found "$.a..b"`},
		{head + "fields:\n  actor.id: = evnt.a\n", `x.yaml:3:15: expression: undeclared reference to 'evnt'`},
		{head + "fields:\n  actor.id: '= event.a + '\n", `x.yaml:3:26: expression: Syntax error`},
		{head + "fields:\n  actor.id: >\n    = nope(\n      1)\n", `expression:`},
		{head + "when: event.a +\n", `expression: Syntax error`},
		{head + "fields:\n  actor.id: = readFile('/etc/passwd')\n", `x.yaml:3:23: expression: undeclared reference to 'readFile'`},
		{head + "fields:\n  actor.id: = '" + strings.Repeat("x", 5000) + "'\n", `the expression has 5002 bytes; want 4096 at most`},
		{head + "detail: {From: /a}\n", `x.yaml:2:10: detail: unknown name "From"`},
		{head + "targets: {id: /a}\n", `x.yaml:2:10: targets: found a mapping; want a list`},
		{head + "targets: [{colour: /a}]\n", `x.yaml:2:12: targets: unknown name "colour"; want type, id or name`},
		{head + "outcomes: {ok: fine}\n", `x.yaml:2:16: outcomes: found "fine"; want success`},
		{head + "actions:\n  a: {action: A.b, category: data}\n", `x.yaml:3:15: action: found "A.b"; want one to four words`},
		{head + "actions:\n  a: {action: a.b, category: stuff}\n", `x.yaml:3:30: category: found "stuff"; want authentication`},
		{head + "actions:\n  a: {action: a.b}\n", `x.yaml:3:6: want action and category`},
		{head + "fields: {occurred_at: /t, native_action: /a, actor.id: /u}\n", `default: required; want what becomes of names that actions lacks, such as {action: "acme_x.{native}"`},
		{head + "default: {action: '{other}', category: data}\n", `x.yaml:2:19: default: action: found`},
		{"title: &x a\nkind: *x\n", `x.yaml:2:1: anchors, merges`},
		{"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", `x.yaml:1:1: a: unknown`},
		{strings.Repeat("#", mapping.MaxFileBytes+1), `x.yaml:1:1: the file has 1048577 bytes`},
	} {
		_, err := mapping.Load([]byte(r[0]), "x.yaml")
		var e *mapping.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), r[1]) {
			t.Errorf("%.80q\ngot  %v\nwant %s", r[0], err, r[1])
		}
	}
}

// TestExpressionsEnd gives expressions that would take for ever, or all memory.
func TestExpressionsEnd(t *testing.T) {
	list := "[" + strings.Repeat("1,", 60) + "1]"
	text := strings.Repeat("x", 16_000)
	for _, expression := range []string{
		"string(event.l.all(a, event.l.all(b, event.l.all(c, event.l.all(d, event.l.all(e, true))))))",
		"[1,2,3,4,5,6,7,8,9].map(a, event.s + event.s).map(b, b + b).map(c, c + c).map(d, d + d).map(e, e + e).map(f, f + f)[0]",
		"event.s.matches('^(x+x+)+y$') ? 'a' : string(event.l.map(a, event.l.map(b, event.s + event.s)).size())",
	} {
		k := load(t, "kind: acme.x\nfields: {occurred_at: /t, native_action: '= "+strings.ReplaceAll(expression, "'", "''")+"', actor.id: /u}\ndefault: {action: x.y, category: system}\n")
		_, err := k.Map([]byte(`{"t":1772357400,"u":"a","l":`+list+`,"s":"`+text+`"}`), now)
		if err == nil || !strings.Contains(err.Error(), "costs more than") {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		`event.n`:                            "7",
		`event.big`:                          "18446744073709551617",
		`event.f`:                            "1.5",
		`event.yes`:                          "true",
		`event.nothing`:                      "",
		`event.missing.more`:                 "",
		`event.list[5]`:                      "",
		`event.list[1]`:                      "b",
		`event.s.startsWith("A") ? "x" : ""`: "x",
		`upper(trim("  a "))`:                "A",
		`part("a/b/c", "/", -1)`:             "c",
		`part("a/b/c", "/", 3)`:              "",
		`part("a/b/c", "", 0)`:               "",
		`has(event.s) ? event.s : "none"`:    "A b",
		`event.list.exists(x, x == "b") ? "has" : "not"`: "has",
		`string(timestamp("2026-03-01T09:30:00Z"))`:      "2026-03-01T09:30:00Z",
	} {
		k := load(t, "kind: acme.x\nfields: {occurred_at: /t, native_action: /t, actor.id: u, why.reason: '= "+strings.ReplaceAll(expression, "'", "''")+"'}\ndefault: {action: x.y, category: system}\n")
		e, err := k.Map([]byte(`{"t":1772357400,"n":7,"big":18446744073709551617,"f":1.5,"yes":true,"nothing":null,"list":["a","b"],"s":"A b"}`), now)
		if err != nil || e.Why.Reason != want {
			t.Errorf("%s: %q, %v", expression, e.Why.Reason, err)
		}
	}
	k := load(t, "kind: acme.x\nfields: {occurred_at: /t, native_action: /t, actor.id: = event.l}\ndefault: {action: x.y, category: system}\n")
	if _, err := k.Map([]byte(`{"t":1,"l":[1]}`), now); err == nil || !strings.Contains(err.Error(), "which is no text") {
		t.Error(err)
	}
}

func TestFields(t *testing.T) {
	k := load(t, `
kind: acme.x
fields:
  id: /id
  occurred_at: /t
  native_action: /a
  actor.type: /type
  actor.id: /u
  actor.name: /name
  outcome: /o
  why.ticket: [/ticket/0/key, /~1slash, none]
default: {action: "a.{native}", category: data}
`)
	for raw, want := range map[string]string{
		`{"t":1,"a":"x","u":"a","type":"service","o":"success"}`:   "service a  a.x success  none",
		`{"t":1,"a":"x","u":"a","type":"robot","o":"fine"}`:        "user a  a.x unknown fine none",
		`{"t":1,"a":"x","name":"n"}`:                               "user n  a.x unknown  none",
		`{"t":1,"a":"x","type":"anonymous","name":"n"}`:            "anonymous  n a.x unknown  none",
		`{"t":1,"u":1,"ticket":[{"key":"T-1"}]}`:                   "user 1  a.unknown unknown  T-1",
		`{"t":1,"u":1,"/slash":"T-2"}`:                             "user 1  a.unknown unknown  T-2",
		`{"t":1,"u":1,"a":"` + strings.Repeat("long ", 100) + `"}`: "user 1  a.other unknown  none",
	} {
		e, err := k.Map([]byte(raw), now)
		if got := fmt.Sprintf("%s %s %s %s %s %s %s", e.Actor.Type, e.Actor.ID, e.Actor.Name, e.Action, e.Outcome, e.OutcomeCode, e.Why.Ticket); err != nil || got != want {
			t.Errorf("%.80s: %v\ngot  %s\nwant %s", raw, err, got, want)
		}
		sourcetest.Check(t, k, []byte(raw))
	}
	if k.Name != "acme.x" || k.Title != "acme.x" || event.ValidSource(k.Name+"/y") != nil {
		t.Error(k.Name, k.Title)
	}
}

func FuzzLoad(f *testing.F) {
	_, file, _ := blocks(f)
	f.Add([]byte(file))
	f.Add([]byte("kind: a\nframing: csv\ncolumns: [t, u, a]\n" + rest))
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := mapping.Load(file, "x.yaml")
		var e *mapping.Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Column < 1) {
			t.Errorf("%v", err)
		}
		if err == nil {
			sourcetest.Check(t, k, []byte(`{"t":1,"a":"x","u":"y"}`))
		}
	})
}

func BenchmarkMap(b *testing.B) {
	raw, file, _ := blocks(b)
	k := load(b, file)
	for b.Loop() {
		if _, err := k.Map([]byte(raw), now); err != nil {
			b.Fatal(err)
		}
	}
}
