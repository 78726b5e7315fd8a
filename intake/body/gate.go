package body

import (
	"sync"
	"sync/atomic"
)

// A gate bounds how many bytes of bodies are in memory at once, whoever sends
// them. It never waits: a sender that finds it full is told to come again, so
// that slow senders cannot make others wait for each other.
type gate struct{ free atomic.Int64 }

func newGate(n int64) *gate {
	g := &gate{}
	g.free.Store(n)
	return g
}

func (g *gate) take(n int) bool {
	if g.free.Add(-int64(n)) >= 0 {
		return true
	}
	g.free.Add(int64(n))
	return false
}

func (g *gate) give(n int) { g.free.Add(int64(n)) }

// Sizes of buffers: a body moves to the next one when it has filled one. Those
// up to pooled are kept for the next body.
var classes = [...]int{16 << 10, 256 << 10, 2 << 20, 8 << 20, MaxBytes + 1}

const pooled = 8 << 20

// buffers keeps used buffers by size.
type buffers struct{ pools [len(classes)]sync.Pool }

// get returns an empty buffer with room for n bytes or more, MaxBytes + 1
// at most.
func (p *buffers) get(n int) []byte {
	for i, size := range classes {
		if n > size {
			continue
		}
		if b, ok := p.pools[i].Get().(*[]byte); ok {
			return (*b)[:0]
		}
		return make([]byte, 0, size)
	}
	panic("bug: a body larger than the largest buffer")
}

// put takes a buffer back that nobody uses any more.
func (p *buffers) put(b []byte) {
	for i, size := range classes {
		if cap(b) == size && size <= pooled {
			p.pools[i].Put(&b)
			return
		}
	}
}
