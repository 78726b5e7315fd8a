package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// Piece is a stretch From ≤ seq < Until. It is a run, with Prev, the headers of
// which are in the pack, or a gap, of which only subtree hashes are.
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
	v := &verifier{out: out, keys: keys}
	err := v.verify(fsys, name)
	if failure := (*Failure)(nil); errors.As(err, &failure) {
		fmt.Fprintf(out, "NOT VERIFIED: %s\n", failure)
	}
	return err
}

type verifier struct {
	out      io.Writer
	keys     []Key
	pack     *bundle
	info     Pack
	infoHash Hash
	filter   Expr
	tree     TreeFile

	segments     []segment
	segmentsErr  error       // what is wrong with them is said in its turn
	anchor       *disclosure // the record that names the newest manifest
	anchorErr    error
	anchorHeader *Header

	runs int
}

// segment is a manifest, without what is not needed to the end.
type segment struct {
	Manifest
	hash      Hash
	disproved bool // its root is not that of the tree at its end
}

func (v *verifier) verify(fsys fs.FS, name string) (err error) {
	if v.pack, err = openBundle(fsys, name); err != nil {
		return err
	}
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

// checkForm is step a: there are the files that there must be, no other, and
// pack.json says what they are.
func (v *verifier) checkForm() error {
	names, known := v.pack.names, FileNames()
	if !slices.Contains(names, "pack.json") {
		return fail("pack.json", "is missing")
	}
	b, err := v.pack.whole("pack.json")
	if err != nil {
		return err
	}
	if len(b) > maxPackJSON || decode(b, &v.info) != nil || !v.info.valid() ||
		json.Unmarshal(v.info.Filter.Expr, &v.filter) != nil || v.filter.Validate() != nil {
		return fail("pack.json", "is not well formed")
	}
	v.infoHash = sha256.Sum256(b)
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

// valid reports whether the members that are closed in their values have one of
// them, and the files are those of section 6.2, each once, in their order.
func (p *Pack) valid() bool {
	listed := slices.EqualFunc(p.Files, FileNames()[2:], func(f File, name string) bool { return f.Name == name })
	return listed && p.Format == PackFormat && validOrigin(p.Origin) && (p.Window.By == "at" || p.Window.By == "occurred_at") &&
		inUTC(p.MadeAt, p.Window.From, p.Window.Until)
}

// checkKeys is step b: whose word is taken.
func (v *verifier) checkKeys() error {
	if err := v.pack.check(&v.info.Files[0]); err != nil {
		return err
	}
	said, lines := "given", v.pack.lines("keys.txt")
	var own []Key
	for line, ok := lines.next(); ok; line, ok = lines.next() {
		k, err := ParseKey(string(line))
		if err != nil || k.Name() != v.info.Origin {
			return fail("keys.txt", "is not well formed")
		}
		own = append(own, k)
	}
	if err := lines.end("keys.txt"); err != nil {
		return err
	}
	if len(v.keys) == 0 {
		v.keys, said = own, "came with the evidence itself: compare it with the one you were given"
	}
	for _, k := range v.keys {
		v.print("key       %s (%s)", k, said)
	}
	slices.SortFunc(v.keys, func(a, b Key) int { return strings.Compare(a.String(), b.String()) })
	v.keys = slices.Compact(v.keys)
	return nil
}

// noteFailure says what is wrong with a note in a file.
func noteFailure(file string, err error) error {
	if errors.Is(err, errNotSigned) {
		return fail(file, "is not signed by a trusted key")
	}
	return fail(file, "is not well formed")
}

// checkFiles is step c: pack.json is signed by the trail's own Ed25519 key, and
// every other file is the one it lists. Several are read at once; what counts is
// the first that is wrong, in their order.
func (v *verifier) checkFiles() error {
	signed, err := v.pack.whole("pack.note")
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(slices.Clone(v.keys), func(k Key) bool { return k.typ != typeEd25519 || k.name != v.info.Origin })
	text, err := openNote(signed, own)
	if err != nil {
		return noteFailure("pack.note", err)
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != PackFormat || parseHex(new(Hash)[:], lines[2]) != nil {
		return fail("pack.note", "is not well formed")
	}
	if lines[1] != v.info.Origin {
		return fail("pack.note", "does not belong to this trail")
	}
	if lines[2] != v.infoHash.String() {
		return fail("pack.json", "is not signed by a trusted key")
	}
	errs := make([]error, len(v.info.Files)+2)
	if v.pack.zip != nil {
		errs[0], errs[1] = v.pack.checkCRC("pack.json"), v.pack.checkCRC("pack.note")
	}
	var wait sync.WaitGroup
	free := make(chan bool, runtime.GOMAXPROCS(0))
	for i := range v.info.Files {
		free <- true
		wait.Go(func() {
			errs[i+2] = v.pack.check(&v.info.Files[i])
			<-free
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	v.print("files     %d files, whole and as signed", len(v.pack.names))
	return nil
}

// checkTree is step d: a trusted key signed a checkpoint, and tree.json cuts the
// tree of that size into pieces that leave nothing out.
func (v *verifier) checkTree() error {
	signed, err := v.pack.whole("checkpoint.txt")
	if err != nil {
		return err
	}
	c, err := OpenCheckpoint(signed, v.keys)
	if err != nil {
		return noteFailure("checkpoint.txt", err)
	}
	if c.Origin != v.info.Origin {
		return fail("checkpoint.txt", "does not belong to this trail")
	}
	b, err := v.pack.whole("tree.json")
	if err != nil {
		return err
	}
	if decode(b, &v.tree) != nil {
		return fail("tree.json", "is not well formed")
	}
	for _, p := range v.tree.Pieces {
		if (p.Prev == nil) == (len(p.Hashes) == 0) {
			return fail("tree.json", "is not well formed")
		}
	}
	if v.tree.Size != c.Size || v.tree.Root != c.Root {
		return fail("tree.json", "is not the tree that was signed")
	}
	at := uint64(0)
	for i, p := range v.tree.Pieces {
		sameKind := i > 0 && (p.Prev == nil) == (v.tree.Pieces[i-1].Prev == nil)
		if p.From != at || p.Until <= at || sameKind || p.Prev == nil && len(p.Hashes) != len(subtrees(p.From, p.Until)) || at == 0 && p.Prev != nil && *p.Prev != (Hash{}) {
			return fail("tree.json", "does not fit")
		}
		at = p.Until
	}
	if at != c.Size {
		return fail("tree.json", "does not fit")
	}
	v.print("tree      size %d, root %s, signed", c.Size, c.Root)
	return nil
}

// subtrees returns the exponents of the largest subtrees that make a stretch.
func subtrees(from, until uint64) (exponents []int) {
	for from < until {
		k := 0
		for k < 62 && from&(1<<(k+1)-1) == 0 && from+1<<(k+1) <= until {
			k++
		}
		exponents = append(exponents, k)
		from += 1 << k
	}
	return exponents
}

// headers calls visit for each header of the pack with its leaf hash, and for
// each gap without, in the order of the tree. A header's line lacks prev, which
// is the leaf hash of the line before: so every line binds all before it.
func (v *verifier) headers(visit func(p *Piece, h *Header, leaf Hash) error) error {
	lines := v.pack.lines("headers.jsonl")
	const tail = len(`,"body":""}`) + 2*len(Hash{})
	var header []byte
	for i := range v.tree.Pieces {
		p := &v.tree.Pieces[i]
		if p.Prev == nil {
			if err := visit(p, nil, Hash{}); err != nil {
				return err
			}
			continue
		}
		prev := *p.Prev
		for seq := p.From; seq < p.Until; seq++ {
			line, ok := lines.next()
			if !ok && lines.err == io.EOF {
				return failRecord("headers.jsonl", seq, "does not fit")
			} else if !ok && lines.err != errLine {
				return lines.err
			} else if !ok || len(line) < tail {
				return failRecord("headers.jsonl", seq, "is not well formed")
			}
			cut := len(line) - tail
			header = append(append(header[:0], line[:cut]...), `,"prev":"`...)
			header = append(hex.AppendEncode(header, prev[:]), '"')
			header = append(header, line[cut:]...)
			h, err := ParseHeader(header)
			if err != nil {
				return failRecord("headers.jsonl", seq, "is not well formed")
			}
			if h.Seq != seq {
				return failRecord("headers.jsonl", seq, "does not fit")
			}
			prev = LeafHash(header)
			if err := visit(p, &h, prev); err != nil {
				return err
			}
		}
	}
	if _, ok := lines.next(); ok || lines.err == errLine {
		return fail("headers.jsonl", "does not fit")
	}
	return lines.end("headers.jsonl")
}

// checkHeaders is step e: the headers of each run follow one another, and
// together with the gaps' subtree hashes they make the tree that was signed.
func (v *verifier) checkHeaders() error {
	v.segments, v.segmentsErr = v.readSegments()
	v.anchor, v.anchorErr = v.readAnchor()
	ends := map[uint64]*segment{}
	for i := range v.segments {
		ends[v.segments[i].Until] = &v.segments[i]
	}
	var tree Tree
	order := newSequence()
	var run *Piece
	err := v.headers(func(p *Piece, h *Header, leaf Hash) error {
		if h == nil {
			for i, k := range subtrees(p.From, p.Until) {
				tree.push(k, p.Hashes[i])
			}
		} else {
			if p != run {
				run = p
				order.begin()
				v.runs++
			}
			if what := order.follow(h); what != "" {
				return failRecord("headers.jsonl", h.Seq, what)
			}
			if v.anchor != nil && h.Seq == v.anchor.seq {
				v.anchorHeader = h
			}
			tree.Append(leaf)
		}
		if s := ends[tree.Size()]; s != nil {
			s.disproved = tree.Root() != s.Root
		}
		return nil
	})
	if err != nil {
		return err
	}
	if tree.Root() != v.tree.Root {
		return fail("tree.json", "is not the tree that was signed")
	}
	v.print("headers   %d headers in %d runs, each in the tree", len(order.ids), v.runs)
	return nil
}

// sequence is what must hold from one header to the next (section 6.5).
type sequence struct {
	ids   map[[16]byte]bool
	due   map[string]uint64 // sseq that comes next, of each source
	inRun map[string]bool   // sources whose due is exact, since nothing was left out
	at    time.Time
}

func newSequence() *sequence {
	return &sequence{ids: map[[16]byte]bool{}, due: map[string]uint64{}, inRun: map[string]bool{}}
}

// begin starts a run: after a gap a source may have gone on, but not back.
func (s *sequence) begin() {
	s.at = time.Time{}
	clear(s.inRun)
}

// follow says what is wrong with the next header, or nothing.
func (s *sequence) follow(h *Header) string {
	due := s.due[h.Source]
	if h.At.Before(s.at) || h.SSeq < due || s.inRun[h.Source] && h.SSeq > due {
		return "does not fit"
	}
	if s.ids[h.ID] {
		return "stands twice"
	}
	s.ids[h.ID], s.inRun[h.Source], s.due[h.Source], s.at = true, true, h.SSeq+1, h.At
	return ""
}

// readSegments reads the manifests, each of which names the hash of the one
// before. Counts and files are not needed any more then and dropped.
func (v *verifier) readSegments() (all []segment, err error) {
	lines := v.pack.lines("manifests.jsonl")
	var last segment
	for line, ok := lines.next(); ok; line, ok = lines.next() {
		m, err := ParseManifest(line)
		if err != nil {
			return all, fail("manifests.jsonl", "is not well formed")
		}
		if m.Origin != v.info.Origin {
			return all, fail("manifests.jsonl", "does not belong to this trail")
		}
		if m.Segment != uint64(len(all)) || m.First != last.Until || m.Previous != last.hash || m.Until > v.tree.Size || !m.consistent() {
			return all, fail("manifests.jsonl", "does not fit")
		}
		m.Counts, m.Files = nil, nil
		last = segment{Manifest: m, hash: HashManifest(line)}
		all = append(all, last)
	}
	return all, lines.end("manifests.jsonl")
}

// checkSegments is step f: whatever headers are not in the pack lie in segments
// which were described, before anybody asked, as outside the window. What fixes
// the descriptions is one record in the tree, which names the newest of them.
func (v *verifier) checkSegments() error {
	if v.segmentsErr != nil {
		return v.segmentsErr
	}
	if slices.ContainsFunc(v.segments, func(s segment) bool { return s.disproved }) {
		return fail("manifests.jsonl", "does not fit")
	}
	if err := v.checkAnchor(); err != nil {
		return err
	}
	spared := 0
	for _, p := range v.tree.Pieces {
		if p.Prev != nil {
			continue
		}
		at := p.From
		for i := range v.segments {
			s := &v.segments[i]
			span := s.OccurredAt
			if v.info.Window.By == "at" {
				span = s.At
			}
			if s.First == at && s.Until <= p.Until && (span.Last.Before(v.info.Window.From) || !span.First.Before(v.info.Window.Until)) {
				at = s.Until
				spared++
			}
		}
		if at != p.Until {
			return fail("tree.json", "hides a stretch of the window")
		}
	}
	v.print("segments  %d segments; %d not needed for the window", len(v.segments), spared)
	return nil
}

// readAnchor reads the one record of anchor.jsonl, or none.
func (v *verifier) readAnchor() (*disclosure, error) {
	lines := v.pack.lines("anchor.jsonl")
	line, ok := lines.next()
	if !ok {
		return nil, lines.end("anchor.jsonl")
	}
	d := parseDisclosure(line)
	if !d.formed {
		return nil, d.fail("anchor.jsonl", "is not well formed")
	}
	if _, ok := lines.next(); ok {
		return nil, fail("anchor.jsonl", "is not well formed")
	}
	return &d, lines.end("anchor.jsonl")
}

func (v *verifier) checkAnchor() error {
	if v.anchorErr != nil {
		return v.anchorErr
	}
	if len(v.segments) == 0 {
		if v.anchor != nil {
			return fail("anchor.jsonl", "does not belong here")
		}
		return nil
	}
	notAnchored := fail("manifests.jsonl", "is not anchored")
	if v.anchor == nil {
		return notAnchored
	}
	if v.anchorHeader == nil {
		return v.anchor.fail("anchor.jsonl", "has no header here")
	}
	if err := v.anchor.check("anchor.jsonl", v.anchorHeader); err != nil {
		return err
	}
	last := v.segments[len(v.segments)-1]
	number, _ := v.anchor.view.find("/detail/segment")
	named, _ := v.anchor.view.find("/detail/manifest")
	hash, _ := text(named)
	if h := v.anchorHeader; h.Source != "evident" || h.Action != "segment.seal" || string(number) != strconv.FormatUint(last.Segment, 10) || string(hash) != last.hash.String() {
		return notAnchored
	}
	return nil
}

// checkPeriod is step g: the trail as it stood when the window was over is the
// beginning of the trail of now, so nothing in it was changed since.
func (v *verifier) checkPeriod() error {
	if (v.tree.Period == nil) != (len(v.segments) == 0) {
		return fail("tree.json", "is not well formed")
	}
	if v.tree.Period == nil {
		return nil
	}
	i := slices.IndexFunc(v.segments, func(s segment) bool { return !s.At.Last.Before(v.info.Window.Until) })
	if i < 0 {
		i = len(v.segments) - 1
	}
	s, period := v.segments[i], v.tree.Period
	if period.Checkpoint != s.Checkpoint {
		return fail("tree.json", "does not fit")
	}
	if _, err := OpenCheckpoint([]byte(period.Checkpoint), v.keys); err != nil {
		return noteFailure("tree.json", err)
	}
	proof := make(tlog.TreeProof, len(period.Proof))
	for i, h := range period.Proof {
		proof[i] = tlog.Hash(h)
	}
	if tlog.CheckTree(proof, int64(v.tree.Size), tlog.Hash(v.tree.Root), int64(s.Until), tlog.Hash(s.Root)) != nil {
		return fail("tree.json", "is not the beginning of this trail")
	}
	v.print("period    the trail of size %d is the beginning of this one", s.Until)
	return nil
}
