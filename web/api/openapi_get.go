package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"go.yaml.in/yaml/v3"

	"example.com/evident/event"
)

//go:embed openapi.yaml
var openAPI []byte

// openAPIYAML serves GET /openapi.yaml: the page as it was written.
func (a *API) openAPIYAML(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(openAPI)
	return err
}

// openAPIJSON serves GET /openapi.json: the same with the schema of an event,
// which package event makes, filled in.
func (a *API) openAPIJSON(w http.ResponseWriter, r *http.Request) error {
	b, err := openAPIAsJSON()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return writeBytes(w, http.StatusOK, b)
}

var openAPIAsJSON = sync.OnceValues(func() ([]byte, error) {
	var page map[string]any
	if err := yaml.Unmarshal(openAPI, &page); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	var schema any
	if err := json.Unmarshal(event.JSONSchema(), &schema); err != nil {
		return nil, fmt.Errorf("read schema of events: %w", err)
	}
	components, _ := page["components"].(map[string]any)
	schemas, ok := components["schemas"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("read openapi.yaml: no components.schemas")
	}
	schemas["Event"] = schema
	return json.MarshalIndent(page, "", " ")
})
