package hec_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkEvents sends batches of 1,000 logs of about 400 bytes from as many
// senders as there are processors, to the end of the append.
func BenchmarkEvents(b *testing.B) {
	r := open(b)
	const batch = 1000
	event := `{"time":%d.%03d,"host":"web-1.example.com","source":"/var/log/app/audit.log","sourcetype":"app:audit","event":{"level":"info","msg":"role granted","user":"ana.lima@example.com","role":"administrator","project":"billing","src_ip":"203.0.113.77","request_id":"5f2b7c9e-1a2b-4c3d-8e4f-%012d","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","status":"success","duration_ms":12}}` + "\n"
	var n atomic.Int64
	b.ReportAllocs()
	begun := used()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			var body strings.Builder
			for i := range batch {
				fmt.Fprintf(&body, event, 1772357400+n.Load(), i, n.Add(1))
			}
			req := httptest.NewRequest("POST", "/services/collector/event", strings.NewReader(body.String()))
			req.Header.Set("Authorization", "Splunk evk_all")
			w := httptest.NewRecorder()
			if r.ServeHTTP(w, req); w.Code != 200 {
				b.Error(w.Body.String())
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
