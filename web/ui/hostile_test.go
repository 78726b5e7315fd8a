package ui_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/web/ui"
)

// attack is text that breaks out of elements, attributes, addresses and
// scripts, turns the direction of what follows, and hides.
const attack = `</td></pre></script><script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)" x='{{.}}` + "`" +
	"\u202e\u2066\u200b\ufeff\x1b[2J\x00\x7f\u0085\u2028javascript:alert(1)"

func hostile() []event.Event {
	huge := strings.Repeat("A<b>\u202e", 200_000) // over 1 MB
	at := now.Add(-time.Hour)
	events := []event.Event{{
		ID: attack, Source: "app/hostile", OccurredAt: at, Action: "role.grant", NativeAction: attack, Category: event.Privileged,
		Actor:   event.Actor{Type: event.User, ID: attack, Name: attack, Email: attack, Role: attack, Session: attack},
		Targets: []event.Target{{Type: attack, ID: attack, Name: attack}, {Type: attack, ID: attack}},
		Outcome: event.Denied, OutcomeCode: attack, OutcomeReason: attack,
		Where:     event.Where{IP: attack, UserAgent: attack, Host: attack, Region: attack, Account: attack},
		Why:       event.Why{Ticket: attack, Approval: attack, Change: attack, Session: attack, Incident: attack, Policy: attack, Reason: attack},
		RequestID: attack, TraceID: attack, Raw: []byte(attack),
		Detail: []byte(`{"<script>alert(1)</script>":"<script>alert(1)</script>","` + "\u202e" + `":[1e400,12345678901234567890,"\u0000"]}`),
	}}
	for i := range 3 {
		e := events[0]
		e.ID, e.Actor.Name, e.Raw = strings.Repeat("x", i+1), huge, []byte(huge)
		e.OutcomeReason, e.Targets = huge, nil
		events = append(events, e)
	}
	events[2].Raw = []byte("\xff\xfe\x00<script>alert(1)</script>\x80")
	return events
}

// What must not be in a page: elements and attributes that no template of ours
// writes, addresses that are scripts, characters that nobody sees.
var (
	markup = regexp.MustCompile(`(?i)<script>|<img|<b>A|<[^>]*\son[a-z]+\s*=`)
	unseen = regexp.MustCompile(`(?i)(href|src|action)="\s*javascript|[\x00-\x08\x0b-\x1f\x7f]|[\x{0085}\x{061c}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{2069}\x{feff}]`)
)

// quoted is the value of an attribute: our templates use double quotes, and a
// double quote in text is escaped. That an address is not harmful is looked at
// before values are taken out.
var quoted = regexp.MustCompile(`"[^"]*"`)

func dangerous(page string) string {
	if m := unseen.FindString(page); m != "" {
		return m
	}
	return markup.FindString(quoted.ReplaceAllString(page, `""`))
}

func TestHostileEventsHarmNoPage(t *testing.T) {
	f := newFake(t, hostile())
	h := handler(t, f)
	for _, path := range []string{"/", "/?q=app", "/events/0", "/events/1", "/events/2", "/events/3", "/trail", "/packs/new"} {
		w := get(t, h, path)
		if w.Code != 200 {
			t.Errorf("%s: status %d", path, w.Code)
		}
		body := w.Body.String()
		if m := dangerous(body); m != "" {
			t.Errorf("%s holds %q", path, m)
		}
		if !utf8.ValidString(body) {
			t.Errorf("%s is not UTF-8", path)
		}
		if len(body) > 400_000 {
			t.Errorf("%s is %d bytes long", path, len(body))
		}
	}
	body := get(t, h, "/events/0").Body.String()
	for _, want := range []string{`<span class="ctl">RLO</span>`, `<span class="ctl">NUL</span>`, `<span class="ctl">ESC</span>`, `<span class="ctl">ZWSP</span>`, "&lt;script&gt;alert(1)&lt;/script&gt;"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of the event lacks %q", want)
		}
	}
	if body := get(t, h, "/events/1").Body.String(); !strings.Contains(body, `<a href="/events/1/raw">show all</a>`) {
		t.Error("a long raw does not lead to all of it")
	}
	if body := get(t, h, "/events/2").Body.String(); !strings.Contains(body, "ff fe 00 3c 73 63") {
		t.Error("raw bytes that are no text are not shown as bytes")
	}
}

