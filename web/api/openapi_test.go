package api_test

import (
	"slices"
	"strings"
	"testing"
)

func TestOpenAPINamesEveryRoute(t *testing.T) {
	o, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, methods := range o.page.Paths {
		for method, op := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
			if op.OperationID == "" {
				t.Errorf("%s %s has no operationId", method, path)
			}
			if len(op.Responses) == 0 {
				t.Errorf("%s %s has no responses", method, path)
			}
		}
	}
	routes := open(t).Patterns()
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("openapi.yaml describes\n%q\nthe routes are\n%q", described, routes)
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	r := open(t)
	r.makeKey(`{"read":true}`) // also to who has no key
	var page struct{ OpenAPI string }
	r.get("/openapi.json", 200, &page)
	if page.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", page.OpenAPI)
	}
	if w := r.do("GET", "/openapi.yaml", ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "openapi: 3.1.0") {
		t.Errorf("%d %.100s", w.Code, w.Body)
	}
}

// TestEverySchemaCompiles: a schema that no test answers is still one.
func TestEverySchemaCompiles(t *testing.T) {
	o, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, name := range []string{"Event", "Answer", "Page", "EventAnswer", "Count", "Histogram", "Facets", "PackRequest", "Status", "KeyRequest", "KeyCreated", "Keys", "Problem"} {
		if _, err := o.compiler.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
