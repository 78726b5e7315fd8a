package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.com/evident/source"
)

// maxLogPages bounds the pages of one issue's changelog.
const maxLogPages = 1000

// splitIssues cuts pages of the API, and webhooks.
var splitIssues = source.JSON("issues")

// split cuts issues of the API into their creation and the entries of their
// changelog, and leaves everything else as it is.
func split(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for raw, err := range splitIssues(r) {
			if err != nil {
				yield(nil, err)
				return
			}
			if source.Valid(raw) != nil || source.Member(raw, "key") == nil || source.Member(raw, "fields") == nil {
				if !yield(raw, nil) {
					return
				}
				continue
			}
			for part := range parts(raw, source.Member(raw, "changelog", "histories"), time.Time{}) {
				if !yield(part, nil) {
					return
				}
			}
		}
	}
}

// parts yields the creation of an issue and the entries of its changelog that
// are not older than since.
func parts(issue, histories []byte, since time.Time) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if c := creation(issue, since); c != nil && !yield(c) {
			return
		}
		entries(issue, histories, since)(yield)
	}
}

// head begins a part. It holds what does not change: the same part of the same
// issue is the same bytes the next time.
func head(issue []byte) []byte {
	id := source.Member(issue, "id")
	if id == nil {
		id = []byte("null")
	}
	return fmt.Appendf(nil, `{"issue":{"id":%s,"key":%s`, id, source.Member(issue, "key"))
}

// creation is nil if the issue is older than since, or does not say how old.
func creation(issue []byte, since time.Time) []byte {
	created, creator := source.Member(issue, "fields", "created"), source.Member(issue, "fields", "creator")
	at, ok := parseTime(source.Text(created))
	if created == nil || ok && at.Before(since) {
		return nil
	}
	if creator == nil {
		creator = []byte("null")
	}
	return fmt.Appendf(head(issue), `,"created":%s,"creator":%s}}`, created, creator)
}

func entries(issue, histories []byte, since time.Time) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for h := range source.Elements(histories) {
			if at, ok := parseTime(source.MemberText(h, "created")); ok && at.Before(since) {
				continue
			}
			if !yield(fmt.Appendf(head(issue), `},"history":%s}`, h)) {
				return
			}
		}
	}
}

// position is what a cursor says.
type position struct {
	Since time.Time `json:"since"` // everything that was updated before is read
	// Of a search that goes on: how far back it looks, its next page, and the
	// newest update that was seen.
	Minutes int       `json:"minutes,omitempty"`
	Token   string    `json:"token,omitempty"`
	Newest  time.Time `json:"newest,omitzero"`
}

func (p position) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("bug: a cursor cannot be encoded: " + err.Error())
	}
	return string(b)
}

func from(t time.Time) string { return position{Since: t.UTC()}.String() }

// page searches for issues by their last update, oldest first. JQL knows times
// in the zone of whoever asks; how many minutes ago means the same to everybody.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	var p position
	if err := json.Unmarshal([]byte(cursor), &p); err != nil {
		return source.Page{}, fmt.Errorf("jira: cursor: %w", err)
	}
	if p.Token == "" {
		p.Minutes, p.Newest = int(max(api.Now().Sub(p.Since), 0)/time.Minute)+2, time.Time{}
	}
	query := fmt.Sprintf(`updated >= "-%dm" ORDER BY updated ASC`, p.Minutes)
	if filter := api.Settings["jql"]; filter != "" {
		query = "(" + filter + ") AND " + query
	}
	values := url.Values{"jql": {query}, "maxResults": {"100"}, "fields": {"created,creator,updated"}, "expand": {"changelog"}}
	if p.Token != "" {
		values.Set("nextPageToken", p.Token)
	}
	body, err := get(ctx, api, "/rest/api/3/search/jql?"+values.Encode())
	if err != nil {
		return source.Page{}, err
	}
	var delivery bytes.Buffer
	for issue := range source.Elements(source.Member(body, "issues")) {
		if at, ok := parseTime(source.MemberText(issue, "fields", "updated")); ok && at.After(p.Newest) {
			p.Newest = at
		}
		if err := history(ctx, api, &delivery, issue, p.Since.Add(-time.Minute)); err != nil {
			return source.Page{}, err
		}
	}
	out := source.Page{Delivery: delivery.Bytes()}
	token := source.MemberText(body, "nextPageToken")
	if token != "" && source.MemberText(body, "isLast") != "true" {
		p.Token, out.More = token, true
	} else {
		p = position{Since: later(p.Since, p.Newest)}
	}
	out.Next = p.String()
	return out, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b.UTC()
	}
	return a.UTC()
}

// history writes what happened to an issue since then, one part a line. A search
// gives only the newest entries of a long changelog.
func history(ctx context.Context, api *source.API, w *bytes.Buffer, issue []byte, since time.Time) error {
	newest := source.Member(issue, "changelog", "histories")
	for part := range parts(issue, newest, since) {
		w.Write(part)
		w.WriteByte('\n')
	}
	n := 0
	for range source.Elements(newest) {
		n++
	}
	total, _ := strconv.Atoi(source.MemberText(issue, "changelog", "total"))
	if n >= total {
		return nil
	}
	for start, pages := 0, 0; pages < maxLogPages; pages++ {
		body, err := get(ctx, api, fmt.Sprintf("/rest/api/3/issue/%s/changelog?startAt=%d&maxResults=100", url.PathEscape(source.MemberText(issue, "id")), start))
		if err != nil {
			return err
		}
		values := source.Member(body, "values")
		for part := range entries(issue, values, since) {
			w.Write(part)
			w.WriteByte('\n')
		}
		got := 0
		for range source.Elements(values) {
			got++
		}
		if start += got; got == 0 || source.MemberText(body, "isLast") == "true" {
			return nil
		}
	}
	return fmt.Errorf("jira: the changelog of %s has more than %d pages", source.MemberText(issue, "key"), maxLogPages)
}

// get asks for an object.
func get(ctx context.Context, api *source.API, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	resp, err := api.Do(r)
	if err != nil {
		return nil, err
	}
	if err := source.Valid(resp.Body); err != nil {
		return nil, fmt.Errorf("jira: the answer is not JSON: %w", err)
	}
	return resp.Body, nil
}
