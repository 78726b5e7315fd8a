package poll

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"example.com/evident/source"
)

// maxLater bounds for how long a source is left alone because it asked for it:
// the longest window of rate limits that is in use is a day.
const maxLater = 24 * time.Hour

// backoff is how long to wait after try number n (from 1) failed: twice as long
// each time, up to most, and by chance up to a half shorter, so that those who
// failed together do not come back together.
func backoff(first, most time.Duration, n int) time.Duration {
	d := most
	if n < 20 && first<<(n-1) < most {
		d = first << (n - 1)
	}
	return d - rand.N(d/2+1)
}

// sleep returns after d, or with the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// whenFree returns when the source wants the next request; false if it does not
// say. Retry-After says so in any answer; what is left of a rate limit says so
// when it is nothing, whatever the answer: the next request would be refused.
func whenFree(resp *source.Response, now time.Time) (time.Time, bool) {
	theirs := now // their clock, which resets are told by
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		theirs = t
	}
	d, asked := time.Duration(0), false
	if s := resp.Header.Get("Retry-After"); s != "" {
		if n, err := strconv.ParseInt(s, 10, 32); err == nil {
			d, asked = time.Duration(max(n, 0))*time.Second, true
		} else if t, err := http.ParseTime(s); err == nil {
			d, asked = t.Sub(theirs), true
		}
	}
	if reset, ok := resetAt(resp, theirs); !asked && ok {
		d, asked = reset.Sub(theirs), true
	}
	return now.Add(min(max(d, 0), maxLater)), asked
}

// resetAt returns when a rate limit that is used up is new again. GitHub and
// Okta give the time, in seconds since 1970; others how many seconds are left.
func resetAt(resp *source.Response, now time.Time) (time.Time, bool) {
	for _, prefix := range []string{"X-RateLimit-", "X-Rate-Limit-", "RateLimit-"} {
		remaining := resp.Header.Get(prefix + "Remaining")
		if remaining != "0" && (remaining != "" || resp.Status != http.StatusTooManyRequests) {
			continue
		}
		n, err := strconv.ParseInt(resp.Header.Get(prefix+"Reset"), 10, 64)
		switch {
		case err != nil || n < 0:
		case n < 100_000_000: // three years: no time, but how long
			return now.Add(time.Duration(min(n, 1<<20)) * time.Second), true
		default:
			return time.Unix(min(n, 1<<40), 0).Add(time.Second), true // the second itself still belongs to it
		}
	}
	return now, false
}
