package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxEventBytes is the size of one raw event at which Split gives up.
const MaxEventBytes = 16 << 20

const (
	firstBytes   = 16 << 10 // of the delivery read at once: little at first, for small ones
	chunkBytes   = 256 << 10
	maxEnvelopes = 4 // one inside the other
)

// JSON returns a Split for deliveries of JSON in whatever framing: an array of
// events, one event, events one after the other with or without line ends
// between them (NDJSON), or several of these in turn.
//
// envelopes are the names of members whose value holds the event: an object that
// has such a member is taken off, as is {"Records":[…]}. An array holds one event
// an element; a string holds the event as text, as in {"message":"{…}"}. Envelopes
// may be in envelopes.
//
// A delivery of any size is read with bounded memory. A raw that is broken ends
// where the next line begins with a brace or bracket, and is yielded like any
// other, for Map to refuse; inside an array or envelope there is no such place,
// and a break is an error. An error names the byte of the delivery.
func JSON(envelopes ...string) func(delivery io.Reader) iter.Seq2[[]byte, error] {
	return func(r io.Reader) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			d := delivery{r: r, limit: MaxEventBytes, envelopes: envelopes, yield: yield}
			if err := d.split(); err != nil && !errors.Is(err, errStopped) {
				yield(nil, err)
			}
		}
	}
}

// errStopped says that the receiver wants no more.
var errStopped = errors.New("stopped")

// delivery is one delivery being split.
type delivery struct {
	r         io.Reader
	limit     int // bytes of one event
	envelopes []string
	yield     func([]byte, error) bool

	// buf is what was read and not yet used. What was used is never written to
	// again: raws share its memory and are the receiver's to keep.
	buf   []byte
	at    int64 // where in the delivery buf begins
	chunk int   // size of the last allocation, unless a large event set it
	eof   bool
}

