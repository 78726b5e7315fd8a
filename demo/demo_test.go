package demo_test

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/evident/demo"
	"example.com/evident/event"
	"example.com/evident/filter"
	"example.com/evident/proof"
	"example.com/evident/source/awscloudtrail"
)

var now = time.Date(2026, 11, 20, 14, 40, 3, 0, time.UTC)

// record is one event as the trail would hold it, as far as filters see.
type record struct {
	event  event.Event
	header proof.Header
	fields []proof.Field
	raw    []byte
}

// read takes an event through the checks that an intake makes.
func read(t *testing.T, source string, raw []byte) record {
	t.Helper()
	body := bytes.Clone(raw)
	if strings.HasPrefix(source, "aws.cloudtrail/") {
		e, mapped := awscloudtrail.Kind.Event(source, nil, raw, now)
		if !mapped {
			t.Fatalf("unmapped: %s\n%s", e.OutcomeReason, raw)
		}
		body = e.AppendJSON(nil)
	}
	fields, err := proof.ParseBody(body)
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	e, err := event.FromFields(fields)
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if e.Source != source || e.ID == "" {
		t.Fatalf("event of %s has source %q and id %q", source, e.Source, e.ID)
	}
	return record{event: e, fields: fields, raw: raw, header: proof.Header{Source: source, OccurredAt: e.OccurredAt, At: e.OccurredAt,
		Category: string(e.Category), Action: e.Action, Outcome: string(e.Outcome), ID: proof.EventID(source, e.ID)}}
}

func year(t *testing.T, seed uint64, n int) []record {
	t.Helper()
	var records []record
	for source, raw := range demo.Events(seed, now, n) {
		records = append(records, read(t, source, raw))
	}
	return records
}

func TestSameSeedGivesTheSameYear(t *testing.T) {
	digest := func(seed uint64, n int) [32]byte {
		h := sha256.New()
		for source, raw := range demo.Events(seed, now, n) {
			h.Write([]byte(source))
			h.Write(raw)
		}
		return [32]byte(h.Sum(nil))
	}
	first, again := digest(7, 20_000), digest(7, 20_000)
	if first != again {
		t.Error("two runs with the same seed differ")
	}
	if first == digest(8, 20_000) {
		t.Error("two seeds give the same year")
	}
}

func TestYearIsWholeAndInOrder(t *testing.T) {
	sources, ids := map[string]int{}, map[[16]byte]bool{}
	var last time.Time
	n := 0
	for source, raw := range demo.Events(1, now, demo.DefaultEvents) {
		r := read(t, source, raw)
		n++
		at := r.event.OccurredAt
		if at.Before(now.AddDate(-1, 0, 0)) || !at.Before(now) {
			t.Fatalf("event at %v, outside the twelve months before %v: %s", at, now, r.raw)
		}
		if at.Before(last.Add(-21 * time.Second)) {
			t.Fatalf("event at %v comes after one at %v", at, last)
		}
		if at.After(last) {
			last = at
		}
		if ids[r.header.ID] {
			t.Fatalf("id twice: %s", r.raw)
		}
		ids[r.header.ID] = true
		sources[r.event.Source]++
	}
	if n != demo.DefaultEvents || len(sources) < 6 {
		t.Errorf("%d events of %d sources, want %d of at least 6", n, len(sources), demo.DefaultEvents)
	}
	if last.Before(now.Add(-time.Hour)) {
		t.Errorf("the last event is at %v, want it within the hour before %v", last, now)
	}
	for source, n := range sources {
		if n < 50 {
			t.Errorf("only %d events of %s", n, source)
		}
	}
}

func TestNumberIsExactWhateverTheTimeOfDay(t *testing.T) {
	for _, at := range []time.Time{now, now.Truncate(24 * time.Hour), now.Truncate(24 * time.Hour).Add(time.Second),
		time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(2027, 1, 2, 0, 30, 0, 0, time.FixedZone("", 3600))} {
		for _, want := range []int{3_500, 4_000, 12_345} {
			n := 0
			for range demo.Events(3, at, want) {
				n++
			}
			if n != want {
				t.Errorf("now %v: %d events, want %d", at, n, want)
			}
		}
	}
}

func TestStoriesAreFoundByTheirFilters(t *testing.T) {
	for seed, n := range map[uint64]int{1: 0, 2: 20_000} {
		records := year(t, seed, n)
		for _, s := range demo.Stories(now) {
			f, err := filter.Parse(s.Filter)
			if err != nil {
				t.Errorf("%s: %v", s.Title, err)
				continue
			}
			found := 0
			for i := range records {
				if f.Match(&records[i].header, records[i].fields) {
					found++
				}
			}
			if found != s.Events {
				t.Errorf("seed %d, n %d: %s: %s finds %d events, want %d", seed, n, s.Title, s.Filter, found, s.Events)
			}
		}
	}
}

func TestPackageCommentListsEveryStory(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	date := regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	for _, s := range demo.Stories(now) {
		if line := "//\t" + date.ReplaceAllString(s.Filter, "DATE") + "\n"; !bytes.Contains(text, []byte(line)) {
			t.Errorf("the package comment lacks %s", line)
		}
	}
}

func TestNothingIsAboutAnybodyReal(t *testing.T) {
	documentation := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for _, r := range year(t, 5, 10_000) {
		if ip := r.event.Where.IP; ip != "" {
			a, ok := netip.MustParseAddr(ip), false
			for _, p := range documentation {
				ok = ok || p.Contains(a)
			}
			if !ok {
				t.Fatalf("address %s is not kept for documentation", ip)
			}
		}
		if mail := r.event.Actor.Email; mail != "" && !strings.HasSuffix(mail, ".example") {
			t.Fatalf("mail address %s", mail)
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for range demo.Events(1, now, b.N) {
		n++
	}
	_ = n
}
