package api

import "net/http"

func (a *API) notFound() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, refuse(http.StatusNotFound, "path: there is nothing here; /openapi.yaml lists what there is"))
	})
}

func (a *API) notAllowed(allowed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowed)
		a.fail(w, r, refuse(http.StatusMethodNotAllowed, "method: expected "+allowed))
	})
}
