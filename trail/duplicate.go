package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"

	"example.com/evident/proof"
)

// compare tells the duplicates among what was found to exist from conflicts.
func (t *Trail) compare(ctx context.Context, r *request) error {
	var seqs []uint64
	var at []int
	for i := range r.results {
		if r.results[i].Status == Duplicate {
			seqs = append(seqs, r.results[i].Seq)
			at = append(at, i)
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	records, err := t.Read(ctx, seqs)
	if err != nil {
		return err
	}
	for k, i := range at {
		r.results[i].Leaf = records[k].Leaf
		if !sameEvent(records[k].Body, r.drafts[i].Body) {
			r.results[i].Status = Conflict
		}
	}
	return nil
}

// foresee looks up what of an atomic request exists already, and says whether
// any of that is in conflict.
func (t *Trail) foresee(ctx context.Context, r *request) (conflict bool, err error) {
	first := map[[16]byte]int{}
	for i := range r.results {
		id := r.results[i].ID
		r.results[i] = Result{Status: Skipped, ID: id}
		if j, ok := first[id]; ok {
			r.exists[i] = true
			if !sameEvent(r.drafts[j].Body, r.drafts[i].Body) {
				r.results[i].Status, conflict = Conflict, true
			}
			continue
		}
		first[id] = i
		seq, ok, err := t.Find(id)
		if err != nil {
			return false, err
		}
		if r.exists[i] = ok; ok {
			r.results[i].Status, r.results[i].Seq = Duplicate, seq
		}
	}
	if err := t.compare(ctx, r); err != nil {
		return false, err
	}
	for i := range r.results {
		conflict = conflict || r.results[i].Status == Conflict
	}
	return conflict, nil
}

// sameEvent reports whether two bodies with the same id mean the same. They
// are compared as JSON values, numbers by their digits. Where both keep what
// the source sent, that decides: our reading of it may have improved since.
// A body that has expired is taken to be the same.
func sameEvent(a, b []byte) bool {
	if a == nil || bytes.Equal(a, b) {
		return true
	}
	x, errX := decode(a)
	y, errY := decode(b)
	if errX != nil || errY != nil {
		return false
	}
	ox, _ := x.(map[string]any)
	oy, _ := y.(map[string]any)
	rawX, okX := ox["raw"].(string)
	rawY, okY := oy["raw"].(string)
	if !okX || !okY || ox["raw_encoding"] != oy["raw_encoding"] {
		return reflect.DeepEqual(x, y)
	}
	if rawX == rawY {
		return true
	}
	x, errX = decode([]byte(rawX))
	y, errY = decode([]byte(rawY))
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func decode(b []byte) (v any, err error) {
	if _, err := proof.ParseBody(b); err != nil {
		return nil, err // also what encoding/json would let pass, such as duplicate names
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return v, d.Decode(&v)
}
