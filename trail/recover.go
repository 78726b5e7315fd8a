package trail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/evident/internal/durable"
	"example.com/evident/keys"
	"example.com/evident/proof"
)

// BehindError says that a trail is not what its checkpoint says it was: records
// that were signed are missing or are others. A backup that was put back looks
// like that. Going on would sign a second past.
type BehindError struct {
	Dir        string
	Checkpoint proof.Checkpoint
	Size       uint64 // records that are there
}

func (e *BehindError) Error() string {
	if e.Checkpoint.Size > e.Size {
		return fmt.Sprintf("open trail %s: its checkpoint covers %d records, but only %d are here: is this an old backup? Going on would fork the trail; put back the files that are missing",
			e.Dir, e.Checkpoint.Size, e.Size)
	}
	return fmt.Sprintf("open trail %s: the first %d records are not those that its checkpoint signed; run evident verify %s", e.Dir, e.Checkpoint.Size, e.Dir)
}

// Open opens the trail in a data directory, or makes it. What an abrupt end
// left behind is put in order: every record that was acknowledged is there, a
// group that was cut is removed, and the cut is recorded. A *LockedError says
// who has it open, a *BehindError that records are missing, a *Damage that a
// file is not as it was written.
func Open(cfg Config) (*Trail, error) {
	cfg.setDefaults()
	t := &Trail{
		cfg: cfg, wake: make(chan struct{}, 1), rolled: make(chan struct{}, 1),
		grown: make(chan struct{}), signed: make(chan struct{}), fewer: make(chan struct{}),
		counts: map[string]uint64{},
	}
	t.tileCache.max, t.bodyCache.max = cachedTiles, cachedChunks
	t.sseq, t.inGroup = map[string]uint64{}, map[[16]byte]uint64{}
	t.clock.now = cfg.Now
	t.ctx, t.cancel = context.WithCancel(context.Background())
	for _, dir := range []string{cfg.Dir, t.walDir(), t.segmentDir()} {
		if err := durable.Mkdir(dir); err != nil {
			return nil, fmt.Errorf("open trail: %w", err)
		}
	}
	var err error
	if t.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	t.ids = newIDs(t.walDir())
	if err := t.recover(); err != nil {
		return nil, errors.Join(err, t.release())
	}
	return t, nil
}

// recover brings the state in memory to what is on disk and starts the trail.
func (t *Trail) recover() error {
	fresh, err := t.loadKeys()
	if err != nil {
		return err
	}
	if err := t.removeUnfinished(); err != nil {
		return err
	}
	if err := t.loadSegments(); err != nil {
		return err
	}
	t.audited.tree = t.tiles.tree
	cut, err := t.loadLogs()
	if err != nil {
		return err
	}
	if err := t.loadCheckpoint(fresh); err != nil {
		return err
	}
	return t.start(cut)
}

// loadKeys reads the signer, or makes it for a trail that begins now.
func (t *Trail) loadKeys() (fresh bool, err error) {
	name := filepath.Join(t.cfg.Dir, "key")
	b, err := os.ReadFile(name)
	switch {
	case err == nil:
		t.signer, err = keys.Parse(string(b))
		if err != nil {
			return false, fmt.Errorf("open trail: %s: %w", name, err)
		}
	case errors.Is(err, os.ErrNotExist):
		if fresh, err = t.createKeys(name); err != nil {
			return false, err
		}
	default:
		return false, fmt.Errorf("open trail: %w", err)
	}
	t.keys = t.signer.Keys()
	t.origin = t.keys[0].Name()
	var lines strings.Builder
	for _, k := range t.keys {
		lines.WriteString(k.String() + "\n")
	}
	public := filepath.Join(t.cfg.Dir, "keys.txt")
	if have, err := os.ReadFile(public); err == nil {
		if string(have) != lines.String() {
			return false, damaged(public, 0, "is not the public part of the file key")
		}
		return fresh, nil
	}
	return fresh, durable.WriteFile(public, []byte(lines.String()), 0o644)
}

