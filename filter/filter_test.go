package filter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/evident/filter"
	"example.com/evident/proof"
)

func TestCanonicalText(t *testing.T) {
	f := func(text, canonical string) {
		t.Helper()
		got, err := filter.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if got.String() != canonical {
			t.Errorf("%s\nis   %s\nwant %s", text, got, canonical)
		}
		again, err := filter.Parse(got.String())
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%s: reads back as %v, %v", got, again.Expr(), err)
		}
	}
	f("", "")
	f(" \t\n", "")
	f("action:role.grant", "action:role.grant")
	f("  a   b ", "a b")
	f("a AND b", "a b")
	f("a and b", "a and b")
	f("a OR b c OR d", "a OR b c OR d")
	f("a (b OR c) d", "a (b OR c) d")
	f("(a b) OR (c)", "a b OR c")
	f("((a)) (b (c d))", "a b c d")
	f("(a OR (b OR c))", "a OR b OR c")
	f("NOT a", "-a")
	f("NOT NOT a", "a")
	f("NOT -a", "a")
	f("-(a b)", "-(a b)")
	f("-(a OR b) c", "-(a OR b) c")
	f("-(-a)", "a")
	f("-(-(a b) c)", "-(-(a b) c)")
	f(`"OR" "not" "NOT"`, `"OR" not "NOT"`)
	f(`"--force"`, `"--force"`)
	f(`"10:30" "x"`, `"10:30" x`)
	f(`\:x`, `":x"`)
	f(`a-b`, `a-b`)
	f(`a\ b`, `"a b"`)
	f(`a\(b\)`, `"a(b)"`)
	f(`"say \"hi\""`, `"say \"hi\""`)
	f(`*lic*`, `*lic*`)
	f(`**lic**`, `*lic*`)
	f(`\*lic`, `\*lic`)
	f(`lic\*`, `lic\*`)
	f(`\*`, `\*`)
	f(`*\**`, `\*`)
	f(`a\*b`, `a\*b`)
	f(`a\\`, `a\\`)
	f(`a\\*`, `a\\*`)
	f(`a\\\*`, `a\\\*`)
	f("*田中*", "*田中*")
	f(`actor:"alice"`, "actor:alice")
	f(`actor:"Alice Smith"`, `actor:"Alice Smith"`)
	f(`actor:a**b`, "actor:a*b")
	f(`actor:a\**b`, `actor:a\**b`)
	f(`actor:ACME\\alice`, `actor:ACME\\alice`)
	f(`actor:-x`, "actor:-x")
	f(`actor:OR`, "actor:OR")
	f(`actor:a:b`, "actor:a:b")
	f(`actor:""`, `actor:""`)
	f("actor:a\u200bb", "actor:\"a\u200bb\"")
	f(`actor:a\“b`, `actor:"a“b"`)
	f("a\u00a0b", "a b")
	f("why.ticket:x where.ip:1.2.3.4 outcome_code:5", "ticket:x ip:1.2.3.4 code:5")
	f("why.reason:x actor.session:y", "why.reason:x session:y")
	f("outcome:SUCCESS category:A*", "outcome:success category:a*")
	f("mfa:True", "mfa:true")
	f("person:Alice@acme.example", "person:Alice@acme.example")
	f(`-person:"Alice Smith" person:okta:00u1`, `-person:"Alice Smith" person:okta:00u1`)
	f("person.ended:true OR person.ended:2026-03-**", "person.ended:* OR person.ended:2026-03-*")
	f("source:AWS.CloudTrail/*", "source:aws.cloudtrail/*")
	f("source:evident", "source:evident")
	f("action:*", "action:*")
	f("seq:007", "seq:7")
	f("ip:203.0.113.7/24", "ip:203.0.113.0/24")
	f("ip:203.0.113.7/32", "ip:203.0.113.7")
	f("ip:::ffff:203.0.113.7", "ip:203.0.113.7")
	f("ip:::ffff:203.0.113.7/120", "ip:203.0.113.0/24")
	f("ip:2001:DB8:0::1", "ip:2001:db8::1")
	f("ip:2001:db8::/32", "ip:2001:db8::/32")
	f("ip:203.0.*", "ip:203.0.*")
	f("after:2026-03-01", "after:2026-03-01")
	f("after:2026-03-01T00:00:00Z", "after:2026-03-01")
	f("before:2026-03-01T01:30:00.500+02:00", "before:2026-02-28T23:30:00.5Z")
	f("on:2026-02-28", "after:2026-02-28 before:2026-03-01")
	f("-on:2026-02-28", "-(after:2026-02-28 before:2026-03-01)")
	f("a OR on:2026-02-28", "a OR after:2026-02-28 before:2026-03-01")
	f("recorded_before:2261-12-31", "recorded_before:2261-12-31")
	f("detail.a.b:c", "detail.a.b:c")
	f("detail.*.b:c", "detail.*.b:c")
	f(`detail.app\.io/n~x\:y:c`, `detail.app\.io/n~x\:y:c`)
	f(`detail.two\ words:c`, `detail.two\ words:c`)
	f(`detail.a\*:c`, `detail.a\*:c`)
	f("detail.0:c", "detail.0:c")
}

