package main

import (
	"errors"
	"net/http"
	"syscall"

	"example.com/evident/client"
)

// saysNo reports whether an answer of the server is a no rather than a sign that
// it could not be asked.
func saysNo(e *client.Error) bool {
	switch e.Status {
	case http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		return true
	}
	return e.Failure != nil
}

// hint says what to do about err; empty if err says so itself, or nobody knows.
func hint(err error) string {
	var answer *client.Error
	switch {
	case errors.As(err, &answer) && answer.Status == http.StatusUnauthorized:
		return "Put the token of a key into EVIDENT_KEY, or into a file and give --key-file; evident key create makes one."
	case errors.As(err, &answer) && answer.Failure != nil:
		return "This is evidence of damage or tampering. Keep the data directory as it is; evident verify says what is wrong first."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Is a server running there? evident serve --data DIR starts one; --data DIR works without."
	case errors.Is(err, syscall.EADDRINUSE):
		return "Something else listens there: end it, or give another --listen address."
	}
	return ""
}
