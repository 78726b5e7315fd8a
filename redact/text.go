package redact

import (
	"slices"
	"strings"
)

// found says of every byte of a text which rule replaces it: 0 none, stays that
// it is part of a mark, or left; else the place of the rule, and 2. Nil is a text in which
// nothing was found.
type found struct {
	by    []uint16
	any   bool
	texts map[int]string // what is put instead, by where it begins
}

const (
	stays  = 1
	spoken = 1<<16 - 1 // it is in texts
)

// put replaces text[from:to] by what is made of it already.
func (f *found) put(n, from, to int, text string) {
	if f.by == nil {
		f.by = make([]uint16, n)
	}
	for i := from; i < to; i++ {
		f.by[i] = spoken
	}
	if f.texts == nil {
		f.texts = map[int]string{}
	}
	f.texts[from], f.any = text, true
}

// add gives to r what of text[from:to] nobody has yet, of a text of n bytes: where
// two rules mean the same text, the first one names it. A nil rule keeps it as it is.
func (f *found) add(n, from, to int, r *rule) {
	if f.by == nil {
		f.by = make([]uint16, n)
	}
	owner := uint16(stays)
	if r != nil {
		owner = uint16(r.at) + 2
	}
	for i := from; i < to; i++ {
		if f.by[i] == 0 {
			f.by[i] = owner
			f.any = f.any || r != nil
		}
	}
}

// text redacts s, the text of the member that names ends with (nil: of none).
// nil means that nothing was replaced.
func (j *job) text(s string, names []string) []byte {
	var f found
	if strings.Contains(s, "[masked:") || strings.Contains(s, "[token:") || strings.Contains(s, "masked.invalid") {
		for _, m := range marks.FindAllStringIndex(s, -1) {
			f.add(len(s), m[0], m[1], nil)
		}
	}
	j.audit(s, &f)
	j.own(s, names, &f)
	for _, form := range j.prog.finders {
		if form.mayBeIn(s) {
			j.find(form, s, &f)
		}
	}
	j.assigned(s, &f)
	for _, m := range j.masked {
		for from := 0; ; {
			n := strings.Index(s[from:], m.value)
			if n < 0 {
				break
			}
			at := from + n
			if from = at + len(m.value); !inWord(s, at) && !inWord(s, from) {
				f.add(len(s), at, from, m.rule)
			}
		}
	}
	if r := j.prog.byName[ruleCard]; r != nil {
		name := ""
		if len(names) > 0 {
			name = names[len(names)-1]
		}
		cards(s, name, func(from, to int) { f.add(len(s), from, to, r) })
	}
	if !f.any {
		return nil
	}
	j.pieces = true
	out := make([]byte, 0, len(s)+64)
	for i := 0; i < len(s); {
		end := i + 1
		for end < len(s) && f.by[end] == f.by[i] {
			end++
		}
		if f.by[i] == spoken {
			out = append(out, f.texts[i]...)
		} else if f.by[i] > stays {
			out = append(out, j.mark(j.prog.policy.rules[f.by[i]-2], s[i:end])...)
		} else {
			out = append(out, s[i:end]...)
		}
		i = end
	}
	return out
}

// inWord reports whether a word or number goes on across the place i of s.
func inWord(s string, i int) bool {
	alnum := func(c byte) bool { return isWord(c) && c != '-' && c != '_' || c >= 0x80 }
	return i > 0 && i < len(s) && alnum(s[i-1]) && alnum(s[i])
}

// own finds what the patterns of the policy's file match.
func (j *job) own(s string, names []string, f *found) {
	for _, r := range j.prog.rules {
		if r.pattern == nil || len(r.fields) > 0 && !r.means(names) {
			continue
		}
		for _, m := range r.pattern.FindAllStringSubmatchIndex(s, -1) {
			if from, to := m[2*r.group], m[2*r.group+1]; from >= 0 && !emptied(s[from:to]) {
				f.add(len(s), from, to, r)
			}
		}
	}
}

// mayBeIn reports whether something of f's form can be in s.
func (f *finder) mayBeIn(s string) bool {
	if f.fold {
		s = strings.ToLower(s)
	}
	return len(f.needles) == 0 && strings.Contains(s, "://") ||
		slices.ContainsFunc(f.needles, func(n string) bool { return strings.Contains(s, n) })
}

func (j *job) find(form *finder, s string, f *found) {
	r := j.prog.byName[form.rule]
	for _, m := range form.pattern.FindAllStringSubmatchIndex(s, -1) {
		from, to := m[2*form.group], m[2*form.group+1]
		if match := s[from:to]; (form.ok == nil || form.ok(match)) && (form.rule != ruleURL || !emptied(match)) {
			f.add(len(s), from, to, r)
		}
	}
}
