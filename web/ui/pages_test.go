package ui_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/evident/filter"
	"example.com/evident/proof"
	"example.com/evident/trail"
	"example.com/evident/web/ui"
)

func handler(t testing.TB, data ui.Data) http.Handler {
	t.Helper()
	h, err := ui.New(ui.Config{Data: data, Now: func() time.Time { return now }, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// year is a trail that tests read and do not change.
var year = sync.OnceValue(func() *fake { return newFake(&testing.T{}, halden(1500)) })

// privileged returns the number of a record with everything in it.
func privileged(f *fake) string {
	for i := len(f.records) - 1; ; i-- {
		h := f.records[i].Header
		if h.Category == "privileged" && h.Source == "okta/halden" && h.Outcome == "success" {
			return strconv.Itoa(i)
		}
	}
}

func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	return send(t, h, httptest.NewRequest("GET", path, nil))
}

func send(t testing.TB, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, ui.Policy) {
		t.Errorf("%s %s: Content-Security-Policy is %q", r.Method, r.URL, got)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL, name, got, want)
		}
	}
	return w
}

func form(path string, values url.Values) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func TestThePolicyAllowsNothingFromElsewhere(t *testing.T) {
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(ui.Policy, want) {
			t.Errorf("policy lacks %s", want)
		}
	}
	if strings.Contains(ui.Policy, "unsafe") || strings.Contains(ui.Policy, "http") || strings.Contains(ui.Policy, "*") {
		t.Errorf("policy is too wide: %s", ui.Policy)
	}
}

// What a policy would block must not be written in the first place.
func TestTemplatesHoldNothingInline(t *testing.T) {
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal("no templates", err)
	}
	forbidden := regexp.MustCompile(`(?i)\son[a-z]+\s*=|\sstyle\s*=|<style|javascript:|https?://|<script(?:>|\s+[^s])|\bsrcdoc\b|<iframe`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m := forbidden.FindString(string(b)); m != "" {
			t.Errorf("%s holds %q", file, m)
		}
	}
	sources, _ := filepath.Glob("*.go")
	for _, file := range sources {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		unsafe := regexp.MustCompile(`template\.(HTML|JS|CSS|URL|Srcset|HTMLAttr|JSStr)\(`)
		if file != "visible.go" && !strings.HasSuffix(file, "_test.go") && unsafe.Match(b) {
			t.Errorf("%s makes markup by hand; only visible.go may", file)
		}
	}
}

func TestPages(t *testing.T) {
	f := year()
	h := handler(t, f)
	newest := f.records[f.order[0]].Header
	page := func(path string, status int, want ...string) {
		t.Helper()
		w := get(t, h, path)
		if w.Code != status {
			t.Errorf("%s: status %d, want %d", path, w.Code, status)
		}
		for _, s := range want {
			if !strings.Contains(w.Body.String(), s) {
				t.Errorf("%s lacks %q", path, s)
			}
		}
		if !strings.HasPrefix(w.Body.String(), "<!doctype html>") || !strings.HasSuffix(strings.TrimSpace(w.Body.String()), "</html>") {
			t.Errorf("%s is not a whole page", path)
		}
	}
	page("/", 200, ">1,500</b>", newest.OccurredAt.Format("15:04:05"), "/events/"+strconv.FormatUint(newest.Seq, 10), "UTC", `rel="next"`, "trail.halden.example/2026")
	page("/?q=category%3Aprivileged", 200, `value="category:privileged"`, "role.grant", "/v1/events?filter=category%3Aprivileged", "/packs/new?q=category%3Aprivileged")
	page("/?q=acton%3Arole.grant", 400, `aria-invalid="true"`, `role="alert"`, `<span class="at">`, "did you mean")
	page("/?q=category%3Aprivileged+actor%3Anobody", 200, "No event matches", "without <code><bdi>actor:nobody</bdi></code>", `href="/?q=category%3Aprivileged"`)
	page("/events/"+privileged(f), 200, "All 6 checks hold", "SEC-4", "/detail/granted_role", "evident show --server", "eventVersion", "happened", "recorded", "Ed25519 and ML-DSA-44")
	page("/trail", 200, "Keys to give to an auditor", strings.ReplaceAll(f.signer.Keys()[0].String(), "+", "&#43;"), "okta/halden", "signed just now", `href="/?q=source%3Aokta%2Fhalden"`)
	page("/packs/new", 200, `name="from" value="2025-12-01"`, `name="until" value="2026-12-01"`, "matching records")
	page("/packs/new?q=category%3Aprivileged+after%3A2026-01-01+before%3A2026-04-01", 200, `value="category:privileged"`, `value="2026-01-01"`, `value="2026-04-01"`)
	page("/events/99999", 404, "The trail holds no such record", "record 1,500")
	page("/events/7x", 400, "The address names no record")
	page("/events/007", 400, "The address names no record")
	page("/nowhere", 404, "There is no such page")
	page("/static/000000000000/evident.css", 404, "There is no such page")
	page("/events/"+privileged(f)+"/raw/", 404, "There is no such page")
}

