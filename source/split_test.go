package source_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/evident/source"
	"pgregory.net/rapid"
)

var split = source.JSON("Records", "Events", "logEvents", "detail", "message")

// collect returns the raws of a delivery, and checks that reading it byte by
// byte gives the same.
func collect(t testing.TB, delivery string) (raws []string, err error) {
	t.Helper()
	for raw, e := range split(strings.NewReader(delivery)) {
		if err = e; err == nil {
			raws = append(raws, string(raw))
		}
	}
	var again []string
	for raw, e := range split(iotest.OneByteReader(strings.NewReader(delivery))) {
		if (e == nil) == (err == nil) || e == nil {
			if e == nil {
				again = append(again, string(raw))
			}
		}
	}
	if !slices.Equal(raws, again) {
		t.Errorf("byte by byte it is %q, not %q", again, raws)
	}
	return raws, err
}

func TestSplit(t *testing.T) {
	f := func(name, delivery string, want ...string) {
		t.Run(name, func(t *testing.T) {
			if got, err := collect(t, delivery); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
			}
		})
	}
	f("nothing", "")
	f("white space", " \r\n\t")
	f("one object", `{"a":1}`, `{"a":1}`)
	f("one object over several lines", "{\n \"a\": [ {} , [] ]\n}\n", "{\n \"a\": [ {} , [] ]\n}")
	f("lines", "{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", `{"a":1}`, `{"a":2}`, `{"a":3}`)
	f("objects without anything between", `{"a":1}{"a":2}`, `{"a":1}`, `{"a":2}`)
	f("a byte order mark", "\uFEFF{\"a\":1}", `{"a":1}`)
	f("an array", ` [ {"a":1} , {"b":[2,{"c":"]"}]},3,"x",null ] `, `{"a":1}`, `{"b":[2,{"c":"]"}]}`, `3`, `"x"`, `null`)
	f("an empty array", `[]`)
	f("an array a line", "[{\"a\":1}]\n[{\"a\":2},{\"a\":3}]\n", `{"a":1}`, `{"a":2}`, `{"a":3}`)
	f("an envelope", `{"Records":[{"a":1},{"a":"}"}]}`, `{"a":1}`, `{"a":"}"}`)
	f("an envelope with other members", `{"x":{"Records":[9]},"Records" : [ {"a":1} ],"y":[{}]}`, `{"a":1}`)
	f("an empty envelope", `{"Records":[]}`)
	f("two envelopes", "{\"Records\":[{\"a\":1}]}\n{\"Records\":[{\"a\":2}]}", `{"a":1}`, `{"a":2}`)
	f("an envelope around an object", `{"version":"0","detail":{"a":{"detail":1},"b":[2]},"id":"x"}`, `{"a":{"detail":1},"b":[2]}`)
	f("an envelope around text", `{"message":"{\"a\":\"\\u00e9\\n\"}"}`, `{"a":"\u00e9\n"}`)
	f("envelopes in an envelope", `{"owner":"1","logEvents":[{"id":"7","message":"{\"a\":1}"},{"id":"8","message":"{\"detail\":{\"a\":2}}"}]}`,
		`{"a":1}`, `{"a":2}`)
	f("text that is not JSON", `{"message":"hello"}`, `hello`)
	f("an array of envelopes", `[{"detail":{"a":1}},{"Records":[{"a":2},{"a":3}]}]`, `{"a":1}`, `{"a":2}`, `{"a":3}`)
	f("an envelope that holds nothing", `{"detail":null}`, `{"detail":null}`)
	f("an envelope's name further in", `{"a":{"Records":[{"b":1}]}}`, `{"a":{"Records":[{"b":1}]}}`)
	f("a broken line between good ones", "{\"a\":1}\n{\"a\":\n{\"a\":3}\n", `{"a":1}`, `{"a":`, `{"a":3}`)
	f("a broken object over several lines", "{\n\"a\":1,,\n\"b\":2\n}\n{\"a\":3}", "{\n\"a\":1,,\n\"b\":2\n}", `{"a":3}`)
	f("a line end in a string", "{\"a\":\"x\n{\"a\":2}\n", `{"a":"x`, `{"a":2}`)
	f("text between", "{\"a\":1}\noops\n{\"a\":2}", `{"a":1}`, `oops`, `{"a":2}`)
	f("a bracket too many", "{\"a\":1}}\n{\"a\":2}", `{"a":1}`, `}`, `{"a":2}`)
	f("an object cut short", `{"a":1}{"a":`, `{"a":1}`, `{"a":`)
	f("bytes that are not UTF-8", "{\"a\":\"\xff\"}", "{\"a\":\"\xff\"}")
}

