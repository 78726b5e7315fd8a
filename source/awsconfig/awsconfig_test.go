package awsconfig_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/awsconfig"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, awsconfig.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, awsconfig.Kind, "testdata") }

func item(status, configuration string) string {
	return fmt.Sprintf(`{"configurationItemCaptureTime":"2026-03-01T09:00:00Z","configurationStateId":1,"awsAccountId":"1","awsRegion":"r","configurationItemStatus":%q,"resourceType":"AWS::X::Y","resourceId":"y","configuration":%s}`, status, configuration)
}

func TestEveryRowOfTheTable(t *testing.T) {
	for status, want := range awsconfig.Kind.Actions {
		if status == "ComplianceChange" {
			continue
		}
		e, err := awsconfig.Kind.Map([]byte(item(status, "{}")), time.Time{})
		if err != nil || e.Action != want.Action || e.Category != want.Category || e.Outcome != event.Success {
			t.Errorf("%s: %+v, %v", status, e, err)
		}
	}
}

func TestDeliveries(t *testing.T) {
	a, b := item("OK", `{"a":1}`), item("ResourceDeleted", "null")
	text := func(s string) string { q, _ := json.Marshal(s); return string(q) }
	f := func(name, delivery string, want ...string) {
		t.Helper()
		var got []string
		for raw, err := range awsconfig.Kind.Split(strings.NewReader(delivery)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	f("a snapshot", `{"fileVersion":"1.0","configSnapshotId":"s","configurationItems":[`+a+`,`+b+`]}`, a, b)
	f("a history without items", `{"fileVersion":"1.0","configurationItems":[]}`)
	f("EventBridge", `{"version":"0","detail-type":"Config Configuration Item Change","detail":{"recordVersion":"1.3","messageType":"ConfigurationItemChangeNotification","configurationItemDiff":{"changeType":"UPDATE"},"configurationItem":`+a+`}}`, a)
	f("SNS", `{"Type":"Notification","Message":`+text(`{"configurationItem":`+a+`,"messageType":"ConfigurationItemChangeNotification"}`)+`}`, a)
	f("lines", a+"\n"+b, a, b)
}

func TestDifferences(t *testing.T) {
	diff := func(before, after string) string {
		k1, s1 := awsconfig.Kind.Change.Of([]byte(before))
		k2, s2 := awsconfig.Kind.Change.Of([]byte(after))
		if k1 != k2 || k1 != "1/r/AWS::X::Y/y" {
			t.Errorf("keys %q and %q", k1, k2)
		}
		return string(source.Diff(s1, s2))
	}
	for _, c := range [][3]string{
		{item("ResourceDiscovered", `{"port":22}`), item("OK", `{"port":22}`), `{"changes":[]}`},
		{item("OK", `{"port":22}`), item("OK", `"{\"port\":23}"`), `{"changes":[{"path":"/configuration/port","from":22,"to":23}]}`},
		{item("OK", `{"port":22}`), item("ResourceDeleted", `null`), `{"changes":[{"path":"/configuration","from":{"port":22},"to":null},{"path":"/status","from":"OK","to":"ResourceDeleted"}]}`},
		{item("OK", `{"environment":{"A":"secret-1"}}`), item("OK", `{"environment":{"A":"secret-2"}}`), `{"changes":[{"path":"/configuration/environment/A","from":"[secret]","to":"[secret]"}]}`},
	} {
		if got := diff(c[0], c[1]); got != c[2] {
			t.Errorf("%s", got)
		}
	}
	for _, raw := range []string{"", "{", "{}", `{"resourceType":"x"}`} {
		if key, _ := awsconfig.Kind.Change.Of([]byte(raw)); key != "" {
			t.Errorf("%q is of %q", raw, key)
		}
	}
}

func TestIDs(t *testing.T) {
	id := func(raw string) string {
		e, err := awsconfig.Kind.Map([]byte(raw), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	if got := id(item("OK", "{}")); got != "1/r/AWS::X::Y/y/2026-03-01T09:00:00Z/1" {
		t.Error(got)
	}
	long := func(c string) string {
		return strings.Replace(item("OK", "{}"), `"resourceId":"y"`, `"resourceId":"`+strings.Repeat(c, 600)+`"`, 1)
	}
	if a, b := id(long("a")), id(long("b")); a == b || len(a) > event.MaxIDBytes {
		t.Errorf("%s %s", a, b)
	}
}

func TestWhatIsNoItemIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := awsconfig.Kind.Map([]byte(raw), time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f("{", "not JSON")
	f("{}", "resourceType")
	f(`{"resourceType":"a","resourceId":"b"}`, "no time")
	f(`{"resourceType":"a","resourceId":"b","newEvaluationResult":{}}`, "resultRecordedTime")
}
