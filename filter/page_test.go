package filter_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"example.com/evident/filter"
)

var update = flag.Bool("update", false, "rewrite the table of keys in docs/filter.md")

const page = "../docs/filter.md"

func TestEachExampleOfThePageParses(t *testing.T) {
	examples := pageExamples(t)
	if len(examples) < 50 {
		t.Errorf("found %d examples in %s", len(examples), page)
	}
	for _, text := range examples {
		if _, err := filter.Parse(text); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	}
}

func TestErrorOfThePageIsTheReal(t *testing.T) {
	block := regexp.MustCompile("(?s)```error\n(.*?)\n```").FindStringSubmatch(readPage(t))
	if block == nil {
		t.Fatal("no error in " + page)
	}
	text := strings.TrimSpace(strings.Split(block[1], "\n")[1])
	if _, err := filter.Parse(text); fmt.Sprint(err) != block[1] {
		t.Errorf("is\n%v\nthe page says\n%s", err, block[1])
	}
}

func TestTableOfThePage(t *testing.T) {
	begin := "-update -->\n"
	before, rest, ok := strings.Cut(readPage(t), begin)
	_, after, found := strings.Cut(rest, "<!-- end of keys -->")
	if !ok || !found {
		t.Fatal("no table of keys in " + page)
	}
	want := before + begin + "| key | value | meaning | example |\n|---|---|---|---|\n"
	for _, k := range filter.Keys() {
		value := string(k.Kind)
		if k.Kind == filter.Word {
			value = "`" + strings.Join(k.Words, "` `") + "`"
		}
		want += fmt.Sprintf("| `%s` | %s | %s | `%s` |\n", k.Name, valueNames(value), k.Meaning, k.Example)
	}
	want += "<!-- end of keys -->" + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if readPage(t) != want {
		t.Errorf("the table in %s is not that of keys.go: run go test ./filter -update", page)
	}
}

// valueNames are the words of the page for the kinds of value.
func valueNames(kind string) string {
	switch filter.Kind(kind) {
	case filter.From, filter.Until:
		return "date or time"
	case filter.Day:
		return "date"
	case filter.Source:
		return "`kind/name`, pattern"
	case filter.Action:
		return "`noun.verb`, pattern"
	case filter.Person:
		return "a person"
	case filter.Ended:
		return "`true`, date or pattern"
	case filter.Network:
		return "address, network or pattern"
	}
	return kind
}

func readPage(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pageExamples are the lines of the page's first block, the last column of its
// table of keys, and whatever else in back quotes has a colon and can be one.
func pageExamples(t testing.TB) []string {
	text := readPage(t)
	block := regexp.MustCompile("(?s)```\n(.*?)\n```").FindStringSubmatch(text)
	if block == nil {
		t.Fatal("no examples in " + page)
	}
	examples := strings.Split(block[1], "\n")
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		placeholder := regexp.MustCompile(`\b(key|clause):|:(value|"two words")|…|^:`).MatchString(m[1])
		if strings.Contains(m[1], ":") && !placeholder && !strings.HasPrefix(m[1], `"groups`) && !strings.HasPrefix(m[1], "::") {
			examples = append(examples, m[1])
		}
	}
	return examples
}
