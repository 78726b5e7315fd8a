package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/evident/proof"
)

// Oddities are packs by somebody who has the keys and looks for a byte that one
// verifier takes and the other does not, or that shows an auditor something else
// than what is evaluated. want is what follows NOT VERIFIED, "" for VERIFIED.
var oddities = []damage{
	{"null for no withheld fields", "pack.json: is not well formed", func(p *plan) { p.info = func(o obj) { o.set("withheld", nil) } }},
	{"null for no omissions", "pack.json: is not well formed", func(p *plan) { p.info = func(o obj) { o.set("omissions", nil) } }},
	{"a file that no zip holds", "pack.json: is not well formed", func(p *plan) {
		p.info = func(o obj) { o.get("files").([]obj)[9].set("bytes", 8<<30+1) }
	}},
	{"a pointer that no body has", "pack.json: is not well formed", func(p *plan) {
		p.filter.set("expr", obj{"op", "any", "args", []obj{p.filter.get("expr").(obj), {"op", "is", "fields", []string{"/" + strings.Repeat("x", 4096)}, "value", "x"}}})
	}},

	{"deflate that is wrong behind its last byte", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		repack("index.html", func([]byte) []byte { return laterError() })(p)
		info, data := p.info, p.pack
		p.info = func(o obj) { info(o); o.get("files").([]obj)[9].set("bytes", 1<<20+1) }
		p.pack = func(e []zipEntry) []zipEntry { e = data(e); e[11].plain = 1<<20 + 1; return e }
	}},
	{"counting that does not begin at 0", "headers.jsonl record 0: does not fit", func(p *plan) {
		p.ensure = []int{0, 1, 2}
		p.header = func(seq int, h *proof.Header) {
			if h.Source == "okta/acme" {
				h.SSeq += 5
			}
		}
	}},

	{"two lines that are wrong, each in its way", "records.jsonl record 5: is not what was recorded", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			swap("records.jsonl", `alice5`, `alice6`)(f)
			swap("records.jsonl", `{"seq":8`, `{"Seq":8`)(f)
		}
	}},

	{"a key of no known kind", "keys.txt: is not well formed", moreKeys(func(s *signer) string { return keyOf(s.name, []byte{2}) })},
	{"a key of a kind above ASCII", "keys.txt: is not well formed", moreKeys(func(s *signer) string { return keyOf(s.name, []byte{0x80}) })},
	{"a key twice", "keys.txt: is not well formed", moreKeys(func(s *signer) string { return s.vkeys()[0] })},
	{"a point in another encoding", "pack.note: is not signed by a trusted key", func(p *plan) {
		public := append(append([]byte{0xee}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f) // p + 1, which stands for 1
		p.lines = func(f map[string][]byte) { f["keys.txt"] = []byte(keyOf(origin, append([]byte{1}, public...)) + "\n") }
		p.signed = func(f map[string][]byte) {
			text, _, _ := strings.Cut(string(f["pack.note"]), "\n\n")
			sig := make([]byte, ed25519.SignatureSize)
			sig[0] = 1 // 0·B = 1 + k·1
			f["pack.note"] = []byte(text + "\n\n" + (&signer{name: origin}).line(1, public, sig))
		}
	}},

	{"a second signature that is wrong", "pack.note: is not signed by a trusted key", onNote(func(s *signer) string { return s.classicLine("else") })},
	{"the same signature twice", "", onNote(func(s *signer) string { return s.classicLine("evident") })},
	{"a signature of a name too long", "pack.note: is not well formed", onNote(func(*signer) string { return "— " + strings.Repeat("n", 256) + " AAAAAAAA\n" })},
	{"a signature of a name with a control", "pack.note: is not well formed", onNote(func(*signer) string { return "— a\x01b AAAAAAAA\n" })},
	{"a note too long", "pack.note: is not well formed", onNote(func(*signer) string { return "— a " + strings.Repeat("A", 1<<20) + "\n" })},

	{"a pattern too long", "pack.json: is not well formed", func(p *plan) {
		p.filter = obj{"text", "x", "expr", obj{"op", "is", "fields", []string{"/actor/id"}, "value", strings.Repeat("*a", 2049)}}
	}},
	{"a phrase too long", "pack.json: is not well formed", func(p *plan) {
		p.filter = obj{"text", "x", "expr", obj{"op", "text", "value", strings.Repeat("a", 4097)}}
	}},
	{"a wrong root behind another spelling", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 1 {
				m.set("root", strings.Repeat("ab", 32))
				m.set("checkpoint", p.signer.checkpoint(7, [32]byte(bytes.Repeat([]byte{0xab}, 32))))
			}
		}
		p.spell = func(line []byte) []byte { return bytes.Replace(line, []byte(`"until":7`), []byte(`"\u0075ntil":7`), 1) }
	}},
	{"a manifest without a signature line", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 1 {
				text, _, _ := strings.Cut(m.get("checkpoint").(string), "\n\n")
				m.set("checkpoint", text)
			}
		}
	}},
	{"a manifest with more under its text", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 1 {
				m.set("checkpoint", strings.Replace(m.get("checkpoint").(string), "\n\n", "\n\nmore\n\n", 1))
			}
		}
	}},
	{"counts sorted as one text", "", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 1 {
				a, b := counted("z", 1), counted("b", 3)
				b.set("source", "a\x00")
				for _, c := range []obj{a, b} { // it does not deny what it shows
					c.get("occurred_at").(obj).set("last", "2026-03-02T00:00:00Z")
				}
				m.set("counts", []obj{a, b})
			}
		}
		p.ensure = []int{0, 1, 2}
	}},
	{"a sign in an array", "manifests.jsonl: is not well formed", filesOf([]any{-1})},
	{"an array in files", "manifests.jsonl: is not well formed", filesOf([]obj{{"name", []int{1}}})},
	{"a NUL in a name", "manifests.jsonl: is not well formed", filesOf([]obj{{"a\x00", 1}})},
	{"a long name", "manifests.jsonl: is not well formed", filesOf([]obj{{strings.Repeat("x", 5000), 1}})},
	{"no array in files", "manifests.jsonl: is not well formed", filesOf(obj{"name", "bodies"})},
	{"null in files", "manifests.jsonl: is not well formed", filesOf([]any{nil})},
	{"files that are missing", "manifests.jsonl: is not well formed", filesOf(nil)},
}

