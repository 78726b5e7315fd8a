package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/evident/proof"
)

// flatten is the slow way to cut a body, with encoding/json and maps.
func flatten(body []byte) ([]proof.Field, error) {
	if !json.Valid(body) || !utf8.Valid(body) || bytes.TrimSpace(body)[0] != '{' || loneSurrogate(body) {
		return nil, errors.New("not a body")
	}
	var out []proof.Field
	sum := 0
	var walk func(pointer string, depth int, raw []byte) error
	add := func(pointer string, raw []byte) error {
		out = append(out, proof.Field{Pointer: pointer, Value: raw})
		if sum += len(pointer); len(out) > 4096 || sum > 1<<20 {
			return errors.New("too many")
		}
		return nil
	}
	walk = func(pointer string, depth int, raw []byte) error {
		raw = bytes.TrimSpace(raw)
		if len(pointer) > 4096 || depth > 16 && (raw[0] == '{' || raw[0] == '[') {
			return errors.New("too deep or too long")
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		switch raw[0] {
		case '{':
			d.Token()
			names := map[string]bool{}
			for d.More() {
				token, _ := d.Token()
				name := token.(string)
				var value json.RawMessage
				d.Decode(&value)
				if names[name] || strings.Contains(name, "\x00") {
					return errors.New("name")
				}
				names[name] = true
				if err := walk(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), depth+1, value); err != nil {
					return err
				}
			}
			if len(names) == 0 && depth > 1 {
				return add(pointer, raw)
			}
			return nil
		case '[':
			var elements []json.RawMessage
			d.Decode(&elements)
			deep := false
			for _, e := range elements {
				deep = deep || e[0] == '{' || e[0] == '['
			}
			if !deep {
				return add(pointer, raw)
			}
			for i, e := range elements {
				if err := walk(pointer+"/"+strconv.Itoa(i), depth+1, e); err != nil {
					return err
				}
			}
			return nil
		}
		return add(pointer, raw)
	}
	if err := walk("", 1, body); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New("empty")
	}
	return out, nil
}

func loneSurrogate(b []byte) bool {
	unit := func(i int) uint64 {
		if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
			return 0
		}
		n, _ := strconv.ParseUint(string(b[i+2:i+6]), 16, 16)
		return n
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		switch u := unit(i); {
		case 0xD800 <= u && u < 0xDC00:
			if low := unit(i + 6); low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 11
		case 0xDC00 <= u && u <= 0xDFFF:
			return true
		default:
			i++
		}
	}
	return false
}

