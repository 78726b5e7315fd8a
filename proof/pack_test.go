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
			3: seal("2026-02-03T00:00:00Z", "seal0"), 4: login("2026-03-01T10:00:00.5Z", "d"), 5: grant("2026-03-02T10:00:00Z", "2026-03-02T09:59:00Z", "e"),
			6: login("2026-03-02T10:00:01Z", "f"), 7: seal("2026-03-03T00:00:00Z", "seal1"), 8: grant("2026-03-04T10:00:00Z", "2026-03-04T10:00:07Z", "g"),
			9: grant("2026-03-05T10:00:00Z", "2026-03-02T09:59:00Z", "h"), 10: seal("2026-03-06T00:00:00Z", "seal2"),
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
	files, zip = actorPlan().build(t)
	fromZip, err = verify(t, asZip(zip), "pack.zip")
	t.Log(fromZip)
}
