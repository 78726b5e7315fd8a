package ui

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"example.com/evident/filter"
	"example.com/evident/proof"
)

// searchURL is the address of a search.
func searchURL(text, cursor string) string {
	if text == "" && cursor == "" {
		return "/"
	}
	v := url.Values{}
	if text != "" {
		v.Set("q", text)
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	return "/?" + v.Encode()
}

// clause writes the clause that finds exactly this value.
func clause(key, value string) string { return key + ":" + filter.Quote(value) }

// clauseURL is the address of the search for exactly this value.
func clauseURL(key, value string) string { return searchURL(clause(key, value), "") }

// fields are the fields of a body.
type fields []proof.Field

// text returns the value of the first of the pointers that is there: a string
// decoded, any other token as it stands, "" for null.
func (f fields) text(pointers ...string) string {
	for _, p := range pointers {
		for i := range f {
			if f[i].Pointer == p {
				if s := tokenText(f[i].Value); s != "" {
					return s
				}
			}
		}
	}
	return ""
}

// under returns the number of distinct positions below an array's pointer.
func (f fields) under(pointer string) int {
	n, last := 0, ""
	for i := range f {
		rest, ok := strings.CutPrefix(f[i].Pointer, pointer+"/")
		if !ok {
			continue
		}
		if position, _, _ := strings.Cut(rest, "/"); position != last {
			n, last = n+1, position
		}
	}
	return n
}

func tokenText(token []byte) string {
	if len(token) == 0 || string(token) == "null" {
		return ""
	}
	if token[0] != '"' {
		return string(token)
	}
	var s string
	if err := json.Unmarshal(token, &s); err != nil {
		return string(token) // cannot happen after proof.ParseBody; the token itself is no lie
	}
	return s
}

// plural writes a count with its noun: 1 record, 2 records.
func plural[T int | uint64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if rest, ok := strings.CutSuffix(noun, "y"); ok {
		return number(n) + " " + rest + "ies"
	}
	if strings.HasSuffix(noun, "sh") {
		return number(n) + " " + noun + "es"
	}
	return number(n) + " " + noun + "s"
}

// pluralAny is plural for templates.
func pluralAny(n any, noun string) (string, error) {
	switch n := n.(type) {
	case int:
		return plural(n, noun), nil
	case uint64:
		return plural(n, noun), nil
	}
	return "", fmt.Errorf("count %s: %T is no count", noun, n)
}

// span writes a length of time as people say it, with its largest two units.
func span(d time.Duration) string {
	units := []struct {
		d    time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	if d < 0 {
		d = -d
	}
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	for i, u := range units {
		if d < u.d {
			continue
		}
		text := fmt.Sprintf("%s %s", number(int64(d/u.d)), u.name)
		if i+1 < len(units) && d/u.d < 20 {
			if rest := d % u.d / units[i+1].d; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0 s"
}

// ago writes how long before now a time was.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	if d < 2*time.Second {
		return "just now"
	}
	return span(d.Truncate(time.Second)) + " ago"
}

func byteSize(n int64) string {
	switch {
	case n < 1000:
		return number(n) + " bytes"
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
