package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
)

// A Query asks for a page of events. The zero value asks for the newest 50.
type Query struct {
	Filter string // see docs/filter.md; empty: everything
	Limit  int    // 50 if zero, 1,000 at most
	Cursor string // Next of the page before
}

// A Page is what Search found, newest first by occurred_at, then seq.
type Page struct {
	Events []Hit  `json:"events"`
	Next   string `json:"next"` // empty on the last page
	Size   uint64 `json:"size"` // of the trail that was searched
}

// A Hit is an event and where it stands in the trail.
type Hit struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"` // when it was recorded
	Leaf string    `json:"leaf"`
	// JSON is the event's own fields as they were received, with seq, at and
	// leaf beside them: one JSON object.
	JSON json.RawMessage `json:"-"`
}

// UnmarshalJSON keeps the object as it came.
func (h *Hit) UnmarshalJSON(b []byte) error {
	type plain Hit
	if err := json.Unmarshal(b, (*plain)(h)); err != nil {
		return err
	}
	h.JSON = append(json.RawMessage(nil), b...)
	return nil
}

// Event returns the event itself. Of one whose body has expired there is none.
func (h *Hit) Event() (event.Event, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(h.JSON, &members); err != nil {
		return event.Event{}, fmt.Errorf("read event %d: %w", h.Seq, err)
	}
	if members["expired"] != nil {
		return event.Event{}, fmt.Errorf("read event %d: its body has expired", h.Seq)
	}
	for _, name := range []string{"seq", "at", "leaf"} {
		delete(members, name)
	}
	b, err := json.Marshal(members)
	if err != nil {
		return event.Event{}, fmt.Errorf("read event %d: %w", h.Seq, err)
	}
	return event.Parse(b)
}

// Search returns one page of the events that match.
func (c *Client) Search(ctx context.Context, q Query) (Page, error) {
	query := filterQuery(q.Filter)
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Cursor != "" {
		query.Set("cursor", q.Cursor)
	}
	var p Page
	err := c.call(ctx, http.MethodGet, "/v1/events", query, nil, nil, &p, http.StatusOK)
	return p, err
}

// All yields every event that matches, newest first, page by page. After an
// error it yields nothing more.
func (c *Client) All(ctx context.Context, filter string) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		for q := (Query{Filter: filter, Limit: 1000}); ; {
			p, err := c.Search(ctx, q)
			if err != nil {
				yield(Hit{}, err)
				return
			}
			for _, h := range p.Events {
				if !yield(h, nil) {
					return
				}
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				return
			}
		}
	}
}

// Count returns how many events match.
func (c *Client) Count(ctx context.Context, filter string) (uint64, error) {
	var out struct{ Count uint64 }
	err := c.call(ctx, http.MethodGet, "/v1/count", filterQuery(filter), nil, nil, &out, http.StatusOK)
	return out.Count, err
}

// A Histogram counts events over time. Buckets without events are left out.
type Histogram struct {
	StepSeconds int64    `json:"step_seconds"`
	Total       uint64   `json:"total"`
	Buckets     []Bucket `json:"buckets"`
	Size        uint64   `json:"size"`
}

// A Bucket counts the events with From ≤ occurred_at < Until.
type Bucket struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Count uint64    `json:"count"`
}

// Histogram counts the events that match by occurred_at. The step is one of 1m,
// 5m, 15m, 1h, 6h, 1d and 7d; empty leaves the choice to the server.
func (c *Client) Histogram(ctx context.Context, filter, step string) (Histogram, error) {
	query := filterQuery(filter)
	if step != "" {
		query.Set("step", step)
	}
	var h Histogram
	err := c.call(ctx, http.MethodGet, "/v1/histogram", query, nil, nil, &h, http.StatusOK)
	return h, err
}

// A Facet counts the values of one field.
type Facet struct {
	Field  string       `json:"field"`
	Values []FacetValue `json:"values"` // most frequent first
	More   bool         `json:"more"`   // there are others
}

// FacetValue is a value and how many events have it.
type FacetValue struct {
	Value string `json:"value"`
	Count uint64 `json:"count"`
}

// Facets returns the most frequent values of fields, which are keys of the
// filter language, among the events that match. Without fields it is source,
// category, action and outcome; top is 10 if zero, 100 at most.
func (c *Client) Facets(ctx context.Context, filter string, fields []string, top int) ([]Facet, error) {
	query := filterQuery(filter)
	if len(fields) > 0 {
		query.Set("fields", strings.Join(fields, ","))
	}
	if top != 0 {
		query.Set("top", strconv.Itoa(top))
	}
	var out struct{ Facets []Facet }
	err := c.call(ctx, http.MethodGet, "/v1/facets", query, nil, nil, &out, http.StatusOK)
	return out.Facets, err
}

func filterQuery(filter string) url.Values {
	q := url.Values{}
	if filter != "" {
		q.Set("filter", filter)
	}
	return q
}
