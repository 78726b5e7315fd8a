package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A PackRequest says what goes into an evidence pack. From and Until are required.
type PackRequest struct {
	From     time.Time `json:"from"` // From ≤ t < Until
	Until    time.Time `json:"until"`
	By       string    `json:"by,omitempty"` // occurred_at (if empty) or at
	Filter   string    `json:"filter,omitempty"`
	Withhold []string  `json:"withhold,omitempty"` // fields, such as actor.email
	Prove    bool      `json:"prove,omitempty"`    // disclose what shows that others do not match

	// AllHeaders leaves out no header of the trail, so that nothing rests on what
	// the sealing of segments says of their times.
	AllHeaders bool `json:"all_headers,omitempty"`
}

// Pack has an evidence pack made and writes it to w: a zip.
func (c *Client) Pack(ctx context.Context, p PackRequest, w io.Writer) (bytes int64, err error) {
	body, err := json.Marshal(p)
	if err != nil {
		return 0, fmt.Errorf("encode pack request: %w", err)
	}
	resp, err := c.do(ctx, http.MethodPost, "/v1/packs", nil, body, jsonHeader, http.StatusOK)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if bytes, err = io.Copy(w, resp.Body); err != nil {
		return bytes, fmt.Errorf("receive pack: %w", err)
	}
	return bytes, nil
}
