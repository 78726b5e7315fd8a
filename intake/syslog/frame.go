package syslog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// A frame is one message as it stands in a stream. Its data may share memory
// with the bytes that it was cut from.
type frame struct {
	data []byte
	size int // bytes that the message has; more than data if it was cut

	txnr    int    // RELP only
	command string // RELP only
}

// A framer cuts frames off the bytes of a stream. next looks at b, which begins
// where the last call ended, and returns how many bytes it used. Without a frame
// it wants more bytes than b holds, if it used none, or was passing over the
// rest of a message that is too long. An error is the end of the stream: where
// the next frame begins is not known any more.
//
// A framer needs at most max bytes and headBytes more to be in b at once.
type framer interface {
	next(b []byte) (f frame, used int, ok bool, err error)
	// rest returns what a stream that ended in b leaves: a message without its end.
	rest(b []byte) (f frame, ok bool)
}

const (
	headBytes   = 64 // of a frame before its data, and behind it
	countDigits = 8  // of an octet count: 16 MiB has as many
)

// lines cuts messages that end with a line feed.
type lines struct {
	max  int
	hard int // bytes of a line at which nobody waits for its end any more
	long long
}

// A long message is one of which only the beginning is kept.
type long struct {
	head []byte // nil: there is none
	size int
	left int // bytes to pass over, if that is known
	f    frame
}

func (l *long) frame() frame {
	f := l.f
	f.data, f.size = l.head, l.size
	*l = long{}
	return f
}

func (c *lines) next(b []byte) (frame, int, bool, error) {
	end := bytes.IndexByte(b, '\n')
	if c.long.head != nil {
		n := end
		if end < 0 {
			n = len(b)
		}
		if c.long.size += n; c.long.size > c.hard {
			return frame{}, n, false, fmt.Errorf("line: no end after %d bytes, expected one after at most %d", c.long.size, c.hard)
		}
		if end < 0 {
			return frame{}, n, false, nil
		}
		return c.long.frame(), end + 1, true, nil
	}
	if end > c.max || end < 0 && len(b) > c.max {
		c.long = long{head: slices.Clone(b[:c.max]), size: c.max}
		return frame{}, c.max, false, nil
	}
	if end < 0 {
		return frame{}, 0, false, nil
	}
	data := bytes.TrimSuffix(b[:end], []byte{'\r'})
	return frame{data: data, size: len(data)}, end + 1, true, nil
}

func (c *lines) rest(b []byte) (frame, bool) {
	if c.long.head != nil {
		c.long.size += len(b)
		return c.long.frame(), true
	}
	return frame{data: b, size: len(b)}, len(b) > 0
}

// counted cuts messages that begin with how many bytes they have, as RFC 5425
// and RFC 6587 say. Line feeds between frames are passed over.
type counted struct {
	max  int
	hard int // bytes that a message may say it has
	long long
}

var errCount = errors.New("octet count: expected digits and a space before each message")

func (c *counted) next(b []byte) (frame, int, bool, error) {
	if c.long.head != nil {
		return c.long.pass(b)
	}
	from := 0
	for from < len(b) && (b[from] == '\n' || b[from] == '\r') {
		from++
	}
	if from == len(b) {
		return frame{}, from, false, nil
	}
	n, at, err := number(b, from, countDigits)
	if err != nil || at < len(b) && (b[at] != ' ' || b[from] == '0') {
		return frame{}, 0, false, fmt.Errorf("%w, found %q", errCount, excerpt(b[from:]))
	}
	if n > c.hard {
		return frame{}, 0, false, fmt.Errorf("octet count: found %d, expected at most %d", n, c.hard)
	}
	if at == len(b) {
		return frame{}, 0, false, nil
	}
	at++ // the space
	return c.long.cut(b, at, n, c.max, frame{})
}

// cut returns the frame of n bytes that begins at b[at], or notes that it is too
// long to be kept whole.
func (l *long) cut(b []byte, at, n, most int, f frame) (frame, int, bool, error) {
	if n > most {
		if len(b)-at < most {
			return frame{}, 0, false, nil
		}
		*l = long{head: slices.Clone(b[at : at+most]), size: n, left: n - most, f: f}
		return frame{}, at + most, false, nil
	}
	if len(b)-at < n {
		return frame{}, 0, false, nil
	}
	data := bytes.TrimSuffix(b[at:at+n], []byte{'\n'}) // rsyslog counts its line end
	f.data, f.size = data, len(data)
	return f, at + n, true, nil
}

// pass passes over what is not kept.
func (l *long) pass(b []byte) (frame, int, bool, error) {
	n := min(l.left, len(b))
	if l.left -= n; l.left > 0 {
		return frame{}, n, false, nil
	}
	return l.frame(), n, true, nil
}

