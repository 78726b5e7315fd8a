package mapping

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/evident/event"
	"example.com/evident/source"
)

// input is a raw event: a JSON object, or texts by name.
type input struct {
	object []byte
	texts  map[string]string
	vars   map[string]any // for expressions, made when the first is evaluated
}

// A value is where a text comes from: the first of its choices that is not empty.
type value []choice

// choice is one of: constant, path, expression.
type choice struct {
	constant string
	path     []string
	cel      *expression
}

func (v value) text(in *input) (string, error) {
	for _, c := range v {
		s, err := c.text(in)
		if err != nil || s != "" {
			return s, err
		}
	}
	return "", nil
}

func (c *choice) text(in *input) (string, error) {
	switch {
	case c.cel != nil:
		return c.cel.text(in)
	case c.path != nil && in.texts != nil:
		return in.texts[c.path[0]], nil
	case c.path != nil:
		return source.Text(find(in.object, c.path)), nil
	}
	return c.constant, nil
}

// token returns the JSON token that a value is, if it is one path that leads to
// something other than text and small enough for detail.
func (v value) token(in *input) []byte {
	if len(v) != 1 || v[0].path == nil || in.object == nil {
		return nil
	}
	t := find(in.object, v[0].path)
	if len(t) == 0 || t[0] == '"' || string(t) == "null" || len(t) > event.MaxStringBytes || !utf8.Valid(t) {
		return nil
	}
	return t
}

// find follows a path into an object. A number is the place in an array.
func find(v []byte, path []string) []byte {
	for _, step := range path {
		if len(v) == 0 {
			return nil
		}
		var next []byte
		if v[0] == '[' {
			n, err := strconv.Atoi(step)
			i := 0
			for element := range source.Elements(v) {
				if err == nil && i == n {
					next = element
					break
				}
				i++
			}
		} else {
			for name, member := range source.Members(v) {
				if name == step {
					next = member
					break
				}
			}
		}
		v = next
	}
	return v
}

// variables returns what expressions see as event.
func (in *input) variables() map[string]any {
	if in.vars == nil {
		var e any = in.texts
		if in.texts == nil {
			e = decode(in.object, 0)
		}
		in.vars = map[string]any{"event": e}
	}
	return in.vars
}

// decode makes Go values of a token. Whole numbers that fit are int64; larger ones
// stay text, so that no digit is lost.
func decode(v []byte, depth int) any {
	if len(v) == 0 || depth > maxDepth {
		return nil
	}
	switch v[0] {
	case '{':
		m := map[string]any{}
		for name, member := range source.Members(v) {
			m[name] = decode(member, depth+1)
		}
		return m
	case '[':
		list := []any{}
		for element := range source.Elements(v) {
			list = append(list, decode(element, depth+1))
		}
		return list
	case '"':
		return source.Text(v)
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	s := string(v)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if strings.Trim(s, "-0123456789") == "" {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return f
}
