package proof

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of a body (format.md section 3). Whatever is within them costs time and
// memory in proportion to its length, whoever wrote it.
const (
	MaxBodyBytes    = 24 << 20
	MaxFields       = 4096
	maxDepth        = 16
	maxPointerBytes = 4096
	// MaxPointersBytes is for all pointers of a body together: a long name stands
	// in those of all that is below it.
	MaxPointersBytes = 1 << 20
)

// limits bound one scan, which may take whatever a member holds for one token.
type limits struct {
	fields, depth, pointers int
	members                 bool
}

var bodyLimits = limits{MaxFields, maxDepth, MaxPointersBytes, false}

// docLimits are those of the JSON around bodies: an expression takes two levels
// a node, and the names that it may have are short.
func docLimits(doc []byte) limits { return limits{1 << 20, 80, MaxPointersBytes + 8*len(doc), false} }

// Field is one field of a body: an RFC 6901 pointer and the bytes of its JSON
// token exactly as they stand in the body.
type Field = struct {
	Pointer string
	Value   []byte
}

// ParseBody cuts a body into its fields, in the order in which they stand there
// (format.md section 3). Values alias body.
func ParseBody(body []byte) ([]Field, error) { return AppendFields(nil, body) }

// AppendFields is ParseBody which appends to dst, so that a caller with many
// bodies allocates once. After an error dst's tail is undefined.
//
// It is one pass over the bytes, because nothing may ever depend on a second
// opinion of what they mean: what is committed to is the token as it came, so a
// number keeps its digits and a string its escapes.
func AppendFields(dst []Field, body []byte) ([]Field, error) {
	if len(body) > MaxBodyBytes {
		return dst, fmt.Errorf("parse body: %d bytes, want %d at most", len(body), MaxBodyBytes)
	}
	return scan(dst, body, bodyLimits)
}

func scan(dst []Field, body []byte, max limits) ([]Field, error) {
	if !utf8.Valid(body) {
		return dst, errors.New("parse body: want UTF-8")
	}
	var names [32][]byte
	var path [128]byte
	s := scanner{b: body, limits: max, fields: slices.Grow(dst, 40), base: len(dst), names: names[:0], path: path[:0]}
	s.pointers.Grow(min(len(body), 1024))
	s.space()
	if s.peek() != '{' {
		s.fail("want one JSON object")
	}
	s.object()
	if s.space(); s.err == nil && s.i < len(body) {
		s.fail("want one JSON object, found something behind it")
	}
	if s.err == nil && len(s.fields) == len(dst) {
		s.fail("want at least one member")
	}
	return s.fields, s.err
}

// scanner reads one body. After the first error it stands at the end of its
// input, so that no caller has to look at err before it goes on.
type scanner struct {
	b        []byte
	i        int
	depth    int
	limits   limits
	base     int // fields that were in dst before
	fields   []Field
	path     []byte          // the pointer of what is being read
	pointers strings.Builder // those of fields, one behind the other; what String returned stays valid when it grows
	names    [][]byte        // of the objects that are open, innermost last
	err      error
}

func (s *scanner) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("parse body: byte %d: %s", s.i, what)
	}
	s.i = len(s.b)
}

// peek returns the byte at the cursor, or 0 at the end (0 begins no JSON token).
func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\t' || s.b[s.i] == '\r') {
		s.i++
	}
}

// next reports whether another element follows in the object or array that ends
// with end, and steps over the comma before it or over end itself.
func (s *scanner) next(end byte, first bool) bool {
	s.space()
	switch c := s.peek(); {
	case c == end:
		s.i++
		return false
	case c == ',' && !first:
		s.i++
		s.space()
	case !first || c == 0:
		s.fail("want a comma or the end of what is open")
	}
	return s.err == nil
}

// open steps into an object or an array.
func (s *scanner) open() {
	s.i++
	if s.depth++; s.depth > s.limits.depth {
		s.fail("nested too deeply")
	}
}

func (s *scanner) add(start int) {
	end := s.pointers.Len()
	if len(s.fields)-s.base == s.limits.fields {
		s.fail("too many fields")
	} else if end+len(s.path) > s.limits.pointers {
		s.fail("the pointers of all fields are too long")
	}
	if s.err == nil {
		s.pointers.Write(s.path)
		s.fields = append(s.fields, Field{s.pointers.String()[end:], s.b[start:s.i:s.i]})
	}
}

