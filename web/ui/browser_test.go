package ui_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/evident/web/ui"
)

// chromiumPath is Debian's; `make test` installs it where it is missing.
const chromiumPath = "/usr/bin/chromium"

// browser is one tab, and everything that its console said.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string

	mu   sync.Mutex
	said []string
}

// open starts a browser on the pages of data. It fails the test at its end if
// the browser logged anything: a violation of the policy, an exception, a file
// that was not found.
func open(t *testing.T, data ui.Data) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is not started in short mode")
	}
	if _, err := exec.LookPath(chromiumPath); err != nil {
		t.Skipf("SKIPPED: %s is not installed; “make test” installs it", chromiumPath)
	}
	server := httptest.NewServer(handler(t, data))
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromiumPath), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, url: server.URL}
	b.do(chromedp.EmulateViewport(1440, 900))
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.said = append(b.said, m.String())
			b.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, line := range b.said {
			t.Errorf("the browser logged: %s", line)
		}
	})
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// goes does something that leads to another page, and waits for it.
func (b *browser) goes(step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, step); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) visit(path string) { b.t.Helper(); b.goes(chromedp.Navigate(b.url + path)) }

func (b *browser) keys(keys string, modifiers ...chromedp.Modifier) chromedp.Action[chromedp.Void] {
	return chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...))
}

