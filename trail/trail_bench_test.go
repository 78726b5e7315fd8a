package trail_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// eventOf makes an event of about 1.1 KB with about 90 bytes that cannot be
// guessed, spread as audit events are.
func eventOf(t testing.TB, r *rand.Rand, i int) trail.Draft {
	actor := int(r.ExpFloat64()*60) % 2000
	action := []string{"s3.get_object", "role.assume", "key.list", "doc.read", "db.query"}[int(r.ExpFloat64())%5]
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i)*31*time.Millisecond + time.Duration(r.IntN(20000))*time.Millisecond)
	id := fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64())
	body := fmt.Appendf(nil, `{"id":"%s","source":"app/bench","occurred_at":"%s","actor":{"type":"user","id":"usr_%08x","name":"Person %d","email":"person.%d@example.com","session":"ses_%016x","mfa":true},"action":"%s","category":"access","target":{"type":"bucket","id":"bucket_%08x","name":"eu-west-1-s3-bucket-%d"},"outcome":"success","where":{"ip":"203.0.113.%d","user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15","region":"eu-west-1","account":"%012d"},"why":{"ticket":"SEC-%d","reason":"quarterly access review"},"request_id":"%016x-%016x","trace_id":"%016x","detail":{"service":"s3.example.com","bytes":%d,"duration_ms":%d,"classification":"internal","tls":{"version":"TLSv1.3","cipher":"TLS_AES_128_GCM_SHA256"},"resource":"arn:example:s3:eu-west-1:%012d:bucket/eu-west-1-s3-bucket-%d","changes":[{"field":"spec.role.create","before":"internal-%d","after":"public-%d"}]}}`,
		id, at.Format(time.RFC3339Nano), actor*7919, actor, actor, actor*104729, action, actor*31, actor%20000, actor%250,
		100000000000+actor, r.IntN(9000)+1000, r.Uint64(), r.Uint64(), r.Uint64(), r.IntN(100000), r.IntN(500), 100000000000+actor, actor%20000, r.IntN(1000), r.IntN(1000))
	fields, err := proof.ParseBody(body)
	if err != nil {
		t.Fatal(err)
	}
	return trail.Draft{Body: body, Fields: fields, Source: "app/bench", ID: id, OccurredAt: at, Category: "access", Action: action, Outcome: "success"}
}

// BenchmarkAppend appends batches of 1,000 from 8 goroutines. The events are
// parsed beforehand.
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	tr := open(b, trail.Config{Dir: dir})
	r := rand.New(rand.NewPCG(1, 2))
	batches := make([][]trail.Draft, 300)
	size := 0
	for i := range batches {
		batches[i] = make([]trail.Draft, 1000)
		for k := range batches[i] {
			batches[i][k] = eventOf(b, r, i*1000+k)
			size += len(batches[i][k].Body)
		}
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		var wg sync.WaitGroup
		for c := range 8 {
			wg.Go(func() {
				for i := c; i < len(batches); i += 8 {
					for k := range batches[i] {
						batches[i][k].ID = fmt.Sprintf("%d-%d-%d", n, i, k)
					}
					if _, err := tr.Append(context.Background(), batches[i]); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		n++
	}
	b.StopTimer()
	b.ReportMetric(float64(n*len(batches)*1000)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(size)/float64(len(batches)*1000), "bytes/body")
	waitSealed(b, tr, 1)
	start := time.Now()
	if err := checkLive(tr); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(tr.Size())/time.Since(start).Seconds(), "checked/s")
	start = time.Now()
	if _, err := tr.Check(context.Background(), trail.CheckOptions{HeadersOnly: true}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(tr.Size())/time.Since(start).Seconds(), "headers/s")
	var headers, bodies, records float64
	for _, m := range tr.Manifests() {
		records += float64(m.Until - m.First)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "segments", "*"))
	for _, f := range files {
		info, _ := os.Stat(f)
		if filepath.Ext(f) == ".headers" {
			headers += float64(info.Size())
		} else {
			bodies += float64(info.Size())
		}
	}
	b.ReportMetric(headers/records, "headerB/event")
	b.ReportMetric(bodies/records, "bodyB/event")
	closeTrail(b, tr)
}
