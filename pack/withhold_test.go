package pack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/evident/pack"
	"example.com/evident/proof"
)

// TestWithheldValuesAreNowhere looks for them in every byte of every file.
func TestWithheldValuesAreNowhere(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	raw := `{"who":"Alice.Adams@Acme.example","key":"AKIA-4711-SECRET"}`
	alice := map[string]any{"type": "user", "id": "u-1", "email": "alice.adams@acme.example"}
	w.add(
		event{more: map[string]any{"actor": alice, "raw": raw, "detail": map[string]any{"key": "AKIA-4711-SECRET", "kind": "token"}}},
		event{more: map[string]any{"actor": alice, "where": map[string]any{"user_agent": `cli ("ALICE.ADAMS@acme.example")`}}},
		event{more: map[string]any{"target": map[string]any{"type": "account", "id": "alice.adams@acme.example"}}},
		event{more: map[string]any{"targets": []any{map[string]any{"type": "list", "id": "m", "name": []string{"x", "cc: alice.adams@acme.example"}}}}},
		event{more: map[string]any{"why": map[string]any{"reason": "asked for by alice.\u0061dams@acme.example"}, "request_id": "r-1"}},
		event{more: map[string]any{"why": map[string]any{"alice.adams@acme.example": true}}},
		event{more: map[string]any{"native_action": "rotate AKIA-4711-SECRET"}},
	)
	o := w.options("")
	o.Withhold = []string{"actor.email", "/detail"}
	o.Prove = true
	m := w.build(o)
	for name, content := range m.files {
		if name == "verify.py" {
			continue
		}
		for _, secret := range []string{"alice.adams", "AKIA-4711"} {
			if bytes.Contains(bytes.ToLower(content), []byte(strings.ToLower(secret))) {
				t.Errorf("%s has %s in it", name, secret)
			}
		}
	}
	want := []proof.Omission{
		{What: "field /actor/email", Records: 2, Why: "withheld as asked"},
		{What: "field /detail/key", Records: 1, Why: "withheld as asked"},
		{What: "field /detail/kind", Records: 1, Why: "withheld as asked"},
		{What: "field /raw", Records: 1, Why: "the source's own bytes repeat what is withheld"},
		{What: "fields that are not named here", Records: 1, Why: "holds a value that is withheld elsewhere"},
		{What: "field /native_action", Records: 1, Why: "holds a value that is withheld elsewhere"},
		{What: "field /target/id", Records: 1, Why: "holds a value that is withheld elsewhere"},
		{What: "field /targets/*/name", Records: 1, Why: "holds a value that is withheld elsewhere"},
		{What: "field /where/user_agent", Records: 1, Why: "holds a value that is withheld elsewhere"},
		{What: "field /why/reason", Records: 1, Why: "holds a value that is withheld elsewhere"},
	}
	if got := m.Omissions[:min(len(want), len(m.Omissions))]; !slices.Equal(got, want) {
		t.Errorf("omissions\n%v\nwant\n%v", got, want)
	}
	for _, o := range want {
		if !strings.Contains(string(m.files["index.html"]), o.What) {
			t.Errorf("the page does not say that %s was left out", o.What)
		}
	}
	if got := m.rows(t)[0]["actor_email"]; got != "[withheld]" {
		t.Errorf("actor_email is %q", got)
	}
}

// TestShortValuesAreNotLookedFor: that a withheld role is "user" says nothing
// about other fields that hold the word.
func TestShortValuesAreNotLookedFor(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	w.add(event{more: map[string]any{
		"actor":  map[string]any{"type": "user", "id": "u-1", "role": "user"},
		"target": map[string]any{"type": "user", "id": "u-2"},
	}})
	o := w.options("")
	o.Withhold = []string{"actor.role"}
	m := w.build(o)
	if row := m.rows(t)[0]; row["target_type"] != "user" || row["actor_type"] != "user" {
		t.Errorf("row %v", row)
	}
	if len(m.Omissions) != 2 || m.Omissions[0].What != "field /actor/role" {
		t.Errorf("omissions %v", m.Omissions)
	}
}

