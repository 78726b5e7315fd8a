package proof

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// TreeFile is tree.json: how the headers of a pack fit into the tree (6.5).
type TreeFile struct {
	Size   uint64  `json:"size"`
	Root   Hash    `json:"root"`
	Pieces []Piece `json:"pieces"`
	Period *Period `json:"period,omitempty"`
}

// Piece is a stretch From ≤ seq < Until: a run, with Prev, whose headers are in
// the pack, or a gap, with Hashes, of which only subtree hashes are.
type Piece struct {
	From   uint64 `json:"from"`
	Until  uint64 `json:"until"`
	Hashes []Hash `json:"hashes,omitempty"`
	Prev   *Hash  `json:"prev,omitempty"`
}

// Period shows that the trail as it stood after the window is the beginning of
// what is signed now: a signed note and an RFC 6962 consistency proof.
type Period struct {
	Checkpoint string `json:"checkpoint"`
	Proof      []Hash `json:"proof"`
}

// VerifyPack verifies the pack in fsys under name, a zip or the folder that it
// unpacks to, and prints what it has verified to out, a line for each step of
// format.md section 7. The error is nil, or a *Failure, or says why the pack
// could not be read. Without keys it takes those that came with the pack, which
// proves no more than that the pack is in harmony with itself, and says so.
func VerifyPack(fsys fs.FS, name string, keys []Key, out io.Writer) error {
	pack, err := openBundle(fsys, name)
	if err == nil {
		v := &verifier{pack: pack, keys: keys, out: out}
		err = v.verify()
	}
	if failure := (*Failure)(nil); errors.As(err, &failure) {
		fmt.Fprintf(out, "NOT VERIFIED: %s\n", failure)
	}
	return err
}

// verifier holds what the steps hand on to each other.
type verifier struct {
	pack *bundle
	keys []Key
	out  io.Writer

	info     Pack
	infoHash Hash
	filter   Expr
	tree     TreeFile

	segments    []segment
	segmentsErr error         // what is wrong with them is said in its turn
	seals       []*disclosure // the records of their sealing
	sealsErr    error
	sealHeaders map[uint64]*Header
}

// segment is a manifest, without what is not needed to the end.
type segment struct {
	Manifest
	hash      Hash
	spared    bool // its records all lie outside the window
	disproved bool // the tree at its end or a header of it is not as it says
}

func (v *verifier) verify() error {
	for _, step := range []func() error{v.checkForm, v.checkKeys, v.checkFiles, v.checkTree, v.checkHeaders, v.checkSegments, v.checkPeriod, v.checkRecords} {
		if err := step(); err != nil {
			return err
		}
	}
	v.print("VERIFIED")
	return nil
}

func (v *verifier) print(format string, args ...any) {
	fmt.Fprintln(v.out, clean(fmt.Sprintf(format, args...)))
}

// checkForm is step a: pack.json says what the pack is, and there are the files
// that there must be and no other.
func (v *verifier) checkForm() error {
	names, known := v.pack.names, FileNames()
	if !slices.Contains(names, "pack.json") {
		return fail("pack.json", "is missing")
	} else if slices.Contains(v.pack.irregular, "pack.json") { // a pipe would be read for ever
		return fail("pack.json", "does not belong here")
	}
	b, err := v.pack.whole("pack.json")
	if err != nil {
		return err
	}
	v.infoHash = sha256.Sum256(b)
	formed := len(b) <= maxPackJSON && decode(b, &v.info) == nil && v.info.valid() &&
		json.Unmarshal(v.info.Filter.Expr, &v.filter) == nil && v.filter.Validate() == nil
	if !formed {
		return fail("pack.json", "is not well formed")
	}
	for _, n := range known {
		if !slices.Contains(names, n) {
			return fail(n, "is missing")
		}
	}
	for _, n := range slices.Sorted(slices.Values(names)) {
		if !slices.Contains(known, n) || slices.Contains(v.pack.irregular, n) {
			return fail(n, "does not belong here")
		}
	}
	if v.pack.zip != nil && !slices.Equal(names, known) {
		return fail("zip", notZip)
	}
	v.print("pack      made %s by %s, for the trail %s", AppendTime(nil, v.info.MadeAt), v.info.MadeBy, v.info.Origin)
	return nil
}

