package pack

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/evident/proof"
)

// This file decides which fields are withheld. Three reasons are told apart: it
// was asked for; /raw repeats the whole event, so it goes with whatever goes;
// and a field holds a value that is withheld somewhere else in the pack.

// minWithheld is how many characters a withheld value must have to be looked for
// in other fields. Shorter ones ("ok", "admin") stand everywhere by chance.
const minWithheld = 6

// Limits of the withheld values that are kept in mind.
const (
	maxWithheldValues = 1 << 20
	maxWithheldBytes  = 256 << 20 // 256 MiB
)

// inEveryHeader are the fields that headers show, so that no pack can withhold them.
var inEveryHeader = []string{"/source", "/category", "/action", "/outcome", "/occurred_at"}

// withheldPointers brings what was asked for (actor.email, /actor/email, detail)
// into one form.
func withheldPointers(asked []string) ([]string, error) {
	var pointers []string
	for _, field := range asked {
		p := strings.TrimSpace(field)
		if !strings.HasPrefix(p, "/") {
			p = "/" + strings.ReplaceAll(p, ".", "/")
		}
		switch {
		case p == "/" || strings.Contains(p, "//") || strings.HasSuffix(p, "/"):
			return nil, refuse("%q is no field; withhold for example actor.email or /detail/account", field)
		case slices.Contains(inEveryHeader, p):
			return nil, refuse("%q is part of every record's header, which always shows; it cannot be withheld", field)
		}
		pointers = append(pointers, p)
	}
	slices.Sort(pointers)
	return slices.Compact(pointers), nil
}

// A reason is why a field is withheld.
type reason int

const (
	disclosed reason = iota
	asked
	raw
	repeats
)

var reasons = map[reason]string{
	asked:   "withheld as asked",
	raw:     "the source's own bytes repeat what is withheld",
	repeats: "holds a value that is withheld elsewhere",
}

// withheld knows what is to be withheld, and counts what was.
type withheld struct {
	pointers []string
	values   map[string]struct{} // in lower case
	lengths  map[[minWithheld]byte][]int
	bytes    int
	starts   [1 << 12]bool // of values, hashed: most places in a text begin none
	counts   map[omitted]*tally
}

// omitted is a field that was withheld for a reason.
type omitted struct {
	reason  reason
	pointer string
}

// tally counts records, and knows the last one that it has counted.
type tally struct{ records, last uint64 }

// startOf hashes the first three bytes of a value.
func startOf(b string) int { return (int(b[0])<<7 ^ int(b[1])<<4 ^ int(b[2])) & (1<<12 - 1) }

// under reports whether a field is one of the pointers or lies below one.
func (w *withheld) under(pointer string) bool {
	return slices.ContainsFunc(w.pointers, func(p string) bool {
		return strings.HasPrefix(pointer, p) && (len(pointer) == len(p) || pointer[len(p)] == '/')
	})
}

// learn keeps the values that are withheld in a record.
func (w *withheld) learn(fields []proof.Field) error {
	for _, f := range fields {
		if f.Pointer == "/raw" || !w.under(f.Pointer) {
			continue
		}
		for _, text := range texts(f.Value) {
			w.add(strings.ToLower(text))
		}
	}
	if len(w.values) > maxWithheldValues || w.bytes > maxWithheldBytes {
		return refuse("too many different values are to be withheld to be sure that none stands elsewhere; choose a shorter window or fewer fields")
	}
	return nil
}

func (w *withheld) add(value string) {
	if utf8.RuneCountInString(value) < minWithheld {
		return
	}
	if _, known := w.values[value]; known {
		return
	}
	if w.values == nil {
		w.values, w.lengths = map[string]struct{}{}, map[[minWithheld]byte][]int{}
	}
	value = strings.Clone(value) // a body must not be kept alive by one word of it
	w.values[value] = struct{}{}
	w.bytes += len(value)
	w.starts[startOf(value)] = true
	start := [minWithheld]byte([]byte(value))
	if !slices.Contains(w.lengths[start], len(value)) {
		w.lengths[start] = append(w.lengths[start], len(value))
	}
}

