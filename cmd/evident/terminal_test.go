package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
	f("", "")
	f("alice@acme.example", "alice@acme.example")
	f("Zoë Ångström 山田 Ελένη أحمد 🚢", "Zoë Ångström 山田 Ελένη أحمد 🚢")
	f("\x1b]0;owned\x07", `\x1b]0;owned\a`)
	f("\x1b[2J\x1b[31mred", `\x1b[2J\x1b[31mred`)
	f("a\u009b31mb", `a\u009b31mb`) // the one-character CSI of C1
	f("one\r\ntwo\tthree", `one\r\ntwo\tthree`)
	f("invoice\u202egnp.exe", `invoice\u202egnp.exe`)
	f("\u2066x\u2069\u200f\u061c", `\u2066x\u2069\u200f\u061c`)
	f("zero\u200bwidth\ufeff", `zero\u200bwidth\ufeff`)
	f("\u2028\u2029\u00ad", `\u2028\u2029\u00ad`)
	f("tag\U000e0041", `tag\U000e0041`)
	f("blank\u3164\u2800", `blank\u3164\u2800`)
	f("\x7f\x00", `\x7f\x00`)
	f("bad \xff\xc0 bytes", `bad \xff\xc0 bytes`)
	f("e\u0301", "e\u0301")
	f("e"+strings.Repeat("\u0301", 4), "e"+strings.Repeat("\u0301", 3)+`\u0301`)
	f("\u0301x", `\u0301x`)
}

// FuzzVisible holds what matters of visible: nothing is left that a terminal
// acts on, whatever came.
func FuzzVisible(f *testing.F) {
	f.Add("\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := visible(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if !unicode.IsGraphic(r) {
				t.Fatalf("%q has %U", got, r)
			}
		}
		if n := columns(cut(got, 20)); n > 20 {
			t.Fatalf("cut to 20 has %d columns", n)
		}
		b, err := json.Marshal(map[string]string{"s": s})
		if err != nil {
			t.Fatal(err)
		}
		shown := visibleJSON(b)
		var back map[string]string
		if err := json.Unmarshal(shown, &back); err != nil || back["s"] != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Fatalf("%s became %s: %v", b, shown, err)
		}
		for _, r := range string(shown) {
			if !unicode.IsGraphic(r) {
				t.Fatalf("%s has %U", shown, r)
			}
		}
	})
}

func TestCut(t *testing.T) {
	f := func(in string, most int, want string) {
		t.Helper()
		if got := cut(in, most); got != want {
			t.Errorf("cut(%q, %d) = %q, want %q", in, most, got, want)
		}
	}
	f("abc", 3, "abc")
	f("abcd", 3, "ab…")
	f("山田太郎", 5, "山田…")
	f("山田太郎", 8, "山田太郎")
	f("", 0, "")
	f("abc", 1, "…")
}

func TestTableFits(t *testing.T) {
	hostile := "\x1b[2J" + strings.Repeat("x", 1<<20)
	rows := [][]string{
		{"2026-03-02T10:00:00Z", "okta/acme", "alice@acme.example", "session.start", "1"},
		{"2026-03-02T10:00:01Z", "aws.cloudtrail/prod", hostile, "山田太郎山田太郎山田太郎山田太郎", "123456"},
	}
	for _, width := range []int{30, 60, 80, 200} {
		var out bytes.Buffer
		tab := table{width: width, head: []string{"WHEN", "SOURCE", "ACTOR", "ACTION", "SEQ"}, right: []bool{4: true}}
		if err := tab.write(&out, rows); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if n := columns(line); n > width {
				t.Errorf("width %d: a line has %d columns: %q", width, n, line)
			}
			if strings.ContainsRune(line, 0x1b) {
				t.Errorf("width %d: an escape sequence got through: %q", width, line)
			}
		}
	}
	var out bytes.Buffer
	tab := table{head: []string{"A", "B", "C", "D", "E"}}
	if err := tab.write(&out, rows); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 2000 {
		t.Errorf("without a width, a value of a megabyte makes %d bytes", out.Len())
	}
}

func TestBar(t *testing.T) {
	if got := bar("load", 50, 100, 4e9, "50 events"); !strings.Contains(got, "50%") || !strings.Contains(got, "4s left") {
		t.Error(got)
	}
	if got := bar("load", 1234567, 0, 0, "x"); got != "load  1,234,567  x" {
		t.Error(got)
	}
}
