package ui

import (
	"net/http"
	"strconv"
	"unicode/utf8"

	"example.com/evident/proof"
)

// eventRaw answers with the bytes that the source sent, as they came.
func (u *ui) eventRaw(w http.ResponseWriter, r *http.Request) {
	e, err := u.evidence(r)
	if err != nil {
		u.fail(w, r, err)
		return
	}
	list, err := proof.ParseBody(e.Body)
	if err != nil && e.Body != nil {
		u.fail(w, r, err)
		return
	}
	raw, ok := rawOf(list)
	if !ok {
		u.fail(w, r, &Refused{
			What: "This event came without the bytes of another system, or they have expired.",
			Next: "Its own bytes are its body.",
		})
		return
	}
	sendBytes(w, r, e.Header.Seq, "raw", raw)
}

// eventBody answers with the body as the trail holds it.
func (u *ui) eventBody(w http.ResponseWriter, r *http.Request) {
	e, err := u.evidence(r)
	switch {
	case err != nil:
		u.fail(w, r, err)
	case e.Body == nil:
		u.fail(w, r, &Refused{What: "The body of this record has expired under its retention class.", Next: "Its header stays, on the page of the event."})
	default:
		sendBytes(w, r, e.Header.Seq, "body", e.Body)
	}
}

// sendBytes sends somebody else's bytes so that no browser takes them for
// anything but text: the type is fixed, sniffing is off, and the policy of
// every answer forbids whatever they might try.
func sendBytes(w http.ResponseWriter, r *http.Request, seq uint64, name string, b []byte) {
	kind, extension := "application/octet-stream", ".bin"
	if utf8.Valid(b) {
		kind, extension = "text/plain; charset=utf-8", ".txt"
	}
	file := "event-" + strconv.FormatUint(seq, 10) + "-" + name + extension
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `inline; filename="`+file+`"`)
	h.Set("Content-Security-Policy", policy+"; sandbox")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(b)
	}
}
