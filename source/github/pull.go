package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/evident/source"
)

// cursor says where each stream is. It does not change while nothing happens.
type cursor struct {
	Since time.Time           `json:"since"` // where streams without a position begin
	Turn  int                 `json:"turn"`  // the stream whose turn it is
	At    map[string]position `json:"at,omitempty"`
}

// position is where one stream is; what is empty begins anew.
type position struct {
	Newest int64  `json:"newest,omitempty"` // ms since 1970: what is not newer was delivered
	Seen   int64  `json:"seen,omitempty"`   // the newest on pages whose round has not ended
	After  string `json:"after,omitempty"`  // audit log: the next page
	Base   string `json:"base,omitempty"`   // commits: all that the branch held at this one were delivered
	Head   string `json:"head,omitempty"`   // commits: being delivered, from Base to here
	Branch string `json:"branch,omitempty"` // commits: of Head
	Page   int    `json:"page,omitempty"`   // the next page; of commits, between Base and Head
}

// stream is one of the things that are read in turn.
type stream struct {
	name string
	page func(c *client, at position) (objects []byte, next position, more bool, err error)
}

// client asks the API on behalf of one page.
type client struct {
	ctx   context.Context
	api   *source.API
	since time.Time
}

func from(t time.Time) string { return (&cursor{Since: t.UTC().Truncate(time.Second)}).text() }

func (c *cursor) text() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return string(b)
}

// page fetches from the stream whose turn it is, and from those after it as long
// as they have nothing new. A round ends when all had their turn.
func page(ctx context.Context, api *source.API, text string) (source.Page, error) {
	var c cursor
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return source.Page{}, fmt.Errorf("read cursor: %w", err)
	}
	all, err := streams(api.Settings)
	if err != nil {
		return source.Page{}, err
	}
	if c.Turn < 0 || c.Turn >= len(all) {
		c.Turn = 0
	}
	if c.At == nil {
		c.At = map[string]position{}
	}
	asks := &client{ctx, api, c.Since}
	for c.Turn < len(all) {
		s := all[c.Turn]
		objects, next, more, err := s.page(asks, c.At[s.name])
		if err != nil {
			return source.Page{}, fmt.Errorf("fetch %s: %w", s.name, err)
		}
		c.At[s.name] = next
		if next == (position{}) {
			delete(c.At, s.name)
		}
		if !more {
			c.Turn++
		}
		if len(objects) > 0 || more {
			last := c.Turn == len(all)
			if last {
				c.Turn = 0
			}
			return source.Page{Delivery: objects, Next: c.text(), More: !last}, nil
		}
	}
	c.Turn = 0
	return source.Page{Next: c.text()}, nil
}

// streams are the audit logs, and commits and deployments of each repository.
func streams(settings map[string]string) (all []stream, err error) {
	org := settings["org"]
	logs := [][2]string{{"/enterprises/", settings["enterprise"]}}
	if settings["audit"] != "off" {
		logs = append(logs, [2]string{"/orgs/", org})
	}
	for _, l := range logs {
		if l[1] != "" {
			path := l[0] + url.PathEscape(l[1]) + "/audit-log"
			all = append(all, stream{"audit log " + l[1], func(c *client, at position) ([]byte, position, bool, error) { return c.audit(path, at) }})
		}
	}
	seen := map[string]bool{}
	for _, repo := range strings.FieldsFunc(settings["repos"], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		if !strings.Contains(repo, "/") {
			repo = org + "/" + repo
		}
		owner, name, _ := strings.Cut(repo, "/")
		if owner == "" || name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("settings: repos has %q; want owner/name, or name and the setting org", repo)
		}
		if seen[repo] {
			continue
		}
		seen[repo] = true
		path := "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name)
		r := repository{name: repo, path: path}
		all = append(all, stream{"commits " + repo, r.commits}, stream{"deployments " + repo, r.deployments})
	}
	if len(all) == 0 {
		return nil, errors.New("settings: none of org, enterprise and repos says what to read")
	}
	return all, nil
}

// get asks for a path with a query; the answer's body is JSON.
func (c *client) get(path string, query url.Values) (*source.Response, error) {
	address := c.api.Base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(c.ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	answer, err := c.api.Do(r)
	if err != nil {
		return nil, err
	}
	if err := source.Valid(answer.Body); err != nil {
		return nil, fmt.Errorf("%s: not JSON: %w", path, err)
	}
	return answer, nil
}

// absent reports whether err says that there is no such thing: 404, or 409 and
// 422 of repositories that are empty.
func absent(err error) bool {
	var status *source.StatusError
	if !errors.As(err, &status) || status.Response == nil {
		return false
	}
	switch status.Response.Status {
	case http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// maxListPages bounds lists of reviews, commits and checks of a pull request.
const maxListPages = 20

// list returns the elements of all pages of a list; those of the member named
// inside, if it is not empty.
func (c *client) list(path, inside string, query url.Values) (elements [][]byte, err error) {
	query.Set("per_page", "100")
	for n := 1; ; n++ {
		query.Set("page", fmt.Sprint(n))
		answer, err := c.get(path, query)
		if err != nil {
			return nil, err
		}
		body := answer.Body
		if inside != "" {
			body = source.Member(body, inside)
		}
		for v := range source.Elements(body) {
			elements = append(elements, v)
		}
		if next(answer, "page") == "" {
			return elements, nil
		}
		if n == maxListPages {
			return nil, fmt.Errorf("%s: more than %d pages", path, maxListPages)
		}
	}
}

// next returns a parameter of the link to the next page, or "". Nothing else of
// the link is used.
func next(answer *source.Response, parameter string) string {
	for _, header := range answer.Header.Values("Link") {
		for _, link := range strings.Split(header, ",") {
			target, rest, ok := strings.Cut(link, ">")
			if !ok || !strings.Contains(rest, `rel="next"`) {
				continue
			}
			if u, err := url.Parse(strings.TrimLeft(target, " <")); err == nil {
				return u.Query().Get(parameter)
			}
		}
	}
	return ""
}

// audit fetches a page of the audit log, oldest first. Behind the last page it
// begins again at the newest entry, and delivers nothing until there is another.
func (c *client) audit(path string, at position) ([]byte, position, bool, error) {
	begin := c.since
	if at.Newest > 0 {
		begin = time.UnixMilli(at.Newest).UTC()
	}
	query := url.Values{"include": {first(c.api.Settings["include"], "all")}, "order": {"asc"}, "per_page": {"100"},
		"phrase": {"created:>=" + begin.Format("2006-01-02T15:04:05Z")}}
	if at.After != "" {
		query.Set("after", at.After)
	}
	answer, err := c.get(path, query)
	if err != nil {
		return nil, at, false, err
	}
	newest, fresh := max(at.Newest, at.Seen), false
	for v := range source.Elements(answer.Body) {
		var n entry
		n.read(v)
		t, ok := n.time()
		fresh = fresh || !ok || t.UnixMilli() > at.Newest
		if ok && t.UnixMilli() > newest {
			newest = t.UnixMilli()
		}
	}
	after := next(answer, "after")
	to := position{Newest: at.Newest, Seen: newest, After: after}
	if after == "" { // the pages of this search are read; the next one begins where they end
		to = position{Newest: newest}
	}
	if !fresh {
		answer.Body = nil
	}
	return answer.Body, to, after != "", nil
}

// array joins objects to a delivery.
func array(objects [][]byte) []byte {
	if len(objects) == 0 {
		return nil
	}
	return append(append([]byte{'['}, bytes.Join(objects, []byte{',', '\n'})...), ']')
}
