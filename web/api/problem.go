package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"example.com/evident/filter"
	"example.com/evident/index"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// A Problem is an answer that says what went wrong: RFC 9457.
type Problem struct {
	Type   string `json:"type"` // about:blank: the status says what kind it is
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is a sentence: the field, what was found, what was expected.
	Detail string `json:"detail"`
	// Offset is the byte of the filter that an error is about.
	Offset *int `json:"offset,omitempty"`
	// Failure is set when a record did not verify. It is evidence.
	Failure *Failure `json:"failure,omitempty"`
	// RequestID is what the server's log calls this request.
	RequestID string `json:"request_id,omitempty"`
}

// A Failure says which record or file did not verify, and how.
type Failure struct {
	File  string  `json:"file,omitempty"`
	Seq   *uint64 `json:"seq,omitempty"`
	Field string  `json:"field,omitempty"`
	What  string  `json:"what"`
}

func (p *Problem) Error() string { return p.Detail }

// refuse returns the problem of a request that asks for what cannot be.
func refuse(status int, detail string) *Problem { return &Problem{Status: status, Detail: detail} }

// problemOf says how err is answered. Nothing of how the server works inside is
// in a detail, but what did not verify is always named.
func problemOf(err error) *Problem {
	var p *Problem
	var syntax *filter.SyntaxError
	var failure *proof.Failure
	var damage *trail.Damage
	var unfinished *index.Unfinished
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &syntax):
		return &Problem{Status: http.StatusBadRequest, Detail: "filter: " + syntax.Error(), Offset: &syntax.Offset}
	case errors.As(err, &failure):
		return &Problem{
			Status: http.StatusInternalServerError, Detail: "the trail does not verify: " + failure.Error(),
			Failure: failureOf(failure),
		}
	case errors.As(err, &damage):
		return &Problem{
			Status: http.StatusInternalServerError, Detail: "the trail does not verify: " + damage.Error(),
			Failure: damageOf(damage),
		}
	case errors.Is(err, index.ErrCursor):
		return refuse(http.StatusBadRequest, "cursor: is not the next of a page with this filter")
	case errors.As(err, &unfinished):
		return refuse(http.StatusGatewayTimeout, unfinished.Error())
	case errors.Is(err, trail.ErrUnavailable), errors.Is(err, trail.ErrFailed), errors.Is(err, trail.ErrClosed):
		return refuse(http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusGatewayTimeout, "the answer took too long; narrow the filter or the time")
	case errors.Is(err, context.Canceled):
		return refuse(499, "the request was given up")
	}
	return &Problem{Status: http.StatusInternalServerError, Detail: "the server could not answer; its log says why under this request_id"}
}

// fail answers r with err. Errors that are the server's own are logged: the
// caller cannot do anything about them.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := *problemOf(err)
	p.Type = "about:blank"
	p.RequestID = w.Header().Get(headerRequestID)
	if p.Title = http.StatusText(p.Status); p.Title == "" {
		p.Title = "Client Closed Request"
	}
	if p.Status >= 500 {
		a.log.ErrorContext(r.Context(), "request failed", "request_id", p.RequestID, "route", r.Pattern, "status", p.Status, "error", err.Error())
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic("bug: a problem cannot be encoded: " + err.Error())
	}
	if p.Status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	w.Write(append(b, '\n'))
}

func failureOf(f *proof.Failure) *Failure {
	out := &Failure{File: f.File, Field: f.Field, What: f.What}
	if f.Seq >= 0 {
		seq := uint64(f.Seq)
		out.Seq = &seq
	}
	return out
}

func damageOf(d *trail.Damage) *Failure {
	out := &Failure{File: d.File, What: d.What}
	if d.HasSeq {
		out.Seq = &d.Seq
	}
	return out
}
