package api

import (
	"net/http"
	"strconv"

	"example.com/evident/index"
)

// eventsSearch serves GET /v1/events.
func (a *API) eventsSearch(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "filter", "limit", "cursor", "format")
	ask := index.Query{Expr: a.filter(&q, r), Limit: q.number("limit", 50, 1000), Cursor: q.text("cursor", "")}
	format := q.oneOf("format", "json", "json", "ndjson")
	if q.err != nil {
		return q.err
	}
	if ask.Cursor == "" {
		ask.Size = a.Searchable(r.Context())
	}
	page, err := a.index.Search(r.Context(), ask)
	if err != nil {
		return err
	}
	seqs := make([]uint64, len(page.Hits))
	for i, h := range page.Hits {
		seqs[i] = h.Seq
	}
	records, err := a.trail.Read(r.Context(), seqs)
	if err != nil {
		return err
	}
	if format == "ndjson" {
		var b []byte
		for i := range records {
			b = append(appendEvent(b, &records[i], true), '\n')
		}
		if page.Next != "" {
			w.Header().Set("Evident-Next", page.Next)
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, err = w.Write(b)
		return err
	}
	b := []byte(`{"events":[`)
	for i := range records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '\n')
		b = appendEvent(b, &records[i], false)
	}
	b = append(b, `],"next":`...)
	b = strconv.AppendQuote(b, page.Next) // base64
	b = append(b, `,"size":`...)
	b = strconv.AppendUint(b, page.Size, 10)
	return writeBytes(w, http.StatusOK, append(b, "}\n"...))
}
