package entraaudit

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"example.com/evident/source"
)

// page fetches a page of a window from Microsoft Graph. Base is
// https://graph.microsoft.com.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	w, err := source.ParseWindow(cursor, api.Now())
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch audit records: %w", err)
	}
	const path = "/v1.0/auditLogs/directoryAudits"
	query := w.Next
	if query == "" {
		query = url.Values{
			"$top": {"999"},
			"$filter": {"activityDateTime ge " + w.Since.Format(time.RFC3339Nano) +
				" and activityDateTime le " + w.Until.Format(time.RFC3339Nano)},
		}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+path+"?"+query, nil)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch audit records: %w", err)
	}
	answer, err := api.Do(request)
	if w.Stale(err) {
		w.Next = ""
		return page(ctx, api, w.String())
	}
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch audit records: %w", err)
	}
	if err := source.Valid(answer.Body); err != nil {
		return source.Page{}, fmt.Errorf("fetch audit records: read answer: %w", err)
	}
	next, err := source.LinkQuery(source.MemberText(answer.Body, "@odata.nextLink"), path)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch audit records: %w", err)
	}
	for range source.Elements(source.Member(answer.Body, "value")) {
		return w.Page(answer.Body, next), nil
	}
	return w.Page(nil, next), nil
}
