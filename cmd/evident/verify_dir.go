package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// verifyDir goes through all of a data directory that nobody has open.
func (g *global) verifyDir(ctx context.Context, dir string, keys []proof.Key, headersOnly bool) error {
	bar := g.progress("verify")
	r, err := trail.CheckDir(ctx, dir, trail.CheckOptions{
		Keys: keys, HeadersOnly: headersOnly,
		Progress: func(done, total uint64) { bar.set(done, total, count(done, "record")) },
	})
	bar.end()
	var damage *trail.Damage
	var behind *trail.BehindError
	isDamage, isBehind := errors.As(err, &damage), errors.As(err, &behind)
	if err != nil && !isDamage && !isBehind {
		return err
	}
	// The report of a check that failed says as much as was known by then.
	if r.Origin != "" {
		if err := g.step("trail", "%s, in %s", r.Origin, dir); err != nil {
			return err
		}
	}
	if err := g.keyLines(r.Keys, keys != nil); err != nil {
		return err
	}
	switch {
	case isDamage:
		return g.notVerified(verdictOf(damage))
	case isBehind:
		return g.notVerified(verdict{File: "checkpoint", What: behind.Error()})
	}
	if err := g.printReport(r, headersOnly); err != nil {
		return err
	}
	return g.verified()
}

func (g *global) printReport(r trail.Report, headersOnly bool) error {
	bodies := fmt.Sprintf("%d with each field as recorded", r.Bodies)
	switch expired := r.Size - r.Bodies; {
	case headersOnly:
		bodies = "not looked at"
	case expired > 0:
		bodies += fmt.Sprintf("; %d have expired", expired)
	}
	lines := [][2]string{
		{"tree", fmt.Sprintf("size %d, root %s, signed", r.Checkpoint.Size, r.Checkpoint.Root)},
		{"headers", fmt.Sprintf("%d headers, each chained to the one before and in the tree", r.Size)},
		{"segments", fmt.Sprintf("%d segments, each as its manifest says", r.Segments)},
		{"bodies", bodies},
	}
	if r.Unsigned > 0 {
		lines = append(lines, [2]string{"unsigned", fmt.Sprintf("%d records at the end are chained, but were not signed yet", r.Unsigned)})
	}
	if r.Cut > 0 {
		lines = append(lines, [2]string{"cut", fmt.Sprintf("%d bytes of records that were never acknowledged: the process died while it wrote them", r.Cut)})
	}
	for _, l := range lines {
		if err := g.step(l[0], "%s", l[1]); err != nil {
			return err
		}
	}
	return nil
}

func verdictOf(d *trail.Damage) verdict {
	v := verdict{File: d.File, What: d.What}
	if d.Offset > 0 {
		v.What = fmt.Sprintf("at byte %d: %s", d.Offset, d.What)
	}
	if d.HasSeq {
		v.Seq = &d.Seq
	}
	return v
}
