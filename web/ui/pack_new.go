package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/evident/filter"
)

// PackPage is the form for an evidence pack.
type PackPage struct {
	Frame
	Form    PackForm
	Error   string // what is wrong with the form
	Field   string // name of the input that it is about
	Matches string // how many records would be in it, "" if that is not known
	Search  string // address of what would be in it
}

// PackForm is the form as it was filled in.
type PackForm struct {
	From, Until string
	By          string
	Filter      string
	Withhold    []string
	Other       string // pointers that have no box
	Prove       bool
	AllHeaders  bool
}

// Withholdable is a field that the form offers to withhold.
type Withholdable struct{ Pointer, Says string }

// Withholdables are the fields in which personal data usually stands.
func (PackPage) Withholdables() []Withholdable {
	return []Withholdable{
		{"/actor/email", "mail address of the actor"},
		{"/actor/name", "name of the actor"},
		{"/where/ip", "address"},
		{"/where/user_agent", "program"},
		{"/raw", "the bytes of the source, which may repeat any of these"},
	}
}

// Withheld reports whether a box is ticked.
func (p PackPage) Withheld(pointer string) bool { return slices.Contains(p.Form.Withhold, pointer) }

func (u *ui) packNew(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.FormValue("q"))
	p := PackPage{Form: PackForm{By: "occurred_at"}}
	f, err := filter.Parse(text)
	if err != nil {
		p.Form.Filter = text
		u.packAgain(w, r, p, "filter", err)
		return
	}
	// The window of a pack is stated apart from its filter: it is what the
	// verifier proves complete.
	p.Form.From, p.Form.Until = rangeOf(f)
	if p.Form.Filter, err = withRange(text, "", ""); err != nil {
		u.fail(w, r, err)
		return
	}
	if p.Form.From == "" || p.Form.Until == "" {
		from, until := lastMonths(u.now(), 12)
		if p.Form.From == "" {
			p.Form.From = bound(from)
		}
		if p.Form.Until == "" {
			p.Form.Until = bound(until)
		}
	}
	if inWindow, err := withRange(p.Form.Filter, p.Form.From, p.Form.Until); err == nil {
		if f, err := filter.Parse(inWindow); err == nil {
			p.Search = searchURL(inWindow, "")
			// A form without this number is still the form.
			if n, err := u.data.Count(r.Context(), f); err == nil {
				p.Matches = plural(n, "matching record")
			}
		}
	}
	p.Frame = u.frame(r, "pack", "New evidence pack")
	u.render(w, r, http.StatusOK, "pack", p)
}

// lastMonths is the period of n whole months that ends with the month that now
// lies in.
func lastMonths(now time.Time, n int) (from, until time.Time) {
	y, m, _ := now.UTC().Date()
	until = time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC)
	return until.AddDate(0, -n, 0), until
}

// packAgain shows the form with what is wrong with it.
func (u *ui) packAgain(w http.ResponseWriter, r *http.Request, p PackPage, field string, err error) {
	p.Frame = u.frame(r, "pack", "New evidence pack")
	p.Here = "/packs/new"
	p.Field, p.Error = field, err.Error()
	u.render(w, r, http.StatusBadRequest, "pack", p)
}
