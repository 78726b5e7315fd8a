package index_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// This file generates events and filters. Both take their values from few
// strings, many of which are hostile, so that filters hit and nearly hit.

var values = []string{
	"alice", "Alice", "ALICE@Example.com", "alice@example.com", "bob smith", "bob-smith", "Bob_Smith", "a", "", "a*b", `a\b`, `a\*b`,
	`"quoted"`, `x' OR 1=1 --`, "'); DROP TABLE e; --", "<script>alert(1)</script>", "%", "_", "a_b", "naïve", "NAÏVE", "日本語", "日本 語",
	"line\nbreak", "tab\tbed", "nul\x00byte", "10.0.3.7", "10.0.3.70", "::ffff:10.0.3.7", "2001:db8::1", "2001:DB8:0::1", "fe80::1%eth0",
	"SEC-9105", "sec-9105", "9105", "1a2b", "dead", "0f9c1a2b-1a2b-4c3d-9e8f-00112233aabb", "2026-03-01T09:30:00Z", "2026-03-01", "00",
	"12", "-1.5", "1e3", "true", "false", "null", "user", "arn:aws:s3:::payroll/2026", "payroll 2026 final", "q/r~s", "é", "\u202egnp.exe",
	strings.Repeat("long words ", 120), strings.Repeat("x", 1100) + " needle",
}

// spelled writes s as a JSON string in one of several spellings.
func spelled(t *rapid.T, s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	token := string(b)
	switch rapid.IntRange(0, 7).Draw(t, "spelling") {
	case 0:
		token = strings.ReplaceAll(token, "a", `\u0061`)
	case 1:
		token = strings.ReplaceAll(token, "/", `\/`)
	}
	return token
}

func scalar(t *rapid.T) string {
	switch rapid.IntRange(0, 9).Draw(t, "scalar") {
	case 0:
		return rapid.SampledFrom([]string{"12", "-1.5", "1e3", "0", "9105"}).Draw(t, "number")
	case 1:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
	}
	return spelled(t, rapid.SampledFrom(values).Draw(t, "value"))
}

func anyValue(t *rapid.T) string {
	switch rapid.IntRange(0, 11).Draw(t, "value kind") {
	case 0:
		return rapid.SampledFrom([]string{"[]", "{}", "[ ]"}).Draw(t, "empty")
	case 1:
		return "[" + scalar(t) + ", " + scalar(t) + "]"
	}
	return scalar(t)
}

// object makes an object of some of names.
func object(t *rapid.T, names ...string) string {
	var members []string
	for _, name := range names {
		if rapid.IntRange(0, 2).Draw(t, name) > 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, anyValue(t)))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

var (
	base     = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	sources  = []string{"app/a", "app/b", "aws.cloudtrail/prod"}
	actions  = []string{"role.grant", "role.revoke", "session.start", "null"}
	outcomes = []string{"success", "failure", "denied", "unknown"}
	steps    = []time.Duration{0, time.Second, 2 * time.Second, time.Millisecond, time.Millisecond + 1, 123456789, 3 * time.Hour}
)

func someTime(t *rapid.T) time.Time {
	return base.Add(rapid.SampledFrom(steps).Draw(t, "step")).Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "seconds")) * time.Second)
}

// event draws an event. Most have nothing to do with the schema but what the
// header holds: the index must be right about whatever the trail has.
func event(t *rapid.T, n int) trail.Draft {
	d := trail.Draft{
		Source: rapid.SampledFrom(sources).Draw(t, "source"), ID: fmt.Sprintf("id-%d", n), OccurredAt: someTime(t),
		Category: rapid.SampledFrom([]string{"access", "privileged"}).Draw(t, "category"),
		Action:   rapid.SampledFrom(actions).Draw(t, "action"),
		Outcome:  rapid.SampledFrom(outcomes).Draw(t, "outcome"),
	}
	members := []string{
		fmt.Sprintf(`"id":%q,"source":%q,"occurred_at":%q`, d.ID, d.Source, proof.AppendTime(nil, d.OccurredAt)),
		fmt.Sprintf(`"category":%q,"action":%q,"outcome":%q`, d.Category, d.Action, d.Outcome),
	}
	add := func(name, value string) { members = append(members, fmt.Sprintf("%q:%s", name, value)) }
	if rapid.Bool().Draw(t, "actor") {
		add("actor", object(t, "type", "id", "name", "email", "role", "session", "mfa"))
	}
	switch rapid.IntRange(0, 6).Draw(t, "targets") {
	case 0, 1:
		add("target", object(t, "type", "id", "name"))
	case 2:
		add("targets", "["+object(t, "type", "id", "name")+"]")
	case 3:
		add("targets", "["+object(t, "type", "id", "name", "more")+","+object(t, "type", "id", "name")+"]")
	case 4:
		add("target", object(t, "type", "id", "name"))
		add("targets", "["+object(t, "id")+","+object(t, "id", "name")+"]")
	case 5:
		add("targets", anyValue(t))
	}
	for _, name := range []string{"native_action", "outcome_code", "outcome_reason", "request_id", "raw"} {
		if rapid.IntRange(0, 3).Draw(t, name) == 0 {
			add(name, anyValue(t))
		}
	}
	if rapid.Bool().Draw(t, "rest") {
		add("where", object(t, "ip", "region", "account", "host", "user_agent"))
		add("why", object(t, "ticket", "reason"))
		add("detail", `{"a":`+anyValue(t)+`,"b":`+object(t, "c", "d")+`,"list":[`+object(t, "x")+`,`+anyValue(t)+`]}`)
	}
	d.Body = []byte("{" + strings.Join(members, ",") + "}")
	fields, err := proof.ParseBody(d.Body)
	if err != nil {
		t.Fatalf("%v: %s", err, d.Body)
	}
	d.Fields = fields
	return d
}

