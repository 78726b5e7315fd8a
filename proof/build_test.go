package proof_test

import (
	"bytes"
	"compress/flate"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/proof"
)

// This file builds packs for tests, from the page and with as little of package
// proof as can be: what it gets wrong in another way than proof does, shows.

const origin = "trail.acme.example/audit"

// obj is a JSON object with its members in order.
type obj []any

func (o obj) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := 0; i < len(o); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, encode(o[i])...), ':')
		b = append(b, encode(o[i+1])...)
	}
	return append(b, '}'), nil
}

func (o obj) get(name string) any {
	return o[slices.Index(o, any(name))+1]
}

func (o obj) set(name string, value any) { o[slices.Index(o, any(name))+1] = value }

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// signer makes signatures that are always the same for the same seed.
type signer struct {
	name        string
	classic     ed25519.PrivateKey
	quantum     *mldsa.PrivateKey
	classicOnly bool
}

// quantumSigs remembers what was signed: ML-DSA is the slowest part of a build.
var quantumSigs sync.Map

func newSigner(name, seed string) *signer {
	c, q := sha256.Sum256([]byte(seed+" classic")), sha256.Sum256([]byte(seed+" quantum"))
	quantum, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), q[:])
	if err != nil {
		panic(err)
	}
	return &signer{name, ed25519.NewKeyFromSeed(c[:]), quantum, false}
}

func (s *signer) vkeys() []string {
	classic := append([]byte{1}, s.classic.Public().(ed25519.PublicKey)...)
	quantum := append([]byte{6}, s.quantum.PublicKey().Bytes()...)
	var keys []string
	public := [][]byte{classic, quantum}
	if s.classicOnly {
		public = public[:1]
	}
	for _, k := range public {
		keys = append(keys, fmt.Sprintf("%s+%s+%s", s.name, hex.EncodeToString(keyID(s.name, k)), base64.StdEncoding.EncodeToString(k)))
	}
	return keys
}

func keyID(name string, key []byte) []byte {
	h := sha256.Sum256([]byte(name + "\n" + string(key)))
	return h[:4]
}

func (s *signer) line(typ byte, public, sig []byte) string {
	id := keyID(s.name, append([]byte{typ}, public...))
	return "— " + s.name + " " + base64.StdEncoding.EncodeToString(append(id, sig...)) + "\n"
}

func (s *signer) classicLine(text string) string {
	return s.line(1, s.classic.Public().(ed25519.PublicKey), ed25519.Sign(s.classic, []byte(text)))
}

func (s *signer) note(text string) string { return text + "\n" + s.classicLine(text) }

func (s *signer) checkpoint(size int, root tlog.Hash) string {
	text := fmt.Sprintf("%s\n%d\n%s\n", s.name, size, base64.StdEncoding.EncodeToString(root[:]))
	at := binary.BigEndian.AppendUint64(nil, 1772359200)
	msg := append([]byte("subtree/v1\n\x00"), byte(len(s.name)))
	msg = append(append(append(msg, s.name...), at...), byte(len(s.name)))
	msg = append(append(msg, s.name...), make([]byte, 8)...)
	msg = append(binary.BigEndian.AppendUint64(msg, uint64(size)), root[:]...)
	if s.classicOnly {
		return s.note(text)
	}
	key := s.classicLine(string(msg))
	if line, ok := quantumSigs.Load(key); ok {
		return s.note(text) + line.(string)
	}
	sig, err := s.quantum.SignDeterministic(msg, nil)
	if err != nil {
		panic(err)
	}
	quantumSigs.Store(key, s.line(6, s.quantum.PublicKey().Bytes(), append(at, sig...)))
	return s.note(text) + s.line(6, s.quantum.PublicKey().Bytes(), append(at, sig...))
}

// rec is a record to be built.
type rec struct {
	source, category, action, outcome string
	occurred, at                      string
	id                                string
	body                              string // "" for the usual one
	detail                            string
	email                             string
}

// disclose says how a record is shown.
type disclose int

