package bucket

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"sync"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/source"
	"example.com/evident/state"
)

// deliver reads a group of objects, several at once, and returns how many of
// their events were not there before. With an error some may have been read;
// reading them again does no harm.
func (k *Connector) deliver(ctx context.Context, group []Object) (fresh int, err error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	next := make(chan Object)
	for range min(workers, len(group)) {
		wg.Go(func() {
			for o := range next {
				n, failed := k.object(ctx, o)
				mu.Lock()
				fresh += n
				if failed != nil && err == nil {
					err = fmt.Errorf("read %s: %w", o.Key, failed)
				}
				mu.Unlock()
			}
		})
	}
	for _, o := range group {
		next <- o
	}
	close(next)
	wg.Wait()
	return fresh, err
}

// broken is an object that was read whole and is not what it should be.
type broken struct{ error }

// object stores the events of one object.
func (k *Connector) object(ctx context.Context, o Object) (fresh int, err error) {
	ctx, cancel := context.WithTimeout(ctx, objectTimeout)
	defer cancel()
	if k.known(o) { // another one of its group failed
		return 0, nil
	}
	fresh, err = k.read(ctx, o)
	var bad broken
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = k.skip(ctx, o, "it was there when the bucket was listed, and is not there any more")
	case errors.As(err, &bad) && k.tries(o) >= objectTries:
		if err = k.keep(ctx, o); err == nil {
			err = k.skip(ctx, o, bad.Error())
		}
	}
	if err == nil {
		k.remember(o)
		k.note(func(s *Status) { s.Objects++ })
	}
	return fresh, err
}

// tries counts how often an object was found broken. What is counted is bounded
// by the group that waits for it.
func (k *Connector) tries(o Object) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried[o.Key]++
	return k.tried[o.Key]
}

// skip records that reading went on without an object, and why.
func (k *Connector) skip(ctx context.Context, o Object, reason string) error {
	k.note(func(s *Status) { s.Skipped++ })
	return k.cfg.Trail.Record(ctx, state.NewSourceNote(actor, state.ActionSourceSkip, reason, state.SourceNoted{Source: k.cfg.Source, Object: o.Key}))
}

// keep stores the beginning of an object as it came.
func (k *Connector) keep(ctx context.Context, o Object) error {
	body, _, err := k.cfg.Store.Open(ctx, o.Key)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, source.MaxEventBytes))
	if err != nil || len(b) == 0 {
		return err
	}
	if o.Size > int64(len(b)) { // what comes after it stays in the bucket
		k.cfg.Log.WarnContext(ctx, "only the beginning of an object is kept", "source", k.cfg.Source, "key", o.Key, "bytes", o.Size)
	}
	d := intake.Delivery{Source: k.cfg.Source, Body: b, Keep: true, Actor: event.Actor{Type: event.ActorSystem, ID: actor}}
	var a intake.Answer
	if err := k.cfg.Trail.Take(ctx, &d, &a); err != nil {
		return err
	}
	k.count(&a)
	return nil
}

// read stores the events of one object, part by part.
func (k *Connector) read(ctx context.Context, o Object) (fresh int, err error) {
	body, meta, err := k.cfg.Store.Open(ctx, o.Key)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	if o.ETag == "" { // whoever told of it did not say
		o.ETag = meta[metaETag]
	}
	from := &reader{r: body}
	plain, err := unpack(from)
	if err != nil {
		return 0, from.fault(err)
	}
	p := part{k: k, ctx: ctx, id: objectID(o)}
	for raw, err := range k.cfg.Kind.Split(&limited{r: plain}) {
		if err != nil {
			return p.fresh, errors.Join(p.store(), from.fault(err))
		}
		if err := p.add(raw); err != nil {
			return p.fresh, err
		}
	}
	if err := p.store(); err != nil {
		return p.fresh, err
	}
	return p.fresh, from.fault(nil)
}

// objectID begins the ids of an object's events that have none of their own.
func objectID(o Object) string {
	sum := sha256.Sum256([]byte(o.Key + "\n" + o.ETag))
	return "object-" + hex.EncodeToString(sum[:16]) + "/"
}

// A part is the events of an object that are stored at once.
type part struct {
	k     *Connector
	ctx   context.Context // of one object
	id    string
	raws  [][]byte
	ids   []string
	bytes int
	count int // of the object's events
	fresh int
}

func (p *part) add(raw []byte) error {
	p.count++
	p.raws, p.ids, p.bytes = append(p.raws, raw), append(p.ids, p.id+strconv.Itoa(p.count)), p.bytes+len(raw)
	if len(p.raws) >= partEvents || p.bytes >= partBytes {
		return p.store()
	}
	return nil
}

func (p *part) store() error {
	if len(p.raws) == 0 {
		return nil
	}
	d := intake.Delivery{Source: p.k.cfg.Source, Raws: p.raws, IDs: p.ids, Keep: true, Actor: event.Actor{Type: event.ActorSystem, ID: actor}}
	var a intake.Answer
	if err := p.k.cfg.Trail.Take(p.ctx, &d, &a); err != nil {
		return err
	}
	p.fresh += a.Accepted
	p.k.count(&a)
	clear(p.raws)
	p.raws, p.ids, p.bytes = p.raws[:0], p.ids[:0], 0
	return nil
}

func (k *Connector) count(a *intake.Answer) {
	k.note(func(s *Status) {
		s.Accepted += a.Accepted
		s.Duplicates += a.Duplicates
		s.Unmapped += a.Unmapped
		s.Conflicts += len(a.Refused)
	})
}

// reader tells a store that fails from an object that is broken.
type reader struct {
	r   io.Reader
	err error
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// fault is the store's error if there was one; otherwise err is the object's.
func (r *reader) fault(err error) error {
	if r.err != nil {
		return r.err
	}
	if err != nil {
		return broken{err}
	}
	return nil
}

// unpack returns what is in r: gzip by its first bytes, whatever the key says.
func unpack(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

// limited refuses to unpack more than an object may hold.
type limited struct {
	r io.Reader
	n int64
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if l.n += int64(n); l.n > maxObject {
		return 0, fmt.Errorf("the object holds more than %d bytes", int64(maxObject))
	}
	return n, err
}
