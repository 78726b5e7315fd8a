// Package trail is the truth: an append-only sequence of records on disk.
// Records are acknowledged when they are durable, chained, put into a Merkle
// tree whose head is signed, sealed into segments that are never written
// again, and checked on every read.
//
// It is not a search index, knows no schema beyond what a header holds, and
// nothing that is made from the trail is needed to write to it. What the bytes
// of a record mean is specified in docs/format.md, the files in
// docs/storage.md.
package trail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"example.com/evident/keys"
	"example.com/evident/proof"
)

// Config says where a trail lies and how it behaves. Only Dir is required.
type Config struct {
	Dir    string // data directory; made if it is missing
	Origin string // name of a trail that is made now; ignored for one that exists

	SealRecords     int           // records of a segment; 65,536 if zero
	SealBytes       int64         // bytes of a log before its segment is closed; 128 MiB if zero
	SealAge         time.Duration // a segment is closed this long after its first record; 1 h if zero
	CheckpointEvery time.Duration // 1 s if zero
	Retention       time.Duration // how long bodies are kept, for the manifest; 18 months if zero

	// Observe, if set, is called for every record after it is durable, on the
	// goroutine that appended it and so in no certain order, with the header
	// and the fields that were appended. They are valid during the call.
	Observe func(h *proof.Header, fields []proof.Field)

	Now   func() time.Time            // time.Now if nil
	Fault func(op, name string) error // for tests: may fail "write", "sync" and "seal"
	Log   *slog.Logger                // nothing is logged if nil
}

func (c *Config) setDefaults() {
	if c.SealRecords == 0 {
		c.SealRecords = 1 << 16
	}
	if c.SealBytes == 0 {
		c.SealBytes = 128 << 20
	}
	if c.SealAge == 0 {
		c.SealAge = time.Hour
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Fault == nil {
		c.Fault = func(string, string) error { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// A Trail is an open trail. Its methods may be called concurrently.
type Trail struct {
	cfg    Config
	lock   *dirLock
	signer *keys.Signer
	keys   []proof.Key
	origin string

	requests chan *request   // nil when closed; guarded by mu
	senders  sync.WaitGroup  // who may still send on requests
	wake     chan struct{}   // somebody waits for a checkpoint
	rolled   chan struct{}   // a segment waits to be sealed
	ctx      context.Context // ends when the trail is closed
	cancel   context.CancelFunc
	appender sync.WaitGroup
	workers  sync.WaitGroup

	owned // by the appender's goroutine

	audited audit // the second path; has a lock of its own

	mu         sync.Mutex // guards what follows
	size       uint64     // records that are durable
	tiles      tiles      // of them
	ids        *ids
	sealed     []*segment
	counts     map[string]uint64 // records of each source in sealed segments
	open       []*openSegment    // closed and waiting to be sealed, oldest first; the last one takes records
	spares     []string          // logs to be used again
	manifests  []Manifest
	recorded   int    // of them, those whose sealing is a record
	note       []byte // newest checkpoint
	checkpoint proof.Checkpoint
	grown      chan struct{} // closed when size grows
	fewer      chan struct{} // closed when a segment was sealed
	signed     chan struct{} // closed when there is a newer checkpoint
	failed     error         // why no record is taken any more

	forms     forms                   // locks itself
	tileCache lru[uint64, tile]       // locks itself
	bodyCache lru[chunkKey, [][]byte] // locks itself
}

// A Manifest says what a sealed segment holds; Bytes is its file.
type Manifest struct {
	proof.Manifest
	Bytes []byte
}

// A Record is a record as it was read and verified. Body is nil if it has
// expired; its header is there for ever.
type Record struct {
	Header proof.Header
	Leaf   proof.Hash
	Body   []byte
	Fields []proof.Field // of Body
	Seed   proof.Seed
}

// Origin is the name of the trail, which its checkpoints and keys carry.
func (t *Trail) Origin() string { return t.origin }

// Keys are the verifier keys of the trail, for those who check it.
func (t *Trail) Keys() []proof.Key { return t.keys }

// SignText signs a text as a note by the trail's Ed25519 key: what says of a
// pack that it comes from this trail. A text that reads as a checkpoint is
// refused: those are only made of what the trail holds.
func (t *Trail) SignText(text string) ([]byte, error) {
	if _, err := proof.ParseCheckpoint(text); err == nil {
		return nil, errors.New("sign text: it reads as a checkpoint")
	}
	return t.signer.SignText(text)
}

// Size is the number of records that are durable.
func (t *Trail) Size() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size
}

// Wait returns when the trail has more than size records, or with an error
// when ctx ends or the trail is closed.
func (t *Trail) Wait(ctx context.Context, size uint64) error {
	for {
		t.mu.Lock()
		now, grown := t.size, t.grown
		t.mu.Unlock()
		if now > size {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.ctx.Done():
			return ErrClosed
		}
	}
}

// Checkpoint returns the newest checkpoint: the signed note, and what it says.
func (t *Trail) Checkpoint() ([]byte, proof.Checkpoint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.note, t.checkpoint
}

// WaitCheckpoint returns the first checkpoint that covers size records. One is
// made at once for whoever waits.
func (t *Trail) WaitCheckpoint(ctx context.Context, size uint64) ([]byte, proof.Checkpoint, error) {
	for {
		t.mu.Lock()
		note, c, signed, failed := t.note, t.checkpoint, t.signed, t.failed
		t.mu.Unlock()
		if c.Size >= size && note != nil {
			return note, c, nil
		}
		if failed != nil {
			return nil, c, failed
		}
		select {
		case t.wake <- struct{}{}:
		default:
		}
		select {
		case <-signed:
		case <-ctx.Done():
			return nil, c, fmt.Errorf("wait for a checkpoint of size %d: %w", size, ctx.Err())
		case <-t.ctx.Done():
			return nil, c, ErrClosed
		}
	}
}

// Manifests returns the manifests of all sealed segments, oldest first.
func (t *Trail) Manifests() []Manifest {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.manifests[:len(t.manifests):len(t.manifests)]
}

// Close makes a last checkpoint and lets go of the data directory. Segments
// that wait to be sealed are sealed when the trail is opened again.
func (t *Trail) Close() error {
	t.mu.Lock()
	closed := t.requests == nil
	requests := t.requests
	t.requests = nil
	t.mu.Unlock()
	if closed {
		return ErrClosed
	}
	t.senders.Wait()
	close(requests)
	t.appender.Wait() // everything that was asked for is answered
	t.cancel()
	t.workers.Wait()
	err := t.sign()
	if t.Failed() == nil {
		// At rest a log ends where its records end: every byte of a trail that
		// nobody has open is evidence.
		err = errors.Join(err, t.active().wal.trim())
	}
	return errors.Join(err, t.release())
}

// release gives back what the trail holds open.
func (t *Trail) release() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for _, s := range t.open {
		errs = append(errs, s.wal.file.Close())
	}
	for _, s := range t.sealed {
		errs = append(errs, s.close())
	}
	errs = append(errs, t.dropSpares())
	t.ids.close()
	return errors.Join(append(errs, t.lock.release())...)
}

// fail stops the trail from taking records: the disk has said that what was
// written may not be there, and reading it back would only show the page cache.
func (t *Trail) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = fmt.Errorf("%w until it is opened again: %w", ErrFailed, err)
		t.cfg.Log.ErrorContext(t.ctx, "trail stopped", "error", err.Error())
	}
	return t.failed
}

// Failed returns why the trail takes no records any more, or nil.
func (t *Trail) Failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}
