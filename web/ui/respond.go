package ui

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"example.com/evident/filter"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// Frame is what the frame around every page needs. Each page embeds it.
type Frame struct {
	Title string
	Page  string // which entry of the navigation is this one
	Theme string // light, dark, or "" for what the system prefers
	Here  string // where a form that changes nothing returns to
	Head  Head
	Lost  bool // the head could not be read
	Keys  []filter.Key
}

// frame makes the frame of a page.
func (u *ui) frame(r *http.Request, page, title string) Frame {
	f := Frame{Title: title, Page: page, Theme: themeOf(r), Keys: filter.Keys(), Here: "/"}
	if r.Method == http.MethodGet {
		f.Here = r.URL.RequestURI()
	}
	head, err := u.data.Head(r.Context())
	f.Head, f.Lost = head, err != nil
	return f
}

// render writes a page of the named template. It is made whole first, so that
// a template that breaks off never leaves half a page with status 200.
func (u *ui) render(w http.ResponseWriter, r *http.Request, status int, name string, page any) {
	var b bytes.Buffer
	if err := u.pages.ExecuteTemplate(&b, name, page); err != nil {
		u.log.ErrorContext(r.Context(), "page not rendered", "template", name, "error", err)
		http.Error(w, "This page could not be made. The reason is in the server's log.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the reader has gone: there is nobody to tell
	}
}

// ErrorPage says what went wrong, and what to do next.
type ErrorPage struct {
	Frame
	Status  int
	What    string
	Next    string
	Failure string // evidence, shown as it is
}

// Refused is a request that cannot be answered as it stands: what was found
// and expected, and what to do next. Its text goes to the reader. [Data] may
// return it.
type Refused struct{ What, Next string }

func (e *Refused) Error() string { return e.What }

// fail is the one responder for errors.
func (u *ui) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := ErrorPage{Frame: u.frame(r, "", "")}
	var refused *Refused
	var syntax *filter.SyntaxError
	var failure *proof.Failure
	var damage *trail.Damage
	switch {
	case errors.As(err, &refused):
		p.Status, p.Title, p.What, p.Next = http.StatusBadRequest, "This cannot be answered", refused.What, refused.Next
	case errors.As(err, &syntax):
		p.Status, p.Title, p.What = http.StatusBadRequest, "This filter cannot be read", syntax.Error()
		p.Next = "Correct it in the filter box of the search page."
	case errors.Is(err, ErrNoRecord):
		p.Status, p.Title = http.StatusNotFound, "The trail holds no such record"
		p.What = "Records are numbered from 0 without a gap; the trail now ends before record " + number(p.Head.Size) + "."
		p.Next = "Search by the source's own id of the event: id:…"
	case errors.As(err, &failure), errors.As(err, &damage):
		p.Status, p.Title, p.Failure = http.StatusInternalServerError, "This does not verify", err.Error()
		p.What = "What is stored is not what was recorded. It is shown nowhere, so that nobody takes it for evidence."
		p.Next = "Run “evident verify” on the data directory, and keep the directory as it is: this is evidence too."
		u.log.ErrorContext(r.Context(), "stored record does not verify", "error", err)
	case errors.Is(err, context.DeadlineExceeded):
		p.Status, p.Title = http.StatusServiceUnavailable, "This took too long"
		p.What = "The answer was not ready in time, and was given up so that others are not held up."
		p.Next = "Narrow the range of time, or name a source."
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return // the reader has left
	default:
		p.Status, p.Title = http.StatusInternalServerError, "Something broke on our side"
		p.What = "The trail itself is not touched by reading. The reason is in the server's log."
		p.Next = "Try again; if it stays, tell whoever runs this server."
		u.log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	u.render(w, r, p.Status, "error", p)
}

func (u *ui) notFound(w http.ResponseWriter, r *http.Request) {
	p := ErrorPage{Frame: u.frame(r, "", "There is no such page"), Status: http.StatusNotFound}
	p.What = "Nothing is found at this address."
	p.Next = "Start from the search."
	u.render(w, r, p.Status, "error", p)
}

func (u *ui) denied(w http.ResponseWriter, r *http.Request) {
	p := ErrorPage{Frame: u.frame(r, "", "This form came from elsewhere"), Status: http.StatusForbidden}
	p.What = "Forms are taken from Evident's own pages only."
	p.Next = "Open the page here and send it again."
	u.render(w, r, p.Status, "error", p)
}

// section is one part of a page that is sent as it gets ready.
type section struct {
	template string
	data     func() any // may wait
}

// stream writes sections in order, each as soon as it is there. The first two
// go together: they decide the status.
func (u *ui) stream(w http.ResponseWriter, r *http.Request, sections []section) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	var b bytes.Buffer
	for i, s := range sections {
		if err := u.pages.ExecuteTemplate(&b, s.template, s.data()); err != nil {
			u.log.ErrorContext(r.Context(), "page not rendered", "template", s.template, "error", err)
			return
		}
		if i == 0 || r.Method == http.MethodHead {
			continue
		}
		if _, err := w.Write(b.Bytes()); err != nil {
			return // the reader has gone
		}
		b.Reset()
		if i == 1 {
			_ = http.NewResponseController(w).Flush() // where it cannot flush, all comes at the end
		}
	}
}
