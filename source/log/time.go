package log

import (
	"math"
	"strconv"
	"strings"
	"time"

	"example.com/evident/source"
)

// layouts are the forms in which programs write times. Those without a zone are
// in that of the sender. A fraction of a second may follow the seconds of any.
var layouts = []string{
	time.RFC3339,
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02 15:04:05 MST",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	"2006/01/02 15:04:05",
	"02/Jan/2006:15:04:05 -0700",
	time.RFC1123Z,
	time.RFC1123,
	time.UnixDate,
	time.ANSIC,
}

// time returns the first time that a field holds; zero if none does.
func (f fields) time(now time.Time) time.Time {
	for _, name := range []string{"@timestamp", "time", "timestamp", "ts", "date", "datetime", "event_time", "eventtime", "created_at", "_time", "asctime", "observedtimestamp"} {
		if t := parseTime(f[name], now); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func parseTime(s string, now time.Time) time.Time {
	if s = strings.TrimSpace(s); s == "" || len(s) > 64 {
		return time.Time{}
	}
	if t := parseNumber(s); !t.IsZero() {
		return t
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t.UTC()
		}
	}
	if h, ok := source.ParseSyslog(s+" - x", now); ok {
		return h.At
	}
	return time.Time{}
}

// parseNumber reads a number of seconds, milli-, micro- or nanoseconds since 1970:
// of the unit in which it lies between 1973 and 2261. A smaller one is no time.
func parseNumber(s string) time.Time {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		x, err := strconv.ParseFloat(s, 64) // 1.7e9
		if err != nil || math.Abs(x) > 1e18 {
			return time.Time{}
		}
		n, fraction = int64(x), ""
	}
	var unit int64 = 1
	switch {
	case n < 1e8:
		return time.Time{}
	case n < 1e10:
		unit = 1e9
	case n < 1e13:
		unit = 1e6
	case n < 1e16:
		unit = 1e3
	}
	if n > math.MaxInt64/unit {
		return time.Time{}
	}
	part, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return time.Unix(0, n*unit).Add(time.Duration(part * unit / 1e9)).UTC()
}
