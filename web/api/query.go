package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/evident/filter"
	"example.com/evident/proof"
	"example.com/evident/state"
)

// query reads the query of r strictly: an option that is misspelt would be one
// that is silently not obeyed.
type query struct {
	values url.Values
	err    error
}

func queryOf(r *http.Request, known ...string) query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return query{err: refuse(http.StatusBadRequest, "query: "+err.Error())}
	}
	for name, all := range values {
		if !slices.Contains(known, name) {
			return query{err: refuse(http.StatusBadRequest, fmt.Sprintf("query: unknown option %.100q; expected %s", name, strings.Join(known, ", ")))}
		}
		if len(all) > 1 {
			return query{err: refuse(http.StatusBadRequest, fmt.Sprintf("query: %s is given %d times", name, len(all)))}
		}
	}
	return query{values: values}
}

// text returns an option, or absent if it is not there.
func (q *query) text(name, absent string) string {
	if v := q.values.Get(name); v != "" {
		return v
	}
	return absent
}

// number returns an option from 1 to most.
func (q *query) number(name string, absent, most int) int {
	v := q.values.Get(name)
	if v == "" {
		return absent
	}
	n, err := strconv.Atoi(v)
	if (err != nil || n < 1 || n > most) && q.err == nil {
		q.err = refuse(http.StatusBadRequest, fmt.Sprintf("%s: found %.20q, expected a number from 1 to %d", name, v, most))
	}
	return n
}

// oneOf returns an option that is one of few words.
func (q *query) oneOf(name, absent string, words ...string) string {
	v := q.text(name, absent)
	if !slices.Contains(words, v) && v != absent && q.err == nil {
		q.err = refuse(http.StatusBadRequest, fmt.Sprintf("%s: found %.20q, expected %s", name, v, strings.Join(words, ", ")))
	}
	return v
}

// filter returns the expression of the option filter of q, narrowed to what the
// caller of r may see. Every question about records goes through it: records
// that a caller may not see are not there for any of its answers.
func (a *API) filter(q *query, r *http.Request) proof.Expr {
	f, err := filter.Parse(q.values.Get("filter"))
	if err == nil {
		f, err = a.expand(r.Context(), f)
	}
	if err != nil {
		if q.err == nil {
			q.err = err
		}
		return proof.Expr{Op: "any"} // nothing
	}
	return visible(f.Expr(), callerOf(r.Context()).Scope)
}

// visible narrows an expression to the sources that a scope shows.
func visible(e proof.Expr, s state.Scope) proof.Expr {
	if s.Read {
		return e
	}
	own := proof.Expr{Op: "any"}
	for _, pattern := range s.Append {
		own.Args = append(own.Args, proof.Expr{Op: "is", Fields: []string{"source"}, Value: pattern})
	}
	evident := proof.Expr{Op: "is", Fields: []string{"source"}, Value: state.Source}
	return proof.Expr{Op: "all", Args: []proof.Expr{own, {Op: "not", Args: []proof.Expr{evident}}, e}}
}
