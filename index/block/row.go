package block

import (
	"strings"
	"time"

	"example.com/evident/proof"
)

// A Group is a column of the index: a code for what some fields of a record
// have in common with other records. Fields that go together (an actor's id,
// name and mail address) share one, since they rarely come in other company.
//
// A part of a group with a slash is a field of the body, kept as its token
// stands there; one without is a member of the header. So a clause is decided
// on an entry of a group by the very code that decides it on the record.
type Group struct {
	Name  string
	Parts []string
}

// Groups are the columns of codes.
var Groups = [...]Group{
	{"source", []string{"source"}},
	{"category", []string{"category"}},
	{"action", []string{"action", "/native_action"}},
	{"outcome", []string{"outcome", "/outcome_code"}},
	{"actor", []string{"/actor/type", "/actor/id", "/actor/name", "/actor/email", "/actor/role", "/actor/mfa"}},
	{"target", []string{"/target/type", "/target/id", "/target/name", "/targets/0/type", "/targets/0/id", "/targets/0/name"}},
	{"ip", []string{"/where/ip"}},
	{"place", []string{"/where/region", "/where/account", "/where/host"}},
	{"agent", []string{"/where/user_agent"}},
}

// GroupCount is their number.
const GroupCount = len(Groups)

const (
	maxParts      = 6
	maxEntryBytes = 1024 // a longer entry is not kept: its code is 0, look at the evidence
)

// Where a field of the body goes besides the groups.
const (
	inWords  = 0xff // into the words
	InHeader = 0xfe // nowhere: the header has it, and so has its group
	InTime   = 0xfd // nowhere: occurred_at, of which words would only cost; see needs
)

// Places says where each field of a body goes that does not go into the words:
// eight times its group plus its part, or one of the above.
var Places = func() map[string]uint8 {
	m := map[string]uint8{"/source": InHeader, "/category": InHeader, "/action": InHeader, "/outcome": InHeader, "/occurred_at": InTime}
	for g := range Groups {
		for p, name := range Groups[g].Parts {
			if name[0] == '/' {
				m[name] = uint8(8*g + p)
			}
		}
	}
	return m
}()

// placesByLength are the pointers in Places by their length, which finds one of
// them faster than hashing it does.
var placesByLength = func() (by [24][]knownPlace) {
	for pointer, place := range Places {
		by[len(pointer)] = append(by[len(pointer)], knownPlace{pointer, place})
	}
	return by
}()

type knownPlace struct {
	pointer string
	place   uint8
}

func placeFor(pointer string) uint8 {
	if len(pointer) < len(placesByLength) {
		for _, known := range placesByLength[len(pointer)] {
			if known.pointer == pointer {
				return known.place
			}
		}
	}
	return inWords
}

// Flags of a row.
const (
	MoreTargets = 1 << iota // it has targets that no column holds
	BodyExpired             // it has no body any more
)

// A Row is what the index wants to know of one record. It refers to nothing of
// the record that it was made from.
type Row struct {
	seq      uint64
	occurred int64 // nanoseconds since 1970
	flags    uint8
	header   [4]string // source, category, action, outcome
	tokens   []byte
	fields   []rowField
}

type rowField struct {
	end   uint32 // of its token in tokens; it begins where the one before ends
	place uint8
}

// RowOf returns the row of the record with this header and body. Fields are nil
// if the body has expired. It may be called from any goroutine.
func RowOf(h *proof.Header, fields []proof.Field) Row {
	r := Row{
		seq: h.Seq, occurred: h.OccurredAt.UnixNano(),
		header: [4]string{h.Source, h.Category, h.Action, h.Outcome},
	}
	if fields == nil {
		r.flags = BodyExpired
		return r
	}
	size := 0
	for i := range fields {
		size += len(fields[i].Value)
	}
	r.tokens = make([]byte, 0, size)
	r.fields = make([]rowField, 0, len(fields))
	for i := range fields {
		f := &fields[i]
		place := placeFor(f.Pointer)
		if place == inWords && strings.HasPrefix(f.Pointer, "/targets/") {
			r.flags |= MoreTargets
		}
		if place == InHeader || place == InTime {
			continue
		}
		r.tokens = append(r.tokens, f.Value...)
		r.fields = append(r.fields, rowField{uint32(len(r.tokens)), place})
	}
	return r
}

// TimeOf is the time of nanoseconds since 1970.
func TimeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// SplitTime cuts nanoseconds since 1970 into the columns t and ns. Most sources
// say no more than milliseconds, and then ns costs nothing.
func SplitTime(at int64) (t int64, ns int32) {
	t = at / 1e6
	if ns = int32(at - t*1e6); ns < 0 {
		t, ns = t-1, ns+1e6
	}
	return t, ns
}

// Seq is the number of the record.
func (r *Row) Seq() uint64 { return r.seq }
