package api

import (
	"net/http"
	"time"

	"example.com/evident/identity"
)

// People is the answer of GET /v1/people.
type People struct {
	People    []Person   `json:"people"`
	Conflicts []Conflict `json:"conflicts"`
}

// A Person is somebody on a roster, or to whom an account was linked.
type Person struct {
	ID       string     `json:"id"`
	Source   string     `json:"source,omitempty"` // of the roster
	Name     string     `json:"name,omitempty"`
	Email    string     `json:"email,omitempty"`
	Manager  string     `json:"manager,omitempty"`
	Status   string     `json:"status,omitempty"`
	Start    *time.Time `json:"start,omitempty"`
	End      *time.Time `json:"end,omitempty"` // from then on
	LastDay  string     `json:"last_day,omitempty"`
	Accounts []string   `json:"accounts"`
}

// A Conflict is something about people that somebody has to decide.
type Conflict struct {
	Account string   `json:"account,omitempty"`
	People  []string `json:"people"`
	What    string   `json:"what"`
}

// peopleList serves GET /v1/people.
func (a *API) peopleList(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	if q.err != nil {
		return q.err
	}
	b, err := a.People(r.Context())
	if err != nil {
		return err
	}
	out := People{People: []Person{}, Conflicts: []Conflict{}}
	for _, p := range b.People() {
		out.People = append(out.People, personOf(p))
	}
	for _, c := range b.Conflicts() {
		out.Conflicts = append(out.Conflicts, Conflict{c.Account, append([]string{}, c.People...), c.What})
	}
	return writeJSON(w, http.StatusOK, out)
}

func personOf(p identity.Person) Person {
	out := Person{
		ID: p.ID, Source: p.Source, Name: p.Name, Email: p.Email, Manager: p.Manager, Status: p.Status,
		LastDay: p.LastDay(), Accounts: []string{},
	}
	if !p.Start.IsZero() {
		out.Start = &p.Start
	}
	if !p.End.IsZero() {
		out.End = &p.End
	}
	for _, a := range p.Accounts {
		out.Accounts = append(out.Accounts, a.String())
	}
	return out
}
