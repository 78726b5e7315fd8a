package api

import (
	"fmt"
	"net/http"
)

// healthGet serves GET /healthz: the process answers.
func (a *API) healthGet(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
	return nil
}

// readyGet serves GET /readyz: 200 once and as long as appends are accepted.
func (a *API) readyGet(w http.ResponseWriter, r *http.Request) error {
	if err := a.trail.Failed(); err != nil {
		return err
	}
	if a.stopping.Load() {
		return refuse(http.StatusServiceUnavailable, "the server is stopping")
	}
	return a.healthGet(w, r)
}
