package source

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"example.com/evident/event"
)

// fit makes of what Map returned an event that is acceptable, where a value of it
// is none: what is too long is cut, an address that is none is kept as the name
// that it may be, a time out of bounds gives way to that of arrival, which detail
// then says. One odd value is no reason to keep all of an event unread; raw has
// it as it came.
func fit(e *event.Event, now time.Time) {
	for _, s := range []*string{
		&e.Actor.ID, &e.Actor.Name, &e.Actor.Email, &e.Actor.Role, &e.Actor.Session, &e.NativeAction, &e.OutcomeCode, &e.OutcomeReason,
		&e.Where.IP, &e.Where.UserAgent, &e.Where.Host, &e.Where.Region, &e.Where.Account, &e.RequestID, &e.TraceID,
		&e.Why.Ticket, &e.Why.Approval, &e.Why.Change, &e.Why.Session, &e.Why.Incident, &e.Why.Policy, &e.Why.Reason,
	} {
		*s = clip(*s)
	}
	kept := e.Targets[:0:0]
	for _, t := range e.Targets {
		if t != (event.Target{}) {
			kept = append(kept, event.Target{Type: clip(t.Type), ID: clip(t.ID), Name: clip(t.Name)})
		}
	}
	e.Targets = kept
	if len(e.ID) > event.MaxIDBytes {
		sum := sha256.Sum256([]byte(e.ID))
		e.ID = "sha256-" + hex.EncodeToString(sum[:])
	}
	e.ID = clip(e.ID)
	if e.Actor.Email != "" && !event.ValidEmail(e.Actor.Email) {
		if e.Actor.Name == "" {
			e.Actor.Name = e.Actor.Email
		}
		e.Actor.Email = ""
	}
	if e.Actor.ID == "" && e.Actor.Type != event.Anonymous {
		e.Actor.ID = cmp.Or(e.Actor.Email, e.Actor.Name, "unknown")
	}
	if e.Where.IP != "" && !event.ValidIP(e.Where.IP) {
		if e.Where.Host == "" {
			e.Where.Host = e.Where.IP
		}
		e.Where.IP = ""
	}
	if y := e.OccurredAt.UTC().Year(); y < 1970 || y > 2261 {
		e.OccurredAt = now.UTC()
		e.Detail = arrived(e.Detail)
	}
}

// arrived adds to detail that the time is that of arrival.
func arrived(detail []byte) []byte {
	const member = `{"time_of":"arrival"`
	rest := bytes.TrimLeft(bytes.TrimLeft(detail, " \t\r\n"), "{")
	switch rest = bytes.TrimLeft(rest, " \t\r\n"); {
	case bytes.Contains(detail, []byte(`"time_of"`)):
		return detail
	case len(rest) == 0 || rest[0] == '}':
		return []byte(member + "}")
	default:
		return append([]byte(member+","), rest...)
	}
}
