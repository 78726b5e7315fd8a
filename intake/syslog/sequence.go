package syslog

import (
	"bytes"
	"strconv"
	"sync"
)

// Some senders number their messages: sequenceId in the element meta of RFC
// 5424, from 1 on. A number that is left out is a message that got lost on its
// way here, which nothing else would tell.

// maxSenders bounds for how many senders numbers are followed.
const maxSenders = 10_000

// lastNumber is the one before 1 again, RFC 5424 section 7.3.1.
const lastNumber = 1<<31 - 1

// gaps follows the numbers of senders.
type gaps struct {
	mu   sync.Mutex
	last map[string]uint64 // of each sender
}

// lateMost is how far back a message that came late may be.
const lateMost = 1024

var sequenceID = []byte(`sequenceId="`)

// sequence notes the number of a message, if it has one. whole says that it was
// not cut.
func (l *Listener) sequence(host string, raw []byte, whole bool) {
	if !whole {
		return
	}
	i := bytes.Index(raw, sequenceID)
	if i < 0 {
		return
	}
	sender, n, ok := numbered(raw, i)
	if !ok {
		return
	}
	missing := l.gaps.note(host+" "+string(sender), n)
	if missing == 0 {
		return
	}
	l.counter.gaps.Add(1)
	l.counter.missing.Add(missing)
	l.warn("syslog messages are missing", "from", host, "sender", string(sender), "before", n, "missing", missing)
}

// numbered returns who sent a message, by its HOSTNAME, APP-NAME and PROCID, and
// its number, which stands at i.
func numbered(raw []byte, i int) (sender []byte, n uint64, ok bool) {
	if raw[0] != '<' {
		return nil, 0, false
	}
	begin, end, at := 0, 0, 0
	for field := range 6 { // PRI and VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID
		space := bytes.IndexByte(raw[at:], ' ')
		if space < 0 {
			return nil, 0, false
		}
		switch field {
		case 2:
			begin = at
		case 4:
			end = at + space
		}
		at += space + 1
	}
	// The number must stand in structured data, in the element meta.
	element := bytes.LastIndexByte(raw[:i], '[')
	if element < at || raw[at] != '[' || !bytes.HasPrefix(raw[element:], []byte("[meta ")) {
		return nil, 0, false
	}
	value := raw[i+len(sequenceID):]
	quote := bytes.IndexByte(value[:min(len(value), 12)], '"')
	if quote < 0 {
		return nil, 0, false
	}
	n, err := strconv.ParseUint(string(value[:quote]), 10, 64)
	return raw[begin:end], n, err == nil && n > 0 && n <= lastNumber
}

// note returns how many numbers of sender are missing before n. One that is a
// little lower than the last came late; one that is much lower, or 1, is that of
// a sender that began anew.
func (g *gaps) note(sender string, n uint64) (missing uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last == nil {
		g.last = map[string]uint64{}
	}
	last, known := g.last[sender]
	if !known && len(g.last) >= maxSenders {
		for other := range g.last { // any one: its next message begins anew
			delete(g.last, other)
			break
		}
	}
	if known && n <= last && n != 1 && last-n < lateMost {
		return 0
	}
	g.last[sender] = n
	if !known || n <= last {
		return 0
	}
	return n - last - 1
}
