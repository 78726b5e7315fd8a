package awscloudtrail_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source/awscloudtrail"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, awscloudtrail.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, awscloudtrail.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// record returns a record with members put in the place of others.
func record(members map[string]any) []byte {
	r := map[string]any{
		"eventID": "e1", "eventTime": "2026-03-01T09:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateUser",
		"recipientAccountId": "111122223333", "eventType": "AwsApiCall", "readOnly": false,
		"userIdentity": map[string]any{"type": "IAMUser", "principalId": "AIDA1", "userName": "ana"},
	}
	for name, v := range members {
		r[name] = v
	}
	raw, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return raw
}

func TestEveryRowOfTheTable(t *testing.T) {
	for native, want := range awscloudtrail.Kind.Actions {
		service, name, ok := strings.Cut(native, ":")
		if !ok || event.ValidAction(want.Action) != nil || want.Category.Meaning() == "" {
			t.Errorf("%s: %+v", native, want)
		}
		e, err := awscloudtrail.Kind.Map(record(map[string]any{"eventSource": service + ".amazonaws.com", "eventName": name}), time.Time{})
		if err != nil || e.Action != want.Action || e.Category != want.Category || e.NativeAction != native {
			t.Errorf("%s: %s %s %s, %v", native, e.NativeAction, e.Action, e.Category, err)
		}
	}
}

