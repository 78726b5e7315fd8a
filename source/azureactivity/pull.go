package azureactivity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"example.com/evident/source"
)

// page fetches a page of a window of the log of one subscription, whose id is the
// setting "subscription". Base is https://management.azure.com.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	subscription := api.Settings["subscription"]
	if subscription == "" {
		return source.Page{}, errors.New("fetch activities: the setting subscription is missing")
	}
	w, err := source.ParseWindow(cursor, api.Now())
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch activities: %w", err)
	}
	path := "/subscriptions/" + url.PathEscape(subscription) + "/providers/Microsoft.Insights/eventtypes/management/values"
	query := w.Next
	if query == "" {
		query = url.Values{
			"api-version": {"2015-04-01"},
			"$filter": {"eventTimestamp ge '" + w.Since.Format(time.RFC3339Nano) +
				"' and eventTimestamp le '" + w.Until.Format(time.RFC3339Nano) + "'"},
		}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+path+"?"+query, nil)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch activities: %w", err)
	}
	answer, err := api.Do(request)
	if w.Stale(err) {
		w.Next = ""
		return page(ctx, api, w.String())
	}
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch activities: %w", err)
	}
	if err := source.Valid(answer.Body); err != nil {
		return source.Page{}, fmt.Errorf("fetch activities: read answer: %w", err)
	}
	next, err := source.LinkQuery(source.MemberText(answer.Body, "nextLink"), "/eventtypes/management/values")
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch activities: %w", err)
	}
	for range source.Elements(source.Member(answer.Body, "value")) {
		return w.Page(answer.Body, next), nil
	}
	return w.Page(nil, next), nil
}
