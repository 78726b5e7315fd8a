package trail

import (
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/proof"
)

// tiles holds in memory what the tree is read from: the root of every full
// tile of 256 leaves and, above it, of every 256 tiles, and so on (32 bytes
// for 256 records); and the leaf hashes of the last tile while it is not full.
// Everything else of the tree follows from these and from one tile's leaves,
// which are hashed from headers.
//
// It is a value guarded by the trail: what is in levels is only appended to.
type tiles struct {
	levels [][]proof.Hash // levels[0]: roots of full tiles; levels[1]: of 256 of them; …
	edge   []proof.Hash   // leaves behind the last full tile
	tree   proof.Tree
}

// add appends one leaf.
func (t *tiles) add(leaf proof.Hash) {
	t.tree.Append(leaf)
	t.edge = append(t.edge, leaf)
	if len(t.edge) == tileSize {
		t.addTile(fold(t.edge))
		t.edge = nil // a reader may still hold the old one
	}
}

// addTile appends the root of a full tile.
func (t *tiles) addTile(root proof.Hash) {
	for l := 0; ; l++ {
		if l == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[l] = append(t.levels[l], root)
		if n := len(t.levels[l]); n%tileSize != 0 {
			return
		} else {
			root = fold(t.levels[l][n-tileSize:])
		}
	}
}

// clone returns what t is now; t may be appended to afterwards.
func (t *tiles) clone() tiles {
	c := *t
	c.levels = slices.Clone(t.levels)
	return c
}

// fold returns the root of a full subtree, given by a power of two of hashes.
func fold(hashes []proof.Hash) proof.Hash {
	var buf [tileSize / 2]proof.Hash
	for n := len(hashes); n > 1; n /= 2 {
		for i := range n / 2 {
			buf[i] = proof.NodeHash(hashes[2*i], hashes[2*i+1])
		}
		hashes = buf[:n/2]
	}
	return hashes[0]
}

// A view is the tree at one size, for proofs. leaves returns the verified leaf
// hashes of tile n, as many as the trail has.
type view struct {
	tiles
	leaves func(n uint64) ([]proof.Hash, error)
}

// subtree returns the hash of the full subtree of 2^k leaves at index·2^k.
func (v *view) subtree(k int, index uint64) (proof.Hash, error) {
	level := k/8 - 1 // of the hashes that are folded; -1: leaves
	width := uint64(1) << (k - 8*(level+1))
	begin := index * width
	if level >= 0 {
		if level >= len(v.levels) || begin+width > uint64(len(v.levels[level])) {
			return proof.Hash{}, fmt.Errorf("the tree has no subtree of 2^%d leaves at %d", k, index<<k)
		}
		return fold(v.levels[level][begin : begin+width]), nil
	}
	leaves, err := v.leaves(begin / tileSize)
	if err != nil {
		return proof.Hash{}, err
	}
	if begin%tileSize+width > uint64(len(leaves)) {
		return proof.Hash{}, fmt.Errorf("the tree has no subtree of 2^%d leaves at %d", k, index<<k)
	}
	return fold(leaves[begin%tileSize : begin%tileSize+width]), nil
}

// ReadHashes makes a view a tlog.HashReader, so that proofs are made by a
// library that others rely on too.
func (v *view) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		k, n := tlog.SplitStoredHashIndex(x)
		h, err := v.subtree(k, uint64(n))
		if err != nil {
			return nil, err
		}
		out[i] = tlog.Hash(h)
	}
	return out, nil
}

// stretch returns the roots of the largest subtrees that together are the
// leaves from to until, from left to right (docs/format.md 6.5).
func (v *view) stretch(from, until uint64) ([]proof.Hash, error) {
	var out []proof.Hash
	for p := from; p < until; {
		k := bits.Len64(until-p) - 1
		if p != 0 {
			k = min(k, bits.TrailingZeros64(p))
		}
		h, err := v.subtree(k, p>>k)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
		p += 1 << k
	}
	return out, nil
}

// ProveRecord returns the audit path of the record seq in the tree of that
// size (RFC 6962 section 2.1.1), from the leaf up.
func (t *Trail) ProveRecord(seq, size uint64) ([]proof.Hash, error) {
	v := t.view()
	if seq >= size || size > v.tree.Size() {
		return nil, fmt.Errorf("prove record %d in a tree of size %d: the trail has %d records", seq, size, v.tree.Size())
	}
	p, err := tlog.ProveRecord(int64(size), int64(seq), v)
	return hashes(p), err
}

// ProveTree returns the consistency proof between the trees of two sizes (RFC
// 6962 section 2.1.2). It is empty where one of them is empty or both are equal.
func (t *Trail) ProveTree(old, size uint64) ([]proof.Hash, error) {
	v := t.view()
	if old > size || size > v.tree.Size() {
		return nil, fmt.Errorf("prove tree of size %d in one of size %d: the trail has %d records", old, size, v.tree.Size())
	}
	if old == 0 || old == size {
		return nil, nil
	}
	p, err := tlog.ProveTree(int64(size), int64(old), v)
	return hashes(p), err
}

// Root returns the root of the tree at that size.
func (t *Trail) Root(size uint64) (proof.Hash, error) {
	v := t.view()
	if size > v.tree.Size() {
		return proof.Hash{}, fmt.Errorf("root of a tree of size %d: the trail has %d records", size, v.tree.Size())
	}
	if size == v.tree.Size() {
		return v.tree.Root(), nil
	}
	h, err := tlog.TreeHash(int64(size), v)
	return proof.Hash(h), err
}

// SubtreeHashes returns the roots of the largest subtrees that together are
// the records from ≤ seq < until, from left to right.
func (t *Trail) SubtreeHashes(from, until uint64) ([]proof.Hash, error) {
	v := t.view()
	if from > until || until > v.tree.Size() {
		return nil, fmt.Errorf("subtrees from %d until %d: the trail has %d records", from, until, v.tree.Size())
	}
	return v.stretch(from, until)
}

// Subtree returns the hash of the full subtree of 2^k leaves that begins at
// index·2^k: what a tile of the C2SP face is made of.
func (t *Trail) Subtree(k int, index uint64) (proof.Hash, error) { return t.view().subtree(k, index) }

func (t *Trail) view() *view {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &view{tiles: t.tiles.clone(), leaves: t.tileLeaves}
}

func hashes(p []tlog.Hash) []proof.Hash {
	out := make([]proof.Hash, len(p))
	for i := range p {
		out[i] = proof.Hash(p[i])
	}
	return out
}
