package api

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"example.com/evident/event"
	"example.com/evident/intake/sender"
	"example.com/evident/state"
)

// A Caller is who makes a request, and what that one may do.
type Caller struct {
	Scope state.Scope
	Actor event.Actor // for the records of what the caller does
}

// everything is the scope of whoever owns the machine.
var everything = state.Scope{Append: []string{"*"}, Read: true, Admin: true}

type callerKey struct{}

// WithOwner returns a context for requests of whoever holds the data directory
// itself. It cannot be said over the network: only code in this process has it.
func WithOwner(ctx context.Context, actor event.Actor) context.Context {
	return context.WithValue(ctx, callerKey{}, &Caller{Scope: everything, Actor: actor})
}

// callerOf returns the caller that admit let in. Whoever asks without having
// been let in may do nothing.
func callerOf(ctx context.Context) *Caller {
	if c := callerKnown(ctx); c != nil {
		return c
	}
	return &Caller{}
}

// callerKnown returns the caller that was let in, or nil.
func callerKnown(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// identify finds out who makes a request.
func (a *API) identify(r *http.Request) (*Caller, *Problem) {
	if c := callerKnown(r.Context()); c != nil {
		return c, nil
	}
	return a.caller(r.Context(), sender.Credential{Token: tokenOf(r), Host: r.Host, Remote: r.RemoteAddr})
}

// caller finds out who shows a credential. Without keys, on loopback, everybody
// on the machine is the owner, so that the first minutes need none.
func (a *API) caller(ctx context.Context, c sender.Credential) (*Caller, *Problem) {
	s := a.book.State()
	if a.open && !s.HasKeys() {
		// A page from elsewhere whose name was made to point to 127.0.0.1 is in
		// the browser of somebody on this machine, but is nobody on it.
		if !isLoopbackHost(c.Host) {
			return nil, refuse(http.StatusForbidden, "host: without keys the server answers only under a loopback address, such as 127.0.0.1 or localhost; make a key with evident key create")
		}
		return a.owner, nil
	}
	if c.Token == "" {
		return nil, refuse(http.StatusUnauthorized, "key: required, found none; send Authorization: Bearer evk_…")
	}
	k, ok := s.KeyByToken(c.Token, a.now())
	if !ok {
		a.log.InfoContext(ctx, "key refused", "remote", c.Remote)
		return nil, refuse(http.StatusUnauthorized, "key: is not one of this server, has expired or was revoked")
	}
	return &Caller{Scope: k.Scope, Actor: event.Actor{Type: event.Service, ID: k.ID, Name: k.Name}}, nil
}

// Admit says who shows a credential, for ways in beside those of this package.
func (a *API) Admit(ctx context.Context, c sender.Credential) (sender.Sender, error) {
	caller, p := callerKnown(ctx), (*Problem)(nil)
	if caller == nil {
		caller, p = a.caller(ctx, c)
	}
	switch {
	case p == nil:
		return sender.Sender{MayAppend: caller.Scope.MayAppend, Actor: caller.Actor}, nil
	case c.Token == "" && p.Status == http.StatusUnauthorized:
		return sender.Sender{}, sender.ErrNoToken
	case p.Status == http.StatusUnauthorized:
		return sender.Sender{}, sender.ErrToken
	default:
		return sender.Sender{}, fmt.Errorf("%w: %s", sender.ErrToken, p.Detail)
	}
}

// Way gives a way in over HTTP what all routes have. It lets senders in itself,
// by Admit.
func (a *API) Way(next http.Handler, route string) http.Handler {
	return a.wrap(next, intakeDeadline, route)
}

// Took counts events that came in by a way beside those of this package.
func (a *API) Took(bytes, accepted, duplicates, unmapped, refused int) {
	a.metrics.count(bytes, accepted, duplicates, unmapped, refused)
}

// tokenOf returns the token of r: a bearer's, or the password of a browser that
// was asked for one.
func tokenOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(token)
	case strings.EqualFold(scheme, "Basic"):
		_, password, _ := r.BasicAuth()
		return password
	}
	return ""
}

// isLoopbackHost reports whether host, with or without a port, can only mean
// this machine.
func isLoopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// A need is what a route asks of its caller.
type need int

const (
	needNothing need = iota // also of who is unknown
	needKey                 // any scope; the handler shows what that covers
	needRead
	needAdmin
)

// admit calls next with the caller in the request's context, or refuses. pages
// says that browsers may come: they are then asked for a key the way they know.
func (a *API) admit(n need, pages bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n == needNothing {
			next.ServeHTTP(w, r)
			return
		}
		c, p := a.identify(r)
		if p == nil {
			p = c.lacks(n)
		} else if p.Status == http.StatusUnauthorized {
			challenge := `Bearer realm="evident"`
			if pages {
				challenge = `Basic realm="evident: any name, an API key as the password", charset="UTF-8"`
			}
			w.Header().Set("WWW-Authenticate", challenge)
		}
		switch {
		case p == nil:
		case pages:
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(p.Status)
			io.WriteString(w, p.Detail+"\n")
			return
		default:
			a.fail(w, r, p)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func (c *Caller) lacks(n need) *Problem {
	switch {
	case n == needRead && !c.Scope.Read:
		return refuse(http.StatusForbidden, "key: this key may not read; expected one with scope read")
	case n == needAdmin && !c.Scope.Admin:
		return refuse(http.StatusForbidden, "key: this key may not administer; expected one with scope admin")
	}
	return nil
}

// Readers guards a handler that shows everything, such as the pages and the
// tiles: only callers that may read get to it. pages says that browsers come.
func (a *API) Readers(next http.Handler, pages bool) http.Handler {
	route := "tiles"
	if pages {
		route = "pages"
	}
	return a.wrap(a.admit(needRead, pages, next), packDeadline, route)
}

// Anybody gives a handler that shows nothing of the trail what all routes have.
func (a *API) Anybody(next http.Handler) http.Handler {
	return a.wrap(next, readDeadline, "static")
}
