package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"example.com/evident/event"
	"example.com/evident/proof"
)

// eventFind serves GET /v1/events/by-id: by the hash of the id in the header,
// so that an event is found also after its body has expired.
func (a *API) eventFind(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "source", "id")
	id, source := q.text("id", ""), q.text("source", "")
	switch {
	case q.err != nil:
		return q.err
	case id == "" || len(id) > event.MaxIDBytes:
		return refuse(http.StatusBadRequest, fmt.Sprintf("id: required, 1 to %d bytes", event.MaxIDBytes))
	case source != "":
		if err := event.ValidSource(source); err != nil {
			return refuse(http.StatusBadRequest, err.Error())
		}
		return a.findIn(w, r, id, []string{source})
	}
	var sources []string
	for s := range a.trail.Counts() {
		sources = append(sources, s)
	}
	slices.Sort(sources)
	return a.findIn(w, r, id, sources)
}

// findIn answers with the event of that id, if it is in one of the sources that
// the caller may see.
func (a *API) findIn(w http.ResponseWriter, r *http.Request, id string, sources []string) error {
	var found []uint64
	var in []string
	for _, s := range sources {
		if !callerOf(r.Context()).Scope.MaySee(s) {
			continue
		}
		seq, ok, err := a.trail.Find(proof.EventID(s, id))
		if err != nil {
			return err
		}
		if ok {
			found, in = append(found, seq), append(in, s)
		}
	}
	switch len(found) {
	case 0:
		return errNoRecord
	case 1:
		return a.answerEvent(w, r, found[0])
	}
	return refuse(http.StatusConflict, "source: required, since several have an event with this id: "+strings.Join(in, ", "))
}
