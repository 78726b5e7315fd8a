package tiles_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/keys"
	"example.com/evident/proof"
	"example.com/evident/proof/tiles"
)

const origin = "trail.acme.example/audit"

func newSigner(t *testing.T) *keys.Signer {
	t.Helper()
	s, err := keys.New(origin)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// served is what a tlog-tiles server has, by path.
func served(t *testing.T, n int, change func(seq int, h *proof.Header)) (map[string][]byte, []proof.Key) {
	t.Helper()
	s := newSigner(t)
	files := map[string][]byte{}
	var tree proof.Tree
	var prev proof.Hash
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for seq := range n {
		h := proof.Header{Source: "aws.cloudtrail/prod", OccurredAt: at, Category: "privileged", Action: "iam.attach_user_policy", Outcome: "success", Body: proof.Hash{3, 4}}
		h.Seq, h.SSeq, h.Prev, h.ID = uint64(seq), uint64(seq), prev, proof.EventID("x", fmt.Sprint(seq))
		h.At = at.Add(time.Duration(seq/2) * time.Second)
		if change != nil {
			change(seq, &h)
		}
		b := h.Append(nil)
		prev = proof.LeafHash(b)
		tree.Append(prev)
		path := tlog.Tile{H: 8, L: -1, N: int64(seq / 256), W: min(256, n-seq/256*256)}.Path()
		path = strings.Replace(path, "tile/8/data", "tile/entries", 1)
		files[path] = append(binary.BigEndian.AppendUint16(files[path], uint16(len(b))), b...)
	}
	signed, err := s.SignCheckpoint(proof.Checkpoint{Origin: origin, Size: uint64(n), Root: tree.Root()}, at)
	if err != nil {
		t.Fatal(err)
	}
	files["checkpoint"] = signed
	return files, s.Keys()
}

func verify(files map[string][]byte, keys []proof.Key) (done uint64, err error) {
	_, err = tiles.Verify(func(path string) ([]byte, error) {
		if b, ok := files[path]; ok {
			return b, nil
		}
		return nil, errors.New("not found")
	}, keys, func(n, _ uint64) { done = n })
	return done, err
}

func TestVerify(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 1000} {
		files, keys := served(t, n, nil)
		if done, err := verify(files, keys); err != nil || done != uint64(n) {
			t.Errorf("%d headers: %d done, %v", n, done, err)
		}
	}
	at := func(seq int, f func(h *proof.Header)) func(int, *proof.Header) {
		return func(i int, h *proof.Header) {
			if i == seq {
				f(h)
			}
		}
	}
	for want, change := range map[string]func(int, *proof.Header){
		"tile/entries/001.p/44 record 290: does not fit":  at(290, func(h *proof.Header) { h.SSeq++ }),
		"tile/entries/001.p/44 record 291: does not fit":  at(291, func(h *proof.Header) { h.At = h.At.Add(-time.Hour) }),
		"tile/entries/000 record 200: does not fit":       at(200, func(h *proof.Header) { h.Prev[0]++ }),
		"tile/entries/000 record 201: does not fit":       at(201, func(h *proof.Header) { h.Seq++ }),
		"tile/entries/000 record 202: stands twice":       at(202, func(h *proof.Header) { h.ID = proof.EventID("x", "7") }),
		"tile/entries/000 record 203: is not well formed": at(203, func(h *proof.Header) { h.Outcome = "maybe" }),
	} {
		files, keys := served(t, 300, change)
		if _, err := verify(files, keys); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for want, change := range map[string]func(files map[string][]byte){
		"tile/entries/001.p/44: is not well formed":            func(f map[string][]byte) { f["tile/entries/001.p/44"] = append(f["tile/entries/001.p/44"], 0) },
		"tile/entries/001.p/44 record 299: is not well formed": func(f map[string][]byte) { b := f["tile/entries/001.p/44"]; f["tile/entries/001.p/44"] = b[:len(b)-1] },
		"checkpoint: is not the tree that was signed":          func(f map[string][]byte) { b := f["tile/entries/001.p/44"]; b[len(b)-4] ^= 1 },
		"checkpoint: is not signed by a trusted key":           func(f map[string][]byte) { f["checkpoint"], _ = newSigner(t).SignText("x\n1\n\n") },
		"fetch tile/entries/000: not found":                    func(f map[string][]byte) { delete(f, "tile/entries/000") },
		"fetch checkpoint: not found":                          func(f map[string][]byte) { delete(f, "checkpoint") },
	} {
		files, keys := served(t, 300, nil)
		change(files)
		if _, err := verify(files, keys); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
