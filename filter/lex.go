package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenOpen             // (
	tokenClose            // )
	tokenMinus            // - with something behind it
	tokenAnd              // AND
	tokenOr               // OR
	tokenNot              // NOT
	tokenClause           // key:value, or text
)

// A token is a word of the language. Key and value are as written, with their
// escapes but without quotes.
type token struct {
	kind    tokenKind
	at      int
	keyed   bool // there is a colon, and key stands before it
	key     string
	value   string
	valueAt int
	quoted  bool
}

// String says what was found, for a message.
func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenOpen:
		return `"("`
	case tokenClose:
		return `")"`
	case tokenMinus:
		return `"-"`
	case tokenAnd, tokenOr, tokenNot:
		return t.value
	}
	if t.keyed {
		return show(t.key + ":" + t.value)
	}
	return show(t.value)
}

// keywords are recognised in capitals only: whoever looks for the word "or"
// writes it small or in quotes.
var keywords = map[string]tokenKind{"AND": tokenAnd, "OR": tokenOr, "NOT": tokenNot}

const curlyQuotes = "“”„‟"

type lexer struct {
	text string
	at   int
}

// next returns the next token. After an error or tokenEnd it is not called again.
func (l *lexer) next() (token, *SyntaxError) {
	rest := strings.TrimLeftFunc(l.text[l.at:], unicode.IsSpace)
	l.at = len(l.text) - len(rest)
	t := token{at: l.at, valueAt: l.at}
	if rest == "" {
		return t, nil
	}
	switch rest[0] {
	case '(':
		t.kind = tokenOpen
		l.at++
	case ')':
		t.kind = tokenClose
		l.at++
	case '-':
		t.kind = tokenMinus
		l.at++
		return t, l.checkMinus()
	default:
		return l.clause(t)
	}
	return t, nil
}

// checkMinus refuses a minus that negates nothing. It would be no harm to drop
// it, but whoever wrote --force was looking for that text.
func (l *lexer) checkMinus() *SyntaxError {
	r, _ := utf8.DecodeRuneInString(l.text[l.at:])
	if l.at == len(l.text) || r == '-' || r == ')' || unicode.IsSpace(r) {
		return bad(l.at-1, `found "-" by itself, expected it right before what it excludes; quote text that begins with "-"`)
	}
	return nil
}

// clause reads key:value, key:"value", a word or a quoted phrase.
func (l *lexer) clause(t token) (token, *SyntaxError) {
	t.kind = tokenClause
	for l.at < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.at:])
		switch {
		case unicode.IsSpace(r) || r == ')':
			return l.endWord(t), nil
		case r == '"' && l.at == t.valueAt:
			return l.phrase(t)
		case r == '"':
			return t, bad(l.at, `found a quote within a word, expected it at the beginning of a value; write \" for the character itself`)
		case r == '(' && t.keyed && l.at == t.valueAt:
			return t, bad(l.at, `found "(" as a value; write (%[1]s:a OR %[1]s:b) for one of several values`, t.key)
		case r == '(':
			return t, bad(l.at, `found "(" within a word, expected a space before it, or quotes around the value`)
		case strings.ContainsRune(curlyQuotes, r):
			return t, bad(l.at, `found the curly quote %c, expected the plain one, "`, r)
		case r == ':' && !t.keyed:
			t.keyed, t.key, t.valueAt = true, l.text[t.at:l.at], l.at+1
		case r == '\\':
			l.at++
			if _, size = utf8.DecodeRuneInString(l.text[l.at:]); size == 0 {
				return t, bad(l.at-1, `found "\" at the end, expected a character behind it; write \\ for the character itself`)
			}
		}
		l.at += size
	}
	return l.endWord(t), nil
}

func (l *lexer) endWord(t token) token {
	t.value = l.text[t.valueAt:l.at]
	if kind, ok := keywords[t.value]; ok && !t.keyed {
		t.kind = kind
	}
	return t
}

// phrase reads a value in quotes, of which the first is at l.at.
func (l *lexer) phrase(t token) (token, *SyntaxError) {
	t.quoted, t.valueAt = true, l.at+1
	for i := t.valueAt; i < len(l.text); i++ {
		switch l.text[i] {
		case '\\':
			i++
		case '"':
			t.value, l.at = l.text[t.valueAt:i], i+1
			r, size := utf8.DecodeRuneInString(l.text[l.at:])
			if size > 0 && r != ')' && !unicode.IsSpace(r) {
				return t, bad(l.at, `found %s right after a closing quote, expected a space; write \" for a quote within a value`, show(string(r)))
			}
			return t, nil
		}
	}
	return t, bad(l.at, "found a quote that is not closed, expected another one")
}

// unescape turns a value as written into a pattern of docs/format.md section
// 6.8: * is a wildcard, \* and \\ are the characters themselves, and nothing
// else is escaped. Several wildcards in a row are one.
func unescape(raw string) (string, *SyntaxError) {
	var b strings.Builder
	star := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '*' && star {
			continue
		}
		star = c == '*'
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		r, size := utf8.DecodeRuneInString(raw[i+1:])
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return "", bad(i, `found \%c, expected no letter or digit after "\"; write \\ for the character itself`, r)
		}
		if r == '*' || r == '\\' {
			b.WriteByte('\\')
		}
		b.WriteString(raw[i+1 : i+1+size])
		i += size
	}
	return b.String(), nil
}

// escape returns the pattern that matches s alone.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(s)
}

// literal returns the only value that the pattern p matches. Ok is false if p
// has a wildcard, and at is then where.
func literal(p string) (s string, at int, ok bool) {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '*' {
			return "", i, false
		}
		if p[i] == '\\' {
			i++
		}
		b.WriteByte(p[i])
	}
	return b.String(), 0, true
}

// quote writes the pattern p as the value of a clause, bare where it can be.
func quote(p string) string {
	special := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r) || strings.ContainsRune(`()"`+curlyQuotes, r)
	}
	if p != "" && !strings.ContainsFunc(p, special) {
		return p
	}
	return `"` + strings.ReplaceAll(p, `"`, `\"`) + `"`
}

// quoteText writes the pattern p as free text, which must not look like a
// clause, a negation or a keyword.
func quoteText(p string) string {
	q := quote(p)
	if _, keyword := keywords[p]; keyword || q == p && (strings.HasPrefix(p, "-") || strings.Contains(p, ":")) {
		return `"` + p + `"`
	}
	return q
}

// Quote returns value as it must be written to be found as it is: in quotes
// where it needs them, and with every character that would mean something
// escaped. The result can stand behind a colon, or alone as free text.
func Quote(value string) string { return quoteText(escape(value)) }
