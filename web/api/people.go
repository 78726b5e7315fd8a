package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/evident/event"
	"example.com/evident/filter"
	"example.com/evident/identity"
	"example.com/evident/index"
	"example.com/evident/proof"
)

// A people is the book of people, which follows the trail when somebody asks.
// What it holds is thrown away with the process.
type people struct {
	mu     sync.Mutex
	roster identity.Roster
	next   uint64    // records of rosters below it are in roster
	at     time.Time // when the last of them was recorded
	links  []identity.Link
	book   *identity.Book
}

// People returns the book of people as of all that was acknowledged.
func (a *API) People(ctx context.Context) (*identity.Book, error) {
	size := a.Searchable(ctx)
	p := &a.people
	p.mu.Lock()
	defer p.mu.Unlock()
	changed, err := p.follow(ctx, a, size)
	if err != nil {
		return nil, err
	}
	if links := a.book.State().Links(); changed || p.book == nil || !slices.Equal(links, p.links) {
		p.links = links
		p.book = identity.NewBook(&p.roster, links)
	}
	return p.book, nil
}

// rosterPart is how many records of rosters are read at once.
const rosterPart = 1024

// follow applies the records of rosters from p.next to size. The index says
// where they are; what they say is read from the trail, and verified. After an
// error, what was applied is applied again, which changes nothing.
func (p *people) follow(ctx context.Context, a *API, size uint64) (changed bool, err error) {
	if size <= p.next {
		return false, nil
	}
	var seqs []uint64
	ask := index.Query{Expr: proof.Expr{Op: "is", Fields: []string{"source"}, Value: identity.KindRoster + "/*"}, Size: size}
	for seq, err := range a.index.Seqs(ctx, ask, "at", p.at, time.Time{}) {
		if err != nil {
			return false, err
		}
		if seq >= p.next {
			seqs = append(seqs, seq)
		}
	}
	at := p.at
	for part := range slices.Chunk(seqs, rosterPart) {
		records, err := a.trail.Read(ctx, part)
		if err != nil {
			return false, err
		}
		for _, r := range records {
			at = r.Header.At
			if r.Body == nil {
				continue // expired; what a roster said since then is there
			}
			e, err := event.Parse(r.Body)
			if err != nil {
				return false, fmt.Errorf("read roster: record %d: %w", r.Header.Seq, err)
			}
			p.roster.Apply(&e)
		}
	}
	p.next, p.at = size, at
	return len(seqs) > 0, nil
}

// Expand returns f with clauses about people replaced by clauses about their
// accounts, as they are now. An error is a *Problem where the filter is at fault.
func (a *API) Expand(ctx context.Context, f filter.Filter) (filter.Filter, error) {
	if !f.NamesPeople() {
		return f, nil
	}
	b, err := a.People(ctx)
	if err != nil {
		return f, err
	}
	out, err := b.Expand(f)
	var unknown *identity.Unknown
	var syntax *filter.SyntaxError
	switch {
	case errors.As(err, &unknown):
		return f, refuse(http.StatusBadRequest, "filter: "+unknown.What)
	case errors.As(err, &syntax):
		return f, refuse(http.StatusBadRequest, "filter: "+syntax.Msg)
	}
	return out, err
}

// expand is Expand for the caller in ctx. Who may not read learns from no
// answer who is on a roster.
func (a *API) expand(ctx context.Context, f filter.Filter) (filter.Filter, error) {
	if f.NamesPeople() && !callerOf(ctx).Scope.Read {
		return f, refuse(http.StatusForbidden, "filter: person: asks for the roster; a key with scope read may")
	}
	return a.Expand(ctx, f)
}