// slash presses “/” as a keyboard does: what a page prevents is not typed.
func (b *browser) slash() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, p := range []input.DispatchKeyEventParams{
			{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Text: "/"}, {Type: input.DispatchKeyEventTypeKeyUp, Key: "/"},
		} {
			if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// js evaluates an expression in the page.
func js[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// prefers makes the system prefer light or dark.
func (b *browser) prefers(scheme string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// shot takes a screenshot into the folder that EVIDENT_SHOTS names, or into
// one of the test's own.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("EVIDENT_SHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(png) < 10_000 {
		b.t.Errorf("screenshot %s is empty", name)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func TestPagesInABrowser(t *testing.T) {
	f := newFake(t, halden(6000))
	b := open(t, f)
	for _, scheme := range []string{"light", "dark"} {
		b.prefers(scheme)
		for _, size := range []struct {
			name          string
			width, height int64
		}{{"wide", 1440, 900}, {"narrow", 390, 844}} {
			b.do(chromedp.EmulateViewport(size.width, size.height))
			for _, page := range []struct{ name, path string }{
				{"search", "/"},
				{"narrowed", "/?q=category:privileged+-outcome:success"},
				{"nothing", "/?q=category:privileged+actor:nobody@*"},
				{"refused", "/?q=acton:role.grant"},
				{"event", "/events/" + privileged(f)},
				{"trail", "/trail"},
				{"pack", "/packs/new?q=category:privileged"},
				{"missing", "/events/99999999"},
			} {
				b.visit(page.path)
				b.shot(strings.Join([]string{page.name, size.name, scheme}, "-"))
				if over := js[int](b, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
					t.Errorf("%s is %d pixels too wide for %s", page.path, over, size.name)
				}
			}
		}
	}
	b.forget("status of 404", "status of 400")
}

// forget drops what the console says about pages whose status is an error.
func (b *browser) forget(statuses ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []string
	for _, line := range b.said {
		expected := false
		for _, s := range statuses {
			expected = expected || strings.Contains(line, s)
		}
		if !expected {
			rest = append(rest, line)
		}
	}
	b.said = rest
}

func TestSearchByKeys(t *testing.T) {
	b := open(t, year())
	b.visit("/")
	b.do(b.slash())
	if id := js[string](b, "document.activeElement.id"); id != "q" {
		t.Fatalf("“/” leads to %q, want the filter", id)
	}
	b.do(b.keys("category:privileged"))
	b.goes(b.keys(kb.Enter))
	if q := js[string](b, "document.querySelector('#q').value"); q != "category:privileged" {
		t.Fatalf("searched for %q", q)
	}
	b.do(b.keys("j"), b.keys("j"), b.keys("k"))
	want := js[string](b, "document.querySelector('a[data-row]').href")
	if got := js[string](b, "document.activeElement.href"); got != want {
		t.Errorf("j, j, k leads to %s, want the first row", got)
	}
	b.goes(b.keys(kb.Enter))
	if at := js[string](b, "location.href"); at != want {
		t.Errorf("Enter opens %s, want %s", at, want)
	}
	b.proven()
	b.goes(b.keys("k"))
	if at := js[string](b, "location.href"); at == want || !strings.Contains(at, "/events/") {
		t.Errorf("k leads from %s to %s, want the record of the source before", want, at)
	}
	b.goes(b.keys("u"))
	if q := js[string](b, "location.search"); q != "?q=category%3Aprivileged" {
		t.Errorf("u leads to %s, want the search that was left", q)
	}
	b.do(b.keys("?"))
	if !js[bool](b, "document.querySelector('#shortcuts').matches(':popover-open')") {
		t.Error("“?” does not show the keys")
	}
	b.do(b.keys(kb.Escape))
	b.goes(b.keys("t"))
	if at := js[string](b, "location.pathname"); at != "/trail" {
		t.Errorf("t leads to %s", at)
	}
}

// proven fails the test unless the page of an event shows all checks to hold.
func (b *browser) proven() {
	b.t.Helper()
	if n := js[int](b, "document.querySelectorAll('.proof li.holds').length"); n != 6 {
		b.t.Errorf("%d steps of the proof hold, want 6", n)
	}
	if n := js[int](b, "document.querySelectorAll('.proof li.fails, .proof li.open').length"); n != 0 {
		b.t.Errorf("%d steps of the proof do not hold", n)
	}
}

func TestARangeIsSelected(t *testing.T) {
	b := open(t, year())
	chart := func() (x, y, width float64) {
		return js[float64](b, "document.querySelector('[data-chart]').getBoundingClientRect().x"),
			js[float64](b, "document.querySelector('[data-chart]').getBoundingClientRect().y + 30"),
			js[float64](b, "document.querySelector('[data-chart]').getBoundingClientRect().width")
	}
	bar := func(i int, what string) string {
		return js[string](b, fmt.Sprintf("document.querySelectorAll('[data-chart] a')[%d].dataset.%s", i, what))
	}

	// By dragging, from the right to the left.
	b.visit("/?q=outcome:success")
	bars := js[int](b, "document.querySelectorAll('[data-chart] a').length")
	want := "outcome:success after:" + bar(bars/4, "from") + " before:" + bar(bars/2, "until")
	x, y, width := chart()
	at := func(i int) float64 { return x + width*(float64(i)+0.5)/float64(bars) }
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, at(bars/2), y, chromedp.ButtonLeft, chromedp.ClickCount(1)),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at(bars/3), y, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at(bars/4), y, chromedp.ButtonLeft))
	if says := js[string](b, "document.querySelector('.readout').textContent"); !strings.Contains(says, bar(bars/4, "from")+" until "+bar(bars/2, "until")) {
		t.Errorf("while dragging the page says %q", says)
	}
	b.shot("brush-wide-light")
	b.goes(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, at(bars/4), y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	if got := js[string](b, "document.querySelector('#q').value"); got != want {
		t.Errorf("dragging searches for %q, want %q", got, want)
	}

	// One bar, by a click; the bars are finer now.
	bars = js[int](b, "document.querySelectorAll('[data-chart] a').length")
	want = "outcome:success after:" + bar(2, "from") + " before:" + bar(2, "until")
	x, y, width = chart()
	b.goes(chromedp.MouseClickXY(at(2), y))
	if got := js[string](b, "document.querySelector('#q').value"); got != want {
		t.Errorf("a click searches for %q, want %q", got, want)
	}

	// By keys: h, then left, then two more with Shift.
	b.visit("/?q=outcome:success")
	b.do(b.keys("h"))
	last := js[int](b, "[...document.querySelectorAll('[data-chart] a')].indexOf(document.activeElement)")
	b.do(b.keys(kb.ArrowLeft), b.keys(kb.ArrowLeft, chromedp.ModifierShift), b.keys(kb.ArrowLeft, chromedp.ModifierShift))
	want = "outcome:success after:" + bar(last-3, "from") + " before:" + bar(last-1, "until")
	b.goes(b.keys(kb.Enter))
	if got := js[string](b, "document.querySelector('#q').value"); got != want {
		t.Errorf("keys search for %q, want %q", got, want)
	}
}

func TestAltClickLeavesOut(t *testing.T) {
	b := open(t, year())
	b.visit("/")
	x := js[float64](b, "document.querySelector('.facets .v').getBoundingClientRect().x + 20")
	y := js[float64](b, "document.querySelector('.facets .v').getBoundingClientRect().y + 10")
	b.goes(chromedp.MouseClickXY(x, y, chromedp.ButtonModifiers(chromedp.ModifierAlt)))
	if got := js[string](b, "document.querySelector('#q').value"); got != "-source:okta/halden" {
		t.Errorf("searches for %q", got)
	}
}

func TestTheThemeIsChosen(t *testing.T) {
	b := open(t, year())
	background := func() string { return js[string](b, "getComputedStyle(document.body).backgroundColor") }
	b.prefers("light")
	b.visit("/trail")
	light := background()
	b.goes(chromedp.Click(chromedp.CSS(".theme button[value=dark]")))
	dark := background()
	if at := js[string](b, "location.pathname"); at != "/trail" || dark == light {
		t.Errorf("the choice leads to %s with %s, before %s", at, dark, light)
	}
	b.prefers("dark")
	b.goes(chromedp.Click(chromedp.CSS(".theme button[value=light]")))
	if got := background(); got != light {
		t.Errorf("light is %s, want %s", got, light)
	}
	b.goes(chromedp.Click(chromedp.CSS(".theme button[value='']")))
	if got := background(); got != dark {
		t.Errorf("what the system prefers is %s, want %s", got, dark)
	}
}

func TestHostileEventsDoNothingInABrowser(t *testing.T) {
	b := open(t, newFake(t, hostile()))
	for _, path := range []string{"/", "/events/0", "/events/1", "/events/2", "/trail", "/events/0/raw"} {
		b.visit(path)
		if n := js[int](b, "document.querySelectorAll('img, iframe, script:not([src]), [onmouseover], [onerror]').length"); n > 0 {
			t.Errorf("%s: %d elements came out of an event", path, n)
		}
	}
	b.visit("/events/0")
	b.shot("hostile-event-wide-light")
	b.visit("/")
	b.shot("hostile-search-wide-light")
	// A sandboxed page of bytes has no origin, and so no icon.
	b.forget("NotSameOrigin")
}

// contrast computes the contrast of every piece of text with what lies behind
// it, as WCAG 2.2 has it, and returns those that are too weak.
const contrast = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgb = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const lum = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255]; };
  const weak = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode());) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest('svg, option, .sr')) continue;
    const s = getComputedStyle(e);
    const [a, b] = [lum(rgb(s.color)), lum(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) weak.add(e.className + ' “' + n.data.trim().slice(0, 20) + '” ' + ratio.toFixed(2));
  }
  return [...weak].slice(0, 9).join('; ');
})()`

func TestTextCanBeRead(t *testing.T) {
	f := year()
	b := open(t, f)
	for _, scheme := range []string{"light", "dark"} {
		b.prefers(scheme)
		for _, path := range []string{"/?q=outcome:denied", "/?q=x:y", "/events/" + privileged(f), "/trail", "/packs/new", "/nowhere"} {
			b.visit(path)
			if weak := js[string](b, contrast); weak != "" {
				t.Errorf("%s in %s: %s", path, scheme, weak)
			}
		}
	}
	b.forget("status of 404", "status of 400")
}
