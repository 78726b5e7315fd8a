package otlp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/otlp"
	"example.com/evident/intake/sender"
	"example.com/evident/source"
	"example.com/evident/source/awscloudtrail"
	"example.com/evident/source/log"
	"example.com/evident/trail"
)

var kinds = []source.Kind{log.Kind, awscloudtrail.Kind}

type rig struct {
	*otlp.Handler
	cfg   otlp.Config
	trail *trail.Trail
	full  atomic.Bool // the disk
	t     testing.TB
}

func open(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t}
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail", Fault: func(op, _ string) error {
		if op == "write" && r.full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	r.trail = tr
	r.cfg = otlp.Config{Intake: intake.New(intake.Config{Trail: tr, Kinds: kinds}), Bodies: body.New(0), Admit: admit}
	r.Handler = otlp.New(r.cfg)
	return r
}

// admit knows one key that may append everything, and one that may not.
func admit(_ context.Context, c sender.Credential) (sender.Sender, error) {
	s := sender.Sender{Actor: event.Actor{Type: event.Service, ID: "key"}}
	switch c.Token {
	case "":
		return s, sender.ErrNoToken
	case "evk_all":
		return s, nil
	case "evk_log":
		s.MayAppend = func(name string) bool { return strings.HasPrefix(name, "log/") }
		return s, nil
	case "evk_later":
		return s, errors.New("not now")
	}
	return s, sender.ErrToken
}

const (
	protobuf = "application/x-protobuf"
	inJSON   = "application/json"
)

// post sends body and returns the status and the answer.
func (r *rig) post(contentType string, b []byte, header ...string) (int, string) {
	r.t.Helper()
	req := httptest.NewRequest("POST", "/v1/logs", bytes.NewReader(b))
	req.Header.Set("Authorization", "Bearer evk_all")
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Code == 503 && w.Header().Get("Retry-After") == "" {
		r.t.Error("503 without Retry-After")
	}
	return w.Code, w.Body.String()
}

// raws returns "source raw" of the records that were added since size, by source:
// events of several sources have no order between them.
func (r *rig) raws(size uint64) (out []string) {
	r.t.Helper()
	for rec, err := range r.trail.Records(context.Background(), size, r.trail.Size()) {
		if err != nil {
			r.t.Fatal(err)
		}
		e, err := event.Parse(rec.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Source != "evident" {
			out = append(out, e.Source+" "+string(e.Raw))
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		a, _, _ = strings.Cut(a, " ")
		b, _, _ = strings.Cut(b, " ")
		return strings.Compare(a, b)
	})
	return out
}

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func attribute(key string, v *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: v}
}

// request is one record of service.
func request(service string, records ...*logspb.LogRecord) *collectorpb.ExportLogsServiceRequest {
	return &collectorpb.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{attribute("service.name", text(service))}},
		ScopeLogs: []*logspb.ScopeLogs{{LogRecords: records}},
	}}}
}

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything has a value in every field of a log record.
func everything() *collectorpb.ExportLogsServiceRequest {
	kv := func(v ...*commonpb.KeyValue) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: v}}}
	}
	list := func(v ...*commonpb.AnyValue) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: v}}}
	}
	number := func(f float64) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}
	}
	values := []*commonpb.KeyValue{
		attribute("s", text("a \"b\"\n\u00e9\u2028")), attribute("", text("")), attribute("none", nil), attribute("empty", &commonpb.AnyValue{}),
		attribute("b", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{}}),
		attribute("i", &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: math.MinInt64}}),
		attribute("d", number(1e300)), attribute("nan", number(math.NaN())), attribute("inf", number(math.Inf(-1))), attribute("zero", number(0)),
		attribute("l", list(text("x"), list(), kv())), attribute("m", kv(attribute("k", kv(attribute("k", text("v")))))),
		attribute("bytes", &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{0, 1, 255}}}),
	}
	return &collectorpb.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{
		{
			Resource:  &resourcepb.Resource{Attributes: append(values, attribute("service.name", text("Check Out!"))), DroppedAttributesCount: 7},
			SchemaUrl: "https://example.com/resource",
			ScopeLogs: []*logspb.ScopeLogs{
				{
					Scope:     &commonpb.InstrumentationScope{Name: "lib", Version: "1.2", Attributes: values, DroppedAttributesCount: 1},
					SchemaUrl: "https://example.com/scope",
					LogRecords: []*logspb.LogRecord{{
						TimeUnixNano: math.MaxUint64, ObservedTimeUnixNano: 1772357400000000001, SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_WARN,
						SeverityText: "WARN", Body: kv(values...), Attributes: values, DroppedAttributesCount: math.MaxUint32, Flags: 1,
						TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{0x01}, 8), EventName: "user.login",
					}, {Body: text("second")}},
				},
				{LogRecords: []*logspb.LogRecord{{}}},
			},
		},
		{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{Body: text("no resource")}}}}},
	}}
}

