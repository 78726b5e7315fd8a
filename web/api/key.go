package api

import (
	"time"

	"example.com/evident/state"
)

// Key is an API key as the API shows it. Its token is shown once, by whoever
// makes it, and is in no other answer.
type Key struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Scope     state.Scope `json:"scope"`
	Active    bool        `json:"active"`
	CreatedAt time.Time   `json:"created_at"`
	CreatedBy string      `json:"created_by"`
	ExpiresAt *time.Time  `json:"expires_at,omitempty"`
	RevokedAt *time.Time  `json:"revoked_at,omitempty"`
	RevokedBy string      `json:"revoked_by,omitempty"`
	Seq       uint64      `json:"seq"` // of the record that made it
}

func keyOf(k state.Key, now time.Time) Key {
	out := Key{
		ID: k.ID, Name: k.Name, Scope: k.Scope, Active: k.Active(now), CreatedAt: k.Created, CreatedBy: k.CreatedBy,
		RevokedBy: k.RevokedBy, Seq: k.Seq,
	}
	if !k.Expires.IsZero() {
		out.ExpiresAt = &k.Expires
	}
	if !k.Revoked.IsZero() {
		out.RevokedAt = &k.Revoked
	}
	return out
}