// value reads one value. Objects, and arrays that hold one or another array,
// are descended into; everything else is a field.
func (s *scanner) value() {
	start := s.i
	switch s.peek() {
	case '{':
		s.object()
	case '[':
		// An array is a field when it holds only scalars, which shows at its end.
		if s.scalars() {
			s.add(start)
		} else if s.err == nil {
			s.i = start
			s.array()
		}
	default:
		s.scalar()
		s.add(start)
	}
}

func (s *scanner) object() {
	start, outer, parent := s.i, len(s.names), len(s.path)
	for s.open(); s.next('}', len(s.names) == outer); {
		s.names = append(s.names, s.name())
		if s.space(); s.peek() == ':' {
			s.i++
		} else {
			s.fail("want a colon")
		}
		s.space()
		first, from := len(s.fields), s.i
		s.value()
		if s.limits.members && s.depth == 1 && s.err == nil {
			s.fields = append(s.fields[:first], Field{string(s.path), s.b[from:s.i:s.i]})
		}
		s.path = s.path[:parent]
	}
	if duplicate(s.names[outer:]) {
		s.fail("a name stands twice in one object")
	}
	if len(s.names) == outer && parent > 0 {
		s.add(start)
	}
	s.names = s.names[:outer]
	s.depth--
}

func (s *scanner) array() {
	parent := len(s.path)
	s.open()
	for n := 0; s.next(']', n == 0); n++ {
		var digits [20]byte
		s.step(strconv.AppendInt(digits[:0], int64(n), 10))
		s.value()
		s.path = s.path[:parent]
	}
	s.depth--
}

// scalars steps over an array of scalars and reports true, or stops where it
// turns out to be another one. No byte is looked at twice more than once: the
// arrays inside are only reached after the step back.
func (s *scanner) scalars() bool {
	s.open()
	defer func() { s.depth-- }()
	for first := true; s.next(']', first); first = false {
		if c := s.peek(); c == '{' || c == '[' {
			return false
		}
		s.scalar()
	}
	return s.err == nil
}

// scalar steps over a string, a number or a literal.
func (s *scanner) scalar() {
	if s.peek() == '"' {
		s.string()
		return
	}
	start := s.i
	for s.i < len(s.b) && strings.IndexByte(" \t\r\n,]}", s.b[s.i]) < 0 {
		s.i++
	}
	switch token := s.b[start:s.i]; string(token) {
	case "true", "false", "null":
	default:
		if len(token) == 0 || strings.IndexByte("-0123456789", token[0]) < 0 || !json.Valid(token) {
			s.fail("want a value")
		}
	}
}

// string steps over a string and returns what stands between its quotes, and
// whether there is an escape in it. It looks at eight bytes at once: a byte is
// below n where subtracting n borrows, and equal to c where xor with c is below 1.
func (s *scanner) string() (inner []byte, escaped bool) {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	s.i++
	b, i, start := s.b, s.i, s.i
	for i < len(b) {
		if i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, escape := w^ones*'"', w^ones*'\\'
			special := ((w-ones*' ')&^w | (quote-ones)&^quote | (escape-ones)&^escape) & high
			if i += bits.TrailingZeros64(special) / 8; special == 0 {
				continue
			}
		}
		switch c := b[i]; {
		case c == '"':
			s.i = i + 1
			return b[start:i], escaped
		case c == '\\':
			escaped, s.i = true, i
			s.escape()
			i = s.i
		case c < ' ':
			s.fail("a control character stands in a string")
			return nil, false
		}
		i++
	}
	s.fail("want the end of a string")
	return nil, false
}

// escape steps to the last byte of an escape. Half a surrogate pair stands for
// no character, and two decoders would make different ones of it.
func (s *scanner) escape() {
	if next := s.b[s.i+1:]; len(next) > 0 && strings.IndexByte(`"\/bfnrt`, next[0]) >= 0 {
		s.i++
		return
	}
	r, ok := unit(s.b[s.i:])
	if utf16.IsSurrogate(r) {
		low, _ := unit(s.b[s.i+6:])
		ok = utf16.DecodeRune(r, low) != utf8.RuneError
		s.i += 6
	}
	if s.i += 5; !ok {
		s.fail("want an escape of JSON")
	}
}

