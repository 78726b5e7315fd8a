// Package words says which words a value has and keeps, in filters that are
// never wrong about what is not there, which of them stretches of records have.
// It is not a text index: it knows where a word may be, and the evidence decides.
package words

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"regexp"
	"strings"

	"example.com/evident/proof"
)

// This file says which words a value has, for those who put them into the
// membership filters (words of a token) and for those who ask (Needs). The two must agree: whatever a clause needs is put in by every value
// that could make it true. A word is a longest run of the word characters of
// docs/format.md section 6.9, compared without case.
//
// A value whose words say little, because each is short (an address: 10 0 3 7),
// is put in whole as well. A word of four hex digits, letters and digits mixed,
// is left out: it is the middle of a UUID, and would take half of the filter.

const (
	maxWholeBytes = 64 // a longer value is not put in whole
	tellingWord   = 5  // a value with a word this long says enough by its words
	maxRowWords   = 1 << 16

	// A token with an escape is decoded up to here; a longer one can hold no
	// value that is put in whole, and of its escapes only \u spells a word.
	maxEscapedBytes = 6*maxWholeBytes + 2
)

// wordClass is 1 for word characters, with 2 added for a hex digit that is a
// number and 4 for one that is a letter.
var wordClass = func() (class [256]byte) {
	for c := range class {
		switch {
		case '0' <= c && c <= '9':
			class[c] = 1 | 2
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			class[c] = 1 | 4
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_', c >= 0x80:
			class[c] = 1
		}
	}
	return class
}()

// A Set collects hashes of words.
type Set struct {
	Hashes []uint32
	Flood  bool // there are too many: the record may have any word
}

// AddToken puts in what the values of a JSON token have. With whole, a value
// that is short of telling words is put in whole as well.
func (w *Set) AddToken(token []byte, whole bool) {
	switch {
	case token[0] == '"' && bytes.IndexByte(token, '\\') < 0:
		w.addValue(token[1:len(token)-1], whole)
	case token[0] == '"' && (len(token) <= maxEscapedBytes || bytes.Contains(token, []byte(`\u`))):
		var s string
		if json.Unmarshal(token, &s) == nil {
			w.addValue([]byte(s), whole)
		}
	case token[0] == '"':
		w.addEscaped(token[1 : len(token)-1])
	case token[0] == '[':
		var elements []json.RawMessage
		if json.Unmarshal(token, &elements) == nil {
			for _, element := range elements {
				w.AddToken(element, whole)
			}
		}
	default:
		w.addValue(token, whole)
	}
}

// addEscaped puts in the words of a long string whose escapes are all of one
// character, none of which is of a word.
func (w *Set) addEscaped(inner []byte) {
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			w.addValue(inner, false)
			return
		}
		w.addValue(inner[:i], false)
		inner = inner[i+2:]
	}
}

func (w *Set) addValue(value []byte, whole bool) {
	if len(w.Hashes) > maxRowWords {
		w.Flood = true
		return
	}
	count, longest := 0, 0
	for i := 0; i < len(value); {
		class := wordClass[value[i]]
		if class == 0 {
			i++
			continue
		}
		start, kinds := i, byte(0)
		for ; i < len(value); i++ {
			class = wordClass[value[i]]
			if class == 0 {
				break
			}
			kinds |= class &^ 1
			if class == 1 {
				kinds |= 8
			}
		}
		count++
		longest = max(longest, i-start)
		if i-start == 4 && kinds == 2|4 {
			continue
		}
		w.Hashes = append(w.Hashes, hashOf(value[start:i], wordSeed))
	}
	if whole && goesWhole(count, longest, len(value)) {
		w.Hashes = append(w.Hashes, hashOf(value, wholeSeed))
	}
}

func goesWhole(words, longest, size int) bool {
	return words > 1 && longest < tellingWord && size <= maxWholeBytes
}

const (
	wordSeed  = 0x9E3779B97F4A7C15
	wholeSeed = 0xD6E8FEB86659FD93
	foldCase  = 0x2020202020202020
)

// hashOf is a hash that does not look at the case of ASCII letters: it sets the
// bit in which they differ in every byte, which makes a few other characters
// equal too and costs no more than a false alarm.
func hashOf(b []byte, seed uint64) uint32 {
	h := seed ^ uint64(len(b))
	for len(b) > 8 {
		h = mix(h, binary.LittleEndian.Uint64(b)|foldCase)
		b = b[8:]
	}
	var last uint64
	switch {
	case len(b) >= 4:
		last = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))<<32
	case len(b) > 0:
		last = uint64(b[0]) | uint64(b[len(b)/2])<<8 | uint64(b[len(b)-1])<<16
	}
	h = mix(h, last|foldCase)
	return uint32(h >> 32)
}

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v, 0xA0761D6478BD642F)
	return hi ^ lo
}

// Needs returns hashes that are in the words of every record of which a field
// that goes into the words makes the clause true. None means that nothing can
// be told.
func Needs(e *proof.Expr) []uint32 {
	var w Set
	switch e.Op {
	case "text":
		s, left := strings.CutPrefix(e.Value, "*")
		s, right := strings.CutSuffix(s, "*")
		whole := wholeWords([]byte(s), !left, !right)
		if onlyOfTimes(whole) {
			return nil // it may stand in occurred_at, which is not in the words
		}
		w.addValue(whole, false)
	case "is":
		parts := Literals(e.Value)
		if len(parts) == 1 {
			w.addValue(parts[0], true)
			break
		}
		for i, part := range parts {
			w.addValue(wholeWords(part, i == 0, i == len(parts)-1), false)
		}
	}
	return w.Hashes
}

// wholeWords cuts off a word at the beginning or end of part that may go on
// outside, because the part is not bounded there.
func wholeWords(part []byte, boundedLeft, boundedRight bool) []byte {
	isWord := func(c byte) bool { return wordClass[c] != 0 }
	for !boundedLeft && len(part) > 0 && isWord(part[0]) {
		part = part[1:]
	}
	for !boundedRight && len(part) > 0 && isWord(part[len(part)-1]) {
		part = part[:len(part)-1]
	}
	return part
}

// timeWord matches the words of an RFC 3339 time: 2026-03-01T09:30:00.25Z.
var timeWord = regexp.MustCompile(`^(19[789]\d|2[012]\d\d|\d\d|\d\d[tT]\d\d|\d\d[zZ]|\d{1,9}[zZ])$`)

func onlyOfTimes(s []byte) bool {
	for _, word := range bytes.FieldsFunc(s, func(r rune) bool { return r < 0x80 && wordClass[byte(r)] == 0 }) {
		if !timeWord.Match(word) {
			return false
		}
	}
	return true
}

// Literals cuts a pattern at its stars and takes the escapes away
// (docs/format.md section 6.8).
func Literals(pattern string) [][]byte {
	parts := [][]byte{{}}
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if c == '*' {
			parts = append(parts, []byte{})
			continue
		}
		if c == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\') {
			i++
			c = pattern[i]
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], c)
	}
	return parts
}

// AppendFolded appends b to dst with A-Z made a-z.
func AppendFolded(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