func TestTree(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := json.Marshal(parse(t, text).Expr())
		if err != nil || string(got) != want {
			t.Errorf("%s\nis   %s, %v\nwant %s", text, got, err, want)
		}
	}
	f("", `{"op":"all"}`)
	f("a* OR -action:x", `{"op":"any","args":[{"op":"text","value":"a*"},{"op":"not","args":[{"op":"is","fields":["action"],"value":"x"}]}]}`)
	f("on:2026-03-01", `{"op":"all","args":[{"op":"from","fields":["/occurred_at"],"value":"2026-03-01T00:00:00Z"},{"op":"until","fields":["/occurred_at"],"value":"2026-03-02T00:00:00Z"}]}`)
	f("recorded_after:2026-03-01", `{"op":"from","fields":["at"],"value":"2026-03-01T00:00:00Z"}`)
	f("ip:10.1.2.3/8", `{"op":"cidr","fields":["/where/ip"],"value":"10.0.0.0/8"}`)
	f("ip:10.1.2.3", `{"op":"cidr","fields":["/where/ip"],"value":"10.1.2.3/32"}`)
	f("ip:10.*", `{"op":"is","fields":["/where/ip"],"value":"10.*"}`)
	f(`id:"a\*\\\"b*"`, `{"op":"is","fields":["/id"],"value":"a\\*\\\\\"b*"}`)
	f(`"a\\b"`, `{"op":"text","value":"a\\b"}`)
	f(`\*a`, `{"op":"text","value":"**a"}`)
	f(`a\*`, `{"op":"text","value":"a**"}`)
	f("target.id:x", `{"op":"is","fields":["/target/id","/targets/*/id"],"value":"x"}`)
	f(`detail.a/b~c.*.d\.e:x`, `{"op":"is","fields":["/detail/a~1b~0c/*/d.e"],"value":"x"}`)
}

