package api

import (
	"net/http"

	"example.com/evident/index"
)

// Count is the answer of GET /v1/count.
type Count struct {
	Count uint64 `json:"count"`
	Size  uint64 `json:"size"`
}

// countGet serves GET /v1/count.
func (a *API) countGet(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "filter")
	ask := index.Query{Expr: a.filter(&q, r)}
	if q.err != nil {
		return q.err
	}
	ask.Size = a.Searchable(r.Context())
	n, err := a.index.Count(r.Context(), ask)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, Count{n, ask.Size})
}
