package filter

import (
	"strings"

	"example.com/evident/proof"
)

// parseText makes a text clause. Its value is not a pattern: only a * at its
// beginning or end means something (docs/format.md section 6.9).
func parseText(_ Key, p string) (proof.Expr, *SyntaxError) {
	p, first := strings.CutPrefix(p, "*")
	p, last := cutLastStar(p)
	s, at, ok := literal(p)
	if !ok {
		if first {
			at++
		}
		return proof.Expr{}, bad(at, `found "*" within text, expected it at the beginning or end; write \* for the character itself`)
	}
	if s == "" {
		return proof.Expr{}, bad(0, "found no text, expected at least one character")
	}
	// The verifier takes one star off each end, so a real one needs another in
	// front. That this also lifts the boundary there makes no difference: a
	// star is no word character, and nothing but those has a boundary.
	if first || strings.HasPrefix(s, "*") {
		s = "*" + s
	}
	if last || strings.HasSuffix(s, "*") {
		s += "*"
	}
	return proof.Expr{Op: opText, Value: s}, nil
}

// cutLastStar takes a wildcard off the end of p, but no escaped star.
func cutLastStar(p string) (stem string, found bool) {
	stem, found = strings.CutSuffix(p, "*")
	if backslashes := len(stem) - len(strings.TrimRight(stem, `\`)); !found || backslashes%2 == 1 {
		return p, false
	}
	return stem, true
}

func printText(e proof.Expr) string {
	s, first := strings.CutPrefix(e.Value, "*")
	s, last := strings.CutSuffix(s, "*")
	p := escape(s)
	if first && !strings.HasPrefix(s, "*") {
		p = "*" + p
	}
	if last && !strings.HasSuffix(s, "*") {
		p += "*"
	}
	return quoteText(p)
}
