package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// Evidence is what stands beside an event when it is asked for by itself:
// everything that it takes to check it by arithmetic alone. See docs/format.md.
// Header and Body are the exact bytes.
type Evidence struct {
	Header string     `json:"header"`
	Body   *string    `json:"body"` // null when it has expired
	Seed   string     `json:"seed"` // opens the commitments of the body; empty when it has expired
	Leaf   proof.Hash `json:"leaf"`
	Proof  Inclusion  `json:"proof"`
	Keys   []string   `json:"keys"` // the trail's verifier keys: compare them with those you were given
}

// Inclusion shows that a leaf is in the tree of a signed checkpoint.
type Inclusion struct {
	Index      uint64       `json:"index"`
	Size       uint64       `json:"size"`
	Path       []proof.Hash `json:"path"`
	Checkpoint string       `json:"checkpoint"`
}

// eventGet serves GET /v1/events/{seq}.
func (a *API) eventGet(w http.ResponseWriter, r *http.Request) error {
	seq, err := seqOf(r)
	if err != nil {
		return err
	}
	return a.answerEvent(w, r, seq)
}

// answerEvent answers with the record seq. A caller that may not see it is told
// what it would be told if there were none.
func (a *API) answerEvent(w http.ResponseWriter, r *http.Request, seq uint64) error {
	if seq >= a.trail.Size() {
		return errNoRecord
	}
	records, err := a.trail.Read(r.Context(), []uint64{seq})
	if err != nil {
		return err
	}
	rec := &records[0]
	if !callerOf(r.Context()).Scope.MaySee(rec.Header.Source) {
		return errNoRecord
	}
	note, c, err := a.trail.WaitCheckpoint(r.Context(), seq+1)
	if err != nil {
		return err
	}
	path, err := a.trail.ProveRecord(seq, c.Size)
	if err != nil {
		return err
	}
	b := append([]byte(`{"event":`), appendEvent(nil, rec, false)...)
	rest, err := json.Marshal(checkable(rec, Inclusion{Index: seq, Size: c.Size, Path: path, Checkpoint: string(note)}, a.trail.Keys()))
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	b = append(append(b, ','), rest[1:]...) // the event's own bytes are not written anew
	return writeBytes(w, http.StatusOK, append(b, '\n'))
}

// checkable is an answer for r without the event's own fields.
func checkable(r *trail.Record, p Inclusion, keys []proof.Key) Evidence {
	e := Evidence{Header: string(r.Header.Append(nil)), Leaf: r.Leaf, Proof: p}
	if e.Proof.Path == nil {
		e.Proof.Path = []proof.Hash{}
	}
	if r.Body != nil {
		body := string(r.Body)
		e.Body, e.Seed = &body, proof.Hash(r.Seed).String()
	}
	for _, k := range keys {
		e.Keys = append(e.Keys, k.String())
	}
	return e
}
