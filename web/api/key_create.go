package api

import (
	"crypto/rand"
	"net/http"
	"time"

	"example.com/evident/event"
	"example.com/evident/state"
)

// keyRequest is the body of POST /v1/keys.
type keyRequest struct {
	Name    string      `json:"name"`
	Scope   state.Scope `json:"scope"`
	Expires *time.Time  `json:"expires_at"`
}

// KeyCreated is the answer of POST /v1/keys.
type KeyCreated struct {
	Key   Key    `json:"key"`
	Token string `json:"token"` // shown this once
}

// keyCreate serves POST /v1/keys.
func (a *API) keyCreate(w http.ResponseWriter, r *http.Request) error {
	var q keyRequest
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	var random [37]byte
	rand.Read(random[:])
	id, token := state.NewToken(random)
	d := state.KeyCreated{Key: id, Name: q.Name, Hash: state.TokenHash(token), Scope: q.Scope}
	if q.Expires != nil {
		at := q.Expires.UTC()
		d.Expires = &at
	}
	err := a.act(r.Context(), state.Act{
		Action: state.ActionKeyCreate, Category: event.Account,
		Target: event.Target{Type: "api_key", ID: id, Name: q.Name}, Detail: d,
	})
	if err != nil {
		return err
	}
	k, _ := a.book.State().KeyByID(id)
	return writeJSON(w, http.StatusCreated, KeyCreated{keyOf(k, a.now()), token})
}
