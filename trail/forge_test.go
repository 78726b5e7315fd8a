package trail

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/proof"
)

// A forger has the whole folder, this package and no secret key. It rewrites a
// sealed segment and makes every hash agree that nobody has to sign.
type forger struct {
	t       *testing.T
	dir     string
	headers []proof.Header
	bodies  [][]byte
	secret  [32]byte
}

func newForger(t *testing.T) *forger {
	t.Helper()
	f := &forger{t: t, dir: t.TempDir()}
	tr, err := Open(Config{Dir: f.dir, SealRecords: 30})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 45 {
		d, err := ownDraft("test.event", fmt.Sprint("event-", i), "success", time.Unix(1_700_000_000+int64(i), 0), ownTarget{"thing", fmt.Sprint(i)}, map[string]any{"amount": 100 + i})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Append(context.Background(), []Draft{*d}); err != nil {
			t.Fatal(err)
		}
	}
	for len(tr.Manifests()) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	f.read()
	return f
}

func (f *forger) segment(name string) string { return filepath.Join(f.dir, "segments", name) }

// must stops the test on an error of the forger's own work.
func (f *forger) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *forger) read() {
	h, err := openHeaders(f.segment(headersName(0)))
	f.must(err)
	defer h.file.Close()
	f.headers, err = h.chunk(0)
	f.must(err)
	b, err := openBodies(f.segment(bodiesName(0, class)))
	f.must(err)
	defer b.close()
	_, bodies, err := b.chunk(0)
	f.must(err)
	for _, body := range bodies {
		f.bodies = append(f.bodies, bytes.Clone(body))
	}
	f.secret = b.secret
}

// rewrite writes the segment anew. With rechain, digests, numbers and chain are
// made to agree with the bodies; otherwise only the files and their hashes are.
func (f *forger) rewrite(rechain bool) {
	f.t.Helper()
	var tree proof.Tree
	prev := proof.Hash{}
	for i := range f.headers {
		h := &f.headers[i]
		if rechain {
			fields, err := proof.ParseBody(f.bodies[i])
			f.must(err)
			h.Seq, h.SSeq, h.Prev = uint64(i), uint64(i), prev
			seed := proof.DeriveSeed(f.secret, uint64(i))
			h.Body = proof.BodyDigest(fields, &seed)
		} else {
			h.Prev = prev
		}
		prev = proof.LeafHash(h.Append(nil))
		tree.Append(prev)
	}
	until := uint64(len(f.headers))
	hw, err := createSealed(filepath.Join(f.dir, "segments"), headersName(0))
	f.must(err)
	w, err := newHeaderWriter(hw, 0)
	f.must(err)
	f.must(w.add(slices.Clone(f.headers)))
	f.must(w.finish(nil))
	for i := range f.headers {
		hw.sizes.PlainBytes += int64(len(f.headers[i].Append(nil)))
	}
	hw.sizes.Records = until
	headers, err := hw.commit()
	f.must(err)
	bw, err := createSealed(filepath.Join(f.dir, "segments"), bodiesName(0, class))
	f.must(err)
	b, err := newBodyWriter(bw, 0, until, f.secret, nil)
	f.must(err)
	var plain []byte
	for _, body := range f.bodies {
		plain = append(binary.BigEndian.AppendUint32(plain, uint32(len(body))), body...)
	}
	f.must(b.add(plain))
	f.must(b.finish())
	bw.sizes.PlainBytes, bw.sizes.Records, bw.sizes.Class = int64(len(plain)), until, class
	bodies, err := bw.commit()
	f.must(err)
	f.manifest(func(m *proof.Manifest) {
		m.Until, m.Root = until, tree.Root()
		if !rechain {
			m.Root = f.rootBefore()
		}
		m.Files, err = json.Marshal([]sealedFile{headers, bodies})
		f.must(err)
		counts := counts{}
		for i := range f.headers {
			counts.add(&f.headers[i])
		}
		m.Counts = sortedCounts(counts)
	})
}

// rootBefore is the root that the manifest named before anything was forged.
func (f *forger) rootBefore() proof.Hash {
	line, err := os.ReadFile(f.segment(manifestName(0)))
	f.must(err)
	m, err := proof.ParseManifest(line)
	f.must(err)
	return m.Root
}