// valid reports whether the members whose values are closed have one of them,
// and the files are those of section 6.2, each once, in their order.
func (p *Pack) valid() bool {
	listed := slices.EqualFunc(p.Files, FileNames()[2:], func(f File, name string) bool { return f.Name == name && f.Bytes <= maxFile })
	return listed && p.Format == PackFormat && validOrigin(p.Origin) && (p.Window.By == "at" || p.Window.By == "occurred_at") &&
		inUTC(p.MadeAt, p.Window.From, p.Window.Until)
}

// checkKeys is step b: whose word is taken.
func (v *verifier) checkKeys() error {
	if err := v.pack.check(&v.info.Files[0]); err != nil {
		return err
	}
	said, own := "given", []Key(nil)
	lines := v.pack.lines("keys.txt")
	for lines.Scan() {
		k, err := ParseKey(lines.Text())
		twin := func(o Key) bool { return o.KeyHash() == k.KeyHash() } // whose lines nobody could tell from those of k
		if err != nil || k.Name() != v.info.Origin || slices.ContainsFunc(own, twin) {
			return fail("keys.txt", "is not well formed")
		}
		own = append(own, k)
	}
	if err := lines.end(); err != nil {
		return err
	}
	if len(v.keys) == 0 {
		v.keys, said = own, "came with the evidence itself: compare it with the one you were given"
	}
	for _, k := range v.keys {
		v.print("key       %s (%s)", k.Short(), said)
	}
	return nil
}

// noteText returns the text of a note that one of keys signed.
func noteText(file string, signed []byte, keys []Key) (text string, err error) {
	text, err = openNote(signed, keys)
	if errors.Is(err, errNotSigned) {
		return "", fail(file, "is not signed by a trusted key")
	}
	return text, require(err == nil, file, "is not well formed")
}

// checkFiles is step c: pack.json is signed by the trail's own Ed25519 key, and
// every other file is the one that it lists.
func (v *verifier) checkFiles() error {
	signed, err := v.pack.whole("pack.note")
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(slices.Clone(v.keys), func(k Key) bool { return k.typ != typeEd25519 || k.name != v.info.Origin })
	text, err := noteText("pack.note", signed, own)
	if err != nil {
		return err
	}
	lines := append(strings.Split(text, "\n"), "", "", "", "")
	if err := cmp.Or(
		require(len(lines) == 8 && lines[0] == PackFormat && parseHex(new(Hash)[:], lines[2]) == nil, "pack.note", "is not well formed"),
		require(lines[1] == v.info.Origin, "pack.note", "does not belong to this trail"),
		require(lines[2] == v.infoHash.String(), "pack.json", "is not signed by a trusted key"),
		v.checkCRC("pack.json"), v.checkCRC("pack.note"),
	); err != nil {
		return err
	}
	for i := range v.info.Files {
		if err := v.pack.check(&v.info.Files[i]); err != nil {
			return err
		}
	}
	v.print("files     %d files, whole and as signed", len(v.pack.names))
	return nil
}

// checkCRC holds a file that pack.json does not list against the zip's header.
func (v *verifier) checkCRC(name string) error {
	content, err := v.pack.whole(name)
	ok := v.pack.zip == nil || crc32.ChecksumIEEE(content) == v.pack.zip[name].CRC32
	return cmp.Or(err, require(ok, "zip", notZip))
}

