package source_test

import (
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

func TestActionName(t *testing.T) {
	f := func(want string, names ...string) {
		t.Helper()
		got := source.ActionName(names...)
		if got != want || event.ValidAction(got) != nil {
			t.Errorf("%q: %s", names, got)
		}
	}
	f("iam.create_db_instance", "iam", "CreateDBInstance")
	f("ec2.describe_vpcs", "ec2", "DescribeVPCs")
	f("entra.add_member_to_role", "entra", "Add member to role")
	f("a.b.c.d", "a", "b", "c", "d", "e")
	f("a.c", "a", "--", "c", "")
	f("c", "", "c")
	f("unknown", "日本")
	f("unknown")
	f("change_2sv_settings", "CHANGE_2SV_SETTINGS")
	f("x."+strings.Repeat("long_name_", 6)+"lo", "x", strings.Repeat("LongName", 20))
	f(strings.Repeat("a", 64), strings.Repeat("a", 64), "b")
	f(strings.Repeat("a", 63), strings.Repeat("a", 63), "b")
}

func TestTime(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		got, ok := source.Time(s)
		if ok != (want != "") || ok && got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v %v", s, got, ok)
		}
	}
	f("2024-12-10T02:22:58.7270280Z", "2024-12-10T02:22:58.727028Z")
	f("2024-12-10T02:22:58.72702812345Z", "2024-12-10T02:22:58.727028123Z")
	f("2024-12-10T02:22:58+02:00", "2024-12-10T00:22:58Z")
	f("2023-07-26 22:58:30.983201900", "2023-07-26T22:58:30.9832019Z")
	f("2023-07-26 22:58:30", "2023-07-26T22:58:30Z")
	f("2023-07-26 22:58:30Z", "2023-07-26T22:58:30Z")
	f("2023-07-26 22:58:30 UTC", "2023-07-26T22:58:30Z")
	f("2023-07-26 22:58:30 +0000 UTC", "2023-07-26T22:58:30Z")
	f("2023-07-26 22:58:30.5 +0200", "2023-07-26T20:58:30.5Z")
	f("0001-01-01T00:00:00Z", "")
	f("9999-12-31T23:59:59Z", "")
	f("yesterday", "")
	f("", "")
}

func TestDetail(t *testing.T) {
	var d source.Detail
	d.Text("none", "")
	d.Texts("none", []string{"", ""})
	d.Scalar("none", []byte("null"))
	d.Scalar("none", []byte(`{}`))
	d.Scalar("none", nil)
	d.Flag("none", false)
	if d.Object() != nil {
		t.Errorf("%s", d)
	}
	d.Text("a", "\"\xff")
	d.Texts("b", []string{"", "x", "y"})
	d.Scalar("c", []byte("-1.5"))
	d.Scalar("d", []byte(`"é"`))
	d.Scalar("e", []byte(`false`))
	d.Flag("f", true)
	if got := string(d.Object()); got != `{"a":"\"�","b":["x","y"],"c":-1.5,"d":"é","e":false,"f":true}` {
		t.Error(got)
	}
}

func TestMember(t *testing.T) {
	object := []byte(`{"a":{"b":"c"},"n":null}`)
	f := func(want string, names ...string) {
		t.Helper()
		if got := source.MemberText(object, names...); got != want {
			t.Errorf("%v: %s", names, got)
		}
	}
	f("c", "a", "b")
	f("", "a")
	f("", "a", "x")
	f("", "n")
	f("", "a", "b", "c")
}

func TestObject(t *testing.T) {
	f := func(token, want string) {
		t.Helper()
		if got := string(source.Object([]byte(token))); got != want {
			t.Errorf("%s: %s", token, got)
		}
	}
	f(`{"a":1}`, `{"a":1}`)
	f(`" {\"a\":\"\\\"\"}"`, `{"a":"\""}`)
	f(`"{\"a\":1"`, "")
	f(`"text"`, "")
	f(`[{}]`, "")
	f(`null`, "")
	f(``, "")
	if got := string(source.Array([]byte(`"[1,{}]"`))); got != `[1,{}]` || source.Array([]byte(`{}`)) != nil {
		t.Error(got)
	}
}
