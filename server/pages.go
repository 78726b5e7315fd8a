package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"example.com/evident/filter"
	"example.com/evident/index"
	"example.com/evident/proof"
	"example.com/evident/trail"
	"example.com/evident/web/api"
	"example.com/evident/web/ui"
)

// pages gives the pages what they ask for, from the same parts as the API.
type pages struct {
	api   *api.API
	trail *trail.Trail
	index *index.Index
	dir   string
}

func (p *pages) Head(ctx context.Context) (ui.Head, error) {
	_, c := p.trail.Checkpoint()
	return ui.Head{Origin: p.trail.Origin(), Size: p.trail.Size(), Signed: c.Size}, nil
}

func (p *pages) Search(ctx context.Context, q ui.Query) (ui.Hits, error) {
	var err error
	if q.Filter, err = p.api.Expand(ctx, q.Filter); err != nil {
		return ui.Hits{}, forPage(err)
	}
	ask := index.Query{Expr: q.Filter.Expr(), Limit: q.Limit, Cursor: q.Cursor}
	if ask.Cursor == "" {
		ask.Size = p.api.Searchable(ctx)
	}
	page, err := p.index.Search(ctx, ask)
	if err != nil {
		return ui.Hits{}, forPage(err)
	}
	seqs := make([]uint64, len(page.Hits))
	for i, h := range page.Hits {
		seqs[i] = h.Seq
	}
	records, err := p.trail.Read(ctx, seqs)
	if err != nil {
		return ui.Hits{}, err
	}
	hits := ui.Hits{Next: page.Next}
	for _, r := range records {
		hits.Records = append(hits.Records, recordOf(r))
	}
	return hits, nil
}

func recordOf(r trail.Record) ui.Record {
	return ui.Record{Header: r.Header, Leaf: r.Leaf, Body: r.Body, Seed: r.Seed}
}

func (p *pages) Count(ctx context.Context, f filter.Filter) (uint64, error) {
	f, err := p.api.Expand(ctx, f)
	if err != nil {
		return 0, forPage(err)
	}
	n, err := p.index.Count(ctx, index.Query{Expr: f.Expr(), Size: p.api.Searchable(ctx)})
	return n, forPage(err)
}

func (p *pages) Histogram(ctx context.Context, f filter.Filter) (ui.Histogram, error) {
	f, err := p.api.Expand(ctx, f)
	if err != nil {
		return ui.Histogram{}, forPage(err)
	}
	h, err := p.api.Histogram(ctx, index.Query{Expr: f.Expr(), Size: p.api.Searchable(ctx)}, ui.StepFor)
	if err != nil {
		return ui.Histogram{}, forPage(err)
	}
	out := ui.Histogram{Step: time.Duration(h.StepSeconds) * time.Second, Total: h.Total}
	for _, b := range h.Buckets {
		out.Buckets = append(out.Buckets, ui.Bucket{From: b.From, Records: b.Count})
	}
	return out, nil
}

func (p *pages) Facets(ctx context.Context, f filter.Filter, keys []string, n int) ([]ui.Facet, error) {
	f, err := p.api.Expand(ctx, f)
	if err != nil {
		return nil, forPage(err)
	}
	facets, err := p.index.Facets(ctx, index.Query{Expr: f.Expr(), Size: p.api.Searchable(ctx)}, keys, n)
	if err != nil {
		return nil, forPage(err)
	}
	var out []ui.Facet
	for _, f := range facets {
		facet := ui.Facet{Key: f.Field, More: f.Others > 0}
		for _, v := range f.Values {
			facet.Values = append(facet.Values, ui.FacetValue{Value: v.Value, Records: v.Count})
		}
		out = append(out, facet)
	}
	return out, nil
}

func (p *pages) Record(ctx context.Context, seq uint64) (ui.Evidence, error) {
	if seq >= p.trail.Size() {
		return ui.Evidence{}, ui.ErrNoRecord
	}
	seqs := []uint64{seq}
	if seq > 0 {
		seqs = append(seqs, seq-1)
	}
	records, err := p.trail.Read(ctx, seqs)
	if err != nil {
		return ui.Evidence{}, err
	}
	note, c, err := p.trail.WaitCheckpoint(ctx, seq+1)
	if err != nil {
		return ui.Evidence{}, err
	}
	path, err := p.trail.ProveRecord(seq, c.Size)
	if err != nil {
		return ui.Evidence{}, err
	}
	e := ui.Evidence{Record: recordOf(records[0]), Checkpoint: note, Keys: p.trail.Keys(), Path: path}
	if seq > 0 {
		e.Previous = &records[1].Leaf
	}
	e.SourcePrevious, e.SourceNext, err = p.neighbours(ctx, &records[0].Header)
	return e, err
}