const (
	hide   disclose = iota // not at all
	whole                  // body and seed
	part                   // without /actor/email and /actor/name
	grudge                 // only /actor/email
	open                   // every field, one by one
)

// plan is a pack to be built, with a hook at every stage, in the order of the
// fields: what a hook changes is hashed and signed by all later stages.
type plan struct {
	records  []rec
	seals    []int // until of each segment
	window   obj
	filter   obj
	records2 map[int]disclose // records.jsonl
	others   map[int]disclose // others.jsonl
	ensure   []int            // segments whose headers are in the pack
	also     []int            // and records
	hidden   []int            // records whose headers are not in the pack all the same
	shown    map[int]int      // record that is shown as the sealing of a segment, if not its own

	header   func(seq int, h *proof.Header)
	body     func(seq int, body string) string
	manifest func(i int, m obj)
	spell    func(manifest []byte) []byte
	tree     func(t obj)
	lines    func(files map[string][]byte) // files but pack.json and pack.note
	info     func(info obj)
	note     func(text string) string // text of pack.note
	signed   func(files map[string][]byte)
	pack     func(e []zipEntry) []zipEntry
	zip      func(b []byte) []byte
	signer   *signer
	noteBy   *signer
}

func stamp(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

type built struct {
	header proof.Header
	line   []byte // whole header
	leaf   tlog.Hash
	body   string
	fields []proof.Field
	seed   proof.Seed
}

func hexes(hs []tlog.Hash) []string {
	out := []string{}
	for _, h := range hs {
		out = append(out, hex.EncodeToString(h[:]))
	}
	return out
}

// trail is a small trail in memory, hashed with x/mod's tlog.
type trail struct {
	records []built
	hashes  []tlog.Hash // as tlog.StoredHashes

	perSource map[string]int
}

func (t *trail) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, t.hashes[i])
	}
	return out, nil
}

func (t *trail) root(n int) tlog.Hash {
	h, err := tlog.TreeHash(int64(n), t)
	if err != nil {
		panic(err)
	}
	return h
}

// subtrees returns the hashes of the largest subtrees of a stretch.
func (t *trail) subtrees(from, until int) []tlog.Hash {
	out := []tlog.Hash{}
	for from < until {
		k := 0
		for from%(2<<k) == 0 && from+(2<<k) <= until {
			k++
		}
		out = append(out, t.hashes[tlog.StoredHashIndex(k, int64(from>>k))])
		from += 1 << k
	}
	return out
}

func (t *trail) add(p *plan, r rec) {
	seq := len(t.records)
	var b built
	b.seed = proof.DeriveSeed(sha256.Sum256([]byte("secret")), uint64(seq))
	b.body = r.body
	if b.body == "" {
		email := r.email
		if email == "" {
			email = fmt.Sprintf("alice%d@acme.example", seq)
		}
		b.body = fmt.Sprintf(`{"id":%q,"source":%q,"occurred_at":%q,"actor":{"type":"user","id":"u%d","name":"=Alice \"A\" Ærø","email":%q},`+
			`"action":%q,"category":%q,"outcome":%q,"targets":[{"type":"role","id":"r1","name":"@admin"}],"where":{"ip":"203.0.113.%d"},"why":{"ticket":"SEC-%d"},"detail":%s}`,
			r.id, r.source, r.occurred, seq, email, r.action, r.category, r.outcome, seq, seq, r.detail)
	}
	fields, err := proof.ParseBody([]byte(b.body))
	if err == nil {
		b.fields = fields
	}
	if t.perSource == nil {
		t.perSource = map[string]int{}
	}
	sseq := t.perSource[r.source]
	t.perSource[r.source]++
	b.header = proof.Header{Seq: uint64(seq), At: stamp(r.at), Source: r.source, SSeq: uint64(sseq), OccurredAt: stamp(r.occurred),
		Category: r.category, Action: r.action, Outcome: r.outcome, ID: proof.EventID(r.source, r.id), Body: proof.BodyDigest(b.fields, &b.seed)}
	if seq > 0 {
		b.header.Prev = proof.Hash(t.records[seq-1].leaf)
	}
	if p.header != nil {
		p.header(seq, &b.header)
	}
	b.line = b.header.Append(nil)
	b.leaf = tlog.RecordHash(b.line)
	if p.body != nil {
		b.body = p.body(seq, b.body)
	}
	more, err := tlog.StoredHashes(int64(seq), b.line, t)
	if err != nil {
		panic(err)
	}
	t.hashes = append(t.hashes, more...)
	t.records = append(t.records, b)
}