// checkTree is step d: a trusted key signed a checkpoint, and tree.json cuts the
// tree of that size into pieces that leave nothing out.
func (v *verifier) checkTree() error {
	signed, signedErr := v.pack.whole("checkpoint.txt")
	b, err := v.pack.whole("tree.json")
	if err := cmp.Or(signedErr, err); err != nil {
		return err
	}
	text, err := noteText("checkpoint.txt", signed, v.keys)
	if err != nil {
		return err
	}
	c, err := ParseCheckpoint(text)
	if err := cmp.Or(
		require(err == nil, "checkpoint.txt", "is not well formed"),
		require(c.Origin == v.info.Origin, "checkpoint.txt", "does not belong to this trail"),
		require(decode(b, &v.tree) == nil && v.tree.valid(), "tree.json", "is not well formed"),
		require(v.tree.Size == c.Size && v.tree.Root == c.Root, "tree.json", "is not the tree that was signed"),
		require(v.tree.covered(), "tree.json", "does not fit"),
	); err != nil {
		return err
	}
	v.print("tree      size %d, root %s, signed", c.Size, c.Root)
	return nil
}

// valid reports whether every piece is a run or a gap, and not both.
func (t *TreeFile) valid() bool {
	return !slices.ContainsFunc(t.Pieces, func(p Piece) bool { return (p.Prev == nil) == (len(p.Hashes) == 0) })
}

// covered reports whether the pieces make up the tree, runs and gaps in turn.
func (t *TreeFile) covered() bool {
	at := uint64(0)
	for i, p := range t.Pieces {
		inTurn := i == 0 || (p.Prev == nil) != (t.Pieces[i-1].Prev == nil)
		if p.From != at || p.Until <= at || !inTurn || p.Prev == nil && len(p.Hashes) != len(subtrees(p.From, p.Until)) {
			return false
		}
		at = p.Until
	}
	return at == t.Size
}

// headers calls visit for each header of the pack with its leaf hash, and for
// each gap without, in the order of the tree. A header's line lacks prev, which
// is the leaf hash of the line before: so every line binds all before it.
func (v *verifier) headers(visit func(p *Piece, h *Header, leaf Hash) error) error {
	const tail = len(`,"body":""}`) + 2*len(Hash{})
	lines := v.pack.lines("headers.jsonl")
	var whole []byte
	for i := range v.tree.Pieces {
		p := &v.tree.Pieces[i]
		if p.Prev == nil {
			if err := visit(p, nil, Hash{}); err != nil {
				return err
			}
			continue
		}
		prev := *p.Prev
		if p.From == 0 && prev != (Hash{}) { // there is none before the first
			return fail("tree.json", "does not fit")
		}
		for seq := p.From; seq < p.Until; seq++ {
			ok := lines.Scan()
			if !ok && !lines.malformed() {
				return cmp.Or(lines.Err(), failRecord("headers.jsonl", seq, "does not fit"))
			}
			cut := max(0, len(lines.Bytes())-tail)
			whole = append(append(whole[:0], lines.Bytes()[:cut]...), `,"prev":"`...)
			whole = append(append(hex.AppendEncode(whole, prev[:]), '"'), lines.Bytes()[cut:]...)
			h, err := ParseHeader(whole)
			if !ok || err != nil {
				return failRecord("headers.jsonl", seq, "is not well formed")
			} else if h.Seq != seq {
				return failRecord("headers.jsonl", seq, "does not fit")
			}
			prev = LeafHash(whole)
			if err := visit(p, &h, prev); err != nil {
				return err
			}
		}
	}
	more := lines.Scan() || lines.malformed()
	return cmp.Or(require(!more, "headers.jsonl", "does not fit"), lines.end())
}

// sequence is what must hold from one header to the next (section 6.5).
type sequence struct {
	ids   map[[16]byte]bool
	due   map[string]uint64 // sseq that comes next, of each source
	inRun map[string]bool   // sources whose due is exact, since nothing was left out
	exact bool              // all of them, since there was nothing before
	at    time.Time
}

// begin starts a run: after a gap a source may have gone on, but not back.
func (s *sequence) begin(from uint64) {
	s.at, s.inRun, s.exact = time.Time{}, map[string]bool{}, from == 0
	if s.ids == nil {
		s.ids, s.due = map[[16]byte]bool{}, map[string]uint64{}
	}
}

