// Package hec is the way in for whatever sends to Splunk's HTTP Event Collector:
// Fluent Bit, Vector, Fluentd, the OpenTelemetry Collector, Docker, Firehose.
//
//	POST /services/collector, …/event   event objects, one after the other or in arrays
//	POST /services/collector/raw        a body in the source's own format, or lines
//	POST /services/collector/ack        which requests are durable: all that were answered
//	GET  /services/collector/health     whether it answers
//
// each also with /1.0 behind it. Answers, codes and texts are those of Splunk.
//
// The source of an event is its sourcetype, source or index, the first of them
// that names one of a mapped kind (aws.cloudtrail/prod) or of events in the
// schema (app/billing). Its raw is then the bytes of the member event or, where
// that is a string, the text in it. Otherwise the source is the log of the first
// of the three that is there, and the raw is the whole event object, as it came:
//
//	{"time":1772357400.25,"host":"web-1","sourcetype":"nginx:access","event":"…"}   log/nginx_access
//
// What is wrong in a request ends it, as at Splunk: events before it are stored,
// and the answer numbers the first that is not, from 0.
//
// docs/ways-in.md says how clients are set up.
package hec

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/several"
)

// Paths returns what a Handler is to be mounted at.
func Paths() []string { return []string{"/services/collector", "/services/collector/"} }

// Config is what a Handler works with. Intake, Bodies and Admit are required.
type Config struct {
	Intake *intake.Intake
	Bodies *body.Reader
	Admit  sender.Admit
	// Healthy, if set, says why events cannot be taken now.
	Healthy func() error
	// FirstAck is the first ackId that is given. A server that was started again
	// should not give the same ones: the time in milliseconds will do.
	FirstAck uint64
	// Took, if set, is called with what became of each request's events.
	Took func(bytes int, t several.Taken)
}

// A Handler serves all paths of the collector.
type Handler struct {
	cfg  Config
	acks atomic.Uint64 // the next ackId
}

// New returns a Handler.
func New(c Config) *Handler {
	h := &Handler{cfg: c}
	h.acks.Store(c.FirstAck)
	return h
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/services/collector")
	path = strings.Trim(strings.TrimSuffix(path, "/1.0"), "/")
	switch {
	case path == "health" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.health(w)
		return
	case r.Method == http.MethodOptions: // Docker's driver asks so whether anybody is there
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusOK)
		return
	case path != "" && path != "event" && path != "raw" && path != "ack":
		reply{status: http.StatusNotFound, code: 404, text: "The requested URL was not found on this server."}.send(w)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		reply{status: http.StatusMethodNotAllowed, code: 405, text: "Method Not Allowed"}.send(w)
		return
	}
	q, err := parseQuery(r)
	if err != nil {
		errorReply(err).send(w)
		return
	}
	from, err := h.admit(r)
	if err != nil {
		errorReply(err).send(w)
		return
	}
	b, err := h.cfg.Bodies.Read(w, r)
	defer h.cfg.Bodies.Release(b)
	if err != nil {
		w.Header().Set("Connection", "close")
		errorReply(err).send(w)
		return
	}
	if path == "ack" {
		answerAcks(b.Bytes, q).send(w)
		return
	}
	answer, err := h.take(r.Context(), from, path, q, b.Bytes)
	if err != nil {
		answer = errorReply(err)
	}
	answer.send(w)
}

func (h *Handler) health(w http.ResponseWriter) {
	if h.cfg.Healthy != nil && h.cfg.Healthy() != nil {
		unhealthy.send(w)
		return
	}
	healthy.send(w)
}

// admit finds out who sends r, or returns the reply of one who may not.
func (h *Handler) admit(r *http.Request) (sender.Sender, error) {
	credential := sender.Of(r, "Splunk", "Basic", "Bearer")
	from, err := h.cfg.Admit(r.Context(), credential)
	switch {
	case errors.Is(err, sender.ErrNoToken) && r.URL.Query().Has("token"):
		return from, queryToken
	case errors.Is(err, sender.ErrNoToken) && r.Header.Get("Authorization") != "":
		return from, invalidAuthorization
	case errors.Is(err, sender.ErrNoToken):
		return from, noToken
	case errors.Is(err, sender.ErrToken):
		return from, invalidToken
	case err != nil:
		return from, busy
	}
	return from, nil
}

// take stores the events of a request.
func (h *Handler) take(ctx context.Context, from sender.Sender, path string, q query, b []byte) (reply, error) {
	take := h.takeEvents
	if path == "raw" {
		take = h.takeRaw
	}
	taken, answer, err := take(ctx, from, q, b)
	if err != nil {
		return answer, err
	}
	if h.cfg.Took != nil {
		h.cfg.Took(len(b), taken)
	}
	if answer.code == success.code && q.channel != "" {
		answer.ack, answer.acked = h.acks.Add(1)-1, true
	}
	return answer, nil
}

// errorReply is the reply to a request of which it is not known that anything is
// stored.
func errorReply(err error) reply {
	var r reply
	if errors.As(err, &r) {
		return r
	}
	switch status := body.Status(err); {
	case status == http.StatusServiceUnavailable:
		return busy
	case status >= 500:
		return reply{status: status, code: 8, text: "Internal server error"}
	case status == http.StatusForbidden:
		return reply{status: status, code: 7, text: "Incorrect index: " + err.Error()}
	default:
		return reply{status: status, code: 6, text: "Invalid data format: " + err.Error()}
	}
}

// query is what stands in a request's URL, or in its channel header.
type query struct {
	channel                             string
	host, source, sourcetype, index, at string
}

// maxChannelBytes is more than a GUID, which Splunk asks for, and no more than
// an answer should repeat.
const maxChannelBytes = 128

func parseQuery(r *http.Request) (query, error) {
	v := r.URL.Query()
	q := query{
		channel: r.Header.Get("X-Splunk-Request-Channel"),
		host:    v.Get("host"), source: v.Get("source"), sourcetype: v.Get("sourcetype"), index: v.Get("index"), at: v.Get("time"),
	}
	if q.channel == "" {
		q.channel = v.Get("channel")
	}
	if len(q.channel) > maxChannelBytes {
		return q, invalidChannel
	}
	if q.at != "" {
		if _, err := strconv.ParseFloat(q.at, 64); err != nil || strings.Trim(q.at, "0123456789.") != "" {
			return q, reply{status: http.StatusBadRequest, code: 6, text: fmt.Sprintf("Invalid data format: time: found %q, expected seconds since 1970", clip(q.at))}
		}
	}
	return q, nil
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
