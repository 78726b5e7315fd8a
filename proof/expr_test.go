package proof_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/evident/proof"
)

// exprs are expressions in JSON, and what they say of body35 under header: on
// the header alone, with everything but /actor/email disclosed, and whole.
var exprs = []struct{ expr, want string }{
	{`{"op":"all"}`, "TTT"}, {`{"op":"any"}`, "FFF"}, {`{"op":"all","args":[]}`, "TTT"}, {`{"op":"not","args":[{"op":"all"}]}`, "FFF"},
	{`{"op":"is","fields":["action"],"value":"iam.attach_user_policy"}`, "TTT"},
	{`{"op":"is","fields":["action"],"value":"IAM.*"}`, "TTT"},
	{`{"op":"is","fields":["action"],"value":"iam.*x"}`, "FFF"},
	{`{"op":"is","fields":["action"],"value":"*a*t*a*c*h*"}`, "TTT"},
	{`{"op":"is","fields":["action"],"value":""}`, "FFF"},
	{`{"op":"is","fields":["action"]}`, "FFF"},
	{`{"op":"is","fields":["/action"],"value":"iam.attach_user_policy"}`, "TTT"},
	{`{"op":"is","fields":["source"],"value":"aws.cloudtrail/*"}`, "TTT"},
	{`{"op":"is","fields":["category","outcome"],"value":"success"}`, "TTT"},
	{`{"op":"is","fields":["seq"],"value":"123456"}`, "TTT"}, {`{"op":"is","fields":["sseq"],"value":"4711"}`, "TTT"},
	{`{"op":"is","fields":["at"],"value":"2026-03-01T10:15:30.123456789Z"}`, "TTT"},
	{`{"op":"is","fields":["id"],"value":"0000*"}`, "FFF"},
	{`{"op":"is","fields":["/actor/name"],"value":"ALICE"}`, "UTT"},
	{`{"op":"is","fields":["/actor/name"],"value":"bob"}`, "UFF"},
	{`{"op":"is","fields":["/actor/email"],"value":"alice@*"}`, "UUT"},
	{`{"op":"is","fields":["/actor/email"],"value":"bob@*"}`, "UUF"},
	{`{"op":"is","fields":["/actor/name","/actor/email"],"value":"alice*"}`, "UTT"},
	{`{"op":"is","fields":["/actor/name","/actor/email"],"value":"bob*"}`, "UUF"},
	{`{"op":"is","fields":["action","/actor/email"],"value":"iam*"}`, "TTT"},
	{`{"op":"is","fields":["/nothing"],"value":"*"}`, "UUF"},
	{`{"op":"is","fields":["/*/name"],"value":"bob"}`, "UTT"},
	{`{"op":"is","fields":["/*/name"],"value":"carol"}`, "UUF"},
	{`{"op":"is","fields":["/*"],"value":"bob"}`, "UUF"},
	{`{"op":"is","fields":["/detail/tags"],"value":"b"}`, "UTT"}, {`{"op":"is","fields":["/detail/tags"],"value":"[*"}`, "UFF"},
	{`{"op":"is","fields":["/detail/nested/deep"],"value":"*"}`, "UFF"}, {`{"op":"is","fields":["/detail/previous"],"value":"*"}`, "UFF"},
	{`{"op":"is","fields":["/detail/nested/n"],"value":"12.50"}`, "UTT"}, {`{"op":"is","fields":["/detail/read_only"],"value":"FALSE"}`, "UTT"},
	{`{"op":"cidr","fields":["/where/ip"],"value":"203.0.113.0/24"}`, "UTT"}, {`{"op":"cidr","fields":["/where/ip"],"value":"203.0.113.99/24"}`, "UTT"},
	{`{"op":"cidr","fields":["/where/ip"],"value":"203.0.114.0/24"}`, "UFF"}, {`{"op":"cidr","fields":["/where/ip"],"value":"::/0"}`, "UFF"},
	{`{"op":"cidr","fields":["/actor/name"],"value":"0.0.0.0/0"}`, "UFF"}, {`{"op":"cidr","fields":["/where/mapped"],"value":"192.0.2.0/24"}`, "UTT"},
	{`{"op":"from","fields":["/occurred_at"],"value":"2026-03-01T10:15:29Z"}`, "TTT"}, {`{"op":"from","fields":["/occurred_at"],"value":"2026-03-01T10:15:29.1Z"}`, "FFF"},
	{`{"op":"until","fields":["/occurred_at"],"value":"2026-03-01T10:15:29Z"}`, "FFF"}, {`{"op":"until","fields":["at"],"value":"2026-03-01T10:15:30.2Z"}`, "TTT"},
	{`{"op":"text","value":"bob"}`, "UTT"}, {`{"op":"text","value":"BO"}`, "UUF"}, {`{"op":"text","value":"BO*"}`, "UTT"}, {`{"op":"text","value":"*ob"}`, "UTT"},
	{`{"op":"text","value":"ob"}`, "UUF"}, {`{"op":"text","value":"alice@acme"}`, "UUT"}, {`{"op":"text","value":"aws-cli/2.15.0 python"}`, "UTT"},
	{`{"op":"text","value":"*1.50*"}`, "UUF"}, {`{"op":"text","value":"12.50"}`, "UTT"}, {`{"op":"text","value":":policy/"}`, "UTT"}, {`{"op":"text","value":"line\tbreak"}`, "UTT"},
	{`{"op":"text","value":"caf"}`, "UUF"}, {`{"op":"text","value":"café"}`, "UTT"}, {`{"op":"text","value":"granted_role"}`, "UUF"},
	{`{"op":"all","args":[{"op":"is","fields":["action"],"value":"x"},{"op":"text","value":"bob"}]}`, "FFF"},
	{`{"op":"any","args":[{"op":"is","fields":["action"],"value":"iam*"},{"op":"text","value":"nobody"}]}`, "TTT"},
	{`{"op":"not","args":[{"op":"text","value":"nobody"}]}`, "UUT"},
}

