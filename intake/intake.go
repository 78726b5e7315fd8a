// Package intake turns what arrives into records: it cuts a delivery into
// events, reads or maps each, and hands them to the trail in one append. It
// answers for every single event: accepted, duplicate, or refused with a
// reason. What a source's own format sends is never refused for what it says:
// what cannot be mapped is kept verbatim, as action unmapped.
//
// How deliveries arrive is not its concern: each way in is a folder below,
// such as intake/http.
package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/source"
	"example.com/evident/trail"
)

// Limits of a delivery.
const (
	MaxEventBytes = 1 << 20 // one event in the schema; raw events may have source.MaxEventBytes
	MaxEvents     = 100_000 // in one delivery
	// MaxAtomicEvents and MaxAtomicBytes bound a delivery that is stored whole
	// or not at all, and so in one append.
	MaxAtomicEvents = 10_000
	MaxAtomicBytes  = 16 << 20
)

// A larger delivery is appended in parts of about this size, so that the memory
// which it takes depends neither on how long nor on how finely cut it is.
const (
	partEvents = 4096
	partBytes  = 4 << 20
	partFields = 1 << 17
)

// Config is what an Intake works with.
type Config struct {
	Trail *trail.Trail
	// Kinds are the formats that are mapped. A source of another kind, or of a
	// verbatim one, sends events that are in the schema already.
	Kinds []source.Kind
	// Redact, if set, returns raw, which comes for a source (empty: the one that
	// an event in the schema names), with what the policy masks masked. Nothing
	// else of raw is ever stored. It may return raw itself, and must not change it.
	Redact func(source string, raw []byte) []byte
	// Now gives the time of acts and of events without one; nil is time.Now.
	Now func() time.Time
}

// An Intake takes deliveries. Its methods may be called concurrently.
type Intake struct {
	trail   *trail.Trail
	kinds   map[string]source.Kind
	redact  func(source string, raw []byte) []byte
	now     func() time.Time
	batches sync.Pool // of *batch
	words   sync.Map  // of string to the same string
	known   atomic.Int64
	changes changes
}

// New returns an Intake. It needs no closing.
func New(c Config) *Intake {
	in := &Intake{trail: c.Trail, kinds: map[string]source.Kind{}, redact: c.Redact, now: c.Now}
	for _, k := range c.Kinds {
		if !k.Verbatim { // their raws are in the schema: they take the way of all others
			in.kinds[k.Name] = k
		}
	}
	if in.redact == nil {
		in.redact = func(_ string, raw []byte) []byte { return raw }
	}
	if in.now == nil {
		in.now = time.Now
	}
	in.batches.New = func() any { return &batch{} }
	return in
}

// A Delivery is what one sender sends at once.
type Delivery struct {
	Body []byte // only read, and not kept after Take
	Form Form
	// Raws, if not nil, are the raw events of a delivery that came cut, in place
	// of Body. They are only read, and not kept after Take.
	Raws [][]byte
	// IDs, if not nil, has the id of each of Raws for when it brings none, in
	// UTF-8: its position at the sender. Otherwise an event without an id is known by the
	// bytes of the whole delivery and its place in it or, if it is in the schema
	// already, by an id that is made now.
	IDs []string
	// Name, if not empty, is what the delivery is known by in place of its bytes:
	// its sender chose it, and gives it the same one when it sends it again. Two
	// deliveries of equal bytes and different names are two.
	Name string
	// Broken, if not nil, says of each of Raws why it is not whole, such as that
	// only its beginning is kept; empty for those that are. What is not whole is
	// stored as unmapped.
	Broken []string
	// Keep says that nobody is there who could send it better: what cannot be
	// cut, or is in no schema, is stored as unmapped, and not refused.
	Keep bool
	// Zone is that of times which come without one; nil: UTC.
	Zone *time.Location
	// Source is the source of raw events, if its kind is one that is mapped;
	// otherwise that of events which name none. Empty: none.
	Source string
	// Atomic stores all events or, if one is refused, none.
	Atomic bool
	// MayAppend says whether the sender may append events of a source; nil: of
	// any but evident.
	MayAppend func(source string) bool
	// Actor is who sends, for the record of a conflict.
	Actor event.Actor
}

// Take stores the events of d and fills a, whose memory it reuses. An error
// means that nothing was stored, or (from the trail) that it is not known:
// sending the delivery again is always right. Strings of a that came with the
// delivery share memory with d.Body.
//
// An append that has begun is not stopped by ctx: a sender that goes away does
// not make an event not have happened.
func (in *Intake) Take(ctx context.Context, d *Delivery, a *Answer) (failed error) {
	a.reset()
	if err := in.checkSource(d); err != nil {
		return err
	}
	b := in.batches.Get().(*batch)
	defer func() {
		b.reset()
		in.batches.Put(b)
	}()
	b.ctx, b.in, b.delivery, b.answer, b.now = ctx, in, d, a, in.now()
	kind, name := in.kindOf(d.Source)
	if d.Atomic && len(d.Body) > MaxAtomicBytes {
		return errAtomicLarge
	}
	var err error
	if kind.Change != nil {
		leave, err := in.enter(ctx, &kind, d.Source)
		if err != nil {
			return err
		}
		defer func() { leave(failed) }()
	}
	if name != "" {
		err = b.splitRaw(kind)
	} else if d.Raws != nil {
		for i, raw := range d.Raws {
			if err = b.schemaEvent(i+1, raw); err != nil {
				break
			}
		}
	} else {
		err = split(d.Body, d.Form, b.schemaEvent)
	}
	if err == nil {
		err = b.store()
	}
	slices.SortStableFunc(a.Refused, func(x, y Refusal) int { return x.Line - y.Line })
	return err
}

