package ui

import (
	"context"
	"errors"
	"io"
	"time"

	"example.com/evident/filter"
	"example.com/evident/proof"
)

// Data is what the pages ask of the rest of the server. All methods may be
// called at once, and end when their context does.
//
// A record that does not verify is never returned as if it did: methods that
// return records return a *trail.Damage or *proof.Failure instead, which
// becomes a page that says what is wrong. A *Refused becomes one that says what
// to ask instead.
type Data interface {
	// Head returns the size of the trail and its last checkpoint, cheaply: it
	// stands on every page.
	Head(ctx context.Context) (Head, error)

	// Search returns one page of matching records, by occurred_at, then seq,
	// newest first.
	Search(ctx context.Context, q Query) (Hits, error)

	// Count returns how many records match. It is asked for clauses of a
	// filter that found nothing, and for packs.
	Count(ctx context.Context, f filter.Filter) (uint64, error)

	// Histogram counts matching records by occurred_at. Data chooses the step
	// with [StepFor], over the range that the filter sets or, where a bound is
	// open, that the hits have. Empty buckets may be left out.
	Histogram(ctx context.Context, f filter.Filter) (Histogram, error)

	// Facets returns for each of keys, which are keys of the filter language,
	// the most frequent values among matching records, at most n of each.
	Facets(ctx context.Context, f filter.Filter, keys []string, n int) ([]Facet, error)

	// Record returns one record and what proves it, or ErrNoRecord.
	Record(ctx context.Context, seq uint64) (Evidence, error)

	// Status returns the state of the whole trail.
	Status(ctx context.Context) (Status, error)

	// Pack writes an evidence pack, a zip. An error before the first byte
	// becomes a page.
	Pack(ctx context.Context, r PackRequest, w io.Writer) error
}

// ErrNoRecord is returned for a seq that the trail does not hold.
var ErrNoRecord = errors.New("no such record")

// Head is the trail in one line.
type Head struct {
	Origin string
	Size   uint64 // records that are durable
	Signed uint64 // records that the last checkpoint covers
}

// Query asks for one page of events.
type Query struct {
	Filter filter.Filter
	Cursor string // Next of the page before, "" for the first
	Limit  int
}

// Hits is one page of events.
type Hits struct {
	Records []Record
	Next    string // cursor of the next page, "" on the last
}

// Record is a verified record, of the same shape as trail.Record. Body is nil
// when it has expired under its retention class.
type Record struct {
	Header proof.Header
	Leaf   proof.Hash
	Body   []byte
	Seed   proof.Seed
}

// Histogram counts records over time. From of each bucket is a multiple of
// Step as [StepFor] counts them; buckets are in order.
type Histogram struct {
	Step    time.Duration
	Buckets []Bucket
	Total   uint64
}

// Bucket counts the records of [From, From+Step).
type Bucket struct {
	From    time.Time
	Records uint64
}

// Facet counts the values of one key.
type Facet struct {
	Key    string
	Values []FacetValue // most frequent first
	More   bool         // there are others
}

// FacetValue is one value and how many records have it.
type FacetValue struct {
	Value   string
	Records uint64
}

// Evidence is one record with everything that a reader needs to check it.
type Evidence struct {
	Record
	Previous   *proof.Hash  // leaf of the record before; nil for seq 0
	Checkpoint []byte       // the signed note
	Keys       []proof.Key  // keys of the trail
	Path       []proof.Hash // inclusion in the checkpoint's tree; nil if newer than it
	// The neighbours of the same source, by sseq; nil also where they are too
	// far to be looked for.
	SourcePrevious, SourceNext *uint64
}

// Status is the state of a trail.
type Status struct {
	Checkpoint  []byte
	Keys        []proof.Key
	Indexed     uint64    // records that search has taken in
	First, Last time.Time // when the first and the last record were recorded
	BytesOnDisk int64
	Sources     []SourceStatus
	Segments    []SegmentStatus // in order
	LastCheck   *CheckStatus    // nil if there was none
}

// SourceStatus is what the trail holds of one source.
type SourceStatus struct {
	Source  string
	Records uint64
	Last    time.Time // when the last one happened, zero if not known
	LastAt  time.Time // when it was recorded
	LastSeq uint64
	// Unmapped is how many of the records keep what no mapping understood.
	Unmapped uint64
	// Masked is how many values the policy has masked in this run of the server.
	Masked     uint64
	Connectors []ConnectorStatus
}

// ConnectorStatus is what fetches or listens for the events of a source.
type ConnectorStatus struct {
	Way, Stream string
	LastSuccess time.Time // zero: not yet, or it only listens
	Failing     string    // the last error, if it fails
	Late        int       // events that a second pass found
	Skipped     int       // deliveries that were kept unread, or lost on the way
}

// SegmentStatus is one sealed segment.
type SegmentStatus struct {
	Number, First, Until uint64
	FirstAt, LastAt      time.Time
	FirstOccurred        time.Time
	LastOccurred         time.Time
	Bytes                int64
	Manifest             proof.Hash
}

// CheckStatus is the result of the trail's last check of itself, which is a
// record.
type CheckStatus struct {
	Seq     uint64
	At      time.Time
	Records uint64
	OK      bool
	Found   string // the first thing that was wrong
}

// PackRequest says what goes into an evidence pack.
type PackRequest struct {
	From, Until time.Time // [From, Until)
	By          string    // "occurred_at" or "at"
	Filter      filter.Filter
	FilterText  string
	Withhold    []string // pointers, or dotted names as package pack takes them
	Prove       bool
	AllHeaders  bool // leave out no header of the trail
}
