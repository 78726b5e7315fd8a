package entrasignin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"example.com/evident/source"
)

// everyType asks Graph's beta for sign-ins of every category.
const everyType = " and (signInEventTypes/any(t: t eq 'interactiveUser') or signInEventTypes/any(t: t eq 'nonInteractiveUser')" +
	" or signInEventTypes/any(t: t eq 'servicePrincipal') or signInEventTypes/any(t: t eq 'managedIdentity'))"

// page fetches a page of a window from Microsoft Graph. Base is
// https://graph.microsoft.com; the setting "version" may be beta.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	w, err := source.ParseWindow(cursor, api.Now())
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch sign-ins: %w", err)
	}
	const path = "/auditLogs/signIns"
	version, filter := "/v1.0", ""
	switch v := api.Settings["version"]; v {
	case "", "v1.0":
	case "beta":
		version, filter = "/beta", everyType
	default:
		return source.Page{}, fmt.Errorf("fetch sign-ins: the setting version is %.20q; want v1.0 or beta", v)
	}
	query := w.Next
	if query == "" {
		query = url.Values{
			"$top": {"1000"},
			"$filter": {"createdDateTime ge " + w.Since.Format(time.RFC3339Nano) +
				" and createdDateTime le " + w.Until.Format(time.RFC3339Nano) + filter},
		}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+version+path+"?"+query, nil)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch sign-ins: %w", err)
	}
	answer, err := api.Do(request)
	if w.Stale(err) {
		w.Next = ""
		return page(ctx, api, w.String())
	}
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch sign-ins: %w", err)
	}
	if err := source.Valid(answer.Body); err != nil {
		return source.Page{}, fmt.Errorf("fetch sign-ins: read answer: %w", err)
	}
	next, err := source.LinkQuery(source.MemberText(answer.Body, "@odata.nextLink"), path)
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch sign-ins: %w", err)
	}
	for range source.Elements(source.Member(answer.Body, "value")) {
		return w.Page(answer.Body, next), nil
	}
	return w.Page(nil, next), nil
}
