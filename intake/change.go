package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/source"
)

// maxThings bounds how many things of a source are remembered. Of what is
// beyond it no differences are told.
const maxThings = 1 << 18

// changes remembers, for sources whose kind has a Change, which record showed
// each thing last. It is folded from the trail when a source sends for the first
// time, and thrown away when a delivery fails.
type changes struct {
	mu sync.Mutex // held while a delivery of such a source is taken
	of map[string]*things
}

// things are those of one source, by the hash of their key.
type things struct {
	last map[[16]byte]shown
	full bool // some are not remembered
}

// shown is where the newest state of a thing stands.
type shown struct {
	seq     uint64
	at      int64 // when it was so, in nanoseconds
	pending bool  // it is in the batch that is not stored yet
}

// enter prepares a delivery of a source whose kind has a Change, and returns what
// is to be called when it was taken, or was not.
func (in *Intake) enter(ctx context.Context, kind *source.Kind, name string) (leave func(error), err error) {
	c := &in.changes
	c.mu.Lock()
	if c.of == nil {
		c.of = map[string]*things{}
	}
	if c.of[name] == nil {
		if c.of[name], err = in.fold(ctx, kind, name); err != nil {
			delete(c.of, name)
			c.mu.Unlock()
			return nil, fmt.Errorf("fold states of %s: %w", name, err)
		}
	}
	return func(err error) {
		if err != nil {
			delete(c.of, name)
		}
		c.mu.Unlock()
	}, nil
}

// fold reads the records of a source: headers of all, bodies of its own.
func (in *Intake) fold(ctx context.Context, kind *source.Kind, name string) (*things, error) {
	t := &things{last: map[[16]byte]shown{}}
	var seqs []uint64
	read := func() error {
		records, err := in.trail.Read(ctx, seqs)
		if err != nil {
			return err
		}
		for i := range records {
			if records[i].Body == nil {
				continue // its body has expired; so has what it could be compared with
			}
			e, err := event.Parse(records[i].Body)
			if err != nil {
				return err
			}
			if key, _ := kind.Change.Of(e.Raw); key != "" {
				t.note(thing(key), shown{seq: records[i].Header.Seq, at: e.OccurredAt.UnixNano()})
			}
		}
		seqs = seqs[:0]
		return nil
	}
	for h, err := range in.trail.Headers(ctx, 0, in.trail.Size()) {
		if err != nil {
			return nil, err
		}
		if h.Header.Source != name || h.Header.Action == source.ActionUnmapped {
			continue
		}
		if seqs = append(seqs, h.Header.Seq); len(seqs) == 512 {
			if err := read(); err != nil {
				return nil, err
			}
		}
	}
	return t, read()
}

// thing stands for a key.
func thing(key string) [16]byte {
	sum := sha256.Sum256([]byte(key))
	return [16]byte(sum[:16])
}

// note remembers s unless a newer state is known.
func (t *things) note(id [16]byte, s shown) {
	old, ok := t.last[id]
	if ok && old.at > s.at {
		return
	}
	if !ok && len(t.last) >= maxThings {
		t.full = true
		return
	}
	t.last[id] = s
}

// changed completes the event of a raw that shows the state of a thing: with
// what differs from the state before. A raw that came before is a duplicate of
// its record, whatever differs now; of a kind without times only if nothing
// else of its thing came between. It returns the item that the event is to be.
func (b *batch) changed(place int, kind *source.Kind, e *event.Event) (item, error) {
	it := item{line: place, raw: true}
	key, state := kind.Change.Of(e.Raw)
	if key == "" {
		return it, nil
	}
	id, t := thing(key), b.in.changes.of[b.delivery.Source]
	before, known := t.last[id]
	if known && before.pending {
		if err := b.store(); err != nil {
			return it, err
		}
		before, known = t.last[id]
		known = known && !before.pending
	}
	if known {
		was, err := b.in.stored(b.ctx, before.seq)
		if err != nil {
			return it, err
		}
		same := bytes.Equal(was.Raw, e.Raw)
		if kind.Change.Timeless && same {
			e.ID = was.ID
			return it, nil
		}
		if kind.Change.Timeless {
			_, there, err := b.in.trail.Find(proof.EventID(e.Source, e.ID))
			if err != nil {
				return it, err
			}
			if there { // the thing is as it was before that record
				e.ID += "/" + strconv.FormatUint(before.seq, 10)
			}
		}
		if was.ID != "" && !same && !was.OccurredAt.After(e.OccurredAt) {
			_, old := kind.Change.Of(was.Raw)
			e.Detail = withDiff(e.Detail, was.ID, source.Diff(old, state))
		}
	}
	it.shows, it.thing, it.at = true, id, e.OccurredAt.UnixNano()
	t.note(id, shown{at: it.at, pending: true})
	return it, nil
}

// settled notes where the state that an item showed stands, now that it is stored.
func (b *batch) settled(it item, seq uint64) {
	if !it.shows {
		return
	}
	t := b.in.changes.of[b.delivery.Source]
	if s := t.last[it.thing]; s.pending && s.at == it.at {
		t.last[it.thing] = shown{seq: seq, at: it.at}
	}
}

// stored reads the event of a record; an empty one if its body has expired.
func (in *Intake) stored(ctx context.Context, seq uint64) (event.Event, error) {
	records, err := in.trail.Read(ctx, []uint64{seq})
	if err != nil || records[0].Body == nil {
		return event.Event{}, err
	}
	return event.Parse(records[0].Body)
}

// withDiff adds a member diff to detail: the id of the event before, and what
// differs.
func withDiff(detail json.RawMessage, before string, diff json.RawMessage) json.RawMessage {
	id, err := json.Marshal(before)
	if err != nil {
		panic("bug: an id cannot be encoded: " + err.Error())
	}
	out := bytes.TrimRight(detail, " \t\r\n")
	if len(out) == 0 {
		out = []byte("{")
	} else if out = bytes.TrimRight(out[:len(out)-1], " \t\r\n"); len(out) > 1 {
		out = append(bytes.Clone(out), ',')
	}
	return fmt.Appendf(bytes.Clone(out), `"diff":{"before":%s,%s}`, id, diff[1:])
}
