package filter_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/evident/filter"
	"example.com/evident/proof"
	"pgregory.net/rapid"
)

// The values of random filters and of random events are made of the same few
// pieces, so that they meet often, and of the characters that mean something.
var (
	pieces     = []string{"a", "A", "b", "_", "7", "é", " ", "-", ".", ":", "(", ")", `"`, `\`, "*", "“", "OR", "NOT", "\n", "\u200b", "\u202e", "田", "/", "~"}
	names      = []string{"a", "b", "A", "x.y", "x/y", "m~n", "p q", "c:d", `e\f`, "g*", "0", "(", "“", "é"}
	addresses  = []string{"203.0.113.7", "203.0.113.8", "::ffff:203.0.113.7", "2001:db8::1", "2001:DB8:0::1", "10.0.0.1"}
	categories = []string{"access", "account", "data"}
	outcomes   = []string{"success", "failure", "denied", "unknown"}
	sources    = []string{"evident", "okta/acme", "okta/b", "aws.cloudtrail/a-1"}
	actions    = []string{"role.grant", "role.revoke", "login", "a.b.c.d"}
	days       = []string{"1970-01-01", "2026-02-28", "2026-03-01", "2026-03-02", "2261-12-30"}
)

var word = rapid.Custom(func(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 4).Draw(t, "pieces"), "")
})

var (
	escaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`)
	// pattern draws the canonical form of a pattern: no two stars in a row.
	pattern = rapid.Custom(func(t *rapid.T) string {
		var parts []string
		for _, w := range rapid.SliceOfN(word.Filter(func(s string) bool { return s != "" }), 0, 2).Draw(t, "words") {
			parts = append(parts, escaper.Replace(w))
		}
		p := strings.Join(parts, "*")
		if rapid.Bool().Draw(t, "wild start") {
			p = "*" + p
		}
		if p != "*" && rapid.Bool().Draw(t, "wild end") {
			p += "*"
		}
		return p
	})
	freeText = rapid.Custom(func(t *rapid.T) string {
		s := word.Filter(func(s string) bool { return s != "" }).Draw(t, "text")
		if strings.HasPrefix(s, "*") || rapid.Bool().Draw(t, "wild start") {
			s = "*" + s
		}
		if strings.HasSuffix(s, "*") || rapid.Bool().Draw(t, "wild end") {
			s += "*"
		}
		return s
	})
	moment = rapid.Custom(func(t *rapid.T) time.Time {
		day, err := time.Parse(time.DateOnly, rapid.SampledFrom(days).Draw(t, "day"))
		if err != nil {
			t.Fatal(err)
		}
		return day.Add(time.Duration(rapid.SampledFrom([]int64{0, 0, 1, int64(time.Hour), 500_000_000}).Draw(t, "later")))
	})
	network = rapid.Custom(func(t *rapid.T) string {
		a := netip.MustParseAddr(rapid.SampledFrom(addresses).Draw(t, "address")).Unmap()
		p, err := a.Prefix(rapid.SampledFrom([]int{0, 8, 24, 31, a.BitLen()}).Draw(t, "bits"))
		if err != nil {
			t.Fatal(err)
		}
		return p.String()
	})
)

// leaf draws a clause as Parse makes it.
var leaf = rapid.Custom(func(t *rapid.T) proof.Expr {
	keys := slices.DeleteFunc(filter.Keys(), func(k filter.Key) bool { return k.Kind == filter.Person || k.Kind == filter.Ended }) // no record has these
	i := rapid.IntRange(0, len(keys)+5).Draw(t, "key")
	if i >= len(keys) {
		return proof.Expr{Op: "text", Value: freeText.Draw(t, "text")}
	}
	e := proof.Expr{Op: "is", Fields: keys[i].Fields}
	oneOf := func(list []string) string { return rapid.SampledFrom(list).Draw(t, "value") }
	switch k := keys[i]; k.Kind {
	case filter.From:
		e.Op, e.Value = "from", string(proof.AppendTime(nil, moment.Draw(t, "time")))
	case filter.Until, filter.Day:
		e.Op, e.Value = "until", string(proof.AppendTime(nil, moment.Draw(t, "time")))
	case filter.Network:
		e.Op, e.Value = "cidr", network.Draw(t, "network")
	case filter.Word:
		e.Value = oneOf(append(k.Words, "*e*"))
	case filter.Source:
		e.Value = oneOf(append([]string{"okta/*", "*/a*"}, sources...))
	case filter.Action:
		e.Value = oneOf(append([]string{"role.*", "*.*e*"}, actions...))
	case filter.Number:
		e.Value = strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "number"))
	default:
		e.Value = pattern.Draw(t, "pattern")
	}
	if strings.HasPrefix(e.Fields[0], "/detail") {
		e.Fields = []string{"/detail" + detailPointer.Draw(t, "detail")}
	}
	return e
})