func TestRefusals(t *testing.T) {
	f := func(text string, offset int, parts ...string) {
		t.Helper()
		_, err := filter.Parse(text)
		var refused *filter.SyntaxError
		if !errors.As(err, &refused) {
			t.Errorf("%s: error is %v", text, err)
			return
		}
		if refused.Offset != offset || refused.Text != text {
			t.Errorf("%s: offset %d, want %d (%s)", text, refused.Offset, offset, refused.Msg)
		}
		for _, part := range parts {
			if !strings.Contains(refused.Msg, part) {
				t.Errorf("%s: message %q lacks %q", text, refused.Msg, part)
			}
		}
	}
	f("acter:alice", 0, `unknown key "acter"`, "did you mean actor?")
	f("a AND Action:x", 6, "did you mean action?")
	f("user:alice", 0, "did you mean actor?")
	f("status:ok", 0, "did you mean outcome?")
	f("https://example.com", 0, `unknown key "https"`, "quote text that has a colon")
	f("detail:x", 0, "detail.role")
	f(":x", 0, `":" without a key`)
	f("actor:", 6, "nothing after actor:", "actor:*")
	f("a actor: b", 8, "nothing after actor:")
	f("actor:(a OR b)", 6, "(actor:a OR actor:b)")
	f(`actor:"alice`, 6, "quote that is not closed")
	f(`a "b`, 2, "quote that is not closed")
	f(`"a\"`, 0, "quote that is not closed")
	f(`"a"b`, 3, `"b" right after a closing quote`)
	f(`a"b"`, 1, "quote within a word")
	f("actor:“Alice Smith”", 6, "curly quote “")
	f("a\\", 1, "at the end")
	f(`actor:ACME\alice`, 10, `\a`, `\\`)
	f(`actor:"C:\Users"`, 9, `\U`)
	f("(a", 0, `"(" that is not closed`)
	f("a (b OR (c)", 2, `"(" that is not closed`)
	f("a)", 1, `")" without a "("`)
	f("target:f(x)", 8, `"(" within a word`)
	f("()", 1, `found ")", expected a clause`)
	f("OR a", 0, "found OR, expected a clause")
	f("a OR", 4, "found the end")
	f("a OR OR b", 5, "found OR")
	f("a AND OR b", 6, "found OR")
	f("a AND", 5, "found the end")
	f("NOT", 3, "found the end")
	f("- a", 0, `"-" by itself`)
	f("a --force", 2, `"-" by itself`)
	f("-", 0, `"-" by itself`)
	f("category:acess", 9, `found "acess"`, "authentication, account, access", "did you mean access?")
	f("outcome:fail", 8, "success, failure, denied or unknown", "did you mean failure?")
	f("outcome:zzz*", 8, "success, failure, denied or unknown")
	f("outcome:", 8, "nothing after outcome:")
	f(`outcome:""`, 9, "success, failure, denied or unknown")
	f("mfa:yes", 4, "true or false")
	f("source:okta", 7, "okta/*")
	f("source:okta/a/b", 7, "kind/name")
	f("source:okta/ä", 12, `found "ä"`)
	f(`source:""`, 8, "kind/name")
	f("action:role.grant!", 17, `found "!"`)
	f("action:role..grant", 7, "words joined by dots")
	f("action:a.b.c.d.e", 7, "words joined by dots")
	f("seq:-1", 4, "a number")
	f("seq:4*", 4, "a number")
	f("seq:18446744073709551616", 4, "a number")
	f("ip:203.0.113.256", 3, "an address")
	f("ip:203.0.113.0/33", 3, "a network")
	f("ip:fe80::1%eth0", 3, "an address")
	f("ip:web*", 3, `found "w"`)
	f(`ip:""`, 4, "an address")
	f("after:yesterday", 6, "2026-03-01T09:30:00Z")
	f("after:2026-02-30", 6, `found "2026-02-30"`)
	f("after:2026-03-01T09:30:00", 6, "with its zone")
	f("after:2026-03-01T09:30:00.1234567891Z", 6, "a time")
	f("after:2026-03-01T09:30:00,5Z", 6, "a time")
	f("after:1969-12-31", 6, "from 1970 to 2261")
	f("after:1970-01-01T00:30:00+01:00", 6, "from 1970 to 2261")
	f("before:2262-01-01", 7, "from 1970 to 2261")
	f("on:2026-03-01T00:00:00Z", 3, "a date")
	f("on:2261-12-31", 3, "before 2261-12-31")
	f("detail.:x", 7, "between two dots")
	f("detail.a..b:x", 9, "between two dots")
	f("detail.a*:x", 8, `"*" within a field's name`)
	f(`detail.\*:x`, 7, "any field")
	f("detail.a\x00:x", 8, "NUL")
	f(`""`, 1, "no text")
	f("a *", 2, "no text")
	f("a b*c", 3, `"*" within text`)
	f("*b*c", 2, `"*" within text`)
	f("a \xff", 2, "not UTF-8")
	f(strings.Repeat("(", 33)+"a"+strings.Repeat(")", 33), 32, "too deep")
	f(strings.Repeat("x (y OR ", 16)+"a b"+strings.Repeat(")", 16), 15*8+2, "too deep")
	f(strings.Repeat("a ", 512), 0, "513 clauses and operators")
	f(strings.Repeat("a", 4097), 0, "4097 bytes")
	f("a"+strings.Repeat(" OR on:2026-03-01", 169), 0, "canonical form")
}