func TestSplitErrorsKeepWhatCameBefore(t *testing.T) {
	f := func(name, delivery, want string, raws ...string) {
		t.Run(name, func(t *testing.T) {
			got, err := collect(t, delivery)
			if err == nil || !strings.Contains(err.Error(), want) || !slices.Equal(got, raws) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	f("not JSON", "a,b,c\n1,2,3", `split delivery at byte 0: not JSON: it begins with 'a'`)
	f("an array cut short", `[{"a":1},{"a"`, `at byte 9: unexpected EOF`, `{"a":1}`)
	f("an array cut between elements", `[{"a":1},`, `unexpected EOF`, `{"a":1}`)
	f("an envelope cut short", `{"Records":[{"a":1}`, `unexpected EOF`, `{"a":1}`)
	f("an envelope without its end", `{"Records":[{"a":1}]`, `unexpected EOF`, `{"a":1}`)
	f("a broken element", `{"Records":[{"a":1},{"a"}]}`, `at byte 24: unexpected '}'`, `{"a":1}`)
	f("no comma", `[{"a":1}{"a":2}]`, `unexpected '{' between elements`, `{"a":1}`)
	f("nested too deep", `[`+strings.Repeat(`[`, 2000), `more than 1024 levels`)
}

func TestSplitPassesOnReadErrors(t *testing.T) {
	broken := errors.New("checksum error")
	var raws int
	var err error
	for _, e := range split(io.MultiReader(strings.NewReader(`{"Records":[{"a":1},{"a":2},{"b`), iotest.ErrReader(broken))) {
		if err = e; err == nil {
			raws++
		}
	}
	if !errors.Is(err, broken) || raws != 2 {
		t.Errorf("%d raws, %v", raws, err)
	}
}

func TestSplitStopsWhenAsked(t *testing.T) {
	for range split(strings.NewReader(`[1,2,{"Records":[3,4]}]`)) {
		break
	}
}

// endless is a delivery of {"Records":[ followed by n elements.
func endless(n int, element string) io.Reader {
	parts := []io.Reader{strings.NewReader(`{"Records":[`)}
	for i := range n {
		if i > 0 {
			parts = append(parts, strings.NewReader(","))
		}
		parts = append(parts, strings.NewReader(element))
	}
	return io.MultiReader(append(parts, strings.NewReader("]}"))...)
}

func TestSplitHoldsOnlyPartOfALargeObject(t *testing.T) {
	element := `{"x":"` + strings.Repeat("y", 1000) + `"}`
	delivery := endless(100_000, element) // 100 MB
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, peak := 0, uint64(0)
	for _, err := range split(delivery) {
		if err == nil {
			n++
		}
		if n%10_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapAlloc)
		}
	}
	if n != 100_000 {
		t.Errorf("%d elements", n)
	}
	if peak > before.HeapAlloc+4<<20 {
		t.Errorf("%d KB held", (peak-before.HeapAlloc)>>10)
	}
}

func TestSplitRefusesAnEventThatIsTooLarge(t *testing.T) {
	big := strings.Repeat("y", source.MaxEventBytes+1)
	for _, delivery := range []string{`[{"x":"` + big + `"}]`, `{"x":"` + big, "{,\n" + big, `{"Records":["` + big} {
		var last error
		n := 0
		for _, err := range split(strings.NewReader(delivery)) {
			last = err
			n++
		}
		if n != 1 || last == nil || !strings.Contains(last.Error(), "larger than 16777216 bytes") {
			t.Errorf("%.10s: %d, %v", delivery, n, last)
		}
	}
}

// TestSplitNeverChangesAByte writes values in every framing and finds them again.
func TestSplitNeverChangesAByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf(`{%q: %s}`, rapid.StringMatching(`[a-z]{1,5}`).Draw(t, "name"), rapid.SampledFrom([]string{
				`1`, `"\""`, `{"a":[{"b":"]}"}]}`, `[ ]`, `"é\\"`, `[[[1],2],{}]`, `-1.5E+7`, `{"Records":[1]}`,
			}).Draw(t, "value"))
		})
		values := rapid.SliceOfN(value, 1, 20).Draw(t, "values")
		framing := rapid.SampledFrom([][3]string{
			{"[", ",", "]"}, {"[ ", "\n,\t", " ]\n"}, {`{"Records":[`, ",", "]}"}, {`{"x":[],"Records": [`, " , ", `],"y":{}}`}, {"", "\n", "\n"}, {"", "", ""},
		}).Draw(t, "framing")
		delivery := framing[0] + strings.Join(values, framing[1]) + framing[2]
		var got []string
		for raw, err := range split(iotest.HalfReader(strings.NewReader(delivery))) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, values) {
			t.Fatalf("got %q of %q", got, delivery)
		}
	})
}

// FuzzSplit holds what is true of any delivery at all: no panic, an end, and
// every raw is part of the delivery unless an envelope held it as text.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{`{"Records":[{"a":1}]}`, "{\"a\":1}\n{,\n{}", `[{"detail":{"a":[1]}}]`, `{"logEvents":[{"message":"{}"}]}`, `[[[`, "\"\\"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, delivery []byte) {
		text := bytes.Contains(delivery, []byte("message")) || bytes.Contains(delivery, []byte("detail")) ||
			bytes.Contains(delivery, []byte("Records")) || bytes.Contains(delivery, []byte("vents"))
		for raw, err := range split(bytes.NewReader(delivery)) {
			if err == nil && !text && !bytes.Contains(delivery, raw) {
				t.Errorf("%q", raw)
			}
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	one := `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana"},"n":[1,2,3]}`
	delivery := `{"Records":[` + strings.Repeat(one+",", 9999) + one + `]}`
	b.SetBytes(int64(len(delivery)))
	for b.Loop() {
		n := 0
		for range split(strings.NewReader(delivery)) {
			n++
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
}
