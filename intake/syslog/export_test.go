package syslog

// A Frame is a frame as tests see it.
type Frame struct {
	Command string
	Txnr    int
	Data    string
	Size    int
}

// Cut cuts the frames of text, which comes in pieces of the given size; rest
// says whether something without an end was left.
func Cut(kind, text string, piece, most int) (frames []Frame, rest bool, err error) {
	var c framer
	switch kind {
	case "lines":
		c = &lines{max: most, hard: 4 * most}
	case "counted":
		c = &counted{max: most, hard: 4 * most}
	case "relp":
		c = &relp{max: most, hard: 4 * most}
	}
	var buf []byte
	for at := 0; at < len(text); {
		n := min(piece, len(text)-at, most+headBytes-len(buf))
		if n <= 0 {
			panic("a framer wants more at once than it may")
		}
		buf = append(buf, text[at:at+n]...)
		at += n
		for len(buf) > 0 {
			f, used, ok, err := c.next(buf)
			if used > len(buf) {
				panic("a framer used more than there is")
			}
			if err != nil {
				return frames, false, err
			}
			if ok {
				frames = append(frames, Frame{f.command, f.txnr, string(f.data), f.size})
			}
			buf = buf[used:]
			if !ok && used == 0 {
				break
			}
		}
	}
	_, rest = c.rest(buf)
	return frames, rest, nil
}