var detailPointer = rapid.Custom(func(t *rapid.T) string {
	pointer := ""
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(append([]string{"*"}, names...)), 1, 3).Draw(t, "path") {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return pointer
})

func tree(t *rapid.T, depth int) proof.Expr {
	op := rapid.SampledFrom([]string{"", "", "all", "any", "not"}).Draw(t, "op")
	if op == "" || depth == 0 {
		return leaf.Draw(t, "leaf")
	}
	n := 1
	if op != "not" {
		n = rapid.IntRange(1, 3).Draw(t, "args")
	}
	e := proof.Expr{Op: op}
	for range n {
		e.Args = append(e.Args, tree(t, depth-1))
	}
	return e
}

// drawFilter draws a tree, prints it and reads it back.
func drawFilter(t *rapid.T) (proof.Expr, filter.Filter) {
	e := tree(t, 4)
	text := filter.Text(filter.Simplify(e))
	if len(text) > filter.MaxTextBytes {
		t.Skip("too long a filter")
	}
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatalf("%+v is printed as\n%v", e, err)
	}
	return e, f
}

func TestPrintedTreesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, f := drawFilter(t)
		if want := filter.Simplify(e); !reflect.DeepEqual(f.Expr(), want) {
			t.Fatalf("%s\nis   %+v\nwant %+v", f, f.Expr(), want)
		}
	})
}

func TestQuotedValuesAreFoundAsTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := word.Draw(t, "value")
		f, err := filter.Parse("ticket:" + filter.Quote(value))
		if err != nil || f.Expr().Value != escaper.Replace(value) {
			t.Fatalf("%q is quoted %s, which reads back as %+v, %v", value, filter.Quote(value), f.Expr(), err)
		}
		if f, err = filter.Parse(filter.Quote(value)); value != "" && (err != nil || f.Expr().Op != "text") {
			t.Fatalf("%q as text is %+v, %v", value, f.Expr(), err)
		}
	})
}

func TestAddedClausesCanBeTakenAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, f := drawFilter(t)
		value := "zzz" + word.Draw(t, "value") // not in f
		with, err := filter.And(f.String(), "ticket", value)
		if err != nil {
			t.Skip("too large")
		}
		without, err := filter.Remove(with, "ticket", value)
		if err != nil || without != f.String() {
			t.Fatalf("%s becomes %s, and then %s, %v", f, with, without, err)
		}
		toggled, err := filter.Toggle(with, "ticket", value)
		if err != nil || toggled == with {
			t.Fatalf("%s toggled is %s, %v", with, toggled, err)
		}
		if back, err := filter.Toggle(toggled, "ticket", value); err != nil || back != with {
			t.Fatalf("%s toggled twice is %s, %v", with, back, err)
		}
	})
}

func TestMatchIsTheNaiveAnswer(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		e, f := drawFilter(t)
		h, body := drawRecord(t)
		fields, err := proof.ParseBody(body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		r := reference{h, decode(t, body)}
		want := r.eval(e)
		if got := f.Match(&h, fields); got != want {
			t.Fatalf("%s\nmatches %t, want %t:\n%s", f, got, want, body)
		}
		if want {
			matched++
			checkBounds(t, f, h)
		}
	})
	if matched == 0 || matched < 10 && !testing.Short() { // rapid tries a fifth with -short
		t.Errorf("only %d random records matched: the test says little", matched)
	}
}

