package body

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/evident/intake"
	"example.com/evident/trail"
)

// A Failure is an answer that is no answer for single events.
type Failure struct {
	Status int // of HTTP
	What   string
}

func (f *Failure) Error() string { return f.What }

var (
	errTooLarge = &Failure{http.StatusRequestEntityTooLarge, fmt.Sprintf("body: more than %d bytes after decompression; send less at once", MaxBytes)}
	errBusy     = &Failure{http.StatusServiceUnavailable, "server: too many events are being taken in; send this again"}
)

// RetryAfter is what a sender is asked to wait, in seconds, with a 503.
const RetryAfter = "1"

// Status returns the HTTP status that an error of Read, or of intake, is answered
// with. 503 is the one after which a sender should try again.
func Status(err error) int {
	var f *Failure
	var malformed *intake.Malformed
	var large *intake.TooLarge
	var forbidden *intake.Forbidden
	switch {
	case errors.As(err, &f):
		return f.Status
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
