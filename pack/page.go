package pack

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"example.com/evident/proof"
)

// This file writes index.html, for reading. It shows nothing that the other
// files do not hold. It runs no script and fetches nothing, and its policy
// forbids both, whatever an event has in it.

// pageRows is how many records the page shows.
const pageRows = 1000

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": func(n any) string { return grouped(fmt.Sprint(n)) },
	"plural": func(n uint64, word string) string {
		if n == 1 {
			return word
		}
		return word + "s"
	},
	"stamp": stamp,
	"apart": apart,
	"clean": clean,
	"lt":    func(a int, b uint64) bool { return uint64(a) < b },
}).Parse(pageText))

type pageData struct {
	Summary
	Style      template.CSS
	StyleHash  string
	From       string
	Until      string
	ByAt       bool
	Filter     string
	Expr       string
	MadeAt     string
	MadeBy     string
	Root       string
	Key        string
	OtherKeys  []string
	ScriptHash string
	Clauses    []clauseCount
	Rests      bool // something rests on the exporter's word
	Withheld   bool // some field is withheld
	Late       pageHeaders
	Ahead      pageHeaders
	Rows       []pageRow
}

type pageHeaders struct {
	Total   uint64
	Headers []proof.Header
}

type pageRow struct {
	Seq, OccurredAt, Actor, Action, Outcome, Target, Source, IP, Ticket string
}

func (b *builder) writePage(w io.Writer, s Summary) error {
	styleHash := sha256.Sum256([]byte(pageStyle))
	d := pageData{
		Summary:    s,
		Style:      template.CSS(pageStyle),
		StyleHash:  "sha256-" + base64.StdEncoding.EncodeToString(styleHash[:]),
		From:       stamp(b.o.From),
		Until:      stamp(b.o.Until),
		ByAt:       b.o.By == ByAt,
		Filter:     clean(b.o.Filter.String()),
		MadeAt:     stamp(b.o.Now),
		MadeBy:     clean(b.o.MadeBy),
		Root:       b.checkpoint.Root.String(),
		ScriptHash: fmt.Sprintf("%x", sha256.Sum256([]byte(proof.Script))),
		Expr:       b.expr.String(),
		Clauses:    b.clauses,
		Rests:      s.OnWord > 0 || s.Counts.Unproven > 0,
		Withheld:   len(b.withheld.counts) > 0,
		Late:       pageHeaders{s.Counts.Late, b.notable.late},
		Ahead:      pageHeaders{s.Counts.Ahead, b.notable.ahead},
	}
	for _, k := range b.trail.Keys() {
		if k.Algorithm() == "Ed25519" && d.Key == "" {
			d.Key = k.String()
		} else {
			d.OtherKeys = append(d.OtherKeys, fmt.Sprintf("%s key %08x", k.Algorithm(), k.KeyHash()))
		}
	}
	for _, cells := range b.rows.first {
		d.Rows = append(d.Rows, rowOf(cells))
	}
	return page.Execute(w, d)
}

// rowOf takes what the page shows from a line of population.csv, so that it says
// the same.
func rowOf(cells []string) pageRow {
	c := map[string]string{}
	for i, name := range cutCSV([]byte(proof.PopulationHeader())) {
		c[name] = cells[i]
	}
	return pageRow{
		Seq: c["seq"], OccurredAt: c["occurred_at"],
		Actor:  person(c["actor_name"], c["actor_email"], c["actor_id"], c["actor_type"]),
		Action: c["action"], Outcome: c["outcome"],
		Target: person(c["target_name"], "", c["target_id"], c["target_type"]),
		Source: c["source"], IP: c["ip"], Ticket: c["ticket"],
	}
}

// person names an actor or a target: the most readable name, and in brackets
// what tells it apart.
func person(name, email, id, kind string) string {
	var parts []string
	for _, p := range []string{name, email, id} {
		if p != "" && (len(parts) == 0 || parts[len(parts)-1] != p) {
			parts = append(parts, p)
		}
	}
	switch len(parts) {
	case 0:
		return kind
	case 1:
		return parts[0]
	default:
		return parts[0] + " (" + strings.Join(parts[1:], ", ") + ")"
	}
}

// grouped puts spaces between the thousands of a number.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// apart says how far two times lie from each other, in words.
func apart(occurred, at time.Time) string {
	d := at.Sub(occurred)
	if d < 0 {
		return round(-d) + " ahead"
	}
	return round(d) + " later"
}

func round(d time.Duration) string {
	if d >= 48*time.Hour {
		return strconv.Itoa(int(d/(24*time.Hour))) + " days"
	}
	if d >= time.Second {
		return d.Round(time.Second).String()
	}
	return d.String()
}

// clean replaces the characters that could make a text show as what it is not:
// control characters, and those that turn the direction of text or take no room.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20, r >= 0x7f && r <= 0x9f:
			return ' '
		case r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff:
			return '\ufffd'
		}
		return r
	}, s)
}
