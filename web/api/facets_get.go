package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"example.com/evident/index"
)

// Facets is the answer of GET /v1/facets.
type Facets struct {
	Facets []Facet `json:"facets"`
	Size   uint64  `json:"size"`
}

// A Facet counts the values of one field.
type Facet struct {
	Field  string       `json:"field"`
	Values []FacetValue `json:"values"`
	More   bool         `json:"more"`
}

// FacetValue is a value and how many events have it.
type FacetValue struct {
	Value string `json:"value"`
	Count uint64 `json:"count"`
}

const maxFacets = 16

// facetsGet serves GET /v1/facets.
func (a *API) facetsGet(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "filter", "fields", "top")
	ask := index.Query{Expr: a.filter(&q, r)}
	fields := strings.Split(q.text("fields", "source,category,action,outcome"), ",")
	top := q.number("top", 10, 100)
	if q.err != nil {
		return q.err
	}
	known := index.FacetFields()
	for i, f := range fields {
		fields[i] = strings.TrimSpace(f)
		if !slices.Contains(known, fields[i]) {
			return refuse(http.StatusBadRequest, fmt.Sprintf("fields: found %.50q, expected some of %s", fields[i], strings.Join(known, ", ")))
		}
	}
	if len(fields) > maxFacets {
		return refuse(http.StatusBadRequest, fmt.Sprintf("fields: found %d, at most %d", len(fields), maxFacets))
	}
	ask.Size = a.Searchable(r.Context())
	facets, err := a.index.Facets(r.Context(), ask, fields, top)
	if err != nil {
		return err
	}
	out := Facets{Facets: []Facet{}, Size: ask.Size}
	for _, f := range facets {
		facet := Facet{Field: f.Field, Values: []FacetValue{}, More: f.Others > 0}
		for _, v := range f.Values {
			facet.Values = append(facet.Values, FacetValue{v.Value, v.Count})
		}
		out.Facets = append(out.Facets, facet)
	}
	return writeJSON(w, http.StatusOK, out)
}
