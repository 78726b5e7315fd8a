// Package webhook is the way in for systems that call an address of ours when
// something happens: POST /v1/webhooks/KIND/NAME takes events of source KIND/NAME.
//
// A source with a [Hook] is let in by its secret, in the way that its system
// knows; any of several secrets will do, so that one can be changed:
//
//	github      GitHub     X-Hub-Signature-256 over the body
//	gitlab      GitLab     X-Gitlab-Token, or webhook-signature where it has a signing token
//	okta        Okta       the secret as Authorization; GET answers its one-time challenge
//	slack       Slack      X-Slack-Signature over time and body; answers url_verification
//	stripe      Stripe     Stripe-Signature over time and body
//	standard    all else   webhook-signature over id, time and body (standardwebhooks.com)
//	token       Pub/Sub, Event Grid: the secret as query parameter token, or as Bearer
//
// A source without a Hook takes an API key, as the audit webhook of Kubernetes
// carries it in its kubeconfig.
//
// All comparisons take the same time whatever is compared. A time that is signed
// may differ from ours by five minutes; what is older was caught on its way and
// is refused. What comes again within that is a duplicate: its id is that of the
// event or of the delivery, or the bytes of the body. Of GitHub the signature
// covers the body alone, so that only TLS keeps the delivery's id.
//
// The raw of GitHub and GitLab is {"event":…,"delivery":…,"payload":…}: what the
// headers say, and the body, byte for byte. All other bodies are handed on as
// they are. A source whose kind is not mapped is a log: stripe/acme is stored as
// log/stripe_acme.
//
// docs/ways-in.md says how systems are set up.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/several"
)

// Path is what a Handler is to be mounted at.
const Path = "/v1/webhooks/"

// MaxBytes bounds a body whose sender is not known before it was read. GitHub
// sends 25 MB at most.
const MaxBytes = 25 << 20

// tolerance is by how much a signed time may differ from ours.
const tolerance = 5 * time.Minute

// A Hook is a source that is let in by a secret of its own.
type Hook struct {
	Source string
	// Secrets are those that are good now, one at least.
	Secrets []string
	// Scheme says how a request shows that it knows one; empty: by the kind.
	Scheme Scheme
}

// Config is what a Handler works with. All but Hooks, Now, Took and Refused is
// required.
type Config struct {
	Intake *intake.Intake
	// Bodies reads the bodies. It should serve nothing else: until a signature is
	// checked, strangers can fill its memory.
	Bodies *body.Reader
	// Admit lets in who sends to a source without a Hook.
	Admit sender.Admit
	Hooks []Hook
	Now   func() time.Time // nil: time.Now
	// Took, if set, is called with what became of each request's events.
	Took func(bytes int, t several.Taken)
	// Refused, if set, is called with every request that is not let in.
	Refused func(source string, reason Reason)
}

// A Reason says why a request is not let in.
type Reason string

// Reasons.
const (
	Unsigned Reason = "unsigned" // it shows nothing
	Wrong    Reason = "wrong"    // what it shows is wrong
	Late     Reason = "late"     // it was signed too long ago, or in the future
	Replayed Reason = "replayed" // all of it was stored before
)

// A Handler serves POST /v1/webhooks/KIND/NAME.
type Handler struct {
	cfg   Config
	hooks map[string]Hook
}

// New returns a Handler, or says which Hook cannot be.
func New(c Config) (*Handler, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	h := &Handler{cfg: c, hooks: map[string]Hook{}}
	for _, hook := range c.Hooks {
		if !possible(hook.Source) {
			return nil, fmt.Errorf("webhook %q: is no source; expected KIND/NAME, such as github/acme", hook.Source)
		}
		if hook.Scheme == "" {
			kind, _, _ := strings.Cut(hook.Source, "/")
			hook.Scheme = schemeOf(kind)
		}
		if schemes[hook.Scheme] == nil {
			return nil, fmt.Errorf("webhook %s: scheme %q is unknown", hook.Source, hook.Scheme)
		}
		if len(hook.Secrets) == 0 {
			return nil, fmt.Errorf("webhook %s: has no secret", hook.Source)
		}
		for _, s := range hook.Secrets {
			if len(s) < minSecretBytes {
				return nil, fmt.Errorf("webhook %s: a secret has %d bytes, expected %d or more", hook.Source, len(s), minSecretBytes)
			}
		}
		if _, twice := h.hooks[hook.Source]; twice {
			return nil, fmt.Errorf("webhook %s: is there twice", hook.Source)
		}
		h.hooks[hook.Source] = hook
	}
	return h, nil
}

// possible reports whether source can be that of a webhook: a name that is one,
// and not the trail's own.
func possible(source string) bool {
	return event.ValidSource(source) == nil && strings.Contains(source, "/") && !strings.HasPrefix(source, "evident/")
}

