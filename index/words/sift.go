package words

import (
	"bytes"
	"slices"
	"strings"

	"example.com/evident/proof"
)

// Possible reports whether a record with this body may match e; true if that
// cannot be told by a look at the bytes.
func Possible(e *proof.Expr, body []byte) bool {
	may := func(arg proof.Expr) bool { return Possible(&arg, body) }
	switch e.Op {
	case "all":
		return !slices.ContainsFunc(e.Args, func(arg proof.Expr) bool { return !may(arg) })
	case "any":
		return slices.ContainsFunc(e.Args, may)
	case "text":
		return mayHold(body, longestWord([]byte(e.Value)))
	case "is":
		if slices.ContainsFunc(e.Fields, func(f string) bool { return f[0] != '/' }) {
			return true // the body need not say what the header says
		}
		if !slices.ContainsFunc(e.Fields, func(f string) bool { return mayName(body, f) }) {
			return false
		}
		return !slices.ContainsFunc(Literals(e.Value), func(part []byte) bool { return !mayHold(body, longestWord(part)) })
	}
	return true
}

// longestWord is the longest run of word characters in b, in lower case: those
// stand in a body as they are, or as \u escapes.
func longestWord(b []byte) []byte {
	words := bytes.FieldsFunc(b, func(r rune) bool { return r < 0x80 && wordClass[byte(r)] == 0 })
	if len(words) == 0 {
		return nil
	}
	return AppendFolded(nil, slices.MaxFunc(words, func(a, b []byte) int { return len(a) - len(b) }))
}

// mayName reports whether body may have a field with this pointer: it has the
// last of its names that is one, as it stands or with an escape.
func mayName(body []byte, pointer string) bool {
	for rest := pointer; rest != ""; {
		i := strings.LastIndexByte(rest, '/')
		name := rest[i+1:]
		if rest = rest[:max(i, 0)]; name == "*" || strings.Trim(name, "0123456789") == "" {
			continue // any name, or a place in an array
		}
		escaped := func(r rune) bool { return r < ' ' || r == '~' || r == '\\' || r == '"' }
		return strings.ContainsFunc(name, escaped) || bytes.Contains(body, []byte(`"`+name+`"`)) || bytes.Contains(body, []byte(`\u`))
	}
	return true
}

func mayHold(body, word []byte) bool {
	return len(word) == 0 || containsFold(body, word) || bytes.Contains(body, []byte(`\u`))
}

// frequent are the characters of JSON events from the most frequent on, more or less.
const frequent = "eitaonrsc0d1l2um345p6789fgbvhyw_kxjqz"

// containsFold reports whether word, which is in lower case, is in body in any
// case. It looks for the rarest character of word.
func containsFold(body, word []byte) bool {
	rarest, rank := 0, -1
	for i, c := range word {
		r := bytes.IndexByte([]byte(frequent), c)
		if r < 0 {
			r = len(frequent)
		}
		if r > rank {
			rarest, rank = i, r
		}
	}
	lower := word[rarest]
	if containsAt(body, word, rarest, lower) {
		return true
	}
	if lower < 'a' || lower > 'z' {
		return false
	}
	return containsAt(body, word, rarest, lower-('a'-'A'))
}

// containsAt looks for places where the character at of word is spelled c.
func containsAt(body, word []byte, at int, c byte) bool {
	for p := at; p < len(body); p++ {
		i := bytes.IndexByte(body[p:], c)
		if i < 0 {
			return false
		}
		if p += i; p-at+len(word) <= len(body) && equalFold(body[p-at:], word) {
			return true
		}
	}
	return false
}

// equalFold reports whether b begins with word, which is in lower case.
func equalFold(b, word []byte) bool {
	for i, c := range word {
		d := b[i]
		if 'A' <= d && d <= 'Z' {
			d += 'a' - 'A'
		}
		if d != c {
			return false
		}
	}
	return true
}
