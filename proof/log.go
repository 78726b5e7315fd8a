package proof

import (
	"encoding/binary"
	"fmt"
)

// VerifyLog reads a whole tlog-tiles log (c2sp.org/tlog-tiles, whose entries are
// headers) and checks that its headers follow one another from the first to the
// last and make the tree that its checkpoint states and a key of keys signed.
// fetch returns what the server has under a path; what it has not is an error.
// progress, if not nil, is called now and then with the headers that are done.
// A *Failure says what is wrong; its File is the path.
func VerifyLog(fetch func(path string) ([]byte, error), keys []Key, progress func(done, size uint64)) (Checkpoint, error) {
	signed, err := fetch("checkpoint")
	if err != nil {
		return Checkpoint{}, fmt.Errorf("fetch checkpoint: %w", err)
	}
	text, err := noteText("checkpoint", signed, keys)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := ParseCheckpoint(text)
	if err != nil {
		return c, fail("checkpoint", "is not well formed")
	}
	var tree Tree
	var prev Hash
	var order sequence
	order.begin(0)
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
				return c, failRecord(path, seq, "is not well formed")
			}
			n := 2 + int(binary.BigEndian.Uint16(bundle))
			header, err := ParseHeader(bundle[2:n])
			if err != nil {
				return c, failRecord(path, seq, "is not well formed")
			}
			if header.Seq != seq || header.Prev != prev {
				return c, failRecord(path, seq, "does not fit")
			}
			if what := order.follow(&header); what != "" {
				return c, failRecord(path, seq, what)
			}
			prev = LeafHash(bundle[2:n])
			tree.Append(prev)
			bundle = bundle[n:]
		}
		if len(bundle) > 0 {
			return c, fail(path, "is not well formed")
		}
		if progress != nil {
			progress(tree.Size(), c.Size)
		}
	}
	if tree.Root() != c.Root {
		return c, fail("checkpoint", "is not the tree that was signed")
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
