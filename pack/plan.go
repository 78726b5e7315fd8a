package pack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// This file decides which headers a pack needs so that nobody has to believe
// that the others are not needed (docs/format.md section 6.5): a run of headers
// wherever a segment may hold a record of the window, by its manifest, and after
// the last sealed segment; elsewhere gaps, but for the records of sealing.

// A piece is a stretch of the trail in a pack.
type piece struct {
	from, until uint64
	run         bool // with headers; otherwise a gap
	prev        proof.Hash
}

// plan takes the checkpoint, the manifests with the records of their sealing, and
// the pieces.
func (b *builder) plan(ctx context.Context) (err error) {
	if b.note, b.checkpoint, err = b.trail.WaitCheckpoint(ctx, b.trail.Size()); err != nil {
		return err
	}
	if err := b.findSeals(ctx); err != nil {
		return err
	}
	seals := b.seals
	for i, m := range b.manifests {
		late := b.seals[i].Header.At.Unix()-m.At.Last.Unix() > proof.SealSeconds
		run := b.o.AllHeaders || late || m.Touches(b.o.By, b.o.From, b.o.Until)
		for len(seals) > 0 && seals[0].Header.Seq < m.Until {
			b.addPiece(seals[0].Header.Seq, run)
			b.addPiece(seals[0].Header.Seq+1, true)
			seals = seals[1:]
		}
		b.addPiece(m.Until, run)
	}
	b.addPiece(b.checkpoint.Size, true)
	return b.writeText("manifests.jsonl", func(w io.Writer) error {
		for _, m := range b.manifests {
			if _, err := w.Write(append(m.Bytes[:len(m.Bytes):len(m.Bytes)], '\n')); err != nil {
				return err
			}
		}
		return nil
	})
}

// addPiece extends the pieces to until, joining neighbours of the same kind.
func (b *builder) addPiece(until uint64, run bool) {
	from := uint64(0)
	if n := len(b.pieces); n > 0 {
		from = b.pieces[n-1].until
		if b.pieces[n-1].run == run && from < until {
			b.pieces[n-1].until = until
			return
		}
	}
	if from < until {
		b.pieces = append(b.pieces, piece{from: from, until: until, run: run})
	}
}

// findSeals takes the manifests whose sealing is a record below the checkpoint,
// and these records. A segment that was sealed a moment ago may have no such
// record yet: then its headers are given instead.
func (b *builder) findSeals(ctx context.Context) error {
	var seqs []uint64
	for _, m := range b.trail.Manifests() {
		seq, found, err := b.trail.Find(proof.EventID("evident", "segment.seal/"+strconv.FormatUint(m.Segment, 10)))
		if err != nil {
			return err
		}
		if !found || seq >= b.checkpoint.Size {
			break
		}
		b.manifests, seqs = append(b.manifests, m), append(seqs, seq)
	}
	var err error
	b.seals, err = b.trail.Read(ctx, seqs)
	return err
}

// undecided marks, in a list of records that are wanted, one of which the header
// alone does not say whether it matches. (A seq is below 2^63.)
const undecided = 1 << 63

// writeHeaders writes the headers of all runs, counts them, and returns the
// records of the window that match or may match.
func (b *builder) writeHeaders(ctx context.Context) (wanted []uint64, err error) {
	p, err := b.newPart("headers.jsonl")
	if err != nil {
		return nil, err
	}
	var line []byte
	for i := range b.pieces {
		piece := &b.pieces[i]
		if !piece.run {
			continue
		}
		for head, err := range b.trail.Headers(ctx, piece.from, piece.until) {
			if err != nil {
				return nil, err
			}
			h := &head.Header
			if h.Seq == piece.from {
				piece.prev = h.Prev
			}
			line = appendHeaderLine(line[:0], h)
			if _, err := p.Write(line); err != nil {
				return nil, err
			}
			if b.counts.Headers++; b.o.inWindow(h) {
				b.counts.Window++
				wanted = b.want(wanted, h)
			}
		}
	}
	return wanted, p.finish()
}

// want adds h to the list, unless the header alone shows that it does not match.
func (b *builder) want(wanted []uint64, h *proof.Header) []uint64 {
	switch b.expr.Eval(h, nil) {
	case proof.True:
		return append(wanted, h.Seq)
	case proof.Unknown:
		b.counts.Unproven++ // until it is disclosed
		b.countUnknown(h, nil, 1)
		return append(wanted, h.Seq|undecided)
	default:
		return wanted
	}
}

// countUnknown adds n to each clause that is unknown of what is disclosed.
func (b *builder) countUnknown(h *proof.Header, v *proof.View, n int) {
	for i := range b.clauses {
		if b.clauses[i].Expr.Eval(h, v) == proof.Unknown {
			b.clauses[i].Unknown += uint64(n)
		}
	}
}

const (
	bodyMember = len(`,"body":""}`) + 64
	prevMember = len(`,"prev":""`) + 64
)

// appendHeaderLine appends a header without its prev member, and a line feed.
func appendHeaderLine(b []byte, h *proof.Header) []byte {
	b = h.Append(b)
	n := len(b) - bodyMember
	b = append(b[:n-prevMember], b[n:]...)
	return append(b, '\n')
}

// writeTree writes tree.json and the two small files about the trail.
func (b *builder) writeTree() error {
	tree := proof.TreeFile{Size: b.checkpoint.Size, Root: b.checkpoint.Root, Pieces: []proof.Piece{}}
	for i := range b.pieces {
		p := &b.pieces[i]
		out := proof.Piece{From: p.from, Until: p.until}
		if p.run {
			out.Prev = &p.prev
		} else {
			hashes, err := b.trail.SubtreeHashes(p.from, p.until)
			if err != nil {
				return err
			}
			out.Hashes = hashes
		}
		tree.Pieces = append(tree.Pieces, out)
	}
	if m := b.periodEnd(); m != nil {
		path, err := b.trail.ProveTree(m.Until, b.checkpoint.Size)
		if err != nil {
			return err
		}
		tree.Period = &proof.Period{Checkpoint: m.Checkpoint, Proof: append([]proof.Hash{}, path...)}
	}
	if err := b.writeText("tree.json", func(w io.Writer) error { return writeJSON(w, tree) }); err != nil {
		return err
	}
	if err := b.writeText("checkpoint.txt", copyString(string(b.note))); err != nil {
		return err
	}
	return b.writeText("keys.txt", func(w io.Writer) error {
		for _, k := range b.trail.Keys() {
			if _, err := fmt.Fprintln(w, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// periodEnd returns the first segment that reaches beyond the window's end by
// the trail's own clock, else the last one: its checkpoint was signed before
// this pack was asked for.
func (b *builder) periodEnd() *trail.Manifest {
	for i := range b.manifests {
		if m := &b.manifests[i]; !m.At.Last.Before(b.o.Until) || i == len(b.manifests)-1 {
			return m
		}
	}
	return nil
}

// writeJSON writes v without escapes that JSON does not ask for, and without a
// line feed.
func writeJSON(w io.Writer, v any) error {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
	return err
}
