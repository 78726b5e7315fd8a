package proof_test

import (
	"testing"
	"time"

	"example.com/evident/proof"
)

// body35 is an event of 1.1 KB with 35 fields, as they come in practice.
const body35 = `{"schema":"evident.event/1","id":"8f14e45f-ceea-467f-9a2b-3c1b2d4e5f60","source":"aws.cloudtrail/prod","occurred_at":"2026-03-01T10:15:30.123Z","actor":{"type":"user","id":"AIDAJQABLZS4A3QDU576Q","name":"alice","email":"alice@acme.example","role":"arn:aws:iam::123456789012:role/Admin","session":"ASIAIOSFODNN7EXAMPLE","mfa":true},"action":"iam.attach_user_policy","native_action":"AttachUserPolicy","category":"privileged","target":{"type":"user","id":"arn:aws:iam::123456789012:user/bob","name":"bob"},"outcome":"success","outcome_code":"200","where":{"ip":"203.0.113.17","user_agent":"aws-cli/2.15.0 Python/3.11.6 Linux/5.10 botocore/2.4.5","host":"iam.amazonaws.com","region":"us-east-1","account":"123456789012"},"why":{"ticket":"SEC-1234","approval":"cy","change":"CHG-77"},"detail":{"granted_role":"AdministratorAccess","policy_arn":"arn:aws:iam::aws:policy/AdministratorAccess","previous":[],"count":3,"tags":["a","b","c"],"nested":{"deep":null,"ok":false,"n":12.50},"read_only":false,"api_version":"2010-05-08"},"request_id":"b1e2c3d4-0000-1111-2222-333344445555","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`

var header = proof.Header{
	Seq: 123456, At: time.Date(2026, 3, 1, 10, 15, 30, 123456789, time.UTC), Source: "aws.cloudtrail/prod", SSeq: 4711,
	OccurredAt: time.Date(2026, 3, 1, 10, 15, 29, 0, time.UTC), Category: "privileged", Action: "iam.attach_user_policy",
	Outcome: "success", ID: proof.EventID("aws.cloudtrail/prod", "x"), Prev: proof.Hash{1, 2}, Body: proof.Hash{3, 4},
}

func BenchmarkParseBody(b *testing.B) {
	b.ReportAllocs()
	var fields []proof.Field
	var err error
	body := []byte(body35)
	for b.Loop() {
		if fields, err = proof.AppendFields(fields[:0], body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(fields)), "fields")
	b.ReportMetric(float64(len(body35)), "bytes")
}

func BenchmarkCommitments(b *testing.B) {
	b.ReportAllocs()
	fields, _ := proof.ParseBody([]byte(body35))
	var seed proof.Seed
	var c []proof.Hash
	for b.Loop() {
		c = proof.Commitments(c[:0], fields, &seed)
	}
}

func BenchmarkBodyDigest(b *testing.B) {
	b.ReportAllocs()
	fields, _ := proof.ParseBody([]byte(body35))
	var seed proof.Seed
	for b.Loop() {
		proof.BodyDigest(fields, &seed)
	}
}

func BenchmarkHeaderAppend(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 512)
	for b.Loop() {
		buf = header.Append(buf[:0])
	}
}

func BenchmarkParseHeader(b *testing.B) {
	b.ReportAllocs()
	buf := header.Append(nil)
	for b.Loop() {
		if _, err := proof.ParseHeader(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeafHash(b *testing.B) {
	b.ReportAllocs()
	buf := header.Append(nil)
	for b.Loop() {
		proof.LeafHash(buf)
	}
}
