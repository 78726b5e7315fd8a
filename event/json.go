package event

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// AppendJSON appends e as one JSON object on one line: members always in the
// same order, absent ones left out, nothing escaped that need not be. It is what
// the trail stores of mapped sources.
//
// The result is valid JSON in valid UTF-8 if Detail is. In strings, what is not
// UTF-8 becomes U+FFFD; Raw never changes: it is written as a string if it is
// UTF-8, and in base64 (with "raw_encoding") if it is not or if that is shorter.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"schema":"`+Schema+`"`...)
	b = appendMember(b, `,"id":`, e.ID)
	b = appendMember(b, `,"source":`, e.Source)
	if !e.OccurredAt.IsZero() {
		b = append(b, `,"occurred_at":"`...)
		b = appendTime(b, e.OccurredAt)
		b = append(b, '"')
	}
	b = e.Actor.appendTo(b)
	b = appendMember(b, `,"action":`, e.Action)
	b = appendMember(b, `,"native_action":`, e.NativeAction)
	b = appendMember(b, `,"category":`, string(e.Category))
	b = appendTargets(b, e.Targets)
	b = appendMember(b, `,"outcome":`, string(e.Outcome))
	b = appendMember(b, `,"outcome_code":`, e.OutcomeCode)
	b = appendMember(b, `,"outcome_reason":`, e.OutcomeReason)
	b = e.Where.appendTo(b)
	b = e.Why.appendTo(b)
	if len(e.Detail) > 0 {
		b = append(b, `,"detail":`...)
		b = append(b, e.Detail...)
	}
	b = appendMember(b, `,"request_id":`, e.RequestID)
	b = appendMember(b, `,"trace_id":`, e.TraceID)
	b = appendRaw(b, e.Raw)
	return append(b, '}')
}

// MarshalJSON returns what [Event.AppendJSON] appends. (encoding/json then
// escapes <, > and & unless told not to: the same event in other bytes.)
func (e Event) MarshalJSON() ([]byte, error) {
	return e.AppendJSON(make([]byte, 0, 512+len(e.Raw))), nil
}

// UnmarshalJSON is [Parse].
func (e *Event) UnmarshalJSON(body []byte) (err error) {
	*e, err = Parse(body)
	return err
}

func (a *Actor) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, `,"actor":`...)
	first := len(b)
	b = appendMember(b, `,"type":`, string(a.Type))
	b = appendMember(b, `,"id":`, a.ID)
	b = appendMember(b, `,"name":`, a.Name)
	b = appendMember(b, `,"email":`, a.Email)
	b = appendMember(b, `,"role":`, a.Role)
	b = appendMember(b, `,"session":`, a.Session)
	if a.MFA != nil {
		b = append(b, `,"mfa":`...)
		b = strconv.AppendBool(b, *a.MFA)
	}
	return closeObject(b, start, first)
}

func (w *Where) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, `,"where":`...)
	first := len(b)
	b = appendMember(b, `,"ip":`, w.IP)
	b = appendMember(b, `,"user_agent":`, w.UserAgent)
	b = appendMember(b, `,"host":`, w.Host)
	b = appendMember(b, `,"region":`, w.Region)
	b = appendMember(b, `,"account":`, w.Account)
	return closeObject(b, start, first)
}

func (y *Why) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, `,"why":`...)
	first := len(b)
	b = appendMember(b, `,"ticket":`, y.Ticket)
	b = appendMember(b, `,"approval":`, y.Approval)
	b = appendMember(b, `,"change":`, y.Change)
	b = appendMember(b, `,"session":`, y.Session)
	b = appendMember(b, `,"incident":`, y.Incident)
	b = appendMember(b, `,"policy":`, y.Policy)
	b = appendMember(b, `,"reason":`, y.Reason)
	return closeObject(b, start, first)
}

func appendTargets(b []byte, targets []Target) []byte {
	if len(targets) == 0 {
		return b
	}
	if len(targets) == 1 {
		b = append(b, `,"target":`...)
		return targets[0].appendTo(b)
	}
	b = append(b, `,"targets":[`...)
	for i := range targets {
		if i > 0 {
			b = append(b, ',')
		}
		b = targets[i].appendTo(b)
	}
	return append(b, ']')
}

