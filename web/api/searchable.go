package api

import (
	"context"
	"time"
)

// patience is how long a question waits for search to take in what the trail
// has acknowledged before it was asked.
const patience = 2 * time.Second

// Searchable returns the size of the trail that questions are answered about:
// all that was acknowledged when it was asked, so that who has sent an event
// finds it; or, if search is behind by more than the patience, what it has.
func (a *API) Searchable(ctx context.Context) uint64 {
	size := a.trail.Size()
	if a.index.Size() >= size {
		return size
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if a.index.Wait(ctx, size) == nil {
		return size
	}
	return a.index.Size()
}
