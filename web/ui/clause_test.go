package ui_test

import (
	"testing"
	"time"

	"example.com/evident/filter"
	"example.com/evident/web/ui"
)

// What a bar says by joining texts is what setting the range by the language's
// own edits says.
func TestABarNarrowsAsARangeDoes(t *testing.T) {
	for _, text := range []string{
		"", "outcome:denied", "action:a OR action:b", "(action:a OR action:b) after:2026-01-01", "-(a b)", `"break glass" before:2026-05-01`,
		"on:2026-02-02", "after:2026-01-01T10:00:00.5Z OR mfa:false", "after:2026-01-01 after:2026-02-01 x",
	} {
		f, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := filter.Parse(ui.Narrowing(f)("2026-03-01", "2026-03-02"))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want, err := ui.WithRange(text, "2026-03-01", "2026-03-02")
		if err != nil || got.String() != want {
			t.Errorf("%q narrows to %q, want %q (%v)", text, got, want, err)
		}
	}
}

func TestStepFor(t *testing.T) {
	from := time.Date(2026, 1, 7, 9, 30, 0, 0, time.UTC)
	f := func(span, want time.Duration) {
		t.Helper()
		if got := ui.StepFor(from, from.Add(span)); got != want {
			t.Errorf("a bar of %v stands for %v, want %v", span, got, want)
		}
	}
	const day = 24 * time.Hour
	f(0, time.Second)
	f(5*time.Minute, time.Second)
	f(time.Hour, 10*time.Second)
	f(day, 5*time.Minute)
	f(30*day, 3*time.Hour)
	f(366*day, day)
	f(5*366*day, 7*day)
	f(290*365*day, 364*day)
	if got := ui.AlignDown(from, 7*day); got.Weekday() != time.Monday || got.Hour() != 0 || from.Sub(got) >= 7*day {
		t.Errorf("a week begins on %v", got)
	}
	before := time.Date(1969, 12, 30, 1, 0, 0, 0, time.UTC)
	if got := ui.AlignDown(before, day); !got.Equal(before.Add(-time.Hour)) {
		t.Errorf("a day begins at %v", got)
	}
}