// follow says what is wrong with the next header, or nothing.
func (s *sequence) follow(h *Header) (what string) {
	due := s.due[h.Source]
	if h.At.Before(s.at) || h.SSeq < due || (s.exact || s.inRun[h.Source]) && h.SSeq > due {
		return "does not fit"
	} else if s.ids[h.ID] {
		return "stands twice"
	}
	s.ids[h.ID], s.inRun[h.Source], s.due[h.Source], s.at = true, true, h.SSeq+1, h.At
	return ""
}

// checkHeaders is step e: the headers of each run follow one another, and
// together with the gaps' subtree hashes they make the tree that was signed.
func (v *verifier) checkHeaders() error {
	v.segments, v.segmentsErr = v.readSegments()
	v.readSeals()
	ends := map[uint64]*segment{}
	for i := range v.segments {
		ends[v.segments[i].Until] = &v.segments[i]
	}
	in := v.segments // the first of them is that of the header
	var tree Tree
	var order sequence
	var run *Piece
	runs := 0
	err := v.headers(func(p *Piece, h *Header, leaf Hash) error {
		if h == nil {
			for i, k := range subtrees(p.From, p.Until) {
				tree.AppendSubtree(k, p.Hashes[i])
			}
		} else {
			if p != run {
				run, runs = p, runs+1
				order.begin(p.From)
			}
			if what := order.follow(h); what != "" {
				return failRecord("headers.jsonl", h.Seq, what)
			}
			if _, wanted := v.sealHeaders[h.Seq]; wanted {
				v.sealHeaders[h.Seq] = h
			}
			for len(in) > 0 && in[0].Until <= h.Seq {
				in = in[1:]
			}
			if len(in) > 0 && (in[0].spared && v.info.Window.holds(h) || h.At.Before(in[0].At.First) || h.At.After(in[0].At.Last)) {
				in[0].disproved = true
			}
			tree.Append(leaf)
		}
		if s := ends[tree.Size()]; s != nil {
			s.disproved = s.disproved || tree.Root() != s.Root
		}
		return nil
	})
	if err := cmp.Or(err, require(tree.Root() == v.tree.Root, "tree.json", "is not the tree that was signed")); err != nil {
		return err
	}
	v.print("headers   %d headers in %d runs, each in the tree", len(order.ids), runs)
	return nil
}

// readSegments reads the manifests, each of which names the hash of the one
// before.
func (v *verifier) readSegments() (all []segment, err error) {
	const file = "manifests.jsonl"
	lines := v.pack.lines(file)
	var last segment
	for lines.Scan() {
		m, err := ParseManifest(lines.Bytes())
		follows := m.Segment == uint64(len(all)) && m.First == last.Until && m.Previous == last.hash && m.Until <= v.tree.Size && !m.At.First.Before(last.At.Last)
		if err := cmp.Or(
			require(err == nil, file, "is not well formed"),
			require(m.Origin == v.info.Origin, file, "does not belong to this trail"),
			require(follows && m.consistent(), file, "does not fit"),
		); err != nil {
			return all, err
		}
		last = segment{Manifest: m, hash: HashManifest(lines.Bytes()), spared: !m.Touches(v.info.Window.By, v.info.Window.From, v.info.Window.Until)}
		last.Counts, last.Files = nil, nil // checked, and not needed to the end
		all = append(all, last)
	}
	return all, lines.end()
}

// readSeals reads seals.jsonl as far as there are segments, and a line more. What
// is wrong with a line is said when those before it have been looked at.
func (v *verifier) readSeals() {
	next, stop := iter.Pull(v.pack.disclosures("seals.jsonl"))
	defer stop()
	v.sealHeaders = map[uint64]*Header{}
	k := &cursor{file: "seals.jsonl", next: next, last: -1}
	for v.sealsErr == nil && len(v.seals) <= len(v.segments) {
		if v.sealsErr = cmp.Or(k.advance(), k.form); k.now == nil {
			return
		} else if v.sealsErr == nil {
			v.seals = append(v.seals, k.now)
			v.sealHeaders[k.now.seq] = nil
		}
	}
}

