package index

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/evident/index/block"
	"example.com/evident/index/words"
	"example.com/evident/proof"
)

// A plan is a filter made ready to be asked of any part of the index.
//
// A column does not always know what the evidence says: it may lack a target,
// and it has no text. So each clause becomes two conditions, one that is true
// only of rows that match for sure and one that is true of every row that may
// match; "not" turns them over. Rows between the two are looked up in the trail
// and decided there.
type plan struct {
	op     string // "all", "any", "not", or "" for a clause
	args   []plan
	clause *clause
}

// A clause is a leaf of a plan.
type clause struct {
	expr proof.Expr

	// A clause on a time is a condition on a column: of occurred_at itself, or
	// of seq, since the trail's own time goes up with it.
	isTime   bool
	occurred time.Time
	seq      uint64 // the first record with at ≥ value
	bySeq    bool

	groups []groupClause // fields that columns have
	exact  []uint64      // seq is one of these

	// Fields that no column has. Hashes of words tell where they may match;
	// none: they may match anywhere.
	rest       bool
	restFlags  uint8 // only rows with one of these flags have such fields
	hashes     []uint32
	everywhere bool
}

// A groupClause is a clause as far as the fields of one group go.
type groupClause struct {
	group   int
	expr    proof.Expr
	literal []byte   // stands, in lower case, in every entry that matches
	hashes  []uint32 // of words that are in every entry that matches
}

// newPlan plans e. SeqAt returns the first record that was recorded at a time
// or later.
func newPlan(e proof.Expr, seqAt func(time.Time) (uint64, error)) (plan, error) {
	switch e.Op {
	case "all", "any", "not":
		p := plan{op: e.Op}
		for _, arg := range e.Args {
			a, err := newPlan(arg, seqAt)
			if err != nil {
				return p, err
			}
			p.args = append(p.args, a)
		}
		return p, nil
	case "from", "until":
		c := &clause{expr: e, isTime: true}
		t, err := time.Parse(time.RFC3339Nano, e.Value)
		if err != nil {
			return plan{}, fmt.Errorf("plan filter: %w", err)
		}
		if c.occurred = t; e.Fields[0] == "at" {
			c.bySeq = true
			c.seq, err = seqAt(t)
		}
		return plan{clause: c}, err
	case "text":
		return plan{clause: textClause(e)}, nil
	}
	return plan{clause: fieldClause(e)}, nil
}

func textClause(e proof.Expr) *clause {
	c := &clause{expr: e, rest: true, hashes: words.Needs(&e)}
	c.everywhere = len(c.hashes) == 0
	literal := strings.TrimSuffix(strings.TrimPrefix(e.Value, "*"), "*")
	for g := range block.Groups {
		c.groups = append(c.groups, groupClause{g, e, literalOf([]byte(literal)), c.hashes})
	}
	return c
}

func fieldClause(e proof.Expr) *clause {
	c := &clause{expr: e, hashes: words.Needs(&e), restFlags: block.MoreTargets}
	c.everywhere = len(c.hashes) == 0
	var byGroup [block.GroupCount][]string
	for _, field := range e.Fields {
		c.addField(field, &byGroup)
	}
	var literal []byte
	if e.Op == "is" {
		literal = literalOf(slices.MaxFunc(words.Literals(e.Value), func(a, b []byte) int { return len(a) - len(b) }))
	}
	for g, fields := range byGroup {
		if len(fields) > 0 {
			c.groups = append(c.groups, groupClause{g, proof.Expr{Op: e.Op, Fields: fields, Value: e.Value}, literal, c.hashes})
		}
	}
	return c
}

// literalOf returns the literal to search entries for, in which a quote or a
// control character would be escaped.
func literalOf(b []byte) []byte {
	for i, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			b = b[:i]
			break
		}
	}
	return words.AppendFolded(nil, b)
}

func (c *clause) addField(field string, byGroup *[block.GroupCount][]string) {
	if field[0] == '/' && !strings.Contains(field, "*") {
		switch place, ok := block.Places[field]; {
		case !ok:
			c.addRest(field)
		case place == block.InTime:
			c.rest, c.restFlags, c.everywhere = true, 0, true
		case place == block.InHeader:
			c.addHeader(field[1:], byGroup)
		default:
			byGroup[place/8] = append(byGroup[place/8], field)
		}
		return
	}
	if field[0] != '/' {
		c.addHeader(field, byGroup)
		return
	}
	for known := range block.Places {
		if matchPointer(field, known) {
			c.addField(known, byGroup)
		}
	}
	c.addRest(field)
}

