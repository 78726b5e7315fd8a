package filter

import (
	"strings"

	"example.com/evident/proof"
)

// Text returns the canonical text of a tree. What Parse can make, it can read
// back. A leaf that no key makes, which only a tree from elsewhere can have, is
// written with its fields as the key, for people.
func Text(e proof.Expr) string {
	if e.Op == opAll && len(e.Args) == 0 {
		return ""
	}
	return string(appendExpr(nil, e))
}

func appendExpr(b []byte, e proof.Expr) []byte {
	switch e.Op {
	case opAll:
		return appendArgs(b, e.Args, " ", opAny)
	case opAny:
		return appendArgs(b, e.Args, " OR ", "")
	case opNot:
		return appendArgs(append(b, '-'), e.Args, " ", "leaf")
	}
	return append(b, printLeaf(e)...)
}

// appendArgs puts those of args in parentheses that bind less than what is
// around them: an any within all, and whatever is not a leaf after a minus.
func appendArgs(b []byte, args []proof.Expr, separator, wrap string) []byte {
	for i, arg := range args {
		if i > 0 {
			b = append(b, separator...)
		}
		if arg.Op == wrap || wrap == "leaf" && !isLeaf(arg) {
			b = append(appendExpr(append(b, '('), arg), ')')
			continue
		}
		b = appendExpr(b, arg)
	}
	return b
}

func printLeaf(e proof.Expr) string {
	if e.Op == opText {
		return printText(e)
	}
	k, ok := keyOfLeaf(e)
	if !ok {
		return strings.Join(e.Fields, ",") + ":" + quote(e.Value)
	}
	return k.Name + ":" + operators[k.Kind].print(e)
}
