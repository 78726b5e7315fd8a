package api

import "net/http"

// Keys is the answer of GET /v1/keys.
type Keys struct {
	Keys []Key `json:"keys"` // newest first, revoked ones too
}

// keyList serves GET /v1/keys.
func (a *API) keyList(w http.ResponseWriter, r *http.Request) error {
	out := Keys{Keys: []Key{}}
	for _, k := range a.book.State().Keys() {
		out.Keys = append(out.Keys, keyOf(k, a.now()))
	}
	return writeJSON(w, http.StatusOK, out)
}
