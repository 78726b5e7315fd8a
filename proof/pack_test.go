package proof_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/evident/proof"
)

// The trail of these tests: segment 0 is over before the window, segments 1 and
// 2 touch it, the rest is not sealed yet.
func goodPlan() *plan {
	grant := func(at, occurred, id string) rec {
		return rec{source: "aws.cloudtrail/prod", category: "privileged", action: "role.grant", outcome: "success", at: at, occurred: occurred, id: id}
	}
	login := func(at, id string) rec {
		return rec{source: "okta/acme", category: "authentication", action: "session.start", outcome: "failure", at: at, occurred: at, id: id}
	}
	seal := func(at, id string) rec {
		return rec{source: "evident", category: "system", action: "segment.seal", outcome: "success", at: at, occurred: at, id: id}
	}
	return &plan{
		records: []rec{
			0: login("2026-02-01T10:00:00Z", "a"), 1: grant("2026-02-01T10:00:01Z", "2026-02-01T10:00:00Z", "b"), 2: login("2026-02-02T10:00:00Z", "c"),
			3: seal("2026-02-02T10:30:00Z", "seal0"), 4: login("2026-03-01T10:00:00.5Z", "d"), 5: grant("2026-03-02T10:00:00Z", "2026-03-02T09:59:00Z", "e"),
			6: login("2026-03-02T10:00:01Z", "f"), 7: seal("2026-03-02T10:30:00Z", "seal1"), 8: grant("2026-03-04T10:00:00Z", "2026-03-04T10:00:07Z", "g"),
			9: grant("2026-03-04T10:10:00Z", "2026-03-02T09:59:00Z", "h"), 10: seal("2026-03-04T10:30:00Z", "seal2"),
			11: grant("2026-04-01T10:00:00Z", "2026-03-31T23:59:59.999999999Z", "i"), 12: grant("2026-04-01T10:00:01Z", "2026-04-01T00:00:00Z", "j"),
			13: grant("2026-04-01T10:00:02Z", "2026-03-20T00:00:00Z", "k"), 14: login("2026-04-01T11:00:00Z", "l"),
		},
		seals:    []int{3, 7, 9},
		window:   obj{"by", "occurred_at", "from", "2026-03-01T00:00:00Z", "until", "2026-04-01T00:00:00Z"},
		filter:   obj{"text", "action:role.grant", "expr", obj{"op", "is", "fields", []string{"action"}, "value", "role.grant"}},
		records2: map[int]disclose{5: whole, 8: part, 9: whole, 11: part, 13: whole},
		ensure:   []int{1, 2},
	}
}

// actorPlan asks for what only bodies say.
func actorPlan() *plan {
	p := goodPlan()
	p.records[9].email = "bob@acme.example"
	p.records[13].email = "cy@acme.example"
	p.filter = obj{"text", "action:role.grant actor:alice*", "expr", obj{"op", "all", "args", []obj{
		{"op", "is", "fields", []string{"action"}, "value", "role.grant"},
		{"op", "is", "fields", []string{"/actor/id", "/actor/email"}, "value", "ALICE*"}}}}
	p.records2 = map[int]disclose{5: whole, 8: part}
	p.others = map[int]disclose{9: whole, 13: whole}
	return p
}

func verify(t *testing.T, fsys fs.FS, name string, keys ...proof.Key) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := proof.VerifyPack(fsys, name, keys, &out)
	if err != nil {
		var failure *proof.Failure
		if !errors.As(err, &failure) {
			t.Fatalf("could not run: %v", err)
		}
		if want := "NOT VERIFIED: " + err.Error() + "\n"; !strings.HasSuffix(out.String(), want) {
			t.Errorf("last line is not %q: %s", want, out.String())
		}
	} else if !strings.HasSuffix(out.String(), "\nVERIFIED\n") {
		t.Errorf("no verdict: %s", out.String())
	}
	return out.String(), err
}

func asZip(b []byte) fs.FS { return fstest.MapFS{"pack.zip": {Data: b}} }

func asFolder(files map[string][]byte) fs.FS {
	m := fstest.MapFS{}
	for name, b := range files {
		m["pack/"+name] = &fstest.MapFile{Data: b}
	}
	return m
}

func TestGoodPack(t *testing.T) {
	files, zip := goodPlan().build(t)
	fromZip, err := verify(t, asZip(zip), "pack.zip")
	if err != nil {
		t.Fatal(fromZip)
	}
	t.Log(fromZip)
	fromFolder, err := verify(t, asFolder(files), "pack")
	if err != nil || fromFolder != fromZip {
		t.Errorf("the folder says otherwise: %s", fromFolder)
	}
	if _, err := verify(t, asZip(zip), "pack.zip", allKeys(t, newSigner(origin, "pack tests"))...); err != nil {
		t.Error(err)
	}
}

func allKeys(t *testing.T, s *signer) (keys []proof.Key) {
	for _, vkey := range append(s.vkeys(), s.vkeys()...) { // one given twice is one
		k, err := proof.ParseKey(vkey)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// TestOddButGood are packs at the edge of what is right.
func TestOddButGood(t *testing.T) {
	for name, do := range map[string]func(p *plan){
		"a time with zeros at the end of its fraction": func(p *plan) {
			p.records[5].body = `{"id":"e","source":"aws.cloudtrail/prod","occurred_at":"2026-03-02T09:59:00.000000000Z","action":"role.grant","category":"privileged","outcome":"success"}`
		},
		"a record at the first moment of the window": func(p *plan) { p.window.set("from", "2026-03-01T10:00:00.5Z") },
		"members in another order": func(p *plan) {
			p.lines = swap("tree.json", `"from":0,"until":3,`, `"until":3 , "from":0,`)
		},
		"an expression with empty members": func(p *plan) {
			p.filter.set("expr", obj{"op", "all", "args", []obj{p.filter.get("expr").(obj)}, "fields", []string{}, "value", ""})
		},
		"fields one by one": func(p *plan) { p.records2[8] = open },
		"all headers":       func(p *plan) { p.ensure = []int{0, 1, 2} },
		"a gap of two segments between runs": func(p *plan) {
			p.window.set("from", "2026-03-06T00:00:00Z")
			p.ensure, p.records2 = []int{0}, map[int]disclose{11: part, 13: whole}
		},
		"a gap after the window": func(p *plan) {
			p.window.set("from", "2026-02-01T10:00:00Z")
			p.window.set("until", "2026-02-02T00:00:00Z")
			p.ensure, p.records2 = []int{0}, map[int]disclose{1: whole}
		},
		"text in a body": func(p *plan) {
			p.filter = obj{"text", "admin", "expr", obj{"op", "text", "value", "@ADMIN"}}
			p.records2 = map[int]disclose{4: whole, 5: part, 6: whole, 7: whole, 8: whole, 9: whole, 10: whole, 11: whole, 13: whole}
		},
		"a quiet trail": func(p *plan) {
			p.window.set("from", "2027-01-01T00:00:00Z")
			p.window.set("until", "2027-02-01T00:00:00Z")
			p.records2 = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodPlan()
			do(p)
			files, zip := p.build(t)
			if out, err := verify(t, asZip(zip), "pack.zip"); err != nil {
				t.Error(out)
			}
			if out, err := verify(t, asFolder(files), "pack"); err != nil {
				t.Error(out)
			}
		})
	}
}
