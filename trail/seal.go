package trail

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/evident/internal/durable"
	"example.com/evident/proof"
)

// A sealedFile is what a manifest says of one file of its segment. What the
// file holds once it is unpacked needs no hash of its own: every header is a
// leaf of the tree and every body has its digest there.
type sealedFile struct {
	Name       string     `json:"name"`
	Bytes      int64      `json:"bytes"`
	SHA256     proof.Hash `json:"sha256"`
	PlainBytes int64      `json:"plain_bytes"`
	Records    uint64     `json:"records"`
	Class      string     `json:"class,omitempty"`
	KeepUntil  string     `json:"keep_until,omitempty"` // a day: the file may go when it has begun
}

// sealing seals segments that are closed, oldest first, until the trail is
// closed.
func (t *Trail) sealing() {
	defer t.workers.Done()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-t.rolled:
		case <-retry.C:
		case <-t.ctx.Done():
			return
		}
		for {
			more, err := t.sealNext()
			if err != nil {
				// Nothing is lost: the records are in the log, and the next
				// attempt begins anew.
				t.cfg.Log.ErrorContext(t.ctx, "segment not sealed", "error", err.Error())
				retry.Reset(5 * time.Second)
			}
			if err != nil || !more {
				break
			}
		}
	}
}

// sealNext seals the oldest segment that is closed, and reports whether there
// was one. A sealing that could not be recorded is recorded first: at most the
// newest manifest is one that no record names.
func (t *Trail) sealNext() (more bool, err error) {
	t.mu.Lock()
	unrecorded := t.manifests[t.recorded:]
	var next *openSegment
	if len(t.open) > 1 && t.failed == nil {
		next = t.open[0]
	}
	t.mu.Unlock()
	for i := range unrecorded {
		err := t.recordSeal(&unrecorded[i])
		if errors.Is(err, ErrClosed) || t.ctx.Err() != nil {
			return false, nil // recorded when the trail is opened again
		}
		if err != nil {
			return false, fmt.Errorf("record the sealing of segment %d: %w", unrecorded[i].Segment, err)
		}
		t.mu.Lock()
		t.recorded++
		t.mu.Unlock()
	}
	if next == nil || t.ctx.Err() != nil {
		return false, nil
	}
	return true, t.seal(next)
}

// seal writes the files of a closed segment, then its manifest. Dying before
// the manifest is there leaves files that recovery removes; dying after it, a
// sealed segment whose log recovery removes and whose sealing it records.
func (t *Trail) seal(o *openSegment) error {
	if err := t.cfg.Fault("seal", walName(o.first)); err != nil {
		return err
	}
	t.mu.Lock()
	number := uint64(len(t.manifests))
	previous := proof.Hash{}
	if number > 0 {
		previous = proof.HashManifest(t.manifests[number-1].Bytes)
	}
	t.mu.Unlock()
	until := o.until()
	note, root, err := t.noteAt(until)
	if err != nil {
		return err
	}
	files, err := t.writeSegment(o)
	if err != nil {
		return fmt.Errorf("seal segment %d: %w", number, err)
	}
	m := proof.Manifest{
		Format: proof.ManifestFormat, Origin: t.origin, Segment: number, First: o.first, Until: until,
		Previous: previous, Root: root,
		At:     proof.Span{First: o.at.first, Last: o.at.last},
		Counts: sortedCounts(o.counts), Checkpoint: string(note),
	}
	if m.Files, err = json.Marshal(files); err != nil {
		return err
	}
	line, err := m.Append(nil)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(t.segmentDir(), manifestName(o.first)), line, 0o644); err != nil {
		return fmt.Errorf("seal segment %d: %w", number, err)
	}
	s, err := t.openSegmentFiles(&m)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.adopt(s, Manifest{m, line})
	t.open = t.open[1:]
	close(t.fewer)
	t.fewer = make(chan struct{})
	t.mu.Unlock()
	return t.retire(o)
}

// noteAt returns a checkpoint of that size.
func (t *Trail) noteAt(size uint64) ([]byte, proof.Hash, error) {
	root, err := t.Root(size)
	if err != nil {
		return nil, root, err
	}
	t.audited.mu.Lock()
	defer t.audited.mu.Unlock()
	note, _, err := t.auditedNote(size, root)
	return note, root, err
}

// adopt makes a sealed segment part of the trail. t.mu is held.
func (t *Trail) adopt(s *segment, m Manifest) {
	t.sealed = append(t.sealed, s)
	t.manifests = append(t.manifests, m)
	for _, c := range m.Counts {
		t.counts[c.Source] += c.Records
	}
}

func sortedCounts(counts map[countKey]*count) []proof.Count {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b countKey) int {
		return strings.Compare(a.source+"\x00"+a.action, b.source+"\x00"+b.action)
	})
	out := make([]proof.Count, len(keys))
	for i, k := range keys {
		c := counts[k]
		out[i] = proof.Count{Source: k.source, Action: k.action, Records: c.records, OccurredAt: proof.Span{First: c.occurred.first, Last: c.occurred.last}}
	}
	return out
}

// recordSeal appends the record that names a manifest, unless it is there.
func (t *Trail) recordSeal(m *Manifest) error {
	detail := struct {
		Segment  uint64     `json:"segment"`
		First    uint64     `json:"first"`
		Until    uint64     `json:"until"`
		Manifest proof.Hash `json:"manifest"`
	}{m.Segment, m.First, m.Until, proof.HashManifest(m.Bytes)}
	id := sealID(m.Segment)
	if _, found, err := t.Find(proof.EventID(ownSource, id)); err != nil || found {
		return err
	}
	d, err := ownDraft(actionSeal, id, "success", t.cfg.Now(), ownTarget{"segment", fmt.Sprint(m.Segment)}, detail)
	if err != nil {
		return err
	}
	_, err = t.Append(t.ctx, []Draft{*d})
	return err
}

