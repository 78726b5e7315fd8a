package source

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
)

// maxLineBytes is the length of one line at which Lines and Rows give up. A
// line over MaxEventBytes is yielded nevertheless, so that the intake can keep
// its beginning, say how long it was, and go on with the next one.
const maxLineBytes = 2 * MaxEventBytes

// blank is white space as JSON has it. Lines of it are no events.
const blank = " \t\r\n"

// Lines is a Split for text: each line is one raw event, without its line end
// (LF or CR LF) and byte for byte otherwise. Lines that hold nothing but white
// space are no events. A byte order mark at the beginning is taken off.
//
// A line is never cut in two: whoever can write a long line must not be able to
// choose where the next one begins. One that is longer than twice MaxEventBytes
// is an error.
func Lines(r io.Reader) iter.Seq2[[]byte, error] { return lines(r, false) }

// Rows is Lines for CSV: a line end between double quotes does not end a row.
func Rows(r io.Reader) iter.Seq2[[]byte, error] { return lines(r, true) }

func lines(r io.Reader, quotes bool) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		d := delivery{r: r, limit: maxLineBytes, yield: yield}
		if err := d.lines(quotes); err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// lines takes the delivery's lines one by one.
func (d *delivery) lines(quotes bool) error {
	if err := d.mark(); err != nil {
		return err
	}
	for {
		n, err := d.line(quotes)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if n > d.limit {
			return d.tooLarge()
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(d.use(n), []byte("\n")), []byte("\r"))
		if len(bytes.TrimLeft(line, blank)) == 0 {
			continue
		}
		if err := d.give(line); err != nil {
			return err
		}
	}
}

// line returns how long the line at the beginning of buf is, with its end; 0
// if nothing is left. It looks at each byte once.
func (d *delivery) line(quotes bool) (int, error) {
	quoted := false
	for from := 0; ; {
		rest := d.buf[from:]
		end := bytes.IndexByte(rest, '\n')
		if quotes {
			part := rest
			if end >= 0 {
				part = rest[:end]
			}
			quoted = quoted != (bytes.Count(part, []byte{'"'})%2 == 1) // a doubled quote changes nothing
		}
		switch {
		case end >= 0 && !quoted:
			return from + end + 1, nil
		case end >= 0:
			from += end + 1
			continue
		case d.eof:
			return len(d.buf), nil
		}
		from = len(d.buf) // fill gives up where it is too much
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
}

// Columns parts a row of CSV into at most limit columns. A quote in a quoted column
// is doubled. If ok is false, the row is broken or has more columns; those that
// could be read are there.
func Columns(row string, separator byte, limit int) (columns []string, ok bool) {
	for len(columns) < limit {
		if !strings.HasPrefix(row, `"`) {
			end := strings.IndexByte(row, separator)
			if end < 0 {
				return append(columns, row), true
			}
			columns, row = append(columns, row[:end]), row[end+1:]
			continue
		}
		end := 1
		for {
			i := strings.IndexByte(row[end:], '"')
			if i < 0 {
				return columns, false
			}
			if end += i + 1; end == len(row) || row[end] != '"' {
				break
			}
			end++
		}
		columns = append(columns, strings.ReplaceAll(row[1:end-1], `""`, `"`))
		if row = row[end:]; row == "" {
			return columns, true
		}
		if row[0] != separator {
			return columns, false
		}
		row = row[1:]
	}
	return columns, false
}

// Join returns a Split that joins to each raw of split those behind it that
// continue it, with a line feed between: a delivery's lines to entries of
// several lines. What a joined raw would hold over MaxEventBytes begins another.
func Join(split func(io.Reader) iter.Seq2[[]byte, error], continues func(raw []byte) bool) func(io.Reader) iter.Seq2[[]byte, error] {
	return func(r io.Reader) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			var entry []byte
			for raw, err := range split(r) {
				switch {
				case err != nil:
					if entry == nil || yield(entry, nil) {
						yield(nil, err)
					}
					return
				case entry != nil && continues(raw) && len(entry)+1+len(raw) <= MaxEventBytes:
					entry = append(append(entry, '\n'), raw...)
					continue
				case entry != nil && !yield(slices.Clip(entry), nil):
					return
				}
				entry = raw
			}
			if entry != nil {
				yield(slices.Clip(entry), nil)
			}
		}
	}
}

// Clip makes s acceptable as a string of an event, as [Text] does.
func Clip(s string) string { return clip(s) }
