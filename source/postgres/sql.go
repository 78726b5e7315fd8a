package postgres

import "strings"

// maxTokens is how much of a statement is looked at.
const maxTokens = 4000

// token is a word of SQL. Names in quotes and strings are not keywords, whatever
// they say.
type token struct {
	text   string
	quoted bool
	str    bool
}

func (t token) is(keyword string) bool {
	return !t.quoted && !t.str && strings.EqualFold(t.text, keyword)
}

// statements parts SQL into statements of tokens, comments left out; all is false
// if there are more than it looked at.
func statements(sql string) (list [][]token, all bool) {
	var current []token
	for n := 0; sql != ""; n++ {
		if n == maxTokens {
			return list, false
		}
		t, rest, kind := next(sql)
		sql = rest
		switch kind {
		case kindEnd:
			if len(current) > 0 {
				list = append(list, current)
			}
			current = nil
		case kindWord, kindName, kindString, kindSign:
			current = append(current, token{text: t, quoted: kind == kindName, str: kind == kindString})
		}
	}
	if len(current) > 0 {
		list = append(list, current)
	}
	return list, true
}

type kind byte

const (
	kindSpace kind = iota // or a comment
	kindWord
	kindName   // in quotes
	kindString // in apostrophes or dollars
	kindSign
	kindEnd // of a statement
)

// next takes one token off.
func next(s string) (t, rest string, k kind) {
	switch c := s[0]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return "", strings.TrimLeft(s, " \t\r\n"), kindSpace
	case strings.HasPrefix(s, "--"):
		_, rest, _ = strings.Cut(s, "\n")
		return "", rest, kindSpace
	case strings.HasPrefix(s, "/*"):
		return "", afterComment(s), kindSpace
	case c == ';':
		return "", s[1:], kindEnd
	case c == '"':
		t, rest = quotedBy(s, '"')
		return t, rest, kindName
	case c == '\'':
		t, rest = quotedBy(s, '\'')
		return t, rest, kindString
	case c == '$':
		if end := strings.IndexByte(s[1:], '$'); end >= 0 && isWord(s[1:end+1]) {
			tag := s[:end+2]
			t, rest, _ = strings.Cut(s[len(tag):], tag)
			return t, rest, kindString
		}
		return "$", s[1:], kindSign
	case (c == 'e' || c == 'E') && strings.HasPrefix(s[1:], "'"):
		return "", afterEscaped(s), kindString
	case wordByte(c):
		n := 1
		for n < len(s) && (wordByte(s[n]) || s[n] == '.' || s[n] == '$') {
			n++
		}
		return s[:n], s[n:], kindWord
	}
	return s[:1], s[1:], kindSign
}

// afterComment returns what follows a comment, which may hold others.
func afterComment(s string) string {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			i++
			if depth--; depth == 0 {
				return s[i+1:]
			}
		}
	}
	return ""
}

func quotedBy(s string, quote byte) (text, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		return b.String(), s[i+1:]
	}
	return b.String(), ""
}

// afterEscaped returns what follows E'…', in which a backslash escapes.
func afterEscaped(s string) string {
	for i := 2; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			if i+1 == len(s) || s[i+1] != '\'' {
				return s[i+1:]
			}
			i++
		}
	}
	return ""
}

func wordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

func isWord(s string) bool {
	for i := range len(s) {
		if !wordByte(s[i]) {
			return false
		}
	}
	return true
}

// command returns the words with which a statement begins, as PostgreSQL's command
// tags have them: CREATE TABLE. Words that only modify are left out.
func command(t []token) string {
	var words []string
	for _, w := range t {
		if w.quoted || w.str || !isWord(w.text) || len(words) == 3 {
			break
		}
		upper := strings.ToUpper(w.text)
		switch upper {
		case "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "OR", "REPLACE", "GLOBAL", "LOCAL":
			continue
		case "USER", "GROUP":
			upper = "ROLE"
		}
		words = append(words, upper)
	}
	for n := len(words); n > 0; n-- {
		if _, ok := actions["AUDIT "+strings.Join(words[:n], " ")]; ok {
			return strings.Join(words[:n], " ")
		}
	}
	if len(words) > 0 && (words[0] == "CREATE" || words[0] == "ALTER" || words[0] == "DROP") {
		return strings.Join(words[:min(2, len(words))], " ")
	}
	return strings.Join(words[:min(1, len(words))], " ")
}

// only returns the one statement of sql that begins with the keyword; nil if there
// are several: which of them was meant, the log does not say.
func only(sql, keyword string) (found []token) {
	list, all := statements(sql)
	for _, t := range list {
		if !t[0].is(keyword) {
			continue
		}
		if found != nil || !all {
			return nil
		}
		found = t
	}
	return found
}

// grant returns the roles that GRANT or REVOKE is about, none if it is about
// privileges on an object, and those that get or lose them.
func grant(t []token) (roles, members []string) {
	on, to := false, false
	for _, w := range t[1:] {
		switch {
		case w.is("ON"):
			on, roles = true, nil
		case w.is("TO") || w.is("FROM"):
			to = true
		case w.is("WITH") || w.is("GRANTED") || w.is("CASCADE") || w.is("RESTRICT"):
			return roles, members
		case w.str || w.text == "," || w.is("ADMIN") || w.is("OPTION") || w.is("FOR") || w.is("INHERIT") || w.is("GROUP"):
		case to:
			members = append(members, w.folded())
		case !on:
			roles = append(roles, w.folded())
		}
	}
	return roles, members
}

// role returns the name that CREATE, ALTER or DROP ROLE is about.
func role(t []token) string {
	for i, w := range t {
		if i < 2 || w.is("IF") || w.is("EXISTS") || w.is("NOT") {
			continue
		}
		return w.folded()
	}
	return ""
}

// folded is a name as PostgreSQL knows it: in lower case, unless it is in quotes.
func (t token) folded() string {
	if t.quoted {
		return t.text
	}
	return strings.ToLower(t.text)
}

// has reports whether the words stand in a statement one after the other.
func has(t []token, words ...string) bool {
	for i := 0; i+len(words) <= len(t); i++ {
		n := 0
		for n < len(words) && t[i+n].is(words[n]) {
			n++
		}
		if n == len(words) {
			return true
		}
	}
	return false
}
