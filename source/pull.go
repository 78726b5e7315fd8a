package source

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// A Pull says how to fetch the events of a system that has an API. What drives
// it (package intake/poll) stores the cursor only after the trail has
// acknowledged every event of the page before, waits when it is told to, tries
// again after errors, and goes over the recent past a second time.
type Pull struct {
	// From returns the cursor that begins with what happened at t.
	From func(t time.Time) string

	// Page fetches the page at cursor, oldest first where the system allows it.
	Page func(ctx context.Context, api *API, cursor string) (Page, error)

	// Every is how long to wait after the last page that there is, and Lag how
	// late an event may still appear: the second pass begins that far back.
	Every, Lag time.Duration
}

// A Page is one delivery of a system's API.
type Page struct {
	Delivery []byte // for Split; empty if there was nothing
	Next     string // cursor of the page after it
	More     bool   // that page is there now
}

// An API is a system that a Page is fetched from.
type API struct {
	// Base is the address of the API, without a slash at its end.
	Base string

	// Settings are what the connector's owner set: the name of an organisation,
	// for example. Never credentials.
	Settings map[string]string

	// Do sends a request to the system with the credentials that it wants. It
	// waits as Retry-After and rate limits ask, and tries again what may come
	// right by itself; an answer that is not 2xx is an error. The body is read
	// whole, within a limit.
	Do func(r *http.Request) (*Response, error)

	// Now is the time of day.
	Now func() time.Time
}

// A Response is what the system answered.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// A StatusError is an answer that is not 2xx and will not come right by itself.
type StatusError struct {
	Response *Response
	// Request is the method, host and path: nothing that could hold a secret.
	Request string
	// Reason is the beginning of the answer's text, without secrets.
	Reason string
}

func (e *StatusError) Error() string {
	s := e.Request + ": " + strconv.Itoa(e.Response.Status)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}
