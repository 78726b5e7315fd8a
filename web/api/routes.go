package api

import (
	"net/http"
	"strings"
	"time"
)

// Deadlines of an answer. A pack may be long in the making.
const (
	readDeadline   = 30 * time.Second
	intakeDeadline = 5 * time.Minute
	packDeadline   = 30 * time.Minute
)

// A handler answers a request, or says why not.
type handler func(w http.ResponseWriter, r *http.Request) error

type route struct {
	pattern  string // of http.ServeMux
	need     need
	deadline time.Duration
	handle   http.Handler
}

// routes is the table of everything that the API answers. openapi.yaml is held
// against it.
func (a *API) routes() []route {
	h := func(f handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				a.fail(w, r, err)
			}
		})
	}
	return []route{
		{"POST /v1/events", needKey, intakeDeadline, a.events},
		{"GET /v1/events", needKey, readDeadline, h(a.eventsSearch)},
		{"GET /v1/events/by-id", needKey, readDeadline, h(a.eventFind)},
		{"GET /v1/events/{seq}", needKey, readDeadline, h(a.eventGet)},
		{"GET /v1/count", needKey, readDeadline, h(a.countGet)},
		{"GET /v1/histogram", needKey, readDeadline, h(a.histogramGet)},
		{"GET /v1/facets", needKey, readDeadline, h(a.facetsGet)},
		{"POST /v1/packs", needRead, packDeadline, h(a.packCreate)},
		{"GET /v1/status", needRead, readDeadline, h(a.statusGet)},
		{"POST /v1/keys", needAdmin, readDeadline, h(a.keyCreate)},
		{"GET /v1/keys", needAdmin, readDeadline, h(a.keyList)},
		{"DELETE /v1/keys/{id}", needAdmin, readDeadline, h(a.keyRevoke)},
		{"GET /v1/people", needRead, readDeadline, h(a.peopleList)},
		{"POST /v1/people/links", needAdmin, readDeadline, h(a.personLink)},
		{"POST /v1/people/unlinks", needAdmin, readDeadline, h(a.personUnlink)},
		{"GET /openapi.json", needNothing, readDeadline, h(a.openAPIJSON)},
		{"GET /openapi.yaml", needNothing, readDeadline, h(a.openAPIYAML)},
		{"GET /healthz", needNothing, readDeadline, h(a.healthGet)},
		{"GET /readyz", needNothing, readDeadline, h(a.readyGet)},
		{"GET /metrics", needRead, readDeadline, a.metricsGet()},
	}
}

// Handler returns the handler of everything below /v1/ and of the few paths
// beside it. What it does not know it answers with a problem.
func (a *API) Handler() http.Handler {
	mux, rest := http.NewServeMux(), http.NewServeMux()
	methods := map[string]string{}
	for _, r := range a.routes() {
		mux.Handle(r.pattern, a.wrap(a.admit(r.need, false, r.handle), r.deadline, r.pattern))
		method, path, _ := strings.Cut(r.pattern, " ")
		methods[path] += ", " + method
	}
	for path, allowed := range methods {
		rest.Handle(path, a.notAllowed(allowed[2:]))
	}
	rest.Handle("/", a.notFound())
	mux.Handle("/", a.wrap(rest, readDeadline, "none"))
	return mux
}

// Paths returns the patterns that a server with pages mounts Handler at.
func Paths() []string {
	return []string{"/v1/", "/openapi.json", "/openapi.yaml", "/healthz", "/readyz", "/metrics"}
}
