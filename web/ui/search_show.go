package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"example.com/evident/filter"
)

// pageLimit is how many events a page of results holds.
const pageLimit = 50

// facetKeys are the keys whose values stand beside the results, in order. Each
// is one that index.FacetFields knows.
var facetKeys = []string{"source", "category", "outcome", "action", "actor.name", "actor.id", "ip", "target.type"}

const facetValues = 8

// relaxDeadline bounds the counts that an empty result is explained with.
const relaxDeadline = 2 * time.Second

// SearchPage is the page of search, without its parts.
type SearchPage struct {
	Frame
	Text   string // the filter as typed
	Refuse *Refusal
}

// Refusal is a filter that cannot be read: its text before the place where
// reading ended, the character there, and what follows.
type Refusal struct{ Before, At, After, Says string }

// ResultsPart is the table of hits.
type ResultsPart struct {
	Text   string
	Rows   []Row
	Older  string // address of the next page
	Newest string // address of the first page, on all others
	JSON   string
	Pack   string
	Empty  *EmptyPart
}

// EmptyPart explains why there are no hits.
type EmptyPart struct {
	Trail bool // the trail itself is empty
	Size  uint64
	Relax []Relax
	Base  string // address of this server, for an example
}

// Relax is what a filter would find without one of its clauses.
type Relax struct {
	Clause  string
	URL     string
	Records uint64
}

// OverviewPart is the number of hits and when they happened.
type OverviewPart struct {
	Text          string
	Chart         Chart
	After, Before string
	Clear         string // address without a range
	Error         string
}

// FacetsPart is the values that hits have.
type FacetsPart struct {
	Facets []FacetView
	Error  string
}

// FacetView is one facet with addresses that narrow the search.
type FacetView struct {
	Key    string
	Values []FacetValueView
	More   bool
}

// FacetValueView is one value of a facet.
type FacetValueView struct {
	Value    string
	Records  uint64
	Share    string // of the most frequent value, in percent of the bar
	Active   bool   // the filter asks for it: the address takes that back
	URL      string
	Excluded string // address that leaves it out
	Outcome  bool   // shown with its mark
}

// searchShow answers with the results first: they are quick at any size. What
// counts the whole trail follows in the same answer as it gets ready, into
// places that the stylesheet has kept free.
func (u *ui) searchShow(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.FormValue("q"))
	if set := r.URL.Query(); set.Has("after") || set.Has("before") {
		text, err := withRange(text, strings.TrimSpace(set.Get("after")), strings.TrimSpace(set.Get("before")))
		if err != nil {
			u.refuse(w, r, text, err)
			return
		}
		http.Redirect(w, r, searchURL(text, ""), http.StatusSeeOther)
		return
	}
	f, err := filter.Parse(text)
	if err != nil {
		u.refuse(w, r, text, err)
		return
	}
	p := SearchPage{Frame: u.frame(r, "search", "Search"), Text: text}
	if text != "" {
		p.Title = plainText(text)
	}
	results, err := u.results(r, f, text)
	if err != nil {
		u.fail(w, r, err)
		return
	}
	// Counting begins when the results are there: on few processors it would
	// hold them up.
	ctx, cancel := context.WithCancel(r.Context())
	overview, facets := u.countParts(ctx, f, text)
	defer func() { cancel(); overview(); facets() }() // nothing goes on after the answer
	results.Pack = "/packs/new?" + strings.TrimPrefix(searchURL(text, ""), "/?")
	u.stream(w, r, []section{
		{"search_top", func() any { return p }},
		{"search_results", func() any { return results }},
		{"search_overview", func() any { return overview() }},
		{"search_facets", func() any { return facets() }},
		{"search_bottom", func() any { return p }},
	})
}

// refuse shows the filter with the place where reading it ended.
func (u *ui) refuse(w http.ResponseWriter, r *http.Request, text string, err error) {
	var syntax *filter.SyntaxError
	if !errors.As(err, &syntax) {
		u.fail(w, r, err)
		return
	}
	p := SearchPage{Frame: u.frame(r, "search", "Not a filter"), Text: text, Refuse: newRefusal(syntax)}
	u.render(w, r, http.StatusBadRequest, "search_refused", p)
}

func newRefusal(e *filter.SyntaxError) *Refusal {
	at := min(max(e.Offset, 0), len(e.Text))
	one, _ := clip(e.Text[at:], 1)
	return &Refusal{Before: e.Text[:at], At: one, After: e.Text[at+len(one):], Says: e.Msg}
}