func (b *built) lineOf(d disclose) []byte {
	if d == whole {
		return encode(obj{"seq", b.header.Seq, "seed", hex.EncodeToString(b.seed[:]), "body", b.body})
	}
	fields, withheld := [][]string{}, []string{}
	for i, c := range proof.Commitments(nil, b.fields, &b.seed) {
		f := b.fields[i]
		if d == part && (f.Pointer == "/actor/email" || f.Pointer == "/actor/name") || d == grudge && f.Pointer != "/actor/email" {
			withheld = append(withheld, c.String())
		} else {
			salt := proof.Salt(&b.seed, i)
			fields = append(fields, []string{f.Pointer, string(f.Value), hex.EncodeToString(salt[:])})
		}
	}
	slices.Sort(withheld)
	return encode(obj{"seq", b.header.Seq, "fields", fields, "withheld", withheld})
}

// span returns the first and last of a time of some records.
func span(records []built, by func(b *built) time.Time) obj {
	first, last := by(&records[0]), by(&records[0])
	for i := range records {
		if t := by(&records[i]); t.Before(first) {
			first = t
		} else if t.After(last) {
			last = t
		}
	}
	return obj{"first", first.Format(time.RFC3339Nano), "last", last.Format(time.RFC3339Nano)}
}

func occurredAt(b *built) time.Time { return b.header.OccurredAt }
func recordedAt(b *built) time.Time { return b.header.At }

func lines(ls [][]byte) []byte {
	var out []byte
	for _, l := range ls {
		out = append(append(out, l...), '\n')
	}
	return out
}

type zipEntry struct {
	name        string
	method      uint16
	crc         uint32
	data        []byte
	plain       uint32
	extra       string
	centralName string
}

// build makes the pack and returns its files and its zip.
func (p *plan) build(t testing.TB) (map[string][]byte, []byte) {
	t.Helper()
	if p.signer == nil {
		p.signer = newSigner(origin, "pack tests")
	}
	var tr trail
	var manifests [][]byte
	var infos []obj
	sealed := func() int { return len(manifests) }
	prevHash := strings.Repeat("0", 64)
	first := 0
	var seals []int
	for i := 0; i < len(p.records); i++ {
		r := p.records[i]
		if r.action == "segment.seal" && r.body == "" && r.detail == "" {
			until := p.seals[sealed()]
			counts := map[string][]built{}
			for _, b := range tr.records[first:until] {
				key := b.header.Source + "\x00" + b.header.Action
				counts[key] = append(counts[key], b)
			}
			var list []obj
			for k, of := range counts {
				source, action, _ := strings.Cut(k, "\x00")
				list = append(list, obj{"source", source, "action", action, "records", len(of), "occurred_at", span(of, occurredAt)})
			}
			slices.SortFunc(list, func(a, b obj) int {
				return strings.Compare(a[1].(string)+"\x00"+a[3].(string), b[1].(string)+"\x00"+b[3].(string))
			})
			root := tr.root(until)
			m := obj{"format", "evident.segment/1", "origin", origin, "segment", sealed(), "first", first, "until", until, "previous", prevHash,
				"root", hex.EncodeToString(root[:]), "at", span(tr.records[first:until], recordedAt),
				"counts", list, "files", []obj{{"name", "bodies", "bytes", 17}}, "checkpoint", p.signer.checkpoint(until, root)}
			if p.manifest != nil {
				p.manifest(sealed(), m)
			}
			line := encode(m)
			if p.spell != nil {
				line = p.spell(line)
			}
			sum := sha256.Sum256(line)
			prevHash = hex.EncodeToString(sum[:])
			r.detail = fmt.Sprintf(`{"segment":%d,"manifest":"%s"}`, sealed(), prevHash)
			manifests, infos, first, seals = append(manifests, line), append(infos, m), until, append(seals, i)
			r.id = fmt.Sprintf("segment.seal/%d", len(seals)-1)
		}
		if r.detail == "" {
			r.detail = `{"tags":["a","b"],"n":1.50,"none":{},"list":[]}`
		}
		tr.add(p, r)
	}
	return p.finish(t, &tr, manifests, infos, seals)
}