// split takes the delivery's outermost values one by one.
func (d *delivery) split() error {
	for first := true; ; first = false {
		c, err := d.peek()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if c == '\xEF' && first {
			if c, err = d.afterMark(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
		switch {
		case c == '[':
			d.use(1)
			err = d.elements()
		case c == '{' || !first:
			err = d.value(true)
		default:
			err = d.fail(fmt.Errorf("not JSON: it begins with %q", c))
		}
		if err != nil {
			return err
		}
	}
}

// afterMark returns the next byte behind a byte order mark.
func (d *delivery) afterMark() (byte, error) {
	if err := d.mark(); err != nil {
		return 0, err
	}
	return d.peek()
}

// mark takes a byte order mark off.
func (d *delivery) mark() error {
	const mark = "\uFEFF"
	for len(d.buf) < len(mark) && !d.eof {
		if err := d.fill(); err != nil {
			return err
		}
	}
	if bytes.HasPrefix(d.buf, []byte(mark)) {
		d.use(len(mark))
	}
	return nil
}

// elements takes the elements of an array, from behind its opening bracket to
// behind its closing one.
func (d *delivery) elements() error {
	for first := true; ; first = false {
		c, err := d.peek()
		switch {
		case err != nil:
			return d.fail(unexpectedEOF(err))
		case c == ']':
			d.use(1)
			return nil
		case c == ',' && !first:
			d.use(1)
			if _, err = d.peek(); err != nil {
				return d.fail(unexpectedEOF(err))
			}
		case !first:
			return d.fail(fmt.Errorf("unexpected %q between elements", c))
		}
		if err := d.value(false); err != nil {
			return err
		}
	}
}

// value takes one value and passes it on. An outermost value may be an envelope
// that is too large to be held, and may be broken.
func (d *delivery) value(outermost bool) error {
	s := scan{wanted: d.envelopes}
	opened := false // parts of it were passed on already
	for {
		result, err := s.run(d.buf)
		switch {
		case err != nil && outermost && !opened:
			return d.broken()
		case err != nil:
			d.use(s.pos)
			return d.fail(err)
		case result == scanDone:
			if s.pos > d.limit {
				return d.tooLarge()
			}
			v := d.use(s.pos)
			if opened {
				return nil
			}
			return d.pass(v, v[s.innerFrom:s.innerTo], 0)
		case result == scanArray && outermost:
			d.use(s.pos + 1)
			opened = true
			if err := d.elements(); err != nil {
				return err
			}
			s.pos, s.state, s.found, s.innerFrom, s.innerTo = 0, wantCommaOrEnd, false, 0, 0
		case result == scanArray:
			s.structure('[') // one level deeper, where it is not found again
			s.pos++
		case d.eof && s.state == inScalar && s.depth == 0:
			return d.pass(d.use(s.pos), nil, 0)
		case d.eof && outermost && !opened:
			return d.broken()
		case d.eof:
			return d.fail(io.ErrUnexpectedEOF)
		default:
			if err := d.fill(); err != nil {
				return err
			}
		}
	}
}

// broken passes on what stands between here and the next place where a value may
// begin.
func (d *delivery) broken() error {
	from := 1
	for {
		i := bytes.IndexByte(d.buf[min(from, len(d.buf)):], '\n')
		switch next := from + i + 1; {
		case i >= 0 && next < len(d.buf):
			from = next
			if c := d.buf[from]; c == '{' || c == '[' {
				return d.giveBroken(from)
			}
			continue
		case d.eof:
			return d.giveBroken(len(d.buf))
		case i < 0:
			from = max(from, len(d.buf))
		}
		if err := d.fill(); err != nil {
			return err
		}
	}
}

func (d *delivery) giveBroken(n int) error {
	if n > d.limit {
		return d.tooLarge()
	}
	return d.give(bytes.TrimRight(d.use(n), "\r\n"))
}

// pass yields v, or what is in it if it is an envelope, whose content is inner.
func (d *delivery) pass(v, inner []byte, depth int) error {
	if len(inner) == 0 || depth == maxEnvelopes {
		return d.give(v)
	}
	switch inner[0] {
	case '{':
		return d.open(inner, depth+1)
	case '"':
		text, err := jsontext.AppendUnquote(nil, inner)
		if err != nil {
			return d.give(v)
		}
		return d.open(text, depth+1)
	case '[':
		for element := range Elements(inner) {
			if err := d.open(element, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return d.give(v) // a number or literal holds nothing
}

// open passes on v after looking whether it is an envelope itself.
func (d *delivery) open(v []byte, depth int) error {
	s := scan{wanted: d.envelopes}
	for {
		result, err := s.run(v)
		if err != nil || result != scanArray {
			break
		}
		s.structure('[')
		s.pos++
	}
	return d.pass(v, v[s.innerFrom:max(s.innerFrom, s.innerTo)], depth)
}

func (d *delivery) give(raw []byte) error {
	if !d.yield(slices.Clip(raw), nil) {
		return errStopped
	}
	return nil
}

// peek returns the next byte that is not white space, without using it.
func (d *delivery) peek() (byte, error) {
	for {
		n := 0
		for n < len(d.buf) && (d.buf[n] == ' ' || d.buf[n] == '\n' || d.buf[n] == '\r' || d.buf[n] == '\t') {
			n++
		}
		if d.use(n); len(d.buf) > 0 {
			return d.buf[0], nil
		}
		if d.eof {
			return 0, io.EOF
		}
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
}

// use takes n bytes off.
func (d *delivery) use(n int) []byte {
	v := d.buf[:n]
	d.buf, d.at = d.buf[n:], d.at+int64(n)
	return v
}

// fill reads more behind buf, at least a byte or the end.
func (d *delivery) fill() error {
	if len(d.buf) > d.limit {
		return d.tooLarge()
	}
	if len(d.buf) == cap(d.buf) {
		d.chunk = min(max(firstBytes, 2*d.chunk), chunkBytes)
		d.buf = append(make([]byte, 0, max(d.chunk, 2*len(d.buf))), d.buf...)
	}
	for range 100 {
		n, err := d.r.Read(d.buf[len(d.buf):cap(d.buf)])
		d.buf = d.buf[:len(d.buf)+n]
		if err == io.EOF {
			d.eof = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("read delivery at byte %d: %w", d.at+int64(len(d.buf)), err)
		}
		if n > 0 {
			return nil
		}
	}
	return d.fail(io.ErrNoProgress)
}

// tooLarge is what Split says of an event over the limit.
func (d *delivery) tooLarge() error {
	return fmt.Errorf("split delivery: the event at byte %d is larger than %d bytes", d.at, d.limit)
}

func (d *delivery) fail(err error) error {
	return fmt.Errorf("split delivery at byte %d: %w", d.at, err)
}

func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
