package source

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// A Window is the cursor of a [Pull] from a system that is asked by time: all
// that happened since a time and before another, page by page. Until is when its
// first page was fetched, and where the next window begins.
type Window struct {
	Since, Until time.Time
	// Next is what the system says to ask for next: a token, or the query of a
	// link. It is empty for the first page.
	Next string
}

// WindowFrom is a [Pull.From]: the cursor of the first page of a window. Windows
// begin and end at whole milliseconds, since some systems read no more digits.
func WindowFrom(t time.Time) string {
	return url.Values{"since": {t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)}}.Encode()
}

// ParseWindow reads a cursor. A window that has not begun yet ends at now.
func ParseWindow(cursor string, now time.Time) (w Window, err error) {
	v, err := url.ParseQuery(cursor)
	if err != nil {
		return w, errors.New("read cursor: " + err.Error())
	}
	if w.Since, err = time.Parse(time.RFC3339Nano, v.Get("since")); err != nil {
		return w, errors.New("read cursor: " + err.Error())
	}
	w.Next = v.Get("next")
	if s := v.Get("until"); s == "" && w.Next == "" {
		w.Until = now.UTC().Truncate(time.Millisecond)
	} else if w.Until, err = time.Parse(time.RFC3339Nano, s); err != nil {
		return w, errors.New("read cursor: " + err.Error())
	}
	if w.Until.Before(w.Since) { // the clock was set back
		w.Until = w.Since
	}
	return w, nil
}

// Page returns the page that was fetched, with the cursor of the one after it:
// that which next says, or the first page of the window after this one if next is
// empty. A page without events has an empty delivery.
func (w Window) Page(delivery []byte, next string) Page {
	if next == "" {
		return Page{Delivery: delivery, Next: WindowFrom(w.Until)}
	}
	w.Next = next
	return Page{Delivery: delivery, Next: w.String(), More: true}
}

// String returns the cursor that [ParseWindow] reads.
func (w Window) String() string {
	v := url.Values{"since": {w.Since.Format(time.RFC3339Nano)}, "until": {w.Until.Format(time.RFC3339Nano)}}
	if w.Next != "" {
		v.Set("next", w.Next)
	}
	return v.Encode()
}

// Stale reports whether err, of the request for w.Next, is the system's refusal of
// a token that it gave long ago. Then the window is to be read from its beginning:
// what is read twice is a duplicate.
func (w Window) Stale(err error) bool {
	var status *StatusError
	return w.Next != "" && errors.As(err, &status) && (status.Response.Status == http.StatusBadRequest || status.Response.Status == http.StatusGone)
}

// LinkQuery returns the query of a link to the next page, which must lead to path.
// Nothing else of the link is used: the address is that of the connector, whatever
// the answer says.
func LinkQuery(link, path string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	if err != nil || u.RawQuery == "" || !strings.HasSuffix(u.Path, path) {
		return "", errors.New("the link to the next page is not one of " + path)
	}
	return u.RawQuery, nil
}

// Address sorts what a system gives as the address of a caller into an IP address,
// without a port, or a name. Words for nothing are neither.
func Address(s string) (ip, host string) {
	switch s = strings.TrimSpace(s); s {
	case "", "-", "null", "<null>", "None", "none":
		return "", ""
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return s, ""
	}
	if a, err := netip.ParseAddrPort(s); err == nil && a.Addr().Zone() == "" {
		return a.Addr().String(), ""
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && a.Zone() == "" {
		return a.String(), ""
	}
	return "", s
}
