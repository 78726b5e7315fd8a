package main

import (
	"bytes"

	"example.com/evident/source"
)

// Sizes at which a batch is delivered. The server appends in parts of this size.
const (
	batchEvents = 4000
	batchBytes  = 4 << 20
)

// place is where an event stands.
type place struct {
	file  string
	event int // its number in the file, from 1
}

// A batch is events of one or more files that are delivered at once.
type batch struct {
	body   []byte
	places []place
	last   int    // where the last event begins in body
	done   uint64 // bytes of files that were read by then
	file   int    // files that were begun by then
}

// full reports whether raw goes into another batch. The events stand one after
// the other; one that is broken ends where the next line begins with a brace or
// bracket, so what begins otherwise must not stand behind it.
func (b *batch) full(raw []byte) bool {
	switch {
	case len(b.places) == 0:
		return false
	case len(b.places) >= batchEvents || len(b.body)+len(raw) > batchBytes:
		return true
	case len(raw) > 0 && (raw[0] == '{' || raw[0] == '['):
		return false
	}
	return source.Valid(bytes.TrimSpace(b.body[b.last:])) != nil
}

// add appends an event, byte for byte. But events in the schema are delivered one
// a line: a line break within one, which can only stand between its tokens,
// becomes a space.
func (b *batch) add(verbatim bool, at place, raw []byte) {
	b.last = len(b.body)
	b.body = append(b.body, raw...)
	if verbatim {
		for i, c := range b.body[b.last:] {
			if c == '\n' || c == '\r' {
				b.body[b.last+i] = ' '
			}
		}
	}
	b.body = append(b.body, '\n')
	b.places = append(b.places, at)
}
