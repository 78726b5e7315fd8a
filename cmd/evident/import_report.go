package main

import (
	"fmt"
	"strings"
	"time"

	"example.com/evident/source/all"
)

// importLine is the last line for programs.
type importLine struct {
	Files      int `json:"files"`
	Unreadable int `json:"unreadable"`
	Hidden     int `json:"hidden"`
	importCounts
	Seconds      float64 `json:"seconds"`
	EventsSecond uint64  `json:"events_per_second"`
}

// report prints what became of everything.
func (im *importer) report() error {
	took, c := time.Since(im.start), im.counts
	if im.g.json {
		return im.g.printJSON(importLine{im.files, im.unreadable, im.hidden, c, took.Seconds(), im.rate()})
	}
	files := count(uint64(im.files), "file")
	if im.unreadable > 0 {
		files += fmt.Sprintf(", %d not readable or not to the end", im.unreadable)
	}
	if im.hidden > 0 {
		files += fmt.Sprintf(", %d with a dot in front passed over", im.hidden)
	}
	lines := [][2]string{
		{"files", files},
		{"read", thousands(c.Read)},
		{"accepted", thousands(c.Accepted)},
		{"duplicates", thousands(c.Duplicates)},
		{"unmapped", thousands(c.Unmapped)},
		{"refused", thousands(c.Refused)},
		{"took", fmt.Sprintf("%s, %s events per second", took.Round(time.Millisecond), thousands(im.rate()))},
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(im.g.out, "%-11s %s\n", l[0], l[1]); err != nil {
			return err
		}
	}
	if c.Unmapped > 0 {
		im.g.say("What could not be mapped is kept as it came: evident search action:unmapped, or evident source test for the reasons.")
	}
	if kind, _, _ := strings.Cut(im.source, "/"); c.Refused > 0 && c.Refused == c.Read && im.source != "" {
		if _, known := all.Lookup(kind); !known {
			im.g.say("No kind is called %s, so the events were read as evident.event/1; kinds: %s.", kind, strings.Join(kindNames(), ", "))
		}
	}
	return nil
}
