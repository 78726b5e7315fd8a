package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/evident/source"
)

// logs is the path of the System Log, and pageSize what Okta gives at most.
const (
	logs     = "/api/v1/logs"
	pageSize = "1000"
)

// from returns a cursor: the query of a request. Without "until" it is a polling
// request, which Okta answers in the order in which it stored the events: what
// comes late is on a later page.
func from(t time.Time) string {
	return url.Values{
		"since":     {t.UTC().Format("2006-01-02T15:04:05.000Z")},
		"limit":     {pageSize},
		"sortOrder": {"ASCENDING"},
	}.Encode()
}

// page fetches the page at a cursor. The next link of an empty page is where
// polling goes on.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+logs+"?"+cursor, nil)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch logs: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	answer, err := api.Do(request)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch logs: %w", err)
	}
	p := source.Page{Next: cursor}
	for range source.Elements(answer.Body) {
		p.Delivery, p.More = answer.Body, true
		break
	}
	next, err := nextQuery(answer.Header.Values("Link"))
	switch {
	case err != nil:
		return source.Page{}, fmt.Errorf("fetch logs: %w", err)
	case next == "":
		p.More = false // the same page again, later: nothing says where to go on
	default:
		p.Next = next
	}
	return p, nil
}

// nextQuery returns the query of the link to the next page. Nothing else of it is
// used: the address is that of the connector, whatever the answer says.
func nextQuery(links []string) (string, error) {
	for _, header := range links {
		for _, link := range strings.Split(header, ",") {
			target, parameters, ok := strings.Cut(link, ">")
			if !ok || !strings.Contains(parameters, `rel="next"`) {
				continue
			}
			u, err := url.Parse(strings.TrimLeft(target, " <"))
			if err != nil || u.RawQuery == "" || !strings.HasSuffix(u.Path, logs) {
				return "", errors.New("the link to the next page is not one of " + logs)
			}
			return u.RawQuery, nil
		}
	}
	return "", nil
}
