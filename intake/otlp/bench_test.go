package otlp_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
)

// BenchmarkProtobuf sends batches of 1,000 log records with ten attributes from
// as many senders as there are processors, to the end of the append.
func BenchmarkProtobuf(b *testing.B) {
	r := open(b)
	const batch = 1000
	var n atomic.Int64
	bodies := make(chan []byte, b.N+2)
	for range b.N + 2 {
		records := make([]*logspb.LogRecord, batch)
		for i := range records {
			records[i] = &logspb.LogRecord{
				TimeUnixNano: uint64(1772357400e9 + n.Add(1)), SeverityNumber: 9, SeverityText: "INFO", Body: text("role granted"), TraceId: make([]byte, 16), SpanId: make([]byte, 8),
				Attributes: []*commonpb.KeyValue{
					attribute("user.id", text("ana.lima@example.com")), attribute("user.role", text("administrator")), attribute("project", text("billing")),
					attribute("client.address", text("203.0.113.77")), attribute("request.id", text(fmt.Sprintf("5f2b7c9e-1a2b-4c3d-8e4f-%012d", n.Load()))),
					attribute("http.request.method", text("POST")), attribute("url.path", text("/v1/roles")), attribute("outcome", text("success")),
					attribute("user_agent.original", text("Mozilla/5.0 (X11; Linux x86_64)")), attribute("session.id", text("sess_8c7d6e5f4a3b2c1d")),
				},
			}
		}
		bodies <- encode(b, request("billing", records...))
	}
	b.ReportAllocs()
	begun := used()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if status, answer := r.post(protobuf, <-bodies); status != 200 {
				b.Error(answer)
			}
		}
	})
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(used()-begun)/1e3/float64(b.N*batch), "cpu-µs/event")
}

// used is the time that processors have spent on this process.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
