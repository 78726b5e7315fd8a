package source_test

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/evident/source"
	"pgregory.net/rapid"
)

// all returns what a Split makes of a delivery, and checks that reading it byte
// by byte gives the same.
func all(t testing.TB, split func(io.Reader) iter.Seq2[[]byte, error], delivery string) (raws []string, err error) {
	t.Helper()
	for raw, e := range split(strings.NewReader(delivery)) {
		if err = e; err == nil {
			raws = append(raws, string(raw))
		}
	}
	if len(delivery) > 1<<20 {
		return raws, err
	}
	var again []string
	for raw, e := range split(iotest.OneByteReader(strings.NewReader(delivery))) {
		if e == nil {
			again = append(again, string(raw))
		}
	}
	if !slices.Equal(raws, again) {
		t.Errorf("byte by byte it is %q, not %q", again, raws)
	}
	return raws, err
}

func TestLines(t *testing.T) {
	f := func(name string, split func(io.Reader) iter.Seq2[[]byte, error], delivery string, want ...string) {
		t.Run(name, func(t *testing.T) {
			if got, err := all(t, split, delivery); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
			}
		})
	}
	tab := source.Join(source.Lines, func(raw []byte) bool { return raw[0] == '\t' })
	f("nothing", source.Lines, "")
	f("white space", source.Lines, " \r\n\t\n\n")
	f("lines", source.Lines, "a\nb\nc\n", "a", "b", "c")
	f("no line end at the end", source.Lines, "a\nb", "a", "b")
	f("CR LF", source.Lines, "a\r\nb\r\n\r\nc\r", "a", "b", "c")
	f("a carriage return inside", source.Lines, "a\rb\r\r\n", "a\rb\r")
	f("white space around", source.Lines, "  a \n\tb\t\n", "  a ", "\tb\t")
	f("a byte order mark", source.Lines, "\uFEFFa\n\uFEFFb", "a", "\uFEFFb")
	f("half a byte order mark", source.Lines, "\xEF\xBB", "\xEF\xBB")
	f("bytes that are no text", source.Lines, "\x00\xff\n\xfe", "\x00\xff", "\xfe")
	f("quotes are nothing to lines", source.Lines, "\"a\nb\"\n", "\"a", "b\"")
	f("rows", source.Rows, "1,\"a\nb\",2\n3,\"\"\"\n\",4\r\n5", "1,\"a\nb\",2", "3,\"\"\"\n\",4", "5")
	f("a row that does not end", source.Rows, "1\n2,\"a\nb\n", "1", "2,\"a\nb")
	f("lines joined", tab, "a\n\tb\n\tc\nd\ne\n\tf", "a\n\tb\n\tc", "d", "e\n\tf")
	f("nothing to join to", tab, "\ta\n\tb\nc", "\ta\n\tb", "c")
	f("nothing to join", tab, "")
}

