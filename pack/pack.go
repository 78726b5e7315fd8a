// Package pack chooses what an auditor takes home and says what it leaves out.
// It reads a trail and writes one zip, in the form that docs/format.md section 6
// specifies, which two verifiers (proof.VerifyPack and verify.py) check without
// trusting this package: a mistake here makes a pack that does not verify, never
// one that lies.
//
// It is not the format's reader, and it decides nothing about who may have a
// pack.
//
// Reading order: pack.go (the steps), plan.go (which headers), records.go (which
// records), withhold.go (which fields), population.go and page.go (the same for
// people), zip.go (the bytes).
package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/evident/filter"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// Trail is what a pack is made from: a *trail.Trail.
type Trail interface {
	Keys() []proof.Key
	Size() uint64
	WaitCheckpoint(ctx context.Context, size uint64) ([]byte, proof.Checkpoint, error)
	Manifests() []trail.Manifest
	Headers(ctx context.Context, from, until uint64) iter.Seq2[trail.Head, error]
	Read(ctx context.Context, seqs []uint64) ([]trail.Record, error)
	Find(id [16]byte) (seq uint64, found bool, err error)
	SubtreeHashes(from, until uint64) ([]proof.Hash, error)
	ProveTree(old, size uint64) ([]proof.Hash, error)
}

// The two times that a window can be of.
const (
	ByOccurredAt = "occurred_at" // when it happened, by the source's clock
	ByAt         = "at"          // when the trail recorded it
)

// Options say what is wanted. From, Until, Now and Sign are required.
type Options struct {
	Filter      filter.Filter // every record if zero
	From, Until time.Time     // From ≤ t < Until
	By          string        // ByOccurredAt if empty
	Withhold    []string      // fields: actor.email, /actor/email, or detail for all below it
	Prove       bool          // show of other records, too, what the filter looks at
	AllHeaders  bool          // leave out no header, so that nothing rests on manifests
	MadeBy      string        // "evident" and its version
	Now         time.Time

	// Sign signs a text as a note by the trail's Ed25519 key.
	Sign func(text string) ([]byte, error)

	// Candidates, if set, returns in ascending order the records below size that
	// may match the filter, so that not every body of the window has to be read.
	// What it leaves out counts as not disclosed, as if it had been read. It is
	// not asked where Prove is set.
	Candidates func(ctx context.Context, size uint64) ([]uint64, error)
}

// Progress is told of how far the work has come, in records.
type Progress func(done, total uint64)

// Summary is what was put into a pack.
type Summary struct {
	Origin    string           `json:"origin"`
	Size      uint64           `json:"size"` // of the trail
	Counts    proof.Counts     `json:"counts"`
	OnWord    uint64           `json:"on_word"` // records that match by the exporter's word: what decides it is withheld
	Omissions []proof.Omission `json:"omissions"`
	Bytes     uint64           `json:"bytes"` // of the zip
}

// Refusal is an answer to whoever asked for a pack: it cannot be made as asked.
type Refusal struct{ What string }

// Error says what is wrong and what to do.
func (r *Refusal) Error() string { return "build pack: " + r.What }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// Build makes a pack and writes it to w. Parts wait in temporary files, beside
// the output if w is a file, so that memory does not grow with the pack. Nothing
// is written to w before everything else has succeeded. Progress may be nil.
func Build(ctx context.Context, t Trail, o Options, w io.Writer, progress Progress) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	dir := ""
	if f, ok := w.(*os.File); ok && f.Name() != "" && filepath.Dir(f.Name()) != "/dev" {
		dir = filepath.Dir(f.Name())
	}
	temp, err := os.MkdirTemp(dir, ".evident-pack-")
	if err != nil {
		return Summary{}, fmt.Errorf("build pack: %w", err)
	}
	defer os.RemoveAll(temp)
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	b := &builder{trail: t, o: o, temp: temp, progress: progress, expr: o.Filter.Expr(), withheld: withheld{pointers: o.Withhold}}
	defer b.close()
	s, err := b.build(ctx, w)
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return s, refusal
		}
		return s, fmt.Errorf("build pack: %w", err)
	}
	return s, nil
}

// BuildFile makes a pack in a new file. It refuses to write over one, and leaves
// none behind when it fails.
func BuildFile(ctx context.Context, t Trail, o Options, name string, progress Progress) (Summary, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return Summary{}, fmt.Errorf("build pack: %w", err)
	}
	s, err := Build(ctx, t, o, f, progress)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return s, err
	}
	return s, nil
}

