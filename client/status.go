package client

import (
	"context"
	"net/http"
	"time"
)

// Status is the state of the trail and its server.
type Status struct {
	Version    string         `json:"version"`
	Origin     string         `json:"origin"`
	Size       uint64         `json:"size"`    // records that are durable
	Indexed    uint64         `json:"indexed"` // records that search has taken in
	Failed     string         `json:"failed"`  // why no record is taken any more; empty if they are
	Checkpoint Checkpoint     `json:"checkpoint"`
	Keys       []string       `json:"keys"` // verifier keys
	Segments   Segments       `json:"segments"`
	Sources    []SourceStatus `json:"sources"` // by name
	LastCheck  *Check         `json:"last_check"`
}

// Checkpoint is the newest signed head of the tree.
type Checkpoint struct {
	Size uint64 `json:"size"`
	Root string `json:"root"`
	Note string `json:"note"`
}

// Segments are the sealed stretches of the trail.
type Segments struct {
	Sealed  int    `json:"sealed"`
	Records uint64 `json:"records"`
}

// SourceStatus is what the trail holds of one source.
type SourceStatus struct {
	Source         string    `json:"source"`
	Records        uint64    `json:"records"`
	LastSeq        uint64    `json:"last_seq"`
	LastAt         time.Time `json:"last_at"`
	LastOccurredAt time.Time `json:"last_occurred_at"`
	// Unmapped is how many of the records keep what no mapping understood.
	Unmapped uint64 `json:"unmapped"`
	// Masked is how many values the policy has masked in this run of the server.
	Masked     uint64      `json:"masked"`
	Connectors []Connector `json:"connectors,omitempty"`
}

// Connector is what fetches or listens for the events of a source. Counts are
// of this run of the server.
type Connector struct {
	Way         string    `json:"way"` // pull, bucket, files, syslog or snapshot
	Stream      string    `json:"stream,omitempty"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	Next        time.Time `json:"next,omitzero"`
	Failures    int       `json:"failures"` // rounds that failed since the last success
	LastError   string    `json:"last_error,omitempty"`
	Accepted    int       `json:"accepted"`
	Duplicates  int       `json:"duplicates"`
	Unmapped    int       `json:"unmapped"`
	Late        int       `json:"late"`    // found by a second pass
	Skipped     int       `json:"skipped"` // kept unread, or lost on the way
}

// Check is the last time that the server went through all of the trail.
type Check struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Records uint64    `json:"records"`
	Found   string    `json:"found"` // the first thing that was wrong
}

// Status returns the state of the trail.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.call(ctx, http.MethodGet, "/v1/status", nil, nil, nil, &s, http.StatusOK)
	return s, err
}