// TestLinesOfAnySize holds what happens to lines over the maximum: one that can
// be held is yielded whole, so that those behind it are not lost; none is cut.
func TestLinesOfAnySize(t *testing.T) {
	big := strings.Repeat("y", 2*source.MaxEventBytes-1)
	got, err := all(t, source.Lines, "a\n"+big+"\nb\n")
	if err != nil || len(got) != 3 || got[1] != big || got[2] != "b" {
		t.Errorf("%d lines, %v", len(got), err)
	}
	got, err = all(t, source.Lines, "a\n"+big+big+"\nb\n")
	if err == nil || !strings.Contains(err.Error(), "at byte 2 is larger than 33554432 bytes") || len(got) != 1 {
		t.Errorf("%d lines, %v", len(got), err)
	}
	join := source.Join(source.Lines, func([]byte) bool { return true })
	got, err = all(t, join, strings.Repeat(strings.Repeat("z", 1<<20)+"\n", 20))
	if err != nil || len(got) != 2 || len(got[0]) > source.MaxEventBytes {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

func TestLinesPassOnReadErrors(t *testing.T) {
	broken := errors.New("checksum error")
	for _, split := range []func(io.Reader) iter.Seq2[[]byte, error]{source.Lines, source.Rows, source.Join(source.Lines, func([]byte) bool { return false })} {
		var raws int
		var err error
		for _, e := range split(io.MultiReader(strings.NewReader("a\nb\nhalf"), iotest.ErrReader(broken))) {
			if err = e; err == nil {
				raws++
			}
		}
		if !errors.Is(err, broken) || raws != 2 {
			t.Errorf("%d raws, %v", raws, err)
		}
		for range split(strings.NewReader("a\nb\n")) {
			break
		}
	}
}

// TestRawsOfLinesAreTheReceivers holds that nothing writes into a raw later.
func TestRawsOfLinesAreTheReceivers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-z\t]{1,9}x`), 0, 40).Draw(t, "lines")
		join := source.Join(source.Lines, func(raw []byte) bool { return raw[0] == '\t' })
		var raws [][]byte
		for raw, err := range join(iotest.HalfReader(strings.NewReader(strings.Join(lines, "\n")))) {
			if err != nil {
				t.Fatal(err)
			}
			raws = append(raws, raw)
		}
		if got := string(bytes.Join(raws, []byte("\n"))); got != strings.Join(lines, "\n") {
			t.Fatalf("%q of %q", got, lines)
		}
	})
}

func TestMixed(t *testing.T) {
	f := func(name, delivery string, want ...string) {
		t.Run(name, func(t *testing.T) {
			if got, err := all(t, source.Mixed, delivery); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
			}
		})
	}
	f("nothing", "")
	f("text", "[error] a\n\tb\r\n\n{c} d", "[error] a", "\tb", "{c} d")
	f("objects", "{\"a\":1}\n {\"a\":2} \r\n{\"a\":3}{\"a\":4}\n", `{"a":1}`, `{"a":2}`, `{"a":3}`, `{"a":4}`)
	f("an array", "\uFEFF [ {\"a\":1},\n{\"a\":2} ]", `{"a":1}`, `{"a":2}`)
	f("an empty array", "[]")
	f("an object over several lines", "x\n{\n \"a\": [\n1]\n}\ny", "x", "{\n \"a\": [\n1]\n}", "y")
	f("text behind an object", "{\"a\":1} ok\nx", `{"a":1}`, " ok", "x")
	f("objects and text", "{\"a\":1}\noops\n[1] no\n{\"a\":2}", `{"a":1}`, "oops", "[1] no", `{"a":2}`)
	f("an object cut short", "{\"a\":\n{\"b\":1}\n{\"c\":2}\n{\n}", `{"a":`, `{"b":1}`, `{"c":2}`, "{\n}")
	f("an object cut short at the end", "{\"a\":1}\n{\"a\":\n{\"b\":1}", `{"a":1}`, `{"a":`, `{"b":1}`)
	f("a string cut short", "{\"a\":\"x\n{\"b\":1}", `{"a":"x`, `{"b":1}`)
}

// TestMixedIsReadOnce gives a delivery that is slow to cut if each of its lines
// is taken for the beginning of all others.
func TestMixedIsReadOnce(t *testing.T) {
	line := `{"` + strings.Repeat("y", 4000) + `":[` + "\n"
	got, err := all(t, source.Mixed, strings.Repeat(line, 5000)) // 20 MB
	if err != nil || len(got) != 5000 {
		t.Errorf("%d, %v", len(got), err)
	}
}

func FuzzMixed(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\nx\n{,\n{}", "[{\"a\":1}]", "[x", "{\"a\":\n{\n}\n{", "\uFEFF{"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, delivery []byte) {
		for raw, err := range source.Mixed(bytes.NewReader(delivery)) {
			if err == nil && (!bytes.Contains(delivery, raw) || len(bytes.Trim(raw, " \t\r\n")) == 0) {
				t.Errorf("%q", raw)
			}
		}
	})
}

func TestColumns(t *testing.T) {
	f := func(row string, ok bool, want ...string) {
		t.Helper()
		if got, is := source.Columns(row, ',', 4); is != ok || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", row, got, is)
		}
	}
	f("", true, "")
	f("a,b,", true, "a", "b", "")
	f(`"a,""b""`+"\n"+`c",,d"e`, true, "a,\"b\"\nc", "", `d"e`)
	f(`a,"b`, false, "a")
	f(`a,"b"c,d`, false, "a", "b")
	f("1,2,3,4", true, "1", "2", "3", "4")
	f("1,2,3,4,5", false, "1", "2", "3", "4")
}