func TestExprSays(t *testing.T) {
	body := strings.Replace(body35, `"schema"`, `"mapped":"::ffff:192.0.2.1","where2":1,"note":"line\tbreak un caf\u00e9","schema"`, 1)
	body = strings.Replace(body, `"where":{`, `"where":{"mapped":"::ffff:192.0.2.1",`, 1)
	fields, err := proof.ParseBody([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	part := &proof.View{Withheld: 1}
	for _, f := range fields {
		if f.Pointer != "/actor/email" {
			part.Fields = append(part.Fields, f)
		}
	}
	for _, c := range exprs {
		var e proof.Expr
		if err := json.Unmarshal([]byte(c.expr), &e); err != nil {
			t.Fatal(c.expr, err)
		}
		if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", c.expr, err)
		}
		got := ""
		for _, v := range []*proof.View{nil, part, {Fields: fields}} {
			got += map[proof.Truth]string{proof.True: "T", proof.False: "F", proof.Unknown: "U"}[e.Eval(&header, v)]
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.expr, got, c.want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"", "", true}, {"*", "", true}, {"**", "x", true}, {"a*", "", false}, {"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false}, {"*ab", "aab", true}, {"*ab", "aba", false},
		{`\*`, "*", true}, {`\*`, "x", false}, {`\\`, `\`, true}, {`\x`, `\x`, true}, {`\`, `\`, true}, {`a\`, `a\`, true}, {`*\*`, "x*", true}, {`*\*`, "xy", false},
		{"É", "é", false}, {"Ae", "aE", true}, {"a?c", "abc", false}, {"*a*a*a*a*a*b", strings.Repeat("a", 5000), false},
	} {
		e := proof.Expr{Op: "is", Fields: []string{"/f"}, Value: c.pattern}
		value, _ := json.Marshal(c.value)
		got := e.Eval(&header, &proof.View{Fields: []proof.Field{{Pointer: "/f", Value: value}}}) == proof.True
		if got != c.want {
			t.Errorf("%q matches %.20q: %v", c.pattern, c.value, got)
		}
	}
}

func TestExprRefuses(t *testing.T) {
	deep := strings.Repeat(`{"op":"not","args":[`, 32) + `{"op":"all"}` + strings.Repeat(`]}`, 32)
	wide := `{"op":"any","args":[` + strings.Repeat(`{"op":"all"},`, 511) + `{"op":"all"}]}`
	for _, bad := range []string{
		`{}`, `{"op":""}`, `{"op":"IS","fields":["action"]}`, `{"OP":"all"}`, `{"op":"all","x":1}`, `{"op":null}`, `{"op":"all","args":null}`, `{"op":"all","args":[null]}`, `{"op":"not"}`,
		`{"op":"not","args":[{"op":"all"},{"op":"all"}]}`, `{"op":"all","value":"x"}`, `{"op":"all","fields":["at"]}`, `{"op":"is","value":"x"}`, `{"op":"is","fields":["nothing"]}`,
		`{"op":"is","fields":["/a~2"]}`, `{"op":"is","fields":[""]}`, `{"op":"is","fields":["at"],"args":[{"op":"all"}]}`, `{"op":"cidr","fields":["/where/ip"],"value":"10.0.0.0"}`,
		`{"op":"cidr","fields":["/where/ip"],"value":"10.0.0.0/33"}`, `{"op":"cidr","fields":["/where/ip"],"value":"010.0.0.0/8"}`, `{"op":"from","fields":["/occurred_at"],"value":"2026-03-01"}`,
		`{"op":"from","fields":["seq"],"value":"2026-03-01T00:00:00Z"}`, `{"op":"until","fields":["at","/occurred_at"],"value":"2026-03-01T00:00:00Z"}`, `{"op":"text"}`, `{"op":"text","value":"*"}`,
		`{"op":"text","value":"**"}`, `{"op":"text","fields":["/a"],"value":"x"}`, deep, wide,
	} {
		var e proof.Expr
		err := json.Unmarshal([]byte(bad), &e)
		if err == nil {
			err = e.Validate()
		}
		if err == nil {
			t.Errorf("taken: %.100s", bad)
		}
	}
}

func TestExprIsWrittenForPeople(t *testing.T) {
	for expr, want := range map[string]string{
		`{"op":"all"}`: "everything", `{"op":"any"}`: "any()", `{"op":"not","args":[{"op":"all"}]}`: "not(all())",
		`{"op":"all","args":[{"op":"is","fields":["action","/a"],"value":"say \"x\""},{"op":"text","value":"a\u202eb"}]}`: "all(is(action|/a \"say \"\"x\"\"\"), text(\"a\ufffdb\" = \"a<U+202E>b\"))",
		// What reads like another expression must not be written like it.
		`{"op":"is","fields":["/a|/b"],"value":"x"}`:            `is("/a|/b" "x")`,
		`{"op":"is","fields":["/a \"x\"), is(/b"],"value":"x"}`: `is("/a ""x""), is(/b" "x")`,
		`{"op":"is","fields":["/\u0430"],"value":"a\u0000<"}`:   "is(\"/\u0430\" = \"/<U+0430>\" \"a <\" = \"a<U+0000><U+003C>\")",
	} {
		var e proof.Expr
		if err := json.Unmarshal([]byte(expr), &e); err != nil || e.String() != want {
			t.Errorf("%s: got %s, want %s (%v)", expr, e.String(), want, err)
		}
	}
}