// Redact returns what is stored of a raw of source: raw, with what the policy
// masks masked. A way in that makes ids of what a raw holds makes them of this,
// so that no id tells anything of what was masked.
func (in *Intake) Redact(source string, raw []byte) []byte { return in.redact(source, raw) }

// kindOf returns the kind that source's raw events are mapped by; the name is
// empty if they are in the schema.
func (in *Intake) kindOf(source string) (source.Kind, string) {
	name, _, _ := strings.Cut(source, "/")
	k := in.kinds[name]
	return k, k.Name
}

// Maps reports whether events of source come as raws in a format that is mapped.
// Those of any other come in the schema.
func (in *Intake) Maps(source string) bool {
	_, name := in.kindOf(source)
	return name != ""
}

// checkSource refuses a delivery whose source is none, or another's.
func (in *Intake) checkSource(d *Delivery) error {
	if d.Source == "" {
		return nil
	}
	if err := event.ValidSource(d.Source); err != nil {
		return &Malformed{fmt.Sprintf("comes for source %q: %v", clip(d.Source), err)}
	}
	if reason := d.refuses(d.Source); reason != "" {
		return &Forbidden{reason}
	}
	return nil
}

// refuses says why the sender may not append events of source; empty if it
// may. It never depends on what the trail holds.
func (d *Delivery) refuses(source string) string {
	if source == own || strings.HasPrefix(source, own+"/") {
		return "source: evident is the trail's own; name the system that the event comes from, such as app/billing"
	}
	if d.MayAppend != nil && !d.MayAppend(source) {
		return "source: this key may not append events of " + source
	}
	return ""
}

// own is the source of the trail's own records.
const own = "evident"

// A batch is one delivery on its way into the trail, with memory that is used
// again for the next.
type batch struct {
	in       *Intake
	delivery *Delivery
	answer   *Answer
	now      time.Time
	ctx      context.Context // of the append

	drafts []trail.Draft
	items  []item        // one a draft
	id     []byte        // of the delivery, when an event was there that brought none
	fields []proof.Field // of all drafts, one after the other
	bytes  []byte        // of bodies that were made or changed here
	size   int           // of all bodies, and the pointers of their fields
}

// item is what a draft was in the delivery.
type item struct {
	line     int
	unmapped bool
	raw      bool // a kind mapped it, or could not
	shows    bool // the state of a thing
	thing    [16]byte
	at       int64
}

// reset lets go of everything that belongs to a delivery, and keeps memory of
// a reasonable size.
func (b *batch) reset() {
	b.clear()
	*b = batch{drafts: b.drafts, items: b.items, fields: b.fields, bytes: b.bytes}
	if cap(b.fields) > 2*partFields || cap(b.bytes) > 2*partBytes || cap(b.drafts) > 2*partEvents {
		*b = batch{}
	}
}

// clear makes room for the next part of a delivery.
func (b *batch) clear() {
	clear(b.drafts)
	clear(b.fields)
	b.drafts, b.items, b.fields, b.bytes, b.size = b.drafts[:0], b.items[:0], b.fields[:0], b.bytes[:0], 0
}

// room returns an empty slice with room for n bytes. What was handed out
// before keeps its place.
func (b *batch) room(n int) []byte {
	if cap(b.bytes)-len(b.bytes) < n {
		b.bytes = make([]byte, 0, max(256<<10, n))
	}
	return b.bytes[len(b.bytes):len(b.bytes):cap(b.bytes)]
}

// took notes that body was made in the room given last. A body that outgrew
// its room lies elsewhere, which does no harm.
func (b *batch) took(body []byte) {
	if n := len(b.bytes) + len(body); n <= cap(b.bytes) {
		b.bytes = b.bytes[:n]
	}
}

// maxWords bounds what word remembers, whatever actions people make up.
const maxWords = 1 << 16

// word returns s in memory of its own. What goes into headers is kept by who
// counts records, when the delivery that s lies in has long made room for
// another; these words are few and come again and again.
func (in *Intake) word(s string) string {
	if w, ok := in.words.Load(s); ok {
		return w.(string)
	}
	s = strings.Clone(s)
	if in.known.Add(1) <= maxWords {
		in.words.Store(s, s)
	}
	return s
}

// add appends one event to the batch, which is stored when it is large.
func (b *batch) add(it item, e *event.Event, body []byte, fields []proof.Field) error {
	b.items = append(b.items, it)
	b.drafts = append(b.drafts, trail.Draft{
		Body: body, Fields: fields, Source: b.in.word(e.Source), ID: e.ID, OccurredAt: e.OccurredAt,
		Category: b.in.word(string(e.Category)), Action: b.in.word(e.Action), Outcome: b.in.word(string(e.Outcome)),
	})
	b.size += len(body) + pointerBytes(fields)
	if b.delivery.Atomic {
		if len(b.drafts) > MaxAtomicEvents || b.size > 4*MaxAtomicBytes {
			return errAtomicLarge
		}
		return nil
	}
	if len(b.drafts) >= partEvents || b.size >= partBytes || len(b.fields) >= partFields {
		return b.store()
	}
	return nil
}