func TestActionsOfTheRest(t *testing.T) {
	f := func(source, name, action string, category event.Category, members map[string]any) {
		t.Helper()
		m := map[string]any{"eventSource": source, "eventName": name}
		for k, v := range members {
			m[k] = v
		}
		e, err := awscloudtrail.Kind.Map(record(m), time.Time{})
		if err != nil || e.Action != action || e.Category != category {
			t.Errorf("%s %s: %s %s, %v", source, name, e.Action, e.Category, err)
		}
		if err := event.ValidAction(e.Action); err != nil {
			t.Error(err)
		}
	}
	reads := map[string]any{"readOnly": true}
	f("ec2.amazonaws.com", "DescribeDBInstances", "ec2.describe_db_instances", event.System, reads)
	f("ec2.amazonaws.com", "DescribeVPCs", "ec2.describe_vpcs", event.System, reads)
	f("s3.amazonaws.com", "ListObjectsV2", "s3.list_objects_v2", event.Data, map[string]any{"eventCategory": "Data"})
	f("ec2.amazonaws.com", "GetEC2InstancesARNsList", "ec2.get_ec2_instances_arns_list", event.System, reads)
	f("lambda.amazonaws.com", "UpdateAlias20150331", "lambda.update_alias", event.Change, nil)
	f("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "code.deploy", event.Change, nil)
	f("elasticloadbalancing.amazonaws.com", "CreateListener", "elasticloadbalancing.create_listener", event.Network, nil)
	f("ec2.amazonaws.com", "CreateVpnGateway", "ec2.create_vpn_gateway", event.Network, nil)
	f("ec2.amazonaws.com", "CreateTags", "ec2.create_tags", event.Config, nil)
	f("iam.amazonaws.com", "TagUser", "iam.tag_user", event.Account, nil)
	f("iam.amazonaws.com", "TagPolicy", "iam.tag_policy", event.Access, nil)
	f("new-service.amazonaws.com", "DoIt", "new_service.do_it", event.Config, nil)
	f("x", "ListThings", "x.list_things", event.System, map[string]any{"readOnly": nil})
	f("x", "Listing", "x.listing", event.Config, map[string]any{"readOnly": nil})
	f("日本", "東京", "aws.call", event.Config, nil)
	f("x", strings.Repeat("LongName", 20), "x."+strings.Repeat("long_name_", 6)+"lo", event.Config, nil)
	root := map[string]any{"userIdentity": map[string]any{"type": "Root", "principalId": "111122223333"}}
	f("s3.amazonaws.com", "DeleteBucket", "bucket.delete", event.Privileged, root)
	f("signin.amazonaws.com", "ConsoleLogin", "session.start", event.Authentication, root)
}

func TestOutcomes(t *testing.T) {
	f := func(want event.Outcome, members map[string]any) {
		t.Helper()
		e, err := awscloudtrail.Kind.Map(record(members), time.Time{})
		if err != nil || e.Outcome != want {
			t.Errorf("%v: %s, %v", members, e.Outcome, err)
		}
	}
	f(event.Success, nil)
	f(event.Success, map[string]any{"errorCode": nil, "errorMessage": nil})
	for _, code := range []string{"AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation", "UnauthorizedOperation"} {
		f(event.Denied, map[string]any{"errorCode": code})
	}
	f(event.Denied, map[string]any{"errorCode": "Other", "errorMessage": "x is not authorized to perform: y"})
	f(event.Denied, map[string]any{"errorMessage": "x is not authorized to perform: y"})
	f(event.Failure, map[string]any{"errorCode": "NoSuchEntity"})
	f(event.Failure, map[string]any{"errorCode": "Client.DryRunOperation"})
	f(event.Failure, map[string]any{"errorMessage": "Failed authentication"})
	f(event.Failure, map[string]any{"eventName": "ConsoleLogin", "responseElements": map[string]any{"ConsoleLogin": "Failure"}})
	f(event.Success, map[string]any{"eventName": "ConsoleLogin", "responseElements": map[string]any{"ConsoleLogin": "Success"}})
	f(event.Failure, map[string]any{"eventName": "UserAuthentication", "serviceEventDetails": map[string]any{"UserAuthentication": "Failure"}})
	f(event.Success, map[string]any{"responseElements": map[string]any{"ConsoleLogin": "Failure"}}) // of another call
}

func TestWhatIsNoRecordIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := awscloudtrail.Kind.Map([]byte(raw), time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	f(``, "not JSON")
	f(`{`, "not JSON")
	f(`[]`, "not a CloudTrail record")
	f(`"text"`, "not a CloudTrail record")
	f(`CWL CONTROL MESSAGE: Checking health of destination`, "not JSON")
	f(`{"eventID":"1"}`, "eventName or eventSource is missing")
	f(`{"eventID":"1","eventID":"2"}`, "duplicate")
	f(string(record(map[string]any{"eventTime": "yesterday"})), `eventTime is "yesterday"`)
	f(string(record(map[string]any{"eventID": nil})), "eventID")
	f(`{"digestEndTime":"2026-03-01T00:00:00Z"}`, "digestS3Bucket")
	f(`{"digestEndTime":"x","digestS3Bucket":"b","digestS3Object":"o"}`, "digestEndTime is no time")
	f(`{"eventType":"AwsCloudTrailInsight","eventID":"1","eventTime":"2026-03-01T00:00:00Z"}`, "insightDetails is missing")
}

// TestDeliveries finds the same records in every envelope that CloudTrail comes in.
func TestDeliveries(t *testing.T) {
	a, b := string(record(nil)), string(record(map[string]any{"eventID": "e2", "userAgent": "quote \" and \\ and é"}))
	text := func(s string) string { return string(must(json.Marshal(s))) }
	f := func(name, delivery string) {
		t.Run(name, func(t *testing.T) {
			var got []string
			for raw, err := range awscloudtrail.Kind.Split(strings.NewReader(delivery)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(raw))
			}
			if !slices.Equal(got, []string{a, b}) {
				t.Errorf("%q", got)
			}
		})
	}
	f("a delivered file", `{"Records":[`+a+`,`+b+`]}`)
	f("an array", `[`+a+`, `+b+`]`)
	f("lines", a+"\n"+b+"\n")
	f("one after the other", a+b)
	f("a CloudWatch Logs subscription", `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"g","logEvents":[`+
		`{"id":"1","timestamp":1772355600000,"message":`+text(a)+`},{"id":"2","timestamp":1772355600000,"message":`+text(b)+`}]}`)
	f("EventBridge", `{"version":"0","detail-type":"AWS API Call via CloudTrail","detail":`+a+`,"id":"x"}`+"\n"+`{"detail":`+b+`}`)
	f("LookupEvents", `{"Events":[{"EventId":"e1","CloudTrailEvent":`+text(a)+`},{"CloudTrailEvent":`+text(b)+`}],"NextToken":"x"}`)
}