func (c *counted) rest(b []byte) (frame, bool) {
	if c.long.head != nil {
		return c.long.frame(), true
	}
	b = bytes.TrimLeft(b, "\r\n")
	n, at, _ := number(b, 0, countDigits)
	if at < len(b) && b[at] == ' ' {
		at++
	}
	return frame{data: b[at:], size: max(n, len(b)-at)}, at < len(b)
}

// relp cuts the frames of RELP: a transaction number, a command, how many bytes
// of data there are, and these.
type relp struct {
	max  int
	hard int
	long long
}

const (
	txnrDigits   = 9
	commandBytes = 32
)

func (c *relp) next(b []byte) (frame, int, bool, error) {
	if c.long.head != nil {
		return c.passLong(b)
	}
	txnr, at, err := number(b, 0, txnrDigits)
	if err != nil {
		return frame{}, 0, false, fmt.Errorf("RELP transaction number: expected digits, found %q", excerpt(b))
	}
	if at, err = space(b, at); at < 0 || err != nil {
		return frame{}, 0, false, err
	}
	from := at
	for at < len(b) && at-from <= commandBytes && (b[at]|0x20 >= 'a' && b[at]|0x20 <= 'z' || b[at] >= '0' && b[at] <= '9') {
		at++
	}
	if at-from > commandBytes || at < len(b) && at == from {
		return frame{}, 0, false, fmt.Errorf("RELP command: expected 1 to %d letters, found %q", commandBytes, excerpt(b[from:]))
	}
	f := frame{txnr: txnr, command: string(b[from:at])}
	if at, err = space(b, at); at < 0 || err != nil {
		return frame{}, 0, false, err
	}
	n, end, err := number(b, at, txnrDigits)
	if err != nil {
		return frame{}, 0, false, fmt.Errorf("RELP data length: expected digits, found %q", excerpt(b[at:]))
	}
	if n > c.hard {
		return frame{}, 0, false, fmt.Errorf("RELP data length: found %d, expected at most %d", n, c.hard)
	}
	return c.data(b, end, n, f)
}

// data cuts n bytes of data, and the line feed behind them, of b, where at is
// behind the length.
func (c *relp) data(b []byte, at, n int, f frame) (frame, int, bool, error) {
	if at < len(b) && b[at] == ' ' {
		at++
	} else if at < len(b) && (n > 0 || b[at] != '\n') {
		return frame{}, 0, false, fmt.Errorf("RELP data length: expected a space behind it, found %q", excerpt(b[at:]))
	}
	if at == len(b) {
		return frame{}, 0, false, nil
	}
	f, used, ok, err := c.long.cut(b, at, n, c.max, f)
	if !ok || used == len(b) {
		if c.long.head != nil {
			return frame{}, used, false, nil
		}
		return frame{}, 0, false, err
	}
	if b[used] != '\n' {
		return frame{}, 0, false, fmt.Errorf("RELP frame %d: expected a line feed behind %d bytes of data, found %q", f.txnr, n, excerpt(b[used:]))
	}
	return f, used + 1, true, nil
}

func (c *relp) passLong(b []byte) (frame, int, bool, error) {
	n := min(c.long.left, len(b))
	c.long.left -= n
	if c.long.left > 0 || n == len(b) {
		return frame{}, n, false, nil
	}
	if b[n] != '\n' {
		return frame{}, 0, false, fmt.Errorf("RELP frame %d: expected a line feed behind its data, found %q", c.long.f.txnr, excerpt(b[n:]))
	}
	return c.long.frame(), n + 1, true, nil
}

// rest is nothing: what has not come whole is not acknowledged, and comes again.
func (c *relp) rest([]byte) (frame, bool) { return frame{}, false }

var errDigits = errors.New("no number")

// number reads the digits of b from at on; digits is how many there may be. It
// returns where they end, which may be the end of b.
func number(b []byte, at, digits int) (n, end int, err error) {
	for end = at; end < len(b) && b[end] >= '0' && b[end] <= '9'; end++ {
		if end-at == digits {
			return 0, end, errDigits
		}
		n = n*10 + int(b[end]-'0')
	}
	if end == at && end < len(b) {
		return 0, end, errDigits
	}
	return n, end, nil
}

// space passes over the space at b[at]; -1 if b ends before it.
func space(b []byte, at int) (int, error) {
	if at >= len(b) {
		return -1, nil
	}
	if b[at] != ' ' {
		return at, fmt.Errorf("RELP frame: expected a space, found %q", excerpt(b[at:]))
	}
	return at + 1, nil
}

// excerpt is the beginning of b, for a message.
func excerpt(b []byte) []byte { return b[:min(len(b), 16)] }
