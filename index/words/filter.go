package words

import (
	"math/bits"
	"slices"
)

// The words of a stretch of records are kept as a Bloom filter of StretchBits.
// When a block is written its filters are folded as small as they may be, and
// turned: row p has bit p of the filter of every stretch, so that a question
// about one word reads a few short rows and is answered for all stretches of
// the block at once.
const (
	stretchRecords = 256                     // as many as share a tile of headers in the trail
	StretchBits    = 15 * 8 * stretchRecords // 15 bytes a record, before folding
	EntryBits      = 1 << 20                 // of the filter of all words in the entries of a block
	Hashes         = 5
	fullEnough     = 0.42 // share of bits set up to which a filter is folded
)

// folds are the factors by which a filter can be folded; each divides StretchBits.
var folds = []int{4, 3, 2, 1}

// StretchOf is the length of a stretch in a block of so many records, which
// are fewer than usual in tests only.
func StretchOf(blockRecords int) int { return max(1, min(stretchRecords, blockRecords/4)) }

// A Filter is a Bloom filter of words.
type Filter []uint64

// New returns an empty filter of so many bits.
func New(bits int) Filter { return make(Filter, bits/64) }

// Add puts a word in.
func (f Filter) Add(hash uint32) {
	for i := range uint32(Hashes) {
		p := Position(hash, i, 64*len(f))
		f[p/64] |= 1 << (p % 64)
	}
}

// Has reports whether a word may be in.
func (f Filter) Has(hash uint32) bool {
	for i := range uint32(Hashes) {
		p := Position(hash, i, 64*len(f))
		if f[p/64]>>(p%64)&1 == 0 {
			return false
		}
	}
	return true
}

// HasAll reports whether all of the words may be in.
func (f Filter) HasAll(hashes []uint32) bool {
	return !slices.ContainsFunc(hashes, func(h uint32) bool { return !f.Has(h) })
}

// Flood sets every bit: the stretch may have any word.
func (f Filter) Flood() {
	for i := range f {
		f[i] = ^uint64(0)
	}
}

// Position is where hash function i sets its bit in a filter of size bits. In a
// filter that was folded by n it is the n-th part of what it was before.
func Position(hash, i uint32, size int) int {
	h := hash + i*(hash*0x9E3779B1|1)
	return int(uint64(h) * uint64(size) >> 32)
}

// fold returns the filter at half its size.
func (f Filter) fold() Filter {
	half := New(32 * len(f))
	for p := range 64 * len(f) {
		half[p/2/64] |= f[p/64] >> (p % 64) & 1 << (p / 2 % 64)
	}
	return half
}

// Folded returns the filter as small as it may be.
func (f Filter) Folded() Filter {
	for len(f) > 1 {
		half, set := f.fold(), 0
		for _, w := range half {
			set += bits.OnesCount64(w)
		}
		if float64(set) > fullEnough*64*float64(len(half)) {
			break
		}
		f = half
	}
	return f
}

// Turn folds the filters of all stretches and turns them into rows of rowBytes.
func Turn(filters []Filter) (rows []byte, size int) {
	rowWords := (len(filters) + 63) / 64
	turned := make([]uint64, StretchBits*rowWords)
	var square [64]uint64
	for group := range rowWords {
		part := filters[group*64 : min(len(filters), group*64+64)]
		for word := range StretchBits / 64 {
			square = [64]uint64{}
			for i, f := range part {
				square[i] = f[word]
			}
			transpose(&square)
			for i := range square {
				turned[(word*64+i)*rowWords+group] = square[i]
			}
		}
	}
	fold := foldFor(filters)
	size = StretchBits / fold
	rowBytes := RowBytes(len(filters))
	rows = make([]byte, size*rowBytes)
	for p := range StretchBits {
		row := rows[p/fold*rowBytes:][:rowBytes]
		for i := range row {
			row[i] |= byte(turned[p*rowWords+i/8] >> (i % 8 * 8))
		}
	}
	return rows, size
}

// RowBytes is the length of a turned row.
func RowBytes(stretches int) int { return (stretches + 7) / 8 }

// foldFor returns the greatest factor that leaves the filters selective.
func foldFor(filters []Filter) int {
	set, size := 0, 0
	for _, f := range filters {
		for _, w := range f {
			set += bits.OnesCount64(w)
		}
		size += StretchBits
	}
	clear := 1 - float64(set)/float64(max(size, 1))
	for _, fold := range folds {
		left := 1.0 // bits that stay clear, if those set lie anywhere
		for range fold {
			left *= clear
		}
		if 1-left <= fullEnough {
			return fold
		}
	}
	return 1
}

// transpose turns a square of 64 by 64 bits over its diagonal.
func transpose(a *[64]uint64) {
	mask := uint64(0x00000000FFFFFFFF)
	for j := 32; j != 0; j, mask = j>>1, mask^mask<<(j>>1) {
		for k := 0; k < 64; k = (k + j + 1) &^ j {
			t := (a[k]>>j ^ a[k+j]) & mask
			a[k] ^= t << j
			a[k+j] ^= t
		}
	}
}

// Stretches says which stretches of a part may have a record that is asked for.
type Stretches []uint64

// AllStretches returns the set of the stretches 0 to n-1.
func AllStretches(n int) Stretches {
	s := make(Stretches, (n+63)/64)
	for i := range n {
		s[i/64] |= 1 << (i % 64)
	}
	return s
}

// Has reports whether stretch i is in the set.
func (s Stretches) Has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }

// Count returns how many stretches are in the set.
func (s Stretches) Count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}