func TestRecordsWithoutWithheldFieldsAreWhole(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	w.add(event{more: map[string]any{"request_id": "r-1"}}, event{})
	o := w.options("source:app/*")
	o.Withhold = []string{"request_id"}
	m := w.build(o)
	lines := m.lines("records.jsonl")
	if len(lines) != 2 || strings.Contains(lines[0], `"seed"`) || !strings.Contains(lines[1], `"seed"`) {
		t.Errorf("records %s; want the first in part, the second whole", lines)
	}
}

// hostile are values that try to do harm in a page, a spreadsheet or a terminal.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>`, `{{.Key}}`, `javascript:alert(1)`,
	`=cmd|' /C calc'!A0`, `+1+1`, `-2`, `@SUM(A1)`, "\t=1+1", " =1", "\r\n=1", `＝1`, `'=1`, `","=1`,
	"line one\nVERIFIED", "\x1b[2J\x1b[1;1H", "\u202egnp.exe", "\u2066x\u2069", "a\u200bb", "\ufeff=1", "\u0085", "\u2028=1",
	strings.Repeat("long ", 50_000), "\U0001F600", "é", `\`, `\u0000`, "NaN",
}

func TestHostileEvents(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	for i, h := range hostile {
		w.add(event{more: map[string]any{
			"actor":  map[string]any{"type": h, "id": h, "name": h, "email": h},
			"target": map[string]any{"type": h, "id": h, "name": h},
			"where":  map[string]any{"ip": h, "user_agent": h}, "why": map[string]any{"ticket": h},
			"detail": map[string]any{fmt.Sprintf("k%d%s", i, h[:min(len(h), 300)]): []any{h, map[string]any{"": h}, json.Number("123456789012345678901234567890.123e-400")}},
			"raw":    h,
		}})
	}
	m := w.build(w.options("source:app/*"))
	for i, row := range m.rows(t) {
		for column, cell := range row {
			if column == "seq" {
				continue
			}
			if trimmed := strings.TrimLeft(cell, " "); trimmed != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(trimmed)[0]) {
				t.Errorf("row %d: %s is a formula: %.40q", i, column, cell)
			}
			if strings.ContainsFunc(cell, func(r rune) bool {
				return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x202e && r != 0x2010
			}) {
				t.Errorf("row %d: %s has a character that hides: %.40q", i, column, cell)
			}
		}
	}
	page := string(m.files["index.html"])
	for _, bad := range []string{"<script", "<img", "</style><", "\x1b", "\u202e", "\u2066", "\u200b", "http:", "https:", "url(", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
	if strings.Count(page, "<style>") != 1 || !strings.Contains(page, `default-src &#39;none&#39;`) && !strings.Contains(page, `default-src 'none'`) {
		t.Error("the page has no policy, or more than one style")
	}
}

func TestHostileFilterText(t *testing.T) {
	w := newWorld(t, 64)
	w.now = day(3, 5)
	w.add(event{})
	o := w.options("\"<script>alert(1)</script>\u202e\x1b[2J\" OR action:invoice.read")
	o.MadeBy = "evident <b>\n\x1b[2J"
	m := w.build(o)
	for _, text := range []string{string(m.files["index.html"]), m.said} {
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\u202e") {
			t.Errorf("control characters are shown: %q", text)
		}
	}
	if strings.Contains(string(m.files["index.html"]), "<script") || strings.Contains(string(m.files["index.html"]), "<b>") {
		t.Error("the page has markup of the filter in it")
	}
}

func TestManyRecordsAreCutOnThePageOnly(t *testing.T) {
	w := newWorld(t, 4096)
	w.now = day(3, 5)
	w.add(make([]event, 1200)...)
	m := w.build(w.options("source:app/*"))
	if n := strings.Count(string(m.files["index.html"]), "<td>invoice.read</td>"); n != 1000 || len(m.rows(t)) != 1200 {
		t.Errorf("%d rows on the page, %d in population.csv; want 1000 and 1200", n, len(m.rows(t)))
	}
}

// TestPackIsTheSameTwice: nothing of the machine or the moment gets into a pack
// but what the options say.
func TestPackIsTheSameTwice(t *testing.T) {
	w := newWorld(t, 4096)
	w.fill(100)
	var a, b bytes.Buffer
	for _, out := range []*bytes.Buffer{&a, &b} {
		if _, err := pack.Build(t.Context(), w.trail, w.options(""), out, nil); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two packs of the same differ")
	}
}