// results searches and explains where nothing was found.
func (u *ui) results(r *http.Request, f filter.Filter, text string) (ResultsPart, error) {
	cursor := r.FormValue("cursor")
	hits, err := u.data.Search(r.Context(), Query{Filter: f, Cursor: cursor, Limit: pageLimit})
	if err != nil {
		return ResultsPart{}, err
	}
	p := ResultsPart{Text: text, JSON: "/v1/events"}
	if text != "" {
		p.JSON += "?filter=" + url.QueryEscape(text)
	}
	if p.Rows, err = newRows(hits.Records); err != nil {
		return ResultsPart{}, err
	}
	if hits.Next != "" {
		p.Older = searchURL(text, hits.Next)
	}
	if cursor != "" {
		p.Newest = searchURL(text, "")
	}
	if len(p.Rows) == 0 && cursor == "" {
		head, err := u.data.Head(r.Context())
		if err != nil {
			return ResultsPart{}, err
		}
		p.Empty = &EmptyPart{Trail: head.Size == 0, Size: head.Size, Base: baseURL(r)}
		p.Empty.Relax = u.relax(r.Context(), f)
	}
	return p, nil
}

// relax counts what the filter would find without each of its clauses.
func (u *ui) relax(ctx context.Context, f filter.Filter) []Relax {
	list := conjuncts(f)
	if len(list) < 2 || len(list) > 8 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, relaxDeadline)
	defer cancel()
	var found []Relax
	for i := range list {
		rest := without(f, i)
		wider, err := filter.Parse(rest)
		if err != nil {
			continue
		}
		// A count that fails or is late explains less, and hides nothing.
		if n, err := u.data.Count(ctx, wider); err == nil && n > 0 {
			found = append(found, Relax{Clause: filter.Text(list[i]), URL: searchURL(rest, ""), Records: n})
		}
	}
	return found
}

// countParts begins to count and returns functions that wait for the results.
func (u *ui) countParts(ctx context.Context, f filter.Filter, text string) (func() OverviewPart, func() FacetsPart) {
	var overview OverviewPart
	var facets FacetsPart
	var first, second sync.WaitGroup
	first.Go(func() { overview = u.overview(ctx, f, text) })
	second.Go(func() { facets = u.facets(ctx, f, text) })
	return func() OverviewPart { first.Wait(); return overview },
		func() FacetsPart { second.Wait(); return facets }
}

func (u *ui) overview(ctx context.Context, f filter.Filter, text string) OverviewPart {
	p := OverviewPart{Text: text}
	if open, err := withRange(text, "", ""); err == nil {
		p.Clear = searchURL(open, "")
	}
	p.After, p.Before = rangeOf(f)
	h, err := u.data.Histogram(ctx, f)
	if err != nil {
		p.Error = u.partError(ctx, "histogram", err)
		return p
	}
	p.Chart = newChart(h, f)
	p.Chart.Selected = p.After != "" || p.Before != ""
	return p
}

func (u *ui) facets(ctx context.Context, f filter.Filter, text string) FacetsPart {
	list, err := u.data.Facets(ctx, f, facetKeys, facetValues)
	if err != nil {
		return FacetsPart{Error: u.partError(ctx, "facets", err)}
	}
	var p FacetsPart
	for _, facet := range list {
		if len(facet.Values) > 0 {
			p.Facets = append(p.Facets, newFacetView(facet, f, text))
		}
	}
	return p
}

func newFacetView(facet Facet, f filter.Filter, text string) FacetView {
	v := FacetView{Key: facet.Key, More: facet.More}
	for _, value := range facet.Values {
		row := FacetValueView{Value: value.Value, Records: value.Records, Outcome: facet.Key == "outcome"}
		row.Share = percent(100 * float64(value.Records) / float64(max(1, facet.Values[0].Records)))
		if len(value.Value) > maxLinked {
			v.Values = append(v.Values, row) // counted, but too long to be asked for
			continue
		}
		row.Active = asks(f, facet.Key, value.Value)
		row.URL = searchURL(narrowed(text, facet.Key, value.Value), "")
		if row.Active {
			row.URL = searchURL(widened(text, facet.Key, value.Value), "")
		}
		row.Excluded = searchURL(excluded(text, facet.Key, value.Value), "")
		v.Values = append(v.Values, row)
	}
	return v
}

// partError says in the part's own place why it is missing: the rest of the
// page is already on its way.
func (u *ui) partError(ctx context.Context, part string, err error) string {
	var refused *Refused
	if errors.As(err, &refused) {
		return "not counted: " + refused.What
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "not counted: it took too long. Narrow the range of time."
	}
	if !errors.Is(err, context.Canceled) {
		u.log.ErrorContext(ctx, "part of page failed", "part", part, "error", err)
	}
	return "not counted: something broke. The reason is in the server's log."
}
