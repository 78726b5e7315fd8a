package all_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/all"
)

var update = flag.Bool("update", false, "rewrite docs/sources; look at the diff")

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range all.Kinds {
		if err := event.ValidSource(k.Name + "/x"); err != nil || seen[k.Name] || k.Split == nil || k.Map == nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		seen[k.Name] = true
		for native, a := range k.Actions {
			if event.ValidAction(a.Action) != nil || a.Category.Meaning() == "" {
				t.Errorf("%s: %s: %+v", k.Name, native, a)
			}
		}
	}
	if _, ok := all.Lookup("no.such"); ok {
		t.Error("a kind that is none")
	}
}

func TestOf(t *testing.T) {
	for name, want := range map[string]string{
		"aws.cloudtrail/prod": "aws.cloudtrail", "json/x": "json", "app/billing": "json", "evident": "json",
	} {
		if k := all.Of(name); k.Name != want {
			t.Errorf("%s: %s", name, k.Name)
		}
	}
}

// TestDocs holds docs/sources against what the kinds say of themselves: their
// package comment and their table of actions.
func TestDocs(t *testing.T) {
	const dir = "../../docs/sources"
	want := map[string]bool{}
	for _, k := range all.Kinds {
		file := filepath.Join(dir, k.Name+".md")
		want[file] = true
		made := page(t, k)
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, made, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, made) {
			t.Errorf("%s is not what the code says (%v); go test ./source/all -update rewrites it", file, err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.md"))
	for _, file := range files {
		if !want[file] {
			t.Errorf("%s is of no kind", file)
		}
	}
}

// page makes the documentation of a kind.
func page(t *testing.T, k source.Kind) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n<!-- made by go test ./source/all -update; edit the code instead -->\n\n", k.Name)
	b.Write(packageComment(t, filepath.Join("..", strings.ReplaceAll(k.Name, ".", ""))))
	if k.Verbatim {
		b.WriteString("\n## Categories\n\n| category | what belongs there |\n|---|---|\n")
		for _, c := range event.Categories {
			fmt.Fprintf(&b, "| `%s` | %s |\n", c, c.Meaning())
		}
	}
	if len(k.Actions) > 0 {
		b.WriteString("\n## Actions\n\n| category | action | what the source calls it |\n|---|---|---|\n")
		for _, row := range rows(k) {
			b.WriteString(row)
		}
	}
	return b.Bytes()
}

// rows has a line for each action and category, by category, then action.
func rows(k source.Kind) (lines []string) {
	natives := map[source.Action][]string{}
	for native, a := range k.Actions {
		natives[a] = append(natives[a], "`"+native+"`")
	}
	for _, c := range event.Categories {
		var of []string
		for a, names := range natives {
			if a.Category == c {
				slices.Sort(names)
				of = append(of, fmt.Sprintf("| %s | `%s` | %s |\n", c, a.Action, strings.Join(names, " ")))
			}
		}
		slices.Sort(of)
		lines = append(lines, of...)
	}
	return lines
}

// packageComment returns the comment of the package in dir as Markdown, without
// the words "Package x".
func packageComment(t *testing.T, dir string) []byte {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc == nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := strings.TrimPrefix(f.Doc.Text(), "Package "+f.Name.Name+" ")
		text = strings.ToUpper(text[:1]) + text[1:]
		printer := comment.Printer{DocLinkURL: func(*comment.DocLink) string { return "" }}
		return printer.Markdown(new(doc.Package).Parser().Parse(text))
	}
	t.Fatalf("%s has no package comment", dir)
	return nil
}
