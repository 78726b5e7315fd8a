package intakehttp

import (
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"example.com/evident/intake"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// A proven receipt carries what convinces who holds the verifier key: the path
// of its leaf in the tree of a checkpoint.
type evidence struct {
	trail      *trail.Trail
	note       []byte
	checkpoint proof.Checkpoint
}

// appendAnswer appends the JSON of a, in the order that docs/api.md gives.
// There is a receipt for each event that is stored, unless receipts are not
// wanted; with ev each of them carries its proof.
func appendAnswer(b []byte, a *intake.Answer, receipts bool, ev *evidence) ([]byte, error) {
	b = append(b, `{"accepted":`...)
	b = strconv.AppendInt(b, int64(a.Accepted), 10)
	b = append(b, `,"duplicates":`...)
	b = strconv.AppendInt(b, int64(a.Duplicates), 10)
	if a.Unmapped > 0 {
		b = append(b, `,"unmapped":`...)
		b = strconv.AppendInt(b, int64(a.Unmapped), 10)
	}
	b = append(b, `,"refused":[`...)
	for i, r := range a.Refused {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"line":`...)
		b = strconv.AppendInt(b, int64(r.Line), 10)
		b = append(b, `,"id":`...)
		b = appendString(b, r.ID)
		b = append(b, `,"error":`...)
		b = appendString(b, r.Reason)
		b = append(b, '}')
	}
	b = append(b, `],"first_seq":`...)
	first, last, some := a.Span()
	b = appendSeq(b, first, some)
	b = append(b, `,"last_seq":`...)
	b = appendSeq(b, last, some)
	if receipts {
		b = append(b, `,"receipts":[`...)
		for i := range a.Receipts {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendReceipt(b, &a.Receipts[i], ev); err != nil {
				return b, err
			}
		}
		b = append(b, ']')
	}
	return append(b, "}\n"...), nil
}

// appendSeq appends null where nothing was added to the trail.
func appendSeq(b []byte, seq uint64, some bool) []byte {
	if !some {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, seq, 10)
}

func appendReceipt(b []byte, r *intake.Receipt, ev *evidence) ([]byte, error) {
	b = append(b, `{"id":`...)
	b = appendString(b, r.ID)
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, r.Seq, 10)
	b = append(b, `,"leaf":"`...)
	b = hex.AppendEncode(b, r.Leaf[:])
	b = append(b, '"')
	if ev == nil {
		return append(b, '}'), nil
	}
	path, err := ev.trail.ProveRecord(r.Seq, ev.checkpoint.Size)
	if err != nil {
		return b, err
	}
	b = append(b, `,"index":`...)
	b = strconv.AppendUint(b, r.Seq, 10)
	b = append(b, `,"size":`...)
	b = strconv.AppendUint(b, ev.checkpoint.Size, 10)
	b = append(b, `,"proof":[`...)
	for i := range path {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = hex.AppendEncode(b, path[i][:])
		b = append(b, '"')
	}
	b = append(b, `],"checkpoint":`...)
	b = appendString(b, string(ev.note))
	return append(b, '}'), nil
}

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}
