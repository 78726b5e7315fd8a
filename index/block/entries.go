package block

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"sort"

	"example.com/evident/index/words"
	"example.com/evident/proof"
)

// Entries are the distinct entries of one group in one part of the index. The
// code of an entry is its number, from 1; code 0 is an entry that is not kept.
// A copy of the struct stays valid while entries are added to the original.
type Entries struct {
	blob    []byte   // one entry behind the other, each as appendPart makes its parts
	folded  []byte   // the same with A-Z made a-z, to search in
	ends    []uint32 // of each entry
	escaped []uint32 // codes of those with a backslash, in which a search of bytes may miss
}

// Len is the number of entries.
func (e *Entries) Len() int { return len(e.ends) }

// At returns the entry with a code.
func (e *Entries) At(code uint32) []byte {
	start := uint32(0)
	if code > 1 {
		start = e.ends[code-2]
	}
	return e.blob[start:e.ends[code-1]]
}

func (e *Entries) add(entry []byte) (code uint32) {
	e.blob = append(e.blob, entry...)
	e.folded = words.AppendFolded(e.folded, entry)
	e.ends = append(e.ends, uint32(len(e.blob)))
	code = uint32(len(e.ends))
	if bytes.IndexByte(entry, '\\') >= 0 {
		e.escaped = append(e.escaped, code)
	}
	return code
}

// appendPart writes a part of an entry: its length and one, or zero for none.
func appendPart(b, part []byte, there bool) []byte {
	if !there {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(part))+1)
	return append(b, part...)
}

// ParseEntry cuts an entry into its parts; nil is a part that is not there.
func ParseEntry(entry []byte) (parts [maxParts][]byte) {
	for i := 0; i < maxParts && len(entry) > 0; i++ {
		n, width := binary.Uvarint(entry)
		entry = entry[width:]
		if n > 0 {
			parts[i], entry = entry[:n-1:n-1], entry[n-1:]
		}
	}
	return parts
}

// record makes of an entry the record that it is of, as far as the group goes.
// The members of the header stand in the body too (docs/format.md section 3).
func (g *Group) record(entry []byte) (h proof.Header, v proof.View) {
	parts := ParseEntry(entry)
	for i, name := range g.Parts {
		token := parts[i]
		if token == nil {
			continue
		}
		if name[0] == '/' {
			v.Fields = append(v.Fields, proof.Field{Pointer: name, Value: token})
			continue
		}
		switch name {
		case "source":
			h.Source = string(token)
		case "category":
			h.Category = string(token)
		case "action":
			h.Action = string(token)
		case "outcome":
			h.Outcome = string(token)
		}
		v.Fields = append(v.Fields, proof.Field{Pointer: "/" + name, Value: []byte(`"` + string(token) + `"`)})
	}
	return h, v
}

// Matching returns the codes of the entries for which the clause is true.
// Literal is in lower case and stands in every value that makes it true.
func (e *Entries) Matching(g *Group, clause *proof.Expr, literal []byte) CodeSet {
	set := CodeSet{bits: make([]uint64, e.Len()/64+1), Size: e.Len()}
	try := func(code uint32) {
		h, v := g.record(e.At(code))
		if clause.Eval(&h, &v) == proof.True {
			set.add(code)
		}
	}
	if len(literal) == 0 {
		for code := range e.ends {
			try(uint32(code) + 1)
		}
		return set
	}
	for p := 0; ; {
		i := bytes.Index(e.folded[p:], literal)
		if i < 0 {
			break
		}
		n := sort.Search(len(e.ends), func(n int) bool { return int(e.ends[n]) > p+i })
		try(uint32(n) + 1)
		p = int(e.ends[n])
	}
	for _, code := range e.escaped {
		try(code)
	}
	return set
}

// A CodeSet is a set of the codes 1 to size.
type CodeSet struct {
	Size, N int // how many codes there may be, and how many are in the set
	bits    []uint64
}

func (s *CodeSet) add(code uint32) {
	if !s.Has(code) {
		s.bits[code/64] |= 1 << (code % 64)
		s.N++
	}
}

// Has reports whether code is in the set.
func (s *CodeSet) Has(code uint32) bool { return s.bits[code/64]>>(code%64)&1 == 1 }

// String writes the set as a digit for each code from 0 on: 1 if it is in it.
func (s *CodeSet) String() string {
	b := make([]byte, s.Size+1)
	for code := range b {
		b[code] = '0' + byte(s.bits[code/64]>>(code%64)&1)
	}
	return string(b)
}

// maxDictionaryBytes bounds the entries of one group in one part: what comes
// after gets code 0. A part with longer ones is no record of an honest source.
const maxDictionaryBytes = 48 << 20

// A dictionary gives codes to entries.
type dictionary struct {
	Entries
	seed  maphash.Seed
	table []uint32 // open addressing, a power of two long; 0 is free
}

// code returns the code of entry and keeps it if it is new. An entry that is
// too long, or one too many, has code 0.
func (d *dictionary) code(entry []byte) uint32 {
	if len(entry) > maxEntryBytes {
		return 0
	}
	if 2*d.Len() >= len(d.table) {
		d.grow()
	}
	slot := maphash.Bytes(d.seed, entry) & uint64(len(d.table)-1)
	for d.table[slot] != 0 {
		if code := d.table[slot]; bytes.Equal(d.At(code), entry) {
			return code
		}
		slot = (slot + 1) & uint64(len(d.table)-1)
	}
	if len(d.blob)+len(entry) > maxDictionaryBytes {
		return 0
	}
	d.table[slot] = d.add(entry)
	return d.table[slot]
}

func (d *dictionary) grow() {
	if d.table == nil {
		d.seed = maphash.MakeSeed()
	}
	d.table = make([]uint32, max(64, 2*len(d.table)))
	for code := uint32(1); int(code) <= d.Len(); code++ {
		slot := maphash.Bytes(d.seed, d.At(code)) & uint64(len(d.table)-1)
		for d.table[slot] != 0 {
			slot = (slot + 1) & uint64(len(d.table)-1)
		}
		d.table[slot] = code
	}
}