func (t *Target) appendTo(b []byte) []byte {
	first := len(b)
	b = appendMember(b, `,"type":`, t.Type)
	b = appendMember(b, `,"id":`, t.ID)
	b = appendMember(b, `,"name":`, t.Name)
	if len(b) == first {
		return append(b, "{}"...)
	}
	return closeObject(b, first, first)
}

// closeObject ends an object whose members were appended from first on, each
// with a comma before it. If there are none, it takes back all since start.
func closeObject(b []byte, start, first int) []byte {
	if len(b) == first {
		return b[:start]
	}
	b[first] = '{'
	return append(b, '}')
}

// appendMember appends a comma, a name and a string, unless the string is empty.
func appendMember(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	b = append(b, name...)
	return appendString(b, s)
}

func appendRaw(b, raw []byte) []byte {
	if len(raw) == 0 {
		return b
	}
	s := unsafe.String(&raw[0], len(raw)) // only read, and not kept
	if start := len(b); utf8.ValidString(s) {
		b = appendText(append(b, `,"raw":`...), s)
		if len(b)-start <= len(rawEncoding)+len(`,"raw":""`)+base64.StdEncoding.EncodedLen(len(raw)) {
			return b
		}
		b = b[:start]
	}
	b = append(b, rawEncoding+`,"raw":"`...)
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}

const rawEncoding = `,"raw_encoding":"base64"`

const hexDigits = "0123456789abcdef"

// escape says how a byte is written in a string: 0 as itself, 'u' as \u00XX,
// else by a backslash and this letter.
var escape = [256]byte{
	0: 'u', 1: 'u', 2: 'u', 3: 'u', 4: 'u', 5: 'u', 6: 'u', 7: 'u', '\b': 'b', '\t': 't', '\n': 'n', 11: 'u',
	'\f': 'f', '\r': 'r', 14: 'u', 15: 'u', 16: 'u', 17: 'u', 18: 'u', 19: 'u', 20: 'u', 21: 'u', 22: 'u', 23: 'u',
	24: 'u', 25: 'u', 26: 'u', 27: 'u', 28: 'u', 29: 'u', 30: 'u', 31: 'u', '"': '"', '\\': '\\',
}

// appendString appends s as a JSON string token.
func appendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return appendText(b, s)
}

// appendText is appendString for valid UTF-8.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := escape[s[i]]
		if c == 0 {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		if c == 'u' {
			b = append(b, '\\', 'u', '0', '0', hexDigits[s[i]>>4], hexDigits[s[i]&15])
		} else {
			b = append(b, '\\', c)
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// unquote returns the string that token v, valid as JSON, stands for. Without
// escapes it shares v's memory. It is false for any other token, and for a
// surrogate without its other half, which stands for no text.
func unquote(v []byte) (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	v = v[1 : len(v)-1]
	if len(v) == 0 {
		return "", true
	}
	s := unsafe.String(&v[0], len(v))
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		b = append(b, s[:i]...)
		n, ok := 0, false
		if b, n, ok = appendEscape(b, s[i:]); !ok {
			return "", false
		}
		s = s[i+n:]
	}
	b = append(b, s...)
	return unsafe.String(&b[0], len(b)), true
}

// appendEscape appends what the escape at the start of s stands for, and returns
// its length there.
func appendEscape(b []byte, s string) (_ []byte, n int, ok bool) {
	if len(s) < 2 {
		return b, 0, false
	}
	switch s[1] {
	case '"', '\\', '/':
		return append(b, s[1]), 2, true
	case 'b':
		return append(b, '\b'), 2, true
	case 'f':
		return append(b, '\f'), 2, true
	case 'n':
		return append(b, '\n'), 2, true
	case 'r':
		return append(b, '\r'), 2, true
	case 't':
		return append(b, '\t'), 2, true
	case 'u':
		r := hexRune(s)
		if !utf16.IsSurrogate(r) {
			return utf8.AppendRune(b, r), 6, r >= 0
		}
		if r = utf16.DecodeRune(r, hexRune(s[6:])); r == utf8.RuneError {
			return b, 0, false
		}
		return utf8.AppendRune(b, r), 12, true
	}
	return b, 0, false
}

// hexRune returns the code unit of an escape \uXXXX at the start of s, or -1.
func hexRune(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// appendTime writes t as the schema does: in UTC, without zeros at the end of
// the fraction.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, time.RFC3339Nano)
}
