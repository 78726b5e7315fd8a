package load

import (
	"bufio"
	"fmt"
	"os"
)

// Corpus is a stretch of events in a file, cut into batches. It is made before
// a clock starts and read from the page cache while it runs, so that the load
// generator costs the two cores next to nothing and five million events need
// no memory of its own.
type Corpus struct {
	f      *os.File
	starts []int64 // start of each batch; the last one is the end of the file
	shape  *Shape
	batch  int
	events int
	bytes  int64
}

// Write makes a corpus of n events in the schema, in batches of batch events, at
// path.
func Write(path string, g *Generator, n, batch int) (*Corpus, error) {
	return WriteShape(path, g, &Native, n, batch)
}

// WriteShape makes a corpus of n events of a shape.
func WriteShape(path string, g *Generator, shape *Shape, n, batch int) (*Corpus, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write corpus: %w", err)
	}
	c := &Corpus{f: f, shape: shape, batch: batch, events: n}
	w := bufio.NewWriterSize(f, 1<<20)
	var line []byte
	for i := range n {
		if i%batch == 0 {
			c.starts = append(c.starts, c.bytes)
		}
		line = append(line[:0], shape.Between...)
		if i%batch == 0 {
			line = append(line[:0], shape.Begin...)
		}
		if line = shape.Append(g, line); i%batch == batch-1 || i == n-1 {
			line = append(line, shape.End...)
		}
		c.bytes += int64(len(line))
		if _, err := w.Write(line); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("write corpus: %w", err)
		}
	}
	c.starts = append(c.starts, c.bytes)
	// Synced, so that its write-back does not fall into somebody's measurement.
	err = w.Flush()
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("write corpus: %w", err)
	}
	return c, nil
}

// Batches is the number of batches, Events that of events, Bytes their size.
func (c *Corpus) Batches() int { return len(c.starts) - 1 }

// Events is the number of events.
func (c *Corpus) Events() int { return c.events }

// Bytes is the size of all events, newlines included.
func (c *Corpus) Bytes() int64 { return c.bytes }

// Batch reads batch i into buf, which it may grow, and says how many events it
// holds. It may be called from many goroutines, each with a buffer of its own.
func (c *Corpus) Batch(i int, buf []byte) (body []byte, events int, err error) {
	n := int(c.starts[i+1] - c.starts[i])
	if cap(buf) < n {
		buf = make([]byte, n, n+n/8)
	}
	buf = buf[:n]
	if _, err := c.f.ReadAt(buf, c.starts[i]); err != nil {
		return nil, 0, fmt.Errorf("read corpus: %w", err)
	}
	events = c.batch
	if rest := c.events - i*c.batch; rest < events {
		events = rest
	}
	return buf, events, nil
}

// Close closes and removes the file.
func (c *Corpus) Close() error {
	err := c.f.Close()
	if e := os.Remove(c.f.Name()); err == nil {
		err = e
	}
	return err
}
