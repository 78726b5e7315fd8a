package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A SyntaxError says why a text is no filter, for the person who wrote it.
type SyntaxError struct {
	Text   string
	Offset int    // in bytes, of the character that Msg is about; len(Text) is the end
	Msg    string // what was found and what was expected
}

// excerptRunes is how much of a long text Error shows.
const excerptRunes = 72

// Error returns the message and, below it, the text with a caret under the
// character at Offset.
func (e *SyntaxError) Error() string {
	at := min(e.Offset, len(e.Text))
	before, after := printable(e.Text[:at]), printable(e.Text[at:])
	if cut := len(before) - excerptRunes/2; cut > 0 && len(before)+len(after) > excerptRunes {
		before = append([]rune("…"), before[cut:]...)
	}
	if room := excerptRunes - len(before); len(after) > room {
		after = append(after[:room:room], '…')
	}
	return fmt.Sprintf("parse filter: %s\n  %s%s\n  %s^", e.Msg, string(before), string(after), strings.Repeat(" ", len(before)))
}

// printable returns s for one line of a terminal: what would break the line,
// turn its direction or have no width must not move the caret.
func printable(s string) []rune {
	var line []rune
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			r = ' '
		}
		if !unicode.Is(unicode.Mn, r) {
			line = append(line, r)
		}
	}
	return line
}

// bad returns an error about the character at offset. Its Text is filled in,
// and its Offset moved, by whoever knows what stands around.
func bad(offset int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

// show quotes what was found, for a message: not all of it when it is long.
func show(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// oneOf lists words for a message.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// invalidUTF8 returns the offset of the first byte of s that is not UTF-8, or -1.
func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}
