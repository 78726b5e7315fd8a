package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/event"
	"example.com/evident/proof"
)

type page struct {
	Events []json.RawMessage
	Next   string
	Size   uint64
}

func q(filter string) string { return "filter=" + url.QueryEscape(filter) }

func TestSearchGivesTheEventsOwnFields(t *testing.T) {
	r := open(t)
	body := ev("app/billing", "a", "2026-03-01T09:30:00Z", "doc.read", `,"detail":{"html":"<b>&amp;</b>","n":1.00,"big":123456789012345678901234567890}`)
	pretty := strings.Replace(ev("app/billing", "b", "2026-03-01T09:31:00Z", "doc.read", ""), ",", ",\n ", -1)
	r.post("/v1/events", "["+body+","+pretty+"]", 200, nil)
	var p page
	r.get("/v1/events?"+q("source:app/billing"), 200, &p)
	if len(p.Events) != 2 || p.Next != "" || p.Size < 2 {
		t.Fatalf("%d events, next %q, size %d", len(p.Events), p.Next, p.Size)
	}
	var place struct {
		Seq  uint64
		At   time.Time
		Leaf string
	}
	if err := json.Unmarshal(p.Events[1], &place); err != nil {
		t.Fatal(err)
	}
	rec, err := r.trail.Read(t.Context(), []uint64{place.Seq})
	if err != nil || rec[0].Leaf.String() != place.Leaf || !rec[0].Header.At.Equal(place.At) {
		t.Errorf("%v %+v, record %+v", err, place, rec)
	}
	want := fmt.Sprintf(`{"seq":%d,"at":"%s","leaf":"%s",%s`, place.Seq, proof.AppendTime(nil, rec[0].Header.At), place.Leaf, body[1:])
	if string(p.Events[1]) != want {
		t.Errorf("got  %s\nwant %s", p.Events[1], want)
	}
	w := r.do("GET", "/v1/events?format=ndjson&"+q("source:app/billing"), "")
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	if len(lines) != 2 || !json.Valid([]byte(lines[0])) || lines[1] != want {
		t.Errorf("ndjson: %q", lines)
	}
}