func checkBounds(t *rapid.T, f filter.Filter, h proof.Header) {
	occurred, at := filter.Bounds(f.Expr())
	inside := func(w filter.Window, t time.Time) bool {
		return !t.Before(w.From) && (w.Until.IsZero() || t.Before(w.Until))
	}
	if !inside(occurred, h.OccurredAt) || !inside(at, h.At) {
		t.Fatalf("%s matches outside of its bounds %v and %v", f, occurred, at)
	}
}

func drawRecord(t *rapid.T) (proof.Header, []byte) {
	h := proof.Header{
		Seq:        rapid.Uint64Range(0, 3).Draw(t, "seq"),
		At:         moment.Draw(t, "at"),
		OccurredAt: moment.Draw(t, "occurred"),
		Source:     rapid.SampledFrom(sources).Draw(t, "source"),
		Category:   rapid.SampledFrom(categories).Draw(t, "category"),
		Action:     rapid.SampledFrom(actions).Draw(t, "action"),
		Outcome:    rapid.SampledFrom(outcomes).Draw(t, "outcome"),
	}
	text := func(name string) any { return word.Draw(t, name) }
	body := map[string]any{
		"id": text("id"), "source": h.Source, "action": h.Action, "category": h.Category, "outcome": h.Outcome,
		"occurred_at": string(proof.AppendTime(nil, h.OccurredAt)),
		"actor":       map[string]any{"type": "user", "id": text("actor"), "name": text("name"), "mfa": rapid.Bool().Draw(t, "mfa")},
		"where":       map[string]any{"ip": rapid.SampledFrom(append(addresses, "x")).Draw(t, "ip"), "host": text("host")},
		"why":         map[string]any{"ticket": text("ticket")},
		"detail":      map[string]any{"a": drawValue(t, 3), rapid.SampledFrom(names).Draw(t, "member"): drawValue(t, 3)},
	}
	if rapid.Bool().Draw(t, "targets") {
		body["targets"] = []any{map[string]any{"id": text("first"), "type": "a"}, map[string]any{"name": text("second")}}
	} else {
		body["target"] = map[string]any{"id": text("target"), "name": text("target name")}
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return h, b
}

func drawValue(t *rapid.T, depth int) any {
	switch kind := rapid.IntRange(0, 7).Draw(t, "value"); {
	case kind == 0:
		return nil
	case kind == 1:
		return rapid.Bool().Draw(t, "bool")
	case kind == 2:
		return json.Number(rapid.SampledFrom([]string{"7", "-7.0", "7e1", "0"}).Draw(t, "number"))
	case kind <= 4 || depth == 0:
		return word.Draw(t, "string")
	case kind == 5:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range list {
			list[i] = drawValue(t, depth-1)
		}
		return list
	}
	object := map[string]any{}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, 2).Draw(t, "members") {
		object[name] = drawValue(t, depth-1)
	}
	return object
}

// A reference evaluates filters as docs/format.md sections 3 and 6.8 read, on
// decoded JSON, with no thought for speed.
type reference struct {
	h    proof.Header
	body any
}

