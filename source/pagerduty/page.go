package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.com/evident/source"
)

// Limits of PagerDuty's answers.
const (
	perPage   = 100
	maxOffset = 9_900 // 10,000 are refused
	maxWindow = 24 * time.Hour
	minWindow = time.Second
)

// position is what a cursor says.
type position struct {
	Since time.Time `json:"since"` // everything before is read
	// Of a question that goes on: its end, how far it is answered, the newest
	// that was seen.
	Until  time.Time `json:"until,omitzero"`
	Offset int       `json:"offset,omitempty"`
	Token  string    `json:"token,omitempty"`
	Newest time.Time `json:"newest,omitzero"`
}

func (p position) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("bug: a cursor cannot be encoded: " + err.Error())
	}
	return string(b)
}

func from(t time.Time) string { return position{Since: t.UTC()}.String() }

// question is one of the three lists.
type question struct{ path, list, time string }

var questions = map[string]question{
	"":            {"/log_entries?include[]=incidents&", "log_entries", "created_at"},
	"log_entries": {"/log_entries?include[]=incidents&", "log_entries", "created_at"},
	"oncalls":     {"/oncalls?", "oncalls", "start"},
	"audit":       {"/audit/records?", "records", "execution_time"},
}

// page asks for a period of at most a day, page by page. PagerDuty answers the
// newest first, so the period has a fixed end.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	q, ok := questions[api.Settings["what"]]
	if !ok {
		return source.Page{}, fmt.Errorf("pagerduty: the setting what is %.40q; expected log_entries, oncalls or audit", api.Settings["what"])
	}
	var p position
	if err := json.Unmarshal([]byte(cursor), &p); err != nil {
		return source.Page{}, fmt.Errorf("pagerduty: cursor: %w", err)
	}
	now := api.Now().UTC().Truncate(time.Second)
	if p.Until.IsZero() {
		p.Until = now
		if now.Sub(p.Since) > maxWindow {
			p.Until = p.Since.Add(maxWindow)
		}
		if !p.Until.After(p.Since) {
			return source.Page{}, nil
		}
	}
	body, err := ask(ctx, api, q, p)
	if err != nil {
		return source.Page{}, err
	}
	if source.MemberText(body, "more") == "true" && p.Offset+perPage > maxOffset && p.Until.Sub(p.Since) <= minWindow {
		return source.Page{}, fmt.Errorf("pagerduty: more than %d entries in a second", maxOffset)
	}
	var out source.Page
	var b bytes.Buffer
	for v := range source.Elements(source.Member(body, q.list)) {
		at, ok := source.Time(source.MemberText(v, q.time))
		if q.list == "oncalls" && (!ok || at.Before(p.Since) || at.After(now)) {
			continue // it began earlier, or has not begun
		}
		if ok && at.After(p.Newest) {
			p.Newest = at
		}
		b.Write(v)
		b.WriteByte('\n')
	}
	out.Delivery = b.Bytes()
	out.Next, out.More = next(p, body, now)
	return out, nil
}

// next returns the cursor after a page, and whether there is a page there now.
func next(p position, body []byte, now time.Time) (string, bool) {
	token := source.MemberText(body, "next_cursor")
	switch {
	case token != "" && token != p.Token:
		p.Token = token
		return p.String(), true
	case source.MemberText(body, "more") == "true" && p.Offset+perPage <= maxOffset:
		p.Offset += perPage
		return p.String(), true
	case source.MemberText(body, "more") == "true" && p.Until.Sub(p.Since) > minWindow:
		return position{Since: p.Since, Until: p.Since.Add(p.Until.Sub(p.Since) / 2)}.String(), true // too many for one question
	case p.Until.Before(now.Add(-time.Minute)):
		return position{Since: p.Until}.String(), true
	}
	// With nothing new the cursor is the one before, and no record is made.
	if p.Newest.After(p.Since) && !p.Newest.After(p.Until) {
		p.Since = p.Newest
	}
	return position{Since: p.Since}.String(), false
}

func ask(ctx context.Context, api *source.API, q question, p position) ([]byte, error) {
	v := url.Values{"since": {p.Since.Format(time.RFC3339)}, "until": {p.Until.Format(time.RFC3339)}, "limit": {strconv.Itoa(perPage)}}
	if p.Token != "" {
		v.Set("cursor", p.Token)
	} else if q.list != "records" {
		v.Set("offset", strconv.Itoa(p.Offset))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+q.path+v.Encode(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/vnd.pagerduty+json;version=2")
	resp, err := api.Do(r)
	if err != nil {
		return nil, err
	}
	if err := source.Valid(resp.Body); err != nil {
		return nil, fmt.Errorf("pagerduty: the answer is not JSON: %w", err)
	}
	return resp.Body, nil
}