func keyOf(name string, key []byte) string {
	return fmt.Sprintf("%s+%x+%s", name, keyID(name, key), base64.StdEncoding.EncodeToString(key))
}

func moreKeys(line func(s *signer) string) func(p *plan) {
	return func(p *plan) {
		p.lines = func(f map[string][]byte) { f["keys.txt"] = append(f["keys.txt"], line(p.signer)+"\n"...) }
	}
}

// onNote adds a line to pack.note; "evident" stands for its own text.
func onNote(line func(s *signer) string) func(p *plan) {
	return func(p *plan) {
		p.signed = func(f map[string][]byte) {
			text, _, _ := strings.Cut(string(f["pack.note"]), "\n\n")
			added := line(p.signer)
			if added == p.signer.classicLine("evident") {
				added = p.signer.classicLine(text + "\n")
			}
			f["pack.note"] = append(f["pack.note"], added...)
		}
	}
}

func filesOf(files any) func(p *plan) {
	return func(p *plan) {
		p.manifest = func(i int, m obj) { m.set("files", files) }
	}
}

// TestVerifiersAgreeOnOddities builds each, and asks both.
func TestVerifiersAgreeOnOddities(t *testing.T) {
	ask := python(t)
	for _, d := range oddities {
		t.Run(d.name, func(t *testing.T) {
			p := goodPlan()
			p.signer = newSigner(origin, "pack tests")
			p.signer.classicOnly = true
			d.do(p)
			_, zip := p.build(t)
			name := filepath.Join(t.TempDir(), "pack.zip")
			if err := os.WriteFile(name, zip, 0o600); err != nil {
				t.Fatal(err)
			}
			compareVerifiers(t, ask, d.name, name)
			if out, err := verify(t, asZip(zip), "pack.zip"); err == nil && d.want != "" || err != nil && err.Error() != d.want {
				t.Errorf("got %s\nwant %q", out, d.want)
			}
		})
	}
}

