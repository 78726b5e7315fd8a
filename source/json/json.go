// Package json takes events that are in the schema evident.event/1 already, from
// programs that speak to Evident themselves. They may name any source; each is
// stored byte for byte as it came. docs/sources/json.md describes it.
package json

import (
	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind takes events in the schema.
var Kind = source.Kind{
	Name:     "json",
	Verbatim: true,
	Split:    source.JSON(),
	Map:      event.Parse,
}
