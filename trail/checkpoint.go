package trail

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"example.com/evident/internal/durable"
	"example.com/evident/proof"
)

// An audit is the second path to the tree: what was written is read back,
// hashed again and put into a tree of its own. Nothing is signed that the two
// paths do not agree on, so that a bit that flips in memory, on the way to the
// disk or on it, stops the trail and is not made true by a signature.
type audit struct {
	mu     sync.Mutex
	tree   proof.Tree
	offset int64 // of the next group in the log that holds the next record
}

// signing makes checkpoints, on time or for those who wait, until the trail is
// closed.
func (t *Trail) signing() {
	defer t.workers.Done()
	tick := time.NewTicker(t.cfg.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.wake:
		case <-t.ctx.Done():
			return
		}
		if err := t.sign(); err != nil && t.Failed() == nil {
			t.cfg.Log.ErrorContext(t.ctx, "checkpoint not made", "error", err.Error())
		}
	}
}

// sign makes a checkpoint of all that is durable, if there is more than in the
// newest one.
func (t *Trail) sign() error {
	t.audited.mu.Lock()
	defer t.audited.mu.Unlock()
	t.mu.Lock()
	size, root, old, failed := t.size, t.tiles.tree.Root(), t.checkpoint, t.failed
	has := t.note != nil
	t.mu.Unlock()
	if failed != nil || has && size == old.Size {
		return nil
	}
	note, c, err := t.auditedNote(size, root)
	if err != nil {
		return err
	}
	// Dying before this is done leaves the older checkpoint, of which this one
	// is a continuation; nobody has seen the new one.
	if err := t.cfg.Fault("sync", "checkpoint"); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(t.cfg.Dir, "checkpoint"), note, 0o644); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note, t.checkpoint = note, c
	close(t.signed)
	t.signed = make(chan struct{})
	return nil
}

// auditedNote signs the tree of that size after the second path came to the
// same root. t.audited.mu is held.
func (t *Trail) auditedNote(size uint64, root proof.Hash) ([]byte, proof.Checkpoint, error) {
	c := proof.Checkpoint{Origin: t.origin, Size: size, Root: root}
	if t.audited.tree.Size() < size {
		if err := t.audited.advance(t, size); err != nil {
			return nil, c, t.fail(err)
		}
		if got := t.audited.tree.Root(); got != root {
			return nil, c, t.fail(fmt.Errorf("what was written gives the root %s, what was meant %s, at size %d: a bit has flipped; nothing is signed", got, root, size))
		}
	}
	note, err := t.signer.SignCheckpoint(c, t.cfg.Now())
	if err != nil {
		return nil, c, fmt.Errorf("sign checkpoint: %w", err)
	}
	return note, c, nil
}

// advance reads records back from the logs until the tree has size leaves.
// Segments are sealed only behind it.
func (a *audit) advance(t *Trail, size uint64) error {
	for a.tree.Size() < size {
		t.mu.Lock()
		o := t.openOf(a.tree.Size())
		t.mu.Unlock()
		if o.openSegment == nil || o.retired {
			return errors.New("bug: a segment was sealed before it was checked")
		}
		if o.first == a.tree.Size() {
			a.offset = walHeadSize
		}
		until := min(size, o.until0())
		for a.tree.Size() < until {
			group, ok, err := o.wal.groupAt(a.offset, a.tree.Size())
			if err != nil {
				return err
			}
			if !ok {
				return damaged(o.wal.name, a.offset, "what was written is not there")
			}
			if err := a.take(group); err != nil {
				return fmt.Errorf("read back %s: %w", walName(o.first), err)
			}
		}
	}
	return nil
}

// until0 is where the places that a reader may use end.
func (o openView) until0() uint64 { return o.first + uint64(len(o.places)) }

// take adds one group, as it was read back, to the tree.
func (a *audit) take(group []byte) error {
	list, err := places(nil, group, 0)
	if err != nil {
		return err
	}
	for _, p := range list {
		header := group[p.header : p.header+int64(p.headerLen)]
		a.tree.Append(proof.LeafHash(header))
	}
	a.offset += int64(len(group))
	return nil
}
