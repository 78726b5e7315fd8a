package ui

import (
	"slices"
	"strings"
	"time"

	"example.com/evident/filter"
	"example.com/evident/proof"
)

// The links of a page change the filter through package filter's edits. Where
// an edit fails, because the filter would outgrow its limits, the link leads
// to the filter as it is.

// narrowed is text with one more value asked for.
func narrowed(text, key, value string) string {
	return edited(text)(filter.And(text, key, value))
}

// widened is text without that clause.
func widened(text, key, value string) string {
	return edited(text)(filter.Remove(text, key, value))
}

// excluded is text with a value left out.
func excluded(text, key, value string) string {
	return edited(text)(filter.Toggle(text, key, value))
}

func edited(text string) func(string, error) string {
	return func(s string, err error) string {
		if err != nil {
			return text
		}
		return s
	}
}

// asks reports whether the filter asks for just this value already.
func asks(f filter.Filter, key, value string) bool {
	text := f.String()
	same, err := filter.And(text, key, value)
	return err == nil && same == text
}

// conjuncts are what must all hold.
func conjuncts(f filter.Filter) []proof.Expr {
	e := f.Expr()
	if e.Op == "all" {
		return e.Args
	}
	return []proof.Expr{e}
}

// without is the filter less one of its conjuncts.
func without(f filter.Filter, i int) string {
	rest := slices.Delete(slices.Clone(conjuncts(f)), i, i+1)
	return filter.Text(proof.Expr{Op: "all", Args: rest})
}

// rangeOf returns the bounds of time that a filter sets for everything it
// finds, as a filter takes them; "" where it is open.
func rangeOf(f filter.Filter) (after, before string) {
	for _, e := range conjuncts(f) {
		if len(e.Fields) != 1 || e.Fields[0] != "/occurred_at" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, e.Value)
		switch {
		case err != nil:
		case e.Op == "from":
			after = bound(t)
		case e.Op == "until":
			before = bound(t)
		}
	}
	return after, before
}

// withRange sets the range of time of a filter in place of the one it had. An
// empty bound is open.
func withRange(text, after, before string) (string, error) {
	for _, b := range []struct{ key, value string }{{"after", after}, {"before", before}} {
		var err error
		if b.value != "" {
			text, err = filter.Set(text, b.key, b.value)
		} else {
			text, err = withoutBound(text, b.key)
		}
		if err != nil {
			return "", err
		}
	}
	return text, nil
}

// narrowing returns withRange for many ranges of one filter, as a chart needs
// it: the filter is read once.
func narrowing(f filter.Filter) func(after, before string) string {
	open, err := withRange(f.String(), "", "")
	if err != nil {
		return func(string, string) string { return f.String() }
	}
	if wide, err := filter.Parse(open); err == nil {
		f = wide
	}
	if list := conjuncts(f); len(list) == 1 && list[0].Op == "any" {
		open = "(" + open + ")"
	}
	return func(after, before string) string {
		return strings.TrimPrefix(open+" after:"+after+" before:"+before, " ")
	}
}

// withoutBound takes every bound of one kind away.
func withoutBound(text, key string) (string, error) {
	for {
		f, err := filter.Parse(text)
		if err != nil {
			return "", err
		}
		after, before := rangeOf(f)
		value := map[string]string{"after": after, "before": before}[key]
		if value == "" {
			return text, nil
		}
		rest, err := filter.Remove(text, key, value)
		if err != nil || rest == text {
			return text, err
		}
		text = rest
	}
}

// bound writes a time as a filter takes it: a date where it is midnight.
func bound(t time.Time) string {
	t = t.UTC()
	if t.Equal(t.Truncate(day)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339Nano)
}