func decode(t *rapid.T, body []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (r reference) eval(e proof.Expr) bool {
	some := func(is func(string) bool) bool {
		return slices.ContainsFunc(e.Fields, func(field string) bool { return slices.ContainsFunc(r.values(field), is) })
	}
	switch e.Op {
	case "all":
		return !slices.ContainsFunc(e.Args, func(arg proof.Expr) bool { return !r.eval(arg) })
	case "any":
		return slices.ContainsFunc(e.Args, r.eval)
	case "not":
		return !r.eval(e.Args[0])
	case "is":
		quoted := regexp.QuoteMeta(lower(e.Value))
		quoted = strings.NewReplacer(`\\\*`, `\*`, `\\\\`, `\\`, `\*`, `.*`).Replace(quoted)
		return some(func(v string) bool { return regexp.MustCompile(`(?s)^(?:` + quoted + `)$`).MatchString(lower(v)) })
	case "cidr":
		n := netip.MustParsePrefix(e.Value)
		return some(func(v string) bool {
			a, err := netip.ParseAddr(v)
			return err == nil && n.Contains(a.Unmap())
		})
	case "from", "until":
		limit, err := proof.ParseTime(e.Value)
		if err != nil {
			panic("bug: " + err.Error())
		}
		t := r.h.At
		if e.Fields[0] == "/occurred_at" {
			t = r.h.OccurredAt
		}
		return (e.Op == "from") != t.Before(limit)
	case "text":
		return slices.ContainsFunc(allValues(r.body), func(v string) bool { return hasText(lower(v), lower(e.Value)) })
	}
	panic("bug: operator " + e.Op)
}

// hasText is docs/format.md section 6.9.
func hasText(v, text string) bool {
	text, wildStart := strings.CutPrefix(text, "*")
	text, wildEnd := strings.CutSuffix(text, "*")
	expr := regexp.QuoteMeta(text)
	const letter = `[a-z0-9_\x{80}-\x{10ffff}]`
	isLetter := regexp.MustCompile(`^` + letter + `$`).MatchString
	runes := []rune(text)
	if !wildStart && isLetter(string(runes[0])) {
		expr = `(?:^|[^a-z0-9_\x{80}-\x{10ffff}])` + expr
	}
	if !wildEnd && isLetter(string(runes[len(runes)-1])) {
		expr += `(?:$|[^a-z0-9_\x{80}-\x{10ffff}])`
	}
	return regexp.MustCompile(expr).MatchString(v)
}

// lower folds A–Z and nothing else.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// values are those of the fields that pointer names.
func (r reference) values(pointer string) []string {
	switch pointer {
	case "seq":
		return []string{strconv.FormatUint(r.h.Seq, 10)}
	case "source", "action", "category", "outcome":
		pointer = "/" + pointer
	}
	at := []any{r.body}
	for _, part := range strings.Split(pointer, "/")[1:] {
		var next []any
		for _, v := range at {
			next = append(next, children(v, part)...)
		}
		at = next
	}
	var values []string
	for _, v := range at {
		values = append(values, fieldValues(v)...)
	}
	return values
}

// children are what part names in v; fields have none.
func children(v any, part string) (found []any) {
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	switch v := v.(type) {
	case map[string]any:
		for member, child := range v {
			if part == "*" || member == name {
				found = append(found, child)
			}
		}
	case []any:
		for i, child := range v {
			if !onlyScalars(v) && (part == "*" || strconv.Itoa(i) == part) {
				found = append(found, child)
			}
		}
	}
	return found
}

func onlyScalars(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		switch v.(type) {
		case []any, map[string]any:
			return true
		}
		return false
	})
}

// fieldValues are the values of v if it is a field.
func fieldValues(v any) (values []string) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if onlyScalars(v) {
				values = append(values, fieldValues(element)...)
			}
		}
		return values
	case map[string]any, nil:
		return nil
	}
	return []string{fmt.Sprint(v)}
}

// allValues are those of all fields at v and below.
func allValues(v any) []string {
	below := children(v, "*")
	if len(below) == 0 {
		return fieldValues(v)
	}
	var values []string
	for _, child := range below {
		values = append(values, allValues(child)...)
	}
	return values
}

func FuzzParse(f *testing.F) {
	for _, text := range pageExamples(f) {
		f.Add(text)
	}
	f.Add(`a (b OR -"c \" d" NOT detail.x\.y.*:\**) ip:::ffff:1.2.3.4/120 after:2026-03-01T00:00:00.5+02:00`)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := filter.Parse(text)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		if e := parsed.Expr(); (e.Validate() != nil) != parsed.NamesPeople() { // a tree that has people in it is none
			t.Fatalf("%q: %v", text, e.Validate())
		}
		again, err := filter.Parse(parsed.String())
		if err != nil || !reflect.DeepEqual(parsed, again) {
			t.Fatalf("%q\nis printed %q\nwhich is  %+v, %v\nwant      %+v", text, parsed, again.Expr(), err, parsed.Expr())
		}
		if again.String() != parsed.String() {
			t.Fatalf("%q has two canonical texts: %q, %q", text, parsed, again)
		}
		if !reflect.DeepEqual(filter.Simplify(parsed.Expr()), parsed.Expr()) {
			t.Fatalf("%q is not simple: %+v", text, parsed.Expr())
		}
	})
}
