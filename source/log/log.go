// Package log reads what log shippers send: JSON objects and lines of text.
package log

import (
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is what log shippers send.
var Kind = source.Kind{
	Name:  "log",
	Title: "Logs of any program",
	Ways:  "HTTP, HEC, OTLP, _bulk, syslog, files, pipe",
	Split: source.Mixed,
	Map:   mapEvent,
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	return event.Event{
		OccurredAt: now.UTC(),
		Actor:      event.Actor{Type: event.ActorSystem, ID: "unknown"},
		Action:     "log.line",
		Category:   event.System,
		Outcome:    event.Unknown,
		Raw:        raw,
	}, nil
}