func TestDigestFileIsOneEvent(t *testing.T) {
	raw := must(os.ReadFile("testdata/digest.json"))
	n := 0
	for r, err := range awscloudtrail.Kind.Split(bytes.NewReader(raw)) {
		e, mapped := awscloudtrail.Kind.Event("aws.cloudtrail/prod", nil, r, now)
		if n++; err != nil || !mapped || e.Action != "log.digest" {
			t.Errorf("%+v, %v", e, err)
		}
	}
	if n != 1 {
		t.Errorf("%d events", n)
	}
}

// TestSecretsAreNotCopied holds that what is secret in a record is in raw only.
func TestSecretsAreNotCopied(t *testing.T) {
	found := 0
	for _, name := range must(filepath.Glob("testdata/*.json")) {
		raw := must(os.ReadFile(name))
		if strings.HasSuffix(name, ".event.json") || !bytes.Contains(raw, []byte("THIS-IS-A-SECRET")) {
			continue
		}
		found++
		e, _ := awscloudtrail.Kind.Event("aws.cloudtrail/prod", nil, raw, now)
		if e.Raw = nil; bytes.Contains(e.AppendJSON(nil), []byte("SECRET")) {
			t.Errorf("%s: %s", name, e.AppendJSON(nil))
		}
	}
	if found < 3 {
		t.Errorf("%d fixtures with a secret", found)
	}
}

// TestRealDeliveries maps deliveries of others, which are not part of this
// repository.
func TestRealDeliveries(t *testing.T) {
	const dir = "../../../shared/data/open/aws_cloudtrail"
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) == 0 {
		t.Skipf("SKIPPED: no files in %s, so no real delivery was mapped", dir)
	}
	total := 0
	for _, file := range files {
		delivery := must(os.ReadFile(file))
		wrapped := filepath.Base(file) == "cloudwatch_cloudtrail.json"
		if wrapped { // a test file of another project, in which the delivery is the member data
			var cases []struct{ Data json.RawMessage }
			if err := json.Unmarshal(delivery, &cases); err != nil {
				t.Fatal(err)
			}
			delivery = cases[0].Data
		}
		for raw, err := range awscloudtrail.Kind.Split(bytes.NewReader(delivery)) {
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			total++
			e, mapped := awscloudtrail.Kind.Event("aws.cloudtrail/prod", nil, raw, now)
			if wrapped { // its only record has "foo" for a time: kept, with that reason
				if mapped || !strings.Contains(e.OutcomeReason, `eventTime is "foo"`) {
					t.Errorf("%s: %+v", file, e)
				}
				continue
			}
			if !mapped || e.Actor.ID == "" || e.Action == "" || e.Category == "" || e.Outcome == "" || !bytes.Contains(delivery, e.Raw) {
				t.Errorf("%s: %+v", file, e)
			}
			sourcetest.Check(t, awscloudtrail.Kind, raw)
		}
	}
	t.Logf("%d events", total)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return v
}

func BenchmarkMap(b *testing.B) {
	var raws [][]byte
	size := 0
	for _, name := range must(filepath.Glob("testdata/*.json")) {
		if !strings.HasSuffix(name, ".event.json") && !strings.Contains(name, "digest") && !strings.Contains(name, "nasty") {
			raws = append(raws, must(os.ReadFile(name)))
			size += len(raws[len(raws)-1])
		}
	}
	b.SetBytes(int64(size / len(raws)))
	b.ReportAllocs()
	i := 0
	var body []byte
	for b.Loop() {
		e, ok := awscloudtrail.Kind.Event("aws.cloudtrail/prod", nil, raws[i%len(raws)], now)
		if !ok {
			b.Fatalf("%s", e.OutcomeReason)
		}
		body = e.AppendJSON(body[:0])
		i++
	}
}
