package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// What stands in evidence was written by others, perhaps for whoever will look
// at it: an escape sequence can retitle a window, a mark can turn a line around,
// a tower of accents can cover the line above. So everything that this command
// prints for people and did not write itself goes through visible.

// maxMarks is how many combining marks in a row are shown as such. No script in
// use needs more.
const maxMarks = 3

// visible returns s with everything in it that does not stand for itself on a
// terminal written out, as in \x1b, \n and \u202e: control characters, marks
// that turn text around or have no width, bytes that are not UTF-8, and combining
// marks beyond what writing needs. The result is one line.
func visible(s string) string {
	if i := firstUnfit(s); i == len(s) {
		return s
	}
	var b strings.Builder
	marks := maxMarks // a mark at the beginning has nothing of ours to combine with
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = 0
		case !fit(r) || unicode.IsMark(r) && marks >= maxMarks:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			marks = 0
		default:
			b.WriteString(s[i : i+n])
			if marks++; !unicode.IsMark(r) {
				marks = 0
			}
		}
		i += n
	}
	return b.String()
}

// firstUnfit returns where the first character of s is that visible has to look
// at, and len(s) if there is none.
func firstUnfit(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return i
		}
	}
	return len(s)
}

// fit reports whether r stands for itself: a letter, mark, digit, sign or plain
// space. Categories C (control, format, private, unassigned), Zl and Zp do not,
// nor do the letters that are blank.
func fit(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0:
		return false
	}
	return unicode.IsGraphic(r)
}

// visibleLines is visible for text of several lines, such as a message with the
// line that it is about below it.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// visibleJSON returns JSON with the same characters written as JSON escapes, so
// that it means the same to a program and nothing to a terminal. b is valid JSON:
// such characters stand only in its strings.
func visibleJSON(b []byte) []byte {
	s := string(b)
	if firstUnfit(s) == len(s) {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n' || fit(r):
			out = append(out, s[i:i+n]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	return out
}

// columns returns how many columns of a terminal s takes. s is visible.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut returns s, or as much of its beginning as fits into that many columns with
// an ellipsis behind it. s is visible.
func cut(s string, most int) string {
	if len(s) <= most || columns(s) <= most {
		return s
	}
	n := 0
	for i, r := range s {
		if n += columnsOf(r); n > most-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// widthOf returns how many columns w has; 0 where nothing limits them, as in a
// file. COLUMNS says it for what is not a terminal.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
		return 80
	}
	n, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	return max(n, 0)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A table is rows of cells in columns that fit into a width. Cells need not be
// visible.
type table struct {
	width  int // of the terminal; 0: unbounded
	head   []string
	right  []bool // columns with numbers
	widths []int  // settled by the first rows
}

const (
	minCell  = 6
	maxCell  = 120 // where the width is unbounded: a value can be a megabyte
	cellRoom = 2   // between columns
	maxLine  = 240 // where a key of two thousand characters would be in the way
)

// write prints rows. The first call prints the head and settles the widths.
func (t *table) write(w io.Writer, rows [][]string) error {
	shown := make([][]string, 0, len(rows)+1)
	if t.widths == nil {
		shown = append(shown, t.head)
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = visible(clip(cell))
		}
		shown = append(shown, cells)
	}
	if t.widths == nil {
		t.settle(shown)
	}
	var b strings.Builder
	for _, row := range shown {
		b.WriteString(t.line(row))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// clip bounds what is looked at of a cell, most of which would be cut anyway.
func clip(s string) string { return s[:min(len(s), 4*maxCell)] }

// settle gives each column what its cells need and takes from the widest until
// all fit.
func (t *table) settle(rows [][]string) {
	t.widths = make([]int, len(t.head))
	sum := cellRoom * (len(t.head) - 1)
	for i := range t.widths {
		for _, row := range rows {
			t.widths[i] = max(t.widths[i], min(columns(row[i]), maxCell))
		}
		sum += t.widths[i]
	}
	for ; t.width > 0 && sum > t.width; sum-- {
		widest := 0
		for i, n := range t.widths {
			if n > t.widths[widest] {
				widest = i
			}
		}
		if t.widths[widest] <= minCell {
			return
		}
		t.widths[widest]--
	}
}

func (t *table) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		cell = cut(cell, t.widths[i])
		pad := strings.Repeat(" ", t.widths[i]-columns(cell))
		last := i == len(row)-1
		switch {
		case i < len(t.right) && t.right[i]:
			b.WriteString(pad + cell)
		case last:
			b.WriteString(cell)
		default:
			b.WriteString(cell + pad)
		}
		if !last {
			b.WriteString("  ")
		}
	}
	if t.width > 0 {
		return cut(strings.TrimRight(b.String(), " "), t.width)
	}
	return strings.TrimRight(b.String(), " ")
}