// manifest edits the manifest, and the record of its sealing so that it names
// the edited one.
func (f *forger) manifest(edit func(m *proof.Manifest)) {
	f.t.Helper()
	name := f.segment(manifestName(0))
	line, err := os.ReadFile(name)
	f.must(err)
	m, err := proof.ParseManifest(line)
	f.must(err)
	edit(&m)
	forged, err := m.Append(nil)
	f.must(err)
	f.must(os.WriteFile(name, forged, 0o600))
	f.log(func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(proof.HashManifest(line).String()), []byte(proof.HashManifest(forged).String()))
	})
}

// log edits every group of the log and makes its checksum agree.
func (f *forger) log(edit func(group []byte) []byte) {
	f.t.Helper()
	names, err := filepath.Glob(filepath.Join(f.dir, "wal", "*.wal"))
	f.must(err)
	w, err := openWAL(names[len(names)-1], true)
	f.must(err)
	defer w.file.Close()
	var list []place
	_, err = w.replay(w.first, func(group []byte, at int64) (uint64, error) {
		list, err = places(list[:0], group, 0)
		f.must(err)
		group = edit(group)
		binary.BigEndian.PutUint32(group[20:], w.checksum(group))
		_, err := w.file.WriteAt(group, at)
		return uint64(len(list)), err
	})
	f.must(err)
}

// finds wants the check to fail with words, and opening the trail to fail or
// the read of a record to.
func (f *forger) finds(words ...string) {
	f.t.Helper()
	_, err := CheckDir(context.Background(), f.dir, CheckOptions{})
	var d *Damage
	if !errors.As(err, &d) {
		f.t.Errorf("check: %v; want a *Damage", err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			f.t.Errorf("check: %v; want it to name %q", err, word)
		}
	}
	tr, err := Open(Config{Dir: f.dir})
	if err != nil {
		return
	}
	defer tr.Close()
	for _, err := range tr.Records(context.Background(), 0, tr.Size()) {
		if err != nil {
			return
		}
	}
	f.t.Error("the trail opens, and every record of it can be read")
}

func TestForgedBody(t *testing.T) {
	f := newForger(t)
	f.bodies[7] = bytes.Replace(f.bodies[7], []byte(`"amount":106`), []byte(`"amount":906`), 1)
	f.rewrite(false)
	f.finds("record 7", "body is not what was recorded")
}

func TestForgedBodyRechained(t *testing.T) {
	f := newForger(t)
	f.bodies[7] = bytes.Replace(f.bodies[7], []byte(`"amount":106`), []byte(`"amount":906`), 1)
	f.rewrite(true)
	f.finds("manifest", "checkpoint")
}

func TestForgedHeader(t *testing.T) {
	f := newForger(t)
	f.headers[9].Outcome = "failure"
	f.rewrite(false)
	f.finds("headers")
}

func TestForgedRemoved(t *testing.T) {
	f := newForger(t)
	f.headers, f.bodies = slices.Delete(f.headers, 11, 12), slices.Delete(f.bodies, 11, 12)
	f.rewrite(true)
	f.finds()
}

func TestForgedSwapped(t *testing.T) {
	f := newForger(t)
	f.headers[11], f.headers[12] = f.headers[12], f.headers[11]
	f.bodies[11], f.bodies[12] = f.bodies[12], f.bodies[11]
	f.rewrite(true)
	f.finds("manifest", "checkpoint")
}

func TestForgedInserted(t *testing.T) {
	f := newForger(t)
	h := f.headers[12]
	h.ID = proof.EventID(h.Source, "never happened")
	f.headers = slices.Insert(f.headers, 12, h)
	f.bodies = slices.Insert(f.bodies, 12, bytes.Clone(f.bodies[12]))
	f.rewrite(true)
	f.finds()
}

func TestForgedManifestTimes(t *testing.T) {
	f := newForger(t)
	f.manifest(func(m *proof.Manifest) { m.Counts[0].OccurredAt.Last = m.Counts[0].OccurredAt.First })
	f.finds("manifest")
}

