// Package filter is the query language of Evident, the one that people know
// from code search: action:role.grant -outcome:success "break glass".
//
// Parse turns a text into a [Filter], String prints its canonical form, Expr
// gives the tree that packs carry and every reader evaluates. What an operator
// means is not decided here but in proof.Expr.Eval, so that a verifier needs
// nothing of this package. It is not a planner either: package index decides
// how to find what a tree matches, with the questions that expr.go answers.
//
// Reading order: keys.go (what can be asked), lex.go, parse.go, op_NAME.go (one
// operator a file: value to tree and back), print.go, expr.go, edit.go.
//
// docs/filter.md is the page for users, docs/format.md section 6.8 that of the
// tree.
package filter
