package webhook

import (
	"bytes"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/evident/event"
	"example.com/evident/source"
)

// handshake answers requests other than POST by which a system finds out whether
// the address is willing; false: r is none.
func (h *Handler) handshake(w http.ResponseWriter, r *http.Request, hook *Hook) bool {
	text := r.Header.Get("X-Okta-Verification-Challenge")
	origin := r.Header.Get("Webhook-Request-Origin")
	switch {
	case hook.Scheme == Okta && r.Method == http.MethodGet && text != "":
	case hook.Scheme == Token && r.Method == http.MethodOptions && origin != "": // CloudEvents
	default:
		return false
	}
	if err := h.precheck(r, hook); err != nil {
		h.refuse(w, hook.Source, err)
		return true
	}
	if hook.Scheme == Token {
		w.Header().Set("WebHook-Allowed-Origin", origin)
		w.Header().Set("WebHook-Allowed-Rate", "*")
		w.WriteHeader(http.StatusOK)
		return true
	}
	answer, _ := jsontext.AppendQuote([]byte(`{"verification":`), text)
	send(w, http.StatusOK, append(answer, '}'))
	return true
}

// challenge returns the answer to a body by which Slack or Event Grid find out
// whether the address is willing; nil: it is none. Its sender has been let in.
func challenge(b []byte) []byte {
	slack, grid := bytes.Contains(b, []byte("url_verification")), bytes.Contains(b, []byte("SubscriptionValidationEvent"))
	if !slack && !grid || source.Valid(b) != nil {
		return nil
	}
	if slack && source.MemberText(b, "type") == "url_verification" {
		answer, _ := jsontext.AppendQuote([]byte(`{"challenge":`), source.MemberText(b, "challenge"))
		return append(answer, '}')
	}
	for e := range source.Elements(b) {
		if source.MemberText(e, "eventType") == "Microsoft.EventGrid.SubscriptionValidationEvent" {
			answer, _ := jsontext.AppendQuote([]byte(`{"validationResponse":`), source.MemberText(e, "data", "validationCode"))
			return append(answer, '}')
		}
	}
	return nil
}

// wrap returns what is handed on of a body, and the id of its delivery, if its
// system gives it one.
func (h *Handler) wrap(r *http.Request, name string, b []byte) (raw []byte, delivery string) {
	kind, _, _ := strings.Cut(name, "/")
	switch kind {
	case "github":
		return envelope(r.Header.Get("X-GitHub-Event"), identity(r, "X-GitHub-Delivery"), form(r, b))
	case "gitlab":
		return envelope(r.Header.Get("X-Gitlab-Event"), identity(r, "Webhook-Id", "Idempotency-Key", "X-Gitlab-Event-UUID"), b)
	}
	return b, identity(r, "Webhook-Id", "Svix-Id")
}

// identity returns the first of headers that can be the id of an event.
func identity(r *http.Request, headers ...string) string {
	for _, name := range headers {
		if id := r.Header.Get(name); id != "" && len(id) <= event.MaxIDBytes && utf8.ValidString(id) {
			return id
		}
	}
	return ""
}

// form returns the payload of a body that is a form, as GitHub sends it if asked.
func form(r *http.Request, b []byte) []byte {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/x-www-form-urlencoded" {
		return b
	}
	if values, err := url.ParseQuery(string(b)); err == nil && values.Get("payload") != "" {
		return []byte(values.Get("payload"))
	}
	return b
}

// envelope puts what the headers say around a payload. One that is not JSON is
// text.
func envelope(name, delivery string, payload []byte) (raw []byte, id string) {
	raw = make([]byte, 0, len(payload)+len(name)+len(delivery)+64)
	raw, _ = jsontext.AppendQuote(append(raw, `{"event":`...), name)
	if delivery != "" {
		raw, _ = jsontext.AppendQuote(append(raw, `,"delivery":`...), delivery)
	}
	raw = append(raw, `,"payload":`...)
	if payload = bytes.TrimSpace(payload); source.Valid(payload) == nil {
		raw = append(raw, payload...)
	} else {
		raw, _ = jsontext.AppendQuote(raw, payload) // what is not UTF-8 becomes U+FFFD
	}
	return append(raw, '}'), delivery
}