func TestLimitsCanBeReached(t *testing.T) {
	parse(t, strings.Repeat("(", 32)+"a"+strings.Repeat(")", 32))
	parse(t, strings.Repeat("x (y OR ", 15)+"a b"+strings.Repeat(")", 15))
	parse(t, strings.Repeat("a ", 511))
	parse(t, strings.Repeat("a", 4096))
}

func TestErrorShowsThePlace(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := filter.Parse(text)
		_, shown, _ := strings.Cut(fmt.Sprint(err), "\n")
		if shown != strings.Join(want, "\n") {
			t.Errorf("%q shows\n%s\nwant\n%s", text, shown, strings.Join(want, "\n"))
		}
	}
	f("a  acter:x", "  a  acter:x", "     ^")
	f("ä\tacter:x", "  ä acter:x", "    ^")
	f("\x1b[31m\u202eacter:x", "   [31m acter:x", "  ^")
	f("actor:", "  actor:", "        ^")
	f(strings.Repeat("abcd ", 20)+"acter:x "+strings.Repeat("abcd ", 20),
		"  …"+strings.Repeat(" abcd", 7)+" acter:x abcd abcd abcd abcd abcd ab…", "  "+strings.Repeat(" ", 37)+"^")
}

func TestKeysAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range filter.Keys() {
		if seen[k.Name] || k.Meaning == "" || strings.HasSuffix(k.Meaning, ".") || len(k.Fields) == 0 {
			t.Errorf("key %s: stands twice, or lacks something", k.Name)
		}
		seen[k.Name] = true
		f := parse(t, k.Example)
		if name, _, _ := strings.Cut(strings.TrimPrefix(f.String(), "-"), ":"); name != k.Name && k.Kind != filter.Day && !strings.HasPrefix(k.Name, "detail.") {
			t.Errorf("key %s: its example is one of %s", k.Name, name)
		}
	}
	filter.Keys()[0].Fields[0] = "broken"
	if filter.Keys()[0].Fields[0] == "broken" {
		t.Error("Keys gives away its table")
	}
}

func TestKeyOf(t *testing.T) {
	f := func(pointer, want string) {
		t.Helper()
		if got, ok := filter.KeyOf(pointer); got != want || ok != (want != "") {
			t.Errorf("%s: %q %t, want %q", pointer, got, ok, want)
		}
	}
	f("/actor/id", "actor.id")
	f("/actor/session", "session")
	f("/targets/3/id", "target.id")
	f("/target/type", "target.type")
	f("/where/ip", "ip")
	f("/outcome", "outcome")
	f("/source", "source")
	f("/why/reason", "why.reason")
	f("/detail/a/b", "detail.a.b")
	f("/detail/app.io~1n", `detail.app\.io/n`)
	f("/detail/", "")
	f("/occurred_at", "")
	f("/raw", "")
	f("/targets/3/id/x", "")
}

func TestHeaderOnlyAndFields(t *testing.T) {
	f := func(text string, headerOnly bool, fields ...string) {
		t.Helper()
		e := parse(t, text).Expr()
		if filter.HeaderOnly(e) != headerOnly {
			t.Errorf("%s: HeaderOnly is %t", text, !headerOnly)
		}
		if got := filter.Fields(e); !reflect.DeepEqual(got, fields) {
			t.Errorf("%s: Fields %q, want %q", text, got, fields)
		}
	}
	f("", true)
	f("action:a (outcome:denied OR -on:2026-03-01) seq:4 recorded_after:2026-03-01 source:evident category:data", true)
	f("action:a id:x", false, "/id")
	f("word -ticket:* OR ticket:x ip:1.2.3.4", false, "", "/where/ip", "/why/ticket")
	f("target:x detail.*.y:z", false, "/detail/*/y", "/target/id", "/target/name", "/targets/*/id", "/targets/*/name")
}

