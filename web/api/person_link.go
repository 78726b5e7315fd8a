package api

import (
	"net/http"

	"example.com/evident/event"
	"example.com/evident/state"
)

// personLink serves POST /v1/people/links: an account is a person's from now on.
func (a *API) personLink(w http.ResponseWriter, r *http.Request) error {
	return a.decide(w, r, state.ActionPersonLink)
}

// personUnlink serves POST /v1/people/unlinks: it is not, whatever a roster says.
func (a *API) personUnlink(w http.ResponseWriter, r *http.Request) error {
	return a.decide(w, r, state.ActionPersonUnlink)
}

func (a *API) decide(w http.ResponseWriter, r *http.Request, action string) error {
	var d state.PersonLinked
	if err := readJSON(w, r, &d); err != nil {
		return err
	}
	err := a.act(r.Context(), state.Act{
		Action: action, Category: event.Account, Target: event.Target{Type: "person", ID: d.Person, Name: d.Account}, Detail: d,
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, d)
}
