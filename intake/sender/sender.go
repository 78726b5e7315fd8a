// Package sender says who sends: what ways in ask of whoever mounts them. It
// decides nothing itself; keys and their scopes are package state's.
package sender

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"example.com/evident/event"
)

// A Sender is who sends, as far as an intake needs to know.
type Sender struct {
	// MayAppend says of which sources; nil: of any but evident.
	MayAppend func(source string) bool
	Actor     event.Actor
}

// A Credential is what a client shows of itself.
type Credential struct {
	Token  string // an API key; empty: none was shown
	Host   string // what the client calls the server, perhaps with a port
	Remote string // address and port of the client
}

// Errors of an Admit. Any other means that it cannot be decided now.
var (
	ErrNoToken = errors.New("key: required, found none")
	ErrToken   = errors.New("key: is not one of this server, has expired or was revoked")
)

// Admit returns who shows c, or ErrNoToken or ErrToken, perhaps wrapped.
type Admit func(ctx context.Context, c Credential) (Sender, error)

// Of returns the credential of r: the token behind one of the given schemes of
// the Authorization header, such as Bearer, or the password of Basic.
// Elasticsearch's ApiKey is the part behind the colon of what is encoded, or what
// stands there, if that is not encoded.
func Of(r *http.Request, schemes ...string) Credential {
	c := Credential{Host: r.Host, Remote: r.RemoteAddr}
	found, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	token = strings.TrimSpace(token)
	for _, s := range schemes {
		if !strings.EqualFold(found, s) {
			continue
		}
		switch s {
		case "Basic":
			_, c.Token, _ = r.BasicAuth()
		case "ApiKey":
			c.Token = apiKey(token)
		default:
			c.Token = token
		}
	}
	return c
}

func apiKey(token string) string {
	if plain, err := base64.StdEncoding.DecodeString(token); err == nil {
		if _, key, ok := strings.Cut(string(plain), ":"); ok {
			return key
		}
	}
	return token
}
