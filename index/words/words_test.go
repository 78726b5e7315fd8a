package words

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/evident/proof"
)

// A clause may only be looked for where its words are, so every value that makes
// it true must have them.
func TestWordsOfAMatchAreNeeded(t *testing.T) {
	piece := rapid.SampledFrom([]string{"alice", "Bob", "a", "10", "1a2b", "dead", "9105", "_x", "é", "日本", " ", "-", ".", "/", `"`, `\`, "*", "\n", "0123456789abcdef", "2026", "09z", "12T30"})
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(piece, 0, 8).Draw(t, "value")
		value := strings.Join(pieces, "")
		from := rapid.IntRange(0, len(pieces)).Draw(t, "from")
		until := rapid.IntRange(from, len(pieces)).Draw(t, "until")
		part := strings.Join(pieces[from:until], "")
		escape := strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace
		token, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "array") {
			token = slices.Concat([]byte(`[1, `), token, []byte(`,null]`))
		}
		if rapid.Bool().Draw(t, "escaped") {
			token = []byte(strings.NewReplacer("a", `\u0061`, "0", `\u0030`).Replace(string(token)))
		}
		var w Set
		w.AddToken(token, true)
		for _, e := range []proof.Expr{
			{Op: "text", Value: part}, {Op: "text", Value: part + "*"}, {Op: "text", Value: "*" + part}, {Op: "text", Value: strings.ToUpper(part)},
			{Op: "is", Fields: []string{"/x"}, Value: escape(value)}, {Op: "is", Fields: []string{"/x"}, Value: strings.ToUpper(escape(value))},
			{Op: "is", Fields: []string{"/x"}, Value: "*" + escape(part) + "*"}, {Op: "is", Fields: []string{"/x"}, Value: escape(strings.Join(pieces[:from], "")) + "*" + escape(strings.Join(pieces[until:], ""))},
		} {
			if e.Validate() != nil {
				continue
			}
			v := proof.View{Fields: []proof.Field{{Pointer: "/x", Value: token}}}
			if e.Eval(&proof.Header{}, &v) != proof.True {
				continue
			}
			for _, h := range Needs(&e) {
				if !slices.Contains(w.Hashes, h) {
					t.Fatalf("%s %q is true of %s, which has not all words that it needs", e.Op, e.Value, token)
				}
			}
			if body := slices.Concat([]byte(`{"x":`), token, []byte(`}`)); !Possible(&e, body) {
				t.Fatalf("%s %q is true of %s, and yet not possible", e.Op, e.Value, body)
			}
		}
	})
}

func TestTurnedFiltersAnswerTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, words := range []int{1, 100, 2000, 6000} {
		filters := make([]Filter, 70)
		var in [70][]uint32
		for i := range filters {
			filters[i] = New(StretchBits)
			for range words {
				h := r.Uint32()
				filters[i].Add(h)
				in[i] = append(in[i], h)
			}
		}
		rows, size := Turn(filters)
		has := func(stretch int, hash uint32) bool {
			for i := range uint32(Hashes) {
				p := Position(hash, i, size)
				if rows[p*RowBytes(len(filters))+stretch/8]>>(stretch%8)&1 == 0 {
					return false
				}
			}
			return true
		}
		false0, asked := 0, 0
		for i := range filters {
			for _, h := range in[i] {
				if !has(i, h) {
					t.Fatalf("%d words: a word of stretch %d is not found", words, i)
				}
			}
			for range 200 {
				if asked++; has(i, r.Uint32()) {
					false0++
				}
			}
		}
		if words <= 2000 && false0 > asked/40 {
			t.Errorf("%d words: %d of %d questions are answered in vain", words, false0, asked)
		}
	}
}
