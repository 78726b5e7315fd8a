package demo

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"example.com/evident/event"
)

// item is one event on its way out.
type item struct {
	at     int64 // when it happened, in nanoseconds of Unix time
	come   int64 // when it comes in: a little later
	source string
	raw    []byte
}

// book collects the events of a day, or those of the stories.
type book struct {
	co    *company
	r     *rand.Rand
	items []item
	arena []byte
}

// lateness bounds how much later than it happened an event comes in.
const lateness = 20 * time.Second

func newBook(co *company, r *rand.Rand) *book { return &book{co: co, r: r} }

// event books an event of the schema; it gets an id of its source's form
// unless it has one.
func (b *book) event(e event.Event) {
	e.OccurredAt = e.OccurredAt.UTC().Truncate(time.Millisecond)
	if e.ID == "" {
		e.ID = b.uuid()
	}
	start := b.room()
	b.arena = e.AppendJSON(b.arena)
	b.add(e.OccurredAt, e.Source, start)
}

// chunk is how much room is made at a time for events, and eventRoom what one
// event seldom exceeds; when one does, append moves the arena, which is slower
// and no worse.
const (
	chunk     = 256 << 10
	eventRoom = 4 << 10
)

// room makes place for an event at the end of the arena and returns its start.
// Events booked before stay where they are.
func (b *book) room() int {
	if cap(b.arena)-len(b.arena) < eventRoom {
		b.arena = make([]byte, 0, chunk)
	}
	return len(b.arena)
}

// add books what was appended to the arena since start.
func (b *book) add(at time.Time, source string, start int) {
	raw := b.arena[start:len(b.arena):len(b.arena)]
	ns := at.UnixNano()
	b.items = append(b.items, item{at: ns, come: ns + b.r.Int64N(int64(lateness)), source: source, raw: raw})
}

// sort brings the items into the order in which they come in.
func (b *book) sort() {
	slices.SortFunc(b.items, func(x, y item) int { return cmp.Or(cmp.Compare(x.come, y.come), bytes.Compare(x.raw, y.raw)) })
}

// chance is true in one of n cases.
func (b *book) chance(n int) bool { return b.r.IntN(n) == 0 }

// span is a random time between two.
func (b *book) span(from, to time.Duration) time.Duration {
	return from + time.Duration(b.r.Int64N(int64(to-from)))
}

func (b *book) uuid() string {
	var u [16]byte
	h, l := b.r.Uint64(), b.r.Uint64()
	for i := range 8 {
		u[i], u[8+i] = byte(h>>(8*i)), byte(l>>(8*i))
	}
	u[6], u[8] = u[6]&0xf|0x40, u[8]&0x3f|0x80
	var s [36]byte
	hex.Encode(s[:8], u[:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:], u[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

func (b *book) hex(n int) string {
	const set = "0123456789abcdef"
	s := make([]byte, n)
	for i := range s {
		s[i] = set[b.r.IntN(16)]
	}
	return string(s)
}

// id is n random capital letters and digits, as cloud providers like them.
func (b *book) id(n int) string {
	const set = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	s := make([]byte, n)
	for i := range s {
		s[i] = set[b.r.IntN(32)]
	}
	return string(s)
}

func pick[T any](b *book, of []T) T { return of[b.r.IntN(len(of))] }

// detail is a JSON object of names and values: strings, integers and booleans.
func detail(pairs ...any) json.RawMessage {
	d := []byte{'{'}
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			d = append(d, ',')
		}
		d = strconv.AppendQuote(d, pairs[i].(string))
		d = append(d, ':')
		switch v := pairs[i+1].(type) {
		case string:
			d = appendString(d, v)
		case int:
			d = strconv.AppendInt(d, int64(v), 10)
		case bool:
			d = strconv.AppendBool(d, v)
		default:
			panic("bug: a detail is a string, an int or a bool")
		}
	}
	return append(d, '}')
}

// appendString appends a JSON string; the demo's own texts hold nothing worse
// than quotation marks and backslashes.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

var yes, no = true, false

// actor is the person without a session.
func (p *person) actor() event.Actor {
	return event.Actor{Type: event.User, ID: p.okta, Name: p.name, Email: p.email}
}

func (p *person) target() event.Target {
	return event.Target{Type: "user", ID: p.okta, Name: p.email}
}

func service(id, name string) event.Actor {
	return event.Actor{Type: event.Service, ID: id, Name: name}
}

func job(id, name string) event.Actor {
	return event.Actor{Type: event.ActorSystem, ID: id, Name: name}
}