// createKeys makes the signer of a new trail, and refuses to where there is one.
func (t *Trail) createKeys(name string) (fresh bool, err error) {
	for _, there := range []string{"checkpoint", "keys.txt"} {
		if _, err := os.Stat(filepath.Join(t.cfg.Dir, there)); err == nil {
			return false, fmt.Errorf("open trail: %s is missing, but %s is there: put the key back", name, there)
		}
	}
	if logs, err := listWALs(t.walDir()); err != nil || len(logs) > 0 {
		return false, errors.Join(err, fmt.Errorf("open trail: %s is missing, but there are records: put the key back", name))
	}
	origin := t.cfg.Origin
	if origin == "" {
		origin = randomOrigin()
	}
	if t.signer, err = keys.New(origin); err != nil {
		return false, fmt.Errorf("create trail: %w", err)
	}
	return true, durable.WriteFile(name, []byte(t.signer.Text()), 0o600)
}

// removeUnfinished removes what was being written when the process died and
// was not yet part of the trail: no record is in it that is not in a log.
func (t *Trail) removeUnfinished() error {
	for _, dir := range []string{t.cfg.Dir, t.walDir(), t.segmentDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := e.Name()
			unfinished := strings.HasSuffix(name, ".new") || strings.HasSuffix(name, ".tmp") || strings.HasPrefix(name, "spare-")
			if first, _, ok := strings.Cut(name, "."); ok && dir == t.segmentDir() && !strings.HasSuffix(name, ".manifest") {
				_, err := os.Stat(filepath.Join(dir, first+".manifest"))
				_, logErr := os.Stat(filepath.Join(t.walDir(), first+".wal"))
				unfinished = unfinished || errors.Is(err, os.ErrNotExist) && logErr == nil
			}
			if unfinished && !e.IsDir() {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// loadSegments opens what is sealed and builds the tree from the roots of tiles.
func (t *Trail) loadSegments() error {
	manifests, err := readManifests(t.segmentDir(), t.origin)
	if err != nil {
		return err
	}
	for _, m := range manifests {
		s, err := t.openSegmentFiles(&m.Manifest)
		if err != nil {
			return err
		}
		t.adopt(s, m)
		for _, root := range s.headers.tiles {
			t.tiles.addTile(root)
			if err := t.tiles.tree.AppendSubtree(8, root); err != nil {
				return damaged(s.headers.file.Name(), 0, err.Error())
			}
		}
		t.size = s.until
		t.clock.last = m.At.Last
		if err := t.loadIDs(s); err != nil {
			return err
		}
	}
	if err := t.loadEdge(); err != nil {
		return err
	}
	for source, n := range t.counts {
		t.sseq[source] = n
	}
	if n := len(manifests); n > 0 && t.tiles.tree.Root() != manifests[n-1].Root {
		return damaged(t.sealed[n-1].headers.file.Name(), 0, "the tree that the sealed headers give is not the one in the manifest")
	}
	return nil
}

// readManifests reads the manifests in dir and checks that they follow one
// another.
func readManifests(dir, origin string) ([]Manifest, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.manifest"))
	if err != nil {
		return nil, err
	}
	var list []Manifest // Glob sorts, and the names are padded
	until := uint64(0)
	for i, name := range names {
		line, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		m, err := proof.ParseManifest(line)
		if err != nil {
			return nil, damaged(name, 0, err.Error())
		}
		if m.Segment != uint64(i) || m.First != until || m.Origin != origin || filepath.Base(name) != manifestName(m.First) {
			return nil, damaged(name, 0, "does not follow the manifest before it")
		}
		list = append(list, Manifest{m, line})
		until = m.Until
	}
	// From the newest back: each names the one before it, so that it is the
	// one before it that was changed where they disagree.
	for i := len(list) - 1; i >= 0; i-- {
		previous := proof.Hash{}
		if i > 0 {
			previous = proof.HashManifest(list[i-1].Bytes)
		}
		if list[i].Previous != previous {
			return nil, damaged(names[max(i-1, 0)], 0, "is not the manifest that the one after it names")
		}
	}
	return list, nil
}

// openSegmentFiles opens the files of a sealed segment.
func (t *Trail) openSegmentFiles(m *proof.Manifest) (*segment, error) {
	h, err := openHeaders(filepath.Join(t.segmentDir(), headersName(m.First)))
	if err != nil {
		return nil, err
	}
	if h.first != m.First || h.until != m.Until {
		return nil, damaged(h.file.Name(), 0, "is not of the segment that its manifest describes")
	}
	b, err := openBodies(filepath.Join(t.segmentDir(), bodiesName(m.First, class)))
	if err != nil {
		return nil, err
	}
	if b.first != m.First || b.until != m.Until {
		return nil, damaged(b.file.Name(), 0, "is not of the segment that its manifest describes")
	}
	return &segment{first: m.First, until: m.Until, headers: h, bodies: b}, nil
}

// loadIDs notes the ids of a sealed segment.
func (t *Trail) loadIDs(s *segment) error {
	var flat []byte
	var list [][16]byte
	for i := range chunks(s.first, s.until) {
		var err error
		if flat, err = s.headers.ids(flat[:0], i); err != nil {
			return err
		}
		list = list[:0]
		for p := 0; p < len(flat); p += 16 {
			list = append(list, [16]byte(flat[p:]))
		}
		if err := t.ids.reserve(list); err != nil {
			return err
		}
		first, _ := s.headers.bounds(i)
		for k, id := range list {
			t.ids.add(id, first+uint64(k))
		}
	}
	return nil
}

// loadEdge hashes the sealed leaves behind the last full tile.
func (t *Trail) loadEdge() error {
	tl := tile{first: t.size / tileSize * tileSize}
	for p := tl.first; p < t.size; {
		part, err := t.readHeaders(p, t.size)
		if err != nil {
			return err
		}
		tl.headers = append(tl.headers, part...)
		p += uint64(len(part))
	}
	if err := tl.chain(); err != nil {
		return err
	}
	for _, leaf := range tl.leaves {
		t.tiles.add(leaf)
	}
	return nil
}

// loadLogs replays the logs behind the sealed segments.
func (t *Trail) loadLogs() (cut *Draft, err error) {
	firsts, err := listWALs(t.walDir())
	if err != nil {
		return nil, err
	}
	last, err := t.lastLeaf()
	if err != nil {
		return nil, err
	}
	for i, first := range firsts {
		name := filepath.Join(t.walDir(), walName(first))
		if first < t.size && t.open == nil {
			// Its segment is sealed: the process died before the log was
			// given back.
			if err := os.Remove(name); err != nil {
				return nil, err
			}
			continue
		}
		if first != t.size {
			return nil, damaged(name, 0, fmt.Sprintf("begins at record %d, but the record that follows is %d: a log is missing", first, t.size))
		}
		w, err := openWAL(name, true)
		if err != nil {
			return nil, err
		}
		o := newOpenSegment(w, last)
		t.open = append(t.open, o)
		rest, err := t.replay(o)
		if err != nil {
			return nil, err
		}
		last = o.last
		if rest.bytes > 0 {
			if i+1 < len(firsts) {
				return nil, damaged(name, rest.offset, "the log is cut, and another one follows it")
			}
			if cut, err = t.cutTail(w, rest); err != nil {
				return nil, err
			}
		}
	}
	if len(t.open) > 0 {
		return cut, nil
	}
	w, err := createWAL(t.walDir(), t.size, "")
	if err != nil {
		return nil, err
	}
	t.open = []*openSegment{newOpenSegment(w, last)}
	return nil, nil
}

// lastLeaf returns the leaf that the next record's prev is.
func (t *Trail) lastLeaf() (proof.Hash, error) {
	if t.size == 0 {
		return proof.Hash{}, nil
	}
	tl, err := t.tile((t.size - 1) / tileSize)
	if err != nil {
		return proof.Hash{}, err
	}
	return tl.leaves[len(tl.leaves)-1], nil
}

// replay takes the records of a log into memory.
func (t *Trail) replay(o *openSegment) (tail, error) {
	var list []place
	return o.wal.replay(o.first, func(group []byte, at int64) (uint64, error) {
		var err error
		if list, err = places(list[:0], group, at); err != nil {
			return 0, err
		}
		for _, p := range list {
			header := group[p.header-at : p.header-at+int64(p.headerLen)]
			h, err := proof.ParseHeader(header)
			if err != nil {
				return 0, err
			}
			if h.Seq != t.size || h.Prev != o.last || h.SSeq != t.sseq[h.Source] || h.At.Before(t.clock.last) {
				return 0, fmt.Errorf("record %d does not follow the one before it", t.size)
			}
			if err := t.ids.reserve([][16]byte{h.ID}); err != nil {
				return 0, err
			}
			leaf := proof.LeafHash(header)
			o.add(p, leaf, &h)
			t.tiles.add(leaf)
			t.ids.add(h.ID, h.Seq)
			t.sseq[h.Source]++
			t.clock.last = h.At
			t.size++
		}
		return uint64(len(list)), nil
	})
}

// cutTail removes the group that was being written when the process died. It
// was acknowledged to nobody. The draft says so in the trail.
func (t *Trail) cutTail(w *wal, rest tail) (*Draft, error) {
	if err := errors.Join(w.file.Truncate(rest.offset), w.file.Sync()); err != nil {
		return nil, fmt.Errorf("cut log: %w", err)
	}
	w.space.Store(rest.offset)
	detail := struct {
		Log    string `json:"log"`
		Offset int64  `json:"offset"`
		Bytes  int64  `json:"bytes"`
		Size   uint64 `json:"size"`
	}{walName(w.first), rest.offset, rest.bytes, t.size}
	now := t.cfg.Now()
	return ownDraft(actionCut, fmt.Sprintf("%s/%d/%s", actionCut, t.size, stamp(now)), "success", now, ownTarget{"trail", t.origin}, detail)
}

// loadCheckpoint reads the checkpoint and holds the trail against it.
func (t *Trail) loadCheckpoint(fresh bool) error {
	name := filepath.Join(t.cfg.Dir, "checkpoint")
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		if fresh || t.size <= 1 {
			return nil // the process died while the trail was being made
		}
		return fmt.Errorf("open trail %s: the file checkpoint is missing, but there are %d records: put it back", t.cfg.Dir, t.size)
	}
	if err != nil {
		return err
	}
	c, err := proof.OpenCheckpoint(b, t.keys)
	if err != nil {
		return damaged(name, 0, err.Error())
	}
	if c.Origin != t.origin || c.Size > t.size {
		return &BehindError{t.cfg.Dir, c, t.size}
	}
	root, err := t.Root(c.Size)
	if err != nil {
		return err
	}
	if root != c.Root {
		return &BehindError{t.cfg.Dir, c, t.size}
	}
	t.note, t.checkpoint = b, c
	return nil
}

// start begins to take records, and records what recovery found.
func (t *Trail) start(cut *Draft) error {
	t.requests = make(chan *request, 256)
	t.recorded = max(0, len(t.manifests)-1)
	t.appender.Add(1)
	go t.run(t.requests)
	t.workers.Add(2)
	go t.signing()
	go t.sealing()
	err := t.recordStart(cut)
	if err != nil {
		t.requests, t.cancel = nil, func() {}
	}
	return err
}

func (t *Trail) recordStart(cut *Draft) error {
	var drafts []Draft
	if t.size == 0 {
		var keys []string
		for _, k := range t.keys {
			keys = append(keys, k.String())
		}
		d, err := ownDraft(actionOpen, actionOpen, "success", t.cfg.Now(), ownTarget{"trail", t.origin}, struct {
			Keys []string `json:"keys"`
		}{keys})
		if err != nil {
			return err
		}
		drafts = append(drafts, *d)
	}
	if cut != nil {
		drafts = append(drafts, *cut)
	}
	if len(drafts) > 0 {
		if _, err := t.Append(t.ctx, drafts); err != nil {
			return err
		}
	}
	if t.note == nil {
		ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
		defer cancel()
		_, _, err := t.WaitCheckpoint(ctx, 1)
		return err
	}
	return nil
}
