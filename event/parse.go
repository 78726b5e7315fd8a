package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays of a body may nest, the body itself
// being depth 1. Package proof has the same limit.
const maxDepth = 16

// Parse returns the event that body, one JSON object, describes. It is
// [FromFields] for those who have only the bytes, and costs several times as
// much; the event has its Detail and shares memory with body. Schema violations
// are a *Refusal; other errors mean that body is not JSON as the trail takes it.
func Parse(body []byte) (Event, error) {
	if !utf8.Valid(body) {
		return Event{}, errors.New("parse event: not valid UTF-8")
	}
	if !json.Valid(body) {
		var v json.RawMessage
		return Event{}, fmt.Errorf("parse event: %w", json.Unmarshal(body, &v))
	}
	p := parser{body: body}
	if p.skip(); p.body[p.pos] != '{' {
		return Event{}, &Refusal{"", describe(p.body[p.pos:]), "a JSON object"}
	}
	if err := p.value("", 1); err != nil {
		return Event{}, err
	}
	if len(p.detail) > 0 && p.detail[0] != '{' && string(p.detail) != "null" {
		return Event{}, &Refusal{"detail", describe(p.detail), wantDetail}
	}
	e, err := FromFields(p.fields)
	if err != nil {
		return Event{}, err
	}
	if len(p.detail) > 0 && p.detail[0] == '{' {
		e.Detail = p.detail
	}
	return e, nil
}

// parser cuts a body that is known to be valid JSON into its fields.
type parser struct {
	body   []byte
	pos    int
	fields []Field
	detail []byte
}

// value reads the value at pos. Its fields get pointers that begin with pointer.
func (p *parser) value(pointer string, depth int) error {
	start, mark := p.pos, len(p.fields)
	var err error
	switch p.body[p.pos] {
	case '{':
		err = p.object(pointer, depth)
	case '[':
		err = p.array(pointer, depth)
	case '"':
		p.token()
		if _, ok := unquote(p.body[start:p.pos]); !ok {
			err = &Refusal{dotted(pointer), "half of a surrogate pair in an escape", "valid Unicode"}
		}
	default:
		p.token()
	}
	if err != nil {
		return err
	}
	// An array that holds only scalars is one field: those of its elements, if
	// any, are taken back.
	if v := p.body[start:p.pos]; len(p.fields) == mark || v[0] == '[' && p.flat(mark, pointer) {
		p.fields = append(p.fields[:mark], Field{pointer, v})
	}
	if pointer == "/detail" {
		p.detail = p.body[start:p.pos]
	}
	return nil
}

// flat reports whether the fields from mark on are all scalar elements of the
// array at pointer.
func (p *parser) flat(mark int, pointer string) bool {
	for _, f := range p.fields[mark:] {
		if strings.Contains(f.Pointer[len(pointer)+1:], "/") || f.Value[0] == '{' || f.Value[0] == '[' {
			return false
		}
	}
	return true
}

func (p *parser) object(pointer string, depth int) error {
	if depth > maxDepth {
		return &Refusal{dotted(pointer), "more than 16 levels of nesting", "at most 16"}
	}
	names := map[string]bool{}
	p.pos++
	for p.skip(); p.body[p.pos] != '}'; p.skip() {
		start := p.pos
		p.token()
		name, ok := unquote(p.body[start:p.pos])
		if !ok || strings.IndexByte(name, 0) >= 0 {
			return &Refusal{dotted(pointer), "a member name that is not text", "valid Unicode without NUL"}
		}
		inner := pointer + "/" + pointerPart(name)
		if names[name] {
			return &Refusal{dotted(inner), "the member twice", "each member once"}
		}
		names[name] = true
		p.skip()
		p.pos++ // colon
		p.skip()
		if err := p.value(inner, depth+1); err != nil {
			return err
		}
		if p.skip(); p.body[p.pos] == ',' {
			p.pos++
		}
	}
	p.pos++
	return nil
}

func (p *parser) array(pointer string, depth int) error {
	if depth > maxDepth {
		return &Refusal{dotted(pointer), "more than 16 levels of nesting", "at most 16"}
	}
	p.pos++
	i := 0
	for p.skip(); p.body[p.pos] != ']'; p.skip() {
		if err := p.value(pointer+"/"+strconv.Itoa(i), depth+1); err != nil {
			return err
		}
		i++
		if p.skip(); p.body[p.pos] == ',' {
			p.pos++
		}
	}
	p.pos++
	return nil
}

// skip passes over white space.
func (p *parser) skip() {
	for p.pos < len(p.body) && strings.IndexByte(" \t\r\n", p.body[p.pos]) >= 0 {
		p.pos++
	}
}

// token passes over a string, number or literal.
func (p *parser) token() {
	if p.body[p.pos] != '"' {
		for p.pos < len(p.body) && strings.IndexByte(",:]} \t\r\n", p.body[p.pos]) < 0 {
			p.pos++
		}
		return
	}
	for p.pos++; p.body[p.pos] != '"'; p.pos++ {
		if p.body[p.pos] == '\\' {
			p.pos++
		}
	}
	p.pos++
}

// pointerPart writes a member's name as a part of a JSON pointer (RFC 6901).
func pointerPart(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
