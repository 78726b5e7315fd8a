package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Evidence is one event with everything that it takes to check it by arithmetic
// alone, with package proof: that Header hashes to Leaf, that Body and Seed give
// the digest in Header, that Proof leads from Leaf to what Checkpoint signs.
type Evidence struct {
	Event  Hit       `json:"event"`
	Header string    `json:"header"` // the exact bytes
	Body   *string   `json:"body"`   // the exact bytes; nil when it has expired
	Seed   string    `json:"seed"`   // hex; empty when the body has expired
	Leaf   string    `json:"leaf"`
	Proof  Inclusion `json:"proof"`
	Keys   []string  `json:"keys"` // the trail's verifier keys, as the server gives them
}

// Inclusion shows that a leaf is in the tree of a signed checkpoint.
type Inclusion struct {
	Index      uint64   `json:"index"`
	Size       uint64   `json:"size"`
	Path       []string `json:"path"`
	Checkpoint string   `json:"checkpoint"`
}

// Get returns the event of record seq.
func (c *Client) Get(ctx context.Context, seq uint64) (Evidence, error) {
	var e Evidence
	err := c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/events/%d", seq), nil, nil, nil, &e, http.StatusOK)
	return e, err
}

// Find returns the event with its own id. With an empty source the id must be
// that of one source alone.
func (c *Client) Find(ctx context.Context, source, id string) (Evidence, error) {
	query := url.Values{"id": {id}}
	if source != "" {
		query.Set("source", source)
	}
	var e Evidence
	err := c.call(ctx, http.MethodGet, "/v1/events/by-id", query, nil, nil, &e, http.StatusOK)
	return e, err
}