// TestAnotherTrailsKeySignsNothing: who audits two trails gives both keys, and
// the owner of one must not be able to speak for the other.
func TestAnotherTrailsKeySignsNothing(t *testing.T) {
	p := goodPlan()
	p.signer, p.noteBy = newSigner(origin, "pack tests"), newSigner("else", "else")
	_, zip := p.build(t)
	name := filepath.Join(t.TempDir(), "pack.zip")
	if err := os.WriteFile(name, zip, 0o600); err != nil {
		t.Fatal(err)
	}
	got := python(t)(packQuestion(name, p.signer.vkeys()[0], p.noteBy.vkeys()[0]))
	if got.Status != 1 || !strings.HasSuffix(got.Said, "NOT VERIFIED: pack.note: is not signed by a trusted key\n") {
		t.Errorf("exit %d\n%s", got.Status, got.Said)
	}
}

// TestFilterOddities: expressions where the two once parted.
func TestFilterOddities(t *testing.T) {
	ask := python(t)
	h := header
	h.Source = "okta/acme"
	is := func(value string, fields ...string) proof.Expr {
		return proof.Expr{Op: "is", Fields: fields, Value: value}
	}
	for _, c := range []struct {
		expr    proof.Expr
		field   string // the one that is disclosed, with value "y"; another is withheld
		want    proof.Truth
		refused bool
	}{
		{is("x", "/a/*"), "/a/*", proof.Unknown, false},
		{is("x", "/a*b"), "/a*b", proof.False, false},
		{is("x", "/a*b", "/a"), "/a*b", proof.Unknown, false},
		{is("x", "/a", "/a"), "/a", proof.False, false},
		{proof.Expr{Op: "text", Value: "***"}, "/a", proof.Unknown, false},
		{proof.Expr{Op: "text", Value: "**"}, "/a", proof.Unknown, true},
		{is("x", "/"+strings.Repeat("x", 4096)), "/a", proof.Unknown, true},
	} {
		view := &proof.View{Fields: []proof.Field{{Pointer: c.field, Value: []byte(`"y"`)}}, Withheld: 1}
		got := ask(obj{"expr", c.expr, "header", obj{"source", h.Source}, "fields", [][2]string{{c.field, `"y"`}}, "complete", false})
		err := c.expr.Validate()
		if (err != nil) != c.refused || got.Refused != c.refused {
			t.Errorf("%.80s: verify.py refuses: %v; Validate: %v; want refused: %v", encode(c.expr), got.Refused, err, c.refused)
		} else if !c.refused && (got.Truth != c.want || c.expr.Eval(&h, view) != c.want) {
			t.Errorf("%s: verify.py says %v, package proof %v, want %v", encode(c.expr), got.Truth, c.expr.Eval(&h, view), c.want)
		}
	}
}

// laterError is deflate of which zlib returns 1 MiB before it looks at the last
// bits, which stand for a distance that there is none of.
func laterError() []byte {
	var bits []byte
	number := func(v, n int) { // lowest bit first
		for i := range n {
			bits = append(bits, byte(v>>i&1))
		}
	}
	code := func(s string) {
		for _, c := range s {
			bits = append(bits, byte(c-'0'))
		}
	}
	for matches := 4064; ; matches-- {
		bits = nil
		number(1|2<<1, 3) // the last block, with its own codes
		number(29, 5)
		number(0, 5)
		number(14, 4)
		for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1} {
			number(map[int]int{0: 2, 1: 2, 2: 2, 18: 2}[symbol], 3)
		}
		zeros := func(n int) { code("11"); number(n-11, 7) }
		zeros(97)
		code("01") // a: 0
		zeros(138)
		zeros(20)
		code("10") // the end: 10
		zeros(28)
		code("10") // 258 bytes again: 11
		code("01") // from 1 byte before: 0
		for range 1<<20 - 258*matches {
			code("0")
		}
		for range matches {
			code("110")
		}
		if len(bits)%8 > 4 {
			continue
		}
		code("0" + "111")
		packed := make([]byte, (len(bits)+7)/8)
		for i, b := range bits {
			packed[i/8] |= b << (i % 8)
		}
		return packed
	}
}
