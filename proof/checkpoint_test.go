package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"example.com/evident/keys"
	"example.com/evident/proof"
)

func newTestSigner(t *testing.T) *keys.Signer {
	t.Helper()
	s, err := keys.New(origin)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCheckpointsOpenElsewhere holds checkpoints against transparency-dev's
// implementation of the same C2SP formats, each of the two signatures by itself.
func TestCheckpointsOpenElsewhere(t *testing.T) {
	s := newTestSigner(t)
	c := proof.Checkpoint{Origin: origin, Size: 12345, Root: proof.Hash{1, 2, 3}}
	signed, err := s.SignCheckpoint(c, time.Unix(1772359200, 0))
	if err != nil {
		t.Fatal(err)
	}
	classic, err := note.NewVerifier(s.Keys()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	quantum, err := fnote.NewMLDSAVerifier(s.Keys()[1].String())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []note.Verifier{classic, quantum} {
		got, _, n, err := log.ParseCheckpoint(signed, origin, v)
		if err != nil || got.Size != c.Size || string(got.Hash) != string(c.Root[:]) || len(n.Sigs) != 1 {
			t.Errorf("%s: %+v, %v", v.Name(), got, err)
		}
	}
	if s.Keys()[0].Algorithm() != "Ed25519" || s.Keys()[1].Algorithm() != "ML-DSA-44" || s.Keys()[1].Name() != origin {
		t.Error("keys are not what they say")
	}
}

func TestKeysHaveOneForm(t *testing.T) {
	key := newTestSigner(t).Keys()[0].String()
	name, rest, _ := strings.Cut(key, "+")
	id, data, _ := strings.Cut(rest, "+")
	for _, bad := range []string{"", name, name + "+" + id, name + "++" + data, "x" + key, name + "+00000000+" + data, name + "+" + strings.ToUpper("abcdef12") + "+" + data, key + "\n", key + "AAAA", name + "+" + id + "+" + data[:43] + "=", name + "+" + id + "+B" + data[1:]} {
		if _, err := proof.ParseKey(bad); err == nil {
			t.Errorf("taken: %q", bad)
		}
	}
}

func TestOpenCheckpointTrustsNobodyElse(t *testing.T) {
	s, stranger := newTestSigner(t), newTestSigner(t)
	c := proof.Checkpoint{Origin: origin, Size: 5, Root: proof.Hash{9}}
	signed, err := s.SignCheckpoint(c, time.Unix(1772359200, 0))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(signed), "\n") // text 0–2, empty 3, signatures 4 and 5
	other, _ := s.SignCheckpoint(proof.Checkpoint{Origin: origin, Size: 6, Root: proof.Hash{9}}, time.Unix(1772359200, 0))
	otherLines := strings.SplitAfter(string(other), "\n")
	foreign, _ := stranger.SignCheckpoint(c, time.Unix(1772359200, 0))
	foreignLine := strings.SplitAfter(string(foreign), "\n")[4]
	text := strings.Join(lines[:3], "")
	both, classic, quantum := s.Keys(), s.Keys()[:1], s.Keys()[1:]
	for _, x := range []struct {
		name string
		note string
		keys []proof.Key
		ok   bool
	}{
		{"both", string(signed), both, true}, {"the first key", string(signed), classic, true}, {"the second key", string(signed), quantum, true},
		{"no key", string(signed), nil, false}, {"a stranger's keys", string(signed), stranger.Keys(), false},
		{"only its first line", text + "\n" + lines[4], both, true}, {"only its second line", text + "\n" + lines[5], both, true},
		{"the second line is another's", text + "\n" + lines[4] + otherLines[5], both, false}, {"the first line is another's", text + "\n" + otherLines[4] + lines[5], both, false},
		{"and a stranger's line", text + "\n" + foreignLine + lines[4], both, true}, {"only a stranger's line", text + "\n" + foreignLine, both, false},
		{"an extension line under a signature that does not cover it", text + "more\n\n" + lines[5], quantum, false},
		{"another size", strings.Replace(string(signed), "\n5\n", "\n6\n", 1), both, false}, {"a size with a zero", strings.Replace(string(signed), "\n5\n", "\n05\n", 1), quantum, false},
		{"no signature", text + "\n", both, false}, {"nothing", "", both, false}, {"without its end", strings.TrimSuffix(string(signed), "\n"), both, false},
	} {
		got, err := proof.OpenCheckpoint([]byte(x.note), x.keys)
		if (err == nil) != x.ok || x.ok && got != c {
			t.Errorf("%s: %+v, %v", x.name, got, err)
		}
	}
	if _, err := s.SignCheckpoint(proof.Checkpoint{Origin: "else"}, time.Unix(1, 0)); err == nil {
		t.Error("signed for another trail")
	}
}

func TestCheckpointHasOneForm(t *testing.T) {
	good := proof.Checkpoint{Origin: origin, Size: 10}.Text()
	if c, err := proof.ParseCheckpoint(good); err != nil || c.Text() != good {
		t.Error(c, err)
	}
	for _, bad := range []string{"", good + "x\n", good[:len(good)-1], "\n" + good, strings.Replace(good, "10", "010", 1), strings.Replace(good, "10", "-1", 1), strings.Replace(good, "AAA=", "AAB=", 1), strings.Replace(good, "AAA=", "AAA", 1), strings.Replace(good, origin, "a b", 1)} {
		if _, err := proof.ParseCheckpoint(bad); err == nil {
			t.Errorf("taken: %q", bad)
		}
	}
}
