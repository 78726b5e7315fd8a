package hec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/evident/intake"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/several"
	"example.com/evident/source"
)

// takeEvents stores a body of event objects.
func (h *Handler) takeEvents(ctx context.Context, from sender.Sender, q query, b []byte) (several.Taken, reply, error) {
	s := several.New(h.cfg.Intake, from, "hec", b)
	wrong := h.addEvents(s, q, b)
	if err := s.Flush(ctx); err != nil {
		return s.Taken, reply{}, err
	}
	n := s.FirstRefused()
	switch {
	case n >= 0 && s.Results[n].State == several.Forbidden:
		return s.Taken, incorrectIndex.because(s.Results[n].Reason).at(n), nil
	case n >= 0:
		return s.Taken, invalidFormat.because(s.Results[n].Reason).at(n), nil
	case wrong != nil:
		return s.Taken, *wrong, nil
	case len(s.Results) == 0:
		return s.Taken, noData, nil
	}
	return s.Taken, success, nil
}

// addEvents adds the events of b to s, up to the first that is wrong.
func (h *Handler) addEvents(s *several.Request, q query, b []byte) *reply {
	names := namer{in: h.cfg.Intake}
	for object, err := range objects(b) {
		n := len(s.Results)
		var e envelope
		if err == nil && n == intake.MaxEvents {
			err = fmt.Errorf("more than %d events; send them in several requests", intake.MaxEvents)
		}
		if err == nil {
			e, err = open(object, q)
		}
		var wrong reply
		switch {
		case errors.As(err, &wrong):
			wrong = wrong.at(n)
			return &wrong
		case err != nil:
			wrong = invalidFormat.because(err.Error()).at(n)
			return &wrong
		}
		name := names.of(&e)
		if several.IsLog(name) {
			s.Add(name, object, "")
		} else {
			s.Add(name, e.content(), "")
		}
	}
	return nil
}

// objects yields the event objects of b, valid JSON each and byte for byte: one
// after the other, or as elements of arrays. After an error it yields nothing.
func objects(b []byte) func(yield func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		d := jsontext.NewDecoder(bytes.NewBuffer(b), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
		for {
			kind := d.PeekKind()
			if kind == '[' || kind == ']' {
				if _, err := d.ReadToken(); err != nil {
					yield(nil, err)
					return
				}
				continue
			}
			v, err := d.ReadValue()
			switch {
			case err == io.EOF:
				return
			case err == nil && kind != '{':
				err = fmt.Errorf("found %.20q, expected an object", v)
			case err == nil && d.StackDepth() > 1:
				err = errors.New("an array in an array")
			}
			if err != nil {
				yield(nil, err)
				return
			}
			// The decoder may use the memory that it gave for v again, but b stays.
			at := d.InputOffset()
			if !yield(b[at-int64(len(v)):at], nil) {
				return
			}
		}
	}
}

// An envelope is an event object, opened.
type envelope struct {
	event                     []byte
	sourcetype, source, index string
}

// open reads what matters of an object. What the query says holds where the
// object says nothing.
func open(object []byte, q query) (e envelope, err error) {
	e = envelope{sourcetype: q.sourcetype, source: q.source, index: q.index}
	for name, value := range source.Members(object) {
		switch name {
		case "event":
			e.event = value
		case "sourcetype":
			e.sourcetype = source.Text(value)
		case "source":
			e.source = source.Text(value)
		case "index":
			e.index = source.Text(value)
		case "fields":
			if value[0] != '{' {
				return e, invalidFields
			}
		}
	}
	switch string(e.event) {
	case "":
		return e, eventRequired
	case `""`, "null":
		return e, eventBlank
	}
	return e, nil
}

// content is the raw of an event whose format is known.
func (e *envelope) content() []byte {
	if e.event[0] != '"' {
		return e.event
	}
	text, _ := jsontext.AppendUnquote(nil, e.event) // what is not UTF-8 becomes U+FFFD
	return text
}

// A namer finds the source of events; most follow one of the same.
type namer struct {
	in   *intake.Intake
	last envelope
	name string
}

func (n *namer) of(e *envelope) string {
	if n.name == "" || e.sourcetype != n.last.sourcetype || e.source != n.last.source || e.index != n.last.index {
		n.last, n.name = *e, several.Source(n.in, e.sourcetype, e.source, e.index)
	}
	return n.name
}

// takeRaw stores a body that is in the format of its source. Where the query
// says more of lines than the source's name holds, each becomes an event object
// that says it.
func (h *Handler) takeRaw(ctx context.Context, from sender.Sender, q query, b []byte) (several.Taken, reply, error) {
	name := several.Source(h.cfg.Intake, q.sourcetype, q.source, q.index)
	if len(bytes.TrimSpace(b)) == 0 {
		return several.Taken{}, noData, nil
	}
	if several.IsLog(name) && (q.host != "" || q.source != "" || q.at != "") {
		return h.takeLines(ctx, from, name, q, b)
	}
	var a intake.Answer
	err := h.cfg.Intake.Take(ctx, &intake.Delivery{Source: name, Body: b, MayAppend: from.MayAppend, Actor: from.Actor}, &a)
	taken := several.Taken{Accepted: a.Accepted, Duplicates: a.Duplicates, Unmapped: a.Unmapped, Refused: len(a.Refused)}
	if err == nil && len(a.Refused) > 0 {
		first := a.Refused[0]
		taken.First = first.Reason
		return taken, invalidFormat.because(first.Reason).at(first.Line - 1), nil
	}
	return taken, success, err
}

func (h *Handler) takeLines(ctx context.Context, from sender.Sender, name string, q query, b []byte) (several.Taken, reply, error) {
	s := several.New(h.cfg.Intake, from, "hec", b)
	head := q.head()
	var wrong *reply
	for line, err := range source.Lines(bytes.NewReader(b)) {
		if err == nil && len(s.Results) == intake.MaxEvents {
			err = fmt.Errorf("more than %d lines; send them in several requests", intake.MaxEvents)
		}
		if err != nil {
			r := invalidFormat.because(err.Error()).at(len(s.Results))
			wrong = &r
			break
		}
		object, _ := jsontext.AppendQuote(bytes.Clone(head), line) // what is not UTF-8 becomes U+FFFD
		if s.Add(name, append(object, '}'), ""); s.Full() {
			if err := s.Flush(ctx); err != nil {
				return s.Taken, reply{}, err
			}
		}
	}
	if err := s.Flush(ctx); err != nil {
		return s.Taken, reply{}, err
	}
	switch n := s.FirstRefused(); {
	case n >= 0 && s.Results[n].State == several.Forbidden:
		return s.Taken, incorrectIndex.because(s.Results[n].Reason).at(n), nil
	case wrong != nil:
		return s.Taken, *wrong, nil
	}
	return s.Taken, success, nil
}

// head is an event object up to the value of event.
func (q *query) head() []byte {
	b := []byte{'{'}
	if q.at != "" {
		b = append(append(append(b, `"time":"`...), q.at...), `",`...)
	}
	for _, m := range [...]struct{ name, value string }{{"host", q.host}, {"source", q.source}, {"sourcetype", q.sourcetype}, {"index", q.index}} {
		if m.value != "" {
			b = append(strconv.AppendQuote(b, m.name), ':')
			b, _ = jsontext.AppendQuote(b, m.value)
			b = append(b, ',')
		}
	}
	return append(b, `"event":`...)
}
