package linux

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"

	"example.com/evident/source"
)

// Limits of what Split holds back to put the records of audit events together.
const (
	maxOpen      = 64 // events
	maxOpenBytes = source.MaxEventBytes
)

// split cuts a delivery into lines and JSON objects, and puts the lines together
// that are records of one audit event, even where those of another lie between.
func split(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		g := groups{byKey: map[string]*group{}, yield: yield}
		for raw, err := range source.Mixed(r) {
			if err != nil {
				if g.flush(0, 0) {
					yield(nil, err)
				}
				return
			}
			if !g.add(raw) {
				return
			}
		}
		g.flush(0, 0)
	}
}

// group is an audit event some of whose records have been seen.
type group struct {
	key   string
	lines [][]byte
	bytes int
}

// groups are the audit events that are open, the oldest first.
type groups struct {
	byKey map[string]*group
	order []*group
	bytes int
	yield func([]byte, error) bool
}

// add takes a line, and reports whether more are wanted.
func (g *groups) add(line []byte) bool {
	key := auditKey(line)
	if key == "" {
		return g.yield(line, nil)
	}
	open := g.byKey[key]
	if open == nil {
		open = &group{key: key}
		g.byKey[key] = open
		g.order = append(g.order, open)
	}
	open.lines = append(open.lines, line)
	open.bytes += len(line) + 1
	g.bytes += len(line) + 1
	return g.flush(maxOpen, maxOpenBytes)
}

// flush passes on the oldest events until at most so many are open.
func (g *groups) flush(events, bytesOpen int) bool {
	for len(g.order) > events || g.bytes > bytesOpen && len(g.order) > 0 {
		oldest := g.order[0]
		g.order = slices.Delete(g.order, 0, 1)
		delete(g.byKey, oldest.key)
		g.bytes -= oldest.bytes
		raw := oldest.lines[0]
		if len(oldest.lines) > 1 {
			raw = bytes.Join(oldest.lines, []byte("\n"))
		}
		if !g.yield(raw, nil) {
			return false
		}
	}
	return true
}

// auditKey is what the records of one audit event have in common: the node or
// host, time and serial number. It is empty for a line that is no record.
func auditKey(line []byte) string {
	host, record := auditRecord(string(line[:min(len(line), 512)]))
	if record == "" {
		return ""
	}
	stamp, _, ok := cutStamp(record)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %s", host, stamp)
}
