package client

import (
	"context"
	"sync"
)

// ahead bounds how many bytes are read before they can be sent.
type ahead struct {
	mu   sync.Mutex
	free int
	more chan struct{} // some were given back
}

// take waits until n bytes may be held; false if ctx ends before. One line may
// always be held.
func (a *ahead) take(ctx context.Context, n int) bool {
	for {
		a.mu.Lock()
		ok := a.free > 0
		if ok {
			a.free -= n
		}
		a.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-a.more:
		case <-ctx.Done():
			return false
		}
	}
}

func (a *ahead) give(n int) {
	a.mu.Lock()
	a.free += n
	a.mu.Unlock()
	select {
	case a.more <- struct{}{}:
	default:
	}
}
