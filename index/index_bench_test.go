package index_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/evident/index"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// shaped makes the n-th of a year's events: 2,000 actors, 300 actions and
// 20,000 targets by zipf laws, about 900 bytes.
type shaped struct {
	r                     *rand.Rand
	actor, action, target *rand.Zipf
	n, of                 int
}

func newShaped(of int) *shaped {
	r := rand.New(rand.NewPCG(1, 7))
	return &shaped{r: r, of: of, actor: rand.NewZipf(r, 1.1, 8, 1999), action: rand.NewZipf(r, 1.15, 4, 299), target: rand.NewZipf(r, 1.05, 20, 19_999)}
}

func actorID(rank uint64) string { return fmt.Sprintf("usr_%08x", uint32(rank*2654435761)) }

func (s *shaped) draft(t testing.TB) trail.Draft {
	a, c, g := s.actor.Uint64(), s.action.Uint64(), s.target.Uint64()
	at := base.AddDate(-1, 0, 0).Add(time.Duration(float64(s.n)/float64(s.of)*365*24*float64(time.Hour)) - time.Duration(s.r.IntN(20_000))*time.Millisecond)
	id := fmt.Sprintf("%08x-%04x-4%03x-9%03x-%012x", s.r.Uint32(), s.r.IntN(1<<16), s.r.IntN(1<<12), s.r.IntN(1<<12), s.r.Uint64N(1<<48))
	action := fmt.Sprintf("service%d.verb_%d", c%15, c)
	note := ""
	if s.n%8192 == 77 {
		note = " quillwort"
	}
	b := fmt.Appendf(nil, `{"id":%q,"source":"app/bench-%d","occurred_at":%q,"actor":{"type":"user","id":%q,"name":"Given%d Family%d","email":"given.family%d@halyard.example","session":"ses_%016x","mfa":true},`,
		id, s.n%4, proof.AppendTime(nil, at), actorID(a), a%40, a%50, a, (a+1)*uint64(s.n/20_000+1)*0x9E3779B97F4A7C15)
	b = fmt.Appendf(b, `"action":%q,"native_action":"Service%d:Verb%d","category":"data","target":{"type":"bucket","id":"bucket_%08x","name":"central-1-bucket-%d"},"outcome":"success",`, action, c%15, c, uint32(g*40503), g)
	b = fmt.Appendf(b, `"where":{"ip":"10.%d.%d.7","user_agent":"halyard-cli/4.2.1 md/os#linux/6.8 md/lang#go/1.26 agent%d","region":"central-1"},"why":{"ticket":"SEC-%d","reason":"request of a customer%s"},`, a%200, a%250, a%8, 1000+s.r.IntN(9000), note)
	b = fmt.Appendf(b, `"detail":{"tenant":"org_%d","request":{"resource":"arn:halyard:service%d:central-1:bucket/central-1-bucket-%d","bytes":%d,"duration_ms":%d},"before":"restricted-%d","after":"public-%d"},"request_id":"%016x","trace_id":"%016x"}`,
		a%40, c%15, g, int(s.r.ExpFloat64()*20_000), int(s.r.ExpFloat64()*120), s.r.IntN(1000), s.r.IntN(1000), s.r.Uint64(), s.r.Uint64())
	s.n++
	fields, err := proof.ParseBody(b)
	if err != nil {
		t.Fatal(err)
	}
	return trail.Draft{Body: b, Fields: fields, Source: "app/bench-" + strconv.Itoa((s.n-1)%4), ID: id, OccurredAt: at, Category: "data", Action: action, Outcome: "success"}
}

// BenchmarkRow makes rows, as it is done where records are appended.
func BenchmarkRow(b *testing.B) {
	s := newShaped(10_000)
	var headers []proof.Header
	var fields [][]proof.Field
	for range 10_000 {
		d := s.draft(b)
		headers = append(headers, proof.Header{OccurredAt: d.OccurredAt, Source: d.Source, Category: d.Category, Action: d.Action, Outcome: d.Outcome})
		fields = append(fields, d.Fields)
	}
	b.ReportAllocs()
	for i := range b.N {
		index.RowOf(&headers[i%len(headers)], fields[i%len(headers)])
	}
}

