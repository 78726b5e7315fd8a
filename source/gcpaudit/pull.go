package gcpaudit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/evident/source"
)

// A query is the body of a request for entries.
type query struct {
	ResourceNames []string `json:"resourceNames"`
	Filter        string   `json:"filter"`
	OrderBy       string   `json:"orderBy"`
	PageSize      int      `json:"pageSize"`
	PageToken     string   `json:"pageToken,omitempty"`
}

// page fetches a page of a window from the Logging API, of the projects, folders
// and organisations in the setting "resources": projects/shop-prod,organizations/12.
// Base is https://logging.googleapis.com.
func page(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
	resources := strings.FieldsFunc(api.Settings["resources"], func(r rune) bool { return r == ',' || r == ' ' })
	if len(resources) == 0 {
		return source.Page{}, errors.New("fetch entries: the setting resources is missing; want names such as projects/shop-prod, with commas between them")
	}
	w, err := source.ParseWindow(cursor, api.Now())
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch entries: %w", err)
	}
	body, err := json.Marshal(query{
		ResourceNames: resources,
		Filter: `logName:"cloudaudit.googleapis.com" AND timestamp>="` + w.Since.Format(time.RFC3339Nano) +
			`" AND timestamp<"` + w.Until.Format(time.RFC3339Nano) + `"`,
		OrderBy:   "timestamp asc",
		PageSize:  1000,
		PageToken: w.Next,
	})
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch entries: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, api.Base+"/v2/entries:list", bytes.NewReader(body))
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch entries: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := api.Do(request)
	if w.Stale(err) {
		w.Next = ""
		return page(ctx, api, w.String())
	}
	if err != nil {
		return source.Page{}, fmt.Errorf("fetch entries: %w", err)
	}
	if err := source.Valid(answer.Body); err != nil {
		return source.Page{}, fmt.Errorf("fetch entries: read answer: %w", err)
	}
	next := source.MemberText(answer.Body, "nextPageToken")
	for range source.Elements(source.Member(answer.Body, "entries")) {
		return w.Page(answer.Body, next), nil
	}
	return w.Page(nil, next), nil
}
