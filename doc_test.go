package evident

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources calls each for every file of the product, tests left out.
func sources(t *testing.T, each func(file string, set *token.FileSet, f *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || isModule(file)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		each(filepath.ToSlash(file), set, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDocumented wants a comment on every package and every exported name.
func TestDocumented(t *testing.T) {
	packages := map[string]bool{}
	sources(t, func(file string, set *token.FileSet, f *ast.File) {
		dir := filepath.Dir(file)
		packages[dir] = packages[dir] || f.Doc != nil
		for _, d := range f.Decls {
			for name, doc := range exported(d) {
				if doc == nil {
					t.Errorf("%s: %s has no comment", set.Position(d.Pos()), name)
				}
			}
		}
	})
	for dir, ok := range packages {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

// known are methods whose meaning the standard library gives.
var known = []string{"Error", "Unwrap", "Is", "As", "String", "ServeHTTP"}

// exported lists the exported names of a declaration with their comments.
// Methods of types that are not exported are left out, and so are names in a
// group that has a comment.
func exported(d ast.Decl) map[string]*ast.CommentGroup {
	names := map[string]*ast.CommentGroup{}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && slices.Contains(known, d.Name.Name) {
			break
		}
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
			names[d.Name.Name] = d.Doc
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					names[s.Name.Name] = first(s.Doc, d.Doc, s.Comment)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() {
						names[n.Name] = first(s.Doc, d.Doc, s.Comment)
					}
				}
			}
		}
	}
	return names
}

func first(groups ...*ast.CommentGroup) *ast.CommentGroup {
	i := slices.IndexFunc(groups, func(g *ast.CommentGroup) bool { return g != nil })
	if i < 0 {
		return nil
	}
	return groups[i]
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// TestSizes keeps files and functions so short that they are read.
func TestSizes(t *testing.T) {
	sources(t, func(file string, set *token.FileSet, f *ast.File) {
		if n := set.File(f.Pos()).LineCount(); n > 500 {
			t.Errorf("%s has %d lines, more than 500: part it by what it says", file, n)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line; n > 100 {
				t.Errorf("%s: %s has %d lines, more than 100", set.Position(fn.Pos()), fn.Name.Name, n)
			}
		}
	})
}

// TestNames refuses packages that are named for nothing, and init, which runs
// where nobody looks.
func TestNames(t *testing.T) {
	bad := regexp.MustCompile(`^(utils?|common|helpers?|managers?|shared|base|misc)$`)
	sources(t, func(file string, set *token.FileSet, f *ast.File) {
		if bad.MatchString(f.Name.Name) {
			t.Errorf("%s: package %s says nothing of what is in it", file, f.Name.Name)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init runs where nobody looks: make a list or a call of it", set.Position(fn.Pos()))
			}
		}
	})
}

// TestReadme holds the README against what there is: its make targets, the
// commands that it names and the files that it links to.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^make ([a-z-]+)`).FindAllStringSubmatch(string(readme), -1) {
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
			t.Errorf("README names make %s, which the Makefile does not have", m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?:bin/|`)evident ([a-z]+)").FindAllStringSubmatch(string(readme), -1) {
		if _, err := os.Stat("cmd/evident/" + m[1] + ".go"); err != nil {
			t.Errorf("README names evident %s, which is no command", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(readme), -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("README links to %s, which is not there", m[1])
		}
	}
}
