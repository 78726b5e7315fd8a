package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Expr is a filter (format.md section 6.8): a tree of "all", "any" and "not"
// over clauses "is", "cidr", "from", "until" and "text". A zero Expr is none;
// everything is Expr{Op: "all"}.
type Expr struct {
	Op     string   `json:"op"`
	Args   []Expr   `json:"args,omitempty"`
	Fields []string `json:"fields,omitempty"`
	Value  string   `json:"value,omitempty"`
}

// Truth is what a filter says of a record (Kleene's logic). Their order makes
// "all" the least of its arguments and "any" the greatest.
type Truth int8

// What a filter can say of a record. Unknown: what decides it is withheld.
const (
	False Truth = iota
	Unknown
	True
)

// View is what is disclosed of a body. The zero value is a body without fields;
// a nil View is a header alone, of whose body nothing is known.
type View struct {
	Fields   []Field
	Withheld int // number of fields that are not in Fields
}

// UnmarshalJSON reads an expression, each member in its one spelling and at most
// once. Members that are empty may be there or not.
func (e *Expr) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	*e = Expr{}
	into := map[string]any{"op": &e.Op, "args": &e.Args, "fields": &e.Fields, "value": &e.Value}
	for name, value := range members {
		to, ok := into[name]
		if !ok || string(value) == "null" {
			return fmt.Errorf("parse expression: unknown member %q", name)
		}
		if err := json.Unmarshal(value, to); err != nil {
			return err
		}
	}
	return nil
}

// Validate reports whether e is an expression of section 6.8, within its limits.
func (e *Expr) Validate() error {
	nodes := 0
	return e.validate(1, &nodes)
}

