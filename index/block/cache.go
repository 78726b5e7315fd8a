package block

import (
	"container/list"
	"sync"
)

// A Cache keeps the unpacked entries of blocks that were used last, up to max
// bytes. It may be used concurrently.
type Cache struct {
	max int

	mu    sync.Mutex // guards what follows
	bytes int
	byKey map[cacheKey]*list.Element
	used  list.List // front: used last
}

type cacheKey struct {
	block *Block
	group int
}

type cached struct {
	key     cacheKey
	entries Entries
	bytes   int
}

// NewCache returns a cache of so many bytes.
func NewCache(max int) *Cache { return &Cache{max: max, byKey: map[cacheKey]*list.Element{}} }

// get returns the entries under key, or loads them.
func (c *Cache) get(key cacheKey, load func() (Entries, error)) (Entries, error) {
	c.mu.Lock()
	if e, ok := c.byKey[key]; ok {
		c.used.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cached).entries, nil
	}
	c.mu.Unlock()
	loaded, err := load()
	if err != nil {
		return loaded, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return loaded, nil
	}
	size := 2*len(loaded.blob) + 4*len(loaded.ends) + 256
	c.byKey[key] = c.used.PushFront(&cached{key, loaded, size})
	for c.bytes += size; c.bytes > c.max && c.used.Len() > 1; {
		c.drop(c.used.Back())
	}
	return loaded, nil
}

func (c *Cache) drop(e *list.Element) {
	old := c.used.Remove(e).(*cached)
	delete(c.byKey, old.key)
	c.bytes -= old.bytes
}

// Forget drops what is kept of a block.
func (c *Cache) Forget(b *Block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for g := range Groups {
		if e, ok := c.byKey[cacheKey{b, g}]; ok {
			c.drop(e)
		}
	}
}
