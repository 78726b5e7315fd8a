package otlp

import (
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/several"
)

// Path is what a Handler is to be mounted at.
const Path = "/v1/logs"

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// A Handler serves POST /v1/logs.
type Handler struct{ cfg Config }

// New returns a Handler.
func New(c Config) *Handler { return &Handler{cfg: c} }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	a := answerer{w: w, json: media == typeJSON}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		a.fail(http.StatusMethodNotAllowed, "expected POST")
		return
	}
	if media != typeJSON && media != typeProtobuf {
		a.fail(http.StatusUnsupportedMediaType, "Content-Type: expected "+typeProtobuf+" or "+typeJSON)
		return
	}
	from, err := h.cfg.Admit(r.Context(), sender.Of(r, "Bearer", "Basic"))
	if err != nil {
		a.failWith(err)
		return
	}
	b, err := h.cfg.Bodies.Read(w, r)
	defer h.cfg.Bodies.Release(b)
	if err != nil {
		w.Header().Set("Connection", "close")
		a.failWith(err)
		return
	}
	fallback := r.URL.Query().Get("source")
	if fallback == "" {
		fallback = r.Header.Get("X-Evident-Source")
	}
	walk := walkWire
	if a.json {
		walk = walkJSON
	}
	taken, err := h.cfg.take(r.Context(), from, walk, fallback, b.Bytes)
	if err != nil {
		a.failWith(err)
		return
	}
	if a.json {
		a.send(http.StatusOK, appendResponseJSON(nil, &taken))
	} else {
		a.send(http.StatusOK, appendResponse(nil, &taken))
	}
}

// answerer answers in the encoding in which it was asked.
type answerer struct {
	w    http.ResponseWriter
	json bool
}

func (a *answerer) send(status int, b []byte) {
	h := a.w.Header()
	h.Set("Content-Type", typeProtobuf)
	if a.json {
		h.Set("Content-Type", typeJSON)
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	a.w.WriteHeader(status)
	a.w.Write(b)
}

func (a *answerer) failWith(err error) {
	status := statusOf(err)
	switch status {
	case http.StatusServiceUnavailable:
		a.w.Header().Set("Retry-After", body.RetryAfter)
	case http.StatusUnauthorized:
		a.w.Header().Set("WWW-Authenticate", `Bearer realm="evident"`)
	}
	a.fail(status, textOf(status, err))
}

// statusOf returns the status for err. Whatever is not the request's fault may be
// tried again, and 503 is what makes clients do so.
func statusOf(err error) int {
	var wrong *malformed
	switch {
	case errors.Is(err, sender.ErrNoToken), errors.Is(err, sender.ErrToken):
		return http.StatusUnauthorized
	case errors.As(err, &wrong):
		var large *intake.TooLarge
		if errors.As(err, &large) {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	}
	if status := body.Status(err); status < 500 {
		return status
	}
	return http.StatusServiceUnavailable
}

// textOf is what is said of err: of the server's own affairs, nothing.
func textOf(status int, err error) string {
	if status == http.StatusServiceUnavailable {
		return "the server cannot store log records now; send them again"
	}
	return err.Error()
}

// fail answers with a google.rpc.Status.
func (a *answerer) fail(status int, text string) {
	var b []byte
	code := uint64(codeOf(status))
	if a.json {
		b = strconv.AppendUint([]byte(`{"code":`), code, 10)
		b, _ = jsontext.AppendQuote(append(b, `,"message":`...), text)
		b = append(b, '}')
	} else {
		b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), code)
		b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), text)
	}
	a.send(status, b)
}

// appendResponse appends an ExportLogsServiceResponse.
func appendResponse(b []byte, t *several.Taken) []byte {
	if t.Refused == 0 {
		return b
	}
	var partial []byte
	partial = protowire.AppendVarint(protowire.AppendTag(partial, 1, protowire.VarintType), uint64(t.Refused))
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), t.First)
	return protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), partial)
}

func appendResponseJSON(b []byte, t *several.Taken) []byte {
	if t.Refused == 0 {
		return append(b, "{}"...)
	}
	b = strconv.AppendInt(append(b, `{"partialSuccess":{"rejectedLogRecords":"`...), int64(t.Refused), 10)
	b, _ = jsontext.AppendQuote(append(b, `","errorMessage":`...), t.First)
	return append(b, "}}"...)
}
