package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/evident/keys"
	"example.com/evident/proof"
)

// CheckOptions say how much of a trail is checked. The zero value checks all
// of it with the keys that lie beside it.
type CheckOptions struct {
	Keys        []proof.Key              // trusted keys; those of the folder if nil
	HeadersOnly bool                     // leave the bodies out
	Progress    func(done, total uint64) // records; called often, from one goroutine
}

// A Report says what a check went through.
type Report struct {
	Origin     string
	Keys       []proof.Key
	Checkpoint proof.Checkpoint
	Size       uint64 // records that are there
	Bodies     uint64 // of them with a body that was hashed again
	Segments   int
	Unsigned   uint64 // records behind the checkpoint: their second was not over
	Cut        int64  // bytes of a group that was being written when the process died
	Room       int64  // bytes behind the last group: the process died, or a copy was made while it ran
}

// CheckDir goes through the whole trail in a data directory that nobody has
// open, by a path of its own: every byte of every file is read, the manifests
// are followed, each header and body is hashed again, and the tree that comes
// of it is held against each manifest and the checkpoint. It takes 16 bytes of
// memory a record, to see that no id stands twice, and writes nothing. A
// *Damage is the first thing that is wrong; any other error means that the
// check could not be made.
func CheckDir(ctx context.Context, dir string, opts CheckOptions) (Report, error) {
	if _, err := os.Stat(filepath.Join(dir, "keys.txt")); err != nil {
		return Report{}, fmt.Errorf("check trail %s: no trail is here: %w", dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil && !errors.Is(err, os.ErrPermission) {
		return Report{}, err
	}
	if lock != nil {
		defer lock.release()
	}
	if err := onlyOwnFiles(dir); err != nil {
		return Report{}, err
	}
	c := &checker{dir: dir, opts: opts, ids: [][16]byte{}}
	if err := c.loadKeys(); err != nil {
		return c.report, err
	}
	manifests, err := readManifests(filepath.Join(dir, "segments"), c.report.Origin)
	if err != nil {
		return c.report, err
	}
	logs, err := c.openLogs(manifests)
	if err != nil {
		return c.report, err
	}
	for _, w := range logs {
		defer w.file.Close()
	}
	if err := newestSeal(logs, manifests); err != nil {
		return c.report, err
	}
	note, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return c.report, &Damage{File: "checkpoint", What: "is missing"}
	}
	return c.report, c.run(ctx, manifests, logs, nil, note)
}

// Check is CheckDir for an open trail: it checks what is durable when it begins.
func (t *Trail) Check(ctx context.Context, opts CheckOptions) (Report, error) {
	t.mu.Lock()
	manifests, note, origin := t.manifests, t.note, t.origin
	var logs []*wal
	var untils []uint64
	for _, o := range t.open {
		o.reading.RLock() // the log is not given back before this is done
		defer o.reading.RUnlock()
		logs, untils = append(logs, o.wal.reader()), append(untils, o.until())
	}
	t.mu.Unlock()
	c := &checker{dir: t.cfg.Dir, opts: opts}
	c.report.Origin, c.report.Keys = origin, t.keys
	if opts.Keys != nil {
		c.report.Keys = opts.Keys
	}
	return c.report, c.run(ctx, manifests, logs, untils, note)
}

// RecordCheck records the result of a check in the trail.
func (t *Trail) RecordCheck(ctx context.Context, r Report, checkErr error) error {
	outcome, detail := "success", struct {
		Size     uint64     `json:"size"`
		Root     proof.Hash `json:"checkpoint_root"`
		Bodies   uint64     `json:"bodies"`
		Segments int        `json:"segments"`
		Error    string     `json:"error,omitempty"`
	}{r.Size, r.Checkpoint.Root, r.Bodies, r.Segments, ""}
	if checkErr != nil {
		outcome, detail.Error = "failure", checkErr.Error()
	}
	now := t.cfg.Now()
	d, err := ownDraft(actionCheck, actionCheck+"/"+stamp(now), outcome, now, ownTarget{"trail", t.origin}, detail)
	if err != nil {
		return err
	}
	_, err = t.Append(ctx, []Draft{*d})
	return err
}

// A checker holds what is known after the records that were checked so far.
type checker struct {
	dir    string
	opts   CheckOptions
	report Report
	total  uint64

	note proof.Checkpoint
	tree proof.Tree
	prev proof.Hash
	last proof.Header
	sseq map[string]uint64
	seal map[uint64]sealing // what each segment.seal names
	ids  [][16]byte         // of all records, where the trail is not open
}

// loadKeys holds keys.txt against the file key, and takes what is trusted.
func (c *checker) loadKeys() error {
	public, err := os.ReadFile(filepath.Join(c.dir, "keys.txt"))
	if err != nil {
		return err
	}
	var lines []byte
	for line := range strings.Lines(string(public)) {
		k, err := proof.ParseKey(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return &Damage{File: "keys.txt", What: "is not well formed"}
		}
		c.report.Keys = append(c.report.Keys, k)
		lines = append(lines, k.String()+"\n"...)
	}
	if len(c.report.Keys) == 0 || !bytes.Equal(lines, public) {
		return &Damage{File: "keys.txt", What: "is not well formed"}
	}
	c.report.Origin = c.report.Keys[0].Name()
	secret, err := os.ReadFile(filepath.Join(c.dir, "key"))
	if errors.Is(err, os.ErrNotExist) {
		secret = nil // a copy for an auditor has none
	} else if err != nil {
		return err
	} else {
		s, err := keys.Parse(string(secret))
		if err != nil || s.Text() != string(secret) {
			return &Damage{File: "key", What: "is not well formed"}
		}
		for i, k := range s.Keys() {
			if i >= len(c.report.Keys) || k.String() != c.report.Keys[i].String() {
				return &Damage{File: "keys.txt", What: "is not the public part of the file key"}
			}
		}
	}
	if c.opts.Keys != nil {
		c.report.Keys = c.opts.Keys
	}
	return nil
}

// openLogs opens the logs behind the sealed segments, for reading only.
func (c *checker) openLogs(manifests []Manifest) ([]*wal, error) {
	dir := filepath.Join(c.dir, "wal")
	firsts, err := listWALs(dir)
	if err != nil {
		return nil, err
	}
	sealed := uint64(0)
	if n := len(manifests); n > 0 {
		sealed = manifests[n-1].Until
	}
	var logs []*wal
	for _, first := range firsts {
		w, err := openWAL(filepath.Join(dir, walName(first)), false)
		if err != nil {
			return logs, err
		}
		if first < sealed {
			w.file.Close()
			continue // of a sealed segment; it was to be given back
		}
		logs = append(logs, w)
	}
	return logs, nil
}

// openCheckpoint opens a checkpoint of this trail. A trail signs with all of
// its keys, so each of those that it came with must have signed; of keys that
// were given, one.
func (c *checker) openCheckpoint(note []byte) (proof.Checkpoint, error) {
	if c.opts.Keys != nil {
		return proof.OpenCheckpoint(note, c.opts.Keys)
	}
	var signed proof.Checkpoint
	for _, k := range c.report.Keys {
		var err error
		if signed, err = proof.OpenCheckpoint(note, []proof.Key{k}); err != nil {
			return signed, fmt.Errorf("%s key: %w", k.Algorithm(), err)
		}
	}
	return signed, nil
}

// A sealing is what a record of sealing says.
type sealing struct {
	manifest string // its hash
	seq      uint64 // of the record
}

// newestSeal holds the newest manifest against the record in the logs that
// names it, before anything is held against the manifest. (That the record is
// what was recorded is found later.)
func newestSeal(logs []*wal, manifests []Manifest) error {
	seals := map[uint64]sealing{}
	for _, w := range logs {
		var list []place
		_, err := w.replay(w.first, func(group []byte, _ int64) (uint64, error) {
			var err error
			if list, err = places(list[:0], group, 0); err != nil {
				return 0, err
			}
			for _, p := range list {
				h, err := proof.ParseHeader(group[p.header : p.header+int64(p.headerLen)])
				if err != nil {
					break // named later, with its number
				}
				readSeal(&h, group[p.body:p.body+int64(p.bodyLen)], seals)
			}
			return uint64(len(list)), nil
		})
		if err != nil {
			return err
		}
		w.end = walHeadSize
	}
	if n := len(manifests); n > 0 {
		m := manifests[n-1]
		if named, ok := seals[m.Segment]; ok && named.manifest != proof.HashManifest(m.Bytes).String() {
			return &Damage{File: "segments/" + manifestName(m.First), What: "is not the manifest that the record of its sealing names"}
		}
	}
	return nil
}

// readSeal notes which manifest h names, if it is a record of sealing.
func readSeal(h *proof.Header, body []byte, seals map[uint64]sealing) bool {
	if h.Source != ownSource || h.Action != actionSeal {
		return true
	}
	var e struct {
		Detail struct {
			Segment  uint64 `json:"segment"`
			Manifest string `json:"manifest"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return false
	}
	noteSeal(seals, e.Detail.Segment, sealing{e.Detail.Manifest, h.Seq})
	return true
}

// noteSeal notes which manifest a record of sealing names. A segment is sealed
// once: of two records that seal it, neither is believed.
func noteSeal(seals map[uint64]sealing, segment uint64, named sealing) {
	if before, ok := seals[segment]; ok && before != named {
		named.manifest = ""
	}
	seals[segment] = named
}

// run checks everything. untils bounds what of each log is looked at; nil: all.
func (c *checker) run(ctx context.Context, manifests []Manifest, logs []*wal, untils []uint64, note []byte) error {
	var err error
	if c.note, err = c.openCheckpoint(note); err != nil {
		return &Damage{File: "checkpoint", What: err.Error()}
	}
	if c.note.Origin != c.report.Origin {
		return &Damage{File: "checkpoint", What: "does not belong to this trail"}
	}
	c.report.Checkpoint = c.note
	c.total = c.note.Size
	c.sseq, c.seal = map[string]uint64{}, map[uint64]sealing{}
	if err := c.checkSegments(ctx, manifests); err != nil {
		return err
	}
	for i, w := range logs {
		until := ^uint64(0)
		if untils != nil {
			until = untils[i]
		}
		if err := c.checkLog(ctx, w, until); err != nil {
			return err
		}
	}
	c.report.Size = c.tree.Size()
	if c.report.Size < c.note.Size {
		file, what := "checkpoint", fmt.Sprintf("covers %d records, but only %d are here", c.note.Size, c.report.Size)
		if n := len(logs); n > 0 {
			return &Damage{File: "wal/" + walName(logs[n-1].first), Offset: logs[n-1].end, Seq: c.report.Size, HasSeq: true,
				What: "is missing or damaged: the checkpoint " + what}
		}
		return &Damage{File: file, What: what}
	}
	c.report.Unsigned = c.report.Size - c.note.Size
	if err := c.checkSeals(manifests); err != nil {
		return err
	}
	return c.checkIDs()
}

// checkSeals holds the manifests against the records that name them. Only the
// newest may not have been recorded yet.
func (c *checker) checkSeals(manifests []Manifest) error {
	if c.opts.HeadersOnly {
		return nil
	}
	for segment := range c.seal {
		if segment >= uint64(len(manifests)) {
			return &Damage{File: "segments", What: fmt.Sprintf("a record tells of the sealing of segment %d, which does not exist: packs made after it may rest on a false manifest", segment)}
		}
	}
	for i, m := range manifests {
		named, ok := c.seal[m.Segment]
		last := i == len(manifests)-1
		if !ok && last {
			continue
		}
		file := "segments/" + manifestName(m.First)
		if named.manifest != proof.HashManifest(m.Bytes).String() {
			return &Damage{File: file, What: "is not the manifest that the record of its sealing names"}
		}
		if named.seq < m.Until || !last && named.seq >= manifests[i+1].Until {
			return &Damage{File: file, Seq: named.seq, HasSeq: true, What: "was not recorded as sealed in the segment after it"}
		}
	}
	return nil
}

// checkIDs looks for an id that stands twice.
func (c *checker) checkIDs() error {
	slices.SortFunc(c.ids, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	for i := 1; i < len(c.ids); i++ {
		if c.ids[i] == c.ids[i-1] {
			return &Damage{File: "segments", What: fmt.Sprintf("two records have the id %x", c.ids[i])}
		}
	}
	return nil
}

// followSegment continues the chain and the tree over a segment and holds the
// manifest against what it found.
func (c *checker) followSegment(m *Manifest, s *checkedSegment) error {
	counts := counts{}
	var at span
	for i := range s.headers {
		h := &s.headers[i]
		if err := c.follow(h, s.leaves[i]); err != nil {
			err.File = "segments/" + headersName(m.First)
			return err
		}
		counts.add(h)
		at.add(h.At)
	}
	for segment, manifest := range s.seals {
		noteSeal(c.seal, segment, manifest)
	}
	c.report.Bodies += s.bodies
	c.report.Segments++
	if c.tree.Root() != m.Root {
		return &Damage{File: "segments/" + headersName(m.First), What: "the headers are not those of the tree that the manifest names"}
	}
	said, _ := json.Marshal(m.Counts)
	found, _ := json.Marshal(sortedCounts(counts))
	if !bytes.Equal(said, found) || m.At != (proof.Span{First: at.first, Last: at.last}) {
		return &Damage{File: "segments/" + manifestName(m.First), What: "counts other records than the segment holds"}
	}
	return nil
}

// follow continues the chain and the tree by one header.
func (c *checker) follow(h *proof.Header, leaf proof.Hash) *Damage {
	wrong := ""
	switch {
	case h.Seq != c.tree.Size():
		wrong = fmt.Sprintf("is numbered %d", h.Seq)
	case h.Prev != c.prev:
		wrong = "is not chained to the record before it"
	case h.SSeq != c.sseq[h.Source]:
		wrong = fmt.Sprintf("is number %d of its source, but there are %d before it", h.SSeq, c.sseq[h.Source])
	case h.At.Before(c.last.At):
		wrong = "was recorded before the record before it"
	}
	if wrong != "" {
		return &Damage{Seq: c.tree.Size(), HasSeq: true, What: wrong}
	}
	c.sseq[h.Source]++
	c.tree.Append(leaf)
	c.prev, c.last = leaf, *h
	if c.ids != nil {
		c.ids = append(c.ids, h.ID)
	}
	if c.tree.Size() == c.note.Size && c.tree.Root() != c.note.Root {
		return &Damage{Seq: h.Seq, HasSeq: true, What: "the records up to here are not those that the checkpoint signed"}
	}
	if c.opts.Progress != nil && c.tree.Size()%4096 == 0 {
		c.opts.Progress(c.tree.Size(), max(c.total, c.tree.Size()))
	}
	return nil
}

// checkLog goes through the records of a log up to until.
func (c *checker) checkLog(ctx context.Context, w *wal, until uint64) error {
	if w.first != c.tree.Size() {
		return damaged(w.name, 0, fmt.Sprintf("begins at record %d, but the record that follows is %d", w.first, c.tree.Size()))
	}
	var list []place
	var fields []proof.Field
	rest, err := w.replay(w.first, func(group []byte, at int64) (uint64, error) {
		if c.tree.Size() >= until {
			return 0, errEnough
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		var err error
		if list, err = places(list[:0], group, 0); err != nil {
			return 0, err
		}
		for _, p := range list {
			header, body := group[p.header:p.header+int64(p.headerLen)], group[p.body:p.body+int64(p.bodyLen)]
			h, err := proof.ParseHeader(header)
			if err != nil {
				return 0, &Damage{File: "wal/" + walName(w.first), Offset: at + p.header, Seq: c.tree.Size(), HasSeq: true, What: err.Error()}
			}
			if err := c.follow(&h, proof.LeafHash(header)); err != nil {
				err.File = "wal/" + walName(w.first)
				return 0, err
			}
			if c.opts.HeadersOnly {
				continue
			}
			if fields, err = c.checkBody(fields[:0], &h, body, w.seed(h.Seq), c.seal); err != nil {
				return 0, err
			}
			c.report.Bodies++
		}
		return uint64(len(list)), nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	c.report.Cut += rest.bytes
	c.report.Room += w.space.Load() - w.end
	return err
}

var errEnough = errors.New("bug: enough must not leave the package")
