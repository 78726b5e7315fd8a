package ui

import (
	"strconv"
	"time"

	"example.com/evident/filter"
)

// Chart is hits over time, ready to be drawn: one bar for each stretch of
// equal length, with its place in percent of the width and its height in
// pixels, so that no style attribute is needed.
type Chart struct {
	Bars     []Bar
	Ticks    []Tick
	Peak     uint64 // the highest bar
	Total    uint64
	Step     string // what one bar stands for: "one day"
	From     string // of the first bar
	Until    string // of the last bar
	Height   int    // of the drawing, in pixels
	Base     int    // where bars stand
	Outside  uint64 // hits that lie outside of what is drawn
	Selected bool   // a range is set
}

// Bar is one stretch of a chart.
type Bar struct {
	X, W, HitX, HitW string // percent
	Y, H             int    // pixels
	Records          uint64
	From, Until      string // as a filter takes them
	Label            string
	URL              string
}

// Tick is one mark of the axis of time.
type Tick struct {
	X, Label string
	Minor    bool // left out where there is little room
}

// Sizes of the drawing.
const (
	chartHeight = 92
	chartBase   = 72
	maxBars     = 400
	maxThick    = 3.0 // percent of the width
)

// steps are the lengths a bar can have, with their names.
var steps = []struct {
	length time.Duration
	name   string
}{
	{time.Second, "one second"},
	{10 * time.Second, "10 seconds"},
	{time.Minute, "one minute"},
	{5 * time.Minute, "5 minutes"},
	{15 * time.Minute, "15 minutes"},
	{time.Hour, "one hour"},
	{3 * time.Hour, "3 hours"},
	{6 * time.Hour, "6 hours"},
	{day, "one day"},
	{7 * day, "one week"},
	{28 * day, "4 weeks"},
	{364 * day, "52 weeks"},
}

const day = 24 * time.Hour

// weekStart is a Monday: weeks are counted from it.
var weekStart = time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC)

// StepFor returns the length of a bar for a chart from one time until
// another: the shortest that needs at most 400 bars. Bars begin at multiples
// of it, weeks on Mondays, in UTC.
func StepFor(from, until time.Time) time.Duration {
	for _, s := range steps {
		if until.Sub(AlignDown(from, s.length)) <= maxBars*s.length {
			return s.length
		}
	}
	return steps[len(steps)-1].length
}

func stepName(d time.Duration) string {
	for _, s := range steps {
		if s.length == d {
			return s.name
		}
	}
	return d.String()
}

// AlignDown returns the latest multiple of step that is not after t.
func AlignDown(t time.Time, step time.Duration) time.Time {
	off := t.Sub(weekStart) % step
	if off < 0 {
		off += step
	}
	return t.Add(-off).UTC()
}

// newChart lays out a histogram. f is the filter that the bars narrow.
func newChart(h Histogram, f filter.Filter) Chart {
	c := Chart{Height: chartHeight, Base: chartBase, Step: stepName(h.Step), Total: h.Total}
	if len(h.Buckets) == 0 || h.Step <= 0 {
		return c
	}
	first := AlignDown(h.Buckets[0].From, h.Step)
	last := AlignDown(h.Buckets[len(h.Buckets)-1].From, h.Step)
	slots := int(last.Sub(first)/h.Step) + 1
	c.From, c.Until = bound(first), bound(last.Add(h.Step))
	var drawn uint64
	for _, b := range h.Buckets {
		c.Peak = max(c.Peak, b.Records)
		drawn += b.Records
	}
	c.Outside = h.Total - min(drawn, h.Total)
	records := make([]uint64, slots)
	for _, b := range h.Buckets {
		records[int(AlignDown(b.From, h.Step).Sub(first)/h.Step)] += b.Records
	}
	c.Bars = make([]Bar, slots)
	narrow := narrowing(f)
	for i, n := range records {
		c.Bars[i] = newBar(i, slots, n, c.Peak, first.Add(time.Duration(i)*h.Step), h.Step)
		c.Bars[i].URL = searchURL(narrow(c.Bars[i].From, c.Bars[i].Until), "")
	}
	c.Ticks = ticks(first, last.Add(h.Step))
	return c
}

func newBar(i, slots int, n, peak uint64, from time.Time, step time.Duration) Bar {
	width := 100 / float64(slots)
	gap := 0.16 * width
	if slots > 120 {
		gap = 0.24 * width
	}
	thick := min(width-gap, maxThick) // few bars stay bars
	b := Bar{
		X: percent(float64(i)*width + (width-thick)/2), W: percent(thick),
		HitX: percent(float64(i) * width), HitW: percent(width),
		Records: n, From: bound(from), Until: bound(from.Add(step)),
	}
	if n > 0 {
		// A bar that stands for something is never too low to be seen.
		b.H = max(2, int(float64(n)*(chartBase-6)/float64(peak)+0.5))
	}
	b.Y = chartBase - b.H
	b.Label = spanLabel(from, step) + ": " + number(n)
	return b
}

// spanLabel says in words what stretch a bar stands for.
func spanLabel(from time.Time, step time.Duration) string {
	switch {
	case step == day:
		return from.Format("Mon 2006-01-02")
	case step > day:
		return from.Format(time.DateOnly) + " to " + from.Add(step-day).Format(time.DateOnly)
	case step >= time.Minute:
		return from.Format("2006-01-02 15:04") + " to " + from.Add(step).Format("15:04") + " UTC"
	}
	return from.Format("2006-01-02 15:04:05") + " UTC"
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) + "%" }

// tickSteps are the distances of the marks of the axis, with how each is
// written. Above a day the calendar decides.
var tickSteps = []struct {
	length time.Duration
	layout string
}{
	{time.Second, "15:04:05"}, {5 * time.Second, "15:04:05"}, {15 * time.Second, "15:04:05"},
	{time.Minute, "15:04"}, {5 * time.Minute, "15:04"}, {15 * time.Minute, "15:04"},
	{time.Hour, "15:04"}, {3 * time.Hour, "15:04"}, {6 * time.Hour, "2 Jan 15:04"}, {12 * time.Hour, "2 Jan 15:04"},
	{day, "2 Jan"}, {7 * day, "2 Jan"},
}

const maxTicks = 13

// ticks returns the marks of the axis between two times, and none so near to
// an edge that its label would be cut.
func ticks(from, until time.Time) []Tick {
	span := until.Sub(from)
	var list []Tick
	add := func(t time.Time, layout string) {
		at := float64(t.Sub(from)) / float64(span) * 100
		if at >= 0 && at <= 95 {
			list = append(list, Tick{percent(at), t.Format(layout), len(list)%3 != 0})
		}
	}
	for _, s := range tickSteps {
		if span > maxTicks*s.length {
			continue
		}
		for t := AlignDown(from, s.length); t.Before(until); t = t.Add(s.length) {
			add(t, s.layout)
		}
		return list
	}
	months := int(span/(30*day))/maxTicks + 1
	for _, m := range []int{1, 2, 3, 6, 12, 24, 60, 120} {
		if months = m; int(span/(30*day)) <= m*maxTicks {
			break
		}
	}
	y, mo, _ := from.Date()
	for t := time.Date(y, mo, 1, 0, 0, 0, 0, time.UTC); t.Before(until); t = t.AddDate(0, months, 0) {
		layout := "Jan"
		if t.Month() == time.January || len(list) == 0 || months >= 12 {
			layout = "Jan 2006"
		}
		add(t, layout)
	}
	return list
}
