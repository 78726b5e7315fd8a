package filter

import (
	"slices"
	"time"

	"example.com/evident/proof"
)

// This file answers questions about trees for those who plan with them. All
// functions are pure, and none changes its argument.

// inHeader are the fields that a header answers: its own names, and those of
// the body of which it holds a copy. The source's own id is not among them, as
// the header has only its hash.
var inHeader = []string{
	"source", "category", "action", "outcome", "at", "seq", "sseq", "id",
	"/source", "/category", "/action", "/outcome", "/occurred_at",
}

// HeaderOnly reports whether the header of a record is enough to evaluate e.
// Such a filter is proven completely by a pack.
func HeaderOnly(e proof.Expr) bool {
	for leaf := range leaves(e) {
		if !headerLeaf(leaf) {
			return false
		}
	}
	return true
}

func headerLeaf(e proof.Expr) bool {
	outside := func(field string) bool { return !slices.Contains(inHeader, field) }
	return e.Op != opText && !slices.ContainsFunc(e.Fields, outside)
}

// Fields returns the pointers into the body that e looks at, sorted, each once;
// what the header answers is not among them. A part of a pointer may be *. A
// text clause looks at the whole body, the pointer of which is "".
func Fields(e proof.Expr) []string {
	var pointers []string
	for leaf := range leaves(e) {
		if leaf.Op == opText {
			pointers = append(pointers, "")
		}
		for _, field := range leaf.Fields {
			if !slices.Contains(inHeader, field) {
				pointers = append(pointers, field)
			}
		}
	}
	slices.Sort(pointers)
	return slices.Compact(pointers)
}

// A Clause is a leaf of a tree, with what is to be said about it.
type Clause struct {
	Expr    proof.Expr
	Text    string // canonical, with a minus in front if Negated
	Negated bool   // it stands below an odd number of nots
	Header  bool   // headers prove it; else it rests on what is disclosed
}

// Clauses returns the leaves of e in their order.
func Clauses(e proof.Expr) []Clause {
	var clauses []Clause
	for leaf, negated := range leaves(e) {
		c := Clause{Expr: leaf, Text: printLeaf(leaf), Negated: negated, Header: headerLeaf(leaf)}
		if negated {
			c.Text = "-" + c.Text
		}
		clauses = append(clauses, c)
	}
	return clauses
}

// leaves yields the leaves of e in their order, and whether they are negated.
func leaves(e proof.Expr) func(yield func(leaf proof.Expr, negated bool) bool) {
	return func(yield func(proof.Expr, bool) bool) { walk(e, false, yield) }
}

func walk(e proof.Expr, negated bool, yield func(proof.Expr, bool) bool) bool {
	if isLeaf(e) {
		return yield(e, negated)
	}
	for _, arg := range e.Args {
		if !walk(arg, negated != (e.Op == opNot), yield) {
			return false
		}
	}
	return true
}

func isLeaf(e proof.Expr) bool {
	return e.Op != opAll && e.Op != opAny && e.Op != opNot
}

// A Window is a stretch of time, From ≤ t < Until. A zero From or Until is open.
type Window struct {
	From, Until time.Time
}

// Empty reports whether no time is in w.
func (w Window) Empty() bool {
	return !w.From.IsZero() && !w.Until.IsZero() && !w.From.Before(w.Until)
}

// intersect returns the window of what is in both.
func (w Window) intersect(v Window) Window {
	if w.From.Before(v.From) {
		w.From = v.From
	}
	if w.Until.IsZero() || !v.Until.IsZero() && v.Until.Before(w.Until) {
		w.Until = v.Until
	}
	return w
}

// hull returns the smallest window that holds both.
func (w Window) hull(v Window) Window {
	if w.Empty() {
		return v
	}
	if v.Empty() {
		return w
	}
	if v.From.Before(w.From) { // also when v is open
		w.From = v.From
	}
	if v.Until.IsZero() || !w.Until.IsZero() && v.Until.After(w.Until) {
		w.Until = v.Until
	}
	return w
}

// Bounds returns windows outside of which no record matches e: of occurred_at,
// and of at. They are there to skip what cannot match; within them, e decides.
func Bounds(e proof.Expr) (occurred, at Window) {
	b := boundsOf(e, false)
	return b.occurred, b.at
}

type bounds struct{ occurred, at Window }

func boundsOf(e proof.Expr, negated bool) bounds {
	switch {
	case e.Op == opNot && len(e.Args) == 1:
		return boundsOf(e.Args[0], !negated)
	case (e.Op == opAll || e.Op == opAny) && len(e.Args) > 0:
		b := boundsOf(e.Args[0], negated)
		for _, arg := range e.Args[1:] {
			other := boundsOf(arg, negated)
			if (e.Op == opAll) != negated { // not all is any of the nots
				b = bounds{b.occurred.intersect(other.occurred), b.at.intersect(other.at)}
			} else {
				b = b.hull(other)
			}
		}
		return b
	case e.Op == opFrom || e.Op == opUntil:
		return leafBounds(e, negated)
	}
	return bounds{}
}

// hull leaves out the side that cannot match at all, in either time.
func (b bounds) hull(other bounds) bounds {
	switch {
	case b.occurred.Empty() || b.at.Empty():
		return other
	case other.occurred.Empty() || other.at.Empty():
		return b
	}
	return bounds{b.occurred.hull(other.occurred), b.at.hull(other.at)}
}

func leafBounds(e proof.Expr, negated bool) bounds {
	t, err := proof.ParseTime(e.Value)
	if err != nil || len(e.Fields) != 1 {
		return bounds{}
	}
	w := Window{Until: t}
	if (e.Op == opFrom) != negated {
		w = Window{From: t}
	}
	switch e.Fields[0] {
	case "/occurred_at":
		return bounds{occurred: w}
	case "at":
		return bounds{at: w}
	}
	return bounds{}
}

// Simplify returns a tree with the same meaning in which no all stands within
// an all, no any within an any, no not within a not, and none with one argument.
func Simplify(e proof.Expr) proof.Expr {
	if isLeaf(e) {
		return e
	}
	args := make([]proof.Expr, len(e.Args))
	for i, arg := range e.Args {
		args[i] = Simplify(arg)
	}
	if e.Op == opNot && len(args) == 1 {
		return negate(args[0])
	}
	return join(e.Op, args)
}

// join returns all or any of args, which are simplified.
func join(op string, args []proof.Expr) proof.Expr {
	var flat []proof.Expr
	for _, arg := range args {
		if arg.Op == op {
			flat = append(flat, arg.Args...)
		} else {
			flat = append(flat, arg)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return proof.Expr{Op: op, Args: flat}
}

// negate returns what is true where e, which is simplified, is not.
func negate(e proof.Expr) proof.Expr {
	if e.Op == opNot {
		return e.Args[0]
	}
	return proof.Expr{Op: opNot, Args: []proof.Expr{e}}
}

// equal reports whether a and b are the same tree.
func equal(a, b proof.Expr) bool {
	return a.Op == b.Op && a.Value == b.Value && slices.Equal(a.Fields, b.Fields) && slices.EqualFunc(a.Args, b.Args, equal)
}

// count returns the number of nodes of e.
func count(e proof.Expr) int {
	n := 1
	for _, arg := range e.Args {
		n += count(arg)
	}
	return n
}

// depth returns the number of nodes on the longest way down.
func depth(e proof.Expr) int {
	deepest := 0
	for _, arg := range e.Args {
		deepest = max(deepest, depth(arg))
	}
	return deepest + 1
}
