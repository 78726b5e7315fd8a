package source

import (
	"bytes"
	"errors"
	"iter"
	"strings"
	"unicode/utf8"
	"unsafe"

	"example.com/evident/event"
	"github.com/go-json-experiment/json/jsontext"
)

var errTrailing = errors.New("more follows after the JSON value")

// Valid reports why raw is not one JSON value without duplicate names. It lets
// bytes pass that are not UTF-8: they are in the evidence, and [Text] replaces
// them in what is derived from it.
func Valid(raw []byte) error {
	if jsontext.Value(raw).IsValid(jsontext.AllowInvalidUTF8(true)) {
		return nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowInvalidUTF8(true))
	if err := d.SkipValue(); err != nil {
		return err
	}
	return errTrailing
}

// Members yields names and values of an object that is [Valid]; of any other
// value, none. Values are tokens, byte for byte. Both share the object's memory.
func Members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		i := skip(object, 0)
		if i == len(object) || object[i] != '{' {
			return
		}
		for i = skip(object, i+1); i < len(object) && object[i] == '"'; i = skip(object, i+1) {
			nameEnd := end(object, i)
			value := skip(object, skip(object, nameEnd)+1)
			valueEnd := end(object, value)
			if value >= valueEnd || !yield(text(object[i:nameEnd]), object[value:valueEnd]) {
				return
			}
			if i = skip(object, valueEnd); i == len(object) {
				return
			}
		}
	}
}

// Elements yields the elements of an array that is [Valid]; of any other value,
// none.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := skip(array, 0)
		if i == len(array) || array[i] != '[' {
			return
		}
		for i = skip(array, i+1); i < len(array) && array[i] != ']'; i = skip(array, i+1) {
			e := end(array, i)
			if e <= i || !yield(array[i:e]) {
				return
			}
			if i = skip(array, e); i == len(array) {
				return
			}
		}
	}
}

// Text returns the text of a scalar token as a string of an event may hold it:
// cut to event.MaxStringBytes, and U+FFFD for what is not UTF-8. null, objects
// and arrays have none. It may share the token's memory.
func Text(token []byte) string {
	if len(token) == 0 || token[0] == '{' || token[0] == '[' || string(token) == "null" {
		return ""
	}
	if token[0] == '"' {
		return clip(text(token))
	}
	return clip(unsafe.String(&token[0], len(token)))
}

// text decodes a string token.
func text(token []byte) string {
	if len(token) < 2 || token[0] != '"' {
		return ""
	}
	inner := token[1 : len(token)-1]
	if len(inner) == 0 {
		return ""
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return unsafe.String(&inner[0], len(inner))
	}
	b, _ := jsontext.AppendUnquote(make([]byte, 0, len(inner)), token) // what cannot be decoded becomes U+FFFD
	return string(b)
}

// clip makes s acceptable as a string of an event.
func clip(s string) string {
	const mark = "…"
	if len(s) > event.MaxStringBytes {
		n := event.MaxStringBytes - len(mark)
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + mark
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		if len(s) > event.MaxStringBytes { // a replacement is longer than what it replaces
			return clip(s)
		}
	}
	return s
}

// skip returns where the white space at i ends.
func skip(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return min(i, len(b))
}

// end returns where the value at i ends.
func end(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			for i < len(b) && scalar(b[i]) {
				i++
			}
			return i
		}
		if depth <= 0 {
			return min(i+1, len(b))
		}
	}
	return len(b)
}

// stringEnd returns where the closing quote of the string at i stands.
func stringEnd(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i+1:], '"')
		if n < 0 {
			return len(b)
		}
		i += 1 + n
		escapes := 0
		for b[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}