func (p *plan) finish(t testing.TB, tr *trail, manifests [][]byte, infos []obj, seals []int) (map[string][]byte, []byte) {
	n := len(tr.records)
	root := tr.root(n)
	inPack := make([]bool, n)
	at := 0
	for i, m := range infos {
		until := p.seals[i]
		for j := at; j < until; j++ {
			inPack[j] = slices.Contains(p.ensure, i)
		}
		at = until
		_ = m
	}
	for j := at; j < n; j++ {
		inPack[j] = true
	}
	for _, seq := range append(seals, p.also...) {
		inPack[seq] = true
	}
	for _, seq := range p.hidden {
		inPack[seq] = false
	}
	pieces := []obj{}
	var headers [][]byte
	runs := 0
	for from := 0; from < n; {
		until := from
		for until < n && inPack[until] == inPack[from] {
			until++
		}
		if inPack[from] {
			pieces = append(pieces, obj{"from", from, "until", until, "prev", tr.records[from].header.Prev.String()})
			runs++
			for _, b := range tr.records[from:until] {
				prev := `"prev":"` + b.header.Prev.String() + `",`
				headers = append(headers, []byte(strings.Replace(string(b.line), prev, "", 1)))
			}
		} else {
			pieces = append(pieces, obj{"from", from, "until", until, "hashes", hexes(tr.subtrees(from, until))})
		}
		from = until
	}
	tree := obj{"size", n, "root", hex.EncodeToString(root[:]), "pieces", pieces}
	until := p.window.get("until").(string)
	if len(infos) > 0 {
		chosen := infos[len(infos)-1]
		for _, m := range slices.Backward(infos) {
			if last := m.get("at").(obj).get("last").(string); !stamp(last).Before(stamp(until)) {
				chosen = m
			}
		}
		path, err := tlog.ProveTree(int64(n), int64(p.seals[slices.IndexFunc(infos, func(o obj) bool { return o.get("segment") == chosen.get("segment") })]), tr)
		if err != nil {
			t.Fatal(err)
		}
		tree = append(tree, "period", obj{"checkpoint", chosen.get("checkpoint"), "proof", hexes(path)})
	}
	if p.tree != nil {
		p.tree(tree)
	}
	files := map[string][]byte{
		"keys.txt":        []byte(strings.Join(p.signer.vkeys(), "\n") + "\n"),
		"checkpoint.txt":  []byte(p.signer.checkpoint(n, root)),
		"tree.json":       encode(tree),
		"headers.jsonl":   lines(headers),
		"manifests.jsonl": lines(manifests),
		"seals.jsonl":     {},
		"index.html":      []byte("<!doctype html><title>pack</title>\n"),
		"verify.py":       []byte("# the verifier\n"),
	}
	for i, seq := range seals {
		if other, ok := p.shown[i]; ok {
			seq = other
		}
		files["seals.jsonl"] = append(files["seals.jsonl"], lines([][]byte{tr.records[seq].lineOf(whole)})...)
	}
	var matched, others [][]byte
	var rows []int
	counts := map[string]int{}
	for seq, b := range tr.records {
		tm := b.header.OccurredAt
		if p.window.get("by") == "at" {
			tm = b.header.At
		}
		in := inPack[seq] && !tm.Before(stamp(p.window.get("from").(string))) && tm.Before(stamp(until))
		if in {
			counts["window"]++
		}
		if d := p.records2[seq]; d != hide {
			matched = append(matched, b.lineOf(d))
			rows = append(rows, seq)
			if !b.header.At.Before(stamp(until)) {
				counts["late"]++
			}
			if b.header.OccurredAt.After(b.header.At) {
				counts["ahead"]++
			}
		}
		if d := p.others[seq]; d != hide {
			others = append(others, b.lineOf(d))
		}
	}
	files["records.jsonl"], files["others.jsonl"] = lines(matched), lines(others)
	files["population.csv"] = population(tr, rows, p.records2)
	if p.lines != nil {
		p.lines(files)
	}
	info := obj{"format", "evident.pack/1", "origin", origin, "made_at", "2026-04-02T08:00:00Z", "made_by", "evident test",
		"window", p.window, "filter", p.filter, "withheld", []string{"/actor/email", "/actor/name"},
		"counts", obj{"headers", len(headers), "window", counts["window"], "matched", len(matched), "others", len(others),
			"unproven", p.unproven(tr, inPack), "late", counts["late"], "ahead", counts["ahead"]},
		"omissions", []obj{{"what", "fields", "records", 1, "why", "personal data"}}}
	return p.pack2(t, files, info)
}

