package ui_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"example.com/evident/web/ui"
)

func handler(t testing.TB, data ui.Data) http.Handler {
	t.Helper()
	h, err := ui.New(ui.Config{Data: data, Now: func() time.Time { return now }, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// privileged returns the number of a record with everything in it.
func privileged(f *fake) string {
	for i := len(f.records) - 1; ; i-- {
		h := f.records[i].Header
		if h.Category == "privileged" && h.Source == "okta/halden" && h.Outcome == "success" {
			return strconv.Itoa(i)
		}
	}
}