func TestPagesDoNotShift(t *testing.T) {
	r := open(t)
	r.fill(25)
	seen := map[string]bool{}
	path := "/v1/events?limit=10&" + q("id:e*")
	for n := 0; ; n++ {
		var p page
		r.get(path, 200, &p)
		for _, b := range p.Events {
			var e struct{ ID string }
			json.Unmarshal(b, &e)
			if seen[e.ID] {
				t.Errorf("%s stands on two pages", e.ID)
			}
			seen[e.ID] = true
		}
		// What comes in between is on none of these pages.
		r.post("/v1/events", ev("app/billing", fmt.Sprint("e-late", n), "2026-03-01T00:05:30Z", "doc.read", ""), 200, nil)
		if p.Next == "" {
			break
		}
		path = "/v1/events?limit=10&" + q("id:e*") + "&cursor=" + p.Next
	}
	if len(seen) != 25 {
		t.Errorf("%d events, want 25", len(seen))
	}
	w := r.do("GET", "/v1/events?limit=10&format=ndjson&"+q("id:e*"), "")
	if w.Header().Get("Evident-Next") == "" {
		t.Error("no cursor beside the lines")
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	r := open(t)
	r.fill(4)
	p := r.problem("GET", "/v1/events?"+q("action:doc.read )"), "", 400, "filter")
	if p.Offset == nil || *p.Offset != 16 {
		t.Errorf("offset %v", p.Offset)
	}
	r.problem("GET", "/v1/count?"+q("("), "", 400, "filter")
	r.problem("GET", "/v1/events?limit=0", "", 400, "limit")
	r.problem("GET", "/v1/events?limit=1001", "", 400, "limit")
	r.problem("GET", "/v1/events?limit=x", "", 400, "limit")
	r.problem("GET", "/v1/events?format=xml", "", 400, "format")
	r.problem("GET", "/v1/events?fliter=x", "", 400, "unknown option")
	r.problem("GET", "/v1/events?limit=1&limit=2", "", 400, "2 times")
	r.problem("GET", "/v1/events?cursor=abc", "", 400, "cursor")
	r.problem("GET", "/v1/events?%zz", "", 400, "query")
	r.problem("GET", "/v1/events/abc", "", 400, "seq")
	r.problem("GET", "/v1/events/01", "", 400, "seq")
	r.problem("GET", "/v1/events/-1", "", 400, "seq")
	r.problem("GET", "/v1/events/99999", "", 404, "no such record")
	r.problem("GET", "/v1/events/18446744073709551615", "", 404, "no such record")
	r.problem("GET", "/v1/events/by-id", "", 400, "id")
	r.problem("GET", "/v1/events/by-id?id=nobody", "", 404, "no such record")
	r.problem("GET", "/v1/events/by-id?id=x&source=what", "", 400, "source")
	r.problem("GET", "/v1/histogram?step=2h", "", 400, "step")
	r.problem("GET", "/v1/facets?fields=body", "", 400, "fields")
	r.problem("GET", "/v1/facets?top=1000", "", 400, "top")
	r.problem("GET", "/v1/nothing", "", 404, "nothing here")
	if p := r.problem("PUT", "/v1/events", "", 405, "expected"); p.Title != "Method Not Allowed" {
		t.Errorf("%+v", p)
	}
	r.problem("POST", "/v1/packs", "{}", 400, "from")
	r.problem("POST", "/v1/packs", "{", 400, "body")
	r.problem("POST", "/v1/packs", `{"from":"2026-03-01T00:00:00Z","until":"2026-04-01T00:00:00Z","fliter":"x"}`, 400, "fliter")
	r.problem("POST", "/v1/packs", `{"from":"2026-03-01T00:00:00Z","until":"2026-04-01T00:00:00Z","filter":")"}`, 400, "filter")
	r.problem("POST", "/v1/packs", `{"from":"2026-05-01T00:00:00Z","until":"2026-04-01T00:00:00Z"}`, 422, "window")
	r.problem("POST", "/v1/packs", `{} {}`, 400, "body")
	r.problem("POST", "/v1/packs", `{"filter":"`+strings.Repeat("a", 100<<10)+`"}`, 413, "body")
}

// TestAnEventCanBeCheckedByArithmeticAlone does what a client does that trusts
// nothing but the keys.
func TestAnEventCanBeCheckedByArithmeticAlone(t *testing.T) {
	r := open(t)
	r.fill(700)
	for _, seq := range []uint64{0, 1, 255, 256, 699, r.trail.Size() - 1} {
		var e struct {
			Event              json.RawMessage
			Header, Body, Seed string
			Leaf               proof.Hash
			Keys               []string
			Proof              struct {
				Index, Size uint64
				Path        []proof.Hash
				Checkpoint  string
			}
		}
		r.get(fmt.Sprint("/v1/events/", seq), 200, &e)
		h, err := proof.ParseHeader([]byte(e.Header))
		if err != nil || h.Seq != seq || proof.LeafHash([]byte(e.Header)) != e.Leaf {
			t.Fatalf("record %d: header %v", seq, err)
		}
		var seed proof.Hash
		if err := seed.UnmarshalText([]byte(e.Seed)); err != nil {
			t.Fatal(err)
		}
		fields, err := proof.ParseBody([]byte(e.Body))
		if s := proof.Seed(seed); err != nil || proof.BodyDigest(fields, &s) != h.Body {
			t.Fatalf("record %d: body %v", seq, err)
		}
		c, err := proof.OpenCheckpoint([]byte(e.Proof.Checkpoint), r.trail.Keys())
		if err != nil || c.Size != e.Proof.Size || e.Proof.Index != seq {
			t.Fatalf("record %d: checkpoint %v", seq, err)
		}
		var path tlog.RecordProof
		for _, p := range e.Proof.Path {
			path = append(path, tlog.Hash(p))
		}
		if err := tlog.CheckRecord(path, int64(c.Size), tlog.Hash(c.Root), int64(seq), tlog.Hash(e.Leaf)); err != nil {
			t.Fatalf("record %d: %v", seq, err)
		}
		if len(e.Keys) != len(r.trail.Keys()) || e.Keys[0] != r.trail.Keys()[0].String() {
			t.Errorf("keys %v", e.Keys)
		}
		if !strings.HasSuffix(string(e.Event), e.Body[1:]) {
			t.Errorf("the event is not the body: %s", e.Event)
		}
	}
}

func TestFindByID(t *testing.T) {
	r := open(t)
	r.post("/v1/events", ev("app/a", "same", "2026-03-01T09:30:00Z", "doc.read", "")+"\n"+ev("app/b", "same", "2026-03-01T09:30:00Z", "doc.read", "")+"\n"+
		ev("app/b", "äö/ü?", "2026-03-01T09:30:00Z", "doc.read", ""), 200, nil)
	var e struct{ Event struct{ ID, Source string } }
	r.get("/v1/events/by-id?id="+url.QueryEscape("äö/ü?"), 200, &e)
	if e.Event.Source != "app/b" {
		t.Errorf("%+v", e)
	}
	r.get("/v1/events/by-id?id=same&source=app/a", 200, &e)
	if e.Event.Source != "app/a" {
		t.Errorf("%+v", e)
	}
	r.problem("GET", "/v1/events/by-id?id=same", "", 409, "app/a, app/b")
}

func TestCountHistogramFacets(t *testing.T) {
	r := open(t)
	r.fill(300) // five hours, a minute apart
	var count struct{ Count, Size uint64 }
	r.get("/v1/count?"+q("id:e* action:role.grant"), 200, &count)
	if count.Count != 100 || count.Size < 300 {
		t.Errorf("%+v", count)
	}
	type histogram struct {
		StepSeconds int64 `json:"step_seconds"`
		Total       uint64
		Buckets     []struct {
			From, Until time.Time
			Count       uint64
		}
	}
	var h histogram
	r.get("/v1/histogram?step=1h&"+q("id:e*"), 200, &h)
	if h.Total != 300 || h.StepSeconds != 3600 || len(h.Buckets) != 5 || h.Buckets[0].Count != 60 || !h.Buckets[4].From.Equal(time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", h)
	}
	h = histogram{}
	r.get("/v1/histogram?"+q("id:e* after:2026-03-01 before:2026-03-02"), 200, &h)
	if h.Total != 300 || h.StepSeconds != 900 || len(h.Buckets) != 20 {
		t.Errorf("chosen step: %+v", h)
	}
	h = histogram{}
	r.get("/v1/histogram?"+q("id:nobody"), 200, &h)
	if h.Total != 0 || len(h.Buckets) != 0 {
		t.Errorf("nothing: %+v", h)
	}
	var f struct {
		Facets []struct {
			Field  string
			More   bool
			Values []struct {
				Value string
				Count uint64
			}
		}
	}
	r.get("/v1/facets?fields=source,action&top=2&"+q("id:e*"), 200, &f)
	if len(f.Facets) != 2 || f.Facets[0].Field != "source" || f.Facets[0].More || len(f.Facets[0].Values) != 2 || f.Facets[0].Values[0].Count != 150 ||
		!f.Facets[1].More || len(f.Facets[1].Values) != 2 {
		t.Errorf("%+v", f)
	}
}

// TestClocksAtTheEndsOfTime: the histogram holds every event that is counted.
func TestClocksAtTheEndsOfTime(t *testing.T) {
	r := open(t)
	r.post("/v1/events", ev("app/a", "first", "1970-01-01T00:00:00Z", "doc.read", "")+"\n"+ev("app/a", "last", "2261-12-31T23:59:59Z", "doc.read", ""), 200, nil)
	var h struct{ Total uint64 }
	r.get("/v1/histogram?"+q("source:app/a"), 200, &h)
	if h.Total != 2 {
		t.Errorf("total %d", h.Total)
	}
	r.problem("GET", "/v1/histogram?step=1m&"+q("source:app/a"), "", 422, "step")
}

func TestStatus(t *testing.T) {
	r := open(t)
	r.fill(1200)
	report, err := r.trail.Check(t.Context(), checkAll)
	if err := r.trail.RecordCheck(t.Context(), report, err); err != nil {
		t.Fatal(err)
	}
	if err := r.index.Wait(t.Context(), r.trail.Size()); err != nil {
		t.Fatal(err)
	}
	var s struct {
		Origin     string
		Size       uint64
		Checkpoint struct{ Note string }
		Keys       []string
		Sources    []struct {
			Source         string
			Records        uint64
			LastOccurredAt time.Time `json:"last_occurred_at"`
		}
		LastCheck struct {
			OK      bool
			Records uint64
		} `json:"last_check"`
	}
	r.get("/v1/status", 200, &s)
	if s.Origin != "test.example/trail" || s.Size < 1200 || len(s.Keys) != 2 || len(s.Sources) != 3 || s.Sources[0].Source != "app/billing" || s.Sources[0].Records != 600 {
		t.Errorf("%+v", s)
	}
	if !s.LastCheck.OK || s.LastCheck.Records < 1200 {
		t.Errorf("last check %+v", s.LastCheck)
	}
	if want := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(1198 * time.Minute); !s.Sources[0].LastOccurredAt.Equal(want) {
		t.Errorf("last event of app/billing %v, want %v", s.Sources[0].LastOccurredAt, want)
	}
}

// TestDamageIsAnsweredAsSuch: a byte of a sealed body is changed under the server.
func TestDamageIsAnsweredAsSuch(t *testing.T) {
	dir := t.TempDir()
	r := openDir(t, dir)
	r.fill(600)
	r.post("/v1/events", ev("app/billing", "next", "2026-03-02T00:00:00Z", "doc.read", ""), 200, nil) // in the next segment
	deadline := time.Now().Add(20 * time.Second)
	for len(r.trail.Manifests()) == 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	files, err := filepath.Glob(filepath.Join(dir, "segments", "*.bodies-*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file of bodies: %v", err)
	}
	f, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err == nil {
		var b [1]byte
		f.ReadAt(b[:], 2000)
		b[0] ^= 0x40
		f.WriteAt(b[:], 2000)
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for seq := range 512 {
		w := r.do("GET", fmt.Sprint("/v1/events/", seq), "")
		if w.Code == 200 {
			continue
		}
		damaged++
		var p struct {
			Detail  string
			Failure struct{ File, What string }
		}
		if json.Unmarshal(w.Body.Bytes(), &p); w.Code != 500 || p.Failure.What == "" || !strings.Contains(p.Detail, "does not verify") {
			t.Fatalf("record %d: %d %s", seq, w.Code, w.Body)
		}
	}
	if damaged == 0 || damaged > 200 {
		t.Errorf("%d records are damaged", damaged)
	}
	if !strings.Contains(r.log.String(), "request failed") {
		t.Error("nothing is in the log")
	}
}

// TestHostileEventsPassThrough: what senders write comes back as data.
func TestHostileEventsPassThrough(t *testing.T) {
	r := open(t)
	hostile := ev("app/x", "<script>alert(1)</script>\u202e", "2026-03-01T09:30:00Z", "doc.read",
		`,"detail":{"s":"`+strings.Repeat("A", 900<<10)+`","n":1e400,"m":-0.000000000000000000001,"ctl":"\u0000\u001b[2J"},"why":{"reason":"'; DROP TABLE records; --"}`)
	r.post("/v1/events", hostile, 200, nil)
	var p page
	r.get("/v1/events?"+q("source:app/x"), 200, &p)
	if len(p.Events) != 1 || !strings.HasSuffix(string(p.Events[0]), hostile[1:]) {
		t.Errorf("%d events; it came back as %.300s", len(p.Events), p.Events)
	}
	for _, filter := range []string{`reason:"'; DROP TABLE records; --"`, `"DROP TABLE"`, `id:"<script>*"`} {
		var n struct{ Count uint64 }
		if r.get("/v1/count?"+q(filter), 200, &n); n.Count == 0 && !strings.HasPrefix(filter, "reason") {
			t.Errorf("%s finds nothing", filter)
		}
	}
	if e, err := event.Parse([]byte(hostile)); err != nil || e.Why.Reason == "" {
		t.Fatal(err)
	}
}