// minSecretBytes is less than which a secret can be guessed.
const minSecretBytes = 8

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, Path)
	if !ok || !possible(name) {
		fail(w, &refusal{http.StatusNotFound, "expected " + Path + "KIND/NAME, such as " + Path + "github/acme"})
		return
	}
	hook, hooked := h.hooks[name]
	if hooked && r.Method != http.MethodPost && h.handshake(w, r, &hook) {
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		fail(w, &refusal{http.StatusMethodNotAllowed, "expected POST"})
		return
	}
	from := sender.Sender{Actor: event.Actor{Type: event.Service, ID: "webhook/" + name}}
	var err error
	if hooked {
		err = h.precheck(r, &hook)
		r.Body = http.MaxBytesReader(w, r.Body, MaxBytes)
	} else {
		from, err = h.cfg.Admit(r.Context(), sender.Of(r, "Bearer", "Basic"))
	}
	if err != nil {
		h.refuse(w, name, err)
		return
	}
	b, err := h.cfg.Bodies.Read(w, r)
	defer h.cfg.Bodies.Release(b)
	if err != nil {
		w.Header().Set("Connection", "close")
		fail(w, err)
		return
	}
	if hooked {
		if err := h.check(r, &hook, b.Bytes); err != nil {
			h.refuse(w, name, err)
			return
		}
		if answer := challenge(b.Bytes); answer != nil {
			send(w, http.StatusOK, answer)
			return
		}
	}
	taken, err := h.take(r, from, name, b.Bytes)
	if err != nil {
		fail(w, err)
		return
	}
	h.answer(w, name, &taken)
}

// take stores the events of a request that was let in.
func (h *Handler) take(r *http.Request, from sender.Sender, name string, b []byte) (several.Taken, error) {
	raw, delivery := h.wrap(r, name, b)
	taken, err := h.store(r.Context(), from, name, raw, delivery)
	if err == nil && h.cfg.Took != nil {
		h.cfg.Took(len(b), taken)
	}
	return taken, err
}

func (h *Handler) store(ctx context.Context, from sender.Sender, name string, raw []byte, delivery string) (several.Taken, error) {
	source := name
	if !h.cfg.Intake.Maps(name) && !strings.HasPrefix(name, several.AppKind+"/") {
		source = several.Log(name)
	}
	if several.IsLog(source) { // one object, however it looks inside
		s := several.New(h.cfg.Intake, from, "webhook", raw)
		s.Add(source, raw, delivery)
		err := s.Flush(ctx)
		if err == nil && s.Taken.Forbidden > 0 {
			err = &intake.Forbidden{What: s.Taken.First}
		}
		return s.Taken, err
	}
	var a intake.Answer
	err := h.cfg.Intake.Take(ctx, &intake.Delivery{Source: source, Body: raw, MayAppend: from.MayAppend, Actor: from.Actor}, &a)
	t := several.Taken{Accepted: a.Accepted, Duplicates: a.Duplicates, Unmapped: a.Unmapped, Refused: len(a.Refused)}
	if len(a.Refused) > 0 {
		t.First = strings.Clone(a.Refused[0].Reason) // it may lie in the body
	}
	return t, err
}

// answer says what became of a request's events.
func (h *Handler) answer(w http.ResponseWriter, name string, t *several.Taken) {
	if t.Duplicates > 0 && t.Accepted == 0 && h.cfg.Refused != nil {
		h.cfg.Refused(name, Replayed)
	}
	status := http.StatusOK
	b := strconv.AppendInt([]byte(`{"accepted":`), int64(t.Accepted), 10)
	b = strconv.AppendInt(append(b, `,"duplicates":`...), int64(t.Duplicates), 10)
	if t.Refused > 0 {
		status = http.StatusUnprocessableEntity
		b = strconv.AppendInt(append(b, `,"refused":`...), int64(t.Refused), 10)
		b, _ = jsontext.AppendQuote(append(b, `,"error":`...), t.First)
	}
	send(w, status, append(b, '}'))
}

// refuse answers who is not let in.
func (h *Handler) refuse(w http.ResponseWriter, name string, err error) {
	var not *notAdmitted
	switch {
	case errors.As(err, &not):
	case errors.Is(err, sender.ErrNoToken):
		not = &notAdmitted{Unsigned, err.Error()}
	case errors.Is(err, sender.ErrToken):
		not = &notAdmitted{Wrong, err.Error()}
	default:
		fail(w, &refusal{http.StatusServiceUnavailable, "the sender cannot be checked now; send this again"})
		return
	}
	if h.cfg.Refused != nil {
		h.cfg.Refused(name, not.reason)
	}
	status := http.StatusUnauthorized
	if not.reason == Late {
		status = http.StatusForbidden
	}
	fail(w, &refusal{status, not.what})
}

// A refusal is an answer to a request as a whole.
type refusal struct {
	status int
	what   string
}

func (r *refusal) Error() string { return r.what }

func fail(w http.ResponseWriter, err error) {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{body.Status(err), err.Error()}
		if r.status >= 500 {
			r = &refusal{http.StatusServiceUnavailable, "the trail cannot take events now; send this again"}
		}
	}
	switch r.status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", body.RetryAfter)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="evident"`)
	}
	b, _ := jsontext.AppendQuote([]byte(`{"error":`), r.what)
	send(w, r.status, append(b, '}'))
}

func send(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}
