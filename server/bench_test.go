package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"example.com/evident/server"
)

// kilobyte is an event of about 1.1 KB.
func kilobyte(id string) string {
	return fmt.Sprintf(`{"id":%q,"source":"app/bench","occurred_at":"2026-03-01T09:30:00.25Z","actor":{"type":"user","id":"usr_91c0a1b2","name":"alice nguyen","email":"alice.nguyen7@example.com","role":"Administrator","session":"sess_8c7d6e5f4a3b2c1d"},"action":"iam.attach_role_policy","native_action":"AttachRolePolicy","category":"access","target":{"type":"role","id":"role_1234abcd","name":"eu-west-1-billing-role-17"},"outcome":"success","where":{"ip":"203.0.113.77","user_agent":"aws-cli/2.17.44 md/awscrt#0.21.2 ua/2.0 os/linux#6.1.0 lang/python#3.11.9 md/prompt#off md/command#s3.ls","host":"iam.example.com","region":"eu-west-1","account":"123456789012"},"why":{"ticket":"SEC-4711","reason":"break-glass access approved by on-call"},"detail":{"tls":{"version":"TLSv1.3","cipher":"TLS_AES_128_GCM_SHA256"},"request":{"resource":"arn:example:iam:eu-west-1:123456789012:role/eu-west-1-billing-role-17","bytes":18231,"policy":"arn:example:iam::policy/ReadOnlyAccess"},"classification":"confidential"},"request_id":"5f2b7c9e-1a2b-4c3d-8e4f-5a6b7c8d9e0f","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`+"\n", id)
}

// benchmarkSend measures the whole server over loopback, its clients included.
func benchmarkSend(b *testing.B, batch, clients int) {
	s, err := server.Open(b.Context(), server.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	srv := &http.Server{Handler: s.Handler()}
	ln := listen(b)
	go srv.Serve(ln)
	defer srv.Close()
	url := "http://" + ln.Addr().String() + "/v1/events"
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var n atomic.Int64
	b.SetParallelism(clients)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var body bytes.Buffer
		for pb.Next() {
			body.Reset()
			at := n.Add(1)
			for i := range batch {
				body.WriteString(kilobyte(fmt.Sprintf("%07d-%03d", at, i)))
			}
			resp, err := h.Post(url, "application/x-ndjson", bytes.NewReader(body.Bytes()))
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("status %d", resp.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkBatch1000(b *testing.B) { benchmarkSend(b, 1000, 4) }
func BenchmarkSingle(b *testing.B)    { benchmarkSend(b, 1, 16) }
