package source

import (
	"fmt"
	"slices"
)

// maxNesting is how deep a delivery may nest before it is called broken.
const maxNesting = 1024

// scan finds the end of one JSON value in bytes that may not all be there yet,
// looking at each byte once. It knows the grammar of brackets, names, colons,
// commas and strings, but not of numbers and literals, nor duplicate names: that
// is for whoever maps the value.
type scan struct {
	pos    int // bytes before it have been looked at
	state  scanState
	inName bool // the string being read is a member's name
	depth  int
	object [maxNesting/64 + 1]uint64 // a bit for each depth: object or array

	// Members of the outermost object whose values are to be found.
	wanted    []string
	nameStart int
	found     bool // the member being read is wanted
	innerFrom int  // the last wanted member's value, if innerTo > 0
	innerTo   int
}

type scanState byte

const (
	wantValue scanState = iota
	wantValueOrEnd
	wantNameOrEnd
	wantName
	wantColon
	wantCommaOrEnd
	inString
	inEscape
	inScalar
)

// scanResult is how far a scan came.
type scanResult byte

const (
	scanMore  scanResult = iota // the value goes on after the bytes that are there
	scanDone                    // it ends before pos
	scanArray                   // a wanted member's value is an array, which begins at pos
)

// run goes on scanning in b, which begins with the bytes of earlier calls.
func (s *scan) run(b []byte) (scanResult, error) {
	for s.pos < len(b) {
		switch s.state {
		case inString:
			i := s.pos
			for i < len(b) && plain[b[i]] {
				i++
			}
			if s.pos = i; i == len(b) {
				return scanMore, nil
			}
			s.pos++
			switch b[i] {
			case '\\':
				s.state = inEscape
			case '"':
				if s.endString(b) {
					return scanDone, nil
				}
			default:
				return 0, s.unexpected(b[i])
			}
		case inEscape:
			s.state = inString
			s.pos++
		case inScalar:
			if scalar(b[s.pos]) {
				s.pos++
			} else if s.endValue() {
				return scanDone, nil
			}
		default:
			c := b[s.pos]
			if c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
				s.pos++
				continue
			}
			if s.found && c == '[' && s.state == wantValue && s.depth == 1 {
				return scanArray, nil
			}
			if !s.structure(c) {
				return 0, s.unexpected(c)
			}
			s.pos++
			if s.depth == 0 && s.state == wantCommaOrEnd {
				return scanDone, nil
			}
		}
	}
	return scanMore, nil
}

// structure takes a byte that is neither white space nor inside a token, and
// reports whether it may stand there.
func (s *scan) structure(c byte) bool {
	switch s.state {
	case wantColon:
		s.state = wantValue
		return c == ':'
	case wantName, wantNameOrEnd:
		if c == '"' {
			s.state, s.inName, s.nameStart = inString, true, s.pos
			return true
		}
		return c == '}' && s.state == wantNameOrEnd && s.close()
	case wantCommaOrEnd:
		switch object := s.object[s.depth/64]>>(s.depth%64)&1 == 1; {
		case c == ',' && object:
			s.state = wantName
		case c == ',':
			s.state = wantValue
		default:
			return (c == '}' && object || c == ']' && !object) && s.close()
		}
		return true
	}
	return s.beginValue(c)
}

// beginValue takes the first byte of a value, or the end of an empty array.
func (s *scan) beginValue(c byte) bool {
	if s.found && s.depth == 1 {
		s.innerFrom, s.innerTo = s.pos, 0
	}
	switch {
	case c == '"':
		s.state, s.inName = inString, false
	case c == '{' || c == '[':
		if s.depth++; s.depth > maxNesting {
			return false
		}
		bit := uint64(1) << (s.depth % 64)
		if c == '{' {
			s.object[s.depth/64] |= bit
			s.state = wantNameOrEnd
		} else {
			s.object[s.depth/64] &^= bit
			s.state = wantValueOrEnd
		}
	case c == ']':
		return s.state == wantValueOrEnd && s.close()
	case scalar(c):
		s.state = inScalar
	default:
		return false
	}
	return true
}

// endString is called behind the closing quote, and reports whether it ends the
// outermost value.
func (s *scan) endString(b []byte) (done bool) {
	if !s.inName {
		return s.endValue()
	}
	s.state = wantColon
	if s.depth == 1 && len(s.wanted) > 0 {
		s.found = slices.Contains(s.wanted, string(b[s.nameStart+1:s.pos-1]))
	}
	return false
}

// endValue is called behind a scalar or string, and reports whether it was the
// outermost value.
func (s *scan) endValue() (done bool) {
	s.state = wantCommaOrEnd
	if s.depth == 1 && s.found {
		s.innerTo, s.found = s.pos, false
	}
	return s.depth == 0
}

// close takes a closing bracket, which stands at pos.
func (s *scan) close() bool {
	s.depth--
	s.state = wantCommaOrEnd
	if s.depth == 1 && s.found {
		s.innerTo, s.found = s.pos+1, false
	}
	return true
}

func (s *scan) unexpected(c byte) error {
	if s.depth > maxNesting {
		return fmt.Errorf("more than %d levels of nesting", maxNesting)
	}
	return fmt.Errorf("unexpected %q", c)
}

// plain has the bytes of a string that end nothing.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// scalar reports whether c can be part of a number or a literal.
func scalar(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}