// addRest adds a field that no column has. If all of them are targets, only
// rows with more targets than the first can have them.
func (c *clause) addRest(field string) {
	c.rest = true
	if !strings.HasPrefix(field, "/targets/") {
		c.restFlags = 0
	}
}

func (c *clause) addHeader(name string, byGroup *[block.GroupCount][]string) {
	for g := range block.Groups {
		if block.Groups[g].Parts[0] == name {
			byGroup[g] = append(byGroup[g], name)
			return
		}
	}
	if parts := words.Literals(c.expr.Value); name == "seq" && c.expr.Op == "is" && len(parts) == 1 {
		if n, err := strconv.ParseUint(string(parts[0]), 10, 63); err == nil && strconv.FormatUint(n, 10) == string(parts[0]) {
			c.exact = append(c.exact, n)
		}
		return
	}
	c.rest, c.restFlags, c.everywhere = true, 0, true
}

// matchPointer compares part by part; a "*" stands for any one part.
func matchPointer(pattern, pointer string) bool {
	p, q := strings.Split(pattern, "/"), strings.Split(pointer, "/")
	return slices.EqualFunc(p, q, func(p, q string) bool { return p == "*" || p == q })
}

// between are the two conditions of a filter on the rows of one part.
type between struct{ sure, maybe cond }

// exact reports whether the columns decide.
func (b between) exact() bool {
	return b.sure.sql == b.maybe.sql && slices.Equal(b.sure.args, b.maybe.args)
}

// on makes the conditions for a part.
func (p *plan) on(part *part) (between, error) {
	if p.clause != nil {
		return p.clause.on(part)
	}
	var sure, maybe []cond
	for i := range p.args {
		b, err := p.args[i].on(part)
		if err != nil {
			return between{}, err
		}
		sure, maybe = append(sure, b.sure), append(maybe, b.maybe)
	}
	switch p.op {
	case "all":
		return between{all(sure...), all(maybe...)}, nil
	case "any":
		return between{anyOf(sure...), anyOf(maybe...)}, nil
	}
	return between{not(maybe[0]), not(sure[0])}, nil
}

func (c *clause) on(p *part) (between, error) {
	if c.isTime {
		cond := p.since(c.occurred)
		if c.bySeq {
			cond = p.sinceSeq(c.seq)
		}
		if c.expr.Op == "until" {
			cond = not(cond)
		}
		return between{cond, cond}, nil
	}
	var sure, maybe []cond
	for _, n := range c.exact {
		if p.first <= n && n < p.until {
			sure = append(sure, all(p.sinceSeq(n), not(p.sinceSeq(n+1))))
		}
	}
	maybe = slices.Clone(sure)
	for i := range c.groups {
		b, err := c.groups[i].on(p)
		if err != nil {
			return between{}, err
		}
		sure, maybe = append(sure, b.sure), append(maybe, b.maybe)
	}
	rest, err := c.restOn(p)
	if err != nil {
		return between{}, err
	}
	return between{anyOf(sure...), anyOf(append(maybe, rest)...)}, nil
}

// restOn is true of rows that may have a field that no column has and for which
// the clause is true.
func (c *clause) restOn(p *part) (cond, error) {
	flags := always
	switch {
	case !c.rest, c.restFlags != 0 && p.Flags&c.restFlags == 0:
		return never, nil
	case c.restFlags != 0:
		flags = hasFlag(c.restFlags)
	}
	if c.everywhere {
		return flags, nil
	}
	if p.place.strays {
		return flags, nil // they are few, and of all stretches
	}
	set, err := p.may(c.hashes)
	if err != nil {
		return never, &partError{p.place, err}
	}
	return all(flags, p.inStretches(set)), nil
}

// on decides the clause on each entry of the group.
func (c *groupClause) on(p *part) (between, error) {
	sure := never
	if p.mention(c.hashes) {
		e, err := p.dictionary(c.group)
		if err != nil {
			return between{}, &partError{p.place, err}
		}
		sure = inCodes(c.group, e.Matching(&block.Groups[c.group], &c.expr, c.literal))
	}
	if c.expr.Op == "text" && p.Flags&block.BodyExpired != 0 {
		sure = all(sure, not(hasFlag(block.BodyExpired))) // of the body's copy of a header's field nothing is left
	}
	maybe := sure
	if p.Lost[c.group] {
		maybe = anyOf(sure, isLost(c.group))
	}
	return between{sure, maybe}, nil
}