func TestClauses(t *testing.T) {
	var got []string
	for _, c := range filter.Clauses(parse(t, `action:a -(outcome:denied OR -actor:"A b") "x y"`).Expr()) {
		got = append(got, fmt.Sprintf("%s %s %t %t", c.Text, c.Expr.Op, c.Negated, c.Header))
	}
	want := []string{"action:a is false true", "-outcome:denied is true true", `actor:"A b" is false false`, `"x y" text false false`}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("clauses\n%q\nwant\n%q", got, want)
	}
}

func TestTextOfForeignLeaf(t *testing.T) {
	got := filter.Text(proof.Expr{Op: "is", Fields: []string{"/x", "/y"}, Value: "a b"})
	if got != `/x,/y:"a b"` {
		t.Error(got)
	}
}

func TestBounds(t *testing.T) {
	f := func(text, occurred, at string) {
		t.Helper()
		o, a := filter.Bounds(parse(t, text).Expr())
		if window(o) != occurred || window(a) != at {
			t.Errorf("%s: %s and %s, want %s and %s", text, window(o), window(a), occurred, at)
		}
	}
	f("", "..", "..")
	f("after:2026-03-01", "2026-03-01..", "..")
	f("-after:2026-03-01", "..2026-03-01", "..")
	f("on:2026-03-01 x", "2026-03-01..2026-03-02", "..")
	f("after:2026-03-01 after:2026-04-01 before:2026-06-01 before:2026-05-01", "2026-04-01..2026-05-01", "..")
	f("on:2026-03-01 OR on:2026-03-07", "2026-03-01..2026-03-08", "..")
	f("on:2026-03-01 OR after:2026-03-07", "2026-03-01..", "..")
	f("on:2026-03-01 OR x", "..", "..")
	f("-(before:2026-03-01 OR -before:2026-04-01)", "2026-03-01..2026-04-01", "..")
	f("-(after:2026-03-01 x)", "..", "..")
	f("-(after:2026-03-01 after:2026-04-01)", "..2026-04-01", "..")
	f("recorded_after:2026-03-01 recorded_before:2026-03-05 before:2026-03-02", "..2026-03-02", "2026-03-01..2026-03-05")
	f("(after:2026-05-01 before:2026-04-01) OR on:2026-03-01", "2026-03-01..2026-03-02", "..")
	f("on:2026-03-01 OR on:2026-03-07 (recorded_after:2026-02-02 recorded_before:2026-01-01)", "2026-03-01..2026-03-02", "..")
	if o, _ := filter.Bounds(parse(t, "after:2026-03-02 before:2026-03-02").Expr()); !o.Empty() {
		t.Error("a window without a time is not empty")
	}
}

func window(w filter.Window) string {
	day := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.DateOnly)
	}
	return day(w.From) + ".." + day(w.Until)
}

func TestSimplify(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var e, w proof.Expr
		if json.Unmarshal([]byte(in), &e) != nil || json.Unmarshal([]byte(want), &w) != nil {
			t.Fatal(in, want)
		}
		if got := filter.Simplify(e); !reflect.DeepEqual(got, w) {
			t.Errorf("%s\nis   %+v\nwant %+v", in, got, w)
		}
	}
	const a, b = `{"op":"text","value":"a"}`, `{"op":"text","value":"b"}`
	f(a, a)
	f(`{"op":"all"}`, `{"op":"all"}`)
	f(`{"op":"all","args":[`+a+`]}`, a)
	f(`{"op":"all","args":[{"op":"all"},{"op":"all","args":[`+a+`,{"op":"all","args":[`+b+`]}]}]}`, `{"op":"all","args":[`+a+`,`+b+`]}`)
	f(`{"op":"any","args":[{"op":"not","args":[{"op":"not","args":[`+a+`]}]},{"op":"any","args":[`+b+`]}]}`, `{"op":"any","args":[`+a+`,`+b+`]}`)
	f(`{"op":"any"}`, `{"op":"any"}`)
}

