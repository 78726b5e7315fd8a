package trail

import (
	"container/list"
	"sync"
)

// An lru keeps the values that were used last. It may be used concurrently;
// the zero value keeps nothing.
type lru[K comparable, V any] struct {
	max   int
	mu    sync.Mutex
	byKey map[K]*list.Element
	used  list.List // front: used last
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func (c *lru[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		var zero V
		return zero, false
	}
	c.used.MoveToFront(e)
	return e.Value.(lruEntry[K, V]).value, true
}

func (c *lru[K, V]) put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[K]*list.Element{}
	}
	if _, ok := c.byKey[key]; ok || c.max == 0 {
		return
	}
	c.byKey[key] = c.used.PushFront(lruEntry[K, V]{key, value})
	if c.used.Len() > c.max {
		delete(c.byKey, c.used.Remove(c.used.Back()).(lruEntry[K, V]).key)
	}
}
