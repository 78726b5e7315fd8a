package linux

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFields is how many fields of one audit record are looked at.
const maxFields = 4096

// A record is one audit record: what the kernel says of the process, and what a
// program added in msg='…'. The latter may claim what it likes, so the two are
// kept apart.
type record struct {
	kind   string
	kernel fields
	user   fields
	names  fields // of an enriched log: AUID="ana"
	text   string // words of msg that are no fields
}

// fields has the first value of each name, decoded; of res the last, since what
// writes the verdict writes it behind all that a stranger could choose.
type fields map[string]string

// enriched separates what auditd resolved from what the kernel wrote.
const enriched = "\x1d"

func parseRecord(kind, text string) record {
	r := record{kind: kind}
	text, names, _ := strings.Cut(text, enriched)
	r.names, _ = parseFields(kind, names)
	if i := strings.Index(text, "msg='"); i >= 0 {
		inner := text[i+len("msg='"):]
		if end := strings.LastIndexByte(inner, '\''); end >= 0 {
			inner = inner[:end]
		}
		r.user, r.text = parseFields(kind, inner)
		text = text[:i]
	}
	var words string
	if r.kernel, words = parseFields(kind, text); r.text == "" {
		r.text = words
	}
	return r
}

// get returns a field that either may have; the kernel's counts.
func (r *record) get(name string) string {
	if v, ok := r.kernel[name]; ok {
		return v
	}
	return r.user[name]
}

// said returns a field of msg='…', or of a record that has none: what a program
// or the kernel says of the matter itself.
func (r *record) said(name string) string {
	v, ok := r.user[name]
	if !ok {
		v = r.kernel[name]
	}
	if v == "?" || v == "(none)" || v == "(null)" {
		return ""
	}
	return v
}

// parseFields reads name=value pairs. A value is quoted, or ends at white space;
// what is neither is text.
func parseFields(kind, s string) (f fields, text string) {
	f = fields{}
	var words []string
	for range maxFields {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			break
		}
		end := strings.IndexAny(s, " =\t")
		if end < 0 || s[end] != '=' {
			var w string
			if w, s, _ = strings.Cut(s, " "); w != "" {
				words = append(words, w)
			}
			continue
		}
		name := s[:end]
		value, rest := cutValue(s[end+1:])
		if s = rest; f[name] == "" || name == "res" {
			f[name] = decode(kind, name, value)
		}
	}
	return f, strings.Join(words, " ")
}

// cutValue takes a value off. A quoted one keeps its quotes for decode.
func cutValue(s string) (value, rest string) {
	if strings.HasPrefix(s, `"`) {
		if end := strings.IndexByte(s[1:], '"'); end >= 0 {
			return s[:end+2], s[end+2:]
		}
		return s, ""
	}
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

// decode takes off quotes, or the hexadecimal digits in which the kernel writes
// what has a space, a quote or other than ASCII in it.
func decode(kind, name, value string) string {
	if strings.HasPrefix(value, `"`) {
		return strings.Trim(value, `"`)
	}
	if !encoded(kind, name) || len(value) < 2 || len(value)%2 != 0 || strings.ToUpper(value) != value {
		return strings.TrimSuffix(value, ",")
	}
	b, err := hex.DecodeString(value)
	if err != nil {
		return value
	}
	return printable(string(b))
}

// encoded reports whether the kernel or libaudit encode a field's values.
func encoded(kind, name string) bool {
	switch name {
	case "acct", "cmd", "comm", "cwd", "data", "dir", "exe", "file", "key", "name", "new-name", "old-name", "path", "proctitle", "unit", "vm", "watch", "grp", "op_name", "sw", "root_dir":
		return true
	}
	return kind == "EXECVE" && len(name) > 1 && name[0] == 'a' && strings.Trim(name[1:], "0123456789") == ""
}

// printable shows text with its zero bytes, which part arguments, as spaces, and
// other control characters as U+FFFD.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 0:
			return ' '
		case r == utf8.RuneError || unicode.IsControl(r) && r != '\n' && r != '\t':
			return utf8.RuneError
		}
		return r
	}, strings.TrimRight(s, "\x00"))
}
