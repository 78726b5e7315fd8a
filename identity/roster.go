package identity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/evident/event"
)

// KindRoster is the kind of the sources that say who works here.
const KindRoster = "hr.roster"

// maxPeople bounds what a Roster holds.
const maxPeople = 200_000

// A Person is somebody on a roster.
type Person struct {
	ID      string // on the roster; the e-mail address of somebody who is on none
	Source  string // of the roster; empty for somebody who is on none
	Name    string
	Email   string // in small letters
	Manager string // as the roster has it
	Status  string
	Start   time.Time // zero: not known
	// End is when the last day was over, or the time that the roster gives; zero:
	// none. What the person's accounts do from then on is done after the end.
	End time.Time
	// Accounts are those of the roster and of links, and the e-mail address.
	Accounts []Account
	As       time.Time // when the roster said so
}

// A Roster is the fold of all that rosters have said. The zero value is empty.
// It is not for use by several goroutines at once.
type Roster struct {
	rows     map[string]row // by source and id of the person
	problems map[string]string
	dropped  int
}

// A row is the last that was said of a person.
type row struct {
	person Person
	bytes  []byte // decides between two of the same time
}

// rowDetail is the detail of a roster's event; what else is in it is not asked
// for here.
type rowDetail struct {
	Email    string   `json:"email"`
	Manager  string   `json:"manager"`
	Start    string   `json:"start"`
	End      string   `json:"end"`
	LastDay  string   `json:"last_day"`
	FirstDay string   `json:"first_day"`
	Status   string   `json:"status"`
	Accounts []string `json:"accounts"`
}

// Apply takes one event of the trail; those that say nothing of people change
// nothing. The order in which events are applied does not matter: of a person,
// what occurred last is true, and of two rows of the same time the one whose
// bytes are greater, so that everybody who folds the same trail has the same
// people.
func (r *Roster) Apply(e *event.Event) {
	kind, _, _ := strings.Cut(e.Source, "/")
	if kind != KindRoster || e.Outcome != event.Success || len(e.Targets) == 0 || e.Targets[0].Type != "person" || e.Targets[0].ID == "" {
		return
	}
	if r.rows == nil {
		r.rows, r.problems = map[string]row{}, map[string]string{}
	}
	key := e.Source + "\x00" + strings.ToLower(e.Targets[0].ID)
	next := row{bytes: append([]byte(e.Targets[0].ID+"\x00"+e.Targets[0].Name+"\x00"+e.Action+"\x00"), e.Detail...)}
	before, ok := r.rows[key]
	if ok && cmp.Or(e.OccurredAt.Compare(before.person.As), bytes.Compare(next.bytes, before.bytes)) <= 0 {
		return
	}
	if !ok && len(r.rows) >= maxPeople {
		r.dropped++
		return
	}
	var problem string
	next.person, problem = personOf(e)
	if r.rows[key] = next; problem != "" {
		r.problems[key] = problem
	} else {
		delete(r.problems, key)
	}
}

// personOf reads a row. Problem says what of it could not be read.
func personOf(e *event.Event) (p Person, problem string) {
	t := e.Targets[0]
	p = Person{ID: t.ID, Source: e.Source, Name: t.Name, As: e.OccurredAt}
	var d rowDetail
	if len(e.Detail) > 0 {
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			problem = "its details cannot be read: " + err.Error()
		}
	}
	for _, email := range []string{d.Email, t.Name, t.ID} {
		if email = strings.ToLower(strings.TrimSpace(email)); p.Email == "" && isEmail(email) {
			p.Email = email
		}
	}
	p.Manager, p.Status = d.Manager, strings.ToLower(d.Status)
	p.Start, _ = day(cmp.Or(d.Start, d.FirstDay), 0)
	if p.Email != "" {
		p.Accounts = append(p.Accounts, Account{ID: p.Email})
	}
	for _, s := range d.Accounts {
		a, err := ParseAccount(s)
		if err != nil {
			problem = err.Error()
			continue
		}
		if !slices.Contains(p.Accounts, a) {
			p.Accounts = append(p.Accounts, a)
		}
	}
	end := cmp.Or(d.End, d.LastDay)
	var ok bool
	if p.End, ok = day(end, 1); !ok && end != "" {
		problem = "its end, " + end + ", can mean more than one day"
	}
	if left := p.Status == "terminated" || e.Action == "person.terminate"; left && p.End.IsZero() {
		p.End = e.OccurredAt // no later than the roster said so
	}
	return p, problem
}

// day reads a time, or the date so many days later.
func day(s string, later int) (time.Time, bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, later), true
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}

// people returns everybody, by roster and id.
func (r *Roster) people() []Person {
	var all []Person
	for _, key := range slices.Sorted(maps.Keys(r.rows)) {
		p := r.rows[key].person
		p.Accounts = slices.Clone(p.Accounts)
		all = append(all, p)
	}
	return all
}
