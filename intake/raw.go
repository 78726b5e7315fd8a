package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/source"
)

// splitRaw cuts a delivery of raw events and maps each. An error of the cut is
// an answer for the rest of the delivery: what came before it is kept.
func (b *batch) splitRaw(kind source.Kind) error {
	place := 0
	for raw, err := range kind.Split(bytes.NewReader(b.delivery.Body)) {
		place++
		switch {
		case err != nil:
			b.answer.refuse(place, "", "delivery: "+err.Error())
			return nil
		case place > MaxEvents:
			b.answer.refuse(place, "", errTooMany.Error())
			return nil
		case len(raw) > MaxEventBytes:
			b.answer.refuse(place, "", fmt.Sprintf("event: %d bytes; at most %d", len(raw), MaxEventBytes))
		default:
			if err := b.rawEvent(place, kind, raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// rawEvent maps one raw event. Whatever keeps the mapped event from being a
// record keeps nothing from being recorded: raw then stands as unmapped.
func (b *batch) rawEvent(place int, kind source.Kind, raw []byte) error {
	e, err := mapRaw(kind, raw)
	if err == nil {
		e.Source = b.delivery.Source
		if e.ID == "" {
			e.ID = idOfRaw(raw)
		}
		if len(e.Raw) == 0 {
			e.Raw = raw
		}
		if err = e.Validate(); err == nil {
			var body []byte
			var fields []proof.Field
			if body, fields, err = b.encode(&e); err == nil {
				return b.add(item{line: place}, &e, body, fields)
			}
		}
	}
	e = source.Unmapped(b.delivery.Source, raw, err.Error(), b.now)
	body, fields, err := b.encode(&e)
	if err != nil {
		panic(fmt.Sprintf("bug: an unmapped event is refused: %v", err))
	}
	return b.add(item{line: place, unmapped: true}, &e, body, fields)
}

// mapRaw is kind.Map for input that nobody has seen before: a panic there is
// an event that could not be mapped, not the end of the server.
func mapRaw(kind source.Kind, raw []byte) (e event.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("map: panic: %v", r)
		}
	}()
	return kind.Map(raw)
}

// encode makes the body of a mapped event, and its fields. The event is then
// read back: what goes into the header is what stands in the body, whatever a
// mapping made of bytes that JSON cannot hold.
func (b *batch) encode(e *event.Event) (body []byte, fields []proof.Field, err error) {
	body = e.AppendJSON(b.room(2*len(e.Raw) + 2048))
	start := len(b.fields)
	all, err := proof.AppendFields(b.fields, body)
	if err != nil {
		return nil, nil, err
	}
	fields = all[start:len(all):len(all)]
	if *e, err = event.FromFields(fields); err != nil {
		return nil, nil, err
	}
	e.ID = strings.Clone(e.ID) // the answer outlives the memory that the body lies in
	b.took(body)
	b.fields = all
	return body, fields, nil
}

// idOfRaw is the id of a raw event that brings none: the same bytes of the same
// source are the same event, so that a delivery can be repeated.
func idOfRaw(raw []byte) string {
	h := sha256.Sum256(raw)
	return "sha256-" + hex.EncodeToString(h[:])
}
