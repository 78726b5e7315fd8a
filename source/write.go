package source

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"github.com/go-json-experiment/json/jsontext"
)

// A Detail writes the object of event.Event.Detail member by member. Its zero
// value is empty. Names are given once each, and need no escaping.
type Detail []byte

// Text adds a member, unless s is empty.
func (d *Detail) Text(name, s string) {
	if s != "" {
		d.lead(name)
		*d = appendText(*d, s)
	}
}

// Texts adds an array of those of values that are not empty, if there is one.
func (d *Detail) Texts(name string, values []string) {
	n := 0
	for _, s := range values {
		if s == "" {
			continue
		}
		if n++; n == 1 {
			d.lead(name)
			*d = append(*d, '[')
		} else {
			*d = append(*d, ',')
		}
		*d = appendText(*d, s)
	}
	if n > 0 {
		*d = append(*d, ']')
	}
}

// Scalar adds a member whose value is a token of valid JSON: a string that is
// not empty, a number, true or false. It passes over all others.
func (d *Detail) Scalar(name string, token []byte) {
	if len(token) == 0 {
		return
	}
	switch c := token[0]; {
	case c == '"':
		d.Text(name, Text(token))
	case c == '-', '0' <= c && c <= '9', c == 't', c == 'f':
		d.lead(name)
		*d = append(*d, token...)
	}
}

// Number adds a member as a number if s is a whole one, else as [Detail.Text].
func (d *Detail) Number(name, s string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		d.lead(name)
		*d = strconv.AppendInt(*d, n, 10)
		return
	}
	d.Text(name, s)
}

// Token adds a member whose value is JSON already.
func (d *Detail) Token(name string, v []byte) {
	d.lead(name)
	*d = append(*d, v...)
}

// Flag adds a member that is true, if v is.
func (d *Detail) Flag(name string, v bool) {
	if v {
		d.lead(name)
		*d = append(*d, "true"...)
	}
}

// Object returns the object, or nil if it has no members. Nothing is to be added
// after it.
func (d *Detail) Object() json.RawMessage {
	if len(*d) == 0 {
		return nil
	}
	return append(json.RawMessage(*d), '}')
}

func (d *Detail) lead(name string) {
	lead := byte(',')
	if len(*d) == 0 {
		lead = '{'
	}
	*d = append(*d, lead, '"')
	*d = append(*d, name...)
	*d = append(*d, '"', ':')
}

func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, clip(s)) // what is not UTF-8 becomes U+FFFD
	return b
}

// Member returns the token of the member at the path names of an object that is
// [Valid], or nil.
func Member(object []byte, names ...string) []byte {
path:
	for _, name := range names {
		for n, v := range Members(object) {
			if n == name {
				object = v
				continue path
			}
		}
		return nil
	}
	return object
}

// MemberText returns the [Text] of a [Member], or "".
func MemberText(object []byte, names ...string) string {
	return Text(Member(object, names...))
}

// Object returns the object that token is, or that it holds as text: exporters
// write objects as strings. It is nil if token is anything else.
func Object(token []byte) []byte { return embedded(token, '{') }

// Array is the same as [Object] for arrays.
func Array(token []byte) []byte { return embedded(token, '[') }

func embedded(token []byte, opening byte) []byte {
	if len(token) > 0 && token[0] == '"' {
		text, err := jsontext.AppendUnquote(nil, token)
		if err != nil || Valid(text) != nil {
			return nil
		}
		token = text[skip(text, 0):]
	}
	if len(token) == 0 || token[0] != opening {
		return nil
	}
	return token
}

// Time reads a time as systems write it in JSON and as exporters rewrite it:
// RFC 3339 with a fraction of any length, a space in the place of the T, no zone
// (then it is UTC). ok is false if s is none, or none that an event may have.
func Time(s string) (t time.Time, ok bool) {
	if len(s) < len("2006-01-02T15:04:05") || len(s) > 48 {
		return t, false
	}
	layout := "2006-01-02T15:04:05Z07:00"
	if s[10] == ' ' {
		layout = "2006-01-02 15:04:05Z07:00"
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		t, err = time.Parse(strings.TrimSuffix(layout, "Z07:00"), strings.TrimSuffix(s, " UTC"))
	}
	if err != nil {
		t, err = time.Parse(strings.TrimSuffix(layout, "Z07:00")+" -0700", strings.TrimSuffix(s, " UTC"))
	}
	t = t.UTC()
	return t, err == nil && t.Year() >= 1970 && t.Year() <= 2261
}

// ActionName makes the name of an action of up to four names that a system gives
// to things: each in lower case, with underscores between its words, joined by
// dots. CreateDBInstance becomes create_db_instance, CHANGE_2SV change_2sv. What
// cannot stand in an action is an underscore.
func ActionName(names ...string) string {
	b := make([]byte, 0, event.MaxActionBytes)
	parts := 0
	for _, name := range names {
		start := len(b)
		if start > 0 {
			b = append(b, '.')
		}
		first := len(b)
		mixed := strings.ToUpper(name) != name
		for i := 0; i < len(name) && len(b) < event.MaxActionBytes; i++ {
			if len(b) > first && mixed && startsWord(name, i) && b[len(b)-1] != '_' {
				b = append(b, '_')
			}
			b = appendWord(b, first, name[i])
		}
		for len(b) > first && b[len(b)-1] == '_' {
			b = b[:len(b)-1]
		}
		if len(b) == first {
			b = b[:start]
		} else if parts++; parts == 4 {
			break
		}
	}
	if b = b[:min(len(b), event.MaxActionBytes)]; len(b) == 0 {
		return "unknown"
	}
	return strings.TrimRight(string(b), "._")
}

// appendWord appends c in lower case, or a single underscore for what cannot
// stand in an action; first is where the part begins.
func appendWord(b []byte, first int, c byte) []byte {
	switch {
	case upper(c):
		return append(b, c+'a'-'A')
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		return append(b, c)
	case len(b) > first && b[len(b)-1] != '_':
		return append(b, '_')
	}
	return b
}

// startsWord reports whether a word begins at i: at a capital after something
// else, and at the last of several capitals, unless only the s of a plural
// follows: DB|Instance, but VPCs.
func startsWord(s string, i int) bool {
	if i == 0 || !upper(s[i]) {
		return false
	}
	if !upper(s[i-1]) {
		return true
	}
	if i+1 == len(s) || s[i+1] < 'a' || s[i+1] > 'z' {
		return false
	}
	plural := s[i+1] == 's' && (i+2 == len(s) || upper(s[i+2]))
	return !plural
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }
