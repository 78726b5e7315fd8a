package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Scheme is how a request shows that its sender knows a secret.
type Scheme string

// Schemes. The package comment says what each looks at.
const (
	GitHub   Scheme = "github"
	GitLab   Scheme = "gitlab"
	Okta     Scheme = "okta"
	Slack    Scheme = "slack"
	Stripe   Scheme = "stripe"
	Standard Scheme = "standard"
	Token    Scheme = "token"
)

// schemeOf returns the scheme of a kind.
func schemeOf(kind string) Scheme {
	switch s := Scheme(kind); s {
	case GitHub, GitLab, Okta, Slack, Stripe:
		return s
	}
	switch kind {
	case "gcp.audit", "azure.activity", "entra.audit", "entra.signin":
		return Token
	}
	return Standard
}

// A shown is what a request shows of a secret, read before its body.
type shown struct {
	// secret is the secret itself, if the scheme sends it.
	secret string
	// Otherwise signatures are MACs of what stands before the body, and the body;
	// any may be right.
	before     string
	signatures [][]byte
	// at is when it was signed; zero if that is not signed.
	at time.Time
	// key, if set, makes the key of MACs of a secret.
	key func(secret string) []byte
}

// maxSignatures is how many a header may hold: one for each of a sender's
// secrets.
const maxSignatures = 16

// schemes reads what a request shows; nil if it shows nothing that can be right.
var schemes = map[Scheme]func(r *http.Request) *shown{
	GitHub:   showGitHub,
	GitLab:   showGitLab,
	Okta:     func(r *http.Request) *shown { return &shown{secret: r.Header.Get("Authorization")} },
	Slack:    showSlack,
	Stripe:   showStripe,
	Standard: showStandard,
	Token:    showToken,
}

func showGitHub(r *http.Request) *shown {
	mac, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=")
	if !ok {
		return nil
	}
	return &shown{signatures: appendHex(nil, mac)}
}

func showGitLab(r *http.Request) *shown {
	if r.Header.Get("Webhook-Signature") != "" {
		return showStandard(r)
	}
	return &shown{secret: r.Header.Get("X-Gitlab-Token")}
}

func showSlack(r *http.Request) *shown {
	stamp := r.Header.Get("X-Slack-Request-Timestamp")
	mac, ok := strings.CutPrefix(r.Header.Get("X-Slack-Signature"), "v0=")
	at, isTime := seconds(stamp)
	if !ok || !isTime {
		return nil
	}
	return &shown{before: "v0:" + stamp + ":", signatures: appendHex(nil, mac), at: at}
}

func showStripe(r *http.Request) *shown {
	var stamp string
	s := &shown{}
	for part := range strings.SplitSeq(r.Header.Get("Stripe-Signature"), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			stamp = value
		case "v1":
			s.signatures = appendHex(s.signatures, value)
		}
	}
	var ok bool
	if s.at, ok = seconds(stamp); !ok {
		return nil
	}
	s.before = stamp + "."
	return s
}

func showStandard(r *http.Request) *shown {
	prefix := "Webhook-"
	if r.Header.Get(prefix+"Signature") == "" {
		prefix = "Svix-" // whose scheme became the standard
	}
	id, stamp := r.Header.Get(prefix+"Id"), r.Header.Get(prefix+"Timestamp")
	at, ok := seconds(stamp)
	if !ok || id == "" {
		return nil
	}
	s := &shown{before: id + "." + stamp + ".", at: at, key: standardKey}
	for part := range strings.FieldsSeq(r.Header.Get(prefix + "Signature")) {
		encoded, ok := strings.CutPrefix(part, "v1,")
		if mac, err := base64.StdEncoding.DecodeString(encoded); ok && err == nil && len(s.signatures) < maxSignatures {
			s.signatures = append(s.signatures, mac)
		}
	}
	return s
}

// standardKey decodes a secret that is written as the standard says.
func standardKey(secret string) []byte {
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			return key
		}
	}
	return []byte(secret)
}

func showToken(r *http.Request) *shown {
	if token := r.URL.Query().Get("token"); token != "" {
		return &shown{secret: token}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	return &shown{secret: strings.TrimSpace(token)}
}

func appendHex(signatures [][]byte, s string) [][]byte {
	if mac, err := hex.DecodeString(s); err == nil && len(signatures) < maxSignatures {
		return append(signatures, mac)
	}
	return signatures
}

func seconds(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// notAdmitted says why a request is not let in.
type notAdmitted struct {
	reason Reason
	what   string
}

func (n *notAdmitted) Error() string { return n.what }

// precheck refuses what cannot be right, before the body is read.
func (h *Handler) precheck(r *http.Request, hook *Hook) error {
	s := schemes[hook.Scheme](r)
	switch {
	case s == nil || s.secret == "" && len(s.signatures) == 0:
		return &notAdmitted{Unsigned, "signature: required, found none of scheme " + string(hook.Scheme)}
	case s.secret != "" && !knows(hook.Secrets, s.secret):
		return &notAdmitted{Wrong, "secret: is not the one of this webhook"}
	case !s.at.IsZero() && h.cfg.Now().Sub(s.at).Abs() > tolerance:
		return &notAdmitted{Late, fmt.Sprintf("timestamp: found %s, expected the present time within %v", s.at.UTC().Format(time.RFC3339), tolerance)}
	}
	return nil
}

// check refuses a body that is not signed with one of the hook's secrets.
func (h *Handler) check(r *http.Request, hook *Hook, b []byte) error {
	s := schemes[hook.Scheme](r)
	if s.secret != "" { // it was compared before
		return nil
	}
	right := 0
	for _, secret := range hook.Secrets {
		key := []byte(secret)
		if s.key != nil {
			key = s.key(secret)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(s.before))
		mac.Write(b)
		sum := mac.Sum(nil)
		for _, signature := range s.signatures {
			right |= subtle.ConstantTimeCompare(sum, signature)
		}
	}
	if right == 0 {
		return &notAdmitted{Wrong, "signature: is not that of this body with the secret of this webhook"}
	}
	return nil
}

// knows compares digests, so that the time says nothing of the secrets' length.
func knows(secrets []string, shown string) bool {
	right := 0
	found := sha256.Sum256([]byte(shown))
	for _, secret := range secrets {
		want := sha256.Sum256([]byte(secret))
		right |= subtle.ConstantTimeCompare(want[:], found[:])
	}
	return right == 1
}
