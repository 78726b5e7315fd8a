package filter

import (
	"strings"
	"time"

	"example.com/evident/proof"
)

func parseFrom(k Key, p string) (proof.Expr, *SyntaxError) {
	t, _, err := parseTime(p)
	return timeLeaf(opFrom, k, t), err
}

func parseUntil(k Key, p string) (proof.Expr, *SyntaxError) {
	t, _, err := parseTime(p)
	return timeLeaf(opUntil, k, t), err
}

func parseDay(k Key, p string) (proof.Expr, *SyntaxError) {
	t, date, err := parseTime(p)
	next := t.AddDate(0, 0, 1)
	switch {
	case err != nil:
		return proof.Expr{}, err
	case !date:
		return proof.Expr{}, bad(0, "found %s, expected a date such as 2026-03-01", show(p))
	case next.Year() > lastYear:
		return proof.Expr{}, bad(0, "found %s, expected a day before %d-12-31", show(p), lastYear)
	}
	return join(opAll, []proof.Expr{timeLeaf(opFrom, k, t), timeLeaf(opUntil, k, next)}), nil
}

func timeLeaf(op string, k Key, t time.Time) proof.Expr {
	return proof.Expr{Op: op, Fields: k.Fields, Value: string(proof.AppendTime(nil, t))}
}

// The years of docs/format.md section 2.
const (
	firstYear = 1970
	lastYear  = 2261
)

// parseTime reads a date, which is its midnight in UTC, or a time of RFC 3339.
func parseTime(p string) (t time.Time, date bool, refused *SyntaxError) {
	t, err := time.Parse(time.DateOnly, p)
	date = err == nil
	if !date {
		t, err = time.Parse(time.RFC3339Nano, p)
		t = t.UTC()
	}
	if _, fraction, ok := strings.Cut(p, "."); err != nil || ok && digits(fraction) > 9 || strings.Contains(p, ",") {
		return t, date, bad(0, "found %s, expected a date (2026-03-01) or a time with its zone (2026-03-01T09:30:00Z)", show(p))
	}
	if t.Year() < firstYear || t.Year() > lastYear {
		return t, date, bad(0, "found %s, expected a time from %d to %d", show(p), firstYear, lastYear)
	}
	return t, date, nil
}

// digits counts the digits at the beginning of s.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// printTime writes midnights as dates, which is how people ask.
func printTime(e proof.Expr) string {
	return quote(strings.TrimSuffix(e.Value, "T00:00:00Z"))
}
