package intakehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/evident/intake"
	"example.com/evident/trail"
)

// A failure is an answer that is no answer for single events.
type failure struct {
	status int
	what   string
}

func (f *failure) Error() string { return f.what }

var (
	errTooLarge = &failure{http.StatusRequestEntityTooLarge, fmt.Sprintf("body: more than %d bytes after decompression; send less at once", MaxBodyBytes)}
	errBusy     = &failure{http.StatusServiceUnavailable, "server: too many events are being taken in; send this again"}
)

// retryAfter is what a sender is asked to wait, in seconds, with a 503.
const retryAfter = "1"

// status returns the HTTP status that err is answered with.
func status(err error) int {
	var f *failure
	var malformed *intake.Malformed
	var large *intake.TooLarge
	var forbidden *intake.Forbidden
	switch {
	case errors.As(err, &f):
		return f.status
	case errors.As(err, &malformed):
		return http.StatusBadRequest
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &forbidden):
		return http.StatusForbidden
	case errors.Is(err, trail.ErrUnavailable), errors.Is(err, trail.ErrFailed), errors.Is(err, trail.ErrClosed),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
