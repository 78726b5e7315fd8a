package ui

import (
	"strings"
	"time"

	"example.com/evident/proof"
)

// lateAfter is how much later than it happened an event may be recorded before
// lists say so; clocks and deliveries differ by less every day.
const lateAfter = time.Hour

// aheadAfter is how far a source's clock may be ahead of ours unmentioned.
const aheadAfter = time.Minute

// Row is one event in a list.
type Row struct {
	Seq        uint64
	OccurredAt time.Time
	SameDay    bool   // as the row above
	Late       string // recorded much later than it happened: how much
	Ahead      string // the source's clock was ahead: how much
	Who        string
	WhoID      string // beside a name, if it says more
	Action     string
	Category   string
	TargetType string
	Target     string
	MoreTarget int
	Outcome    string
	Code       string
	Source     string
	Expired    bool // the body is gone, the header stays
}

func newRow(r Record) (Row, error) {
	h := &r.Header
	row := Row{
		Seq: h.Seq, OccurredAt: h.OccurredAt, Action: h.Action, Category: h.Category,
		Outcome: h.Outcome, Source: h.Source, Expired: r.Body == nil,
	}
	if late, ahead := lateness(h); late != "" || ahead != "" {
		row.Late, row.Ahead = shortSpan(h.At.Sub(h.OccurredAt), late), shortSpan(h.OccurredAt.Sub(h.At), ahead)
	}
	if row.Expired {
		return row, nil
	}
	list, err := proof.ParseBody(r.Body)
	if err != nil {
		return Row{}, err
	}
	f := fields(list)
	row.Who = f.text("/actor/name", "/actor/email", "/actor/id")
	if id := f.text("/actor/email", "/actor/id"); id != row.Who {
		row.WhoID = id
	}
	if row.Who == "" {
		row.Who = f.text("/actor/type")
	}
	// Of an ARN, which begins alike for all of a company, the end tells who.
	if i := strings.LastIndexByte(row.Who, '/'); i > 0 && strings.HasPrefix(row.Who, "arn:") && i+1 < len(row.Who) {
		row.Who, row.WhoID = row.Who[i+1:], row.Who
	}
	row.TargetType = f.text("/target/type", "/targets/0/type")
	row.Target = f.text("/target/name", "/target/id", "/targets/0/name", "/targets/0/id")
	row.MoreTarget = f.under("/targets") - 1
	if f.text("/target/id", "/target/name") != "" {
		row.MoreTarget++
	}
	row.Code = f.text("/outcome_code")
	return row, nil
}

// lateness says how much later than by the source's clock an event was
// recorded, or how much that clock was ahead, where it is worth saying.
func lateness(h *proof.Header) (late, ahead string) {
	d := h.At.Sub(h.OccurredAt)
	if d >= lateAfter {
		return span(d), ""
	}
	if d <= -aheadAfter {
		return "", span(d)
	}
	return "", ""
}

// shortSpan is the largest unit of d alone, if there is anything to say.
func shortSpan(d time.Duration, says string) string {
	switch {
	case says == "":
		return ""
	case d >= day:
		return span(d.Truncate(day))
	case d >= time.Hour:
		return span(d.Truncate(time.Hour))
	}
	return span(d.Truncate(time.Minute))
}

func newRows(records []Record) ([]Row, error) {
	rows := make([]Row, 0, len(records))
	var last string
	for i := range records {
		row, err := newRow(records[i])
		if err != nil {
			return nil, err
		}
		today := row.OccurredAt.UTC().Format(time.DateOnly)
		row.SameDay, last = today == last, today
		rows = append(rows, row)
	}
	return rows, nil
}
