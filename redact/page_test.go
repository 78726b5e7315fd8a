package redact_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"example.com/evident/redact"
)

var update = flag.Bool("update", false, "rewrite the table of rules in docs/redaction.md")

const page = "../docs/redaction.md"

func TestPage(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	yaml := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(text)
	if yaml == nil {
		t.Fatal("no policy in " + page)
	}
	p, err := redact.Load([]byte(yaml[1]), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("```example\n(.*)\n(.*)\n```").FindAllStringSubmatch(text, -1)
	if len(examples) < 3 {
		t.Errorf("%d examples in %s", len(examples), page)
	}
	for _, m := range examples {
		if got := string(p.Apply("app/shop", []byte(m[1]))); got != m[2] {
			t.Errorf("%s\nbecomes  %s\nthe page says %s", m[1], got, m[2])
		}
	}

	begin, end := "-update -->\n", "<!-- end of rules -->"
	before, rest, ok := strings.Cut(text, begin)
	_, after, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatal("no table of rules in " + page)
	}
	want := before + begin + "| rule | finds |\n|---|---|\n"
	for _, r := range redact.Default().Rules() {
		want += fmt.Sprintf("| `%s` | %s |\n", r.Name, r.About)
	}
	want += end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != text {
		t.Errorf("the table in %s is not that of builtin.go: run go test ./redact -update", page)
	}
}
