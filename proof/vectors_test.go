package proof_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/proof"
)

// vectors is testdata/vectors/vectors.json, which a verifier in any language can
// be tried against before it meets its first pack. All bytes are in hex, or
// strings where they are UTF-8.
type vectors struct {
	Bodies []bodyVector `json:"bodies"`
	// Refused are bodies that section 3 refuses.
	Refused []string       `json:"refused"`
	Headers []headerVector `json:"headers"`
	IDs     []idVector     `json:"ids"`
	// Roots are of the trees over the first n leaves, of which leaf i is the
	// hash of the one byte i.
	Roots []string `json:"roots"`
}

type bodyVector struct {
	Body        string      `json:"body"`
	Secret      string      `json:"secret"`
	Seq         uint64      `json:"seq"`
	Seed        string      `json:"seed"`
	Fields      [][3]string `json:"fields"` // pointer, value, salt
	Commitments []string    `json:"commitments"`
	Digest      string      `json:"digest"`
}

type headerVector struct {
	Header string `json:"header"`
	Leaf   string `json:"leaf"`
}

type idVector struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Hash   string `json:"hash"`
}

func makeVectors(t *testing.T) (v vectors) {
	for i, body := range bodies {
		fields, err := proof.ParseBody([]byte(body))
		if len(body) > 2000 {
			continue
		}
		if err != nil {
			v.Refused = append(v.Refused, hex.EncodeToString([]byte(body)))
			continue
		}
		secret := [32]byte{byte(i), 0xee}
		seed := proof.DeriveSeed(secret, uint64(i)<<32)
		b := bodyVector{Body: body, Secret: hex.EncodeToString(secret[:]), Seq: uint64(i) << 32, Seed: hex.EncodeToString(seed[:]), Digest: proof.BodyDigest(fields, &seed).String()}
		for k, c := range proof.Commitments(nil, fields, &seed) {
			salt := proof.Salt(&seed, k)
			b.Fields = append(b.Fields, [3]string{fields[k].Pointer, string(fields[k].Value), hex.EncodeToString(salt[:])})
			b.Commitments = append(b.Commitments, c.String())
		}
		v.Bodies = append(v.Bodies, b)
	}
	first := header
	first.Seq, first.SSeq, first.Prev = 0, 0, proof.Hash{}
	for _, h := range []proof.Header{first, header} {
		b := h.Append(nil)
		v.Headers = append(v.Headers, headerVector{string(b), proof.LeafHash(b).String()})
	}
	for _, x := range [][2]string{{"evident", "1"}, {"okta/acme", "é\x00"}, {"aws.cloudtrail/prod", "8f14e45f-ceea-467f-9a2b-3c1b2d4e5f60"}} {
		id := proof.EventID(x[0], x[1])
		v.IDs = append(v.IDs, idVector{x[0], x[1], hex.EncodeToString(id[:])})
	}
	var tree proof.Tree
	for n := range 70 {
		v.Roots = append(v.Roots, tree.Root().String())
		tree.Append(proof.Hash(tlog.RecordHash([]byte{byte(n)})))
	}
	return v
}

func TestVectors(t *testing.T) {
	const file = "testdata/vectors/vectors.json"
	got, err := json.MarshalIndent(makeVectors(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != string(got)+"\n" {
		t.Errorf("the vectors of %s are not what the code makes (%v): the format has changed, or the code is wrong", file, err)
	}
}
