package filter

import "example.com/evident/proof"

// Limits of a filter. The last two are those of the tree, docs/format.md
// section 6.8.
const (
	MaxTextBytes = 4 << 10
	MaxDepth     = 32
	MaxNodes     = 512
)

// A Filter says which records are wanted. It is made by Parse and immutable, so
// that any number of goroutines may use it. The zero value matches every record.
type Filter struct {
	expr proof.Expr
}

// Expr returns the tree, simplified. It is the Filter's own and must not be
// changed.
func (f Filter) Expr() proof.Expr {
	if f.expr.Op == "" {
		return proof.Expr{Op: opAll}
	}
	return f.expr
}

// String returns the canonical text: Parse of it gives the same tree, and two
// texts with the same tree have the same canonical text.
func (f Filter) String() string { return Text(f.Expr()) }

// Match reports whether the record with header h and the body fields matches.
// Fields are all fields of the body, as proof.ParseBody gives them.
func (f Filter) Match(h *proof.Header, fields []proof.Field) bool {
	e := f.Expr()
	return e.Eval(h, &proof.View{Fields: fields}) == proof.True
}

// The operators of a tree, docs/format.md section 6.8.
const (
	opAll   = "all"
	opAny   = "any"
	opNot   = "not"
	opIs    = "is"
	opCIDR  = "cidr"
	opFrom  = "from"
	opUntil = "until"
	opText  = "text"
)
