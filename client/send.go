package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"example.com/evident/event"
)

// An Answer says what became of each event that was sent.
type Answer struct {
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"` // the trail had them already
	Unmapped   int       `json:"unmapped"`   // accepted, but kept verbatim: their kind could not read them
	Refused    []Refused `json:"refused"`
	FirstSeq   *uint64   `json:"first_seq"` // nil: nothing was added to the trail
	LastSeq    *uint64   `json:"last_seq"`
	Receipts   []Receipt `json:"receipts"` // of accepted and duplicate events, in the order in which they were sent
}

// Refused is an event that was not stored, and why.
type Refused struct {
	Line  int    `json:"line"` // or its position in an array, from 1
	ID    string `json:"id"`
	Error string `json:"error"`
}

// A Receipt is what to keep of an event that was sent. Leaf is in hex. With
// Delivery.Proof there is also its proof: the hashes that lead from the leaf to
// the root that Checkpoint signs.
type Receipt struct {
	ID         string   `json:"id"`
	Seq        uint64   `json:"seq"`
	Leaf       string   `json:"leaf"`
	Index      uint64   `json:"index"`
	Size       uint64   `json:"size"`
	Proof      []string `json:"proof"`
	Checkpoint string   `json:"checkpoint"`
}

// A Delivery is bytes to be sent as they are.
type Delivery struct {
	Body []byte
	// Encoding of Body: gzip, zstd, or empty.
	Encoding string
	// ContentType is application/json if empty; application/x-ndjson says that
	// there is one event a line.
	ContentType string
	// Source is that of raw events (aws.cloudtrail/prod), or of events that
	// name none.
	Source string
	// Name, if not empty, is what events without an id are known by, with their
	// place in the delivery: the same when it is sent again, another for another
	// delivery, even one of the same bytes. 200 bytes at most.
	Name   string
	Atomic bool // all or nothing
	Proof  bool // wait for the checkpoint; 1,000 events at most
	// NoReceipts leaves them out of the answer.
	NoReceipts bool
}

// Send stores events, in order, and returns when they are durable. Events
// without an id are given one here, so that sending again after an error makes
// no second record. Refused events are in the answer, not in the error.
func (c *Client) Send(ctx context.Context, events []event.Event) (Answer, error) {
	var body []byte
	now := time.Now()
	for i := range events {
		e := &events[i]
		if e.ID == "" {
			e.ID = event.NewID(now)
		}
		body = append(e.AppendJSON(body), '\n')
	}
	if len(events) == 0 {
		return Answer{}, nil
	}
	return c.Deliver(ctx, Delivery{Body: body, ContentType: "application/x-ndjson"})
}

// Deliver stores the events of a delivery and returns when they are durable.
func (c *Client) Deliver(ctx context.Context, d Delivery) (Answer, error) {
	query := url.Values{}
	if d.Source != "" {
		query.Set("source", d.Source)
	}
	if d.Name != "" {
		query.Set("delivery", d.Name)
	}
	for name, on := range map[string]bool{"atomic": d.Atomic, "proof": d.Proof} {
		if on {
			query.Set(name, "true")
		}
	}
	if d.NoReceipts {
		query.Set("receipts", "false")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if d.ContentType != "" {
		header.Set("Content-Type", d.ContentType)
	}
	if d.Encoding != "" {
		header.Set("Content-Encoding", d.Encoding)
	}
	var a Answer
	err := c.call(ctx, http.MethodPost, "/v1/events", query, d.Body, header, &a, http.StatusOK, http.StatusUnprocessableEntity)
	return a, err
}
