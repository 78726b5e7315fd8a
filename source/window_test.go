package source_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/evident/source"
)

func TestWindow(t *testing.T) {
	since, now := time.Date(2026, 3, 1, 0, 0, 0, 5e6, time.UTC), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	w, err := source.ParseWindow(source.WindowFrom(since), now)
	if err != nil || w != (source.Window{Since: since, Until: now}) {
		t.Fatalf("%+v, %v", w, err)
	}
	p := w.Page([]byte("x"), "token&=1")
	if !p.More || string(p.Delivery) != "x" {
		t.Errorf("%+v", p)
	}
	w, err = source.ParseWindow(p.Next, now.Add(time.Hour))
	if err != nil || w != (source.Window{Since: since, Until: now, Next: "token&=1"}) {
		t.Errorf("the end of a window moves: %+v, %v", w, err)
	}
	if p = w.Page(nil, ""); p.More || p.Next != source.WindowFrom(now) {
		t.Errorf("%+v", p)
	}
	if w, err = source.ParseWindow(source.WindowFrom(now), since); err != nil || !w.Until.Equal(now) {
		t.Errorf("a window ends before it begins: %+v, %v", w, err)
	}
	w, err = source.ParseWindow(source.WindowFrom(since.Add(999)), now.Add(999))
	if err != nil || w != (source.Window{Since: since, Until: now}) {
		t.Errorf("more digits than some systems read: %+v, %v", w, err)
	}
	for _, bad := range []string{"", "%zz", "since=x", "since=2026-03-01T00:00:00Z&next=x", "since=2026-03-01T00:00:00Z&until=x"} {
		if _, err := source.ParseWindow(bad, now); err == nil {
			t.Errorf("%q is a cursor", bad)
		}
	}
}

func TestStale(t *testing.T) {
	f := func(next string, status int, want bool) {
		t.Helper()
		err := fmt.Errorf("fetch: %w", &source.StatusError{Response: &source.Response{Status: status}})
		if got := (source.Window{Next: next}).Stale(err); got != want {
			t.Errorf("%q %d: %v", next, status, got)
		}
	}
	f("token", 400, true)
	f("token", 410, true)
	f("token", 403, false)
	f("", 400, false)
	if (source.Window{Next: "token"}).Stale(errors.New("no route to host")) {
		t.Error("a broken connection makes a token stale")
	}
}

func TestLinkQuery(t *testing.T) {
	f := func(link, want string, ok bool) {
		t.Helper()
		if got, err := source.LinkQuery(link, "/v1.0/auditLogs/signIns"); got != want || (err == nil) != ok {
			t.Errorf("%s: %s, %v", link, got, err)
		}
	}
	f("", "", true)
	f("https://graph.example.com/v1.0/auditLogs/signIns?$skiptoken=a%2Bb", "$skiptoken=a%2Bb", true)
	f("https://graph.example.com/v1.0/users?$skiptoken=a", "", false)
	f("https://graph.example.com/v1.0/auditLogs/signIns", "", false)
	f(":", "", false)
}

func TestAddress(t *testing.T) {
	f := func(s, ip, host string) {
		t.Helper()
		if i, h := source.Address(s); i != ip || h != host {
			t.Errorf("%q: %q %q", s, i, h)
		}
	}
	f("203.0.113.7", "203.0.113.7", "")
	f("203.0.113.7:443", "203.0.113.7", "")
	f("2001:DB8::7", "2001:DB8::7", "")
	f("[2001:db8::7]:443", "2001:db8::7", "")
	f("[2001:db8::7]", "2001:db8::7", "")
	f(" <null> ", "", "")
	f("", "", "")
	f("fe80::1%eth0", "", "fe80::1%eth0")
	f("gce-internal-ip", "", "gce-internal-ip")
}