// unit returns the UTF-16 code unit of the escape \uXXXX that b begins with.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// name reads a member's name, steps down to it and returns it.
func (s *scanner) name() []byte {
	if s.peek() != '"' {
		s.fail("want a name")
		return nil
	}
	start := s.i
	inner, escaped := s.string()
	if escaped && s.err == nil {
		inner, _ = text(s.b[start:s.i])
	}
	s.step(inner)
	return inner
}

// step appends /part to the path, with ~ and / of the part escaped (RFC 6901).
func (s *scanner) step(part []byte) {
	if len(s.path)+1+len(part) > maxPointerBytes {
		s.fail("a pointer is too long")
		return
	}
	s.path = append(s.path, '/')
	plain := 0
	for i, c := range part {
		switch c {
		case '~', '/':
			s.path = append(append(s.path, part[plain:i]...), '~', "01"[c&1])
			plain = i + 1
		case 0:
			s.fail("a NUL stands in a name")
		}
	}
	if s.path = append(s.path, part[plain:]...); len(s.path) > maxPointerBytes {
		s.fail("a pointer is too long")
	}
}

// duplicate reports whether a name stands twice. Few names are compared with
// each other, many are sorted first: 4,096 of them must not cost 8 million steps.
func duplicate(names [][]byte) bool {
	if len(names) > 32 {
		names = slices.SortedFunc(slices.Values(names), bytes.Compare)
		return len(slices.CompactFunc(names, bytes.Equal)) < len(names)
	}
	for i, a := range names {
		for _, b := range names[:i] {
			if bytes.Equal(a, b) {
				return true
			}
		}
	}
	return false
}

// text returns the string that a string token stands for, and false for a token
// of another kind. The token is one that the scanner took; the result aliases it
// where it has no escape.
func text(token []byte) ([]byte, bool) {
	if len(token) < 2 || token[0] != '"' {
		return nil, false
	}
	rest := token[1 : len(token)-1]
	i := bytes.IndexByte(rest, '\\')
	if i < 0 {
		return rest, true
	}
	out := make([]byte, 0, len(rest))
	for ; i >= 0; i = bytes.IndexByte(rest, '\\') {
		out = append(out, rest[:i]...)
		c, width := rest[i+1], 2
		if c == 'u' {
			r, _ := unit(rest[i:])
			if width = 6; utf16.IsSurrogate(r) {
				low, _ := unit(rest[i+6:])
				r, width = utf16.DecodeRune(r, low), 12
			}
			out = utf8.AppendRune(out, r)
		} else if k := strings.IndexByte("bfnrt", c); k >= 0 {
			out = append(out, "\b\f\n\r\t"[k])
		} else {
			out = append(out, c)
		}
		rest = rest[i+width:]
	}
	return append(out, rest...), true
}

// elements yields the elements of an array that the scanner took, each a scalar
// or an array of scalars, and of another one nil at the end.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		s := scanner{b: array, i: 1, limits: bodyLimits}
		for first := true; s.next(']', first); first = false {
			start := s.i
			if c := s.peek(); c == '{' || c == '[' && !s.scalars() {
				yield(nil)
				return
			} else if c != '[' {
				s.scalar()
			}
			if !yield(array[start:s.i]) {
				return
			}
		}
	}
}

// texts returns the strings of an array that holds nothing else.
func texts(array []byte) (all [][]byte, ok bool) {
	if len(array) == 0 || array[0] != '[' {
		return nil, false
	}
	for token := range elements(array) {
		s, isText := text(token)
		if !isText {
			return nil, false
		}
		all = append(all, s)
	}
	return all, true
}

// validField reports whether f could be a field of some body, for fields that
// come without one: as the only member of an object it is one field, and all of it.
func validField(f *Field) bool {
	s := scanner{b: f.Value, limits: bodyLimits, depth: 1, path: []byte("/")}
	s.value()
	return s.err == nil && len(s.fields) == 1 && len(s.fields[0].Value) == len(f.Value) && len(f.Value)+len(`{"":}`) <= MaxBodyBytes && validPointer(f.Pointer)
}

// validPointer reports whether p is an RFC 6901 pointer to a member.
func validPointer(p string) bool {
	escaped := strings.Count(p, "~0") + strings.Count(p, "~1")
	return strings.HasPrefix(p, "/") && len(p) <= maxPointerBytes && strings.Count(p, "~") == escaped && !strings.Contains(p, "\x00")
}
