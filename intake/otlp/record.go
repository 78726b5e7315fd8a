package otlp

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/several"
	"example.com/evident/source"
)

// scopeLogs is what is true of several log records.
type scopeLogs struct {
	resource, scope        []byte // JSON objects
	resourceSchema, schema []byte // URLs
}

// A walk calls each with every log record of a request, as OTLP/JSON.
type walk func(request []byte, each func(at *scopeLogs, record []byte) error) error

// maxRawBytes bounds what the raws of a request may hold together: each has a
// copy of its resource, so that a small request can ask for much.
const maxRawBytes = 4 * body.MaxBytes

var (
	errTooMany  = &intake.TooLarge{What: fmt.Sprintf("holds more than %d log records; send them in several requests", intake.MaxEvents)}
	errTooLarge = &intake.TooLarge{What: fmt.Sprintf("makes more than %d bytes of raw events, since each holds its resource; send smaller resources, or less at once", maxRawBytes)}
)

// check reads all of a request, without storing anything.
func check(request []byte, w walk) error {
	records, size := 0, 0
	return w(request, func(at *scopeLogs, record []byte) error {
		records++
		size += len(at.resource) + len(at.scope) + len(at.schema) + len(record)
		switch {
		case records > intake.MaxEvents:
			return errTooMany
		case size > maxRawBytes:
			return errTooLarge
		}
		return nil
	})
}

// A taker finds source and raw of log records.
type taker struct {
	in       *intake.Intake
	fallback string // source, where the resource names none
	memory   []byte // for raws
	resource []byte // the last one
	source   string // of resource
	service  string // of resource
}

// add adds the record to s.
func (t *taker) add(s *several.Request, at *scopeLogs, record []byte) {
	if t.source == "" || !bytes.Equal(at.resource, t.resource) {
		t.name(at.resource)
	}
	if e := eventOf(record); e != nil {
		name := t.source
		if t.in.Maps(name) {
			name = several.App(t.service)
		}
		s.Add(name, t.keep(e), "")
		return
	}
	if !several.IsLog(t.source) {
		s.Add(t.source, t.keep(content(record)), "")
		return
	}
	s.Add(t.source, t.envelope(at, record), "")
}

// name finds the source of resource.
func (t *taker) name(resource []byte) {
	t.resource = append(t.resource[:0], resource...)
	attributes := source.Member(resource, "attributes")
	t.service = source.MemberText(attribute(attributes, "service.name"), "stringValue")
	if t.service == "" {
		t.service = "otlp"
	}
	named := source.MemberText(attribute(attributes, "evident.source"), "stringValue")
	t.source = several.Source(t.in, named, t.fallback, t.service)
}

// attribute returns the value of the attribute key, or nil.
func attribute(attributes []byte, key string) []byte {
	for a := range source.Elements(attributes) {
		if source.MemberText(a, "key") == key {
			return source.Member(a, "value")
		}
	}
	return nil
}

// envelope is the raw of a record that is mapped as a log.
func (t *taker) envelope(at *scopeLogs, record []byte) []byte {
	b := t.room(len(at.resource) + len(at.scope) + 2*len(at.schema) + len(record) + 64)
	b = append(append(b, `{"resource":`...), at.resource...)
	b = append(append(b, `,"scope":`...), at.scope...)
	if len(at.schema) > 0 {
		b, _ = jsontext.AppendQuote(append(b, `,"schemaUrl":`...), at.schema)
	}
	b = append(append(b, `,"logRecord":`...), record...)
	return t.took(append(b, '}'))
}

// keep returns a copy of raw that stays until the request is flushed.
func (t *taker) keep(raw []byte) []byte {
	return t.took(append(t.room(len(raw)), raw...))
}

// room returns an empty slice with room for n bytes; what was handed out before
// keeps its place.
func (t *taker) room(n int) []byte {
	if cap(t.memory)-len(t.memory) < n {
		t.memory = make([]byte, 0, max(512<<10, n))
	}
	return t.memory[len(t.memory):len(t.memory):cap(t.memory)]
}

func (t *taker) took(b []byte) []byte {
	if n := len(t.memory) + len(b); n <= cap(t.memory) {
		t.memory = t.memory[:n]
	}
	return b
}

// eventOf returns the event in the schema that record carries: in the attribute
// evident.event, or as its body. It is nil if there is none.
func eventOf(record []byte) []byte {
	if bytes.Contains(record, []byte("evident.event")) {
		if v := attribute(source.Member(record, "attributes"), "evident.event"); v != nil {
			return bytes.TrimSpace(plain(v))
		}
	}
	if !bytes.Contains(record, []byte("occurred_at")) {
		return nil
	}
	e := bytes.TrimSpace(plain(source.Member(record, "body")))
	if source.Valid(e) != nil {
		return nil
	}
	for _, name := range [...]string{"occurred_at", "actor", "action", "category", "outcome"} {
		if source.Member(e, name) == nil {
			return nil
		}
	}
	return e
}

// content is the raw of a record whose source has a format of its own.
func content(record []byte) []byte { return plain(source.Member(record, "body")) }

// plain returns what an AnyValue holds: the bytes of a text, anything else as
// JSON. What is too deep for that stays as it is.
func plain(value []byte) []byte {
	if text := source.Member(value, "stringValue"); text != nil {
		b, _ := jsontext.AppendUnquote(nil, text)
		return b
	}
	b, ok := appendPlain(nil, value, maxDepth)
	if !ok {
		return value
	}
	return b
}

func appendPlain(b, value []byte, depth int) (_ []byte, ok bool) {
	if depth == 0 {
		return b, false
	}
	for name, v := range source.Members(value) {
		switch name {
		case "stringValue", "boolValue", "doubleValue", "bytesValue":
			return append(b, v...), true
		case "intValue":
			if n, err := strconv.ParseInt(source.Text(v), 10, 64); err == nil {
				return strconv.AppendInt(b, n, 10), true
			}
			return append(b, v...), true
		case "arrayValue":
			return appendPlainList(b, source.Member(v, "values"), '[', depth-1)
		case "kvlistValue":
			return appendPlainList(b, source.Member(v, "values"), '{', depth-1)
		}
	}
	return append(b, "null"...), true
}

// appendPlainList appends values as an array, or an object if bracket says so.
func appendPlainList(b, values []byte, bracket byte, depth int) (_ []byte, ok bool) {
	b = append(b, bracket)
	first := true
	for v := range source.Elements(values) {
		if !first {
			b = append(b, ',')
		}
		first = false
		if bracket == '{' {
			b, _ = jsontext.AppendQuote(b, source.MemberText(v, "key"))
			b = append(b, ':')
			v = source.Member(v, "value")
		}
		if b, ok = appendPlain(b, v, depth); !ok {
			return b, false
		}
	}
	return append(b, bracket+2), true // ] and } stand two behind [ and {
}

// validSource reports why name cannot be the source that a client asks for.
func validSource(name string) error {
	if name == "" {
		return nil
	}
	return event.ValidSource(name)
}
