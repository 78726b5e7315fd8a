// Package bulk is the way in for whatever sends to Elasticsearch: Filebeat and
// the other Beats, Logstash, Fluent Bit, Vector, Fluentd, the OpenTelemetry
// Collector. It answers POST and PUT of /_bulk and /{index}/_bulk, of single
// documents at /{index}/_doc and /{index}/_create, and as much of the rest of
// Elasticsearch's API as these clients ask for before they send.
//
// The actions index and create store a document; update and delete are refused,
// each for itself: an audit trail changes nothing. Pipelines and templates are
// accepted and have no effect: documents are stored as they were sent.
//
// The index names the source, without a date or a number at its end:
//
//	aws.cloudtrail/prod, aws.cloudtrail-prod   aws.cloudtrail/prod, if the kind is mapped
//	app/billing, app-billing                   app/billing: documents in the schema
//	filebeat-8.19.0-2026.03.01                 log/filebeat-8.19.0
//	logs-nginx.access-default                  log/logs-nginx.access-default
//
// The raw of a log is the document, byte for byte. Of a source with a format of
// its own it is the text that a shipper wrapped (event.original, message or log),
// or else the document.
//
// The id of an event that brings none is the _id of its action. Without that, it
// is the place in the file that the document came from, if it says so (log.offset
// and log.file, as Filebeat writes them), and otherwise the bytes of the request
// and the place in it.
//
// docs/ways-in.md says how clients are set up.
package bulk

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/several"
)

// Prefix is what a server with other paths mounts a Handler below.
const Prefix = "/elastic"

// defaultVersion is of Elasticsearch, and one that clients since 7.14 work with.
const defaultVersion = "8.19.0"

// Config is what a Handler works with. Intake, Bodies and Admit are required.
type Config struct {
	Intake *intake.Intake
	Bodies *body.Reader
	Admit  sender.Admit
	// Prefix is taken off paths that begin with it, such as [Prefix].
	Prefix string
	// Version is that of Elasticsearch which clients are told; 8.19.0 if empty.
	Version string
	// Took, if set, is called with what became of each request's events.
	Took func(bytes int, t several.Taken)
}

// A Handler serves Elasticsearch's API, as far as it is for sending.
type Handler struct{ cfg Config }

// New returns a Handler.
func New(c Config) *Handler {
	if c.Version == "" {
		c.Version = defaultVersion
	}
	return &Handler{cfg: c}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Elastic-Product", "Elasticsearch") // clients talk to nothing else
	header.Set("Content-Type", contentType(r))
	from, err := h.cfg.Admit(r.Context(), sender.Of(r, "ApiKey", "Basic", "Bearer"))
	if err != nil {
		sendError(w, err)
		return
	}
	path := r.URL.Path
	if p, ok := strings.CutPrefix(path, h.cfg.Prefix); ok && (p == "" || p[0] == '/') {
		path = p
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	single, one := singleOf(r.Method, parts)
	if parts[len(parts)-1] != "_bulk" && !one {
		h.ask(w, r, parts)
		return
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		notAllowed(w, "POST, PUT")
		return
	}
	b, err := h.cfg.Bodies.Read(w, r)
	defer h.cfg.Bodies.Release(b)
	if err != nil {
		header.Set("Connection", "close")
		sendError(w, err)
		return
	}
	if one {
		single.document = b.Bytes
		h.takeOne(r.Context(), w, from, single)
		return
	}
	parts = parts[:len(parts)-1]
	if n := len(parts); n > 1 && parts[n-1] == "_doc" { // as before version 8
		parts = parts[:n-1]
	}
	answer, err := h.take(r.Context(), from, strings.Join(parts, "/"), b.Bytes)
	if err != nil {
		sendError(w, err)
		return
	}
	send(w, http.StatusOK, answer)
}

// take stores the documents of a request and returns the answer. index is for
// actions that name none.
func (h *Handler) take(ctx context.Context, from sender.Sender, index string, b []byte) ([]byte, error) {
	begun := time.Now()
	items, err := parse(b, index)
	if err != nil {
		return nil, err
	}
	results, err := h.store(ctx, from, items, b)
	if err != nil {
		return nil, err
	}
	return appendAnswer(nil, time.Since(begun), items, results), nil
}

// takeOne stores the document of a request for a single one.
func (h *Handler) takeOne(ctx context.Context, w http.ResponseWriter, from sender.Sender, it item) {
	b := it.document
	it.check()
	items := []item{it}
	results, err := h.store(ctx, from, items, b)
	if err == nil {
		if f := it.failure(&results[0]); f != nil {
			err = f
		}
	}
	if err != nil {
		sendError(w, err)
		return
	}
	status, answer := it.answer(nil, &results[0])
	send(w, status, append(answer, '}'))
}

// store stores the documents of items, which came in b.
func (h *Handler) store(ctx context.Context, from sender.Sender, items []item, b []byte) ([]several.Result, error) {
	s := several.New(h.cfg.Intake, from, "bulk", b)
	names := map[string]string{}
	for i := range items {
		it := &items[i]
		if it.wrong != nil {
			s.Refuse(it.wrong.reason)
			continue
		}
		name, ok := names[it.index]
		if !ok {
			name = sourceOf(h.cfg.Intake, it.index)
			names[it.index] = name
		}
		raw := it.document
		if !several.IsLog(name) {
			raw = content(raw)
		}
		id := it.id
		if id == "" {
			id = placeOf(it.document)
		}
		s.Add(name, raw, id)
	}
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	if h.cfg.Took != nil {
		h.cfg.Took(len(b), s.Taken)
	}
	return s.Results, nil
}

// A failure is an error in Elasticsearch's form.
type failure struct {
	status    int
	kind      string // type of the exception
	reason    string
	retryable bool
}

func (f *failure) Error() string { return f.reason }

// failureOf returns the failure that err is answered with.
func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	if errors.Is(err, sender.ErrNoToken) || errors.Is(err, sender.ErrToken) {
		return &failure{status: http.StatusUnauthorized, kind: "security_exception", reason: err.Error()}
	}
	status := body.Status(err)
	switch {
	case status == http.StatusForbidden:
		return &failure{status: status, kind: "security_exception", reason: err.Error()}
	case status < 500:
		return &failure{status: status, kind: "parse_exception", reason: err.Error()}
	}
	return &failure{status: http.StatusServiceUnavailable, kind: "es_rejected_execution_exception", reason: "the trail cannot take records now; send them again", retryable: true}
}
