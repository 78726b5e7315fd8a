package proof

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The first byte of everything that is hashed says what it is, so that no hash
// of one kind can be passed off as another's (format.md section 1, RFC 6962 2.1).
const (
	tagLeaf  = 0x00
	tagNode  = 0x01
	tagField = 0x02
	tagBody  = 0x03
	tagSalts = 0x04
	tagSeed  = 0x05
)

// Hash is a SHA-256 hash. It is written as 64 lower-case hex digits.
type Hash [32]byte

// String returns the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns the hash in hex, for JSON.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 hex digits, in lower case only.
func (h *Hash) UnmarshalText(b []byte) error { return parseHex(h[:], string(b)) }

// parseHex fills dst from s, which must have exactly that length and be in lower
// case: two spellings of one hash would be two byte strings for one thing.
func parseHex(dst []byte, s string) error {
	var digits [2 * len(Hash{})]byte
	if n := copy(digits[:], s); n == len(s) && n == 2*len(dst) && !strings.ContainsAny(s, "ABCDEF") {
		_, err := hex.Decode(dst, digits[:n])
		return err
	}
	return fmt.Errorf("parse hex: want %d lower-case digits", 2*len(dst))
}

// Header is the public part of a record, kept for ever (format.md section 2).
// It says that something of a kind happened and when, and nothing about whom.
type Header struct {
	Seq        uint64    // number of the record in the trail, from 0
	At         time.Time // when the trail recorded it; never goes back
	Source     string    // "evident" or kind/name
	SSeq       uint64    // records of this source before this one
	OccurredAt time.Time // when it happened, by the source's clock
	Category   string
	Action     string
	Outcome    string
	ID         [16]byte // EventID of the source's own id
	Prev       Hash     // leaf hash of the record before, zero for the first
	Body       Hash     // body digest (format.md section 3)
}

// Append appends the one form of h to b. It checks nothing: a header with a
// value that has no form makes bytes that ParseHeader refuses.
func (h *Header) Append(b []byte) []byte {
	b = append(b, `{"v":1,"seq":`...)
	b = strconv.AppendUint(b, h.Seq, 10)
	b = append(b, `,"at":"`...)
	b = AppendTime(b, h.At)
	b = append(b, `","source":"`...)
	b = append(b, h.Source...)
	b = append(b, `","sseq":`...)
	b = strconv.AppendUint(b, h.SSeq, 10)
	b = append(b, `,"occurred_at":"`...)
	b = AppendTime(b, h.OccurredAt)
	b = append(b, `","category":"`...)
	b = append(b, h.Category...)
	b = append(b, `","action":"`...)
	b = append(b, h.Action...)
	b = append(b, `","outcome":"`...)
	b = append(b, h.Outcome...)
	b = append(b, `","id":"`...)
	b = hex.AppendEncode(b, h.ID[:])
	b = append(b, `","prev":"`...)
	b = hex.AppendEncode(b, h.Prev[:])
	b = append(b, `","body":"`...)
	b = hex.AppendEncode(b, h.Body[:])
	return append(b, `"}`...)
}

// ParseHeader reads what Append writes and refuses everything else. It cuts the
// line apart at the fixed names, and each value has one spelling, so that no
// header has two. The result does not alias b.
func ParseHeader(b []byte) (h Header, err error) {
	rest, ok := string(b), true
	cut := func(name, end string) (value string) {
		var found, closed bool
		if rest, found = strings.CutPrefix(rest, name); found {
			value, rest, closed = strings.Cut(rest, end)
		}
		ok = ok && found && closed
		return value
	}
	var errs [7]error
	h.Seq, errs[0] = parseUint(cut(`{"v":1,"seq":`, `,`))
	h.At, errs[1] = ParseTime(cut(`"at":"`, `",`))
	h.Source = cut(`"source":"`, `",`)
	h.SSeq, errs[2] = parseUint(cut(`"sseq":`, `,`))
	h.OccurredAt, errs[3] = ParseTime(cut(`"occurred_at":"`, `",`))
	h.Category = cut(`"category":"`, `",`)
	h.Action = cut(`"action":"`, `",`)
	h.Outcome = cut(`"outcome":"`, `",`)
	errs[4] = parseHex(h.ID[:], cut(`"id":"`, `",`))
	errs[5] = parseHex(h.Prev[:], cut(`"prev":"`, `",`))
	errs[6] = parseHex(h.Body[:], cut(`"body":"`, `"}`))
	if !ok || rest != "" {
		return Header{}, errors.New("parse header: not the members of a header in their order")
	}
	if err := cmp.Or(errs[:]...); err != nil {
		return Header{}, fmt.Errorf("parse header: %w", err)
	}
	if !validSource(h.Source) || !validAction(h.Action) || !slices.Contains(categories, h.Category) || !slices.Contains(outcomes, h.Outcome) {
		return Header{}, errors.New("parse header: source, category, action or outcome is none that exists")
	}
	return h, nil
}

// The closed vocabularies of a header (format.md section 2): a header can never
// be withheld, so nothing that a person typed gets into one.
var (
	categories = []string{"authentication", "account", "access", "privileged", "data", "config", "change", "network", "system"}
	outcomes   = []string{"success", "failure", "denied", "unknown"}
)

func validSource(s string) bool {
	kind, name, ok := strings.Cut(s, "/")
	return s == "evident" || ok && len(s) <= 128 && validName(kind, "._") && validName(name, "._-")
}

func validName(s, marks string) bool {
	return s != "" && !strings.ContainsRune(marks, rune(s[0])) && onlyWords(s, marks)
}

func validAction(s string) bool {
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || !onlyWords(word, "_") {
			return false
		}
	}
	return len(s) <= 64 && strings.Count(s, ".") <= 3
}

// onlyWords reports whether s is made of a-z, 0-9 and the marks.
func onlyWords(s, marks string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return true
}

// parseUint reads a decimal number without sign or leading zero, below 2^63 so
// that every language's integers hold it.
func parseUint(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || len(s) > 1 && s[0] == '0' {
		return 0, errors.New("parse number: want decimal digits, without leading zero, below 2^63")
	}
	return n, nil
}

// AppendTime appends the one form of t: RFC 3339 in UTC, without zeros at the
// end of the fraction.
func AppendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, time.RFC3339Nano)
}

// ParseTime reads what AppendTime writes, from 1970 to 2261 (what 64 bits of
// nanoseconds hold), and refuses every other spelling of the same moment.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	var form [40]byte
	if err != nil || string(AppendTime(form[:0], t)) != s || t.Year() < 1970 || t.Year() > 2261 {
		return time.Time{}, errors.New("parse time: want YYYY-MM-DDThh:mm:ss[.f]Z from 1970 to 2261, no zero at the end of f")
	}
	return t.UTC(), nil
}

// LeafHash returns the hash of a header's bytes as a leaf of the tree. It binds
// the record, its place (seq) and, through prev, every record before it.
func LeafHash(header []byte) Hash {
	var buf [512]byte
	return sha256.Sum256(append(append(buf[:0], tagLeaf), header...))
}

// EventID returns what stands for a source's own id in a header: who knows the
// id finds the record and sees it once, and nobody else's text lives for ever.
func EventID(source, id string) [16]byte {
	b := append(make([]byte, 0, 256), "evident.id/1\n"...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(source)))
	b = append(append(b, source...), id...)
	h := sha256.Sum256(b)
	return [16]byte(h[:16])
}