var ids = regexp.MustCompile(`"(traceId|spanId)":"([0-9a-f]+)"`)

// asMessages reads an envelope back with the generated types.
func asMessages(t testing.TB, raw string) (*resourcepb.Resource, *commonpb.InstrumentationScope, *logspb.LogRecord) {
	t.Helper()
	raw = ids.ReplaceAllStringFunc(raw, func(m string) string { // protojson knows base64 only
		p := ids.FindStringSubmatch(m)
		b, _ := hex.DecodeString(p[2])
		return fmt.Sprintf(`"%s":"%s"`, p[1], base64.StdEncoding.EncodeToString(b))
	})
	wrapped := regexp.MustCompile(`^\{"resource":(.*),"scope":(.*?)(?:,"schemaUrl":("[^"]*"))?,"logRecord":(.*)\}$`).FindStringSubmatch(raw)
	if wrapped == nil {
		t.Fatalf("not an envelope: %s", raw)
	}
	var logs logspb.LogsData
	if err := protojson.Unmarshal([]byte(`{"resourceLogs":[{"resource":`+wrapped[1]+`,"scopeLogs":[{"scope":`+wrapped[2]+`,"logRecords":[`+wrapped[4]+`]}]}]}`), &logs); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	l := logs.ResourceLogs[0]
	return l.Resource, l.ScopeLogs[0].Scope, l.ScopeLogs[0].LogRecords[0]
}

// What the raw says is all that the record said, by the generated types.
func TestNothingOfARecordIsLost(t *testing.T) {
	r := open(t)
	req := everything()
	if status, answer := r.post(protobuf, encode(t, req)); status != 200 || answer != "" {
		t.Fatalf("%d %q", status, answer)
	}
	raws := r.raws(0)
	n := 0
	for _, rl := range req.ResourceLogs {
		for _, sl := range rl.ScopeLogs {
			for _, want := range sl.LogRecords {
				name, raw, _ := strings.Cut(raws[n], " ")
				if wantName := map[bool]string{true: "log/check_out_", false: "log/otlp"}[rl.Resource != nil]; name != wantName {
					t.Errorf("source %s, want %s", name, wantName)
				}
				resource, scope, record := asMessages(t, raw)
				if rl.Resource != nil && !proto.Equal(resource, rl.Resource) {
					t.Errorf("%v\n%v", resource, rl.Resource)
				}
				if sl.Scope != nil && !proto.Equal(scope, sl.Scope) {
					t.Errorf("%v\n%v", scope, sl.Scope)
				}
				if !proto.Equal(record, want) {
					t.Errorf("got  %v\nwant %v", record, want)
				}
				if schema := sl.GetSchemaUrl() + map[bool]string{true: rl.SchemaUrl}[sl.SchemaUrl == ""]; strings.Contains(raw, "schemaUrl") != (schema != "") || !strings.Contains(raw, schema) {
					t.Errorf("schemaUrl %q: %s", schema, raw)
				}
				n++
			}
		}
	}
	if n != len(raws) {
		t.Errorf("%d records, want %d", len(raws), n)
	}
	if want := `log/otlp {"resource":{},"scope":{},"logRecord":{"body":{"stringValue":"no resource"}}}`; raws[n-1] != want {
		t.Errorf("got  %s\nwant %s", raws[n-1], want)
	}
}

const oneInJSON = `{ "resourceLogs": [ { "resource": {"attributes": [{"key":"service.name","value":{"stringValue":"web"}}]},
 "scopeLogs": [ {"scope": {"name":"lib"}, "logRecords": [ {"timeUnixNano":"1772357400000000000", "body": {"stringValue":"hello"}}, {} ], "schemaUrl":"u" } ] } ] }`

