package proof_test

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/proof"
)

var update = flag.Bool("update", false, "write the packs of testdata again")

// swap replaces the first occurrence of old in a file of the pack.
func swap(name, old, new string) func(map[string][]byte) {
	return func(files map[string][]byte) {
		if !bytes.Contains(files[name], []byte(old)) {
			panic("no " + old + " in " + name)
		}
		files[name] = bytes.Replace(files[name], []byte(old), []byte(new), 1)
	}
}

// onLines rewrites the lines of a file.
func onLines(name string, f func(lines []string) []string) func(map[string][]byte) {
	return func(files map[string][]byte) {
		lines := f(strings.Split(strings.TrimSuffix(string(files[name]), "\n"), "\n"))
		files[name] = []byte(strings.Join(lines, "\n") + "\n")
		if len(lines) == 0 {
			files[name] = nil
		}
	}
}

func drop(i int) func([]string) []string {
	return func(lines []string) []string { return slices.Delete(lines, i, i+1) }
}

func double(i int) func([]string) []string {
	return func(lines []string) []string { return slices.Insert(lines, i, lines[i]) }
}

func reverse(lines []string) []string {
	slices.Reverse(lines)
	return lines
}

// A damage is one thing wrong with an otherwise good pack. Unless it says so,
// the attacker has the trail's keys: every hash and signature is made again.
type damage struct {
	name string
	want string // behind "NOT VERIFIED: "
	do   func(p *plan)
}

