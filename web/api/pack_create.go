package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"example.com/evident/event"
	"example.com/evident/filter"
	"example.com/evident/index"
	"example.com/evident/pack"
	"example.com/evident/state"
)

// ActionPackCreate is the act of having a pack made. What leaves the trail, and
// for whom, is in the trail.
const ActionPackCreate = "pack.create"

// PackRequest is the body of POST /v1/packs.
type PackRequest struct {
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	By       string    `json:"by,omitempty"`
	Filter   string    `json:"filter,omitempty"`
	Withhold []string  `json:"withhold,omitempty"`
	Prove    bool      `json:"prove,omitempty"`

	AllHeaders bool `json:"all_headers,omitempty"`
}

// packCreate serves POST /v1/packs.
func (a *API) packCreate(w http.ResponseWriter, r *http.Request) error {
	var q PackRequest
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if q.From.IsZero() || q.Until.IsZero() {
		return refuse(http.StatusBadRequest, "from, until: required, found none; expected times such as 2026-01-01T00:00:00Z")
	}
	s := &sink{w: w, name: packName(q)}
	err := a.Pack(r.Context(), q, s)
	if err != nil && s.begun {
		a.log.ErrorContext(r.Context(), "pack cut off", "request_id", w.Header().Get(headerRequestID), "error", err.Error())
		panic(http.ErrAbortHandler) // so that nobody takes half of it for the whole
	}
	return err
}

// sink sends a pack's headers with its first byte, so that what goes wrong
// before it can still be said.
type sink struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (s *sink) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "application/zip")
		s.w.Header().Set("Content-Disposition", `attachment; filename="`+s.name+`"`)
	}
	return s.w.Write(b)
}

// Pack makes a pack for the caller in ctx, which must be one that may read, and
// writes it to w. That it leaves is recorded before its first byte does.
func (a *API) Pack(ctx context.Context, q PackRequest, w io.Writer) error {
	f, err := filter.Parse(q.Filter)
	if err == nil {
		f, err = a.Expand(ctx, f)
	}
	if err != nil {
		return err
	}
	o := pack.Options{
		Filter: f, From: q.From.UTC(), Until: q.Until.UTC(), By: q.By, Withhold: q.Withhold, Prove: q.Prove, AllHeaders: q.AllHeaders,
		MadeBy: "evident " + a.version, Now: a.now().UTC(), Sign: a.trail.SignText,
		Candidates: func(ctx context.Context, size uint64) ([]uint64, error) {
			var seqs []uint64
			ask := index.Query{Expr: f.Expr(), Size: size}
			for seq, err := range a.index.Seqs(ctx, ask, q.By, q.From.UTC(), q.Until.UTC()) {
				if err != nil {
					return nil, err
				}
				seqs = append(seqs, seq)
			}
			return seqs, nil
		},
	}
	act := state.Act{Action: ActionPackCreate, Category: event.Data, Target: event.Target{Type: "pack", Name: packName(q)}, Detail: q}
	_, err = pack.Build(ctx, a.trail, o, &announced{w: w, announce: func() error { return a.act(ctx, act) }}, nil)
	var refusal *pack.Refusal
	if errors.As(err, &refusal) {
		return refuse(http.StatusUnprocessableEntity, refusal.What)
	}
	return err
}

// announced calls announce before the first byte, which goes out only if that
// succeeds.
type announced struct {
	w        io.Writer
	announce func() error
	done     bool
}

func (a *announced) Write(b []byte) (int, error) {
	if !a.done {
		if err := a.announce(); err != nil {
			return 0, err
		}
		a.done = true
	}
	return a.w.Write(b)
}

func packName(q PackRequest) string {
	return fmt.Sprintf("evident-%s-%s.zip", q.From.UTC().Format("20060102"), q.Until.UTC().Format("20060102"))
}
