package redact

import (
	"bytes"
	"encoding/base64"
	"iter"
	"strings"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of the walk.
const (
	maxNested = 4  // JSON in strings in JSON is looked into that often; deeper it is text
	maxPeek   = 32 // objects nested deeper are not looked at as a whole before their members
)

// A walker goes through one JSON value, src, and copies it with marks in place
// of what is replaced. It copies nothing as long as nothing is.
type walker struct {
	*job
	src    []byte
	out    []byte
	done   int      // src[:done] is in out
	names  []string // of the members that the value at hand lies in, also through strings
	nested int      // how many strings src lies in
	schema bool     // src is an event in the schema
	peeks  bool     // some objects are about a name and value, or a Kubernetes Secret
}

// run returns the result; nil if nothing was replaced.
func (w *walker) run() []byte {
	for _, part := range []string{`alue"`, `ALUE"`, "Secret", `\u`} {
		w.peeks = w.peeks || bytes.Contains(w.src, []byte(part))
	}
	w.value(skip(w.src, 0), scope{})
	if w.out == nil {
		return nil
	}
	return append(w.out, w.src[w.done:]...)
}

// replace puts text in place of src[from:to].
func (w *walker) replace(from, to int, text []byte) {
	if w.out == nil {
		w.out = make([]byte, 0, len(w.src)+256)
	}
	w.out = append(append(w.out, w.src[w.done:from]...), text...)
	w.done = to
}

// A scope is what is known of a value by where it lies.
type scope struct {
	rule   *rule  // for every scalar in it; nil: none
	name   string // of the member, if it has one, or of the list in which it lies
	within *rule  // built-in rule that the name of the object means
	secret bool   // in a Kubernetes Secret
}

// value goes through the value at i and returns where it ends.
func (w *walker) value(i int, s scope) int {
	switch c := w.src[i]; {
	case c == '{':
		return w.object(i, s)
	case c == '[':
		for i = skip(w.src, i+1); w.src[i] != ']'; i = skip(w.src, i) {
			if w.src[i] == ',' {
				i = skip(w.src, i+1)
			}
			i = w.value(i, s)
		}
		return i + 1
	case c == '"':
		end := stringEnd(w.src, i) + 1
		w.string(i, end, s)
		return end
	case c == '-' || isDigit(c):
		end := scalarEnd(w.src, i)
		w.number(i, end, s)
		return end
	}
	return scalarEnd(w.src, i)
}

func (w *walker) object(i int, s scope) int {
	about := w.peek(i, s)
	if r := s.rule; r != nil && r.builtin && r.name != ruleKubernetes { // of a list: "cookies": [{…}]
		s.rule, s.within = nil, r
	}
	for i = skip(w.src, i+1); w.src[i] != '}'; i = skip(w.src, i) {
		if w.src[i] == ',' {
			i = skip(w.src, i+1)
		}
		end := stringEnd(w.src, i) + 1
		name := unquote(w.src[i:end])
		value := skip(w.src, skip(w.src, end)+1)
		w.names = append(w.names, name)
		i = w.member(value, w.scopeOf(name, value, s, about))
		w.names = w.names[:len(w.names)-1]
	}
	return i + 1
}

// member goes through the value of the member that names ends with.
func (w *walker) member(i int, s scope) int {
	if s.rule != nil && s.rule.do == leave || w.schema && protected(w.names) {
		return valueEnd(w.src, i)
	}
	if w.schema && w.src[i] == '"' && len(w.names) == 1 && s.name == "raw" && w.base64() {
		end := stringEnd(w.src, i) + 1
		w.raw(i, end)
		return end
	}
	return w.value(i, s)
}

// protected reports whether a field of an event in the schema is never touched.
func protected(names []string) bool {
	switch names[0] {
	case "id", "source", "schema", "action", "category", "outcome", "occurred_at", "raw_encoding":
		return len(names) == 1
	case "actor":
		return len(names) == 2 && names[1] == "type"
	}
	return false
}

// about is what the members of an object say of each other.
type about struct {
	pair   *rule // of "value", by what stands as "name"
	secret bool  // it is a Kubernetes Secret, or a list of them
}

// peek looks at an object's members before they are gone through: {"name":
// "DB_PASSWORD", "value": …}, {"kind": "Secret", "data": …}.
func (w *walker) peek(i int, s scope) (a about) {
	a.secret = s.secret
	if !w.peeks || len(w.names) > maxPeek {
		return a
	}
	for name, value := range members(w.src[i:]) {
		if len(value) < 3 || value[0] != '"' || len(value) > maxName+2 {
			continue
		}
		switch {
		case strings.EqualFold(name, "kind"):
			kind := string(value)
			a.secret = a.secret || kind == `"Secret"` || kind == `"SecretList"`
		case strings.EqualFold(name, "name"), strings.EqualFold(name, "key"):
			if r := secretName(unquote(value)); r != "" {
				a.pair = w.prog.byName[r]
			}
		}
	}
	return a
}

// scopeOf says what is known of the member name, the value of which begins at
// i, of an object in s.
func (w *walker) scopeOf(name string, i int, s scope, a about) scope {
	in := scope{rule: s.rule, name: name, secret: a.secret}
	if own := w.own(); own != nil {
		in.rule = own
	}
	if in.rule != nil {
		return in
	}
	plain := strings.EqualFold(name, "value")
	switch container := w.src[i] == '{'; {
	case a.secret && (name == "data" || name == "stringData"):
		in.rule = w.prog.byName[ruleKubernetes]
	case plain && a.pair != nil && !container:
		in.rule = a.pair
	case s.within != nil && !container && (plain || strings.EqualFold(name, "hash") || strings.EqualFold(name, "plaintext")):
		in.rule = s.within
	default:
		r := w.prog.byName[secretName(name)]
		if container { // "authorization": {"action": …} is none; "password": {"value": …} is one
			in.within = r
		} else {
			in.rule = r
		}
	}
	return in
}

// own returns the first rule of the policy's file that is about the value of
// the member that names ends with.
func (w *walker) own() *rule {
	for _, r := range w.prog.paths {
		if r.pattern == nil && r.means(w.names) {
			return r
		}
	}
	return nil
}

// number replaces a number that a rule means: it becomes a string.
func (w *walker) number(i, end int, s scope) {
	token := string(w.src[i:end])
	r := s.rule
	if r != nil && r.builtin && r.name != rulePassword && r.name != ruleCard {
		r = nil // a count of tokens
	}
	if r == nil && end-i >= minCard && w.prog.byName[ruleCard] != nil {
		cards(token, s.name, func(from, to int) {
			if to-from == len(token) {
				r = w.prog.byName[ruleCard]
			}
		})
	}
	if r != nil {
		w.replace(i, end, quote(w.mark(r, token)))
	}
}

// string replaces what rules mean in the string src[i:end].
func (w *walker) string(i, end int, s scope) {
	token := w.src[i:end]
	value := unquote(token)
	if s.rule == nil && !w.prog.maybe(token) && !w.meant() && !w.echoes(value) {
		return
	}
	if r := s.rule; r != nil && (value == "" || isMark(value)) {
		return
	} else if r != nil && (!r.builtin || r.name == ruleKubernetes || isSecret(r.name, s.name, value)) {
		w.replace(i, end, quote(w.address(r, value)))
		return
	} // what is named like a secret and is none can still have one in it
	if changed := w.inner(value); changed != nil {
		w.replace(i, end, quote(w.kept(string(changed))))
	}
}

// address is mark, for fields of the schema that must stay an address.
func (w *walker) address(r *rule, value string) string {
	m := w.mark(r, value)
	if w.schema && len(w.names) == 2 && r.do == mask {
		return w.kept(m)
	}
	return m
}

// kept returns s, or what stands for it in a field that must stay an address.
func (w *walker) kept(s string) string {
	if !w.schema || len(w.names) != 2 || !strings.Contains(s, "[masked:") && !strings.Contains(s, "[token:") {
		return s
	}
	switch w.names[0] + "." + w.names[1] {
	case "actor.email":
		return maskedEmail
	case "where.ip":
		return maskedIP
	}
	return s
}

// inner redacts the text of a string: JSON in it as such.
func (w *walker) inner(value string) []byte {
	if b := []byte(value); w.nested < maxNested && isJSON(b) {
		in := walker{job: w.job, src: b, names: w.names, nested: w.nested + 1}
		return in.run()
	}
	return w.text(value, w.names)
}

// meant reports whether a pattern is for the member that names ends with.
func (w *walker) meant() bool {
	for _, r := range w.prog.paths {
		if r.pattern != nil && r.means(w.names) {
			return true
		}
	}
	return false
}

// base64 reports whether the raw of the event in the schema is in base64.
func (w *walker) base64() bool {
	for name, value := range members(w.src) {
		if name == "raw_encoding" {
			return unquote(value) == "base64"
		}
	}
	return false
}

// raw redacts a raw that is in base64, for what it stands for.
func (w *walker) raw(i, end int) {
	b, err := base64.StdEncoding.DecodeString(unquote(w.src[i:end]))
	if err != nil {
		return
	}
	w.pieces = true // nobody sees from outside what is in it
	in := walker{job: w.job, nested: w.nested}
	if changed := in.inner(string(b)); changed != nil {
		w.replace(i, end, quote(base64.StdEncoding.EncodeToString(changed)))
	}
}

// members yields the members of an object that is valid JSON, or of one that
// b begins with.
func members(b []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		i := skip(b, 0)
		if b[i] != '{' {
			return
		}
		for i = skip(b, i+1); b[i] != '}'; i = skip(b, i) {
			if b[i] == ',' {
				i = skip(b, i+1)
			}
			end := stringEnd(b, i) + 1
			value := skip(b, skip(b, end)+1)
			stop := valueEnd(b, value)
			if !yield(unquote(b[i:end]), b[value:stop]) {
				return
			}
			i = stop
		}
	}
}

// skip returns where the white space at i ends.
func skip(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns where the closing quote of the string at i stands.
func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

func scalarEnd(b []byte, i int) int {
	for i < len(b) && (isWord(b[i]) || b[i] == '.' || b[i] == '+') {
		i++
	}
	return i
}

// valueEnd returns where the value at i ends.
func valueEnd(b []byte, i int) int {
	for depth := 0; ; i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			return scalarEnd(b, i)
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// unquote returns what a string token stands for. It may share its memory.
func unquote(token []byte) string {
	inner := token[1 : len(token)-1]
	if len(inner) == 0 {
		return ""
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return unsafe.String(&inner[0], len(inner))
	}
	b, _ := jsontext.AppendUnquote(nil, token) // what is not UTF-8 becomes U+FFFD
	return string(b)
}

func quote(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s) // what is not UTF-8 becomes U+FFFD
	return b
}
