package redact

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
)

// The Linux audit system writes command lines as hexadecimal digits where they
// have a space in them, and one argument a field:
//
//	type=PROCTITLE … proctitle=6D7973716C002D2D70617373776F72643D78
//	type=EXECVE … a0="mysql" a1="--password" a2="x"
//
// Whoever maps such a record decodes it, and has the secret in clear. So these
// lines are looked into from where they say what they are: digits as the text
// that they stand for, and arguments behind one that names a secret.
var auditStarts = []string{"type=EXECVE", "proctitle=", "cmd="}

// Bounds of the digits of a value.
const (
	minDigits = 8
	maxDigits = 16 << 10
)

// auditLines calls each with every stretch of s from one of auditStarts to the
// end of its line.
func auditLines(s string, each func(at int, line string)) {
	for at := 0; at < len(s); {
		first := len(s)
		for _, start := range auditStarts {
			if n := strings.Index(s[at:], start); n >= 0 {
				first = min(first, at+n)
			}
		}
		if first == len(s) {
			return
		}
		line := s[first : first+before(s[first:], "\r\n")]
		each(first, line)
		at = first + len(line)
	}
}

// audit finds what such lines of s assign.
func (j *job) audit(s string, f *found) {
	auditLines(s, func(at int, line string) {
		var next *rule // for the argument behind one that names a secret
		for i := 0; i < len(line); {
			end := i + before(line[i:], " \x1d")
			_, value, ok := strings.Cut(line[i:end], "=")
			from := at + end - len(value)
			text, digits := auditText(value)
			switch {
			case !ok || text == "":
			case next != nil && !emptied(text):
				f.add(len(s), from, at+end, next)
			case digits:
				if changed := j.text(text, nil); changed != nil {
					f.put(len(s), from, at+end, fmt.Sprintf("%X", changed))
				}
			}
			next = nil
			if strings.HasPrefix(text, "-") && !strings.ContainsAny(text, "= ") {
				next = j.prog.byName[secretName(text)]
			}
			i = end + 1
		}
	})
}

// auditText returns what a value stands for, with spaces for the zero bytes
// that part arguments, and whether it was written as digits. It is empty for
// what can hold no secret.
func auditText(value string) (text string, digits bool) {
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		return strings.TrimSuffix(inner, `"`), false
	}
	if !isDigits(value) {
		return "", false
	}
	b, err := hex.DecodeString(value)
	if err != nil {
		return "", false
	}
	return string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})), true
}

// isDigits reports whether s is text written as hexadecimal digits.
func isDigits(s string) bool {
	return len(s) >= minDigits && len(s) <= maxDigits && len(s)%2 == 0 && strings.Trim(s, "0123456789ABCDEF") == ""
}

// isAuditAt reports whether the line that goes on at b[at:] assigns something
// that a rule could replace, in text or as it stands in JSON.
func (prog *program) isAuditAt(b []byte, at, _ int) bool {
	line := b[at:]
	if n := bytes.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	}
	var buf [256]byte
	for {
		n := bytes.IndexByte(line, '=')
		if n < 0 {
			return false
		}
		line = line[n+1:]
		end := 0
		for end < len(line) && (isDigit(line[end]) || 'A' <= line[end] && line[end] <= 'F') {
			end++
		}
		if end >= minDigits && (end > 2*len(buf) || end%2 == 1) {
			return true
		}
		if end >= minDigits {
			text := buf[:end/2]
			if _, err := hex.Decode(text, line[:end]); err != nil {
				return true
			}
			for i := range text {
				if text[i] == 0 {
					text[i] = ' '
				}
			}
			if text[0] == '-' || prog.maybe(text) {
				return true
			}
		}
		if word := bytes.TrimLeft(line, `\"`); len(word) > 0 && word[0] == '-' {
			return true // an argument that can name a secret
		}
	}
}
