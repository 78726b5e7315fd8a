package identity_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"example.com/evident/filter"
	"example.com/evident/identity"
)

// TestPage holds docs/identity.md against what there is: its accounts can be
// read, and its example of an expansion is the real one.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../docs/identity.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	accounts := 0
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*`), ?.* \\||^\\| (`[^|]*`) \\|").FindAllString(text, -1) {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			if _, err := identity.ParseAccount(strings.TrimSuffix(m[1], ":") + strings.Repeat(":x", strings.Count(m[1]+"$", ":$"))); err != nil {
				t.Errorf("%s: %v", m[1], err)
			}
			accounts++
		}
	}
	if accounts < 10 {
		t.Errorf("%d accounts on the page", accounts)
	}
	m := regexp.MustCompile("(?s)becomes one about accounts:\n\n```\n(.*?)\n(.*?)\n```").FindStringSubmatch(text)
	if m == nil {
		t.Fatal("no example on the page")
	}
	asked, err := filter.Parse(m[1])
	if err != nil {
		t.Fatal(err)
	}
	book := identity.NewBook(roster(row(t0, "E-1042", "Ana", `{"email":"ana@acme.example","accounts":["okta:00u1example"]}`)), nil)
	if got, err := book.Expand(asked); err != nil || got.String() != m[2] {
		t.Errorf("%s becomes\n%s, %v; the page says\n%s", m[1], got, err, m[2])
	}
}
