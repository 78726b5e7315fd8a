package filter

import (
	"strings"

	"example.com/evident/proof"
)

// Parse reads a filter. The empty text matches every record. Every error is a
// *SyntaxError.
func Parse(text string) (Filter, error) {
	e, err := parse(text)
	if err != nil {
		err.Text = text
		return Filter{}, err
	}
	return Filter{e}, nil
}

func parse(text string) (proof.Expr, *SyntaxError) {
	if len(text) > MaxTextBytes {
		return proof.Expr{}, bad(0, "found %d bytes, expected %d at most", len(text), MaxTextBytes)
	}
	if at := invalidUTF8(text); at >= 0 {
		return proof.Expr{}, bad(at, "found a byte that is not UTF-8")
	}
	p := parser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return proof.Expr{}, err
	}
	if p.token.kind == tokenEnd {
		return proof.Expr{Op: opAll}, nil
	}
	e, err := p.any()
	if err != nil {
		return proof.Expr{}, err
	}
	if p.token.kind != tokenEnd {
		return proof.Expr{}, p.unexpected()
	}
	return e, p.checkSize(e)
}

// checkSize holds e against the limits of the tree, and its canonical text,
// which can be longer than the one that was read, against that of texts.
func (p *parser) checkSize(e proof.Expr) *SyntaxError {
	if n := count(e); n > MaxNodes {
		return bad(0, "found %d clauses and operators, expected %d at most", n, MaxNodes)
	}
	if depth(e) > MaxDepth {
		return bad(p.deepestAt, "found parentheses too deep in one another, expected %d levels of AND, OR and NOT at most", MaxDepth)
	}
	if n := len(Text(e)); n > MaxTextBytes {
		return bad(0, "found a filter that takes %d bytes in its canonical form, expected %d at most", n, MaxTextBytes)
	}
	return nil
}

// A parser holds one token more than it has used.
type parser struct {
	lexer
	token     token
	open      []int // offsets of the parentheses that are not closed yet
	deepest   int   // the most there were
	deepestAt int   // and where
}

func (p *parser) advance() (err *SyntaxError) {
	p.token, err = p.lexer.next()
	return err
}

// unexpected is the error for a token that cannot stand where it does.
func (p *parser) unexpected() *SyntaxError {
	t := p.token
	switch {
	case t.kind == tokenClose && len(p.open) == 0:
		return bad(t.at, `found ")" without a "("; quote a value that has a parenthesis`)
	case t.kind == tokenEnd && len(p.open) > 0:
		return bad(p.open[len(p.open)-1], `found "(" that is not closed, expected a ")"`)
	}
	return bad(t.at, "found %s, expected a clause such as action:role.grant, or text", t)
}

// any = all { "OR" all }
func (p *parser) any() (proof.Expr, *SyntaxError) {
	args := []proof.Expr{}
	for {
		e, err := p.all()
		if err != nil {
			return e, err
		}
		args = append(args, e)
		if p.token.kind != tokenOr {
			return join(opAny, args), nil
		}
		if err := p.advance(); err != nil {
			return e, err
		}
	}
}

// all = unary { [ "AND" ] unary }
func (p *parser) all() (proof.Expr, *SyntaxError) {
	args := []proof.Expr{}
	for {
		e, err := p.unary()
		if err != nil {
			return e, err
		}
		args = append(args, e)
		switch p.token.kind {
		case tokenAnd:
			if err := p.advance(); err != nil {
				return e, err
			}
		case tokenOr, tokenClose, tokenEnd:
			return join(opAll, args), nil
		}
	}
}

// unary = { "-" | "NOT" } primary
func (p *parser) unary() (proof.Expr, *SyntaxError) {
	negated := false
	for p.token.kind == tokenMinus || p.token.kind == tokenNot {
		negated = !negated
		if err := p.advance(); err != nil {
			return proof.Expr{}, err
		}
	}
	e, err := p.primary()
	if err == nil && negated {
		e = negate(e)
	}
	return e, err
}

// primary = "(" any ")" | clause
func (p *parser) primary() (proof.Expr, *SyntaxError) {
	switch p.token.kind {
	case tokenOpen:
		return p.group()
	case tokenClause:
		e, err := clause(p.token)
		if err != nil {
			return e, err
		}
		return e, p.advance()
	}
	return proof.Expr{}, p.unexpected()
}

func (p *parser) group() (proof.Expr, *SyntaxError) {
	at := p.token.at
	p.open = append(p.open, at)
	if len(p.open) > MaxDepth {
		return proof.Expr{}, bad(at, "found parentheses too deep in one another, expected %d at most", MaxDepth)
	}
	if len(p.open) > p.deepest {
		p.deepest, p.deepestAt = len(p.open), at
	}
	if err := p.advance(); err != nil {
		return proof.Expr{}, err
	}
	e, err := p.any()
	if err != nil {
		return e, err
	}
	if p.token.kind != tokenClose {
		return e, p.unexpected()
	}
	p.open = p.open[:len(p.open)-1]
	return e, p.advance()
}

// clause makes the leaf, or for a day the two leaves, of a clause token.
func clause(t token) (proof.Expr, *SyntaxError) {
	key := Key{Kind: freeText}
	if t.keyed {
		var err *SyntaxError
		if key, err = parseKey(t.key); err != nil {
			err.Offset += t.at
			return proof.Expr{}, err
		}
		if t.value == "" && !t.quoted {
			return proof.Expr{}, bad(t.valueAt, `found nothing after %[1]s:, expected a value; %[1]s:* is any value, %[1]s:"" the empty one`, t.key)
		}
	}
	p, err := unescape(t.value)
	if err != nil {
		err.Offset += t.valueAt
		return proof.Expr{}, err
	}
	e, err := operators[key.Kind].parse(key, p)
	if err != nil {
		err.Offset += t.valueAt
	}
	return e, err
}

// parseKey finds the key that is written raw before a colon.
func parseKey(raw string) (Key, *SyntaxError) {
	if path, ok := strings.CutPrefix(raw, detailPrefix); ok {
		pointer, err := parseDetail(path)
		if err != nil {
			err.Offset += len(detailPrefix)
			return Key{}, err
		}
		return Key{Name: raw, Fields: []string{"/detail/" + pointer}, Kind: Pattern}, nil
	}
	if k, ok := findKey(raw); ok {
		return k, nil
	}
	switch s, ok := suggestKey(raw); {
	case raw == "":
		return Key{}, bad(0, `found ":" without a key before it; quote text that has a colon`)
	case raw == "detail":
		return Key{}, bad(0, "found the key detail alone, expected the field's name with it, such as detail.role")
	case ok:
		return Key{}, bad(0, "unknown key %s; did you mean %s? (quote text that has a colon)", show(raw), s)
	default:
		return Key{}, bad(0, "unknown key %s; docs/filter.md lists all (quote text that has a colon)", show(raw))
	}
}
