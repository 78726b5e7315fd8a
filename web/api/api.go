// Package api is the HTTP API: what senders, the command line, the pages and
// programs use. docs/api.md introduces it, openapi.yaml beside this file
// specifies it, and a test holds both against what the handlers answer.
//
// Every handler is one file. Each record in an answer was verified on its way
// out of the trail; one that does not verify is answered with what is wrong,
// and never with the record.
package api

import (
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/evident/event"
	"example.com/evident/index"
	"example.com/evident/intake"
	"example.com/evident/intake/acts"
	intakehttp "example.com/evident/intake/http"
	"example.com/evident/redact"
	"example.com/evident/trail"
)

// Config is what an API works with. Trail, Index, Book and Intake are required.
type Config struct {
	Trail  *trail.Trail
	Index  *index.Index
	Book   *acts.Book
	Intake *intake.Intake
	// Open lets everybody in who can reach the server, until a key is made. It
	// is for loopback alone.
	Open bool
	// Owner is the actor of what is done without a key.
	Owner event.Actor
	// Connectors, if set, says how those do that fetch or listen.
	Connectors func() []ConnectorStatus
	// Redacted, if set, says how many values were masked, by source and rule.
	Redacted func() []redact.Count
	Version  string
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
}

// An API answers requests.
type API struct {
	trail      *trail.Trail
	index      *index.Index
	book       *acts.Book
	open       bool
	owner      *Caller
	version    string
	log        *slog.Logger
	now        func() time.Time
	connectors func() []ConnectorStatus
	redacted   func() []redact.Count
	ids        *requestIDs
	origin     *http.CrossOriginProtection
	metrics    *metrics
	people     people
	events     *intakehttp.Handler
	stopping   atomic.Bool
}

// New returns an API. It needs no closing.
func New(c Config) (*API, error) {
	if c.Trail == nil || c.Index == nil || c.Book == nil || c.Intake == nil {
		return nil, errors.New("make api: trail, index, book and intake are required")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Owner.Type == "" {
		c.Owner = event.Actor{Type: event.User, ID: "local"}
	}
	a := &API{
		trail: c.Trail, index: c.Index, book: c.Book, open: c.Open, owner: &Caller{Scope: everything, Actor: c.Owner},
		version: c.Version, log: c.Log, now: c.Now, connectors: c.Connectors, redacted: c.Redacted, ids: newRequestIDs(), origin: http.NewCrossOriginProtection(),
	}
	a.metrics = newMetrics(a)
	a.events = intakehttp.New(intakehttp.Config{
		Intake: c.Intake, Trail: c.Trail, Took: a.metrics.took,
		Sender: func(r *http.Request) intakehttp.Sender {
			c := callerOf(r.Context())
			return intakehttp.Sender{MayAppend: c.Scope.MayAppend, Actor: c.Actor}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, status int, err error) {
			if status < 500 {
				err = refuse(status, err.Error())
			}
			a.fail(w, r, err)
		},
	})
	return a, nil
}

// Stop makes /readyz say that the server is about to stop.
func (a *API) Stop() { a.stopping.Store(true) }