// EVIDENT_BENCH_RECORDS is how many records the trail of the benchmarks has.
func benchRecords() int {
	if n, err := strconv.Atoi(os.Getenv("EVIDENT_BENCH_RECORDS")); err == nil {
		return n
	}
	return 1 << 18
}

// benchWorld is made once, as it takes a while.
var benchWorld = sync.OnceValue(func() *world {
	dir, err := os.MkdirTemp("", "index-bench")
	if err != nil {
		panic(err)
	}
	w := &world{dir: dir}
	if w.trail, err = trail.Open(trail.Config{Dir: filepath.Join(dir, "trail"), Origin: "bench"}); err != nil {
		panic(err)
	}
	return w
})

func (w *world) fill(b *testing.B) {
	w.t, w.ctx = b, b.Context()
	s := newShaped(benchRecords())
	for s.n < benchRecords() && w.trail.Size() < uint64(benchRecords()) {
		var drafts []trail.Draft
		for range 1000 {
			drafts = append(drafts, s.draft(b))
		}
		w.append(drafts...)
	}
	if w.index == nil {
		w.open()
	}
	if err := w.index.Wait(w.ctx, w.trail.Size()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAdd takes in rows as the trail's observer brings them, blocks included.
func BenchmarkAdd(b *testing.B) {
	w := benchWorld()
	w.fill(b)
	var rows []index.Row
	for r, err := range w.trail.Records(w.ctx, 0, min(w.trail.Size(), 1<<18)) {
		if err != nil {
			b.Fatal(err)
		}
		rows = append(rows, index.RowOf(&r.Header, r.Fields))
	}
	b.ResetTimer()
	for range b.N {
		x, err := index.Open(b.Context(), index.Config{Dir: b.TempDir(), Trail: w.trail})
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(rows); {
			n := min(i+1000, len(rows))
			x.Add(rows[i:n]...)
			for i = n; x.Size()+8000 < uint64(i); {
				time.Sleep(time.Millisecond)
			}
		}
		if err := x.Wait(b.Context(), uint64(len(rows))); err != nil {
			b.Fatal(err)
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkSearch(b *testing.B) {
	w := benchWorld()
	w.fill(b)
	actor := []string{"/actor/id", "/actor/email", "/actor/name"}
	for _, c := range []struct {
		name string
		e    proof.Expr
	}{
		{"everything", everything}, {"frequent actor", is(actorID(0), actor...)}, {"rare actor", is(actorID(1999), actor...)},
		{"absent actor", is("nobody", actor...)}, {"rare word", proof.Expr{Op: "text", Value: "quillwort"}},
		{"absent word", proof.Expr{Op: "text", Value: "heliotrope"}}, {"ticket", is("SEC-4711", "/why/ticket")},
	} {
		b.Run(c.name, func(b *testing.B) {
			read := uint64(0)
			for range b.N {
				page, err := w.index.Search(b.Context(), index.Query{Expr: c.e})
				if err != nil {
					b.Fatal(err)
				}
				read = page.Read
			}
			b.ReportMetric(float64(read), "read/op")
		})
	}
}

func BenchmarkCount(b *testing.B) {
	w := benchWorld()
	w.fill(b)
	failed := index.Query{Expr: is("service3.*", "action")}
	b.Run("histogram by day", func(b *testing.B) {
		for range b.N {
			if _, err := w.index.Histogram(b.Context(), failed, base.AddDate(-1, 0, 0), base, 365); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("4 facets", func(b *testing.B) {
		for range b.N {
			if _, err := w.index.Facets(b.Context(), failed, []string{"source", "action", "actor.id", "target.name"}, 20); err != nil {
				b.Fatal(err)
			}
		}
	})
}