func TestJSON(t *testing.T) {
	r := open(t)
	if status, answer := r.post(inJSON+"; charset=utf-8", []byte(oneInJSON)); status != 200 || answer != "{}" {
		t.Fatalf("%d %s", status, answer)
	}
	want := `log/web {"resource":{"attributes": [{"key":"service.name","value":{"stringValue":"web"}}]},"scope":{"name":"lib"},"schemaUrl":"u","logRecord":{"timeUnixNano":"1772357400000000000", "body": {"stringValue":"hello"}}}`
	raws := r.raws(0)
	if len(raws) != 2 || raws[0] != want {
		t.Errorf("got  %s\nwant %s", raws, want)
	}
	if status, _ := r.post(inJSON, []byte(oneInJSON)); status != 200 || len(r.raws(0)) != 2 {
		t.Errorf("sent again: %d, %d records", status, len(r.raws(0)))
	}
	for what, s := range map[string]string{
		"nothing": "", "no object": "[]", "broken": `{"resourceLogs":[`, "an array that is none": `{"resourceLogs":{}}`, "a record that is none": `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},7]}]}]}`,
		"a resource that is none": `{"resourceLogs":[{"resource":[]}]}`, "a scope that is none": `{"resourceLogs":[{"scopeLogs":[{"scope":1}]}]}`,
	} {
		if status, answer := r.post(inJSON, []byte(s)); status != 400 || !strings.HasPrefix(answer, `{"code":3,"message":"`) {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
	if len(r.raws(0)) != 2 {
		t.Errorf("a wrong request was stored: %s", r.raws(0)[2:])
	}
	if status, answer := r.post(inJSON, []byte("{}")); status != 200 || answer != "{}" {
		t.Errorf("an empty request: %d %s", status, answer)
	}
}

const (
	trailRecord = `{"eventVersion":"1.08","eventID":"11111111-2222-4333-8444-555555555555","eventTime":"2026-03-01T09:30:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"eu-west-1","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","userName":"ana","accountId":"123456789012"}}`
	schemaEvent = `{"occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},"action":"invoice.void","category":"data","outcome":"success"%s}`
)

func TestSources(t *testing.T) {
	r := open(t)
	f := func(what string, named string, record *logspb.LogRecord, want string, header ...string) {
		t.Helper()
		size := r.trail.Size()
		req := request("Billing", record)
		if named != "" {
			rs := req.ResourceLogs[0].Resource
			rs.Attributes = append(rs.Attributes, attribute("evident.source", text(named)))
		}
		if status, answer := r.post(protobuf, encode(t, req), header...); status != 200 {
			t.Errorf("%s: %d %q", what, status, answer)
		}
		if raws := r.raws(size); len(raws) != 1 || !strings.HasPrefix(raws[0], want) {
			t.Errorf("%s: %s; want %s", what, raws, want)
		}
	}
	fields := func(s string) *commonpb.AnyValue {
		var v commonpb.KeyValueList
		if err := protojson.Unmarshal([]byte(s), &v); err != nil {
			t.Fatal(err)
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &v}}
	}
	log := func(s string) *logspb.LogRecord { return &logspb.LogRecord{Body: text(s)} }
	f("service.name", "", log("a"), "log/billing {")
	f("a source of logs", "log/pay", log("b"), "log/pay {")
	f("a source that nobody knows", "pay/x", log("c"), "log/pay_x {")
	f("a mapped kind", "aws.cloudtrail/prod", log(trailRecord), "aws.cloudtrail/prod "+trailRecord)
	f("a mapped kind by header", "", log(strings.Replace(trailRecord, "5555", "6666", 1)), "aws.cloudtrail/lab {", "X-Evident-Source", "aws.cloudtrail/lab")
	f("a mapped kind, body not text", "aws.cloudtrail/prod",
		&logspb.LogRecord{Body: fields(`{"values":[{"key":"eventID","value":{"intValue":"7"}},{"key":"l","value":{"arrayValue":{"values":[{"boolValue":true},{}]}}}]}`)},
		`aws.cloudtrail/prod {"eventID":7,"l":[true,null]}`)
	f("an event in the schema", "", log(fmt.Sprintf(schemaEvent, `,"id":"1"`)), "app/billing ")
	f("an event in the schema with its source", "", log(fmt.Sprintf(schemaEvent, `,"id":"1","source":"app/own"`)), "app/own ")
	f("an event in the schema for a source", "app/shop", log(fmt.Sprintf(schemaEvent, "")), "app/shop ")
	f("an event in an attribute", "", &logspb.LogRecord{Body: text("voided"), Attributes: []*commonpb.KeyValue{attribute("evident.event", text(fmt.Sprintf(schemaEvent, `,"id":"2"`)))}}, "app/billing ")
	f("an event as a map", "", &logspb.LogRecord{Body: fields(`{"values":[{"key":"occurred_at","value":{"stringValue":"2026-03-01T09:30:00Z"}},{"key":"action","value":{"stringValue":"a.b"}},
		{"key":"actor","value":{"kvlistValue":{"values":[{"key":"type","value":{"stringValue":"user"}},{"key":"id","value":{"stringValue":"u"}}]}}},
		{"key":"category","value":{"stringValue":"data"}},{"key":"outcome","value":{"stringValue":"success"}}]}`)}, "app/billing ")

	size := r.trail.Size()
	wrong := request("Billing", log("fine"), &logspb.LogRecord{Attributes: []*commonpb.KeyValue{attribute("evident.event", text(`{"action":"x"}`))}})
	status, answer := r.post(protobuf, encode(t, wrong))
	var response collectorpb.ExportLogsServiceResponse
	if err := proto.Unmarshal([]byte(answer), &response); err != nil || status != 200 || response.PartialSuccess.GetRejectedLogRecords() != 1 || !strings.Contains(response.PartialSuccess.GetErrorMessage(), "occurred_at") {
		t.Errorf("%d %v %v", status, err, &response)
	}
	if len(r.raws(size)) != 1 {
		t.Errorf("%s", r.raws(size))
	}
	if status, answer := r.post(inJSON, []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"evident.event","value":{"stringValue":"x"}}]}]}]}]}`)); status != 200 || !strings.HasPrefix(answer, `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"`) {
		t.Errorf("%d %s", status, answer)
	}
}

