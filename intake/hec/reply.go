package hec

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/evident/intake/body"
)

// A reply is an answer in Splunk's form.
type reply struct {
	status int
	code   int
	text   string
	// event, if numbered, is the number of the first event that is not stored.
	event    int
	numbered bool
	// ack, if acked, is what the client may ask for.
	ack   uint64
	acked bool
	// json, if not nil, is the whole answer.
	json []byte
}

// Error is the reply's text: replies are what goes wrong here.
func (r reply) Error() string { return r.text }

// Splunk's answers. Clients know the codes, some also the texts.
var (
	success              = reply{status: http.StatusOK, code: 0, text: "Success"}
	noToken              = reply{status: http.StatusUnauthorized, code: 2, text: "Token is required"}
	invalidAuthorization = reply{status: http.StatusUnauthorized, code: 3, text: "Invalid authorization"}
	invalidToken         = reply{status: http.StatusForbidden, code: 4, text: "Invalid token"}
	noData               = reply{status: http.StatusBadRequest, code: 5, text: "No data"}
	invalidFormat        = reply{status: http.StatusBadRequest, code: 6, text: "Invalid data format"}
	incorrectIndex       = reply{status: http.StatusBadRequest, code: 7, text: "Incorrect index"}
	busy                 = reply{status: http.StatusServiceUnavailable, code: 9, text: "Server is busy"}
	noChannel            = reply{status: http.StatusBadRequest, code: 10, text: "Data channel is missing"}
	invalidChannel       = reply{status: http.StatusBadRequest, code: 11, text: "Invalid data channel"}
	eventRequired        = reply{status: http.StatusBadRequest, code: 12, text: "Event field is required"}
	eventBlank           = reply{status: http.StatusBadRequest, code: 13, text: "Event field cannot be blank"}
	invalidFields        = reply{status: http.StatusBadRequest, code: 15, text: "Error in handling indexed fields"}
	queryToken           = reply{status: http.StatusBadRequest, code: 16, text: "Query string authorization is not enabled"}
	healthy              = reply{status: http.StatusOK, code: 17, text: "HEC is healthy"}
	unhealthy            = reply{status: http.StatusServiceUnavailable, code: 18, text: "HEC is unhealthy, queues are full"}
)

// at returns r for the event with number n.
func (r reply) at(n int) reply {
	r.event, r.numbered = n, true
	return r
}

// because returns r with what was found behind its text.
func (r reply) because(reason string) reply {
	r.text += ": " + reason
	return r
}

func (r reply) send(w http.ResponseWriter) {
	b := r.json
	if b == nil {
		b = r.encode()
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	switch r.status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", body.RetryAfter)
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Splunk realm="evident"`)
	}
	w.WriteHeader(r.status)
	w.Write(b)
}

func (r reply) encode() []byte {
	b, _ := jsontext.AppendQuote([]byte(`{"text":`), r.text) // what is not UTF-8 becomes U+FFFD
	b = strconv.AppendInt(append(b, `,"code":`...), int64(r.code), 10)
	if r.numbered {
		b = strconv.AppendInt(append(b, `,"invalid-event-number":`...), int64(r.event), 10)
	}
	if r.acked {
		b = strconv.AppendUint(append(b, `,"ackId":`...), r.ack, 10)
	}
	return append(b, '}')
}
