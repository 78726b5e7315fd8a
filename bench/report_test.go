package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// These look inside: the command has no other way in than minutes of load.

func TestTableSaysWhatWasReachedAndWhatWasNotMeasured(t *testing.T) {
	r := &rig{began: time.Now(), config: config{Large: 1_000_000, Sustained: 600_000, RoundEvents: 200_000}, series: map[string][]float64{
		evLong: {110_000}, floorLong: {240_000, 200_000}, pgBatch: {30_000, 9_000, 20_000}, evSingle: {9_000}, floorSingle: {18_000}, evPeakLong: {900},
	}}
	page := r.report(errors.New("no space left"))
	for _, want := range []string{
		"| 5 × PostgreSQL | 110,000 | 5.50 × PostgreSQL (20,000) | yes |",
		"| 0.5 × floor | 110,000 | 0.50 × floor (220,000) | yes |",
		"| 0.7 × floor | 9,000 | 0.50 × floor (18,000) | **no** |",
		"| memory of the server under load | 768 MiB | 900 MiB |  | **no** |",
		"| pack of 100,000 events, built | 10 s | not measured |  |  |",
		"**This run did not end:** no space left",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestProcessorTimeIsReadBehindAnyName(t *testing.T) {
	if got := statTicks("7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 31 0 0 20 0 5"); got != 281 {
		t.Errorf("%d ticks, want 281", got)
	}
}

func TestFiguresAreGrouped(t *testing.T) {
	for v, want := range map[float64]string{1234567.4: "1,234,567", 999.6: "1,000", 42.25: "42.2", 3.14159: "3.14"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) is %s, want %s", v, got, want)
		}
	}
}