func TestEdits(t *testing.T) {
	type edit func(text, key, value string) (string, error)
	f := func(do edit, text, key, value, want string) {
		t.Helper()
		if got, err := do(text, key, value); err != nil || got != want {
			t.Errorf("%s with %s:%s is %s, %v; want %s", text, key, value, got, err, want)
		}
	}
	f(filter.And, "", "actor", "alice", "actor:alice")
	f(filter.And, "a OR b", "actor", "Alice (x) *", `(a OR b) actor:"Alice (x) \*"`)
	f(filter.And, "actor:alice x", "actor", "alice", "actor:alice x")
	f(filter.And, "a -actor:alice b", "actor", "alice", "a actor:alice b")
	f(filter.And, "a", "", `b:c "d" -*`, `a "b:c \"d\" -\*"`)
	f(filter.And, "a", "", "NOT", `a "NOT"`)
	f(filter.And, "a", "", "-x", `a "-x"`)
	f(filter.And, "a", "detail.x", "", `a detail.x:""`)
	f(filter.And, "x", "on", "2026-03-01", "x after:2026-03-01 before:2026-03-02")
	f(filter.And, "after:2026-03-01", "on", "2026-03-01", "after:2026-03-01 before:2026-03-02")
	f(filter.And, "", "ip", "203.0.113.0/24", "ip:203.0.113.0/24")
	f(filter.Remove, "actor:alice", "actor", "alice", "")
	f(filter.Remove, "a -actor:alice b", "actor", "alice", "a b")
	f(filter.Remove, "actor:alice OR b", "actor", "alice", "actor:alice OR b")
	f(filter.Remove, "x on:2026-03-01", "on", "2026-03-01", "x")
	f(filter.Remove, "x -on:2026-03-01", "on", "2026-03-01", "x")
	f(filter.Remove, "x OR y", "", "x", "x OR y")
	f(filter.Toggle, "a actor:alice b", "actor", "alice", "a -actor:alice b")
	f(filter.Toggle, "a -actor:alice b", "actor", "alice", "a actor:alice b")
	f(filter.Toggle, "a", "actor", "alice", "a -actor:alice")
	f(filter.Toggle, "-actor:alice", "actor", "alice", "actor:alice")
	f(filter.Toggle, "on:2026-03-01 x", "on", "2026-03-01", "-(after:2026-03-01 before:2026-03-02) x")
	f(filter.Toggle, "-on:2026-03-01 x", "on", "2026-03-01", "after:2026-03-01 before:2026-03-02 x")
	f(filter.Set, "x after:2026-03-01 before:2026-04-01", "after", "2026-03-05", "x before:2026-04-01 after:2026-03-05")
	f(filter.Set, "x after:2026-03-01 before:2026-04-01", "on", "2026-03-05", "x after:2026-03-05 before:2026-03-06")
	f(filter.Set, "ip:10.0.0.0/8 -ip:10.1.0.0/16 x", "ip", "10.2.0.0/16", "-ip:10.1.0.0/16 x ip:10.2.0.0/16")
	f(filter.Set, "x y", "", "z", "x y z")
	for _, do := range []edit{filter.And, filter.Remove, filter.Toggle, filter.Set} {
		if got, err := do("(x", "actor", "a"); err == nil {
			t.Errorf("a broken filter becomes %s", got)
		}
		if got, err := do("x", "outcome", "good"); err == nil {
			t.Errorf("a broken clause becomes %s", got)
		}
	}
	for _, key := range []string{"x OR actor", "-actor", "(actor", `"`, "actor:x", "nokey", `actor\`} {
		if got, err := filter.And("x", key, "a"); err == nil {
			t.Errorf("the key %s makes %s", key, got)
		}
	}
	if got, err := filter.And(strings.Repeat("a ", 511), "actor", "a"); err == nil {
		t.Errorf("a filter that is too large comes out: %s", got)
	}
}

func parse(t *testing.T, text string) filter.Filter {
	t.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}
