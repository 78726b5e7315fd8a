package bulk

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/several"
)

// contentType is what r wants to be answered in: clients of version 8 and later
// ask for a name of their own for JSON.
func contentType(r *http.Request) string {
	if accept := r.Header.Get("Accept"); strings.HasPrefix(accept, "application/vnd.elasticsearch+json") && !strings.Contains(accept, ",") {
		return accept
	}
	return "application/json"
}

func send(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// sendJSON sends an answer that is not one to documents.
func sendJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bug: an answer cannot be encoded: " + err.Error())
	}
	send(w, status, b)
}

func sendError(w http.ResponseWriter, err error) {
	f := failureOf(err)
	if f.retryable {
		w.Header().Set("Retry-After", body.RetryAfter)
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Add("WWW-Authenticate", `Basic realm="security", charset="UTF-8"`)
		w.Header().Add("WWW-Authenticate", "ApiKey")
	}
	cause := map[string]any{"type": f.kind, "reason": f.reason}
	sendJSON(w, f.status, map[string]any{
		"error":  map[string]any{"root_cause": []any{cause}, "type": f.kind, "reason": f.reason},
		"status": f.status,
	})
}

func notAllowed(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	sendError(w, &failure{status: http.StatusMethodNotAllowed, kind: "illegal_argument_exception", reason: "Incorrect HTTP method, allowed: [" + allowed + "]"})
}

// appendAnswer appends the answer to a request: an entry for each item.
func appendAnswer(b []byte, took time.Duration, items []item, results []several.Result) []byte {
	failures := make([]*failure, len(items))
	errors := false
	for i := range items {
		failures[i] = items[i].failure(&results[i])
		errors = errors || failures[i] != nil
	}
	b = strconv.AppendInt(append(b, `{"took":`...), took.Milliseconds(), 10)
	b = strconv.AppendBool(append(b, `,"errors":`...), errors)
	b = append(b, `,"items":[`...)
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = items[i].append(b, &results[i], failures[i])
	}
	return append(b, "]}"...)
}

// failure returns why the item is answered with an error, or nil.
func (it *item) failure(r *several.Result) *failure {
	switch {
	case it.wrong != nil:
		return it.wrong
	case r.State == several.Forbidden:
		return &failure{status: http.StatusForbidden, kind: "security_exception", reason: r.Reason}
	case r.State == several.Refused && strings.HasSuffix(r.Reason, intake.ActionConflict):
		return &failure{status: http.StatusConflict, kind: "version_conflict_engine_exception", reason: r.Reason}
	case r.State == several.Refused:
		return unparsed(r.Reason)
	case r.State == several.Duplicate && it.op == "create" && it.id != "":
		return &failure{status: http.StatusConflict, kind: "version_conflict_engine_exception", reason: "[" + it.id + "]: version conflict, document already exists (current version [1])"}
	}
	return nil
}

// append appends the entry of an item.
func (it *item) append(b []byte, r *several.Result, f *failure) []byte {
	b = append(append(append(b, `{"`...), it.op...), `":`...)
	if f == nil {
		_, b = it.answer(b, r)
		return append(b, "}}"...)
	}
	b = it.name(b, r)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(f.status), 10)
	b = append(append(append(b, `,"error":{"type":"`...), f.kind...), `","reason":`...)
	b, _ = jsontext.AppendQuote(b, f.reason)
	return append(b, "}}}"...)
}

// name appends the beginning of an object: which document it is about.
func (it *item) name(b []byte, r *several.Result) []byte {
	b, _ = jsontext.AppendQuote(append(b, `{"_index":`...), it.index)
	id := it.id
	if id == "" {
		id = r.ID
	}
	if id != "" {
		b, _ = jsontext.AppendQuote(append(b, `,"_id":`...), id)
	}
	return b
}

// answer appends what is said of a document that is stored, up to the closing
// brace. One without _id that came again is answered as when it came first: its
// sender cannot know of that.
func (it *item) answer(b []byte, r *several.Result) (status int, _ []byte) {
	status, result := http.StatusCreated, "created"
	if r.State == several.Duplicate && it.id != "" {
		status, result = http.StatusOK, "noop"
	}
	b = append(append(append(it.name(b, r), `,"_version":1,"result":"`...), result...), `","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":`...)
	b = strconv.AppendUint(b, r.Seq, 10)
	return status, strconv.AppendInt(append(b, `,"_primary_term":1,"status":`...), int64(status), 10)
}
