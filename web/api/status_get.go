package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"example.com/evident/event"
	"example.com/evident/index"
	"example.com/evident/proof"
	"example.com/evident/source"
	"example.com/evident/state"
	"example.com/evident/trail"
)

// actionTrailCheck is the action of the record that a check of the whole trail
// leaves.
const actionTrailCheck = "trail.check"

// Status is the answer of GET /v1/status.
type Status struct {
	Version    string           `json:"version"`
	Origin     string           `json:"origin"`
	Size       uint64           `json:"size"`
	Indexed    uint64           `json:"indexed"`
	Failed     string           `json:"failed,omitempty"`
	Checkpoint StatusCheckpoint `json:"checkpoint"`
	Keys       []string         `json:"keys"`
	Segments   StatusSegments   `json:"segments"`
	Sources    []SourceStatus   `json:"sources"`
	LastCheck  *CheckStatus     `json:"last_check"`
}

// StatusCheckpoint is the newest checkpoint.
type StatusCheckpoint struct {
	Size uint64     `json:"size"`
	Root proof.Hash `json:"root"`
	Note string     `json:"note"`
}

// StatusSegments counts what is sealed.
type StatusSegments struct {
	Sealed  int    `json:"sealed"`
	Records uint64 `json:"records"`
}

// SourceStatus is what the trail holds of one source. The last ones are of the
// event that is the latest by its own clock; they are absent where search could
// not tell in time.
type SourceStatus struct {
	Source         string     `json:"source"`
	Records        uint64     `json:"records"`
	LastSeq        *uint64    `json:"last_seq,omitempty"`
	LastAt         *time.Time `json:"last_at,omitempty"`
	LastOccurredAt *time.Time `json:"last_occurred_at,omitempty"`
	// Unmapped is how many of the records keep what no mapping understood.
	Unmapped uint64 `json:"unmapped"`
	// Masked is how many values the policy has masked or tokenised in this run of
	// the server.
	Masked     uint64            `json:"masked"`
	Connectors []ConnectorStatus `json:"connectors,omitempty"`
}

// ConnectorStatus is what fetches or listens for the events of a source. Counts
// are of this run of the server.
type ConnectorStatus struct {
	Source      string     `json:"-"`
	Way         string     `json:"way"`              // pull, bucket, files, syslog
	Stream      string     `json:"stream,omitempty"` // of what part, or at which address
	LastSuccess *time.Time `json:"last_success,omitempty"`
	Next        *time.Time `json:"next,omitempty"`
	Failures    int        `json:"failures"` // rounds that failed since the last success
	LastError   string     `json:"last_error,omitempty"`
	Accepted    int        `json:"accepted"`
	Duplicates  int        `json:"duplicates"`
	Unmapped    int        `json:"unmapped"`
	Late        int        `json:"late"`    // found by a second pass
	Skipped     int        `json:"skipped"` // kept unread, or lost on the way
}

// CheckStatus is the last check, which is a record.
type CheckStatus struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Records uint64    `json:"records"`
	Found   string    `json:"found,omitempty"` // the first thing that was wrong
}

// statusGet serves GET /v1/status.
func (a *API) statusGet(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Status(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s)
}

