package source

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"example.com/evident/event"
)

// A Change says that raws of a kind show what a thing is like: a resource, a
// setting, a person. The intake then adds to each event what differs from the
// raw before it of the same thing: detail.diff, made by [Diff].
type Change struct {
	// Of returns the key of the thing that raw shows, unique within the source,
	// and what of raw is compared, as JSON. An empty key: raw shows none.
	Of func(raw []byte) (key string, state []byte)
	// Timeless says that raws hold no time, so that their ids cannot either. A
	// raw that comes again after another one of its thing is then a new event,
	// not a duplicate: the thing is again as it was.
	Timeless bool
}

// Limits of a diff.
const (
	maxChanges    = 50
	maxValueBytes = 512
	maxDiffDepth  = 32
)

// changed is one difference: at a path, a JSON pointer, a value is another, or
// elements of an array came and went.
type changed struct {
	Path    string            `json:"path"`
	From    json.RawMessage   `json:"from,omitempty"`
	To      json.RawMessage   `json:"to,omitempty"`
	Added   []json.RawMessage `json:"added,omitempty"`
	Removed []json.RawMessage `json:"removed,omitempty"`
}

// Diff returns what differs between two states as a JSON object: changes, each
// with its path and the value before and after, and more, how many there are
// beyond those listed. Arrays are compared as sets: order says nothing in most
// of what systems list. What is no JSON is compared as text. Values that
// are secret by their names are not shown. It is deterministic.
func Diff(before, after []byte) json.RawMessage {
	d := diff{Changes: []changed{}}
	d.compare("", decode(before), decode(after), 0)
	b, err := json.Marshal(d)
	if err != nil {
		panic("bug: a diff cannot be encoded: " + err.Error())
	}
	return b
}

type diff struct {
	Changes []changed `json:"changes"`
	More    int       `json:"more,omitempty"`
}

// decode reads a value; numbers keep their digits.
func decode(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	if _, err := d.Token(); err != io.EOF {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return v
}

// encoded is the one form of a value.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bug: what was decoded cannot be encoded: " + err.Error())
	}
	return b
}

// hidden stands in a diff for what is secret by its name: a diff says that it
// changed, and not what it is.
const hidden = "[secret]"

// secretNames are parts of names, in lower case, below which nothing is shown.
var secretNames = []string{"password", "passwd", "secret", "token", "apikey", "api_key", "privatekey", "private_key", "credential", "environment", "connectionstring"}

// IsSecret reports whether what has this name is not to be shown: a password, a
// token, an environment.
func IsSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(name, part) })
}

// masked returns v without what is secret by its name.
func masked(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		named, _ := v["name"].(string)
		for name, of := range v {
			switch {
			case of == nil:
				out[name] = nil
			case depth > maxDiffDepth, IsSecret(name), name == "value" && IsSecret(named):
				out[name] = hidden
			default:
				out[name] = masked(of, depth+1)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = masked(v[i], depth+1)
		}
		return out
	}
	return v
}

// shown is a value as a diff shows it: itself, or the beginning of its text.
func shown(path string, v any) json.RawMessage {
	if v != nil && slices.ContainsFunc(strings.Split(path, "/"), IsSecret) {
		return encoded(hidden)
	}
	b := encoded(masked(v, 0))
	if len(b) <= maxValueBytes {
		return b
	}
	return encoded(strings.ToValidUTF8(string(b[:maxValueBytes]), "") + "…")
}

func (d *diff) add(c changed) {
	if len(d.Changes) == maxChanges {
		d.More++
		return
	}
	if len(c.Path) > event.MaxIDBytes {
		c.Path = strings.ToValidUTF8(c.Path[:event.MaxIDBytes], "") + "…"
	}
	d.Changes = append(d.Changes, c)
}

func (d *diff) compare(path string, before, after any, depth int) {
	x, isObject := before.(map[string]any)
	y, both := after.(map[string]any)
	if isObject && both && depth < maxDiffDepth {
		d.members(path, x, y, depth)
		return
	}
	s, isArray := before.([]any)
	t, both := after.([]any)
	if isArray && both {
		d.elements(path, s, t)
		return
	}
	if !bytes.Equal(encoded(before), encoded(after)) {
		d.add(changed{Path: path, From: shown(path, before), To: shown(path, after)})
	}
}

// members compares two objects; names that only one has are null in the other.
func (d *diff) members(path string, x, y map[string]any, depth int) {
	names := make([]string, 0, len(x)+len(y))
	for name := range x {
		names = append(names, name)
	}
	for name := range y {
		if _, ok := x[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		escaped := strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
		d.compare(path+"/"+escaped, x[name], y[name], depth+1)
	}
}

// elements compares two arrays: what is more often in one than in the other.
func (d *diff) elements(path string, s, t []any) {
	count := map[string]int{}
	for _, v := range t {
		count[string(encoded(v))]++
	}
	c := changed{Path: path}
	for _, v := range s {
		e := string(encoded(v))
		if count[e]--; count[e] < 0 {
			c.Removed = append(c.Removed, shown(path, v))
		}
	}
	for _, v := range t {
		if e := string(encoded(v)); count[e] > 0 {
			count[e]--
			c.Added = append(c.Added, shown(path, v))
		}
	}
	for _, list := range []*[]json.RawMessage{&c.Added, &c.Removed} {
		if len(*list) > maxChanges {
			d.More += len(*list) - maxChanges
			*list = (*list)[:maxChanges]
		}
	}
	if len(c.Added)+len(c.Removed) > 0 {
		d.add(c)
	}
}
