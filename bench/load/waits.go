package load

import (
	"slices"
	"time"
)

// Waits are the times that requests took, sorted once a load has ended.
type Waits []time.Duration

func (w Waits) sort() { slices.Sort(w) }

// Sorted sorts w and returns it.
func Sorted(w Waits) Waits {
	w.sort()
	return w
}

// At is the wait that the part p (0 to 1) of all requests did not exceed; zero
// when there were none.
func (w Waits) At(p float64) time.Duration {
	if len(w) == 0 {
		return 0
	}
	return w[min(len(w)-1, int(p*float64(len(w))))]
}
