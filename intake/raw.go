package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/source"
)

// splitRaw cuts a delivery of raw events and maps each. An error of the cut is
// an answer for the rest of the delivery: what came before it is kept.
func (b *batch) splitRaw(kind source.Kind) error {
	if b.delivery.Raws != nil {
		for i, raw := range b.delivery.Raws {
			if err := b.rawEvent(i+1, kind, raw); err != nil {
				return err
			}
		}
		return nil
	}
	place := 0
	for raw, err := range kind.Split(bytes.NewReader(b.delivery.Body)) {
		place++
		switch {
		case err != nil && b.delivery.Keep:
			return b.keep(place, b.delivery.Body, "delivery: "+err.Error())
		case err != nil:
			b.answer.refuse(place, "", "delivery: "+err.Error())
			return nil
		case place > MaxEvents && !b.delivery.Keep:
			b.answer.refuse(place, "", errTooMany.Error())
			return nil
		}
		if err := b.rawEvent(place, kind, raw); err != nil {
			return err
		}
	}
	return nil
}

// rawEvent maps one raw event. Whatever keeps the mapped event from being a
// record keeps nothing from being recorded: raw then stands as unmapped.
func (b *batch) rawEvent(place int, kind source.Kind, raw []byte) error {
	if len(raw) > source.MaxEventBytes {
		return b.keep(place, raw, "")
	}
	if b.delivery.Broken != nil && b.delivery.Broken[place-1] != "" {
		return b.keep(place, raw, b.delivery.Broken[place-1])
	}
	raw = b.in.redact(b.delivery.Source, raw)
	e, mapped := kind.Event(b.delivery.Source, func() string { return b.placeID(place) }, raw, b.now.In(b.delivery.zone()))
	it := item{line: place, unmapped: !mapped, raw: true}
	if !mapped {
		b.placeUnmapped(&e, place)
	} else if kind.Change != nil {
		var err error
		if it, err = b.changed(place, &kind, &e); err != nil {
			return err
		}
	}
	body, fields, err := b.encode(&e)
	if err != nil {
		return b.unmapped(place, raw, err.Error())
	}
	return b.add(it, &e, body, fields)
}

// keep stores what is no event as unmapped, cut to what can be kept.
func (b *batch) keep(place int, raw []byte, reason string) error {
	if n := len(raw); n > source.MaxEventBytes {
		sum := sha256.Sum256(raw)
		raw = raw[:source.MaxEventBytes]
		reason = strings.TrimPrefix(fmt.Sprintf("%s; only the first %d of %d bytes are kept; SHA-256 of all: %x", reason, len(raw), n, sum), "; ")
	}
	return b.unmapped(place, b.in.redact(b.delivery.Source, raw), reason)
}

func (b *batch) unmapped(place int, raw []byte, reason string) error {
	e := source.Unmapped(b.delivery.Source, raw, reason, b.now)
	b.placeUnmapped(&e, place)
	body, fields, err := b.encode(&e)
	if err != nil {
		panic(fmt.Sprintf("bug: an unmapped event is refused: %v", err))
	}
	return b.add(item{line: place, unmapped: true, raw: true}, &e, body, fields)
}

// placeUnmapped gives an event that could not be mapped the id of its position
// at the sender or in a delivery that has a name, if there is one: two equal lines that nobody can read are two
// lines all the same. Otherwise it keeps that of its bytes.
func (b *batch) placeUnmapped(e *event.Event, place int) {
	if b.delivery.IDs != nil || b.delivery.Name != "" {
		e.ID = UnmappedID(b.placeID(place))
	}
}

// UnmappedID is the id of an event that came with an id of its position and
// could not be mapped. It differs from that of the same event mapped, so that
// the two, when a mapping has learnt to read it, are no conflict.
func UnmappedID(id string) string { return source.ActionUnmapped + "/" + id }

// zone is that of times which come without one.
func (d *Delivery) zone() *time.Location {
	if d.Zone == nil {
		return time.UTC
	}
	return d.Zone
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

// placeID is the id of the event at a place of the delivery, if it brings none:
// its position at the sender, or what the whole delivery was (by its name, if it
// has one) and where in it the event stood. A delivery that is sent again makes the same ids; two equal
// events that came apart are two.
func (b *batch) placeID(place int) string {
	d := b.delivery
	if d.IDs != nil {
		return d.IDs[place-1]
	}
	if len(b.id) == 0 {
		h := sha256.New()
		if d.Name != "" {
			h.Write([]byte("name\n" + d.Name))
			d = &Delivery{}
		}
		h.Write(d.Body)
		for _, raw := range d.Raws {
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(raw))))
			h.Write(raw)
		}
		b.id = append(hex.AppendEncode(append(b.id, "delivery-"...), h.Sum(nil)), '/')
	}
	return string(strconv.AppendInt(b.id, int64(place), 10))
}