func TestEveryNumberLeadsToItsRecords(t *testing.T) {
	f := year()
	h := handler(t, f)
	body := get(t, h, "/").Body.String()
	// Each bar and each value beside the results says a number; its address
	// finds that many.
	links := regexp.MustCompile(`<a href="([^"]+)" aria-label="[^"]*: ([0-9,]+)" data-records`).FindAllStringSubmatch(body, -1)
	if len(links) < 300 {
		t.Fatalf("%d bars, want one a day", len(links))
	}
	links = append(links[len(links)-8:], regexp.MustCompile(`<a class="v" href="([^"]+)"[^>]*>.*?<span class="n">([0-9,]+)</span>`).FindAllStringSubmatch(body, -1)...)
	if len(links) < 30 {
		t.Fatalf("%d links", len(links))
	}
	for _, link := range links {
		address := html.UnescapeString(link[1])
		answer := get(t, h, address)
		if answer.Code != 200 || !strings.Contains(answer.Body.String(), `<b class="hits">`+link[2]+"</b>") {
			t.Errorf("%s does not lead to %s records (status %d)", address, link[2], answer.Code)
		}
	}
}

func TestAValueIsTakenBackAndLeftOut(t *testing.T) {
	h := handler(t, year())
	body := get(t, h, "/?q="+url.QueryEscape("outcome:denied")).Body.String()
	if !strings.Contains(body, `<a class="v" href="/" aria-current="true"`) {
		t.Error("the value that is asked for does not take itself back")
	}
	body = get(t, h, "/?q="+url.QueryEscape("action:session.start OR action:role.grant")).Body.String()
	out := regexp.MustCompile(`class="x" href="([^"]+)" title="Leave out" aria-label="Leave out okta/halden"`).FindStringSubmatch(body)
	if out == nil {
		t.Fatal("no address leaves okta/halden out")
	}
	if body := get(t, h, html.UnescapeString(out[1])).Body.String(); !strings.Contains(body, "No event matches") {
		t.Errorf("%s still finds events of okta/halden", out[1])
	}
}

func TestPagesOfResults(t *testing.T) {
	f := year()
	h := handler(t, f)
	next := regexp.MustCompile(`<a href="([^"]+)" rel="next"`)
	row := regexp.MustCompile(`<a href="/events/([0-9]+)" data-row>`)
	var seen []string
	for path := "/?q=category%3Adata"; path != ""; {
		body := get(t, h, path).Body.String()
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			seen = append(seen, m[1])
		}
		path = ""
		if m := next.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	q, _ := filter.Parse("category:data")
	var want []string
	for _, i := range f.matching(q) {
		want = append(want, strconv.Itoa(i))
	}
	if !slices.Equal(seen, want) {
		t.Errorf("walked %d records in pages, want %d in the same order", len(seen), len(want))
	}
}

