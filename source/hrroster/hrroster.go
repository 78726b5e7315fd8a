// Package hrroster reads rosters of people: exports of personnel systems and
// lists kept by hand, as CSV or JSON. They say who works here, for whom, since
// when and until when, and which accounts are theirs; what else is asked of
// people (joiners, leavers, reviews of access) rests on them.
//
// Deliveries: CSV whose first row names the columns, separated by commas,
// semicolons or tabs; JSON with an array of people, also in people, employees,
// workers, members, results, value or data; people one a line. raw is a person's
// object, or the row of the names and the person's row below it.
//
//	column or member                                  event
//	employee_id, id, person_id, worker_id, number     target.id; without one the e-mail address
//	name, else first_name and last_name               target.name
//	email, work_email, mail                           detail.email
//	manager, manager_email, manager_id, supervisor    detail.manager: as the roster gives it
//	start, start_date, hire_date, first_day           detail.start, as 2026-03-01 if it can only mean one day
//	end, end_date, termination_date, last_day         detail.end, likewise
//	status, employment_status                         detail.status: active, leave, pending or terminated, else as it is
//	accounts, links; okta, github, aws, google, …     detail.accounts: okta:00u1, github:alice
//	employment_type, kind, worker_type                detail.kind
//	title, team, department, site                     detail.title, detail.team, detail.site
//	as_of, updated_at, last_modified                  occurred_at; without one, when the roster came
//
// Names of columns are compared without case, spaces, dashes and underscores.
// Columns that are not listed are in raw only. Accounts are separated by spaces,
// commas, semicolons or bars; a column that is named as a system holds the name
// of the person's account there. A date such as 03/04/2026 is kept as it is.
//
// Every row is an event: person.terminate if its status says that the person has
// left, person.hire if that they have not begun yet, otherwise person.record. The id is of its bytes: an unchanged row of the
// next export is a duplicate, a changed one a new event that says in detail.diff
// what differs. The category is account, the outcome success, and the actor the
// roster itself: who changed it does not stand in it.
//
// Limits: who is missing from an export makes no event; rosters have to keep
// those who left, with their status. A row without id and e-mail address is kept
// as unmapped.
package hrroster

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"slices"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is a roster of people.
var Kind = source.Kind{
	Name:    "hr.roster",
	Title:   "Roster of people",
	Ways:    "files, bucket, HTTP",
	Split:   split,
	Map:     mapEvent,
	Change:  &source.Change{Of: state, Timeless: true},
	Actions: actions,
}

// actions has the two things that a row can say.
var actions = map[string]source.Action{
	"row":               {Action: "person.record", Category: event.Account},
	"row of who left":   {Action: "person.terminate", Category: event.Account},
	"row of who begins": {Action: "person.hire", Category: event.Account},
}

// splitJSON cuts rosters of JSON.
var splitJSON = source.JSON("people", "employees", "workers", "members", "results", "value", "data")

// split cuts a roster by what it begins with.
func split(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b := bufio.NewReader(r)
		cut := rows
		for n := 1; n < b.Size(); n++ {
			head, err := b.Peek(n)
			if err != nil {
				break // the cut will meet it too
			}
			if c := head[n-1]; c == '[' || c == '{' {
				cut = splitJSON
				break
			} else if !bytes.ContainsRune([]byte(" \t\r\n\xEF\xBB\xBF"), rune(c)) && c < 0x80 {
				break
			}
		}
		cut(b)(yield)
	}
}

// rows yields each row with the names of the columns above it.
func rows(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var names []byte
		for row, err := range source.Rows(r) {
			switch {
			case err != nil:
				yield(nil, err)
				return
			case names == nil:
				names = slices.Clone(row)
			case !yield(slices.Concat(names, []byte("\n"), row), nil):
				return
			}
		}
	}
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	p, err := read(raw)
	if err != nil {
		return event.Event{}, err
	}
	sum := sha256.Sum256(raw)
	e := event.Event{
		ID:           "person/" + hex.EncodeToString(sum[:]),
		OccurredAt:   now.UTC(),
		Actor:        event.Actor{Type: event.ActorSystem, ID: "hr.roster"},
		NativeAction: "row",
		Targets:      []event.Target{{Type: "person", ID: p.id(), Name: p.fullName()}},
		Outcome:      event.Success,
		Detail:       p.detail(),
		Raw:          raw,
	}
	if at, ok := moment(p.of[asOf]); ok {
		e.OccurredAt = at
	}
	switch p.status() {
	case terminated:
		e.NativeAction = "row of who left"
	case pending:
		e.NativeAction = "row of who begins"
	}
	a := actions[e.NativeAction]
	e.Action, e.Category = a.Action, a.Category
	return e, nil
}

// state is what of a row is compared with the row before of the same person.
func state(raw []byte) (string, []byte) {
	p, err := read(raw)
	if err != nil {
		return "", nil
	}
	var d source.Detail
	d.Text("name", p.fullName())
	return p.id(), append(append([]byte(`{"person":`), slices.Concat(orEmpty(d.Object()), []byte(`,"detail":`), orEmpty(p.detail()))...), '}')
}

func orEmpty(object []byte) []byte {
	if object == nil {
		return []byte("{}")
	}
	return object
}
