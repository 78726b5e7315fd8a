package intake

import (
	"bytes"
	"fmt"
)

// Form is how the events stand in a delivery.
type Form int

// Forms of a delivery.
const (
	// Auto: an array if the first character is [; lines if the first line is a
	// value, or is broken; otherwise objects one after the other, each over
	// several lines.
	Auto Form = iota
	// Lines: one JSON object a line.
	Lines
)

var errTooMany = &TooLarge{fmt.Sprintf("holds more than %d events; send them in several requests", MaxEvents)}

// split calls each with every event of body, verbatim, and its place, until each
// returns an error, which it returns too. The place is the line it stands in, or
// its position in the array, from 1. Empty lines are passed over. Cutting is all
// it does: whether an event is JSON is for who reads it. An error of its own
// comes before the first call.
func split(body []byte, form Form, each func(place int, raw []byte) error) error {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	start := skipSpace(body, 0)
	if start == len(body) {
		return &Malformed{"is empty; expected a JSON object, an array of them, or one object a line"}
	}
	if form != Lines && body[start] == '[' {
		return splitArray(body, start, each)
	}
	if form == Auto {
		if end, ok := valueEnd(body, start); ok && bytes.IndexByte(body[start:end], '\n') >= 0 {
			return splitSequence(body, start, each)
		}
	}
	return splitLines(body, each)
}

// splitSequence cuts objects that stand one after the other.
func splitSequence(b []byte, i int, each func(int, []byte) error) error {
	var elements [][2]int
	for i < len(b) {
		end, ok := valueEnd(b, i)
		if !ok {
			return &Malformed{fmt.Sprintf("is not JSON: see byte %d", i)}
		}
		if elements = append(elements, [2]int{i, end}); len(elements) > MaxEvents {
			return errTooMany
		}
		i = skipSpace(b, end)
	}
	return eachElement(b, elements, each)
}

func eachElement(b []byte, elements [][2]int, each func(int, []byte) error) error {
	for n, e := range elements {
		if err := each(n+1, b[e[0]:e[1]]); err != nil {
			return err
		}
	}
	return nil
}

func splitLines(body []byte, each func(int, []byte) error) error {
	if bytes.Count(body, []byte{'\n'}) >= MaxEvents && tooManyLines(body) {
		return errTooMany
	}
	line := 0
	for raw := range bytes.Lines(body) {
		line++
		if raw = bytes.Trim(raw, space); len(raw) == 0 {
			continue
		}
		if err := each(line, raw); err != nil {
			return err
		}
	}
	return nil
}

// tooManyLines counts before anything is stored: a delivery is refused as a
// whole or not at all.
func tooManyLines(body []byte) bool {
	events := 0
	for raw := range bytes.Lines(body) {
		if len(bytes.Trim(raw, space)) > 0 {
			events++
		}
	}
	return events > MaxEvents
}

// splitArray cuts at the commas between elements; b[i] is the [. It looks at
// the whole array first, so that a body which breaks off stores nothing.
func splitArray(b []byte, i int, each func(int, []byte) error) error {
	var elements [][2]int
	i = skipSpace(b, i+1)
	for first := true; i < len(b) && (b[i] != ']' || !first); first = false {
		end, ok := valueEnd(b, i)
		if !ok {
			return brokenArray(i)
		}
		if elements = append(elements, [2]int{i, end}); len(elements) > MaxEvents {
			return errTooMany
		}
		i = skipSpace(b, end)
		if i < len(b) && b[i] == ']' {
			break
		}
		if i == len(b) || b[i] != ',' {
			return brokenArray(i)
		}
		i = skipSpace(b, i+1)
	}
	if i == len(b) || skipSpace(b, i+1) != len(b) {
		return brokenArray(i)
	}
	return eachElement(b, elements, each)
}

func brokenArray(at int) error {
	return &Malformed{fmt.Sprintf("is not a JSON array: see byte %d", at)}
}

const space = " \t\r\n"

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// valueEnd returns where the JSON value at b[i] ends, by brackets and quotes
// alone. It does not recurse, so depth costs nothing here.
func valueEnd(b []byte, i int) (end int, ok bool) {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); i < 0 {
				return 0, false
			}
			if depth == 0 {
				return i + 1, true
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
			if depth < 0 {
				return 0, false
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return 0, false
			}
		default:
			if depth == 0 {
				return scalarEnd(b, i), true
			}
		}
	}
	return 0, false
}

// stringEnd returns where the closing quote of the string at b[i] stands, or -1.
func stringEnd(b []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

func scalarEnd(b []byte, i int) int {
	for i < len(b) && bytes.IndexByte([]byte(",]} \t\r\n"), b[i]) < 0 {
		i++
	}
	return i
}
