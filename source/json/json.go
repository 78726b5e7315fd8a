// Package json takes events that are in the schema evident.event/1 already, from
// programs that speak to Evident themselves. They may name any source, app/billing
// for example; each is stored byte for byte as it came.
//
// A delivery is one event, an array of events, or one event a line. What the
// schema does not allow is refused, with the field, what was found there and what
// is wanted; event/event.schema.json says the same as a JSON Schema. Free-form
// members belong in detail.
//
// An id makes sending twice harmless: the same id again is a duplicate and stored
// once. An event without an id is given one, and is another event each time.
package json

import (
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind takes events in the schema.
var Kind = source.Kind{
	Name:     "json",
	Title:    "Events in the schema",
	Ways:     "HTTP, OTLP, HEC, _bulk, files, pipe",
	Verbatim: true,
	Split:    source.JSON(),
	Map:      func(raw []byte, _ time.Time) (event.Event, error) { return event.Parse(raw) },
}
