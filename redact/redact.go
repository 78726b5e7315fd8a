// Package redact keeps secrets and personal data out of the trail. A [Policy]
// says what is masked (nothing of it is kept), what is tokenised (a keyed hash
// takes its place: the same value, the same token) and what is left. Intake
// calls [Policy.Apply] on every raw event before anything of it is mapped,
// hashed or written.
//
// It is not access control: what a policy leaves is in the trail for good, and
// what it masks nobody can bring back. docs/redaction.md is the page for users.
//
// Reading order: redact.go (the policy as a whole), rule.go (what a rule is),
// load.go (the file), builtin.go and names.go (the rules that are always there),
// prefilter.go (why most events cost one pass over their bytes), walk.go (JSON),
// text.go, assign.go, card.go and audit.go (what stands in text), mark.go (what takes the
// place of a value).
package redact

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// A Policy is a list of rules, with a count of what each has done. Its methods
// may be called concurrently.
type Policy struct {
	rules  []*rule
	key    []byte // of tokens
	scoped bool   // some rule is for some sources only
	card   *rule  // nil if it is off

	programs sync.Map // of the bits of the rules to *program
	counts   sync.Map // of source to *tally
	sources  atomic.Int64
}

// maxCounted bounds how many sources are counted by name; those that come later
// are counted together, as "other".
const maxCounted = 4096

// Default returns the policy of the built-in rules alone.
func Default() *Policy {
	p := &Policy{rules: builtin(nil)}
	p.finish()
	return p
}

// finish computes what follows from the rules.
func (p *Policy) finish() {
	for i, r := range p.rules {
		r.at = i
		p.scoped = p.scoped || len(r.sources) > 0
		if r.name == ruleCard && r.builtin {
			p.card = r
		}
	}
}

// Apply returns raw, which came for source, with what the policy masks and
// tokenises replaced by marks. Raw is never changed; if there is nothing to
// replace it is returned as it is. If raw is JSON then so is the result, and
// every byte outside of the values that were replaced is as it was. Applying the
// built-in rules again changes nothing.
//
// Of an event in the schema evident.event/1, the fields id, source, schema,
// action, category, outcome, occurred_at, actor.type and raw_encoding are never
// touched, and an actor.email and where.ip stay an address each (mark.go), so
// that the event stays valid. Such an event is held against the rules of the
// source that it names, if it names one.
func (p *Policy) Apply(source string, raw []byte) []byte {
	if p.scoped {
		source = sourceOf(source, raw)
	}
	prog := p.program(source)
	if !prog.maybe(raw) {
		return raw
	}
	j := job{prog: prog, hits: make([]uint64, len(p.rules))}
	out := j.whole(raw)
	if out == nil {
		return raw
	}
	if !p.scoped {
		source = sourceOf(source, raw)
	}
	p.count(source, j.hits)
	return out
}

// A job is the redaction of one raw event.
type job struct {
	prog *program
	hits []uint64 // by rule
	// masked has the first values that were masked whole, and are like nothing
	// else: where they stand again, without a name or form, they are masked too.
	masked []secret
	// pieces says that parts of a text were replaced, what is next to which may
	// now be seen otherwise.
	pieces bool
}

type secret struct {
	value string
	rule  *rule
}

// Bounds of what is looked for again.
const (
	maxSecrets  = 32
	minSecret   = 8
	maxRemember = 4 << 10 // bytes of one
)

// remember notes a value that was masked. A plain word is no secret that could
// be told from the word.
func (j *job) remember(r *rule, value string) {
	if len(value) < minSecret || len(value) > maxRemember || len(j.masked) == maxSecrets || !strings.ContainsFunc(value, notLetter) ||
		slices.ContainsFunc(j.masked, func(s secret) bool { return s.value == value }) {
		return
	}
	j.masked = append(j.masked, secret{strings.Clone(value), r})
}

func notLetter(c rune) bool { return !unicode.IsLetter(c) }