// unproven counts what the small filters of these tests leave undecided: headers
// in the window of action role.grant in neither file.
func (p *plan) unproven(tr *trail, inPack []bool) (n int) {
	if !strings.Contains(string(encode(p.filter)), "/actor/") {
		return 0
	}
	for seq, b := range tr.records {
		tm := b.header.OccurredAt
		if p.window.get("by") == "at" {
			tm = b.header.At
		}
		in := inPack[seq] && !tm.Before(stamp(p.window.get("from").(string))) && tm.Before(stamp(p.window.get("until").(string)))
		if in && b.header.Action == "role.grant" && p.records2[seq] == hide && p.others[seq] == hide {
			n++
		}
	}
	return n
}

func (p *plan) pack2(t testing.TB, files map[string][]byte, info obj) (map[string][]byte, []byte) {
	names := []string{"keys.txt", "checkpoint.txt", "tree.json", "headers.jsonl", "manifests.jsonl", "seals.jsonl", "records.jsonl", "others.jsonl",
		"population.csv", "index.html", "verify.py"}
	entries := []zipEntry{{}, {}}
	list := []obj{}
	for _, name := range names {
		content := files[name]
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 9)
		w.Write(content)
		w.Close()
		plain, packed := sha256.Sum256(content), sha256.Sum256(b.Bytes())
		list = append(list, obj{"name", name, "bytes", len(content), "sha256", hex.EncodeToString(plain[:]), "packed_bytes", b.Len(), "packed_sha256", hex.EncodeToString(packed[:])})
		entries = append(entries, zipEntry{name: name, method: 8, crc: crc32.ChecksumIEEE(content), data: b.Bytes(), plain: uint32(len(content))})
	}
	info = append(info, "files", list)
	if p.info != nil {
		p.info(info)
	}
	files["pack.json"] = encode(info)
	sum := sha256.Sum256(files["pack.json"])
	text := fmt.Sprintf("evident.pack/1\n%s\n%x\n", origin, sum)
	if p.note != nil {
		text = p.note(text)
	}
	by := p.signer
	if p.noteBy != nil {
		by = p.noteBy
	}
	files["pack.note"] = []byte(by.note(text))
	if p.signed != nil {
		p.signed(files)
	}
	for i, name := range []string{"pack.json", "pack.note"} {
		entries[i] = zipEntry{name: name, crc: crc32.ChecksumIEEE(files[name]), data: files[name], plain: uint32(len(files[name]))}
	}
	if p.pack != nil {
		entries = p.pack(entries)
	}
	b := writeZip(entries)
	if p.zip != nil {
		b = p.zip(b)
	}
	return files, b
}

