package intake

import (
	"encoding/json"
	"errors"
	"fmt"

	"example.com/evident/event"
	"example.com/evident/proof"
	"github.com/go-json-experiment/json/jsontext"
)

// schemaEvent reads one event that is in the schema. It is parsed once: the
// fields that are checked here are those that the trail commits to.
func (b *batch) schemaEvent(line int, raw []byte) error {
	if len(raw) > MaxEventBytes {
		b.answer.refuse(line, "", fmt.Sprintf("event: %d bytes; at most %d", len(raw), MaxEventBytes))
		return nil
	}
	raw = b.in.redact(b.delivery.Source, raw)
	start := len(b.fields)
	all, err := proof.AppendFields(b.fields, raw)
	if err != nil {
		b.answer.refuse(line, "", err.Error())
		return nil
	}
	b.fields = all
	fields := all[start:len(all):len(all)]
	body, id := raw, ""
	if !has(fields, "/id") || b.delivery.Source != "" && !has(fields, "/source") {
		body, fields, id = b.complete(line, raw, start)
	}
	e, err := event.FromFields(fields)
	if id != "" && e.ID == id {
		e.ID = id // the answer outlives the memory that the body lies in
	}
	if err == nil {
		if reason := b.delivery.refuses(e.Source); reason != "" {
			err = errors.New(reason)
		} else if len(fields) > proof.MaxFields || pointerBytes(fields) > proof.MaxPointersBytes { // with those that were added
			err = fmt.Errorf("event: more than %d fields, or %d bytes of their pointers", proof.MaxFields, proof.MaxPointersBytes)
		}
	}
	if err != nil {
		b.answer.refuse(line, idOf(fields), err.Error())
		b.fields = b.fields[:start]
		return nil
	}
	return b.add(item{line: line}, &e, body, fields)
}

// complete gives an event the id and source that it lacks, as its first
// members: what the trail then stores is what it received, but for these. The
// fields of raw, from b.fields[start] on, move behind the new ones; their
// values still lie in raw, which holds the same bytes. id is empty if the event
// brought one.
func (b *batch) complete(line int, raw []byte, start int) (body []byte, fields []proof.Field, id string) {
	old := b.fields[start:]
	var source string
	if !has(old, "/id") {
		if b.delivery.IDs != nil {
			id = b.delivery.IDs[line-1]
		} else if b.delivery.Name != "" {
			id = b.placeID(line)
		}
		if id == "" {
			id = event.NewID(b.now)
		}
	}
	if b.delivery.Source != "" && !has(old, "/source") {
		source = b.delivery.Source
	}
	body = b.room(len(raw) + 6*len(id) + len(source) + 32)
	added := make([]proof.Field, 0, 2)
	member := func(name, value string) {
		if value == "" {
			return
		}
		body = append(body, '"')
		body = append(body, name[1:]...)
		body = append(body, `":`...)
		from := len(body)
		body, _ = jsontext.AppendQuote(body, value) // an id that is not UTF-8 is refused below
		added = append(added, proof.Field{Pointer: name, Value: body[from:len(body):len(body)]})
		body = append(body, ',')
	}
	body = append(body, '{')
	member("/id", id)
	member("/source", source)
	body = append(body, raw[1:]...)
	b.took(body)
	n := len(b.fields)
	b.fields = append(b.fields, added...)
	copy(b.fields[start+len(added):], b.fields[start:n])
	copy(b.fields[start:], added)
	return body, b.fields[start:len(b.fields):len(b.fields)], id
}

// pointerBytes returns the length of all pointers. A long name stands in that of
// every field below it, so that a few bytes can make megabytes.
func pointerBytes(fields []proof.Field) (n int) {
	for i := range fields {
		n += len(fields[i].Pointer)
	}
	return n
}

func has(fields []proof.Field, pointer string) bool {
	for i := range fields {
		if fields[i].Pointer == pointer {
			return true
		}
	}
	return false
}

// idOf returns the id of an event that is refused, if it has one to be read.
func idOf(fields []proof.Field) string {
	for _, f := range fields {
		if f.Pointer == "/id" {
			var id string
			if json.Unmarshal(f.Value, &id) == nil {
				return id
			}
		}
	}
	return ""
}
