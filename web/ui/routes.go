package ui

import (
	"context"
	"net/http"
	"time"
)

// Deadlines of an answer. A pack may be long in the making.
const (
	pageDeadline = 15 * time.Second
	packDeadline = 10 * time.Minute
)

// routes is the table of all pages.
func (u *ui) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range []struct {
		pattern  string
		handle   http.HandlerFunc
		deadline time.Duration
	}{
		{"GET /{$}", u.searchShow, pageDeadline},
		{"GET /events/{seq}", u.eventShow, pageDeadline},
		{"GET /events/{seq}/raw", u.eventRaw, pageDeadline},
		{"GET /events/{seq}/body", u.eventBody, pageDeadline},
		{"GET /trail", u.trailShow, pageDeadline},
		{"GET /packs/new", u.packNew, pageDeadline},
		{"POST /packs", u.packCreate, packDeadline},
		{"POST /theme", u.themeSet, pageDeadline},
		{"GET /static/{sum}/{name}", u.staticGet, pageDeadline},
		{"/", u.notFound, pageDeadline},
	} {
		mux.Handle(r.pattern, withDeadline(r.handle, r.deadline))
	}
	// Forms are taken from our own pages only: a foreign page can neither
	// change the theme nor have a pack made.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(u.denied))
	return withHeaders(guard.Handler(mux))
}

func withDeadline(h http.HandlerFunc, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		h(w, r.WithContext(ctx))
	})
}

// policy allows what the pages use and nothing else. Trusted types make even
// our own script unable to turn text into markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// withHeaders sets what every answer carries, errors and files included.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// Pages hold personal data: nobody in between keeps them.
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
