package pack

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/evident/proof"
)

// This file writes population.csv (docs/format.md section 6.7): the matching
// records for a spreadsheet, by the time at which they happened.

// A column of population.csv that is taken from disclosed fields: its value is
// that of the first pointer that is there.
type column struct {
	name     string
	pointers []string
}

var columns = []column{
	{"event_id", []string{"/id"}},
	{"actor_type", []string{"/actor/type"}},
	{"actor_id", []string{"/actor/id"}},
	{"actor_name", []string{"/actor/name"}},
	{"actor_email", []string{"/actor/email"}},
	{"target_type", []string{"/target/type", "/targets/0/type"}},
	{"target_id", []string{"/target/id", "/targets/0/id"}},
	{"target_name", []string{"/target/name", "/targets/0/name"}},
	{"ip", []string{"/where/ip"}},
	{"ticket", []string{"/why/ticket"}},
}

// firstLine are the names of all columns.
func firstLine() []string {
	cells := []string{"seq", "occurred_at", "at", "source", "category", "action", "outcome", "id"}
	for _, c := range columns {
		cells = append(cells, c.name)
	}
	return append(cells, "leaf")
}

// rows collects the lines in a file as the records come, by seq, with what is
// needed to write them out again by time: 32 bytes of memory a record.
type rows struct {
	file   *os.File
	out    *bufio.Writer
	keys   []rowKey
	offset int64
	cells  []string
	line   []byte
	first  [][]string // as many as the page shows
}

type rowKey struct {
	occurred int64 // nanoseconds; the format's years fit
	seq      uint64
	offset   int64
	length   int
}

func (r *rows) create(dir string) (err error) {
	if r.file, err = os.Create(filepath.Join(dir, "rows")); err == nil {
		r.out = bufio.NewWriterSize(r.file, 1<<16)
	}
	return err
}

// add adds the line of a record, of whose body view is disclosed.
func (r *rows) add(h *proof.Header, leaf proof.Hash, view *proof.View) error {
	c := append(r.cells[:0], strconv.FormatUint(h.Seq, 10), stamp(h.OccurredAt), stamp(h.At),
		h.Source, h.Category, h.Action, h.Outcome, fmt.Sprintf("%x", h.ID))
	missing := ""
	if view.Withheld > 0 {
		missing = "[withheld]"
	}
	for _, column := range columns {
		cell := missing
		for _, p := range column.pointers {
			if token, ok := tokenOf(view.Fields, p); ok {
				cell = text(token)
				break
			}
		}
		c = append(c, cell)
	}
	r.cells = append(c, leaf.String())
	r.line = appendCSV(r.line[:0], r.cells)
	r.keys = append(r.keys, rowKey{h.OccurredAt.UnixNano(), h.Seq, r.offset, len(r.line)})
	r.offset += int64(len(r.line))
	_, err := r.out.Write(r.line)
	return err
}

// writePopulation writes the lines in their order.
func (b *builder) writePopulation() error {
	r := &b.rows
	if err := r.out.Flush(); err != nil {
		return err
	}
	slices.SortFunc(r.keys, func(x, y rowKey) int {
		if x.occurred != y.occurred {
			return compare(x.occurred, y.occurred)
		}
		return compare(x.seq, y.seq)
	})
	return b.writeText("population.csv", func(w io.Writer) error {
		if _, err := w.Write(appendCSV(nil, firstLine())); err != nil {
			return err
		}
		for i, k := range r.keys {
			line := slices.Grow(r.line[:0], k.length)[:k.length]
			if _, err := r.file.ReadAt(line, k.offset); err != nil {
				return err
			}
			if i < pageRows {
				r.first = append(r.first, cutCSV(line))
			}
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
}

func compare[T int64 | uint64](a, b T) int {
	if a < b {
		return -1
	}
	return 1
}

// appendCSV appends one line. A spreadsheet takes a cell that begins like a
// formula for one, even in quotes, and would run what a hostile event says: an
// apostrophe in front makes it text.
func appendCSV(b []byte, cells []string) []byte {
	for i, cell := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		cell = clean(cell)
		if word := strings.TrimLeft(cell, " "); word != "" && strings.ContainsAny(string([]rune(word[:min(4, len(word))])[:1]), "=+-@\uff1d\uff0b\uff0d\uff20") {
			b = append(b, '\'')
		}
		b = append(append(b, strings.ReplaceAll(cell, `"`, `""`)...), '"')
	}
	return append(b, '\n')
}

// cutCSV returns the cells of a line that appendCSV has made.
func cutCSV(line []byte) []string {
	cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(line), `"`), "\"\n"), `","`)
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], `""`, `"`)
	}
	return cells
}

// clean replaces the characters that could make a text show as what it is not:
// control characters, and those that turn the direction of text or take no room.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20, r >= 0x7f && r <= 0x9f:
			return ' '
		case r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff:
			return '\ufffd'
		}
		return r
	}, s)
}

func (r *rows) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Close())
}