func TestARangeReplacesTheOneBefore(t *testing.T) {
	h := handler(t, year())
	for _, c := range []struct{ q, after, before, want string }{
		{"", "2026-03-01", "2026-04-01", "after:2026-03-01 before:2026-04-01"},
		{"after:2026-01-01 outcome:denied before:2026-02-01", "2026-03-01", "2026-04-01", "outcome:denied after:2026-03-01 before:2026-04-01"},
		{"on:2026-01-05", "", "", ""},
		{"action:a OR action:b", "2026-03-01", "", "(action:a OR action:b) after:2026-03-01"},
	} {
		w := get(t, h, "/?"+url.Values{"q": {c.q}, "after": {c.after}, "before": {c.before}}.Encode())
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther || to.Query().Get("q") != c.want {
			t.Errorf("%q from %q until %q: status %d, leads to %q, want %q", c.q, c.after, c.before, w.Code, to.Query().Get("q"), c.want)
		}
	}
	if w := get(t, h, "/?after=yesterday&before="); w.Code != 400 || !strings.Contains(w.Body.String(), "yesterday") {
		t.Errorf("a bound that is no time: status %d", w.Code)
	}
}

func TestWhatBreaksIsSaid(t *testing.T) {
	f := *year()
	h := handler(t, &f)
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{errBroken, 500, "Something broke on our side"},
		{fmt.Errorf("search: %w", context.DeadlineExceeded), 503, "This took too long"},
		{&proof.Failure{File: "headers.jsonl", Seq: 7, What: "does not fit"}, 500, "headers.jsonl record 7: does not fit"},
		{&trail.Damage{File: "segments/00000003/headers", Seq: 7, HasSeq: true, What: "the body digest differs"}, 500, "the body digest differs"},
		{&ui.Refused{What: "cursor: is of another trail", Next: "Start from the first page."}, 400, "Start from the first page."},
	} {
		f.fail = c.err
		for _, path := range []string{"/", "/events/3", "/trail", "/events/3/raw", "/events/3/body"} {
			w := get(t, h, path)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s with %v: status %d, want %d and %q", path, c.err, w.Code, c.status, c.want)
			}
			if strings.Contains(w.Body.String(), errBroken.Error()) {
				t.Errorf("%s tells the reader what is for the log", path)
			}
		}
	}
	f.fail, f.slow = nil, context.DeadlineExceeded
	w := get(t, h, "/")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "data-row") || strings.Count(w.Body.String(), "it took too long") != 2 {
		t.Error("results are not shown, or what is missing is not said, where counting took too long")
	}
}

func TestTheme(t *testing.T) {
	h := handler(t, year())
	w := send(t, h, form("/theme", url.Values{"theme": {"dark"}, "back": {"/trail?x=1"}}))
	if w.Code != 303 || w.Header().Get("Location") != "/trail?x=1" || len(w.Result().Cookies()) != 1 {
		t.Fatalf("status %d, leads to %q", w.Code, w.Header().Get("Location"))
	}
	r := httptest.NewRequest("GET", "/trail", nil)
	r.AddCookie(w.Result().Cookies()[0])
	if body := send(t, h, r).Body.String(); !strings.Contains(body, `data-theme="dark"`) || !strings.Contains(body, `value="dark" aria-pressed="true"`) {
		t.Error("the cookie does not make the page dark")
	}
	for _, back := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", ""} {
		if to := send(t, h, form("/theme", url.Values{"back": {back}})).Header().Get("Location"); to != "/" {
			t.Errorf("back to %q leads to %q", back, to)
		}
	}
	foreign := form("/theme", url.Values{"theme": {"dark"}})
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	if w := send(t, h, foreign); w.Code != 403 || len(w.Result().Cookies()) > 0 {
		t.Errorf("a form from elsewhere: status %d", w.Code)
	}
}