// checkSegments is step f: the headers that are not in the pack lie in segments
// which were described, before the trail went on, as outside the window.
func (v *verifier) checkSegments() error {
	disproved := slices.ContainsFunc(v.segments, func(s segment) bool { return s.disproved })
	err := cmp.Or(v.segmentsErr, require(!disproved, "manifests.jsonl", "does not fit"))
	if err == nil {
		err = v.checkSeals()
	}
	if err != nil {
		return err
	}
	left, i, counted := 0, 0, -1
	for _, p := range v.tree.Pieces {
		for at := p.From; p.Prev == nil && at < p.Until; at = v.segments[i].Until {
			for i < len(v.segments) && v.segments[i].Until <= at {
				i++
			}
			if i == len(v.segments) || !v.segments[i].spared {
				return fail("tree.json", "hides a stretch of the window")
			}
			if i != counted {
				left, counted = left+1, i
			}
		}
	}
	v.print("segments  %d segments; %d left out, outside the window by what was recorded of them in the one after", len(v.segments), left)
	return nil
}

// SealSeconds is how long after the last record of a segment its sealing may have
// been recorded for its headers to be left out of a pack.
const SealSeconds = 3600

// checkSeals holds each manifest against the record of its sealing, which stands
// in the segment that follows: what the tree holds cannot be described anew.
func (v *verifier) checkSeals() error {
	const file = "seals.jsonl"
	for i, d := range v.seals {
		h := v.sealHeaders[d.seq]
		if h == nil {
			return d.fail(file, "has no header here")
		} else if err := d.check(file, h); err != nil {
			return err
		} else if i == len(v.segments) {
			return fail(file, "does not belong here")
		}
		next := v.tree.Size
		if i+1 < len(v.segments) {
			next = v.segments[i+1].Until
		}
		s, number := &v.segments[i], strconv.Itoa(i)
		token, _ := d.view.find("/detail/manifest")
		hash, _ := text(token)
		segment, _ := d.view.find("/detail/segment")
		named := string(segment) == number && string(hash) == s.hash.String()
		if s.spared = s.spared && h.At.Unix()-s.At.Last.Unix() <= SealSeconds; !named || h.ID != EventID("evident", "segment.seal/"+number) || h.Source != "evident" || h.Action != "segment.seal" || d.seq < s.Until || d.seq >= next {
			return fail("manifests.jsonl", "is not what was sealed")
		}
	}
	return cmp.Or(v.sealsErr, require(len(v.seals) == len(v.segments), "manifests.jsonl", "is not what was sealed"))
}

// checkPeriod is step g: the trail as it stood when the window was over is the
// beginning of the trail of now, so nothing in it was changed since.
func (v *verifier) checkPeriod() error {
	period := v.tree.Period
	if (period == nil) == (len(v.segments) > 0) {
		return fail("tree.json", "is not well formed")
	} else if period == nil {
		return nil
	}
	i := slices.IndexFunc(v.segments, func(s segment) bool { return !s.At.Last.Before(v.info.Window.Until) })
	if i < 0 {
		i = len(v.segments) - 1
	}
	s := &v.segments[i]
	path := make(tlog.TreeProof, len(period.Proof))
	for i, h := range period.Proof {
		path[i] = tlog.Hash(h)
	}
	_, signedErr := noteText("tree.json", []byte(period.Checkpoint), v.keys)
	err := tlog.CheckTree(path, int64(v.tree.Size), tlog.Hash(v.tree.Root), int64(s.Until), tlog.Hash(s.Root))
	if err := cmp.Or(
		require(period.Checkpoint == s.Checkpoint, "tree.json", "does not fit"),
		signedErr,
		require(err == nil, "tree.json", "is not the beginning of this trail"),
	); err != nil {
		return err
	}
	v.print("period    the trail of size %d is the beginning of this one", s.Until)
	return nil
}
