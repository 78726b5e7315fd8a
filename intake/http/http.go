// Package intakehttp is the way in over HTTP: POST /v1/events takes a JSON
// object, an array of them or one object a line, plain or compressed, and
// answers for every event. docs/api.md describes it.
//
// It reads a body into memory whole, within a bound for all of them, and hands
// it to package intake. Who may send is decided by whoever mounts it.
package intakehttp

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/trail"
)

// MaxNameBytes is how long the name of a delivery may be.
const MaxNameBytes = 200

// MaxProofs is for how many events one request may ask to wait for proofs.
const MaxProofs = 1000

// A Sender is who sends, as far as the intake needs to know.
type Sender struct {
	// MayAppend says of which sources; nil: of any but evident.
	MayAppend func(source string) bool
	Actor     event.Actor
}

// Config is what a Handler works with. All but Bodies and Took is required.
type Config struct {
	Intake *intake.Intake
	Trail  *trail.Trail
	// Sender returns who sends r. It has been let in already.
	Sender func(r *http.Request) Sender
	// Fail answers r with an error.
	Fail func(w http.ResponseWriter, r *http.Request, status int, err error)
	// Bodies reads the bodies; nil: one of its own.
	Bodies *body.Reader
	// Took, if set, is called with the answer for each delivery.
	Took func(bytes int, a *intake.Answer)
}

// A Handler serves POST /v1/events.
type Handler struct {
	cfg     Config
	answers sync.Pool // of *answer
}

// answer is memory for one answer.
type answer struct {
	intake.Answer
	json []byte
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Bodies == nil {
		c.Bodies = body.New(0)
	}
	h := &Handler{cfg: c}
	h.answers.New = func() any { return &answer{} }
	return h
}

// options are what the query says.
type options struct {
	source, name             string
	atomic, proof, noReceipt bool
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o, err := parseOptions(r.URL.RawQuery)
	if err != nil {
		h.cfg.Fail(w, r, http.StatusBadRequest, err)
		return
	}
	b, err := h.cfg.Bodies.Read(w, r)
	defer h.cfg.Bodies.Release(b)
	if err != nil {
		w.Header().Set("Connection", "close") // the rest of the body is not waited for
		h.fail(w, r, err)
		return
	}
	a := h.answers.Get().(*answer)
	defer h.keep(a)
	if err := h.take(r, b.Bytes, o, a); err != nil {
		h.fail(w, r, err)
		return
	}
	code := http.StatusOK
	if len(a.Refused) > 0 {
		code = http.StatusUnprocessableEntity
	}
	header := w.Header()
	header["Content-Type"] = contentType
	header["Content-Length"] = []string{strconv.Itoa(len(a.json))}
	w.WriteHeader(code)
	w.Write(a.json)
}

var contentType = []string{"application/json"}

// keep keeps the memory of an answer for the next one.
func (h *Handler) keep(a *answer) {
	clear(a.Receipts)
	clear(a.Refused)
	if cap(a.json) <= 2<<20 && cap(a.Receipts) <= 1<<14 && cap(a.Refused) <= 1<<10 {
		h.answers.Put(a)
	}
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	code := body.Status(err)
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", body.RetryAfter)
	}
	h.cfg.Fail(w, r, code, err)
}

// take stores the events of a body and writes the answer's JSON. The answer
// shares memory with body, so it is written before body is let go.
func (h *Handler) take(r *http.Request, body []byte, o options, a *answer) error {
	s := h.cfg.Sender(r)
	d := intake.Delivery{
		Body: body, Form: formOf(r), Source: o.source, Name: o.name, Atomic: o.atomic,
		MayAppend: s.MayAppend, Actor: s.Actor,
	}
	if err := h.cfg.Intake.Take(r.Context(), &d, &a.Answer); err != nil {
		return err
	}
	if h.cfg.Took != nil {
		h.cfg.Took(len(body), &a.Answer)
	}
	var ev *evidence
	if o.proof && len(a.Receipts) > 0 {
		var err error
		if ev, err = h.await(r, &a.Answer); err != nil {
			return err
		}
	}
	var err error
	a.json, err = appendAnswer(a.json[:0], &a.Answer, !o.noReceipt, ev)
	return err
}

// await waits until a checkpoint covers all receipts. The events are stored by
// then: a sender that does not get its proofs may ask again and finds duplicates.
func (h *Handler) await(r *http.Request, a *intake.Answer) (*evidence, error) {
	if len(a.Receipts) > MaxProofs {
		return nil, &body.Failure{Status: http.StatusRequestEntityTooLarge, What: fmt.Sprintf("proof: the %d events are stored, but proofs are given for at most %d at once; send them again in parts to get them", len(a.Receipts), MaxProofs)}
	}
	size := uint64(0)
	for i := range a.Receipts {
		size = max(size, a.Receipts[i].Seq+1)
	}
	note, c, err := h.cfg.Trail.WaitCheckpoint(r.Context(), size)
	if err != nil {
		return nil, err
	}
	return &evidence{trail: h.cfg.Trail, note: note, checkpoint: c}, nil
}

// formOf reads the form of the body off its Content-Type; where that says
// nothing, the body itself decides.
func formOf(r *http.Request) intake.Form {
	t := r.Header.Get("Content-Type")
	if t == "" || t == "application/json" {
		return intake.Auto
	}
	media, _, err := mime.ParseMediaType(t)
	if err != nil {
		return intake.Auto
	}
	switch media {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines":
		return intake.Lines
	}
	return intake.Auto
}

// parseOptions reads the query strictly: an option that is misspelt would be
// one that is silently not obeyed.
func parseOptions(query string) (o options, err error) {
	if query == "" {
		return o, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return o, fmt.Errorf("query: %w", err)
	}
	for name, all := range values {
		value := all[0]
		if len(all) > 1 {
			return o, fmt.Errorf("%s: given %d times", clip(name), len(all))
		}
		var b bool
		switch name {
		case "source":
			o.source = value
			if err := event.ValidSource(value); err != nil {
				return o, err
			}
			continue
		case "delivery":
			if value == "" || len(value) > MaxNameBytes {
				return o, fmt.Errorf("delivery: found %d bytes, expected 1 to %d", len(value), MaxNameBytes)
			}
			o.name = value
			continue
		case "atomic", "proof", "receipts":
			if b, err = strconv.ParseBool(strings.ToLower(value)); err != nil {
				return o, fmt.Errorf("%s: found %q, expected true or false", name, clip(value))
			}
		default:
			return o, fmt.Errorf("%s: unknown option; expected source, delivery, atomic, proof or receipts", clip(name))
		}
		switch name {
		case "atomic":
			o.atomic = b
		case "proof":
			o.proof = b
		case "receipts":
			o.noReceipt = !b
		}
	}
	return o, nil
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
