package demo

import (
	"math/rand/v2"
	"time"
)

// year is the calendar of the stories: days are counted back from now.
type year struct {
	now      time.Time
	start    time.Time // twelve months before now
	midnight time.Time // the one before now
}

func newYear(now time.Time) year {
	now = now.UTC()
	return year{now: now, start: now.AddDate(-1, 0, 0), midnight: now.Truncate(24 * time.Hour)}
}

// day is a time of the day so many days before now; of the Friday before, if
// that is a weekend.
func (y year) day(before, hour, minute int) time.Time {
	d := y.midnight.AddDate(0, 0, -before)
	for !workday(d) {
		d = d.AddDate(0, 0, -1)
	}
	return d.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// dayAfter is like day, but moves a weekend to the Monday after.
func (y year) dayAfter(before, hour, minute int) time.Time {
	d := y.midnight.AddDate(0, 0, -before)
	for !workday(d) {
		d = d.AddDate(0, 0, 1)
	}
	return d.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// weekday is the given day of the week on or before the day so many days
// before now.
func (y year) weekday(before int, want time.Weekday, hour, minute int) time.Time {
	d := y.midnight.AddDate(0, 0, -before)
	for d.Weekday() != want {
		d = d.AddDate(0, 0, -1)
	}
	return d.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func workday(d time.Time) bool {
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
}

// silence is the weekend on which nothing was heard of the database: from the
// Friday evening on which its host was patched to the Monday after.
func (y year) silence() (from, until time.Time) {
	from = y.weekday(115, time.Friday, 17, 40)
	return from, from.Add(61*time.Hour + 52*time.Minute)
}

// emergency is the night of the break-glass access.
func (y year) emergency() time.Time { return y.weekday(70, time.Tuesday, 1, 52) }

// weight is how busy a day is, 1 on a working day a year ago and a third more
// by now.
func (y year) weight(d time.Time) float64 {
	w := 1 + d.Sub(y.start).Hours()/24/365/3
	switch {
	case d.Month() == time.December && d.Day() >= 24 || d.Month() == time.January && d.Day() == 1:
		return w * .3
	case !workday(d):
		return w * .4
	}
	return w
}

// scribe writes the stories: a book, and a calendar to write by.
type scribe struct {
	*book
	year
}

func newScribe(co *company, y year, seed uint64) *scribe {
	return &scribe{book: newBook(co, rand.New(rand.NewChaCha8(seedOf(seed, -1)))), year: y}
}
