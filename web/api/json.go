package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxRequestBytes bounds the JSON bodies of everything but POST /v1/events.
const maxRequestBytes = 64 << 10

// readJSON reads the one JSON object that r brings, strictly: a member that is
// misspelt would be one that is silently not obeyed.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	conn := http.NewResponseController(w)
	conn.SetReadDeadline(time.Now().Add(actGrace))
	defer conn.SetReadDeadline(time.Time{}) // it would end the request, too, however long the answer takes
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		err = errors.New("expected one JSON object, found more behind it")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("body: more than %d bytes", maxRequestBytes))
	}
	return refuse(http.StatusBadRequest, "body: "+err.Error())
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return writeBytes(w, status, append(b, '\n'))
}

func writeBytes(w http.ResponseWriter, status int, b []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b) // whoever does not receive it has gone away
	return nil
}
