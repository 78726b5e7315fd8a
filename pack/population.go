package pack

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/evident/proof"
)

// This file writes population.csv (docs/format.md section 6.7): the matching
// records for a spreadsheet, by the time at which they happened.

// rows collects the lines in a file as the records come, by seq, with what is
// needed to write them out again by time: 32 bytes of memory a record.
type rows struct {
	file   *os.File
	out    *bufio.Writer
	keys   []rowKey
	offset int64
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
	r.line = proof.AppendPopulation(r.line[:0], h, leaf, view)
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
		return cmp.Or(cmp.Compare(x.occurred, y.occurred), cmp.Compare(x.seq, y.seq))
	})
	return b.writeText("population.csv", func(w io.Writer) error {
		if _, err := io.WriteString(w, proof.PopulationHeader()); err != nil {
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

// cutCSV returns the cells of a line of population.csv.
func cutCSV(line []byte) []string {
	cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(line), `"`), "\"\n"), `","`)
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], `""`, `"`)
	}
	return cells
}

func (r *rows) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
