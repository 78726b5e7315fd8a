// Package source defines what brings one kind of system into the trail. Each
// subfolder is one kind; package all lists them; sourcetest is the suite that
// every kind passes. docs/sources/ is made from them.
//
// A kind knows its own format and nothing else: not how the bytes arrived or how
// they were compressed (package intake), not where they go (package trail).
package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"time"

	"example.com/evident/event"
)

// A Kind is one kind of system, such as "okta". It holds no state, and its
// functions may be called concurrently.
type Kind struct {
	// Name is the part of a source's name before the slash: okta in okta/acme.
	Name string

	// Title is what people call it, and Ways how its events come in, both for
	// lists and documentation: "Okta System Log", "API, event hook, files".
	Title, Ways string

	// Verbatim says that raws are events in the schema already. Their bytes are
	// stored as they are, not those of [event.Event.AppendJSON], and what Map
	// refuses is refused with its *event.Refusal instead of being kept as
	// unmapped.
	Verbatim bool

	// Split cuts one delivery (a file, a request body, a page) into raw events,
	// without changing a byte of them. Transport envelopes may be taken off. A
	// raw belongs to whoever received it. After an error Split yields nothing
	// more; what it yielded before is kept.
	Split func(delivery io.Reader) iter.Seq2[[]byte, error]

	// Map returns the event that raw describes, without its Source and with Raw
	// being raw. Its ID is empty if raw brings none. An error means that raw is
	// not an event of this kind: the caller then records it as [Unmapped], with
	// the error as the reason. Map never drops and never guesses.
	//
	// now is when raw arrived, in the zone of the sender: it completes a time
	// that lacks its year or its zone, and is good for nothing else.
	Map func(raw []byte, now time.Time) (event.Event, error)

	// Pull fetches from the system's own API. It is nil for kinds that are only
	// sent to us or read from files.
	Pull *Pull

	// Change says what raws show the state of; nil for kinds whose raws are of
	// what happened.
	Change *Change

	// Actions is the mapping table, for docs/sources and for coverage.
	Actions map[string]Action
}

// An Action is what the name that a system gives to something means here.
type Action struct {
	Action   string
	Category event.Category
}

// Event returns the event that raw describes, as an event of the source called
// name, and whether it could be mapped. If not, or if what Map made of it cannot
// be made acceptable by cutting what is too long and leaving out what is no
// address and no time of this age, it is [Unmapped]. An event that brings no id gets that of id, which
// may be nil if all bring one. It is not for Verbatim kinds.
func (k *Kind) Event(name string, id func() string, raw []byte, now time.Time) (e event.Event, mapped bool) {
	e, err := k.guarded(raw, now)
	if err == nil {
		e.Source = name
		if e.ID == "" && id != nil {
			e.ID = id()
		}
		if len(e.Raw) == 0 {
			e.Raw = raw
		}
		if err = e.Validate(); err != nil {
			fit(&e, now)
			err = e.Validate()
		}
	}
	if err != nil {
		return Unmapped(name, raw, err.Error(), now), false
	}
	return e, true
}

// guarded is Map for input that nobody has seen before: a panic there is an
// event that could not be mapped, not the end of the server.
func (k *Kind) guarded(raw []byte, now time.Time) (e event.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("map: panic: %v", r)
		}
	}()
	return k.Map(raw, now)
}

// ActionUnmapped is the action of an event that [Unmapped] made.
const ActionUnmapped = "unmapped"

// Unmapped returns the event that keeps a raw which no mapping understood: its
// bytes, and why. now stands for the time that nobody could read from it.
//
// The id is that of the bytes, so that the same raw delivered again is the same
// event, although it was seen at another time.
func Unmapped(name string, raw []byte, reason string, now time.Time) event.Event {
	sum := sha256.Sum256(raw)
	return event.Event{
		ID:            ActionUnmapped + "/" + hex.EncodeToString(sum[:]),
		Source:        name,
		OccurredAt:    now.UTC(),
		Actor:         event.Actor{Type: event.ActorSystem, ID: "unknown"},
		Action:        ActionUnmapped,
		Category:      event.System,
		Outcome:       event.Unknown,
		OutcomeReason: clip(reason),
		Raw:           raw,
	}
}
