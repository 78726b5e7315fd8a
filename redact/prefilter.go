package redact

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Nearly every event holds no secret, and finding that out must cost no more
// than reading it once. So each rule says by which few bytes, its triggers,
// everything that it could replace is to be known. A trigger has at least four
// bytes, so that one of two neighbouring three-byte windows of it begins at an
// even place of the text: looking at every other place is enough. A table says
// whether the window there is part of any trigger.
//
// What maybe says no to, no rule would replace anything in: a test holds that
// against the long way.

const (
	windowBits  = 14
	windowFold  = 0x5f5f5f // a letter and its capital are the same, some others too
	windowPrime = 0x9E3779B1
)

// A trigger is text, in small letters, that is in everything that some rule
// replaces, in whatever case.
type trigger struct {
	text  string
	check func(b []byte, at, end int) bool // whether it can be one here; nil: always
}

// A program is what the rules for one source come to.
type program struct {
	policy  *Policy
	rules   []*rule                 // that are for the source, in order
	named   map[string]*rule        // by the only name that they are about, in small letters
	paths   []*rule                 // those with other paths
	finders []*finder               // of the built-in rules that are on
	byName  map[string]*rule        // built-in rules that are on
	always  bool                    // no trigger tells where some rule applies
	window  [1 << windowBits]uint8  // 1: part of some trigger
	place   [1 << windowBits]uint16 // of it in buckets
	buckets [][]spot
	all     []trigger
}

// A spot is where in a trigger a window lies.
type spot struct {
	trigger, offset int
	text            string
}

// program returns what the rules for source come to. There are as many as there
// are sets of rules that apply together, not as many as there are sources.
func (p *Policy) program(source string) *program {
	if !p.scoped {
		source = ""
	}
	var set []byte
	if p.scoped {
		set = make([]byte, len(p.rules))
		for i, r := range p.rules {
			if r.applies(source) {
				set[i] = 1
			}
		}
	}
	if prog, ok := p.programs.Load(string(set)); ok {
		return prog.(*program)
	}
	prog, _ := p.programs.LoadOrStore(string(set), p.compile(set))
	return prog.(*program)
}

func (p *Policy) compile(set []byte) *program {
	prog := &program{policy: p, named: map[string]*rule{}, byName: map[string]*rule{}}
	for i, r := range p.rules {
		if set != nil && set[i] == 0 {
			continue
		}
		prog.rules = append(prog.rules, r)
		if r.builtin {
			prog.byName[r.name] = r
			continue
		}
		prog.addOwn(r)
	}
	prog.addBuiltin()
	prog.index()
	return prog
}

