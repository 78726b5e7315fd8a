package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"example.com/evident/index"
	"example.com/evident/proof"
)

// Histogram is the answer of GET /v1/histogram.
type Histogram struct {
	StepSeconds int64    `json:"step_seconds"`
	Total       uint64   `json:"total"`
	Buckets     []Bucket `json:"buckets"` // those that hold events, in order
	Size        uint64   `json:"size"`
}

// A Bucket counts the events with From ≤ occurred_at < Until.
type Bucket struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Count uint64    `json:"count"`
}

const day = 24 * time.Hour

// steps are the widths of buckets that can be asked for. The last ones are only
// chosen by the server, for stretches that no other would fit.
var steps = []struct {
	name  string
	width time.Duration
}{
	{"1m", time.Minute}, {"5m", 5 * time.Minute}, {"15m", 15 * time.Minute}, {"1h", time.Hour}, {"6h", 6 * time.Hour},
	{"1d", day}, {"7d", 7 * day}, {"", 28 * day}, {"", 364 * day},
}

const (
	goodBuckets = 120
	maxBuckets  = 5000
)

// histogramGet serves GET /v1/histogram.
func (a *API) histogramGet(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "filter", "step")
	ask := index.Query{Expr: a.filter(&q, r)}
	step := q.oneOf("step", "", "1m", "5m", "15m", "1h", "6h", "1d", "7d")
	if q.err != nil {
		return q.err
	}
	ask.Size = a.Searchable(r.Context())
	h, err := a.Histogram(r.Context(), ask, func(from, until time.Time) time.Duration { return stepFor(step, from, until) })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, h)
}

// stepFor returns the step with that name, or the narrowest with not too many
// buckets from one time until another.
func stepFor(name string, from, until time.Time) time.Duration {
	for _, s := range steps {
		if name != "" && s.name == name || name == "" && until.Sub(from)/goodBuckets <= s.width {
			return s.width
		}
	}
	return steps[len(steps)-1].width
}

// Histogram counts the records that match by occurred_at, in buckets that begin
// at multiples of a step (weeks on Mondays, UTC). The step is chosen when it is
// known over which stretch: that which the filter sets or, where it is open,
// that of the records.
func (a *API) Histogram(ctx context.Context, ask index.Query, step func(from, until time.Time) time.Duration) (Histogram, error) {
	from, until := bounds(ask.Expr)
	if from.IsZero() || until.IsZero() {
		var some bool
		var err error
		if from, until, some, err = a.stretch(ctx, ask, from, until); err != nil || !some {
			return Histogram{StepSeconds: int64(day / time.Second), Buckets: []Bucket{}, Size: ask.Size}, err
		}
	}
	if !from.Before(until) {
		return Histogram{StepSeconds: int64(day / time.Second), Buckets: []Bucket{}, Size: ask.Size}, nil
	}
	width := step(from, until)
	begin := alignDown(from, width)
	n := int((until.Unix() - begin.Unix() + int64(width/time.Second)) / int64(width/time.Second)) // a Duration could not hold all time there is
	for n > 1 && !later(begin, n-1, width).Before(until) {
		n--
	}
	if n > maxBuckets {
		return Histogram{}, refuse(http.StatusUnprocessableEntity, fmt.Sprintf("step: %d buckets of %v from %s until %s; at most %d: take a wider step or a shorter time", n, width, from.Format(time.DateOnly), until.Format(time.DateOnly), maxBuckets))
	}
	end := later(begin, n, width)
	if begin.Before(firstTime) || end.After(lastTime) {
		begin, end = from, until // there is no time at which a bucket could begin or end
	}
	bars, err := a.index.Histogram(ctx, ask, begin, end, n)
	if err != nil {
		return Histogram{}, err
	}
	h := Histogram{StepSeconds: int64(width / time.Second), Buckets: []Bucket{}, Size: bars.Size}
	for i, count := range bars.Counts {
		if count > 0 {
			from := later(bars.From, i, bars.Width)
			h.Buckets = append(h.Buckets, Bucket{from, from.Add(bars.Width), count})
			h.Total += count
		}
	}
	return h, nil
}

// The times that a record can have (docs/format.md section 2).
var (
	firstTime = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(2261, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

// stretch finds out from when until when there are matches, as narrowly as 365
// buckets show it, twice: that is within a day for a year of records.
func (a *API) stretch(ctx context.Context, ask index.Query, from, until time.Time) (first, last time.Time, some bool, err error) {
	if from.IsZero() {
		from = firstTime
	}
	if until.IsZero() {
		until = lastTime
	}
	first, last = from, until
	for range 2 {
		if !first.Before(last) {
			return first, last, false, nil
		}
		bars, err := a.index.Histogram(ctx, ask, first, last, 4096)
		if err != nil {
			return first, last, false, err
		}
		low, high := -1, -1
		for i, n := range bars.Counts {
			if n > 0 && low < 0 {
				low = i
			}
			if n > 0 {
				high = i
			}
		}
		if low < 0 {
			return first, last, false, nil
		}
		last = minTime(until, later(bars.From, high+1, bars.Width))
		first = maxTime(from, later(bars.From, low, bars.Width))
	}
	return first, last, true, nil
}

// bounds returns the times that a filter sets for all that it matches; zero
// where it sets none.
func bounds(e proof.Expr) (from, until time.Time) {
	switch {
	case e.Op == "all":
		for _, arg := range e.Args {
			f, u := bounds(arg)
			from = maxTime(from, f)
			if until.IsZero() || !u.IsZero() && u.Before(until) {
				until = u
			}
		}
	case (e.Op == "from" || e.Op == "until") && len(e.Fields) == 1 && e.Fields[0] == "/occurred_at":
		t, err := proof.ParseTime(e.Value)
		if err != nil {
			return from, until
		}
		if e.Op == "from" {
			return t, until
		}
		return from, t
	}
	return from, until
}

// later is t + n × width, also where n × width is longer than a Duration can be.
func later(t time.Time, n int, width time.Duration) time.Time {
	return t.Add(time.Duration(n/2) * width).Add(time.Duration(n-n/2) * width)
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// monday is where weeks are counted from.
var monday = time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC)

// alignDown returns the latest multiple of step that is not after t.
func alignDown(t time.Time, step time.Duration) time.Time {
	off := t.Sub(monday) % step
	if off < 0 {
		off += step
	}
	return t.Add(-off).UTC()
}
