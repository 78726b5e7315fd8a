package api

import (
	"net/http"

	"example.com/evident/event"
	"example.com/evident/state"
)

// keyRevoke serves DELETE /v1/keys/{id}. The key opens nothing any more when
// the answer comes.
func (a *API) keyRevoke(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	k, ok := a.book.State().KeyByID(id)
	if !ok {
		return refuse(http.StatusNotFound, "key: there is no key with this id")
	}
	err := a.act(r.Context(), state.Act{
		Action: state.ActionKeyRevoke, Category: event.Account,
		Target: event.Target{Type: "api_key", ID: id, Name: k.Name}, Detail: state.KeyRevoked{Key: id},
	})
	if err != nil {
		return err
	}
	k, _ = a.book.State().KeyByID(id)
	return writeJSON(w, http.StatusOK, keyOf(k, a.now()))
}
