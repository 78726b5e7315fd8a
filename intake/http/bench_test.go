package intakehttp_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"testing"
)

// kilobyte is an event of about 1.1 KB with 27 fields.
func kilobyte(id string) string {
	return fmt.Sprintf(`{"id":%q,"source":"aws.cloudtrail/prod","occurred_at":"2026-03-01T09:30:00.25Z","actor":{"type":"user","id":"usr_91c0a1b2","name":"alice nguyen","email":"alice.nguyen7@example.com","role":"Administrator","session":"sess_8c7d6e5f4a3b2c1d"},"action":"iam.attach_role_policy","native_action":"AttachRolePolicy","category":"access","target":{"type":"role","id":"role_1234abcd","name":"eu-west-1-billing-role-17"},"outcome":"success","where":{"ip":"203.0.113.77","user_agent":"aws-cli/2.17.44 md/awscrt#0.21.2 ua/2.0 os/linux#6.1.0 lang/python#3.11.9 md/prompt#off md/command#s3.ls","host":"iam.example.com","region":"eu-west-1","account":"123456789012"},"why":{"ticket":"SEC-4711","reason":"break-glass access approved by on-call"},"detail":{"tls":{"version":"TLSv1.3","cipher":"TLS_AES_128_GCM_SHA256"},"request":{"resource":"arn:example:iam:eu-west-1:123456789012:role/eu-west-1-billing-role-17","bytes":18231,"policy":"arn:example:iam::policy/ReadOnlyAccess"},"classification":"confidential"},"request_id":"5f2b7c9e-1a2b-4c3d-8e4f-5a6b7c8d9e0f","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`+"\n", id)
}

func BenchmarkBatch1000(b *testing.B) {
	r := open(b, 0)
	b.ReportAllocs()
	b.SetBytes(int64(1000 * len(kilobyte("0000000-000"))))
	n := 0
	for b.Loop() {
		b.StopTimer()
		var body bytes.Buffer
		n++
		for i := range 1000 {
			body.WriteString(kilobyte(fmt.Sprintf("%07d-%03d", n, i)))
		}
		req := httptest.NewRequest("POST", "/v1/events", &body)
		w := httptest.NewRecorder()
		b.StartTimer()
		r.ServeHTTP(w, req)
		if w.Code != 200 {
			b.Fatal(w.Body.String())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}
