package state

import (
	"time"

	"example.com/evident/event"
)

// Acts of connectors, which fetch what sources have. They change no State but
// for cursor.move: they are there to be found.
const (
	// ActionSourceLate: events came that are older than what had been read.
	ActionSourceLate = "source.late"
	// ActionSourceFail and ActionSourceRecover: a source could not be read for
	// a while, and can be again.
	ActionSourceFail    = "source.fail"
	ActionSourceRecover = "source.recover"
	// ActionSourceSkip: something could not be read as what it should be. What
	// came was kept as unmapped, and reading went on behind it.
	ActionSourceSkip = "source.skip"
)

// SourceNoted is the detail of the acts source.*.
type SourceNoted struct {
	Source string `json:"source"`
	Stream string `json:"stream,omitempty"`
	Cursor string `json:"cursor,omitempty"` // where it was
	// Events is how many came late, the first and the last of which happened
	// at Oldest and Newest.
	Events int        `json:"events,omitempty"`
	Oldest *time.Time `json:"oldest,omitempty"`
	Newest *time.Time `json:"newest,omitempty"`
	// Object is what was skipped, if it has a name.
	Object string `json:"object,omitempty"`
	// Since is when the failure began, Tries how often it was tried.
	Since *time.Time `json:"since,omitempty"`
	Tries int        `json:"tries,omitempty"`
}

// Add counts an event that happened at that time.
func (n *SourceNoted) Add(at time.Time) {
	n.Events++
	if n.Oldest == nil || at.Before(*n.Oldest) {
		n.Oldest = &at
	}
	if n.Newest == nil || at.After(*n.Newest) {
		n.Newest = &at
	}
}

// NewCursorMove returns the act of moving a cursor, by the connector called by.
func NewCursorMove(by, source, stream, cursor string) Act {
	return Act{
		Action: ActionCursorMove, Category: event.System, Actor: event.Actor{Type: event.ActorSystem, ID: by},
		Target: event.Target{Type: "source", ID: source},
		Detail: CursorMoved{Source: source, Stream: stream, Cursor: cursor},
	}
}

// NewSourceNote returns one of the acts source.*, by the connector called by.
// reason is for source.fail and source.skip, whose outcome is failure.
func NewSourceNote(by, action, reason string, n SourceNoted) Act {
	a := Act{
		Action: action, Category: event.System, Actor: event.Actor{Type: event.ActorSystem, ID: by},
		Target: event.Target{Type: "source", ID: n.Source}, Reason: reason, Detail: n,
	}
	if action == ActionSourceFail || action == ActionSourceSkip {
		a.Outcome = event.Failure
	}
	return a
}