func TestPack(t *testing.T) {
	f := *year()
	h := handler(t, &f)
	good := url.Values{"from": {"2026-01-01"}, "until": {"2026-04-01T12:00:00Z"}, "by": {"at"}, "filter": {"category:privileged"}, "withhold": {"/actor/email", "/raw"}, "other": {"/detail/x, /detail/y"}, "prove": {"yes"}, "all_headers": {"yes"}}
	w := send(t, h, form("/packs", good))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/zip" || !strings.HasPrefix(w.Body.String(), "PK") ||
		w.Header().Get("Content-Disposition") != `attachment; filename="evident-20260101-20260401.zip"` {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
	p := f.packed
	if !p.From.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || !p.Until.Equal(time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)) || p.By != "at" || !p.Prove || !p.AllHeaders ||
		p.FilterText != "category:privileged" || !slices.Equal(p.Withhold, []string{"/actor/email", "/raw", "/detail/x", "/detail/y"}) {
		t.Errorf("asked for %+v", p)
	}
	with := func(name, value string) url.Values {
		v := url.Values{}
		for k := range good {
			v[k] = good[k]
		}
		v.Set(name, value)
		return v
	}
	for _, c := range []struct{ name, value, want string }{
		{"from", "March", "found &#34;March&#34;"}, {"until", "2026-01-01", "from ≤ time"}, {"by", "x", "by:"}, {"filter", "a:b:", "unknown key"},
	} {
		w := send(t, h, form("/packs", with(c.name, c.value)))
		if w.Code != 400 || !strings.Contains(w.Body.String(), c.want) || !strings.Contains(w.Body.String(), `value="/raw" checked`) {
			t.Errorf("%s=%s: status %d, want 400, %q, and the form as it was", c.name, c.value, w.Code, c.want)
		}
	}
	f.fail = &ui.Refused{What: "withhold: no such field"}
	if w := send(t, h, form("/packs", good)); w.Code != 400 || !strings.Contains(w.Body.String(), "withhold: no such field") || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("a refusal: status %d", w.Code)
	}
	f.fail = errBroken
	if w := send(t, h, form("/packs", good)); w.Code != 500 || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("an error: status %d", w.Code)
	}
}

func TestFilesAreKeptForEver(t *testing.T) {
	h := handler(t, year())
	for _, m := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(get(t, h, "/").Body.String(), -1) {
		w := get(t, h, m[1])
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: status %d, %v", m[1], w.Code, w.Header())
		}
	}
	if c := get(t, h, "/trail").Header().Get("Cache-Control"); c != "no-store" {
		t.Errorf("pages are kept: %q", c)
	}
}

func TestAnEmptyTrailSaysHowToBegin(t *testing.T) {
	f := newFake(t, nil)
	h := handler(t, f)
	if body := get(t, h, "/").Body.String(); !strings.Contains(body, "The trail holds no events yet") || !strings.Contains(body, "/v1/events") {
		t.Error("the first page of an empty trail explains nothing")
	}
	if w := get(t, h, "/trail"); w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
}

func BenchmarkSearchPage(b *testing.B) {
	h := handler(b, year())
	for b.Loop() {
		get(b, h, "/")
	}
}

func BenchmarkEventPage(b *testing.B) {
	f := year()
	h := handler(b, f)
	for b.Loop() {
		get(b, h, "/events/"+privileged(f))
	}
}

// waiting is a fake whose counts are not ready before somebody says so.
type waiting struct {
	*fake
	ready chan struct{}
}

func (w waiting) Histogram(ctx context.Context, q filter.Filter) (ui.Histogram, error) {
	<-w.ready
	return w.fake.Histogram(ctx, q)
}

func TestResultsDoNotWaitForCounts(t *testing.T) {
	w := waiting{year(), make(chan struct{})}
	server := httptest.NewServer(handler(t, w))
	defer server.Close()
	answer, err := http.Get(server.URL + "/?q=category:data")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page strings.Builder
	part := make([]byte, 4096)
	for !strings.Contains(page.String(), `rel="next"`) {
		n, err := answer.Body.Read(part)
		if page.Write(part[:n]); err != nil {
			t.Fatalf("the answer ends before its results: %v", err)
		}
	}
	if strings.Contains(page.String(), `class="hits"`) {
		t.Error("the counts came first")
	}
	close(w.ready)
	rest, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(rest), `class="hits"`) || !strings.HasSuffix(strings.TrimSpace(string(rest)), "</html>") {
		t.Errorf("the counts do not follow: %v", err)
	}
}