// neighbours finds the records of the same source before and after one, by the
// sseq in their headers. Only so far as a quick look shows them.
func (p *pages) neighbours(ctx context.Context, h *proof.Header) (previous, next *uint64, err error) {
	const look = 4096
	from, until := h.Seq-min(h.Seq, look), min(p.trail.Size(), h.Seq+look)
	for hd, err := range p.trail.Headers(ctx, from, until) {
		if err != nil {
			return nil, nil, err
		}
		switch other := hd.Header; {
		case other.Source != h.Source:
		case other.SSeq+1 == h.SSeq:
			previous = &other.Seq
		case other.SSeq == h.SSeq+1:
			return previous, &other.Seq, nil
		}
	}
	return previous, nil, nil
}

func (p *pages) Status(ctx context.Context) (ui.Status, error) {
	s, err := p.api.Status(ctx)
	if err != nil {
		return ui.Status{}, forPage(err)
	}
	out := ui.Status{
		Checkpoint: []byte(s.Checkpoint.Note), Keys: p.trail.Keys(), Indexed: s.Indexed,
		BytesOnDisk: sizeOf(p.dir),
	}
	for _, src := range s.Sources {
		u := ui.SourceStatus{Source: src.Source, Records: src.Records}
		if src.LastSeq != nil {
			u.LastSeq, u.LastAt, u.Last = *src.LastSeq, *src.LastAt, *src.LastOccurredAt
		}
		u.Unmapped, u.Masked = src.Unmapped, src.Masked
		for _, c := range src.Connectors {
			s := ui.ConnectorStatus{Way: c.Way, Stream: c.Stream, Late: c.Late, Skipped: c.Skipped}
			if c.LastSuccess != nil {
				s.LastSuccess = *c.LastSuccess
			}
			if c.Failures > 0 {
				s.Failing = c.LastError
			}
			u.Connectors = append(u.Connectors, s)
		}
		out.Sources = append(out.Sources, u)
	}
	for _, m := range p.trail.Manifests() {
		out.Segments = append(out.Segments, segmentOf(m))
	}
	for _, end := range []struct {
		seq uint64
		at  *time.Time
	}{{0, &out.First}, {max(s.Size, 1) - 1, &out.Last}} {
		for h, err := range p.trail.Headers(ctx, end.seq, min(end.seq+1, s.Size)) {
			if err != nil {
				return ui.Status{}, err
			}
			*end.at = h.Header.At
		}
	}
	if c := s.LastCheck; c != nil {
		out.LastCheck = &ui.CheckStatus{Seq: c.Seq, At: c.At, Records: c.Records, OK: c.OK, Found: c.Found}
	}
	return out, nil
}

func (p *pages) Pack(ctx context.Context, r ui.PackRequest, w io.Writer) error {
	return forPage(p.api.Pack(ctx, api.PackRequest{
		From: r.From, Until: r.Until, By: r.By, Filter: r.FilterText, Withhold: r.Withhold, Prove: r.Prove, AllHeaders: r.AllHeaders,
	}, w))
}

func segmentOf(m trail.Manifest) ui.SegmentStatus {
	s := ui.SegmentStatus{
		Number: m.Segment, First: m.First, Until: m.Until, FirstAt: m.At.First, LastAt: m.At.Last,
		Manifest: proof.HashManifest(m.Bytes),
	}
	for i, c := range m.Counts {
		if i == 0 || c.OccurredAt.First.Before(s.FirstOccurred) {
			s.FirstOccurred = c.OccurredAt.First
		}
		if c.OccurredAt.Last.After(s.LastOccurred) {
			s.LastOccurred = c.OccurredAt.Last
		}
	}
	var files []struct{ Bytes int64 }
	if json.Unmarshal(m.Files, &files) == nil {
		for _, f := range files {
			s.Bytes += f.Bytes
		}
	}
	return s
}

// forPage turns what the API would refuse into what a page says.
func forPage(err error) error {
	var problem *api.Problem
	var unfinished *index.Unfinished
	switch {
	case errors.As(err, &unfinished):
		return &ui.Refused{What: unfinished.Error(), Next: "Narrow the range of time, or name a source."}
	case errors.As(err, &problem) && problem.Status < http.StatusInternalServerError:
		return &ui.Refused{What: problem.Detail}
	}
	return err
}

// sizeOf adds up the files below dir; what goes away meanwhile is not counted.
func sizeOf(dir string) int64 {
	var sum int64
	filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}
