package source

import (
	"bytes"
	"errors"
	"io"
	"iter"
)

// Mixed is a Split for what log shippers send: JSON objects and lines of text in
// any mixture. A delivery that begins as an array of objects is one, as in
// [JSON]. In any other, a line that begins with a brace begins an object, which
// may go on over several lines and be followed by others on its last; if it turns
// out to be none, the line is text. Text is cut as [Lines] does.
func Mixed(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		d := delivery{r: r, limit: maxLineBytes, yield: yield}
		err := d.mark()
		if err == nil && d.isArray() {
			d.limit = MaxEventBytes
			err = d.split()
		} else if err == nil {
			err = d.mixed()
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// isArray reports whether the delivery begins with an array of objects. Text may
// begin with a bracket, too: [error] out of memory.
func (d *delivery) isArray() bool {
	for open := false; ; open = true {
		c, err := d.peekAfter(open)
		switch {
		case err != nil: // comes again when it is read
			return false
		case open:
			return c == '{' || c == ']'
		case c != '[':
			return false
		}
	}
}

// peekAfter returns the first byte that is not white space, or the one after it.
func (d *delivery) peekAfter(first bool) (byte, error) {
	for {
		b := bytes.TrimLeft(d.buf, blank)
		if first && len(b) > 0 {
			b = bytes.TrimLeft(b[1:], blank)
		}
		if len(b) > 0 {
			return b[0], nil
		}
		if d.eof {
			return 0, io.EOF
		}
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
}

// mixed takes the delivery's objects and lines one by one. Where an object over
// several lines was begun in vain, the lines that were looked at are not tried
// again as the beginnings of such: otherwise a delivery of nothing but open
// brackets would be read a thousand times over.
func (d *delivery) mixed() error {
	var tried int64 // up to here
	for {
		n, err := d.line(false)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if n > d.limit {
			return d.tooLarge()
		}
		line := bytes.TrimLeft(d.buf[:n], blank)
		if len(line) == 0 {
			d.use(n)
			continue
		}
		if line[0] == '{' {
			object, seen, err := d.object(n-len(line), n, d.at >= tried)
			if err != nil {
				return err
			}
			tried = max(tried, seen)
			if object {
				continue
			}
		}
		if err := d.give(bytes.TrimSuffix(bytes.TrimSuffix(d.use(n), []byte("\n")), []byte("\r"))); err != nil {
			return err
		}
	}
}

// object passes on the object that begins at start, on a line that ends at end,
// and reports whether it is one; if not, how far into the delivery it looked.
func (d *delivery) object(start, end int, beyond bool) (ok bool, seen int64, err error) {
	var s scan
	for {
		b := d.buf[start:]
		if !beyond {
			b = d.buf[start:end]
		}
		result, err := s.run(b)
		switch {
		case err == nil && result == scanDone:
			d.use(start)
			return true, 0, d.give(d.use(s.pos))
		case err != nil, !beyond, d.eof, s.pos > MaxEventBytes:
			return false, d.at + int64(start+s.pos), nil
		}
		if err := d.fill(); err != nil {
			return false, 0, err
		}
	}
}