func TestAHostileQuestionHarmsNoPage(t *testing.T) {
	f := newFake(t, hostile())
	h := handler(t, f)
	for _, path := range []string{"/?q=", "/packs/new?q=", "/?q=%22&after=", "/events/", "/"} {
		for _, text := range []string{attack, `"` + strings.NewReplacer(`"`, `\"`, "\x00", "").Replace(attack) + `"`, strings.Repeat("(", 5000)} {
			body := get(t, h, path+escape(text)).Body.String()
			// The filter box gives back what was typed, character for character.
			typed := regexp.MustCompile(` value="[^"]*"`)
			if m := dangerous(typed.ReplaceAllString(body, "")); m != "" {
				t.Errorf("%s…: the answer holds %q", path, m)
			}
		}
	}
}

func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		const digits = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func TestBytesAreSentAsBytes(t *testing.T) {
	f := newFake(t, hostile())
	h := handler(t, f)
	for _, c := range []struct{ path, kind, want string }{
		{"/events/0/raw", "text/plain; charset=utf-8", attack},
		{"/events/2/raw", "application/octet-stream", "\xff\xfe\x00<script>alert(1)</script>\x80"},
		{"/events/0/body", "text/plain; charset=utf-8", string(f.records[0].Body)},
	} {
		w := get(t, h, c.path)
		if w.Code != 200 || w.Body.String() != c.want || w.Header().Get("Content-Type") != c.kind || !strings.HasSuffix(w.Header().Get("Content-Security-Policy"), "; sandbox") {
			t.Errorf("%s: status %d, %s", c.path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func TestVisible(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := strings.TrimSuffix(strings.TrimPrefix(string(ui.Visible(in)), "<bdi>"), "</bdi>"); got != strings.NewReplacer("[", `<span class="ctl">`, "]", "</span>").Replace(want) {
			t.Errorf("visible(%q) is %s", in, got)
		}
	}
	f("plain", "plain")
	f("<a>&\"'", "&lt;a&gt;&amp;&#34;&#39;")
	f("a\u202eb", "a[RLO]b")
	f("\x00\x1b\n\t", "[NUL][ESC][LF][TAB]")
	f("\xff\xc3", `[\xFF][\xC3]`)
	f("שלום ümlaut 日本 👩‍💻", "שלום ümlaut 日本 👩[ZWJ]💻")
	f("\U000e0041\ue000\u00ad", "[U+E0041][U+E000][SHY]")
	f("\ufffd", "\ufffd")
	if got := ui.VisibleBlock("a\n\tb\r"); got != `<bdi>a`+"\n\t"+`b<span class="ctl">CR</span></bdi>` {
		t.Errorf("visibleBlock: %s", got)
	}
	if got := ui.PlainText("a\u202e<"); got != "a‹RLO›<" {
		t.Errorf("plainText: %s", got)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add(attack)
	f.Add("\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := string(ui.Visible(s))
		if m := regexp.MustCompile(`<(/?bdi|/?span( class="ctl")?)>`).ReplaceAllString(got, ""); strings.ContainsAny(m, "<>\"'") || unseen.MatchString(m) || !utf8.ValidString(got) {
			t.Errorf("visible(%q) is %s", s, got)
		}
	})
}

func TestEachStepOfTheProofFailsByItself(t *testing.T) {
	f := *year()
	h := handler(t, &f)
	flip := func(h *proof.Hash) { h[5] ^= 1 }
	for _, c := range []struct {
		name  string
		spoil func(*ui.Evidence)
		fails []string
	}{
		{"nothing", func(*ui.Evidence) {}, nil},
		{"a byte of the body", func(e *ui.Evidence) { e.Body = []byte(strings.Replace(string(e.Body), "SEC-4", "SEC-5", 1)) }, []string{"Body"}},
		{"the seed", func(e *ui.Evidence) { e.Seed[0] ^= 1 }, []string{"Body"}},
		{"a copy in the header", func(e *ui.Evidence) { e.Header.Outcome = "denied" }, []string{"Copies", "Leaf", "Tree"}},
		{"the leaf", func(e *ui.Evidence) { flip(&e.Leaf) }, []string{"Leaf"}},
		{"the record before", func(e *ui.Evidence) { flip(e.Previous) }, []string{"Chain"}},
		{"the path", func(e *ui.Evidence) { e.Path = append([]proof.Hash{}, e.Path...); flip(&e.Path[3]) }, []string{"Tree"}},
		{"the path's length", func(e *ui.Evidence) { e.Path = e.Path[1:] }, []string{"Tree"}},
		{"the root", func(e *ui.Evidence) { e.Checkpoint = otherRoot(e.Checkpoint) }, []string{"Tree", "Signature"}},
		{"the keys", func(e *ui.Evidence) { e.Keys = newFake(t, nil).signer.Keys() }, []string{"Signature"}},
	} {
		f.spoil = func(e *ui.Evidence) { e.Previous = new(*e.Previous); c.spoil(e) }
		body := get(t, h, "/events/"+privileged(&f)).Body.String()
		var fails []string
		for _, m := range regexp.MustCompile(`<h3>(\w+) <span class="sr">fails</span>`).FindAllStringSubmatch(body, -1) {
			fails = append(fails, m[1])
		}
		if strings.Join(fails, " ") != strings.Join(c.fails, " ") {
			t.Errorf("%s changed: fails %v, want %v", c.name, fails, c.fails)
		}
		if says := strings.Contains(body, "All 6 checks hold"); says != (c.fails == nil) {
			t.Errorf("%s changed: the page says that all holds: %v", c.name, says)
		}
	}
}

// otherRoot changes the first letter of a checkpoint's root.
func otherRoot(note []byte) []byte {
	b := slices.Clone(note)
	at := bytes.Index(b, []byte("\n1500\n")) + len("\n1500\n")
	if b[at]++; b[at] == '{' || b[at] == '[' || b[at] == ':' {
		b[at] = 'B'
	}
	return b
}

func TestARecordThatIsNotSignedYetOrHasExpired(t *testing.T) {
	f := *year()
	h := handler(t, &f)
	f.sign(t, 1000)
	if body := get(t, h, "/events/1200").Body.String(); !strings.Contains(body, "5 of 6 checks hold, 1 open") || !strings.Contains(body, "No checkpoint covers this record yet") {
		t.Error("a record behind the checkpoint is not said to be open")
	}
	f.spoil = func(e *ui.Evidence) { e.Body = nil }
	w := get(t, h, "/events/800")
	if body := w.Body.String(); !strings.Contains(body, "4 of 6 checks hold, 2 open") || !strings.Contains(body, "The body has expired") || strings.Contains(body, "No actor is named") {
		t.Error("an expired body is not said to be expired")
	}
	if w := get(t, h, "/events/800/raw"); w.Code != 400 {
		t.Errorf("raw of an expired body: status %d", w.Code)
	}
}

func TestSpan(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := ui.Span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	f(0, "0 ms")
	f(746*time.Millisecond, "746 ms")
	f(1500*time.Millisecond, "1.5 s")
	f(75*time.Second, "1 min 15 s")
	f(54*time.Hour, "2 d 6 h")
	f(-90*time.Minute, "1 h 30 min")
	f(400*24*time.Hour, "400 d")
}
