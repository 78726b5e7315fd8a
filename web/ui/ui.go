package ui

import (
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Config says what the pages show and where they report. Data is required.
type Config struct {
	Data Data
	Log  *slog.Logger     // nil: nothing is logged
	Now  func() time.Time // nil: time.Now
	// Version is shown at the foot of the page of the trail.
	Version string
}

// ui holds what every handler needs. It is not changed after New.
type ui struct {
	data    Data
	log     *slog.Logger
	now     func() time.Time
	version string
	pages   *template.Template
	assets  assets
}

// New returns the handler of the pages. It answers every path, with its own
// page for those that it does not know, and is meant to be mounted at "/"
// beside the more specific paths of the API. Who may read is decided in front
// of it: it shows everything that Data gives.
func New(c Config) (http.Handler, error) {
	if c.Data == nil {
		return nil, errors.New("make pages: no data given")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	u := &ui{data: c.Data, log: c.Log, now: c.Now, version: c.Version}
	var err error
	if u.assets, err = loadAssets(staticFiles); err != nil {
		return nil, err
	}
	u.pages, err = template.New("").Funcs(u.functions()).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	return u.routes(), nil
}

// functions are what templates may call. Text of events goes through visible,
// block, brief, or plain.
func (u *ui) functions() template.FuncMap {
	return template.FuncMap{
		"visible": visible,
		"lines":   visibleBlock,
		"brief":   brief,
		"long":    long,
		"plain":   plainText,
		"number":  number[uint64],
		"count":   number[int],
		"plural":  pluralAny,
		"search":  func(text string) string { return searchURL(text, "") },
		"clause":  clauseURL,
		"asset":   u.assets.url,
		"instant": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"date":    func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"clock":   func(t time.Time) string { return t.UTC().Format(time.TimeOnly) },
		"stamp":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"bytes":   byteSize,
		"bytes64": func(n int) string { return byteSize(int64(n)) },
		// precise is a time of day with the fraction it was recorded with.
		"precise":   func(t time.Time) string { return t.UTC().Format("15:04:05.999999999") },
		"perrecord": func(n int64, records uint64) string { return byteSize(n / int64(max(1, records))) },
	}
}
