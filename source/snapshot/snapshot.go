// Package snapshot reads settings that no log tells of: any HTTP API is asked on
// a schedule, and the answer is kept, with what differs from the one before.
//
// Deliveries: what the poller makes of an answer (snapshot, taken_at, request,
// status, headers, body); raw is that object, in which body is the answer byte
// for byte if it is JSON. What is no JSON stands in body_text, what is no text in
// body_base64. Values of headers and of the query that are secret by their names
// are masked; credentials are never in it.
//
//	snapshot                         event
//	snapshot, request, taken_at      id
//	taken_at                         occurred_at
//	–                                actor: system snapshot
//	snapshot                         native_action
//	target_type, target              target
//	status                           outcome_code; outcome: 2xx success, 401 and 403 denied, else failure
//	request.url                      detail.url
//	status, body                     detail.diff: what differs from the snapshot before of the same request
//
// The action is snapshot.take and the category config. A status of 404 is an
// answer too: there is no such setting. Answers that say that the system cannot
// answer now (408, 429, 5xx) are no snapshot, and asked for again. XML is compared
// by its elements; members that name the request (ResponseMetadata, RequestId)
// are not compared.
//
// Recipes know how to ask for what auditors ask about; see [Recipes]. The
// connector's settings are recipe and what the recipe needs, such as org or
// bucket; or name, method, path, body, accept, content_type, target_type, target
// for a request of one's own.
//
// Limits: what was changed and changed back between two snapshots is not seen;
// of lists that come in pages, the first page is read.
package snapshot

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is a snapshot of settings.
var Kind = source.Kind{
	Name:   "snapshot",
	Title:  "Snapshots of settings",
	Ways:   "API, files, HTTP",
	Split:  source.JSON(),
	Map:    mapEvent,
	Change: &source.Change{Of: state},
	Pull: &source.Pull{
		From:  func(time.Time) string { return "never" },
		Page:  page,
		Every: 6 * time.Hour,
	},
	Actions: map[string]source.Action{"snapshot": action},
}

var action = source.Action{Action: "snapshot.take", Category: event.Config}

func mapEvent(raw []byte, _ time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	name, taken := source.MemberText(raw, "snapshot"), source.MemberText(raw, "taken_at")
	at, ok := source.Time(taken)
	status, err := strconv.Atoi(source.MemberText(raw, "status"))
	if name == "" || !ok || err != nil {
		return event.Event{}, errors.New("not a snapshot: snapshot, taken_at or status is missing")
	}
	address := source.MemberText(raw, "request", "url")
	target := event.Target{Type: source.MemberText(raw, "target_type"), ID: source.MemberText(raw, "target")}
	if target == (event.Target{}) {
		target = event.Target{Type: "url", ID: address}
	}
	e := event.Event{
		ID:           identity(raw) + "/" + taken,
		OccurredAt:   at,
		Actor:        event.Actor{Type: event.ActorSystem, ID: "snapshot"},
		Action:       action.Action,
		NativeAction: name,
		Category:     action.Category,
		Outcome:      outcome(status),
		OutcomeCode:  strconv.Itoa(status),
		Raw:          raw,
	}
	if target != (event.Target{Type: "url"}) {
		e.Targets = []event.Target{target}
	}
	var d source.Detail
	d.Text("url", address)
	e.Detail = d.Object()
	return e, nil
}

func outcome(status int) event.Outcome {
	switch {
	case status/100 == 2:
		return event.Success
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return event.Denied
	}
	return event.Failure
}

// request is what was asked, as raw says it.
type request struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Body   string `json:"body,omitempty"`
}

// appendSnapshot writes what is kept of an answer.
func appendSnapshot(b []byte, s spec, resp *source.Response, at time.Time) ([]byte, error) {
	head := struct {
		Snapshot   string            `json:"snapshot"`
		TakenAt    string            `json:"taken_at"`
		TargetType string            `json:"target_type,omitempty"`
		Target     string            `json:"target,omitempty"`
		Request    request           `json:"request"`
		Status     int               `json:"status"`
		Headers    map[string]string `json:"headers"`
	}{
		s.name, at.UTC().Format(time.RFC3339Nano), s.targetType, s.target,
		request{s.method, shownURL(s.url), s.body}, resp.Status, map[string]string{},
	}
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		head.Headers[name] = strings.ToValidUTF8(strings.Join(resp.Header[name], ", "), "\uFFFD")
		if source.IsSecret(name) || strings.EqualFold(name, "Set-Cookie") {
			head.Headers[name] = "[secret]"
		}
	}
	h, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	b = append(b, h[:len(h)-1]...)
	switch {
	case source.Valid(resp.Body) == nil && utf8.Valid(resp.Body):
		b = append(append(b, `,"body":`...), resp.Body...)
	case utf8.Valid(resp.Body):
		text, err := json.Marshal(string(resp.Body))
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"body_text":`...), text...)
	default:
		b = append(append(append(b, `,"body_base64":"`...), base64.StdEncoding.EncodeToString(resp.Body)...), '"')
	}
	return append(b, '}'), nil
}

// shownURL is an address without what is secret in its query.
func shownURL(u url.URL) string {
	u.User = nil
	q := u.Query()
	for name := range q {
		if source.IsSecret(name) {
			q.Set(name, "[secret]")
		}
	}
	if len(q) > 0 {
		u.RawQuery = strings.ReplaceAll(q.Encode(), "=&", "&")
	}
	return strings.TrimSuffix(u.String(), "=")
}