func TestForgedLog(t *testing.T) {
	f := newForger(t)
	f.log(func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"amount":140`), []byte(`"amount":941`))
	})
	f.finds("record", "body is not what was recorded")
}

// TestSecondFrame appends a second zstd frame to a chunk: it would unpack to
// more without a word.
func TestSecondFrame(t *testing.T) {
	one := func(b []byte) []byte {
		w, err := newHeaderWriter(&bytes.Buffer{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return w.zstd.EncodeAll(b, nil)
	}
	frame := one([]byte("what was written"))
	if b, err := unpack(frame, 100); err != nil || string(b) != "what was written" {
		t.Fatalf("%q %v", b, err)
	}
	if b, err := unpack(append(slices.Clone(frame), one([]byte(" and more"))...), 100); err == nil {
		t.Errorf("a second frame was unpacked: %q", b)
	}
	skippable := append(slices.Clone(frame), 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x')
	if b, err := unpack(skippable, 100); err == nil {
		t.Errorf("bytes that are skipped were passed over: %q", b)
	}
	if _, err := unpack(frame, 4); err == nil {
		t.Error("more was unpacked than the limit")
	}
}

// TestASecondSealingIsFound: a pack believes the newest record of sealing, so
// somebody with the key might append one that describes sealed segments anew.
func TestASecondSealingIsFound(t *testing.T) {
	for _, segment := range []uint64{0, 99} {
		f := newForger(t)
		if _, err := CheckDir(t.Context(), f.dir, CheckOptions{}); err != nil {
			t.Fatal(err)
		}
		tr, err := Open(Config{Dir: f.dir})
		f.must(err)
		d, err := ownDraft(actionSeal, "again", "success", time.Now(), ownTarget{"segment", "x"}, map[string]any{"segment": segment, "manifest": strings.Repeat("ab", 32)})
		f.must(err)
		_, err = tr.Append(t.Context(), []Draft{*d})
		f.must(err)
		f.must(tr.Close())
		if _, err := CheckDir(t.Context(), f.dir, CheckOptions{}); err == nil {
			t.Errorf("a second sealing of segment %d was not found", segment)
		}
	}
}

// TestSealingsStandInTheSegmentAfter holds manifests against records of sealing
// that stand elsewhere, or name another manifest.
func TestSealingsStandInTheSegmentAfter(t *testing.T) {
	manifests := []Manifest{
		{proof.Manifest{Segment: 0, First: 0, Until: 10}, []byte("zero")},
		{proof.Manifest{Segment: 1, First: 10, Until: 20}, []byte("one")},
		{proof.Manifest{Segment: 2, First: 20, Until: 30}, []byte("two")},
	}
	at := func(segment int, seq uint64) sealing {
		return sealing{proof.HashManifest(manifests[segment].Bytes).String(), seq}
	}
	f := func(want string, seals ...sealing) {
		t.Helper()
		c := &checker{seal: map[uint64]sealing{}}
		for i, s := range seals {
			c.seal[uint64(i)] = s
		}
		err := c.checkSeals(manifests)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v: %v, want %q", seals, err, want)
		}
	}
	f("", at(0, 10), at(1, 29), at(2, 500))
	f("", at(0, 19), at(1, 20)) // the newest may not be recorded yet
	f("in the segment after it", at(0, 9), at(1, 20), at(2, 30))
	f("in the segment after it", at(0, 20), at(1, 20), at(2, 30))
	f("in the segment after it", at(0, 10), at(1, 30), at(2, 30))
	f("in the segment after it", at(0, 10), at(1, 20), at(2, 29))
	f("is not the manifest", at(0, 10), at(2, 20), at(2, 30))
	f("is not the manifest", at(0, 10))
	f("does not exist", at(0, 10), at(1, 20), at(2, 30), at(2, 31))
}

func TestIDsThatStandTwice(t *testing.T) {
	c := &checker{ids: [][16]byte{{3}, {1}, {2}}}
	if err := c.checkIDs(); err != nil {
		t.Error(err)
	}
	c.ids = append(c.ids, [16]byte{1})
	if err := c.checkIDs(); err == nil || !strings.Contains(err.Error(), "two records have the id 01") {
		t.Errorf("got %v", err)
	}
}