// Status returns the state of the trail.
func (a *API) Status(ctx context.Context) (Status, error) {
	note, c := a.trail.Checkpoint()
	s := Status{
		Version: a.version, Origin: a.trail.Origin(), Size: a.trail.Size(), Indexed: a.index.Size(),
		Checkpoint: StatusCheckpoint{c.Size, c.Root, string(note)}, Sources: []SourceStatus{},
	}
	if err := a.trail.Failed(); err != nil {
		s.Failed = err.Error()
	}
	for _, k := range a.trail.Keys() {
		s.Keys = append(s.Keys, k.String())
	}
	if ms := a.trail.Manifests(); len(ms) > 0 {
		s.Segments = StatusSegments{len(ms), ms[len(ms)-1].Until}
	}
	counts := a.trail.Counts()
	var connectors []ConnectorStatus
	if a.connectors != nil {
		connectors = a.connectors()
	}
	for _, c := range connectors {
		counts[c.Source] += 0 // also one that has sent nothing yet
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		src := SourceStatus{Source: name, Records: counts[name]}
		for _, c := range connectors {
			if c.Source == name {
				src.Connectors = append(src.Connectors, c)
			}
		}
		if a.redacted != nil {
			for _, c := range a.redacted() {
				if c.Source == name {
					src.Masked += c.N
				}
			}
		}
		s.Sources = append(s.Sources, src)
	}
	if err := errors.Join(a.lastEvents(ctx, s.Sources), a.countUnmapped(ctx, s.Sources)); err != nil {
		return s, err
	}
	var err error
	s.LastCheck, err = a.lastCheck(ctx)
	return s, err
}

// maxSources is for how many sources the last event is looked up.
const maxSources = 200

// lastEvents fills in the last event of each source.
func (a *API) lastEvents(ctx context.Context, sources []SourceStatus) error {
	var seqs []uint64
	var of []*SourceStatus
	for i := range sources[:min(len(sources), maxSources)] {
		rec, ok, err := a.newest(ctx, is("source", sources[i].Source))
		if err != nil {
			return err
		}
		if ok {
			seqs, of = append(seqs, rec), append(of, &sources[i])
		}
	}
	records, err := a.trail.Read(ctx, seqs)
	if err != nil {
		return err
	}
	for i := range records {
		h := &records[i].Header
		of[i].LastSeq, of[i].LastAt, of[i].LastOccurredAt = &h.Seq, &h.At, &h.OccurredAt
	}
	return nil
}

// countUnmapped fills in how many records of each source nobody could read.
func (a *API) countUnmapped(ctx context.Context, sources []SourceStatus) error {
	facets, err := a.index.Facets(ctx, index.Query{Expr: is("action", source.ActionUnmapped)}, []string{"source"}, maxSources)
	if err != nil || len(facets) == 0 {
		return err
	}
	for _, v := range facets[0].Values {
		if i := slices.IndexFunc(sources, func(s SourceStatus) bool { return s.Source == v.Value }); i >= 0 {
			sources[i].Unmapped = v.Count
		}
	}
	return nil
}

// newest returns the number of the newest record that matches.
func (a *API) newest(ctx context.Context, e proof.Expr) (seq uint64, ok bool, err error) {
	page, err := a.index.Search(ctx, index.Query{Expr: e, Limit: 1})
	if err != nil || len(page.Hits) == 0 {
		return 0, false, err
	}
	return page.Hits[0].Seq, true, nil
}

func is(field, value string) proof.Expr {
	return proof.Expr{Op: "is", Fields: []string{field}, Value: value}
}

// lastCheck reads the record of the last check.
func (a *API) lastCheck(ctx context.Context) (*CheckStatus, error) {
	seq, ok, err := a.newest(ctx, proof.Expr{Op: "all", Args: []proof.Expr{is("source", state.Source), is("action", actionTrailCheck)}})
	if err != nil || !ok {
		return nil, err
	}
	records, err := a.trail.Read(ctx, []uint64{seq})
	if err != nil {
		return nil, err
	}
	return checkOf(&records[0])
}

func checkOf(r *trail.Record) (*CheckStatus, error) {
	c := &CheckStatus{Seq: r.Header.Seq, At: r.Header.At, OK: r.Header.Outcome == string(event.Success)}
	if r.Body == nil {
		return c, nil
	}
	var detail struct {
		Size  uint64
		Error string
	}
	e, err := event.Parse(r.Body)
	if err == nil {
		err = json.Unmarshal(e.Detail, &detail)
	}
	if err != nil {
		return nil, fmt.Errorf("read record %d: %w", r.Header.Seq, err)
	}
	c.Records, c.Found = detail.Size, detail.Error
	return c, nil
}
