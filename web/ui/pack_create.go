package ui

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/evident/filter"
)

// maxForm bounds a form that is sent.
const maxForm = 64 << 10

// packCreate makes a pack and sends it as a file.
func (u *ui) packCreate(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		u.fail(w, r, &Refused{What: "The form could not be read.", Next: "Open the form and send it again."})
		return
	}
	form := PackForm{
		From: strings.TrimSpace(r.PostForm.Get("from")), Until: strings.TrimSpace(r.PostForm.Get("until")),
		By: r.PostForm.Get("by"), Filter: strings.TrimSpace(r.PostForm.Get("filter")),
		Withhold: r.PostForm["withhold"], Other: strings.TrimSpace(r.PostForm.Get("other")), Prove: r.PostForm.Get("prove") != "", AllHeaders: r.PostForm.Get("all_headers") != "",
	}
	request, field, err := form.request()
	if err != nil {
		u.packAgain(w, r, PackPage{Form: form}, field, err)
		return
	}
	name := "evident-" + request.From.Format("20060102") + "-" + request.Until.Format("20060102") + ".zip"
	out := &packWriter{w: w, name: name}
	var refused *Refused
	switch err := u.data.Pack(r.Context(), request, out); {
	case err == nil:
	case errors.As(err, &refused) && !out.begun:
		u.packAgain(w, r, PackPage{Form: form}, "", err)
	case out.begun:
		// Half of it is sent. Breaking the connection off is the only way left
		// to say that the file is not whole.
		u.log.ErrorContext(r.Context(), "pack broken off", "error", err)
		panic(http.ErrAbortHandler)
	default:
		u.fail(w, r, err)
	}
}

// request reads the form. The name of the input that is wrong comes with the
// error.
func (f PackForm) request() (r PackRequest, field string, err error) {
	if r.From, err = parseBound(f.From); err != nil {
		return r, "from", err
	}
	if r.Until, err = parseBound(f.Until); err != nil {
		return r, "until", err
	}
	if !r.From.Before(r.Until) {
		return r, "until", errors.New("until: a time after from is expected; the window is from ≤ time < until")
	}
	if f.By != "occurred_at" && f.By != "at" {
		return r, "by", errors.New("by: when it happened or when it was recorded is expected")
	}
	if r.Filter, err = filter.Parse(f.Filter); err != nil {
		return r, "filter", err
	}
	r.By, r.FilterText, r.Prove, r.AllHeaders = f.By, f.Filter, f.Prove, f.AllHeaders
	r.Withhold = append(r.Withhold, f.Withhold...)
	r.Withhold = append(r.Withhold, strings.FieldsFunc(f.Other, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) })...)
	return r, "", nil
}

func parseBound(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("window: found %q, expected a date such as 2026-03-01 or a time such as 2026-03-01T09:30:00Z", s)
}

// packWriter sets the headers of a file when its first byte is written, so
// that until then an error can still become a page.
type packWriter struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (p *packWriter) Write(b []byte) (int, error) {
	if !p.begun {
		p.begun = true
		p.w.Header().Set("Content-Type", "application/zip")
		p.w.Header().Set("Content-Disposition", `attachment; filename="`+p.name+`"`)
	}
	return p.w.Write(b)
}
