package proof_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/proof"
)

func TestHeaderRoundTrip(t *testing.T) {
	b := header.Append(nil)
	want := `{"v":1,"seq":123456,"at":"2026-03-01T10:15:30.123456789Z","source":"aws.cloudtrail/prod","sseq":4711,"occurred_at":"2026-03-01T10:15:29Z",` +
		`"category":"privileged","action":"iam.attach_user_policy","outcome":"success","id":"`
	if !strings.HasPrefix(string(b), want) || !json.Valid(b) {
		t.Errorf("got %s", b)
	}
	got, err := proof.ParseHeader(b)
	if err != nil || got != header {
		t.Errorf("got %+v, %v", got, err)
	}
	if proof.LeafHash(b) != proof.Hash(tlog.RecordHash(b)) {
		t.Error("the leaf hash is not that of RFC 6962")
	}
}

func TestHeaderHasOneForm(t *testing.T) {
	good := string(header.Append(nil))
	for _, c := range [][2]string{
		{`{"v":1`, `{"v":2`}, {`{"v":1,`, `{"v":1, `}, {`"seq":123456`, `"seq":0123456`}, {`"seq":123456`, `"seq":-1`}, {`"seq":123456`, `"seq":1e3`},
		{`"seq":123456`, `"seq":9223372036854775808`}, {`"seq":123456,`, ``}, {`30.123456789Z`, `30.1234567890Z`}, {`29Z`, `29.0Z`}, {`29Z`, `29.Z`}, {`29Z`, `29+00:00`},
		{`29Z`, `29,5Z`}, {`29Z`, `60Z`}, {`T10:15:29`, `T24:00:00`}, {`2026-03-01T10:15:29`, `2026-02-29T10:15:29`}, {`2026-03-01T10:15:29`, `1969-12-31T23:59:59`},
		{`2026-03-01T10:15:29`, `2262-01-01T00:00:00`}, {`29Z`, `29z`}, {`01T10:15:29`, `01 10:15:29`}, {`01T10:15:29`, `1T10:15:29`},
		{`aws.cloudtrail/prod`, `AWS/prod`}, {`aws.cloudtrail/prod`, `aws`}, {`aws.cloudtrail/prod`, `aws/`}, {`aws.cloudtrail/prod`, `/prod`}, {`aws.cloudtrail/prod`, `.aws/prod`},
		{`aws.cloudtrail/prod`, `aws-x/prod`}, {`aws.cloudtrail/prod`, `aws/-prod`}, {`aws.cloudtrail/prod`, `aws/prod/x`}, {`aws.cloudtrail/prod`, `evident/x y`},
		{`aws.cloudtrail/prod`, `a/` + strings.Repeat("b", 127)}, {`aws.cloudtrail/prod`, `a\u0062/prod`}, {`"privileged"`, `"Privileged"`}, {`"privileged"`, `""`},
		{`iam.attach_user_policy`, `iam..attach`}, {`iam.attach_user_policy`, `a.b.c.d.e`}, {`iam.attach_user_policy`, `.a`}, {`iam.attach_user_policy`, `a.`}, {`iam.attach_user_policy`, ``},
		{`iam.attach_user_policy`, strings.Repeat("a", 65)}, {`iam.attach_user_policy`, `a-b`}, {`"success"`, `"ok"`}, {`"prev":"01`, `"prev":"0G`}, {`"prev":"0102`, `"prev":"0A02`},
		{`"prev":"0102`, `"prev":"02`}, {`"}`, `","x":1}`}, {`"}`, `"}` + "\n"}, {`"}`, `"} `}, {`{"v"`, ` {"v"`}, {`"}`, `"`},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Errorf("nothing to replace: %s", c[0])
		}
		if _, err := proof.ParseHeader([]byte(bad)); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
	for _, source := range []string{"evident", "a/b", "0/0", "a._b/c._-d", "a/" + strings.Repeat("b", 126)} {
		h := header
		h.Source = source
		if _, err := proof.ParseHeader(h.Append(nil)); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(header.Append(nil))
	f.Add([]byte(`{"v":1,"seq":0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := proof.ParseHeader(b)
		if err == nil && !bytes.Equal(h.Append(nil), b) {
			t.Errorf("%s comes out as %s", b, h.Append(nil))
		}
	})
}

func TestTimesHaveOneForm(t *testing.T) {
	for _, ok := range []string{"1970-01-01T00:00:00Z", "2261-12-31T23:59:59.999999999Z", "2024-02-29T00:00:00.1Z"} {
		at, err := proof.ParseTime(ok)
		if err != nil || string(proof.AppendTime(nil, at)) != ok || at.Location() != time.UTC {
			t.Errorf("%s: %v, %v", ok, at, err)
		}
	}
	elsewhere := time.Date(2026, 3, 1, 1, 0, 0, 0, time.FixedZone("", 7200))
	if got := string(proof.AppendTime(nil, elsewhere)); got != "2026-02-28T23:00:00Z" {
		t.Errorf("a time from elsewhere is written %s", got)
	}
}

func TestEventIDBindsTheSource(t *testing.T) {
	if proof.EventID("a/b", "c") == proof.EventID("a/bc", "") || proof.EventID("a/b", "c") == proof.EventID("a/c", "c") {
		t.Error("two events, one id")
	}
	if proof.EventID("a/b", strings.Repeat("x", 1000)) == proof.EventID("a/b", strings.Repeat("x", 1001)) {
		t.Error("a long id is cut off")
	}
}

// TestTreeAgreesWithTlog holds the tree against x/mod's at every size.
func TestTreeAgreesWithTlog(t *testing.T) {
	var tr trail
	var tree proof.Tree
	if tree.Root() != proof.EmptyRoot() {
		t.Error("an empty tree has another root")
	}
	for n := range 300 {
		data := []byte{byte(n), byte(n >> 8)}
		more, err := tlog.StoredHashes(int64(n), data, &tr)
		if err != nil {
			t.Fatal(err)
		}
		tr.hashes = append(tr.hashes, more...)
		before := tree
		root := before.Root()
		tree.Append(proof.LeafHash(data))
		if tree.Root() != proof.Hash(tr.root(n+1)) || tree.Size() != uint64(n+1) {
			t.Fatalf("size %d: another root", n+1)
		}
		if before.Root() != root || before.Size() != uint64(n) {
			t.Fatalf("size %d: a copy changed with the original", n)
		}
	}
	for _, cut := range []int{0, 1, 5, 64, 200, 299} {
		var tree proof.Tree
		for i := range cut {
			tree.Append(proof.Hash(tr.hashes[tlog.StoredHashIndex(0, int64(i))]))
		}
		for from := cut; from < 300; {
			k := 0
			for from%(2<<k) == 0 && from+(2<<k) <= 300 {
				k++
			}
			if err := tree.AppendSubtree(k, proof.Hash(tr.hashes[tlog.StoredHashIndex(k, int64(from>>k))])); err != nil {
				t.Fatal(err)
			}
			from += 1 << k
		}
		if tree.Root() != proof.Hash(tr.root(300)) {
			t.Errorf("subtrees from %d on make another root", cut)
		}
	}
	var odd proof.Tree
	odd.Append(proof.Hash{})
	if odd.AppendSubtree(1, proof.Hash{}) == nil || odd.AppendSubtree(63, proof.Hash{}) == nil || odd.AppendSubtree(-1, proof.Hash{}) == nil {
		t.Error("a subtree where none begins was taken")
	}
}
