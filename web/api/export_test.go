package api

import "net/http"

// Patterns returns the patterns of all routes, for the test that holds
// openapi.yaml against them.
func (a *API) Patterns() []string {
	var out []string
	for _, r := range a.routes() {
		out = append(out, r.pattern)
	}
	return out
}

// OpenAPI returns what /openapi.json serves.
func OpenAPI() ([]byte, error) { return openAPIAsJSON() }

// Wrap is what all routes go through, around a handler of the test.
func (a *API) Wrap(h http.Handler) http.Handler { return a.wrap(h, 0, "test") }
