package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// ActionConflict is the action of the record that is made when an id comes
// again with another meaning.
const ActionConflict = "event.conflict"

// store appends what the batch holds, answers for it, and makes room.
func (b *batch) store() error {
	if len(b.drafts) == 0 || b.delivery.Atomic && len(b.answer.Refused) > 0 {
		return nil
	}
	add := b.in.trail.Append
	if b.delivery.Atomic {
		add = b.in.trail.AppendAll
	}
	results, err := add(b.ctx, b.drafts)
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	var conflicts []trail.Draft
	for i, r := range results {
		it, d := b.items[i], &b.drafts[i]
		switch {
		case r.Status == trail.Appended:
			b.settled(it, r.Seq)
			b.answer.Accepted++
			if it.unmapped {
				b.answer.Unmapped++
			}
			b.answer.Receipts = append(b.answer.Receipts, Receipt{ID: d.ID, Seq: r.Seq, Leaf: r.Leaf})
		case r.Status == trail.Skipped: // another one of its delivery was refused
		case r.Status == trail.Duplicate, it.unmapped:
			// The id of an unmapped event is the hash of its bytes: the two
			// differ only in when they came.
			b.settled(it, r.Seq)
			b.answer.Duplicates++
			b.answer.Receipts = append(b.answer.Receipts, Receipt{ID: d.ID, Seq: r.Seq, Leaf: r.Leaf, Duplicate: true})
		default:
			same, err := b.sameRaw(it, d, r)
			if err != nil {
				return err
			}
			if same {
				b.settled(it, r.Seq)
				b.answer.Duplicates++
				b.answer.Receipts = append(b.answer.Receipts, Receipt{ID: d.ID, Seq: r.Seq, Leaf: r.Leaf, Duplicate: true})
				continue
			}
			reason := fmt.Sprintf("record %d has this id and another meaning", r.Seq)
			if r.Leaf == (proof.Hash{}) {
				reason = "an event before it in this delivery has this id and another meaning"
			}
			b.answer.refuse(it.line, d.ID, "id: "+reason+"; what came now was recorded as "+ActionConflict)
			conflicts = append(conflicts, b.conflict(d, reason))
		}
	}
	b.clear()
	if len(conflicts) == 0 {
		return nil
	}
	// A conflict that was recorded before is a duplicate; both are as good.
	if _, err := b.in.trail.Append(context.WithoutCancel(b.ctx), conflicts); err != nil {
		return fmt.Errorf("record conflicts: %w", err)
	}
	return nil
}

// sameRaw reports whether d, whose id record r has already, was made from the
// same raw. It is then the same event: what differs is what a mapping that has
// learnt more makes of it, or the time that it came at, where raw has none.
func (b *batch) sameRaw(it item, d *trail.Draft, r trail.Result) (bool, error) {
	if !it.raw || r.Leaf == (proof.Hash{}) {
		return false, nil
	}
	records, err := b.in.trail.Read(b.ctx, []uint64{r.Seq})
	if err != nil {
		return false, fmt.Errorf("compare with record %d: %w", r.Seq, err)
	}
	raw := valueOf(d.Fields, "/raw")
	return raw != nil && bytes.Equal(raw, valueOf(records[0].Fields, "/raw")), nil
}

// valueOf returns the token at pointer, or nil.
func valueOf(fields []proof.Field, pointer string) []byte {
	for i := range fields {
		if fields[i].Pointer == pointer {
			return fields[i].Value
		}
	}
	return nil
}

// conflict is the record of an event that was refused because its id stands
// for another. Its id is made of what came, so that a sender who tries again
// and again makes one record.
func (b *batch) conflict(d *trail.Draft, reason string) trail.Draft {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s%d:%s", len(d.Source), d.Source, len(d.ID), d.ID)
	h.Write(d.Body)
	actor := b.delivery.Actor
	if actor.Type == "" {
		actor = event.Actor{Type: event.ActorSystem, ID: "evident.intake"}
	}
	e := event.Event{
		ID: "conflict-" + hex.EncodeToString(h.Sum(nil)), Source: own, OccurredAt: b.now.UTC(),
		Actor: actor, Action: ActionConflict, Category: event.System,
		Targets: []event.Target{{Type: "event", ID: d.ID, Name: d.Source}},
		Outcome: event.Denied, OutcomeCode: "conflict", OutcomeReason: reason,
		Detail: fmt.Appendf(nil, `{"source":%q}`, d.Source),
		Raw:    d.Body,
	}
	body := e.AppendJSON(nil)
	fields, err := proof.ParseBody(body)
	if err != nil {
		panic(fmt.Sprintf("bug: the record of a conflict is refused: %v", err))
	}
	return trail.Draft{
		Body: body, Fields: fields, Source: e.Source, ID: e.ID, OccurredAt: e.OccurredAt,
		Category: string(e.Category), Action: e.Action, Outcome: string(e.Outcome),
	}
}