// found reports whether text has a withheld value in it, in any case.
func (w *withheld) found(text string) bool {
	if len(w.values) == 0 {
		return false
	}
	text = strings.ToLower(text)
	for i := range max(0, len(text)-minWithheld+1) {
		if !w.starts[startOf(text[i:])] {
			continue
		}
		for _, n := range w.lengths[[minWithheld]byte([]byte(text[i:i+minWithheld]))] {
			if i+n <= len(text) {
				if _, hit := w.values[text[i:i+n]]; hit {
					return true
				}
			}
		}
	}
	return false
}

// why returns the reason for which a field is withheld.
func (w *withheld) why(f proof.Field) reason {
	switch {
	case len(w.pointers) == 0 || slices.Contains(inEveryHeader, f.Pointer):
		return disclosed
	case w.under(f.Pointer):
		return asked
	case f.Pointer == "/raw":
		return raw
	case w.found(unescape(f.Pointer)) || slices.ContainsFunc(texts(f.Value), w.found):
		return repeats
	}
	return disclosed
}

// hide says of each field of the matching record seq whether it is withheld, and
// counts it.
func (w *withheld) hide(hidden []bool, seq uint64, fields []proof.Field) []bool {
	for _, f := range fields {
		r := w.why(f)
		hidden = append(hidden, r != disclosed)
		if r != disclosed {
			w.count(omitted{r, w.nameOf(f.Pointer)}, seq)
		}
	}
	return hidden
}

// count counts a record once, however many of its fields go by one name.
func (w *withheld) count(o omitted, seq uint64) {
	if w.counts == nil {
		w.counts = map[omitted]*tally{}
	}
	if w.counts[o] == nil {
		w.counts[o] = &tally{}
	} else if w.counts[o].last == seq {
		return
	}
	w.counts[o].records++
	w.counts[o].last = seq
}

// keep says of each field of a record that does not match whether it stays
// hidden: all but those that the filter looks at, and of these what is withheld.
func (w *withheld) keep(hidden []bool, fields []proof.Field, look []string) []bool {
	for _, f := range fields {
		hidden = append(hidden, !slices.Contains(look, f.Pointer) || w.why(f) != disclosed)
	}
	return hidden
}

// maxOmitted is how many different fields the list of omissions names.
const maxOmitted = 200

// nameOf is how a withheld field is called in the list of omissions: with * for
// array positions, and not at all where the name would give away what is
// withheld or the list would grow without end.
func (w *withheld) nameOf(pointer string) string {
	parts := strings.Split(pointer, "/")
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	name := strings.Join(parts, "/")
	if len(w.counts) >= maxOmitted || len(name) > 200 || w.found(unescape(name)) {
		return ""
	}
	return name
}

// omissions lists what was withheld: in how many records which field, and why.
func (w *withheld) omissions() []proof.Omission {
	var keys []omitted
	for k := range w.counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b omitted) int {
		if a.reason != b.reason {
			return int(a.reason - b.reason)
		}
		return strings.Compare(a.pointer, b.pointer)
	})
	var list []proof.Omission
	for _, k := range keys {
		what := "field " + clean(k.pointer)
		if k.pointer == "" {
			what = "fields that are not named here"
		}
		list = append(list, proof.Omission{What: what, Records: w.counts[k].records, Why: reasons[k.reason]})
	}
	return list
}

// texts returns the values of a token: the decoded string, the elements of an
// array of scalars, or the token itself.
func texts(token []byte) []string {
	switch token[0] {
	case '"':
		return []string{text(token)}
	case '[':
		var elements []json.RawMessage
		if json.Unmarshal(token, &elements) != nil {
			return nil
		}
		var all []string
		for _, e := range elements {
			all = append(all, texts(e)...)
		}
		return all
	default:
		return []string{string(token)}
	}
}

// text returns a string token decoded, any other as it stands.
func text(token []byte) string {
	if len(token) < 2 || token[0] != '"' {
		return string(token)
	}
	inner := token[1 : len(token)-1]
	if !slices.Contains(inner, '\\') {
		return string(inner)
	}
	var s string
	if json.Unmarshal(token, &s) != nil {
		return string(inner) // never: proof.ParseBody has taken it
	}
	return s
}

func unescape(pointer string) string {
	return strings.ReplaceAll(strings.ReplaceAll(pointer, "~1", "/"), "~0", "~")
}