var bodies = []string{
	body35,
	` { "a" : [ 1 , 2 ] , "b" : [ {} , [ ] , 3 ] } ` + "\n",
	`{"a":{},"b":[],"c":[[]],"d":[[1],[2]],"":0,"~/":1,"x":{"":{"":true}}}`,
	`{"a":-0,"b":1.50,"c":1e400,"d":123456789012345678901234567890,"e":-1E-2,"f":"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"}`,
	`{"\u0061":1,"b":2}`, `{"a":1,"\u0061":2}`, `{"a":1,"b":{"a":1},"a":2}`, `{"a~1":1,"a/":2}`, `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\udc00"}`,
	`{"\u0000":1}`, `{"a":"\u0000"}`, `{}`, `[]`, `1`, ``, ` `, `{"a":1}{"b":2}`, `{"a":1} x`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":1,}`,
	`{,"a":1}`, `{"a" 1}`, `{"a":tru}`, `{"a":nul}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":"` + "\x01" + `"}`, `{"a":"` + "\xff" + `"}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"`, `{"a":"\`,
	`{"a":"\u`, `{"a":"\ud83d\u`, `{a:1}`, `{"a":1`, `{"a":[`, `{"a":[{`, `{"a":-}`, `{"a":1e}`, "\ufeff{}", `{"a":NaN}`, `{"a":[[[[1,2,[3]]]],{"b":[null,"x"]}]}`,
	`{"a":` + strings.Repeat(`{"a":`, 14) + `[1]` + strings.Repeat(`}`, 15), `{"a":` + strings.Repeat(`{"a":`, 15) + `[]` + strings.Repeat(`}`, 16),
	`{"a":` + strings.Repeat(`{"a":`, 14) + `{}` + strings.Repeat(`}`, 15), `{"a":` + strings.Repeat(`[`, 16) + strings.Repeat(`]`, 16) + `}`,
	`{"` + strings.Repeat("n", 4095) + `":1}`, `{"` + strings.Repeat("n", 4096) + `":1}`, `{"` + strings.Repeat("/", 2048) + `":1}`, `{"` + strings.Repeat("/", 2047) + `":1}`,
	members(31, -1), members(33, -1), members(33, 5), members(4096, -1), members(4097, -1), members(4096, 4000),
	`{"long":"` + strings.Repeat("abc\u00e9", 1000) + `","longer":"` + strings.Repeat("x", 1<<16) + `\n"}`,
	mebibyte(""), mebibyte(`"":0,`),
}

// mebibyte makes a body whose pointers have 1 MiB together, and more before them.
func mebibyte(more string) string {
	var b strings.Builder
	for i := range 256 {
		fmt.Fprintf(&b, `,"%03d":0`, i)
	}
	return "{" + more + `"` + strings.Repeat("n", 4091) + `":{` + b.String()[1:] + "}}"
}

// members makes an object of n members, the last of them named as member again.
func members(n, again int) string {
	var b strings.Builder
	for i := range n {
		name := i
		if i == n-1 && again >= 0 {
			name = again
		}
		fmt.Fprintf(&b, `,"member %d":%d`, name, i)
	}
	return "{" + b.String()[1:] + "}"
}

func holdAgainstOracle(t *testing.T, body []byte) {
	t.Helper()
	want, wantErr := flatten(body)
	got, err := proof.ParseBody(body)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%.200q: got error %v, the oracle %v", body, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%.200q: got %q, want %q", body, got, want)
	}
}

func TestParseBodyAgreesWithTheSlowWay(t *testing.T) {
	accepted := 0
	for _, b := range bodies {
		holdAgainstOracle(t, []byte(b))
		if _, err := proof.ParseBody([]byte(b)); err == nil {
			accepted++
		}
	}
	if accepted < 15 || accepted > len(bodies)-30 {
		t.Errorf("%d of %d bodies accepted: a table that tests one side only", accepted, len(bodies))
	}
}

func FuzzParseBody(f *testing.F) {
	for _, b := range bodies {
		if len(b) < 3000 {
			f.Add([]byte(b))
		}
	}
	f.Fuzz(holdAgainstOracle)
}

func TestBodyLimits(t *testing.T) {
	big := []byte(`{"a":"` + strings.Repeat("x", proof.MaxBodyBytes-8) + `"}`)
	if _, err := proof.ParseBody(big); err != nil {
		t.Errorf("a body of 24 MiB: %v", err)
	}
	if _, err := proof.ParseBody(append(big, ' ')); err == nil {
		t.Error("a body of 24 MiB and a byte was taken")
	}
}

// Hostile bodies must cost no more than their length: each of these took
// seconds with a quadratic duplicate check, rescanned arrays or long pointers.
func TestHostileBodiesAreCheap(t *testing.T) {
	long := strings.Repeat("n", 3900)
	var many strings.Builder
	for i := range 4096 {
		fmt.Fprintf(&many, `,"%s%d":1`, long, i)
	}
	for name, body := range map[string]string{
		"names with a long common beginning": "{" + many.String()[1:] + "}",
		"arrays in arrays":                   `{"a":` + strings.Repeat("["+strings.Repeat("1,", 100_000), 14) + "[]" + strings.Repeat("]", 14) + "}",
		"escapes":                            `{"a":"` + strings.Repeat(`\u00e9`, 1<<20) + `"}`,
		"a long name above many":             `{"` + long + `":[` + strings.Repeat(`{"a":1},`, 4000) + "0]}",
		"a long name above much depth":       `{"` + long + `":[` + strings.Repeat(strings.Repeat("[", 13)+"{}"+strings.Repeat("]", 13)+",", 4000) + "0]}",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		proof.ParseBody([]byte(body))
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; took > 3*time.Second || made > 64<<20 {
			t.Errorf("%s: %d bytes took %v and %d bytes of memory", name, len(body), took, made)
		}
	}
}

func TestFieldsThatWereAppendedBeforeStay(t *testing.T) {
	first, err := proof.AppendFields(nil, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	all, err := proof.AppendFields(first, []byte(`{"b":2}`))
	if err != nil || len(all) != 2 || all[0].Pointer != "/a" || all[1].Pointer != "/b" || string(all[1].Value) != "2" {
		t.Errorf("got %q, %v", all, err)
	}
}

func TestWithholdingKeepsTheDigest(t *testing.T) {
	seed := proof.DeriveSeed([32]byte{7}, 42)
	for _, body := range []string{body35, `{"a":1}`, members(101, -1), `{"raw":"` + strings.Repeat("x", 1<<20) + `"}`} {
		fields, err := proof.ParseBody([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		c := proof.Commitments(nil, fields, &seed)
		want := proof.BodyDigest(fields, &seed)
		if got := proof.DigestOf(c); got != want {
			t.Errorf("digest of commitments is %s, want %s", got, want)
		}
		c[0], c[len(c)-1] = c[len(c)-1], c[0]
		before := c[0]
		if got := proof.DigestOf(c); got != want || c[0] != before {
			t.Errorf("order matters, or was changed")
		}
		c[0][31] ^= 1
		if proof.DigestOf(c) == want {
			t.Errorf("a changed commitment does not show")
		}
	}
	if proof.DeriveSeed([32]byte{7}, 43) == seed || proof.Salt(&seed, 0) == proof.Salt(&seed, 1) {
		t.Error("seeds or salts repeat")
	}
}