func sealID(segment uint64) string { return fmt.Sprintf("%s/%d", actionSeal, segment) }

// A sealWriter writes one file of a segment and counts what its manifest says.
type sealWriter struct {
	*bufio.Writer
	file  *os.File
	whole hash.Hash
	sizes sealedFile
}

func createSealed(dir, name string) (*sealWriter, error) {
	f, err := os.OpenFile(filepath.Join(dir, name+".new"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	w := &sealWriter{file: f, whole: sha256.New(), sizes: sealedFile{Name: name}}
	w.Writer = bufio.NewWriterSize(sealTee{w}, 1<<20)
	return w, nil
}

// A sealTee writes to the file what is also hashed.
type sealTee struct{ w *sealWriter }

func (s sealTee) Write(b []byte) (int, error) {
	s.w.whole.Write(b)
	s.w.sizes.Bytes += int64(len(b))
	return s.w.file.Write(b)
}

// commit makes the file durable under its name.
func (w *sealWriter) commit() (sealedFile, error) {
	name := w.file.Name()
	err := w.Flush()
	if err == nil {
		err = w.file.Sync()
	}
	if err = errors.Join(err, w.file.Close()); err != nil {
		return w.sizes, err
	}
	w.whole.Sum(w.sizes.SHA256[:0])
	return w.sizes, os.Rename(name, strings.TrimSuffix(name, ".new"))
}

// writeSegment reads a closed log from its beginning to its end and writes the
// files of headers and bodies.
func (t *Trail) writeSegment(o *openSegment) (files []sealedFile, err error) {
	until := o.until()
	h, err := createSealed(t.segmentDir(), headersName(o.first))
	if err != nil {
		return nil, err
	}
	defer h.file.Close()
	b, err := createSealed(t.segmentDir(), bodiesName(o.first, class))
	if err != nil {
		return nil, err
	}
	defer b.file.Close()
	dict, err := o.sample()
	if err != nil {
		return nil, err
	}
	hw, err := newHeaderWriter(h, o.first)
	if err != nil {
		return nil, err
	}
	bw, err := newBodyWriter(b, o.first, until, o.wal.secret, dict)
	if err != nil {
		return nil, err
	}
	if err := pour(o, until, hw, bw, h, b); err != nil {
		return nil, err
	}
	t.mu.Lock()
	roots := slices.Clone(t.tiles.levels0(o.first/tileSize, until/tileSize))
	t.mu.Unlock()
	if err := errors.Join(hw.finish(roots), bw.finish()); err != nil {
		return nil, err
	}
	for _, w := range []*sealWriter{h, b} {
		w.sizes.Records = until - o.first
		if w == b {
			w.sizes.Class, w.sizes.KeepUntil = class, keepUntil(o.at.last, t.cfg.Retention)
		}
		f, err := w.commit()
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, durable.SyncDir(t.segmentDir())
}

// keepUntil is the first day on which a body file may go: what was recorded on
// one day goes on one day.
func keepUntil(last time.Time, retention time.Duration) string {
	if retention == 0 {
		return last.AddDate(0, 18, 1).Format(time.DateOnly)
	}
	return last.Add(retention).AddDate(0, 0, 1).Format(time.DateOnly)
}

// levels0 returns the roots of the full tiles from to until.
func (t *tiles) levels0(from, until uint64) []proof.Hash {
	if from == until {
		return nil
	}
	return t.levels[0][from:until]
}

// sample returns bodies spread over the segment, as the dictionary.
func (o *openSegment) sample() ([]byte, error) {
	var dict []byte
	step := max(1, len(o.places)/64)
	for i := 0; i < len(o.places) && len(dict) < dictSize; i += step {
		_, body, err := o.wal.read(o.places[i])
		if err != nil {
			return nil, err
		}
		dict = append(dict, body[:min(len(body), dictSize-len(dict), dictSize/16)]...)
	}
	if len(o.places) < bodyChunk {
		return nil, nil // a dictionary would only be a second copy
	}
	return dict, nil
}

// pour writes the records of a log, group by group as they were synced, into
// chunks of headers and of bodies.
func pour(o *openSegment, until uint64, hw *headerWriter, bw *bodyWriter, h, b *sealWriter) error {
	var headers []proof.Header
	var bodies []byte
	var list []place
	offset := int64(walHeadSize)
	for seq := o.first; seq < until; {
		group, ok, err := o.wal.groupAt(offset, seq)
		if err != nil {
			return err
		}
		if !ok {
			return damaged(o.wal.name, offset, "what was written is not there")
		}
		if list, err = places(list[:0], group, 0); err != nil {
			return err
		}
		for _, p := range list {
			header := group[p.header : p.header+int64(p.headerLen)]
			body := group[p.body : p.body+int64(p.bodyLen)]
			parsed, err := proof.ParseHeader(header)
			if err != nil || parsed.Seq != seq {
				return damaged(o.wal.name, offset+p.header, fmt.Sprintf("the header of record %d is damaged", seq))
			}
			headers = append(headers, parsed)
			h.sizes.PlainBytes += int64(len(header))
			bodies = append(binary.BigEndian.AppendUint32(bodies, uint32(len(body))), body...)
			seq++
			if seq%tileSize == 0 || seq == until {
				if err := hw.add(headers); err != nil {
					return err
				}
				headers = headers[:0]
			}
			if seq%bodyChunk == 0 || seq == until {
				b.sizes.PlainBytes += int64(len(bodies))
				if err := bw.add(bodies); err != nil {
					return err
				}
				bodies = bodies[:0]
			}
		}
		offset += int64(len(group))
	}
	return nil
}