// check completes the options and refuses what cannot be meant.
func (o *Options) check() error {
	if o.By == "" {
		o.By = ByOccurredAt
	}
	if o.By != ByOccurredAt && o.By != ByAt {
		return refuse("a window is by %s or by %s, not by %q", ByOccurredAt, ByAt, o.By)
	}
	if !o.From.Before(o.Until) {
		return refuse("the window must begin before it ends; from %s until %s is empty", stamp(o.From), stamp(o.Until))
	}
	for _, t := range []time.Time{o.From, o.Until, o.Now} {
		if _, err := proof.ParseTime(stamp(t)); err != nil {
			return refuse("%s is not a time between 1970 and 2261", stamp(t))
		}
	}
	if o.Sign == nil {
		return errors.New("build pack: no signer")
	}
	pointers, err := withheldPointers(o.Withhold)
	o.Withhold = pointers
	return err
}

func stamp(t time.Time) string { return string(proof.AppendTime(nil, t)) }

// inWindow reports whether a record lies in the window.
func (o *Options) inWindow(h *proof.Header) bool {
	t := h.OccurredAt
	if o.By == ByAt {
		t = h.At
	}
	return !t.Before(o.From) && t.Before(o.Until)
}

// builder holds what the steps hand to each other.
type builder struct {
	trail    Trail
	o        Options
	temp     string
	progress Progress
	expr     proof.Expr

	note       []byte
	checkpoint proof.Checkpoint
	manifests  []trail.Manifest
	seals      []trail.Record // of the manifests
	pieces     []piece

	counts   proof.Counts
	onWord   uint64
	clauses  []clauseCount
	withheld withheld
	rows     rows
	notable  notable

	parts []*part
}

// clauseCount says of one clause of the filter what it rests on.
type clauseCount struct {
	filter.Clause
	Unknown uint64 // records of the window for which it rests on the exporter's word
}

func (b *builder) build(ctx context.Context, w io.Writer) (Summary, error) {
	for _, c := range filter.Clauses(b.expr) {
		b.clauses = append(b.clauses, clauseCount{Clause: c})
	}
	if err := b.plan(ctx); err != nil {
		return Summary{}, err
	}
	wanted, err := b.writeHeaders(ctx)
	if err != nil {
		return Summary{}, err
	}
	if err := b.writeRecords(ctx, wanted); err != nil {
		return Summary{}, err
	}
	if err := b.writeTree(); err != nil {
		return Summary{}, err
	}
	if err := b.writePopulation(); err != nil {
		return Summary{}, err
	}
	s := Summary{
		Origin: b.checkpoint.Origin, Size: b.checkpoint.Size,
		Counts: b.counts, OnWord: b.onWord, Omissions: b.omissions(),
	}
	if err := b.writeText("index.html", func(w io.Writer) error { return b.writePage(w, s) }); err != nil {
		return s, err
	}
	if err := b.writeText("verify.py", copyString(proof.Script)); err != nil {
		return s, err
	}
	s.Bytes, err = b.writeZip(w, s)
	return s, err
}

// omissions lists what the pack leaves out, and why.
func (b *builder) omissions() []proof.Omission {
	list := b.withheld.omissions()
	add := func(n uint64, what, why string) {
		if n > 0 {
			list = append(list, proof.Omission{What: what, Records: n, Why: why})
		}
	}
	c := b.counts
	add(c.Others, "records of the window that do not match the filter, but for what shows it",
		"not asked for; the fields that the filter looks at are in others.jsonl")
	why := "by the exporter's word they do not match the filter; a pack made with --prove shows it"
	if b.o.Prove {
		why = "by the exporter's word they do not match the filter; to show it would disclose what is withheld"
	}
	add(c.Unproven, "records of the window that headers do not decide", why)
	add(c.Window-c.Matched-c.Others-c.Unproven, "records of the window that do not match the filter", "not asked for; their headers are here and show it")
	add(c.Headers-c.Window, "records outside the window, in segments that also hold some of it, or of sealing", "not asked for; their headers are here")
	add(b.checkpoint.Size-c.Headers, "records in segments that hold nothing of the window", "not asked for; the manifests of these segments are here and show it")
	if list == nil {
		list = []proof.Omission{}
	}
	return list
}

func (b *builder) writeText(name string, write func(io.Writer) error) error {
	p, err := b.newPart(name)
	if err != nil {
		return err
	}
	return errors.Join(write(p), p.finish())
}

func copyString(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.Copy(w, strings.NewReader(s))
		return err
	}
}
