package pack

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"example.com/evident/filter"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// This file writes what is disclosed of records: records.jsonl, others.jsonl and
// seals.jsonl (docs/format.md section 6.6).

// readBatch is how many records are read at a time.
const readBatch = 1024

// notableLimit is how many late and early records the page lists; all of them
// are in population.csv.
const notableLimit = 200

// notable are records that an auditor will ask about.
type notable struct{ late, ahead []proof.Header }

// writeRecords discloses the wanted records, as far as they may be disclosed.
func (b *builder) writeRecords(ctx context.Context, wanted []uint64) error {
	wanted, err := b.narrow(ctx, wanted)
	if err != nil {
		return err
	}
	total := uint64(len(wanted))
	var before uint64
	if len(b.o.Withhold) > 0 {
		before, total = total, 2*total
		if wanted, err = b.learn(ctx, wanted, total); err != nil {
			return err
		}
		total = before + uint64(len(wanted))
	}
	out := disclosure{builder: b}
	if err := out.open(); err != nil {
		return err
	}
	err = b.each(ctx, wanted, func(r *trail.Record, done uint64) error {
		b.progress(before+done, total)
		return out.add(r, wanted[done-1]&undecided != 0)
	})
	return errors.Join(err, out.finish())
}

// learn reads the values that are withheld: one that is withheld in a record may
// stand in another under another name, so that all must be known before the
// first record is written. It returns the records that are still wanted.
func (b *builder) learn(ctx context.Context, wanted []uint64, total uint64) (still []uint64, err error) {
	err = b.each(ctx, wanted, func(r *trail.Record, done uint64) error {
		b.progress(done, total)
		seq := wanted[done-1]
		matches := seq&undecided == 0 || b.matches(r)
		if matches || b.o.Prove {
			still = append(still, seq)
		}
		if !matches {
			return nil
		}
		return b.withheld.learn(r.Fields)
	})
	if err == nil && (b.withheld.found(b.o.Filter.String()) || b.withheld.found(b.o.MadeBy)) {
		err = refuse("the filter itself says a value that is to be withheld; ask for it by another field, or do not withhold it")
	}
	return still, err
}

func (b *builder) matches(r *trail.Record) bool {
	return b.expr.Eval(&r.Header, &proof.View{Fields: r.Fields}) == proof.True
}

// narrow leaves out what the index knows not to match.
func (b *builder) narrow(ctx context.Context, wanted []uint64) ([]uint64, error) {
	if b.o.Candidates == nil || b.o.Prove || !slices.ContainsFunc(wanted, func(s uint64) bool { return s&undecided != 0 }) {
		return wanted, nil
	}
	candidates, err := b.o.Candidates(ctx, b.checkpoint.Size)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(wanted, func(s uint64) bool {
		_, found := slices.BinarySearch(candidates, s&^undecided)
		return s&undecided != 0 && !found
	}), nil
}

