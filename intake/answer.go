package intake

import "example.com/evident/proof"

// An Answer says what became of each event of a delivery.
type Answer struct {
	Accepted   int // stored by this delivery
	Duplicates int // stored before, by this delivery or an earlier one
	Unmapped   int // of those accepted: kept verbatim, since their kind could not read them
	Refused    []Refusal
	// Receipts are those of accepted and duplicate events, in the order in
	// which they came.
	Receipts []Receipt
}

// A Refusal is an event that was not stored.
type Refusal struct {
	Line   int    // the line, or the position in the array, from 1
	ID     string // the event's own id, if it could be read
	Reason string // what was found, what was expected
}

// A Receipt is what a sender keeps of an event: where it stands in the trail.
// Who also keeps a later checkpoint can have proven that it still stands there.
type Receipt struct {
	ID        string
	Seq       uint64
	Leaf      proof.Hash
	Duplicate bool // it was stored before
}

// Span returns the first and last seq of what the delivery added to the
// trail; false if it added nothing.
func (a *Answer) Span() (first, last uint64, ok bool) {
	for _, r := range a.Receipts {
		if r.Duplicate {
			continue
		}
		if !ok || r.Seq < first {
			first = r.Seq
		}
		last, ok = max(last, r.Seq), true
	}
	return first, last, ok
}

// reset empties a and keeps its memory.
func (a *Answer) reset() {
	*a = Answer{Refused: a.Refused[:0], Receipts: a.Receipts[:0]}
}

// refuse notes an event that is not stored, with why.
func (a *Answer) refuse(line int, id, reason string) {
	a.Refused = append(a.Refused, Refusal{Line: line, ID: clip(id), Reason: clip(reason)})
}

// clip keeps an answer readable, and small: a reason may quote what was found.
func clip(s string) string {
	const most = 512
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
