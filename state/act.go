package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"example.com/evident/event"
)

// An Act is something that a person, a key or the system itself does in
// Evident. It becomes an event of source evident, and so a record like any other.
type Act struct {
	// ID makes an act that is reported twice one record. Empty: a new ULID.
	ID       string
	Action   string         // noun.verb, such as key.create
	Category event.Category // account for keys, system for what runs by itself
	Actor    event.Actor
	Target   event.Target // zero: none
	// Outcome of the act; the zero value is success.
	Outcome event.Outcome
	Reason  string // of the outcome
	Where   event.Where
	Detail  any    // marshals to a JSON object; nil: none
	Raw     []byte // bytes that the act is about, kept as they came
}

// Event returns a as an event that happened at that time.
func (a Act) Event(at time.Time) (event.Event, error) {
	e := event.Event{
		ID: a.ID, Source: Source, OccurredAt: at.UTC(), Actor: a.Actor, Action: a.Action, Category: a.Category,
		Outcome: a.Outcome, OutcomeReason: a.Reason, Where: a.Where, Raw: a.Raw,
	}
	if e.ID == "" {
		e.ID = event.NewID(at)
	}
	if e.Outcome == "" {
		e.Outcome = event.Success
	}
	if a.Target != (event.Target{}) {
		e.Targets = []event.Target{a.Target}
	}
	if a.Detail != nil {
		d, err := json.Marshal(a.Detail)
		if err != nil {
			return e, fmt.Errorf("encode detail of %s: %w", a.Action, err)
		}
		e.Detail = d
	}
	if err := e.Validate(); err != nil {
		return e, fmt.Errorf("%s: %w", a.Action, err)
	}
	return e, nil
}

// unmarshal reads an act's detail strictly: a member that this version does
// not know could change what the act means.
func unmarshal(detail []byte, into any) error {
	if len(detail) == 0 {
		return fmt.Errorf("detail: required, found nothing")
	}
	d := json.NewDecoder(bytes.NewReader(detail))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("detail: %w", err)
	}
	return nil
}