func (e *Expr) validate(depth int, nodes *int) error {
	if *nodes++; depth > 32 || *nodes > 512 {
		return errors.New("check expression: deeper than 32 or more than 512 nodes")
	}
	ok := len(e.Value) <= 4096
	switch e.Op {
	case "all", "any", "not":
		ok = len(e.Fields) == 0 && e.Value == "" && (e.Op != "not" || len(e.Args) == 1)
	case "is":
		ok = ok && len(e.Fields) > 0
	case "cidr":
		_, err := netip.ParsePrefix(e.Value)
		ok = len(e.Fields) > 0 && err == nil
	case "from", "until":
		_, err := ParseTime(e.Value)
		ok = len(e.Fields) == 1 && (e.Fields[0] == "at" || e.Fields[0] == "/occurred_at") && err == nil
	case "text":
		word, _, _ := e.word()
		ok = ok && len(e.Fields) == 0 && word != ""
	default:
		ok = false
	}
	if !ok || e.isClause() && len(e.Args) > 0 || slices.ContainsFunc(e.Fields, func(f string) bool { return !isHeaderName(f) && !validPointer(f) }) {
		return fmt.Errorf("check expression: %q has members that it cannot have, or lacks one", e.Op)
	}
	for i := range e.Args {
		if err := e.Args[i].validate(depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}

func (e *Expr) isClause() bool { return e.Op != "all" && e.Op != "any" && e.Op != "not" }

func isHeaderName(field string) bool {
	return slices.Contains([]string{"source", "category", "action", "outcome", "at", "seq", "sseq", "id"}, field)
}

// clauses returns the leaves of the tree, from left to right.
func (e *Expr) clauses() []*Expr {
	if e.isClause() {
		return []*Expr{e}
	}
	var all []*Expr
	for i := range e.Args {
		all = append(all, e.Args[i].clauses()...)
	}
	return all
}

// headerOnly reports whether headers alone decide the clause.
func (e *Expr) headerOnly() bool {
	return e.Op != "text" && !slices.ContainsFunc(e.Fields, func(f string) bool { _, ok := new(Header).value(f); return !ok })
}

// String writes e for people. Unlike the text that somebody typed, it is made
// from what is evaluated.
func (e *Expr) String() string {
	if e.Op == "all" && len(e.Args) == 0 {
		return "everything"
	}
	return e.write()
}

func (e *Expr) write() string {
	var inner []string
	for i := range e.Args {
		inner = append(inner, e.Args[i].write())
	}
	if e.isClause() {
		var fields []string
		for _, f := range e.Fields {
			if strings.Trim(f, fieldChars) != "" {
				f = quoted(f)
			}
			fields = append(fields, f)
		}
		inner = []string{strings.TrimLeft(strings.Join(fields, "|")+" "+quoted(e.Value), " ")}
	}
	return e.Op + "(" + strings.Join(inner, ", ") + ")"
}

// fieldChars are those of a field that is written without quotes: one pointer
// must not be taken for two, nor for a pointer and a value.
const fieldChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.~*@:-"

// quoted writes s in quotes; and, where it has characters that a reader could
// take for others, by their numbers too. Who asks for what looks like a name and
// is none would find nothing, and prove it.
func quoted(s string) string {
	s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	var exact strings.Builder
	plain := true
	for _, r := range s {
		if r < ' ' || r > '~' || r == '<' {
			plain = plain && r == '<'
			fmt.Fprintf(&exact, "<U+%04X>", r)
		} else {
			exact.WriteRune(r)
		}
	}
	if plain {
		return s
	}
	return clean(s) + " = " + exact.String()
}

// Eval says whether e holds of the record with header h, of which v is known.
// It is never False or True if what is withheld could make it otherwise.
func (e *Expr) Eval(h *Header, v *View) Truth {
	switch e.Op {
	case "all":
		t := True
		for i := 0; i < len(e.Args) && t != False; i++ {
			t = min(t, e.Args[i].Eval(h, v))
		}
		return t
	case "any":
		t := False
		for i := 0; i < len(e.Args) && t != True; i++ {
			t = max(t, e.Args[i].Eval(h, v))
		}
		return t
	case "not":
		return True - e.Args[0].Eval(h, v)
	case "from", "until":
		at, limit := h.At, e.Value
		if e.Fields[0] == "/occurred_at" {
			at = h.OccurredAt
		}
		t, err := time.Parse(time.RFC3339Nano, limit)
		return truth(err == nil && at.Before(t) == (e.Op == "until"))
	case "text":
		return e.evalText(v)
	}
	return e.evalFields(h, v)
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// evalFields evaluates "is" and "cidr": one value that matches is enough, and
// only fields that are all there can say that none does.
func (e *Expr) evalFields(h *Header, v *View) Truth {
	open := false // a field that could still match is not disclosed
	for _, field := range e.Fields {
		if value, ok := h.value(field); ok {
			if e.matches(value) {
				return True
			}
			continue
		}
		if v == nil {
			open = true
			continue
		}
		exact := !slices.Contains(strings.Split(field, "/"), "*")
		found := false
		for i := range v.Fields {
			if f := &v.Fields[i]; f.Pointer == field || !exact && matchPointer(field, f.Pointer) {
				found = true
				if anyValue(f.Value, e.matches) {
					return True
				}
			}
		}
		open = open || v.Withheld > 0 && !(exact && found)
	}
	if open {
		return Unknown
	}
	return False
}

// value returns what the header itself says about a field.
func (h *Header) value(field string) (value []byte, ok bool) {
	var buf [64]byte
	switch field {
	case "source", "/source":
		return []byte(h.Source), true
	case "category", "/category":
		return []byte(h.Category), true
	case "action", "/action":
		return []byte(h.Action), true
	case "outcome", "/outcome":
		return []byte(h.Outcome), true
	case "/occurred_at":
		return AppendTime(buf[:0], h.OccurredAt), true
	case "at":
		return AppendTime(buf[:0], h.At), true
	case "seq":
		return strconv.AppendUint(buf[:0], h.Seq, 10), true
	case "sseq":
		return strconv.AppendUint(buf[:0], h.SSeq, 10), true
	case "id":
		return fmt.Appendf(buf[:0], "%x", h.ID), true
	}
	return nil, false
}

func (e *Expr) matches(value []byte) bool {
	if e.Op == "is" {
		return glob(e.Value, value)
	}
	network, err := netip.ParsePrefix(e.Value)
	ip, ipErr := netip.ParseAddr(string(value))
	return err == nil && ipErr == nil && network.Contains(ip.Unmap()) // no address with a zone is in any
}

// matchPointer compares part by part; a "*" stands for any one part.
func matchPointer(pattern, pointer string) bool {
	for {
		p, patternRest, more := strings.Cut(pattern, "/")
		q, pointerRest, moreToo := strings.Cut(pointer, "/")
		if p != q && p != "*" || more != moreToo {
			return false
		}
		if !more {
			return true
		}
		pattern, pointer = patternRest, pointerRest
	}
}

// anyValue reports whether one of the values of a token satisfies f: of an
// array each element, of a string what it stands for, of null and {} none.
func anyValue(token []byte, f func([]byte) bool) bool {
	switch token[0] {
	case '[':
		for element := range elements(token) {
			if anyValue(element, f) {
				return true
			}
		}
		return false
	case '{', 'n':
		return false
	case '"':
		s, ok := text(token)
		return ok && f(s)
	}
	return f(token)
}

func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// glob reports whether value matches pattern as a whole. After a mismatch it
// goes back to the last star only, so its cost is bounded by the product of the
// two lengths.
func glob(pattern string, value []byte) bool {
	p, v, star, mark := 0, 0, -1, 0
	for v < len(value) || p < len(pattern) {
		if p < len(pattern) {
			c, width := pattern[p], 1
			if c == '*' {
				star, mark = p, v
				p++
				continue
			}
			if c == '\\' && p+1 < len(pattern) && (pattern[p+1] == '*' || pattern[p+1] == '\\') {
				c, width = pattern[p+1], 2
			}
			if v < len(value) && fold(value[v]) == fold(c) {
				p += width
				v++
				continue
			}
		}
		if star < 0 || mark >= len(value) {
			return false
		}
		mark++
		p, v = star+1, mark
	}
	return true
}

// word returns what a text clause looks for, and whether it may go on in a word
// to its left and to its right (section 6.9).
func (e *Expr) word() (word string, left, right bool) {
	word, left = strings.CutPrefix(e.Value, "*")
	word, right = strings.CutSuffix(word, "*")
	return word, left, right
}

func (e *Expr) evalText(v *View) Truth {
	word, left, right := e.word()
	contains := func(value []byte) bool {
		for i := 0; i+len(word) <= len(value); i++ {
			end := i + len(word)
			if fold(value[i]) == fold(word[0]) && equalFold(value[i:end], word) &&
				(left || i == 0 || !inWord(word[0]) || !inWord(value[i-1])) &&
				(right || end == len(value) || !inWord(word[len(word)-1]) || !inWord(value[end])) {
				return true
			}
		}
		return false
	}
	if v == nil {
		return Unknown
	}
	for i := range v.Fields {
		if anyValue(v.Fields[i].Value, contains) {
			return True
		}
	}
	if v.Withheld > 0 {
		return Unknown
	}
	return False
}

func equalFold(a []byte, b string) bool {
	for i := range a {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

// inWord reports whether c is of a word: every byte of a character from U+0080
// is, since no alphabet but ours can be told from its bytes.
func inWord(c byte) bool {
	return c >= 0x80 || c == '_' || bytes.IndexByte([]byte("abcdefghijklmnopqrstuvwxyz0123456789"), fold(c)) >= 0
}
