package ui_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

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
	b.forget("404", "400")
}

// forget drops what the console says about pages whose status is an error.
func (b *browser) forget(statuses ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []string
	for _, line := range b.said {
		expected := false
		for _, s := range statuses {
			expected = expected || strings.Contains(line, "status of "+s)
		}
		if !expected {
			rest = append(rest, line)
		}
	}
	b.said = rest
}
