package googleworkspace

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/evident/source"
)

// applications is whose events are fetched, unless the setting "applications" of
// the connector lists others.
const applications = "login,admin,saml,token,user_accounts,groups,groups_enterprise,drive"

// page fetches a page of a window from the Reports API, one application after the
// other. Base is https://admin.googleapis.com.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	w, err := source.ParseWindow(cursor, api.Now())
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch activities: %w", err)
	}
	list := api.Settings["applications"]
	if list == "" {
		list = applications
	}
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	if len(names) == 0 {
		return source.Page{}, fmt.Errorf("fetch activities: the setting applications is %.40q; want names with commas between them", list)
	}
	// The cursor within a window is an application and a page of it. If somebody
	// took that application out of the list meanwhile, the window begins again.
	application, token, _ := strings.Cut(w.Next, " ")
	at := slices.Index(names, application)
	if at < 0 {
		at, token = 0, ""
	}
	query := url.Values{
		"startTime":  {w.Since.Format(time.RFC3339Nano)},
		"endTime":    {w.Until.Format(time.RFC3339Nano)},
		"maxResults": {"1000"},
	}
	if token != "" {
		query.Set("pageToken", token)
	}
	path := "/admin/reports/v1/activity/users/all/applications/" + url.PathEscape(names[at])
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+path+"?"+query.Encode(), nil)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch activities of %s: %w", names[at], err)
	}
	answer, err := api.Do(request)
	if token != "" && w.Stale(err) {
		w.Next = names[at]
		return page(ctx, api, w.String())
	}
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch activities of %s: %w", names[at], err)
	}
	if err := source.Valid(answer.Body); err != nil {
		return source.Page{}, fmt.Errorf("fetch activities of %s: read answer: %w", names[at], err)
	}
	next := ""
	if token = source.MemberText(answer.Body, "nextPageToken"); token != "" {
		next = names[at] + " " + token
	} else if at+1 < len(names) {
		next = names[at+1]
	}
	for range source.Elements(source.Member(answer.Body, "items")) {
		return w.Page(answer.Body, next), nil
	}
	return w.Page(nil, next), nil
}
