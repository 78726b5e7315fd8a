package redact

import (
	"regexp"
	"strings"
)

// do is what is done with a value.
type do int

const (
	mask do = iota
	tokenise
	leave
)

func (d do) String() string { return [...]string{"mask", "tokenise", "leave"}[d] }

// A rule says what is done with which values.
type rule struct {
	name    string
	do      do
	builtin bool
	about   string   // one line for people
	sources []string // patterns; none: every source
	fields  []path   // whose values are meant as a whole
	pattern *regexp.Regexp
	group   int // of pattern, that is replaced

	at int // in Policy.rules
}

// A RuleInfo describes a rule, for pages and documentation.
type RuleInfo struct {
	Name    string
	Do      string // "mask", "tokenise" or "leave"
	Builtin bool
	About   string // what it finds
	Sources []string
}

// Rules describes the rules in the order in which they are held against values.
func (p *Policy) Rules() []RuleInfo {
	all := make([]RuleInfo, len(p.rules))
	for i, r := range p.rules {
		all[i] = RuleInfo{r.name, r.do.String(), r.builtin, r.about, r.sources}
	}
	return all
}

// applies reports whether r is for events of source.
func (r *rule) applies(source string) bool {
	for _, s := range r.sources {
		if glob(s, source) {
			return true
		}
	}
	return len(r.sources) == 0
}

// means reports whether one of r's fields is the path names.
func (r *rule) means(names []string) bool {
	for _, p := range r.fields {
		if p.matches(names) {
			return true
		}
	}
	return false
}

// A path is a pattern of field names, from the outermost in; elements of lists
// have none. A path of one part means that name anywhere. A part may hold *, for
// any characters; ** is any number of parts.
type path []string

const anyParts = "**"

// parsePath reads names joined by dots, in small letters; \. is a dot in a name.
func parsePath(s string) path {
	const dot = "\x00"
	parts := strings.Split(strings.ReplaceAll(strings.ToLower(s), `\.`, dot), ".")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], dot, ".")
	}
	if len(parts) == 1 && parts[0] != anyParts {
		return path{anyParts, parts[0]}
	}
	return parts
}

// name returns the name that p means wherever it stands; empty if it says more,
// or less, than that.
func (p path) name() string {
	if len(p) == 2 && p[0] == anyParts && !strings.Contains(p[1], "*") {
		return p[1]
	}
	return ""
}

// last returns what the last name of a path must have in it for p to match.
func (p path) last() string {
	longest := ""
	for part := range strings.SplitSeq(p[len(p)-1], "*") {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// matches reports whether p is the path names.
func (p path) matches(names []string) bool {
	n := len(names)
	if n == 0 || !glob(p[len(p)-1], names[n-1]) {
		return false
	}
	if len(p) == 2 && p[0] == anyParts || n > maxPath {
		return true
	}
	return p.match(names)
}

// maxPath bounds how deep a path is compared: below, its last name decides.
const maxPath = 64

func (p path) match(names []string) bool {
	for i, part := range p {
		if part == anyParts {
			rest := p[i+1:]
			for k := 0; k <= len(names); k++ {
				if rest.match(names[k:]) {
					return true
				}
			}
			return false
		}
		if len(names) == 0 || !glob(part, names[0]) {
			return false
		}
		names = names[1:]
	}
	return len(names) == 0
}

// glob reports whether s is pattern, in which * stands for anything. Capitals
// of s do not count; pattern has none.
func glob(pattern, s string) bool {
	p, i, star, back := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, i
			p++
		case p < len(pattern) && pattern[p] == lower(s[i]):
			p++
			i++
		case star >= 0:
			back++
			p, i = star+1, back
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
