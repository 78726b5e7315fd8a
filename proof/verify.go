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
	"slices"
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
	if isFailure(err) {
		fmt.Fprintf(out, "NOT VERIFIED: %s\n", err)
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
	ahead       []segment // those that have not passed
	segmentsErr error     // what is wrong with them is said in its turn
	seals       *cursor
	sealed      int     // segments whose sealing has passed
	census      *census // of the records, which are held against the headers as they pass
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
	if errors.Is(err, ErrNotSigned) {
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
	errs := make([]error, len(v.info.Files))
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = v.pack.check(&v.info.Files[i]) })
	}
	all.Wait()
	if err := cmp.Or(errs...); err != nil {
		return err
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

// headerLine is a line of headers.jsonl: a header without its prev.
type headerLine struct {
	Header
	line []byte
	err  error
}

func parseHeaderLine(line []byte) (l headerLine) {
	var buf [512]byte
	l.line = line
	l.Header, l.err = ParseHeader(l.whole(buf[:0], Hash{}))
	return l
}

// whole appends the header with its prev, which stands before the body.
func (l *headerLine) whole(b []byte, prev Hash) []byte {
	cut := max(0, len(l.line)-len(`,"body":""}`)-2*len(prev))
	b = append(append(b, l.line[:cut]...), `,"prev":"`...)
	return append(append(hex.AppendEncode(b, prev[:]), '"'), l.line[cut:]...)
}

// Sequence is what must hold from one header to the next (section 6.5). The zero
// value has seen none.
type Sequence struct {
	ids   map[[16]byte]bool
	due   map[string]uint64 // sseq that comes next, of each source
	inRun map[string]bool   // sources whose due is exact, since nothing was left out
	exact bool              // all of them, since there was nothing before
	at    time.Time
}

// Begin starts a run: after a gap a source may have gone on, but not back.
func (s *Sequence) Begin(from uint64) {
	s.at, s.inRun, s.exact = time.Time{}, map[string]bool{}, from == 0
	if s.ids == nil {
		s.ids, s.due = map[[16]byte]bool{}, map[string]uint64{}
	}
}

// Follow says what is wrong with the next header, or nothing.
func (s *Sequence) Follow(h *Header) (what string) {
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
// together with the gaps' subtree hashes they make the tree that was signed. They
// are read once: what later steps ask of them is noted, and said in its turn.
func (v *verifier) checkHeaders() error {
	v.segments, v.segmentsErr = v.readSegments()
	v.ahead = v.segments
	v.seals = v.pack.records("seals.jsonl")
	v.census = &census{verifier: v, records: v.pack.records("records.jsonl"), others: v.pack.records("others.jsonl"), clauses: v.filter.clauses(), unknown: map[*Expr]int{}}
	files := []*cursor{v.seals, v.census.records, v.census.others}
	for _, k := range files {
		defer k.lines.stop()
	}
	lines := parseLines(v.pack, "headers.jsonl", parseHeaderLine)
	defer lines.stop()
	var tree Tree
	var order Sequence
	runs := 0
	for i := range v.tree.Pieces {
		p := &v.tree.Pieces[i]
		if p.Prev != nil {
			runs++
			if err := v.checkRun(p, lines, &tree, &order); err != nil {
				return err
			}
			continue
		}
		for j, k := range subtrees(p.From, p.Until) {
			tree.AppendSubtree(k, p.Hashes[j])
		}
		v.passSegment(&tree, nil)
	}
	if more, err := lines.next(); more != nil || isFailure(err) {
		return fail("headers.jsonl", "does not fit")
	} else if err := cmp.Or(err, require(tree.Root() == v.tree.Root, "tree.json", "is not the tree that was signed")); err != nil {
		return err
	}
	for _, k := range files {
		k.at(1 << 63) // whatever is left has no header
	}
	v.print("headers   %d headers in %d runs, each in the tree", len(order.ids), runs)
	return nil
}

// checkRun reads the headers of one run. The prev of each, which its line lacks,
// is the leaf hash of the one before: so every line binds all before it.
func (v *verifier) checkRun(p *Piece, lines *parsed[headerLine], tree *Tree, order *Sequence) error {
	const file = "headers.jsonl"
	leaf := *p.Prev
	if p.From == 0 && leaf != (Hash{}) { // there is none before the first
		return fail("tree.json", "does not fit")
	}
	order.Begin(p.From)
	var buf [512]byte
	for seq := p.From; seq < p.Until; seq++ {
		l, err := lines.next()
		if isFailure(err) || l != nil && l.err != nil {
			return failRecord(file, seq, "is not well formed")
		} else if l == nil || l.Seq != seq {
			return cmp.Or(err, failRecord(file, seq, "does not fit"))
		}
		h := &l.Header
		h.Prev, leaf = leaf, LeafHash(l.whole(buf[:0], leaf))
		if what := order.Follow(h); what != "" {
			return failRecord(file, seq, what)
		}
		tree.Append(leaf)
		v.passSegment(tree, h)
		if d := v.seals.at(seq); d != nil {
			v.seals.form = cmp.Or(v.seals.form, v.checkSeal(d, h))
		}
		v.census.visit(h, leaf)
	}
	return nil
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