// echoes reports whether a value that was masked stands in s.
func (j *job) echoes(s string) bool {
	return slices.ContainsFunc(j.masked, func(m secret) bool { return strings.Contains(s, m.value) })
}

// again is how often a raw event is gone through at most: what stood next to a
// secret, or is the same, may be known as one only when that is gone.
const again = 4

// whole redacts a raw event; nil means that nothing was replaced.
func (j *job) whole(raw []byte) (out []byte) {
	for range again {
		changed := j.once(raw)
		if changed == nil {
			break
		}
		out, raw = changed, changed
		if !j.pieces && !j.mayEcho(out) {
			break
		}
	}
	return out
}

// mayEcho reports whether what was masked may stand in b, which is JSON, once
// more: in the part that was gone through before it was known.
func (j *job) mayEcho(b []byte) bool {
	return slices.ContainsFunc(j.masked, func(m secret) bool {
		return strings.ContainsFunc(m.value, isEscaped) || bytes.Contains(b, []byte(m.value))
	}) || len(j.masked) > 0 && bytes.Contains(b, []byte(`\u`))
}

// isEscaped reports whether JSON may write c otherwise than as it is.
func isEscaped(c rune) bool {
	return c < ' ' || c > '~' || c == '"' || c == '\\' || c == '/'
}

func (j *job) once(raw []byte) []byte {
	if isJSON(raw) || isScalar(raw) {
		w := walker{job: j, src: raw, schema: isJSON(raw) && inSchema(raw)}
		return w.run()
	}
	return j.text(string(raw), nil)
}

// isJSON reports whether b is one JSON value, an object or array.
func isJSON(b []byte) bool {
	t := bytes.TrimLeft(b, " \t\r\n")
	if len(t) < 2 || t[0] != '{' && t[0] != '[' {
		return false
	}
	return jsontext.Value(b).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// isScalar reports whether b is a JSON string, number or literal.
func isScalar(b []byte) bool {
	return jsontext.Value(b).IsValid(jsontext.AllowInvalidUTF8(true))
}

// A Count is how many values of a source a rule has replaced.
type Count struct {
	Rule   string
	Do     string // "mask" or "tokenise"
	Source string // "other" for all that came after the first few thousand
	N      uint64
}

// tally counts the replacements in one source, by rule.
type tally []atomic.Uint64

func (p *Policy) count(source string, hits []uint64) {
	t, ok := p.counts.Load(source)
	if !ok {
		if source != "" && p.sources.Add(1) > maxCounted {
			source = "other"
		}
		t, _ = p.counts.LoadOrStore(source, make(tally, len(p.rules)))
	}
	for i, n := range hits {
		if n > 0 {
			t.(tally)[i].Add(n)
		}
	}
}

// Counts returns what was replaced since the policy was made, by source and
// then in the order of the rules. The source is empty for events that named
// none, or none that could be read.
func (p *Policy) Counts() []Count {
	var all []Count
	p.counts.Range(func(source, t any) bool {
		for i := range t.(tally) {
			if n := t.(tally)[i].Load(); n > 0 {
				all = append(all, Count{p.rules[i].name, p.rules[i].do.String(), source.(string), n})
			}
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b Count) int { return cmp.Compare(a.Source, b.Source) })
	return all
}

// sourceOf returns the source that raw, if it is an event in the schema, names;
// else source.
func sourceOf(source string, raw []byte) string {
	if !bytes.Contains(raw, []byte(`"occurred_at"`)) || !isJSON(raw) || !inSchema(raw) {
		return source
	}
	for name, value := range members(raw) {
		if name == "source" && len(value) > 2 && value[0] == '"' {
			return unquote(value)
		}
	}
	return source
}

// inSchema reports whether raw, which is JSON, has all members that an event in
// the schema must have. Raw events of other formats do not happen to have them.
func inSchema(raw []byte) bool {
	found := 0
	for name := range members(raw) {
		switch name {
		case "occurred_at", "actor", "action", "category", "outcome":
			found++
		}
	}
	return found >= 5
}