// addOwn adds the triggers of a rule of the policy's file.
func (prog *program) addOwn(r *rule) {
	if r.pattern != nil {
		if prefix, _ := r.pattern.LiteralPrefix(); len(prefix) >= 4 && findable(prefix) {
			prog.all = append(prog.all, trigger{text: strings.ToLower(prefix)})
		} else if len(r.fields) == 0 {
			prog.always = true
		}
	}
	for _, p := range r.fields {
		if name := p.name(); len(name) >= 4 && r.pattern == nil {
			if _, ok := prog.named[name]; !ok {
				prog.named[name] = r
			}
		}
		switch last := p.last(); {
		case !findable(last):
			prog.always = true
		case len(last) >= 4:
			prog.all = append(prog.all, trigger{text: last})
		case len(last) >= 2 && last == p[len(p)-1]: // a short name is known by the quotes around it
			prog.all = append(prog.all, trigger{text: `"` + last + `"`}, trigger{text: `"` + last + `\`})
		default:
			prog.always = true
		}
	}
	if len(r.fields) > 0 {
		prog.paths = append(prog.paths, r)
	}
}

// addBuiltin adds the triggers of the built-in rules.
func (prog *program) addBuiltin() {
	for _, t := range nameWords {
		prog.all = append(prog.all, trigger{t, isNameAt})
	}
	for _, t := range shortNames {
		prog.all = append(prog.all, trigger{text: `"` + t})
	}
	for i := range finders {
		f := &finders[i]
		if prog.byName[f.rule] == nil {
			continue
		}
		prog.finders = append(prog.finders, f)
		for _, n := range f.needles {
			t := trigger{text: strings.ToLower(n)}
			switch {
			case f.rule == ruleAWSSecret:
				t.check = isKeyIDAt
			case f.fold:
				t.check = isCredentialAt
			default:
				t.check = func(b []byte, at, end int) bool { return string(b[at:end]) == n }
			}
			prog.all = append(prog.all, t)
		}
	}
	if prog.byName[ruleURL] != nil {
		prog.finders = append(prog.finders, &urlFinder)
	}
	prog.all = append(prog.all,
		trigger{"identified by", nil},
		trigger{"?sig=", nil}, trigger{"&sig=", nil}, trigger{"6sig=", nil}, // the last for \u0026sig=
		trigger{"type=execve", prog.isAuditAt}, trigger{"proctitle=", prog.isAuditAt}, trigger{"cmd=", prog.isAuditAt},
		trigger{"raw_encoding", nil}, trigger{`secretlist"`, nil},
		trigger{`\u00`, isHiddenAt})
}

// index makes the table.
func (prog *program) index() {
	for i, t := range prog.all {
		for offset := range 2 {
			h := windowAt(uint32(t.text[offset]) | uint32(t.text[offset+1])<<8 | uint32(t.text[offset+2])<<16)
			if prog.window[h] == 0 {
				prog.window[h], prog.place[h] = 1, uint16(len(prog.buckets))
				prog.buckets = append(prog.buckets, nil)
			}
			prog.buckets[prog.place[h]] = append(prog.buckets[prog.place[h]], spot{i, offset, t.text})
		}
	}
}

func windowAt(three uint32) uint32 { return (three & windowFold) * windowPrime >> (32 - windowBits) }

// maybe reports whether any rule could replace something in b.
func (prog *program) maybe(b []byte) bool {
	if prog.always {
		return true
	}
	i := 0
	for ; i+8 <= len(b); i += 6 {
		w := binary.LittleEndian.Uint64(b[i:])
		x, y, z := windowAt(uint32(w)), windowAt(uint32(w>>16)), windowAt(uint32(w>>32))
		if prog.window[x]|prog.window[y]|prog.window[z] == 0 {
			continue
		}
		if prog.hit(x, b, i) || prog.hit(y, b, i+2) || prog.hit(z, b, i+4) {
			return true
		}
	}
	for ; i+3 <= len(b); i += 2 {
		if prog.hit(windowAt(uint32(b[i])|uint32(b[i+1])<<8|uint32(b[i+2])<<16), b, i) {
			return true
		}
	}
	return prog.byName[ruleURL] != nil && mayHaveUserinfo(b) || prog.policy.card != nil && prog.byName[ruleCard] != nil && mayHaveCard(b)
}

// hit reports whether a trigger lies around the window at i, which is window.
func (prog *program) hit(window uint32, b []byte, i int) bool {
	if prog.window[window] == 0 {
		return false
	}
	for _, s := range prog.buckets[prog.place[window]] {
		at := i - s.offset
		end := at + len(s.text)
		if at < 0 || end > len(b) || !equalFold(b[at:end], s.text) {
			continue
		}
		if t := &prog.all[s.trigger]; t.check == nil || t.check(b, at, end) {
			return true
		}
	}
	return false
}

func equalFold(b []byte, small string) bool {
	for i := range b {
		if lower(b[i]) != small[i] {
			return false
		}
	}
	return true
}

// isNameAt reports whether the word around b[at:end] is the name of a secret,
// and something stands behind it that can be its value.
func isNameAt(b []byte, at, end int) bool {
	stop := end
	for stop < len(b) && stop-at <= maxName && isWord(b[stop]) {
		stop++
	}
	if stop == len(b) || isWord(b[stop]) { // the last word, or longer than any name
		return false
	}
	from := at
	for from > 0 && stop-from <= maxName && isWord(b[from-1]) {
		from--
	}
	if !isAssigned(b, from, stop) {
		return false
	}
	word := string(b[from:stop])
	if namesSecret(word) {
		return true
	}
	if from == 0 || b[from-1] != '\\' {
		return false
	}
	n := min(5, len(word)) // the first of it belongs to an escape: \n, \u0026
	return namesSecret(word[1:]) || word[0] == 'u' && namesSecret(word[n:])
}

// isAssigned reports whether the word b[from:stop] can have a value behind it.
func isAssigned(b []byte, from, stop int) bool {
	k := stop
	for k < len(b) && (b[k] == '"' || b[k] == '\'' || b[k] == '\\' || b[k] == ']') {
		k++
	}
	if k > stop && b[k-1] == '\\' { // an escaped blank or quote
		return true
	}
	quoted := k > stop
	for k < len(b) && (b[k] == ' ' || b[k] == '\t' || b[k] == '\n' || b[k] == '\r') {
		k++
	}
	if k == len(b) {
		return false
	}
	switch c := b[k]; {
	case c == '=' || c == ':' || c == '>':
		return true
	case quoted: // "name": "DB_PASSWORD", "value": …; "kind": "Secret"
		return (c == ',' || c == '}') && isValueOfName(b, from)
	case k > stop: // PASSWORD '…', --password …
		return c == '\'' || c == '"' || c == '\\' || c == '$' || b[from] == '-'
	}
	return false
}

// isValueOfName reports whether the word at from lies in the value of a member
// called name, key or kind.
func isValueOfName(b []byte, from int) bool {
	for n := 0; from > 0 && b[from-1] != '"'; n++ {
		if from--; n > 4*maxName {
			return false // no name is so long
		}
	}
	before := bytes.TrimRight(b[max(0, from-64):from], `"\`+" \t\r\n:")
	for _, name := range []string{"name", "key", "kind"} {
		if n := len(before) - len(name); n > 0 && before[n-1] == '"' && equalFold(before[n:], name) {
			return true
		}
	}
	return len(before) == 0
}

func namesSecret(word string) bool {
	return secretName(word) != "" || strings.EqualFold(word, "signature")
}

// isKeyIDAt reports whether an AWS access key id stands here, and something as
// long as a secret key not far behind, in the same text.
func isKeyIDAt(b []byte, at, end int) bool {
	id := string(b[at:end])
	if id != "AKIA" && id != "ASIA" {
		return false
	}
	run := 0
	for i := end + 16; i < len(b) && i < end+16+1024; i++ {
		switch c := b[i]; {
		case c == '"' && b[i-1] != '\\':
			return false
		case isWord(c) || c == '/' || c == '+' || c == '\\':
			if run++; run >= 40 {
				return true
			}
		default:
			run = 0
		}
	}
	return false
}

// isCredentialAt reports whether what follows a scheme can be a credential.
func isCredentialAt(b []byte, _, end int) bool {
	for end < len(b) && b[end] == ' ' {
		end++
	}
	n := 0
	for ; end < len(b) && n < 8; end++ {
		if c := b[end]; !isWord(c) && c != '.' && c != '~' && c != '+' && c != '/' && c != '=' && c != '\\' {
			break
		}
		n++
	}
	return n >= 4
}

// isHiddenAt reports whether an escape stands for a character that could be
// part of a trigger, which no trigger then finds.
func isHiddenAt(b []byte, _, end int) bool {
	if end+2 > len(b) {
		return true
	}
	c := unhex(b[end])<<4 | unhex(b[end+1])
	return c >= ' ' && c != '<' && c != '>' && c != '&' && c != '\''
}

func unhex(c byte) byte {
	if c >= 'a' || c >= 'A' {
		return lower(c) - 'a' + 10
	}
	return c - '0'
}

// mayHaveUserinfo reports whether there is an @ that can end a user and password
// of a URL. From each @ it looks back, but not past the one before, behind which
// no user's name can begin.
func mayHaveUserinfo(b []byte) bool {
	for from := 0; ; {
		n := bytes.IndexByte(b[from:], '@')
		if n < 0 {
			return false
		}
		at, colon := from+n, false
		for i := at - 1; i >= from && !ends(b[i]); i-- {
			if colon = colon || b[i] == ':'; colon && i > 0 && b[i-1] == '/' {
				return true
			}
		}
		from = at + 1
	}
}

// ends reports whether c ends the part of a URL that names a host.
func ends(c byte) bool {
	return c <= ' ' && (c == ' ' || c >= '\t' && c <= '\r') || c == '/' || c == '"' || c == '\'' || c == '<' || c == '>'
}

// findable reports whether s stands in JSON as it is, or with an escape that
// isHiddenAt knows.
func findable(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isWord(c) && c != ' ' && c != '.' && c != ':' && c != '@' && c != '#' {
			return false
		}
	}
	return true
}
