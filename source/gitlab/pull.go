package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/evident/source"
)

// window is how much GitLab gives at once; it refuses more than 30 days.
const window = 29 * 24 * time.Hour

// cursor is where reading is. Behind Since everything was delivered. It does not
// change while nothing happens.
type cursor struct {
	Since time.Time `json:"since"`
	Last  int64     `json:"last,omitempty"` // the highest id that was delivered
	// While the pages of a window are read, newest first:
	Until  time.Time `json:"until,omitzero"`  // where the window ends
	Next   string    `json:"next,omitempty"`  // query of the next page
	Newest time.Time `json:"newest,omitzero"` // of what was read of it
	Seen   int64     `json:"seen,omitempty"`  // the highest id of that
}

func from(t time.Time) string { return (&cursor{Since: t.UTC().Truncate(time.Second)}).text() }

func (c *cursor) text() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return string(b)
}

// collection is the path of the audit events that the settings name.
func collection(settings map[string]string) (string, error) {
	switch {
	case settings["group"] != "":
		return "/api/v4/groups/" + url.PathEscape(settings["group"]) + "/audit_events", nil
	case settings["project"] != "":
		return "/api/v4/projects/" + url.PathEscape(settings["project"]) + "/audit_events", nil
	case settings["instance"] == "true":
		return "/api/v4/audit_events", nil
	}
	return "", errors.New("settings: none of group, project and instance says what to read")
}

// page fetches the page at a cursor.
func page(ctx context.Context, api *source.API, text string) (source.Page, error) {
	var c cursor
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return source.Page{}, fmt.Errorf("read cursor: %w", err)
	}
	path, err := collection(api.Settings)
	if err != nil {
		return source.Page{}, err
	}
	now := api.Now().UTC().Truncate(time.Second)
	if c.Next == "" {
		c.Until = c.Since.Add(window)
		if c.Until.After(now) {
			c.Until = now.Add(time.Second)
		}
	}
	answer, err := get(ctx, api, path, &c)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch audit events: %w", err)
	}
	p := source.Page{}
	for v := range source.Elements(answer.Body) {
		id, _ := strconv.ParseInt(source.MemberText(v, "id"), 10, 64)
		if id == 0 || id > c.Last {
			p.Delivery = answer.Body
		}
		c.Seen = max(c.Seen, id)
		if at, ok := source.Time(source.MemberText(v, "created_at")); ok && at.After(c.Newest) {
			c.Newest = at.Truncate(time.Second)
		}
	}
	if c.Next, err = next(answer, path); err != nil {
		return source.Page{}, fmt.Errorf("fetch audit events: %w", err)
	}
	if c.Next != "" {
		p.More = true
	} else {
		p.More = c.Until.Before(now)
		c = cursor{Since: c.end(now), Last: max(c.Last, c.Seen)}
	}
	p.Next = c.text()
	return p, nil
}

// end is where the next window begins: at the end of this one, but if that is now,
// at its newest event.
func (c *cursor) end(now time.Time) time.Time {
	switch {
	case c.Until.Before(now):
		return c.Until
	case c.Newest.After(c.Since):
		return c.Newest
	}
	return c.Since
}

func get(ctx context.Context, api *source.API, path string, c *cursor) (*source.Response, error) {
	query := c.Next
	if query == "" {
		query = url.Values{
			"created_after": {c.Since.Format(time.RFC3339)}, "created_before": {c.Until.Format(time.RFC3339)},
			"pagination": {"keyset"}, "order_by": {"id"}, "sort": {"desc"}, "per_page": {"100"},
		}.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+path+"?"+query, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	answer, err := api.Do(r)
	if err != nil {
		return nil, err
	}
	if err := source.Valid(answer.Body); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return answer, nil
}

// next returns the query of the link to the next page. Nothing else of it is used:
// the address is that of the connector, whatever the answer says.
func next(answer *source.Response, path string) (string, error) {
	for _, header := range answer.Header.Values("Link") {
		for _, link := range strings.Split(header, ",") {
			target, parameters, ok := strings.Cut(link, ">")
			if !ok || !strings.Contains(parameters, `rel="next"`) {
				continue
			}
			u, err := url.Parse(strings.TrimLeft(target, " <"))
			if err != nil || u.RawQuery == "" || !strings.HasSuffix(u.Path, path[strings.LastIndexByte(path, '/'):]) {
				return "", errors.New("the link to the next page is not one of audit events")
			}
			return u.RawQuery, nil
		}
	}
	return "", nil
}