func writeZip(entries []zipEntry) []byte {
	le := binary.LittleEndian
	var b, dir []byte
	head := func(b []byte, e zipEntry, name string) []byte {
		b = le.AppendUint16(b, 20)
		b = le.AppendUint16(b, 0)
		b = le.AppendUint16(b, e.method)
		b = le.AppendUint16(b, 0)
		b = le.AppendUint16(b, 0x21)
		b = le.AppendUint32(b, e.crc)
		b = le.AppendUint32(b, uint32(len(e.data)))
		b = le.AppendUint32(b, e.plain)
		b = le.AppendUint16(b, uint16(len(name)))
		return le.AppendUint16(b, uint16(len(e.extra)))
	}
	for _, e := range entries {
		at := len(b)
		b = head(append(b, "PK\x03\x04"...), e, e.name)
		b = append(append(append(b, e.name...), e.extra...), e.data...)
		name := e.name
		if e.centralName != "" {
			name = e.centralName
		}
		dir = le.AppendUint16(append(dir, "PK\x01\x02"...), 20)
		dir = head(dir, e, name)
		dir = append(dir, make([]byte, 10)...)
		dir = le.AppendUint32(dir, uint32(at))
		dir = append(append(dir, name...), e.extra...)
	}
	at := len(b)
	b = append(append(b, dir...), "PK\x05\x06\x00\x00\x00\x00"...)
	b = le.AppendUint16(le.AppendUint16(b, uint16(len(entries))), uint16(len(entries)))
	b = le.AppendUint32(le.AppendUint32(b, uint32(len(dir))), uint32(at))
	return append(b, 0, 0)
}

// population writes population.csv the slow way: through a map of fields.
func population(tr *trail, seqs []int, how map[int]disclose) []byte {
	slices.SortStableFunc(seqs, func(a, b int) int { return occurredAt(&tr.records[a]).Compare(occurredAt(&tr.records[b])) })
	var out strings.Builder
	out.WriteString(`"seq","occurred_at","at","source","category","action","outcome","id","event_id","actor_type","actor_id","actor_name","actor_email",` +
		`"target_type","target_id","target_name","ip","ticket","leaf"` + "\n")
	for _, seq := range seqs {
		b := tr.records[seq]
		h := b.header
		cells := []string{fmt.Sprint(h.Seq), h.OccurredAt.Format(time.RFC3339Nano), h.At.Format(time.RFC3339Nano), h.Source, h.Category, h.Action, h.Outcome, hex.EncodeToString(h.ID[:])}
		for _, pointers := range []string{"/id", "/actor/type", "/actor/id", "/actor/name", "/actor/email", "/target/type /targets/0/type",
			"/target/id /targets/0/id", "/target/name /targets/0/name", "/where/ip", "/why/ticket"} {
			cell := ""
			if how[seq] == part {
				cell = "[withheld]"
			}
			for _, p := range slices.Backward(strings.Fields(pointers)) {
				for _, f := range b.fields {
					if f.Pointer == p && (how[seq] != part || p != "/actor/email" && p != "/actor/name") {
						if json.Unmarshal(f.Value, &cell) != nil {
							cell = string(f.Value)
						}
					}
				}
			}
			cells = append(cells, cell)
		}
		for i, c := range append(cells, hex.EncodeToString(b.leaf[:])) {
			if i > 0 {
				out.WriteString(",")
			}
			c = strings.Map(func(r rune) rune {
				if r < 32 || r >= 0x7f && r < 0xa0 {
					return ' '
				} else if strings.ContainsRune("\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2065\u2066\u2067\u2068\u2069\ufeff", r) {
					return '\ufffd'
				}
				return r
			}, c)
			if t := strings.TrimLeft(c, " "); t != "" && strings.ContainsAny(string([]rune(t)[:1]), "=+-@＝＋－＠") {
				c = "'" + c
			}
			out.WriteString(`"` + strings.ReplaceAll(c, `"`, `""`) + `"`)
		}
		out.WriteString("\n")
	}
	return []byte(out.String())
}
