package syslog_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/evident/intake/syslog"
)

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		kind, text string
		want       []syslog.Frame
		err        string
	}{
		{"lines", "a\nbc\r\n\n", []syslog.Frame{{Data: "a", Size: 1}, {Data: "bc", Size: 2}, {}}, ""},
		{"lines", strings.Repeat("x", 33) + "\ny\n", []syslog.Frame{{Data: strings.Repeat("x", 32), Size: 33}, {Data: "y", Size: 1}}, ""},
		{"lines", strings.Repeat("x", 1000), nil, "no end after"},
		{"counted", "1 a\n2 bc0", []syslog.Frame{{Data: "a", Size: 1}, {Data: "bc", Size: 2}}, ""},
		{"counted", "1 a2 b\n", []syslog.Frame{{Data: "a", Size: 1}, {Data: "b", Size: 1}}, ""},
		{"counted", "33 " + strings.Repeat("x", 33) + "1 y", []syslog.Frame{{Data: strings.Repeat("x", 32), Size: 33}, {Data: "y", Size: 1}}, ""},
		{"counted", "129 x", nil, "found 129"},
		{"counted", "1  2x", []syslog.Frame{{Data: " ", Size: 1}}, "octet count"},
		{"relp", "1 open 3 abc\n2 close 0\n", []syslog.Frame{{"open", 1, "abc", 3}, {"close", 2, "", 0}}, ""},
		{"relp", "1 close 0 \n", []syslog.Frame{{"close", 1, "", 0}}, ""},
		{"relp", "7 syslog 2 \n\n\n", []syslog.Frame{{"syslog", 7, "\n", 1}}, ""},
		{"relp", "7 syslog 33 " + strings.Repeat("x", 33) + "\n8 close 0\n", []syslog.Frame{{"syslog", 7, strings.Repeat("x", 32), 33}, {"close", 8, "", 0}}, ""},
		{"relp", "7 syslog 33 " + strings.Repeat("x", 34) + "\n", nil, "line feed"},
		{"relp", "7 syslog 2 abc\n", nil, "line feed"},
		{"relp", "7 sys-log 2 ab\n", nil, "space"},
		{"relp", "7  2 ab\n", nil, "command"},
		{"relp", "7 syslog -2 ab\n", nil, "data length"},
		{"relp", "7 syslog 999 ab\n", nil, "found 999"},
	} {
		for _, piece := range []int{1, 7, 1000} {
			got, _, err := syslog.Cut(c.kind, c.text, piece, 32)
			if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s %.40q in pieces of %d: %+v, %v", c.kind, c.text, piece, got, err)
			}
		}
	}
}

// However the bytes of a stream come, they are the same frames.
func fuzz(f *testing.F, kind string, seeds ...string) {
	for _, s := range seeds {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, text string, piece int) {
		piece = max(1, piece%64)
		whole, rest, err := syslog.Cut(kind, text, 1<<20, 32)
		parts, partsRest, partsErr := syslog.Cut(kind, text, piece, 32)
		if !reflect.DeepEqual(whole, parts) || (err == nil) != (partsErr == nil) || err == nil && rest != partsRest {
			t.Errorf("%q: whole %+v %v %v, in pieces of %d %+v %v %v", text, whole, rest, err, piece, parts, partsRest, partsErr)
		}
		size := 0
		for _, f := range whole {
			if size += len(f.Data); len(f.Data) > 32 || f.Size < len(f.Data) {
				t.Errorf("%q: %+v", text, f)
			}
		}
		if size > len(text) {
			t.Errorf("%q: %d bytes of data", text, size)
		}
	})
}

func FuzzLines(f *testing.F) {
	fuzz(f, "lines", "a\nb\r\n", strings.Repeat("x", 100)+"\n", "\n\n\r\n")
}

func FuzzCounted(f *testing.F) {
	fuzz(f, "counted", "1 a2 bc", "33 "+strings.Repeat("x", 33)+"1 y", "-1 x", "99999999 x", "1 a\n\n1 b")
}

func FuzzRELP(f *testing.F) {
	fuzz(f, "relp", "1 open 3 abc\n2 syslog 1 x\n3 close 0\n", "1 syslog 40 "+strings.Repeat("x", 40)+"\n", "0 x 0 \n", "999999999 syslog 1 \n\n")
}
