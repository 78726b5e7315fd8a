package ui

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much of one value a page shows. What is cut is counted, and the page
// leads to the whole of it.
const (
	listRunes  = 96       // one cell of a list
	valueBytes = 2 << 10  // one field of an event
	rawBytes   = 32 << 10 // the raw bytes of an event
)

// ctlNames are the short names of characters that a reader cannot see, or
// that change how the characters beside them are shown.
var ctlNames = map[rune]string{
	0x7f: "DEL", 0x85: "NEL", 0xad: "SHY", 0x34f: "CGJ", 0x61c: "ALM", 0x180e: "MVS",
	0x200b: "ZWSP", 0x200c: "ZWNJ", 0x200d: "ZWJ", 0x200e: "LRM", 0x200f: "RLM",
	0x2028: "LS", 0x2029: "PS",
	0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO",
	0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM",
}

// c0Names are the names of U+0000 to U+001F in order.
const c0Names = "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US"

// visible shows text from an event: escaped, isolated from the direction of
// what stands around it, and with a mark in the place of every character that
// could not be seen or that would reorder its neighbours. It is the only
// place where this package makes markup by hand.
func visible(s string) template.HTML { return mark(s, false) }

// visibleBlock is visible for text of many lines: line feeds and tabs stay.
func visibleBlock(s string) template.HTML { return mark(s, true) }

func mark(s string, block bool) template.HTML {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8 + 16)
	b.WriteString("<bdi>")
	plain := 0 // start of the stretch that needs no mark
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		name := markName(r, n, s[i], block)
		if name != "" {
			template.HTMLEscape(&b, []byte(s[plain:i]))
			b.WriteString(`<span class="ctl">`)
			template.HTMLEscape(&b, []byte(name))
			b.WriteString(`</span>`)
			plain = i + n
		}
		i += n
	}
	template.HTMLEscape(&b, []byte(s[plain:]))
	b.WriteString("</bdi>")
	return template.HTML(b.String())
}

// plainText is visible for places that hold text only, such as titles and
// attributes: marks stand in angle quotes.
func plainText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if name := markName(r, n, s[i], false); name != "" {
			b.WriteString("‹" + name + "›")
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// markName returns what to write in place of a character, "" for one that may
// stand as it is. first is the byte that was found where decoding failed.
func markName(r rune, n int, first byte, block bool) string {
	switch {
	case r == utf8.RuneError && n == 1:
		return `\x` + fmt.Sprintf("%02X", first)
	case block && (r == '\n' || r == '\t'):
		return ""
	case r < 0x20:
		return strings.Fields(c0Names)[r]
	case r < 0x7f:
		return ""
	case ctlNames[r] != "":
		return ctlNames[r]
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Noncharacter_Code_Point):
		return "U+" + fmt.Sprintf("%04X", r)
	case r >= 0xe0100 && r <= 0xe01ef: // variation selectors that carry hidden data
		return "U+" + fmt.Sprintf("%04X", r)
	}
	return ""
}

// clip cuts s after at most n runes and says whether it did.
func clip(s string, n int) (string, bool) {
	for i := range s {
		if n == 0 {
			return s[:i], true
		}
		n--
	}
	return s, false
}

// clipBytes cuts s after at most n bytes, never within a character.
func clipBytes(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}

// brief is visible for one cell of a list.
func brief(s string) template.HTML {
	if cut, was := clip(s, listRunes); was {
		return visible(cut) + "…"
	}
	return visible(s)
}

// long is visible for one value of a page.
func long(s string) template.HTML {
	if cut, was := clipBytes(s, valueBytes); was {
		return visible(cut) + "…"
	}
	return visible(s)
}

// number writes n with a comma after each three digits.
func number[T int | int64 | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
