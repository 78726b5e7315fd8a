package proof

import (
	"crypto/sha256"
	"errors"
	"math/bits"
)

// Tree is the Merkle tree of RFC 6962 section 2.1 over leaf hashes, reduced to
// what is needed to go on: the root of each full subtree on its right edge. The
// zero value is the empty tree, and a copy is a tree of its own.
type Tree struct {
	size uint64
	edge [64]Hash // edge[k] is in use where bit k of size is set: the subtree of 2^k leaves there
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Append adds the leaf hash of the next record.
func (t *Tree) Append(leaf Hash) { _ = t.AppendSubtree(0, leaf) }

// AppendSubtree adds 2^k leaves at once, of which only their common root is
// known. It fails where no subtree of that size begins: RFC 6962 has one shape
// for every size, and another one would be another tree.
func (t *Tree) AppendSubtree(k int, root Hash) error {
	if k < 0 || k > 62 || t.size&(1<<k-1) != 0 || t.size+1<<k > 1<<63 {
		return errors.New("append subtree: none of that size begins here")
	}
	t.size += 1 << k
	for ; t.size>>k&1 == 0; k++ { // join siblings upwards, as a binary counter carries
		root = NodeHash(t.edge[k], root)
	}
	t.edge[k] = root
	return nil
}

// subtrees returns the exponents of the largest subtrees that together are the
// stretch from ≤ seq < until, from left to right (format.md section 6.5).
func subtrees(from, until uint64) (exponents []int) {
	for from < until {
		k := bits.TrailingZeros64(from | 1<<62)
		for 1<<k > until-from {
			k--
		}
		exponents = append(exponents, k)
		from += 1 << k
	}
	return exponents
}

// Root returns the root of the tree.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return EmptyRoot()
	}
	k := bits.TrailingZeros64(t.size)
	h := t.edge[k]
	for k++; k < 64; k++ {
		if t.size>>k&1 == 1 {
			h = NodeHash(t.edge[k], h)
		}
	}
	return h
}

// NodeHash returns the hash of an inner node.
func NodeHash(left, right Hash) Hash {
	var b [65]byte
	b[0] = tagNode
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// EmptyRoot returns the root of the tree without leaves.
func EmptyRoot() Hash { return sha256.Sum256(nil) }