var damages = []damage{
	// Step a.
	{"an extra file", "evil.txt: does not belong here", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { return append(e, zipEntry{name: "evil.txt"}) }
	}},
	{"a missing file", "index.html: is missing", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry {
			return slices.DeleteFunc(e, func(e zipEntry) bool { return e.name == "index.html" })
		}
	}},
	{"no pack.json", "pack.json: is missing", func(p *plan) { p.pack = func(e []zipEntry) []zipEntry { return e[1:] } }},
	{"files in another order", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { e[3], e[4] = e[4], e[3]; return e }
	}},
	{"a name that escapes", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { return append(e, zipEntry{name: "../evil"}) }
	}},
	{"a name twice", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { return append(e, e[5]) }
	}},
	{"another name in the directory", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { e[12].centralName = "verify.px"; return e }
	}},
	{"an extra field", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { e[3].extra = "abcd"; return e }
	}},
	{"bytes behind the zip", "zip: is not a zip in the form of evident.pack/1", func(p *plan) { p.zip = func(b []byte) []byte { return append(b, 'x') } }},
	{"bytes before the zip", "zip: is not a zip in the form of evident.pack/1", func(p *plan) { p.zip = func(b []byte) []byte { return append([]byte("x"), b...) } }},
	{"a comment", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.zip = func(b []byte) []byte { b[len(b)-2] = 2; return append(b, "hi"...) }
	}},
	{"a packed pack.note", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, 9)
			w.Write(e[1].data)
			w.Close()
			e[1].method, e[1].data = 8, b.Bytes()
			return e
		}
	}},
	{"half a zip", "zip: is not a zip in the form of evident.pack/1", func(p *plan) { p.zip = func(b []byte) []byte { return b[:len(b)/2] } }},
	{"an empty zip", "zip: is not a zip in the form of evident.pack/1", func(p *plan) { p.zip = func(b []byte) []byte { return nil } }},
	{"a bomb that says so", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { e[4].plain = uint32(2000*len(e[4].data) + 1); return e }
	}},
	{"an unknown member in pack.json", "pack.json: is not well formed", func(p *plan) { p.signed = swap("pack.json", `{"format"`, `{"extra":1,"format"`) }},
	{"a member twice in pack.json", "pack.json: is not well formed", func(p *plan) { p.signed = swap("pack.json", `{"format"`, `{"format":"x","format"`) }},
	{"a member in capitals in pack.json", "pack.json: is not well formed", func(p *plan) { p.signed = swap("pack.json", `"made_by"`, `"Made_by"`) }},
	{"null in pack.json", "pack.json: is not well formed", func(p *plan) { p.info = func(o obj) { o.set("made_by", nil) } }},
	{"another format", "pack.json: is not well formed", func(p *plan) { p.info = func(o obj) { o.set("format", "evident.pack/2") } }},
	{"a time with an offset", "pack.json: is not well formed", func(p *plan) { p.info = func(o obj) { o.set("made_at", "2026-04-02T08:00:00+02:00") } }},
	{"an unknown op", "pack.json: is not well formed", func(p *plan) { p.filter.set("expr", obj{"op", "maybe"}) }},
	{"a number that not every language holds", "pack.json: is not well formed", func(p *plan) {
		p.info = func(o obj) { o.get("omissions").([]obj)[0].set("records", uint64(1<<63)) }
	}},
	{"a file that is not listed", "pack.json: is not well formed", func(p *plan) {
		p.info = func(o obj) { o.set("files", o.get("files").([]obj)[1:]) }
	}},
	// Step b.
	{"other keys than listed", "keys.txt: is not what pack.json lists", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { e[2] = store("keys.txt", "x"); return e }
	}},
	{"a key of another trail", "keys.txt: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) { f["keys.txt"] = []byte(newSigner("else", "x").vkeys()[0] + "\n") }
	}},
	{"keys without their line feed", "keys.txt: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) { f["keys.txt"] = bytes.TrimSpace(f["keys.txt"]) }
	}},
	// Step c.
	{"pack.json changed", "pack.json: is not signed by a trusted key", func(p *plan) { p.signed = swap("pack.json", "evident test", "evident best") }},
	{"signed by a stranger", "pack.note: is not signed by a trusted key", func(p *plan) { p.noteBy = newSigner(origin, "stranger") }},
	{"signed for another trail", "pack.note: does not belong to this trail", func(p *plan) {
		p.note = func(s string) string { return strings.Replace(s, origin, "else", 1) }
	}},
	{"a note of another format", "pack.note: is not well formed", func(p *plan) { p.note = func(s string) string { return s + "more\n" } }},
	{"a file changed", "records.jsonl: is not what pack.json lists", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { e[8] = store("records.jsonl", "{}\n"); return e }
	}},
	{"another checksum of pack.json", "zip: is not a zip in the form of evident.pack/1", func(p *plan) { p.pack = func(e []zipEntry) []zipEntry { e[0].crc++; return e } }},
	{"another checksum of pack.note", "zip: is not a zip in the form of evident.pack/1", func(p *plan) { p.pack = func(e []zipEntry) []zipEntry { e[1].crc++; return e } }},
	{"a note of another version", "pack.note: is not well formed", func(p *plan) {
		p.note = func(s string) string { return strings.Replace(s, "pack/1", "pack/2", 1) }
	}},
	{"another checksum", "zip: is not a zip in the form of evident.pack/1", func(p *plan) { p.pack = func(e []zipEntry) []zipEntry { e[4].crc++; return e } }},
	{"bytes behind a packed file", "zip: is not a zip in the form of evident.pack/1", repack("index.html", func(b []byte) []byte { return append(b, "behind"...) })},
	{"a packed file that ends too early", "zip: is not a zip in the form of evident.pack/1", repack("index.html", func(b []byte) []byte { return b[:len(b)-3] })},
	{"a file packed otherwise than listed", "index.html: is not what pack.json lists", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry {
			e[11].method, e[11].data = 0, []byte("<!doctype html><title>pack</title>\n")
			return e
		}
	}},
	{"a file that unpacks to more", "zip: is not a zip in the form of evident.pack/1", func(p *plan) {
		p.pack = func(e []zipEntry) []zipEntry { e[11].plain -= 5; return e }
	}},
	// Step d.
	{"a checkpoint by a stranger", "checkpoint.txt: is not signed by a trusted key", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			f["checkpoint.txt"] = []byte(newSigner(origin, "stranger").checkpoint(15, tlog.Hash{}))
		}
	}},
	{"a checkpoint whose second signature is wrong", "checkpoint.txt: is not signed by a trusted key", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			lines := strings.SplitAfter(string(f["checkpoint.txt"]), "\n")
			other := strings.SplitAfter(p.signer.checkpoint(14, tlog.Hash{}), "\n")
			f["checkpoint.txt"] = []byte(strings.Join(append(lines[:5], other[5:]...), ""))
		}
	}},
	{"an extension line", "checkpoint.txt: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			text, _, _ := strings.Cut(string(f["checkpoint.txt"]), "\n\n")
			f["checkpoint.txt"] = []byte(p.signer.note(text + "\nmore\n"))
		}
	}},
	{"a checkpoint of another origin", "checkpoint.txt: does not belong to this trail", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			text, _, _ := strings.Cut(string(f["checkpoint.txt"]), "\n\n")
			f["checkpoint.txt"] = []byte(p.signer.note(strings.Replace(text, origin, "else", 1) + "\n"))
		}
	}},
	{"a checkpoint of a smaller tree", "tree.json: is not the tree that was signed", func(p *plan) {
		p.lines = func(f map[string][]byte) { f["checkpoint.txt"] = []byte(p.signer.checkpoint(14, tlog.Hash{})) }
	}},
	{"tree.json with a member too many", "tree.json: is not well formed", func(p *plan) { p.lines = swap("tree.json", `{"size"`, `{"time":0,"size"`) }},
	{"a number with a fraction", "tree.json: is not well formed", func(p *plan) { p.lines = swap("tree.json", `"from":0`, `"from":0.0`) }},
	{"pieces that leave one out", "tree.json: does not fit", func(p *plan) { p.lines = swap("tree.json", `"from":3`, `"from":4`) }},
	{"a piece that is run and gap", "tree.json: is not well formed", func(p *plan) {
		p.tree = func(o obj) { o.get("pieces").([]obj)[0] = append(o.get("pieces").([]obj)[0], "prev", proof.Hash{}) }
	}},
	{"a piece that is neither", "tree.json: is not well formed", func(p *plan) {
		p.tree = func(o obj) { o.get("pieces").([]obj)[0] = o.get("pieces").([]obj)[0][:4] }
	}},
	{"an empty piece", "tree.json: does not fit", func(p *plan) {
		p.tree = func(o obj) {
			o.set("pieces", append([]obj{{"from", 0, "until", 0, "prev", proof.Hash{}}}, o.get("pieces").([]obj)...))
		}
	}},
	{"a run cut in two", "tree.json: does not fit", func(p *plan) {
		p.tree = func(o obj) {
			pieces := o.get("pieces").([]obj)
			o.set("pieces", append(pieces, obj{"from", 14, "until", 15, "prev", proof.Hash{}}))
			pieces[1].set("until", 14)
		}
	}},
	{"a first record after another", "tree.json: does not fit", func(p *plan) {
		p.ensure = []int{0, 1, 2}
		p.tree = func(o obj) { o.get("pieces").([]obj)[0].set("prev", proof.Hash{1}) }
	}},
	{"a subtree hash too many", "tree.json: does not fit", func(p *plan) {
		p.tree = func(o obj) { o.get("pieces").([]obj)[0].set("hashes", make([]proof.Hash, 3)) }
	}},
	{"pieces that end too early", "tree.json: does not fit", func(p *plan) {
		p.tree = func(o obj) { pieces := o.get("pieces").([]obj); pieces[len(pieces)-1].set("until", 14) }
	}},
	// Step e.
	{"a header dropped", "headers.jsonl record 6: does not fit", func(p *plan) { p.lines = onLines("headers.jsonl", drop(3)) }},
	{"headers swapped", "headers.jsonl record 5: does not fit", func(p *plan) {
		p.lines = onLines("headers.jsonl", func(l []string) []string { l[2], l[3] = l[3], l[2]; return l })
	}},
	{"a header inserted", "headers.jsonl record 6: does not fit", func(p *plan) { p.lines = onLines("headers.jsonl", double(2)) }},
	{"the last header dropped", "headers.jsonl record 14: does not fit", func(p *plan) { p.lines = onLines("headers.jsonl", drop(11)) }},
	{"a header behind the last", "headers.jsonl: does not fit", func(p *plan) { p.lines = onLines("headers.jsonl", double(11)) }},
	{"a header changed", "tree.json: is not the tree that was signed", func(p *plan) { p.lines = swap("headers.jsonl", `"outcome":"success"`, `"outcome":"failure"`) }},
	{"a header in another form", "headers.jsonl record 3: is not well formed", func(p *plan) { p.lines = swap("headers.jsonl", `{"v":1,"seq"`, `{"v":1, "seq"`) }},
	{"a header without its end", "headers.jsonl record 14: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) { f["headers.jsonl"] = bytes.TrimSpace(f["headers.jsonl"]) }
	}},
	{"a trail that went back in time", "headers.jsonl record 6: does not fit", func(p *plan) { p.records[6].at = "2026-03-02T09:00:00Z" }},
	{"a source that counts wrong", "headers.jsonl record 6: does not fit", func(p *plan) {
		p.header = func(seq int, h *proof.Header) {
			if seq == 6 {
				h.SSeq++
			}
		}
	}},
	{"a source that went back in a gap", "headers.jsonl record 9: does not fit", func(p *plan) {
		p.window.set("from", "2026-03-06T00:00:00Z")
		p.ensure, p.records2 = []int{0}, map[int]disclose{11: part, 13: whole}
		p.header = func(seq int, h *proof.Header) {
			if seq == 9 {
				h.SSeq = 0
			}
		}
	}},
	{"the same event twice", "headers.jsonl record 9: stands twice", func(p *plan) { p.records[9].id = "e" }},
	// Step f.
	{"a manifest dropped", "manifests.jsonl: does not fit", func(p *plan) { p.lines = onLines("manifests.jsonl", drop(1)) }},
	{"the last manifest dropped", "seals.jsonl: does not belong here", func(p *plan) { p.lines = onLines("manifests.jsonl", drop(2)) }},
	{"a manifest rewritten", "manifests.jsonl: does not fit", func(p *plan) {
		p.lines = swap("manifests.jsonl", `"last":"2026-02-02T10:00:00Z"`, `"last":"2026-02-02T11:00:00Z"`)
	}},
	{"the last manifest rewritten", "manifests.jsonl: is not what was sealed", func(p *plan) {
		p.lines = onLines("manifests.jsonl", func(l []string) []string {
			l[2] = strings.Replace(l[2], "2026-03-04T10:00:00Z", "2026-03-04T10:00:01Z", 1)
			return l
		})
	}},
	{"a manifest of another trail", "manifests.jsonl: does not belong to this trail", func(p *plan) { p.manifest = func(i int, m obj) { m.set("origin", "else") } }},
	{"a manifest with a wrong root", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 1 {
				m.set("root", strings.Repeat("ab", 32))
				m.set("checkpoint", p.signer.checkpoint(7, tlog.Hash(bytes.Repeat([]byte{0xab}, 32))))
			}
		}
	}},
	{"counts of too few", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 2 {
				m.set("counts", []obj{counted("a", 1)})
			}
		}
	}},
	{"counts that add up only in 64 bits", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			n := uint64(m.get("until").(int) - m.get("first").(int))
			m.set("counts", []obj{counted("a", 1<<63-1), counted("b", 1<<63-1), counted("c", n+2)})
		}
	}},
	{"a manifest that leaves a stretch out", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 1 {
				m.set("first", 4)
				m.set("counts", []obj{counted("a", 3)})
			}
		}
	}},
	{"a manifest of nothing", "manifests.jsonl: does not fit", func(p *plan) {
		var root string
		p.manifest = func(i int, m obj) {
			switch i {
			case 0:
				root = m.get("root").(string)
			case 1:
				hash, _ := hex.DecodeString(root)
				m.set("until", 3)
				m.set("root", root)
				m.set("counts", []obj{})
				m.set("checkpoint", p.signer.checkpoint(3, tlog.Hash(hash)))
			case 2:
				m.set("first", 3)
				m.set("counts", []obj{counted("a", 6)})
			}
		}
	}},
	{"a manifest with a time elsewhere", "manifests.jsonl: is not well formed", func(p *plan) {
		p.manifest = func(i int, m obj) { m.get("at").(obj).set("first", "2026-02-01T11:00:00+01:00") }
	}},
	{"counts that do not add up", "manifests.jsonl: does not fit", func(p *plan) { p.lines = swap("manifests.jsonl", `"records":1,`, `"records":2,`) }},
	{"a manifest with a member too few", "manifests.jsonl: is not well formed", func(p *plan) { p.lines = swap("manifests.jsonl", `"segment":0,`, ``) }},
	{"no sealings", "manifests.jsonl: is not what was sealed", func(p *plan) { p.lines = func(f map[string][]byte) { f["seals.jsonl"] = nil } }},
	{"a sealing dropped", "manifests.jsonl: is not what was sealed", func(p *plan) { p.lines = onLines("seals.jsonl", drop(1)) }},
	{"the last sealing dropped", "manifests.jsonl: is not what was sealed", func(p *plan) { p.lines = onLines("seals.jsonl", drop(2)) }},
	{"another record as a sealing", "manifests.jsonl: is not what was sealed", func(p *plan) { p.shown = map[int]int{2: 13} }},
	{"a sealing by another source", "manifests.jsonl: is not what was sealed", forgedSeal("app/evil", "segment.seal", "segment.seal/2", 2, 2)},
	{"a sealing that did something else", "manifests.jsonl: is not what was sealed", forgedSeal("evident", "hold.place", "segment.seal/2", 2, 2)},
	{"a sealing with an id of its own", "manifests.jsonl: is not what was sealed", forgedSeal("evident", "segment.seal", "segment.seal/02", 2, 2)},
	{"a sealing of another segment", "manifests.jsonl: is not what was sealed", forgedSeal("evident", "segment.seal", "segment.seal/2", 2, 1)},
	{"a sealing when the trail had gone on", "manifests.jsonl: is not what was sealed", forgedSeal("evident", "segment.seal", "segment.seal/1", 1, 1)},
	{"a sealing twice", "seals.jsonl record 10: stands twice", func(p *plan) { p.lines = onLines("seals.jsonl", double(2)) }},
	{"sealings out of order", "manifests.jsonl: is not what was sealed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			l := bytes.SplitAfter(f["seals.jsonl"], []byte("\n"))
			f["seals.jsonl"] = bytes.Join([][]byte{l[1], l[0], l[2]}, nil)
		}
	}},
	{"a sealing of no segment", "seals.jsonl: does not belong here", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			l := bytes.SplitAfter(f["records.jsonl"], []byte("\n"))
			f["seals.jsonl"] = append(f["seals.jsonl"], l[4]...)
		}
	}},
	{"a segment that denies what it shows", "manifests.jsonl: does not fit", func(p *plan) {
		p.window.set("from", "2026-02-02T10:15:00Z")
		p.ensure = []int{2}
		delete(p.records2, 5)
		p.manifest = func(i int, m obj) {
			if i == 1 {
				m.set("counts", []obj{counted("a", 4)})
			}
		}
	}},
	{"manifests that go beyond the tree", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 2 {
				m.set("until", 16)
				m.set("counts", []obj{counted("b", 9)})
				root, _ := hex.DecodeString(m.get("root").(string))
				m.set("checkpoint", p.signer.checkpoint(16, tlog.Hash(root)))
			}
		}
	}},
	{"a manifest that counts a pair twice", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			a, b := m.get("first").(int), m.get("until").(int)
			m.set("counts", []obj{counted("b", 1), counted("b", b-a-1)})
		}
	}},
	{"a manifest of another format", "manifests.jsonl: is not well formed", func(p *plan) { p.manifest = func(i int, m obj) { m.set("format", "evident.segment/2") } }},
	{"a manifest that says another checkpoint", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) { m.set("checkpoint", p.signer.checkpoint(m.get("until").(int), tlog.Hash{})) }
	}},
	{"a manifest with a wrong number", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) { m.set("segment", i+1) }
	}},
	{"a manifest that is not what the next one names", "manifests.jsonl: does not fit", func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == 2 {
				m.set("previous", strings.Repeat("0", 64))
			}
		}
	}},
	{"a sealing that was changed", "seals.jsonl record 3: is not what was recorded", func(p *plan) { p.lines = swap("seals.jsonl", "alice", "blice") }},
	{"a sealing outside the runs", "seals.jsonl record 1: has no header here", func(p *plan) { p.lines = swap("seals.jsonl", `"seq":3`, `"seq":1`) }},
	{"sealings without manifests", "seals.jsonl: does not belong here", func(p *plan) {
		p.ensure, p.lines = []int{0, 1, 2}, func(f map[string][]byte) { f["manifests.jsonl"] = nil }
	}},
	{"a segment of the window left out", "tree.json: hides a stretch of the window", func(p *plan) { p.ensure = []int{2}; delete(p.records2, 5) }},
	{"a segment that lies about its times", "manifests.jsonl: does not fit", func(p *plan) {
		p.ensure = []int{2}
		delete(p.records2, 5)
		p.lines = onLines("manifests.jsonl", func(l []string) []string {
			l[1] = strings.ReplaceAll(strings.ReplaceAll(l[1], "2026-03-0", "2026-02-0"), "2026-02-01T10:00:00Z", "2026-02-01T10:00:00Z")
			sum := sha256.Sum256([]byte(l[1]))
			var was = strings.Split(l[2], `"previous":"`)
			l[2] = was[0] + `"previous":"` + hex.EncodeToString(sum[:]) + was[1][64:]
			return l
		})
	}},
	{"a segment left out by the wrong clock", "tree.json: hides a stretch of the window", func(p *plan) {
		p.window.set("by", "at")
		for i := 4; i < 7; i++ {
			p.records[i].occurred = "2026-02-05T00:00:00Z"
		}
		p.ensure, p.records2 = []int{2}, map[int]disclose{8: whole, 9: whole}
	}},
	{"half a segment of the window left out", "tree.json: hides a stretch of the window", func(p *plan) {
		p.ensure, p.also = []int{2}, []int{6}
		delete(p.records2, 5)
	}},
	{"a stretch after the last segment left out", "tree.json: hides a stretch of the window", func(p *plan) { p.hidden = []int{14} }},
	{"a segment left out that was sealed too late", "tree.json: hides a stretch of the window", func(p *plan) { p.records[3].at = "2026-02-02T11:00:01Z" }},
	{"a segment that ends before its last header", "manifests.jsonl: does not fit", spanned(1, "last", "2026-03-02T10:00:00Z")},
	{"a segment that begins after its first header", "manifests.jsonl: does not fit", spanned(1, "first", "2026-02-02T10:30:01Z")},
	{"a segment that begins before the one before it ended", "manifests.jsonl: does not fit", spanned(1, "first", "2026-02-02T09:59:59Z")},
	// Step g.
	{"no period", "tree.json: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			i := bytes.Index(f["tree.json"], []byte(`,"period"`))
			f["tree.json"] = append(f["tree.json"][:i:i], '}')
		}
	}},
	{"a period of another segment", "tree.json: does not fit", func(p *plan) {
		p.tree = func(o obj) { o.get("period").(obj).set("checkpoint", p.signer.checkpoint(3, tlog.Hash{})) }
	}},
	{"a period signed by a stranger", "tree.json: is not signed by a trusted key", func(p *plan) {
		p.manifest = func(i int, m obj) {
			root, _ := hex.DecodeString(m.get("root").(string))
			m.set("checkpoint", newSigner(origin, "stranger").checkpoint(m.get("until").(int), tlog.Hash(root)))
		}
	}},
	{"a consistency proof that proves nothing", "tree.json: is not the beginning of this trail", func(p *plan) {
		p.tree = func(o obj) { o.get("period").(obj).set("proof", []proof.Hash{{}, {}}) }
	}},
	// Step h.
	{"a field of a body changed", "records.jsonl record 5: is not what was recorded", func(p *plan) { p.lines = swap("records.jsonl", "alice5@", "mallo5@") }},
	{"a field shown that was not there", "records.jsonl record 8: is not what was recorded", func(p *plan) { p.lines = swap("records.jsonl", `"SEC-8\"`, `"SEC-9\"`) }},
	{"a salt changed", "records.jsonl record 8: is not what was recorded", func(p *plan) { p.lines = saltOf("ffffffffffffffffffffffffffffffff") }},
	{"a withheld field dropped", "records.jsonl record 8: is not what was recorded", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			i := bytes.Index(f["records.jsonl"], []byte(`"withheld":["`)) + len(`"withheld":[`)
			f["records.jsonl"] = slices.Delete(f["records.jsonl"], i, i+67)
		}
	}},
	{"withheld not sorted", "records.jsonl record 8: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			i := bytes.Index(f["records.jsonl"], []byte(`"withheld":["`)) + len(`"withheld":["`)
			a, b := f["records.jsonl"][i:i+64], f["records.jsonl"][i+67:i+67+64]
			for j := range a {
				a[j], b[j] = b[j], a[j]
			}
		}
	}},
	{"a seed in capitals", "records.jsonl record 5: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			i := bytes.Index(f["records.jsonl"], []byte(`"seed":"`)) + len(`"seed":"`)
			copy(f["records.jsonl"][i:], bytes.ToUpper(f["records.jsonl"][i:i+64]))
		}
	}},
	{"a line that is no JSON", "records.jsonl: is not well formed", func(p *plan) {
		p.lines = onLines("records.jsonl", func(l []string) []string { l[1] = "{"; return l })
	}},
	{"an empty line", "records.jsonl: is not well formed", func(p *plan) {
		p.lines = onLines("records.jsonl", func(l []string) []string { l[1] = ""; return l })
	}},
	{"both forms at once", "records.jsonl record 5: is not well formed", func(p *plan) { p.lines = swap("records.jsonl", `"seed"`, `"withheld":[],"seed"`) }},
	{"a body that is none", "records.jsonl record 5: is not well formed", func(p *plan) {
		p.body = func(seq int, body string) string {
			if seq == 5 {
				body = strings.Replace(body, `{"id"`, `{"id":"x","id"`, 1)
			}
			return body
		}
	}},
	{"a withheld field twice", "records.jsonl record 8: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			i := bytes.Index(f["records.jsonl"], []byte(`"withheld":["`)) + len(`"withheld":[`)
			f["records.jsonl"] = slices.Insert(f["records.jsonl"], i, slices.Clone(f["records.jsonl"][i:i+67])...)
		}
	}},
	{"a field twice", "records.jsonl record 8: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			i := bytes.Index(f["records.jsonl"], []byte(`"fields":[`)) + len(`"fields":[`)
			n := bytes.IndexByte(f["records.jsonl"][i:], ']') + 1
			f["records.jsonl"] = slices.Insert(f["records.jsonl"], i, append(slices.Clone(f["records.jsonl"][i:i+n]), ',')...)
		}
	}},
	{"a value that is two", "records.jsonl record 8: is not well formed", func(p *plan) { p.lines = swap("records.jsonl", `"\"SEC-8\""`, `"1,\"x\":2"`) }},
	{"a pointer that is none", "records.jsonl record 8: is not well formed", func(p *plan) { p.lines = swap("records.jsonl", `["/why/ticket",`, `["why/ticket",`) }},
	{"null withheld", "records.jsonl record 8: is not well formed", func(p *plan) {
		p.records2[8] = open
		p.lines = swap("records.jsonl", `"withheld":[]`, `"withheld":null`)
	}},
	{"fields by number", "records.jsonl record 8: is not well formed", func(p *plan) {
		p.lines = func(f map[string][]byte) {
			i := bytes.Index(f["records.jsonl"], []byte(`"fields":[[`))
			j := bytes.Index(f["records.jsonl"], []byte(`]],"withheld"`))
			f["records.jsonl"] = slices.Concat(f["records.jsonl"][:i], []byte(`"fields":{"0":["/x","1","00000000000000000000000000000000"]}`), f["records.jsonl"][j+2:])
		}
	}},
	{"a record twice", "records.jsonl record 5: stands twice", func(p *plan) { p.lines = onLines("records.jsonl", double(0)) }},
	{"records in reverse", "records.jsonl record 11: does not fit", func(p *plan) { p.lines = onLines("records.jsonl", reverse) }},
	{"a record in both files", "others.jsonl record 5: stands twice", func(p *plan) { p.others = map[int]disclose{5: whole} }},
	{"a record without a header", "records.jsonl record 1: has no header here", func(p *plan) { p.records2[1] = whole }},
	{"a body that says another outcome", "records.jsonl record 5 field /outcome: does not agree with its header", func(p *plan) {
		p.header = func(seq int, h *proof.Header) {
			if seq == 5 {
				h.Outcome = "failure"
			}
		}
	}},
	{"a body that says another time", "records.jsonl record 5 field /occurred_at: does not agree with its header", func(p *plan) {
		p.header = func(seq int, h *proof.Header) {
			if seq == 5 {
				h.OccurredAt = h.OccurredAt.Add(time.Nanosecond)
			}
		}
	}},
	{"a body whose time has too many digits", "records.jsonl record 5 field /occurred_at: does not agree with its header", func(p *plan) {
		p.body = nil
		p.records[5].body = `{"id":"e","source":"aws.cloudtrail/prod","occurred_at":"2026-03-02T09:59:00.0000000000Z","action":"role.grant","category":"privileged","outcome":"success"}`
	}},
	{"a body whose time has a point and no digits", "records.jsonl record 5 field /occurred_at: does not agree with its header", func(p *plan) {
		p.records[5].body = `{"id":"e","source":"aws.cloudtrail/prod","occurred_at":"2026-03-02T09:59:00.Z","action":"role.grant","category":"privileged","outcome":"success"}`
	}},
	{"a header with another id", "records.jsonl record 5 field /id: does not agree with its header", func(p *plan) {
		p.header = func(seq int, h *proof.Header) {
			if seq == 5 {
				h.ID[0]++
			}
		}
	}},
	{"a whole body without a source", "records.jsonl record 5 field /source: does not agree with its header", func(p *plan) {
		p.records[5].body = `{"id":"e","occurred_at":"2026-03-02T09:59:00Z","action":"role.grant","category":"privileged","outcome":"success"}`
	}},
	// Step i.
	{"a record outside the window", "records.jsonl record 12: lies outside the window", func(p *plan) { p.records2[12] = whole }},
	// Step k.
	{"a record just after the window", "records.jsonl record 11: lies outside the window", func(p *plan) { p.window.set("until", "2026-03-31T23:59:59.999999999Z") }},
	{"another record outside the window", "others.jsonl record 12: lies outside the window", func(p *plan) { p.others = map[int]disclose{12: whole} }},
	{"a record that does not match", "records.jsonl record 6: does not match the filter", func(p *plan) { p.records2[6] = whole }},
	{"a match kept back", "records.jsonl record 9: is missing from the pack", func(p *plan) { delete(p.records2, 9) }},
	{"a match among the others", "others.jsonl record 9: matches the filter", func(p *plan) { delete(p.records2, 9); p.others = map[int]disclose{9: whole} }},
	{"a wrong count", "pack.json field /counts/late: is not what the records say", func(p *plan) { p.info = func(o obj) { o.get("counts").(obj).set("late", 5) } }},
	{"a changed spreadsheet", "population.csv: is not what the records say", func(p *plan) { p.lines = swap("population.csv", "SEC-5", "SEC-6") }},
	{"a spreadsheet in another order", "population.csv: is not what the records say", func(p *plan) {
		p.lines = onLines("population.csv", func(l []string) []string { l[2], l[3] = l[3], l[2]; return l })
	}},
	{"a line behind the spreadsheet", "population.csv: is not what the records say", func(p *plan) { p.lines = onLines("population.csv", double(5)) }},
	{"half a line behind the spreadsheet", "population.csv: is not what the records say", func(p *plan) {
		p.lines = func(f map[string][]byte) { f["population.csv"] = append(f["population.csv"], 'x') }
	}},
	{"a formula in the spreadsheet", "population.csv: is not what the records say", func(p *plan) { p.lines = swap("population.csv", `"'=`, `"=`) }},
}

// forgedSeal puts in place of a segment's sealing a later record, which names the
// manifest as truly as the sealing does.
func forgedSeal(source, action, id string, of, segment int) func(p *plan) {
	return func(p *plan) {
		var manifests []byte
		own := []int{3, 7, 10}
		p.header = func(seq int, h *proof.Header) {
			if slices.Contains(own[of:], seq) {
				h.ID[0]++ // no id stands twice
			}
		}
		good := goodPlan()
		good.signer, good.header = p.signer, p.header
		good.lines = func(f map[string][]byte) { manifests = f["manifests.jsonl"] }
		good.build(nil2{})
		seal := func(seq, segment, says int, id string) {
			r := &p.records[seq]
			r.id, p.shown[segment] = id, seq
			r.detail = fmt.Sprintf(`{"segment":%d,"manifest":"%x"}`, says, sha256.Sum256([]byte(strings.Split(string(manifests), "\n")[segment])))
		}
		p.shown = map[int]int{}
		p.records[14].source, p.records[14].action = source, action
		seal(14, of, segment, id)
		// Those of later segments come behind it, in the order of their numbers.
		for later := of + 1; later < len(own); later++ {
			p.records = append(p.records, p.records[14])
			seal(len(p.records)-1, later, later, fmt.Sprintf("segment.seal/%d", later))
		}
	}
}

// spanned changes what a manifest says of when its records were recorded.
func spanned(segment int, which, at string) func(p *plan) {
	return func(p *plan) {
		p.manifest = func(i int, m obj) {
			if i == segment {
				m.get("at").(obj).set(which, at)
			}
		}
	}
}

// counted is a line of counts, of records long before the window.
func counted(action string, records any) obj {
	return obj{"source", "a", "action", action, "records", records, "occurred_at", obj{"first", "2026-01-01T00:00:00Z", "last", "2026-01-01T00:00:00Z"}}
}

func saltOf(salt string) func(map[string][]byte) {
	return func(f map[string][]byte) {
		i := bytes.Index(f["records.jsonl"], []byte(`"fields":[[`))
		i += bytes.Index(f["records.jsonl"][i:], []byte(`]`)) - 33
		copy(f["records.jsonl"][i:], salt)
	}
}

func store(name, content string) zipEntry {
	return zipEntry{name: name, data: []byte(content), plain: uint32(len(content))}
}

// repack changes the packed bytes of a file, and pack.json with them.
func repack(name string, f func([]byte) []byte) func(p *plan) {
	return func(p *plan) {
		var changed []byte
		p.info = func(o obj) {
			for _, file := range o.get("files").([]obj) {
				if file.get("name") == name {
					changed = f(packedIn(p, name))
					sum := sha256.Sum256(changed)
					file.set("packed_bytes", len(changed))
					file.set("packed_sha256", hex.EncodeToString(sum[:]))
				}
			}
		}
		p.pack = func(e []zipEntry) []zipEntry {
			e[slices.IndexFunc(e, func(e zipEntry) bool { return e.name == name })].data = changed
			return e
		}
	}
}

// packedIn returns the packed bytes of a file in the good pack.
func packedIn(p *plan, name string) (data []byte) {
	good := goodPlan()
	good.signer = p.signer
	good.pack = func(e []zipEntry) []zipEntry {
		data = slices.Clone(e[slices.IndexFunc(e, func(e zipEntry) bool { return e.name == name })].data)
		return e
	}
	good.build(nil2{})
	return data
}

// nil2 is a testing.TB for a build that cannot fail.
type nil2 struct{ testing.TB }

func (nil2) Helper() {}

func TestEveryDamageIsNamed(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			p := goodPlan()
			p.signer = newSigner(origin, "pack tests")
			d.do(p)
			files, zip := p.build(t)
			_, err := verify(t, asZip(zip), "pack.zip")
			if err == nil || err.Error() != d.want {
				t.Errorf("got  %v\nwant %s", err, d.want)
			}
			if strings.HasPrefix(d.want, "zip:") || p.pack != nil {
				return
			}
			if _, err = verify(t, asFolder(files), "pack"); err == nil || err.Error() != d.want {
				t.Errorf("folder: got  %v\nwant %s", err, d.want)
			}
		})
	}
}

// TestOnlyTheTrailSignsItsPacks: a key that is trusted, but is not the trail's,
// may vouch for a checkpoint and not for a pack.
func TestOnlyTheTrailSignsItsPacks(t *testing.T) {
	p := goodPlan()
	p.noteBy = newSigner("witness.example", "witness")
	_, zip := p.build(t)
	keys := append(allKeys(t, p.noteBy), allKeys(t, p.signer)...)
	if _, err := verify(t, asZip(zip), "pack.zip", keys...); err == nil || err.Error() != "pack.note: is not signed by a trusted key" {
		t.Errorf("got %v", err)
	}
}

func TestFolderIsHeldToItsFiles(t *testing.T) {
	for want, change := range map[string]func(m fstest.MapFS){
		"notes.txt: does not belong here":         func(m fstest.MapFS) { m["pack/notes.txt"] = &fstest.MapFile{} },
		"sub: does not belong here":               func(m fstest.MapFS) { m["pack/sub/x"] = &fstest.MapFile{} },
		"population.csv: is missing":              func(m fstest.MapFS) { delete(m, "pack/population.csv") },
		"index.html: is not what pack.json lists": func(m fstest.MapFS) { m["pack/index.html"] = &fstest.MapFile{Data: []byte("x")} },
		"verify.py: does not belong here":         func(m fstest.MapFS) { m["pack/verify.py"] = &fstest.MapFile{Mode: os.ModeSymlink} },
		"pack.json: does not belong here":         func(m fstest.MapFS) { m["pack/pack.json"] = &fstest.MapFile{Mode: os.ModeNamedPipe} },
		"pack.json: is not well formed":           func(m fstest.MapFS) { m["pack/pack.json"] = &fstest.MapFile{Data: []byte("{}")} },
		"pack.note: is not well formed":           func(m fstest.MapFS) { m["pack/pack.note"] = &fstest.MapFile{Data: []byte("x\n")} },
	} {
		files, _ := goodPlan().build(t)
		folder := asFolder(files).(fstest.MapFS)
		change(folder)
		if _, err := verify(t, folder, "pack"); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestEveryByteCounts changes every byte of a pack, one at a time.
func TestEveryByteCounts(t *testing.T) {
	p := goodPlan()
	p.seals, p.records = nil, slices.DeleteFunc(p.records, func(r rec) bool { return r.action == "segment.seal" })
	p.records, p.records2 = p.records[3:7], map[int]disclose{1: whole, 3: part}
	p.signer = newSigner(origin, "pack tests")
	p.signer.classicOnly = true
	_, zip := p.build(t)
	if _, err := verify(t, asZip(zip), "pack.zip"); err != nil {
		t.Fatal(err)
	}
	var keys []proof.Key
	for _, s := range p.signer.vkeys() {
		k, err := proof.ParseKey(s)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	step := 1
	if testing.Short() {
		step = 17
	}
	var wait sync.WaitGroup
	for worker := range 2 {
		wait.Go(func() {
			zip := bytes.Clone(zip)
			for i := worker * step; i < len(zip); i += 2 * step {
				zip[i] ^= 1 << (i % 8)
				if _, err := verify(t, asZip(zip), "pack.zip", keys...); err == nil {
					t.Errorf("byte %d of %d changed, and it is still verified", i, len(zip))
				}
				zip[i] ^= 1 << (i % 8)
			}
		})
	}
	wait.Wait()
}

// stored are the packs that both verifiers are held against.
func stored() map[string]*plan {
	packs := map[string]*plan{"good": goodPlan(), "good-actor": actorPlan()}
	at := goodPlan()
	at.window.set("by", "at")
	at.records2 = map[int]disclose{5: whole, 8: part, 9: part}
	packs["good-at"] = at
	none := goodPlan()
	none.seals, none.records = nil, slices.DeleteFunc(none.records, func(r rec) bool { return r.action == "segment.seal" })
	none.records2, none.filter = map[int]disclose{}, obj{"text", "", "expr", obj{"op", "any", "args", []obj{}}}
	packs["good-empty"] = none
	for file, name := range map[string]string{
		"bad-zip-trailing": "bytes behind the zip", "bad-zip-deflate": "bytes behind a packed file", "bad-signature": "signed by a stranger",
		"bad-header": "a header changed", "bad-header-order": "a trail that went back in time", "bad-segment-hidden": "a segment of the window left out",
		"bad-manifest": "the last manifest rewritten", "bad-seal-late": "a sealing when the trail had gone on", "bad-segment-denied": "a segment that denies what it shows", "bad-field": "a field of a body changed", "bad-agreement": "a body that says another time",
		"bad-match-missing": "a match kept back", "bad-spreadsheet": "a formula in the spreadsheet", "bad-count": "a wrong count",
		"bad-period": "a consistency proof that proves nothing", "bad-name": "a name that escapes",
	} {
		p := goodPlan()
		p.signer = newSigner(origin, "pack tests")
		p.signer.classicOnly = file != "bad-period" // half the size
		damages[slices.IndexFunc(damages, func(d damage) bool { return d.name == name })].do(p)
		packs[file] = p
	}
	return packs
}

// TestStoredPacks holds the verifier against packs on disk: NAME.zip, with all
// that is printed, and the exit status, in NAME.want.
func TestStoredPacks(t *testing.T) {
	if *update {
		for name, p := range stored() {
			_, zip := p.build(t)
			out, err := verify(t, asZip(zip), "pack.zip")
			want := fmt.Sprintf("%sexit %d\n", out, map[bool]int{true: 0, false: 1}[err == nil])
			for ext, content := range map[string][]byte{".zip": zip, ".want": []byte(want)} {
				if err := os.WriteFile(filepath.Join("testdata/packs", name+ext), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	names, _ := filepath.Glob("testdata/packs/*.zip")
	if len(names) < 12 {
		t.Fatalf("only %d packs in testdata/packs", len(names))
	}
	for _, name := range names {
		want, err := os.ReadFile(strings.TrimSuffix(name, ".zip") + ".want")
		if err != nil {
			t.Fatal(err)
		}
		out, err := verify(t, os.DirFS("testdata/packs"), filepath.Base(name))
		if got := fmt.Sprintf("%sexit %d\n", out, map[bool]int{true: 0, false: 1}[err == nil]); got != string(want) {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
		if good := strings.HasPrefix(filepath.Base(name), "good"); good != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