func TestRefusals(t *testing.T) {
	r := open(t)
	good := encode(t, request("web", &logspb.LogRecord{Body: text("x")}))
	var deep []byte
	v := text("x")
	for range 100 {
		v = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{v}}}}
	}
	deep = encode(t, request("web", &logspb.LogRecord{Body: v}))
	large := request(strings.Repeat("x", 1<<20))
	for range 300 {
		large.ResourceLogs[0].ScopeLogs[0].LogRecords = append(large.ResourceLogs[0].ScopeLogs[0].LogRecords, &logspb.LogRecord{})
	}
	many := request("web", make([]*logspb.LogRecord, intake.MaxEvents+1)...)
	for i := range many.ResourceLogs[0].ScopeLogs[0].LogRecords {
		many.ResourceLogs[0].ScopeLogs[0].LogRecords[i] = &logspb.LogRecord{}
	}
	f := func(what string, status int, contentType string, b []byte, header ...string) {
		t.Helper()
		got, answer := r.post(contentType, b, header...)
		if got != status {
			t.Errorf("%s: %d %s", what, got, answer)
		}
		if s := new(statuspb.Status); contentType == protobuf && (proto.Unmarshal([]byte(answer), s) != nil || s.Code == 0 || s.Message == "") {
			t.Errorf("%s: %s", what, answer)
		}
	}
	f("another type", 415, "text/plain", good)
	f("no protobuf", 400, protobuf, []byte("hello"))
	f("broken off", 400, protobuf, good[:len(good)-1])
	f("not gzip", 400, protobuf, good, "Content-Encoding", "gzip")
	f("deep values", 400, protobuf, deep)
	// One that is wrong at its end, when much was read already.
	big := request("web")
	for range 200 {
		l := big.ResourceLogs[0].ScopeLogs[0]
		l.LogRecords = append(l.LogRecords, &logspb.LogRecord{Body: text(strings.Repeat("x", 100_000))})
	}
	f("a large one, broken at its end", 400, protobuf, append(encode(t, big), 0x0a, 0x7f))
	f("a resource that multiplies", 413, protobuf, encode(t, large))
	f("too many records", 413, protobuf, encode(t, many))
	f("a source that is none", 400, protobuf, good, "X-Evident-Source", "what")
	f("no key", 401, protobuf, good, "Authorization", "")
	f("another key", 401, protobuf, good, "Authorization", "Bearer evk_none")
	f("a key that cannot be checked", 503, protobuf, good, "Authorization", "Bearer evk_later")
	f("another source", 403, protobuf, good, "Authorization", "Bearer evk_log", "X-Evident-Source", "aws.cloudtrail/x")
	r.full.Store(true)
	f("a full disk", 503, protobuf, good)
	r.full.Store(false)
	if len(r.raws(0)) > 0 {
		t.Errorf("stored: %d", len(r.raws(0)))
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(good)
	w.Close()
	if status, _ := r.post(protobuf, z.Bytes(), "Content-Encoding", "gzip"); status != 200 || len(r.raws(0)) != 1 {
		t.Error(status)
	}
}

func FuzzProtobuf(f *testing.F) {
	f.Add(encode(f, everything()))
	f.Add(encode(f, request("web", &logspb.LogRecord{Body: text(trailRecord)})))
	r := open(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r.t = t
		size := r.trail.Size()
		status, _ := r.post(protobuf, b)
		var req collectorpb.ExportLogsServiceRequest
		if err := proto.Unmarshal(b, &req); err == nil && status != 200 && status != 413 && !strings.Contains(fmt.Sprint(&req), "array_value") && !strings.Contains(fmt.Sprint(&req), "kvlist_value") {
			t.Errorf("%d for what the generated types can read", status)
		}
		for _, raw := range r.raws(size) {
			if _, raw, _ = strings.Cut(raw, " "); strings.HasPrefix(raw, `{"resource":`) && !json.Valid([]byte(raw)) {
				t.Errorf("not JSON: %q", raw)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(oneInJSON))
	f.Add([]byte(`{"resource_logs":[{"scope_logs":[{"log_records":[{"body":{"kvlistValue":{"values":[{"key":"occurred_at"}]}}}]}]}]}`))
	r := open(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r.t = t
		if status, answer := r.post(inJSON, b); status != 200 && status != 400 && status != 413 {
			t.Errorf("%d %s", status, answer)
		}
	})
}