// each calls do with the wanted records in their order; done counts from 1. The
// next batch is read while one is worked on.
func (b *builder) each(ctx context.Context, wanted []uint64, do func(r *trail.Record, done uint64) error) error {
	ctx, cancel := context.WithCancel(ctx)
	type batch struct {
		records []trail.Record
		err     error
	}
	batches := make(chan batch, 1)
	go func() {
		defer close(batches)
		for part := range slices.Chunk(wanted, readBatch) {
			seqs := make([]uint64, len(part))
			for i, s := range part {
				seqs[i] = s &^ undecided
			}
			records, err := b.trail.Read(ctx, seqs)
			select {
			case batches <- batch{records, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() { // the reader has stopped before this returns
		cancel()
		for range batches {
		}
	}()
	done := uint64(0)
	for got := range batches {
		if got.err != nil {
			return got.err
		}
		for i := range got.records {
			r := &got.records[i]
			if r.Body == nil {
				return refuse("the body of record %d has expired and cannot be shown any more; choose a window that begins later than %s",
					r.Header.Seq, stamp(r.Header.OccurredAt))
			}
			done++
			if err := do(r, done); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// disclosure writes the records of a pack.
type disclosure struct {
	*builder
	records, others *part
	look            []string // pointers that the filter looks at
	line            []byte
	shown           []proof.Field
	hidden          []bool
	commitments     []proof.Hash
}

func (d *disclosure) open() (err error) {
	if d.records, err = d.newPart("records.jsonl"); err != nil {
		return err
	}
	if d.others, err = d.newPart("others.jsonl"); err != nil {
		return err
	}
	d.look = filter.Fields(d.expr)
	return d.rows.create(d.temp)
}

func (d *disclosure) finish() error {
	seals, err := d.newPart("seals.jsonl")
	if err != nil {
		return err
	}
	for i := range d.seals {
		d.line = appendWhole(d.line[:0], &d.seals[i])
		if _, err := seals.Write(d.line); err != nil {
			return err
		}
	}
	return errors.Join(seals.finish(), d.records.finish(), d.others.finish())
}

// add discloses one record of the window. If its header does not decide whether
// it matches, its body does.
func (d *disclosure) add(r *trail.Record, undecided bool) error {
	h := &r.Header
	matches := !undecided || d.matches(r)
	if !matches && !d.o.Prove {
		return nil
	}
	file := d.records
	var view *proof.View
	if matches {
		view = d.discloseMatch(r)
	} else {
		file = d.others
		view = d.discloseOther(r)
	}
	if view == nil {
		return nil // stays unproven
	}
	if undecided {
		d.counts.Unproven--
		d.countUnknown(h, nil, -1)
	}
	if _, err := file.Write(d.line); err != nil {
		return err
	}
	if !matches {
		d.counts.Others++
		return nil
	}
	if d.expr.Eval(h, view) == proof.Unknown {
		d.onWord++
		d.countUnknown(h, view, 1)
	}
	d.note(h)
	return d.rows.add(h, r.Leaf, view)
}

// note counts a record that matches.
func (d *disclosure) note(h *proof.Header) {
	d.counts.Matched++
	if !h.At.Before(d.o.Until) {
		if d.counts.Late++; len(d.notable.late) < notableLimit {
			d.notable.late = append(d.notable.late, *h)
		}
	}
	if h.OccurredAt.After(h.At) {
		if d.counts.Ahead++; len(d.notable.ahead) < notableLimit {
			d.notable.ahead = append(d.notable.ahead, *h)
		}
	}
}

// discloseMatch puts into d.line all of a record that is not to be withheld.
func (d *disclosure) discloseMatch(r *trail.Record) *proof.View {
	d.hidden = d.withheld.hide(d.hidden[:0], r.Header.Seq, r.Fields)
	if !slices.Contains(d.hidden, true) {
		d.line = appendWhole(d.line[:0], r)
		return &proof.View{Fields: r.Fields}
	}
	return d.part(r)
}

// discloseOther puts into d.line what shows that a record does not match: the
// fields that the filter looks at, or else the whole record, unless something is
// to be withheld. It returns nil if that is not possible.
func (d *disclosure) discloseOther(r *trail.Record) *proof.View {
	d.hidden = d.withheld.keep(d.hidden[:0], r.Fields, d.look)
	if view := d.part(r); d.expr.Eval(&r.Header, view) == proof.False {
		return view
	}
	if len(d.o.Withhold) > 0 {
		return nil
	}
	d.line = appendWhole(d.line[:0], r)
	return &proof.View{Fields: r.Fields}
}

// part puts the fields that are not hidden into d.line.
func (d *disclosure) part(r *trail.Record) *proof.View {
	d.commitments = proof.Commitments(d.commitments[:0], r.Fields, &r.Seed)
	d.shown = d.shown[:0]
	b := strconv.AppendUint(append(d.line[:0], `{"seq":`...), r.Header.Seq, 10)
	b = append(b, `,"fields":[`...)
	var kept []proof.Hash
	for i, f := range r.Fields {
		if d.hidden[i] {
			kept = append(kept, d.commitments[i])
			continue
		}
		if len(d.shown) > 0 {
			b = append(b, ',')
		}
		d.shown = append(d.shown, f)
		b = appendString(append(b, '['), f.Pointer)
		b = appendString(append(b, ','), f.Value)
		salt := proof.Salt(&r.Seed, i)
		b = hex.AppendEncode(append(b, `,"`...), salt[:])
		b = append(b, `"]`...)
	}
	b = append(b, `],"withheld":[`...)
	slices.SortFunc(kept, func(x, y proof.Hash) int { return slices.Compare(x[:], y[:]) })
	for i, h := range kept {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(hex.AppendEncode(append(b, '"'), h[:]), '"')
	}
	d.line = append(b, "]}\n"...)
	return &proof.View{Fields: d.shown, Withheld: len(kept)}
}

// appendWhole appends a record with its whole body, and a line feed.
func appendWhole(b []byte, r *trail.Record) []byte {
	b = strconv.AppendUint(append(b, `{"seq":`...), r.Header.Seq, 10)
	b = hex.AppendEncode(append(b, `,"seed":"`...), r.Seed[:])
	b = appendString(append(b, `","body":`...), r.Body)
	return append(b, "}\n"...)
}

// appendString appends s, which is UTF-8, as a JSON string.
func appendString[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, `\u00`...)
			b = hex.AppendEncode(b, []byte{c})
		}
	}
	return append(append(b, s[start:]...), '"')
}
