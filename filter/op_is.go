package filter

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"example.com/evident/proof"
)

// An operator reads the values of one kind and prints them.
type operator struct {
	ops []string // that parse makes

	// parse makes the expression for a value, which is a pattern (see
	// unescape). The Offset of an error is relative to the value.
	parse func(k Key, p string) (proof.Expr, *SyntaxError)

	// print is the way back, for one leaf.
	print func(e proof.Expr) string
}

// freeText is the kind of what stands without a key.
const freeText Kind = "text"

var operators = map[Kind]operator{
	Pattern:  {[]string{opIs}, parseIs, printIs},
	Word:     {[]string{opIs}, parseWord, printIs},
	Source:   {[]string{opIs}, parseSource, printIs},
	Action:   {[]string{opIs}, parseAction, printIs},
	Number:   {[]string{opIs}, parseNumber, printIs},
	Network:  {[]string{opIs, opCIDR}, parseNetwork, printNetwork},
	From:     {[]string{opFrom}, parseFrom, printTime},
	Until:    {[]string{opUntil}, parseUntil, printTime},
	Day:      {nil, parseDay, nil}, // it is all of from and until, and printed as these
	Person:   {[]string{opIs}, parsePerson, printIs},
	Ended:    {[]string{opIs}, parseEnded, printIs},
	freeText: {[]string{opText}, parseText, printText},
}

func parseIs(k Key, p string) (proof.Expr, *SyntaxError) {
	return proof.Expr{Op: opIs, Fields: k.Fields, Value: p}, nil
}

func printIs(e proof.Expr) string { return quote(e.Value) }

func parseWord(k Key, p string) (proof.Expr, *SyntaxError) {
	p = strings.ToLower(p)
	notLetter := func(r rune) bool { return r != '*' && (r < 'a' || r > 'z') }
	if !strings.ContainsFunc(p, notLetter) {
		for _, word := range k.Words {
			if ok, _ := path.Match(p, word); ok {
				return parseIs(k, p)
			}
		}
	}
	if s, ok := suggest(p, k.Words); ok {
		return proof.Expr{}, bad(0, "found %s, expected %s; did you mean %s?", show(p), oneOf(k.Words), s)
	}
	return proof.Expr{}, bad(0, "found %s, expected %s", show(p), oneOf(k.Words))
}

// The forms of docs/format.md section 2.
var (
	sourceForm = regexp.MustCompile(`^(evident|[a-z0-9][a-z0-9._]*/[a-z0-9][a-z0-9._-]*)$`)
	actionForm = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+){0,3}$`)
)

const (
	maxSourceBytes = 128
	maxActionBytes = 64
)

func parseSource(k Key, p string) (proof.Expr, *SyntaxError) {
	p = strings.ToLower(p)
	if err := checkCharacters(p, "a-z 0-9 . _ - / or *", "._-/"); err != nil {
		return proof.Expr{}, err
	}
	switch wild := strings.Contains(p, "*"); {
	case !wild && p != "" && !strings.Contains(p, "/") && p != "evident":
		return proof.Expr{}, bad(0, "found %s, expected kind/name; write %s/* for all sources of this kind", show(p), p)
	case !wild && !sourceForm.MatchString(p), strings.Count(p, "/") > 1, len(p) > maxSourceBytes:
		return proof.Expr{}, bad(0, "found %s, expected kind/name such as aws.cloudtrail/prod", show(p))
	}
	return parseIs(k, p)
}

func parseAction(k Key, p string) (proof.Expr, *SyntaxError) {
	p = strings.ToLower(p)
	if err := checkCharacters(p, "a-z 0-9 . _ or *", "._"); err != nil {
		return proof.Expr{}, err
	}
	if !strings.Contains(p, "*") && !actionForm.MatchString(p) || strings.Count(p, ".") > 3 || len(p) > maxActionBytes {
		return proof.Expr{}, bad(0, "found %s, expected one to four words joined by dots, such as role.grant; role.* is all that is done to roles", show(p))
	}
	return parseIs(k, p)
}

// checkCharacters refuses a pattern that no value could match, because it has
// a character besides letters, digits, * and those of more. Want names them all.
func checkCharacters(p, want, more string) *SyntaxError {
	for i, r := range p {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '*' || strings.ContainsRune(more, r) {
			continue
		}
		return bad(i, "found %s, expected %s", show(string(r)), want)
	}
	return nil
}

func parseNumber(k Key, p string) (proof.Expr, *SyntaxError) {
	n, err := strconv.ParseUint(p, 10, 64)
	if err != nil {
		return proof.Expr{}, bad(0, "found %s, expected a number such as 4711", show(p))
	}
	return parseIs(k, strconv.FormatUint(n, 10))
}

// parseDetail turns the path of a detail key, as written, into a JSON pointer
// without its first slash. A part is a name, or * for any.
func parseDetail(raw string) (string, *SyntaxError) {
	var b strings.Builder
	start := 0
	for i := 0; i <= len(raw); i++ {
		switch {
		case i < len(raw) && raw[i] == '\\':
			i++
		case i == len(raw) || raw[i] == '.':
			part, err := parseDetailPart(raw[start:i])
			if err != nil {
				err.Offset += start
				return "", err
			}
			if start > 0 {
				b.WriteByte('/')
			}
			b.WriteString(part)
			start = i + 1
		}
	}
	return b.String(), nil
}

func parseDetailPart(raw string) (string, *SyntaxError) {
	if raw == "*" {
		return raw, nil
	}
	if raw == "" {
		return "", bad(0, `found nothing between two dots, expected a field's name; write \. for a dot within a name`)
	}
	p, err := unescape(raw)
	if err != nil {
		return "", err
	}
	name, at, ok := literal(p)
	if !ok {
		return "", bad(at, `found "*" within a field's name, expected it alone between two dots; write \* for the character itself`)
	}
	if at := strings.IndexByte(name, 0); at >= 0 {
		return "", bad(at, "found a NUL, which no field's name has")
	}
	if name == "*" {
		return "", bad(0, `found \*, which no filter can tell from any field; write * for any`)
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name), nil
}

// printDetail returns the key of a pointer below /detail/. Ok is false for one
// that no key can name, because it has an empty part or one that is "*".
func printDetail(path string) (key string, ok bool) {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if part == "" {
			return "", false
		}
		if part == "*" {
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		var b strings.Builder
		for _, r := range part {
			if unicode.IsSpace(r) || strings.ContainsRune(`.:*()"\`+curlyQuotes, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		parts[i] = b.String()
	}
	return detailPrefix + strings.Join(parts, "."), true
}
