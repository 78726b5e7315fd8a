package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Scope is what the holder of a key may do.
type Scope struct {
	// Append lists sources: app/billing, okta/*, or * for all.
	Append []string `json:"append,omitempty"`
	Read   bool     `json:"read,omitempty"`
	Admin  bool     `json:"admin,omitempty"`
}

// Key is an API key, without its token.
type Key struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scope     Scope      `json:"scope"`
	Active    bool       `json:"active"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt *time.Time `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	RevokedBy string     `json:"revoked_by"`
	Seq       uint64     `json:"seq"` // of the record that made it
}

// Keys returns every key there ever was, newest first.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var out struct{ Keys []Key }
	err := c.call(ctx, http.MethodGet, "/v1/keys", nil, nil, nil, &out, http.StatusOK)
	return out.Keys, err
}

// CreateKey makes a key. The token is shown this once. A zero time is never.
func (c *Client) CreateKey(ctx context.Context, name string, scope Scope, expires time.Time) (k Key, token string, err error) {
	q := struct {
		Name    string     `json:"name"`
		Scope   Scope      `json:"scope"`
		Expires *time.Time `json:"expires_at,omitempty"`
	}{Name: name, Scope: scope}
	if !expires.IsZero() {
		q.Expires = &expires
	}
	body, err := json.Marshal(q)
	if err != nil {
		return Key{}, "", fmt.Errorf("encode key: %w", err)
	}
	var out struct {
		Key   Key
		Token string
	}
	err = c.call(ctx, http.MethodPost, "/v1/keys", nil, body, jsonHeader, &out, http.StatusCreated)
	return out.Key, out.Token, err
}

// RevokeKey revokes a key, which then opens nothing any more.
func (c *Client) RevokeKey(ctx context.Context, id string) (Key, error) {
	var k Key
	err := c.call(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil, nil, &k, http.StatusOK)
	return k, err
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}
