// Package tiles verifies the tree of a running server, which it reads as a log of
// c2sp.org/tlog-tiles whose entries are headers. It is package proof applied to
// another form of the same headers, and not what a pack is verified with.
package tiles

import (
	"encoding/binary"
	"errors"
	"fmt"

	"example.com/evident/proof"
)

// Verify reads a whole log and checks that its headers follow one another from
// the first to the last and make the tree that its checkpoint states and a key
// of keys signed.
// fetch returns what the server has under a path; what it has not is an error.
// progress, if not nil, is called now and then with the headers that are done.
// A *proof.Failure says what is wrong; its File is the path.
func Verify(fetch func(path string) ([]byte, error), keys []proof.Key, progress func(done, size uint64)) (proof.Checkpoint, error) {
	signed, err := fetch("checkpoint")
	if err != nil {
		return proof.Checkpoint{}, fmt.Errorf("fetch checkpoint: %w", err)
	}
	c, err := proof.OpenCheckpoint(signed, keys)
	if errors.Is(err, proof.ErrNotSigned) {
		return c, fail("checkpoint", -1, "is not signed by a trusted key")
	} else if err != nil {
		return c, fail("checkpoint", -1, "is not well formed")
	}
	var tree proof.Tree
	var prev proof.Hash
	var order proof.Sequence
	order.Begin(0)
	for tree.Size() < c.Size {
		path, left := entriesPath(tree.Size()/256), min(256, c.Size-tree.Size())
		if left < 256 {
			path = fmt.Sprintf("%s.p/%d", path, left)
		}
		bundle, err := fetch(path)
		if err != nil {
			return c, fmt.Errorf("fetch %s: %w", path, err)
		}
		for ; left > 0; left-- {
			seq := tree.Size()
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return c, fail(path, int64(seq), "is not well formed")
			}
			n := 2 + int(binary.BigEndian.Uint16(bundle))
			header, err := proof.ParseHeader(bundle[2:n])
			if err != nil {
				return c, fail(path, int64(seq), "is not well formed")
			}
			if header.Seq != seq || header.Prev != prev {
				return c, fail(path, int64(seq), "does not fit")
			}
			if what := order.Follow(&header); what != "" {
				return c, fail(path, int64(seq), what)
			}
			prev = proof.LeafHash(bundle[2:n])
			tree.Append(prev)
			bundle = bundle[n:]
		}
		if len(bundle) > 0 {
			return c, fail(path, -1, "is not well formed")
		}
		if progress != nil {
			progress(tree.Size(), c.Size)
		}
	}
	if tree.Root() != c.Root {
		return c, fail("checkpoint", -1, "is not the tree that was signed")
	}
	return c, nil
}

// entriesPath returns the path of entry bundle n: its number in groups of three
// digits, with an x before all but the last.
func entriesPath(n uint64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return "tile/entries/" + path
}

func fail(path string, seq int64, what string) error {
	return &proof.Failure{File: path, Seq: seq, What: what}
}
