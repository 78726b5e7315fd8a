package evident

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "example.com/evident/"

// mayImport is the architecture: what of this module each package may import.
// "source/*" stands for every package below source, as a key and as a value.
var mayImport = map[string]string{
	"event":              "",
	"proof":              "",
	"proof/tiles":        "proof",
	"filter":             "proof",
	"source":             "event",
	"source/*":           "event source",
	"source/gcpaudit":    "event source source/kubernetesaudit",
	"source/all":         "source source/*",
	"source/sourcetest":  "event source proof",
	"redact":             "event",
	"identity":           "event proof filter",
	"state":              "event identity proof",
	"internal/durable":   "",
	"keys":               "proof",
	"trail":              "proof keys internal/durable",
	"index":              "event proof filter trail index/*",
	"index/*":            "proof index/words",
	"intake":             "event proof source source/* trail",
	"intake/*":           "event proof source source/* trail intake intake/body intake/sender intake/several state",
	"pack":               "event proof filter trail",
	"demo":               "event source source/*",
	"web/api":            "event proof filter identity source redact trail index pack state intake intake/*",
	"web/ui":             "event proof filter trail index state web/api",
	"web/tlog":           "proof trail",
	"client":             "event",
	"server":             "event proof filter source source/* redact state trail index intake intake/* pack web/* client",
	"cmd/evident":        "event proof proof/tiles filter source source/* state trail index intake intake/* pack demo web/* client server",
	"cmd/evident-verify": "proof",
}

func TestImports(t *testing.T) {
	// Files are parsed, not listed by the go command: only what the test itself
	// opens makes the test cache forget its last result.
	found := map[string]bool{}
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
		checkFile(t, file, found)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range mayImport {
		if !found[pkg] && !strings.HasSuffix(pkg, "*") {
			t.Errorf("mayImport names %s, which does not exist", pkg)
		}
	}
}

// checkFile holds one file's imports against the table and notes its package.
func checkFile(t *testing.T, file string, found map[string]bool) {
	pkg := filepath.ToSlash(filepath.Dir(file))
	found[pkg] = true
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	allowed, listed := mayImport[pkg]
	if !listed {
		allowed, listed = mayImport[filepath.Dir(pkg)+"/*"]
	}
	if !listed && pkg != "." {
		t.Errorf("%s: new package; say in mayImport what it may import", pkg)
	}
	words := strings.Fields(allowed)
	for _, i := range f.Imports {
		dep, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module)
		if ours && !slices.Contains(words, dep) && !slices.Contains(words, filepath.Dir(dep)+"/*") {
			t.Errorf("%s: %s must not import %s", file, pkg, dep)
		}
	}
}

// isModule reports whether dir is a module of its own, which carries
// dependencies that the product does not.
func isModule(dir string) bool {
	m, _ := filepath.Glob(filepath.Join(dir, "go.mod"))
	return len(m) > 0
}