var fields = []string{
	"source", "category", "action", "outcome", "at", "seq", "sseq", "id", "/source", "/action", "/occurred_at", "/id",
	"/actor/id", "/actor/name", "/actor/email", "/actor/session", "/actor/mfa", "/actor/*", "/native_action", "/outcome_code", "/outcome_reason",
	"/target/id", "/target/name", "/targets/*/id", "/targets/*/name", "/targets/0/id", "/targets/1/id", "/targets", "/targets/*/*", "/target/*",
	"/where/ip", "/where/host", "/where/region", "/why/ticket", "/detail/a", "/detail/b/c", "/detail/*/c", "/detail/list/0/x", "/detail/list/1",
	"/*", "/*/*", "/request_id", "/raw", "/absent",
}

// pattern draws a pattern that is made of a value.
func pattern(t *rapid.T) string {
	p := rapid.SampledFrom(append([]string{"success", "role.grant", "app/a", "3", "17", "privileged", "id-3"}, values...)).Draw(t, "of")
	switch rapid.IntRange(0, 3).Draw(t, "case") {
	case 0:
		p = strings.ToUpper(p)
	case 1:
		p = strings.ToLower(p)
	}
	if rapid.Bool().Draw(t, "escape") {
		p = strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(p)
	}
	runes := []rune(p)
	cut := rapid.IntRange(0, len(runes)).Draw(t, "cut")
	switch rapid.IntRange(0, 5).Draw(t, "star") {
	case 0:
		return string(runes[:cut]) + "*"
	case 1:
		return "*" + string(runes[cut:])
	case 2:
		return string(runes[:cut]) + "*" + string(runes[min(len(runes), cut+1):])
	case 3:
		return "*" + string(runes[:cut]) + "*"
	}
	return p
}

func someFields(t *rapid.T) []string {
	if rapid.IntRange(0, 4).Draw(t, "usual") == 0 {
		return rapid.SampledFrom([][]string{
			{"/actor/id", "/actor/email", "/actor/name"},
			{"/target/id", "/target/name", "/targets/*/id", "/targets/*/name"},
		}).Draw(t, "fields")
	}
	return rapid.SliceOfN(rapid.SampledFrom(fields), 1, 3).Draw(t, "fields")
}

// clause draws a leaf of a filter.
func clause(t *rapid.T) proof.Expr {
	switch rapid.IntRange(0, 9).Draw(t, "op") {
	case 0:
		return proof.Expr{Op: rapid.SampledFrom([]string{"from", "until"}).Draw(t, "bound"),
			Fields: []string{rapid.SampledFrom([]string{"at", "/occurred_at"}).Draw(t, "time")},
			Value:  string(proof.AppendTime(nil, someTime(t)))}
	case 1:
		return proof.Expr{Op: "cidr", Fields: rapid.SampledFrom([][]string{{"/where/ip"}, {"/where/ip", "/detail/a"}, {"/where/*"}}).Draw(t, "ips"),
			Value: rapid.SampledFrom([]string{"10.0.3.7/32", "10.0.3.0/24", "2001:db8::/32", "0.0.0.0/0", "::/0"}).Draw(t, "network")}
	case 2, 3, 4:
		word := strings.Trim(pattern(t), "*")
		if rapid.Bool().Draw(t, "phrase") {
			word = rapid.SampledFrom(values).Draw(t, "text")
		}
		if strings.Trim(word, "*") == "" {
			word = "alice"
		}
		return proof.Expr{Op: "text", Value: rapid.SampledFrom([]string{"", "*"}).Draw(t, "left") + word + rapid.SampledFrom([]string{"", "*"}).Draw(t, "right")}
	}
	return proof.Expr{Op: "is", Fields: someFields(t), Value: pattern(t)}
}

// filterOf draws a filter.
func filterOf(t *rapid.T, depth int) proof.Expr {
	op := rapid.SampledFrom([]string{"", "", "all", "any", "not"}).Draw(t, "node")
	switch {
	case op == "" || depth == 0:
		return clause(t)
	case op == "not":
		return proof.Expr{Op: op, Args: []proof.Expr{filterOf(t, depth-1)}}
	}
	e := proof.Expr{Op: op}
	for range rapid.IntRange(0, 3).Draw(t, "args") {
		e.Args = append(e.Args, filterOf(t, depth-1))
	}
	return e
}
