package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/webhook"
	"example.com/evident/source"
	"example.com/evident/source/azureactivity"
	"example.com/evident/source/github"
	"example.com/evident/source/gitlab"
	"example.com/evident/source/kubernetesaudit"
	"example.com/evident/source/log"
	"example.com/evident/source/okta"
	"example.com/evident/trail"
)

const (
	oldSecret = "the secret of last year"
	secret    = "the secret of this year"
)

var kinds = []source.Kind{log.Kind, github.Kind, gitlab.Kind, okta.Kind, kubernetesaudit.Kind, azureactivity.Kind}

// now is when every request arrives.
var now = time.Unix(1772357400, 0)

type rig struct {
	*webhook.Handler
	trail   *trail.Trail
	full    atomic.Bool // the disk
	refused []string
	t       testing.TB
}

func open(t testing.TB, bytes int64) *rig {
	t.Helper()
	r := &rig{t: t}
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail", Fault: func(op, _ string) error {
		if op == "write" && r.full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	r.trail = tr
	var hooks []webhook.Hook
	for _, name := range []string{"github/acme", "gitlab/acme", "okta/acme", "slack/acme", "stripe/acme", "shop/acme", "azure.activity/acme", "app/erp"} {
		hooks = append(hooks, webhook.Hook{Source: name, Secrets: []string{oldSecret, secret}})
	}
	hooks = append(hooks, webhook.Hook{Source: "std/acme", Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString([]byte(secret))}})
	hooks[len(hooks)-2].Scheme = webhook.Token
	r.Handler, err = webhook.New(webhook.Config{
		Intake: intake.New(intake.Config{Trail: tr, Kinds: kinds}), Bodies: body.New(bytes), Admit: admit, Hooks: hooks,
		Now:     func() time.Time { return now },
		Refused: func(source string, why webhook.Reason) { r.refused = append(r.refused, source+" "+string(why)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// admit knows one key that may append everything, and one that may not.
func admit(_ context.Context, c sender.Credential) (sender.Sender, error) {
	s := sender.Sender{Actor: event.Actor{Type: event.Service, ID: "key"}}
	switch c.Token {
	case "":
		return s, sender.ErrNoToken
	case "evk_all":
		return s, nil
	case "evk_log":
		s.MayAppend = func(name string) bool { return strings.HasPrefix(name, "log/") }
		return s, nil
	case "evk_later":
		return s, errors.New("not now")
	}
	return s, sender.ErrToken
}

func (r *rig) do(method, path, text string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(method, "/v1/webhooks/"+path, strings.NewReader(text))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if (w.Code == 503) != (w.Header().Get("Retry-After") != "") {
		r.t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	return w
}

// raws returns "source raw" of the records that were added since size.
func (r *rig) raws(size uint64) (out []string) {
	r.t.Helper()
	for rec, err := range r.trail.Records(context.Background(), size, r.trail.Size()) {
		if err != nil {
			r.t.Fatal(err)
		}
		e, err := event.Parse(rec.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Source != "evident" {
			out = append(out, e.Source+" "+string(e.Raw))
		}
	}
	return out
}

// mac is what a sender makes of a body.
func mac(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexMAC(key, text string) string { return hex.EncodeToString(mac(key, text)) }

// signed returns the headers by which each scheme shows that it knows key, for
// text, when at is the time.
func signed(scheme webhook.Scheme, key, text string, at time.Time) []string {
	stamp := fmt.Sprint(at.Unix())
	switch scheme {
	case webhook.GitHub:
		return []string{"X-Hub-Signature-256", "sha256=" + hexMAC(key, text)}
	case webhook.GitLab:
		return []string{"X-Gitlab-Token", key}
	case webhook.Okta:
		return []string{"Authorization", key}
	case webhook.Slack:
		return []string{"X-Slack-Request-Timestamp", stamp, "X-Slack-Signature", "v0=" + hexMAC(key, "v0:"+stamp+":"+text)}
	case webhook.Stripe:
		return []string{"Stripe-Signature", "t=" + stamp + ",v1=" + hexMAC("another", stamp+"."+text) + ",v1=" + hexMAC(key, stamp+"."+text) + ",v0=00"}
	case webhook.Standard:
		return []string{"webhook-id", "msg_1", "webhook-timestamp", stamp, "webhook-signature", "v1a,AAAA v1," + base64.StdEncoding.EncodeToString(mac(key, "msg_1."+stamp+"."+text))}
	default:
		return []string{"Authorization", "Bearer " + key}
	}
}

// Each scheme lets in who knows a secret, and nobody else.
func TestSchemes(t *testing.T) {
	r := open(t, 0)
	bodies := map[string]string{
		"github/acme": `{"zen":"x","hook_id":%d}`, "okta/acme": `{"eventType":"com.okta.event_hook","data":{"events":[{"uuid":"u%d","published":"2026-03-01T09:30:00.000Z","eventType":"user.session.start","actor":{"id":"00u1","type":"User"},"outcome":{"result":"SUCCESS"}}]}}`,
		"azure.activity/acme": `{"records":[{"n":%d}]}`, "app/erp": `{"id":"%d","occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},"action":"invoice.void","category":"data","outcome":"success"}`,
	}
	n := 0
	f := func(source string, scheme webhook.Scheme) {
		t.Helper()
		format := bodies[source]
		if format == "" {
			format = `{"n":%d}`
		}
		next := func() string { n++; return fmt.Sprintf(format, n) }
		try := func(what string, status int, reason webhook.Reason, text string, header ...string) {
			t.Helper()
			size := r.trail.Size()
			r.refused = nil
			w := r.do("POST", source, text, header...)
			stored := 0
			if status == 200 && reason == "" {
				stored = 1
			}
			if w.Code != status || len(r.raws(size)) != stored {
				t.Errorf("%s, %s: %d %s, %d stored", source, what, w.Code, w.Body, len(r.raws(size)))
			}
			if got := strings.Join(r.refused, ","); got != strings.TrimSuffix(source+" "+string(reason), source+" ") {
				t.Errorf("%s, %s: refused %q, want %q", source, what, got, reason)
			}
		}
		text := next()
		try("the old secret", 200, "", text, signed(scheme, oldSecret, text, now)...)
		text = next()
		try("the new secret", 200, "", text, signed(scheme, secret, text, now)...)
		try("the same again", 200, webhook.Replayed, text, signed(scheme, secret, text, now)...)
		text = next()
		try("nothing", 401, webhook.Unsigned, text)
		try("another secret", 401, webhook.Wrong, text, signed(scheme, "guess", text, now)...)
		switch scheme {
		case webhook.GitHub, webhook.Slack, webhook.Stripe, webhook.Standard:
			try("another body", 401, webhook.Wrong, text+" ", signed(scheme, secret, text, now)...)
		}
		switch scheme {
		case webhook.Slack, webhook.Stripe, webhook.Standard:
			try("signed long ago", 403, webhook.Late, text, signed(scheme, secret, text, now.Add(-6*time.Minute))...)
			try("signed in the future", 403, webhook.Late, text, signed(scheme, secret, text, now.Add(6*time.Minute))...)
			try("signed a while ago", 200, "", text, signed(scheme, secret, text, now.Add(-4*time.Minute))...)
			old := signed(scheme, secret, text, now.Add(-6*time.Minute))
			fresh := signed(scheme, secret, text, now)
			for i := 0; i < len(old); i += 2 {
				if strings.Contains(strings.ToLower(old[i]), "timestamp") {
					old[i+1] = fresh[i+1]
					try("an old signature with a new time", 401, webhook.Wrong, text, old...)
				}
			}
		}
	}
	f("github/acme", webhook.GitHub)
	f("gitlab/acme", webhook.GitLab)
	f("okta/acme", webhook.Okta)
	f("slack/acme", webhook.Slack)
	f("stripe/acme", webhook.Stripe)
	f("azure.activity/acme", webhook.Token)
	f("app/erp", webhook.Token)
	bodies["shop/acme"] = `{"m":%d}`
	n = 100
	// A message of the standard has an id, under which another body is another event.
	text := `{"m":1}`
	for i, key := range []string{oldSecret, secret} {
		if w := r.do("POST", "shop/acme", text, signed(webhook.Standard, key, text, now)...); w.Code != 200 || !strings.Contains(w.Body.String(), fmt.Sprintf(`{"accepted":%d,"duplicates":%d}`, 1-i, i)) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if w := r.do("POST", "std/acme", text, signed(webhook.Standard, secret, text, now)...); w.Code != 200 {
		t.Errorf("a secret as the standard writes it: %d %s", w.Code, w.Body)
	}
	for what, header := range map[string][]string{
		"an old time":       signed(webhook.Standard, secret, text, now.Add(-6*time.Minute)),
		"another id":        append(signed(webhook.Standard, secret, text, now), "webhook-id", "msg_2"),
		"no id":             append(signed(webhook.Standard, secret, text, now), "webhook-id", ""),
		"no time":           append(signed(webhook.Standard, secret, text, now), "webhook-timestamp", ""),
		"another version":   {"webhook-id", "a", "webhook-timestamp", fmt.Sprint(now.Unix()), "webhook-signature", "v2,AAAA"},
		"half a signature":  {"webhook-id", "a", "webhook-timestamp", fmt.Sprint(now.Unix()), "webhook-signature", "v1,AAAA"},
		"an empty MAC":      {"webhook-id", "a", "webhook-timestamp", fmt.Sprint(now.Unix()), "webhook-signature", "v1,"},
		"a time far beyond": {"webhook-id", "a", "webhook-timestamp", "9223372036854775807", "webhook-signature", "v1,AAAA"},
	} {
		if w := r.do("POST", "shop/acme", text, header...); w.Code != 401 && w.Code != 403 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
}

func TestRaws(t *testing.T) {
	r := open(t, 0)
	f := func(what, path, text string, want []string, header ...string) {
		t.Helper()
		size := r.trail.Size()
		w := r.do("POST", path, text, header...)
		if got := r.raws(size); w.Code != 200 || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %d %s\ngot  %s\nwant %s", what, w.Code, w.Body, got, want)
		}
	}
	payload := "{ \"action\" : \"created\",\n \"sender\": {\"login\":\"ana\",\"id\":7} }"
	github := append(signed(webhook.GitHub, secret, payload, now), "X-GitHub-Event", "member", "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	f("GitHub", "github/acme", payload, []string{`github/acme {"event":"member","delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958","payload":` + payload + `}`}, github...)
	f("GitHub, delivered again", "github/acme", payload, nil, github...)
	form := "payload=" + url.QueryEscape(payload)
	f("GitHub, as a form", "github/acme", form, []string{`github/acme {"event":"member","delivery":"8","payload":` + payload + `}`},
		append(signed(webhook.GitHub, secret, form, now), "X-GitHub-Event", "member", "X-GitHub-Delivery", "8", "Content-Type", "application/x-www-form-urlencoded")...)
	f("GitHub, no JSON", "github/acme", `say "x"`, []string{`github/acme {"event":"member","payload":"say \"x\""}`}, append(signed(webhook.GitHub, secret, `say "x"`, now), "X-GitHub-Event", "member")...)
	push := `{"object_kind":"push","user_username":"ana"}`
	f("GitLab", "gitlab/acme", push, []string{`gitlab/acme {"event":"Push Hook","delivery":"13792a34-cac6-4fda-95a8-c58e00a3954e","payload":` + push + `}`},
		"X-Gitlab-Token", secret, "X-Gitlab-Event", "Push Hook", "X-Gitlab-Event-UUID", "13792a34-cac6-4fda-95a8-c58e00a3954e")
	f("GitLab with a signing token", "gitlab/acme", push, []string{`gitlab/acme {"event":"Push Hook","delivery":"msg_1","payload":` + push + `}`},
		append(signed(webhook.Standard, secret, push, now), "X-Gitlab-Event", "Push Hook")...)
	f("any other", "stripe/acme", `{"id":"evt_1"}`, []string{`log/stripe_acme {"id":"evt_1"}`}, signed(webhook.Stripe, secret, `{"id":"evt_1"}`, now)...)

	audit := func(id string) string {
		return `{"level":"Metadata","auditID":"` + id + `","stage":"ResponseComplete","requestURI":"/api/v1/namespaces","verb":"create","user":{"username":"ana"},"objectRef":{"resource":"namespaces","name":"x"},"requestReceivedTimestamp":"2026-03-01T09:30:00.000000Z","stageTimestamp":"2026-03-01T09:30:00.100000Z"}`
	}
	list := `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + audit("a") + `,` + audit("b") + `]}`
	f("Kubernetes, with a key", "kubernetes.audit/prod", list, []string{"kubernetes.audit/prod " + audit("a"), "kubernetes.audit/prod " + audit("b")}, "Authorization", "Bearer evk_all")
	f("Kubernetes, again", "kubernetes.audit/prod", list, nil, "Authorization", "Bearer evk_all")
}

func TestHandshakes(t *testing.T) {
	r := open(t, 0)
	f := func(what, method, path, text string, status int, answer string, header ...string) {
		t.Helper()
		w := r.do(method, path, text, header...)
		if w.Code != status || answer != "" && w.Body.String() != answer {
			t.Errorf("%s: %d %s; want %d %s", what, w.Code, w.Body, status, answer)
		}
	}
	f("Okta", "GET", "okta/acme", "", 200, `{"verification":"a \"challenge\""}`, "X-Okta-Verification-Challenge", `a "challenge"`, "Authorization", secret)
	f("Okta, a stranger", "GET", "okta/acme", "", 401, "", "X-Okta-Verification-Challenge", `a`, "Authorization", "guess")
	f("Okta, no challenge", "GET", "okta/acme", "", 405, "", "Authorization", secret)
	text := `{"token":"x","challenge":"3eZbrw1a","type":"url_verification"}`
	f("Slack", "POST", "slack/acme", text, 200, `{"challenge":"3eZbrw1a"}`, signed(webhook.Slack, secret, text, now)...)
	f("Slack, a stranger", "POST", "slack/acme", text, 401, "", signed(webhook.Slack, "guess", text, now)...)
	grid := `[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]`
	f("Event Grid", "POST", "azure.activity/acme?token="+url.QueryEscape(secret), grid, 200, `{"validationResponse":"512d38b6"}`)
	f("Event Grid, a stranger", "POST", "azure.activity/acme?token=guess", grid, 401, "")
	f("CloudEvents", "OPTIONS", "azure.activity/acme?token="+url.QueryEscape(secret), "", 200, "", "WebHook-Request-Origin", "eventgrid.example.com")
	f("CloudEvents, a stranger", "OPTIONS", "azure.activity/acme", "", 401, "", "WebHook-Request-Origin", "eventgrid.example.com")
	if raws := r.raws(0); len(raws) > 0 {
		t.Errorf("stored: %s", raws)
	}
}

func TestRefusals(t *testing.T) {
	r := open(t, 1<<20)
	f := func(what, path, text string, status int, header ...string) {
		t.Helper()
		if w := r.do("POST", path, text, header...); w.Code != status {
			t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, status)
		}
	}
	f("no source", "", "{}", 404)
	f("half a source", "github", "{}", 404)
	f("a source that is none", "Git_Hub/x", "{}", 404)
	f("our own", "evident", "{}", 404)
	f("our own, with a name", "evident/x", "{}", 404, "Authorization", "Bearer evk_all")
	f("no hook and no key", "github/other", "{}", 401)
	f("another key", "github/other", "{}", 401, "Authorization", "Bearer evk_none")
	f("a key that cannot be checked", "github/other", "{}", 503, "Authorization", "Bearer evk_later")
	f("another source", "okta/other", "{}", 403, "Authorization", "Bearer evk_log")
	f("a key in place of the secret", "github/acme", "{}", 401, "Authorization", "Bearer evk_all")
	f("not the schema", "app/erp", `{"action":"x"}`, 422, "Authorization", "Bearer "+secret)
	f("more than the memory", "stripe/acme", strings.Repeat(" ", 2<<20), 503, signed(webhook.Stripe, "guess", "", now)...)
	r.full.Store(true)
	f("a full disk", "gitlab/acme", "{}", 503, "X-Gitlab-Token", secret)
	f("a full disk", "okta/acme", "{}", 503, "Authorization", secret)
	r.full.Store(false)
	if raws := r.raws(0); len(raws) > 0 {
		t.Errorf("stored: %s", raws)
	}
}

func TestTooLarge(t *testing.T) {
	r := open(t, 0)
	if w := r.do("POST", "stripe/acme", strings.Repeat(" ", webhook.MaxBytes+1), signed(webhook.Stripe, "guess", "", now)...); w.Code != 413 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNew(t *testing.T) {
	f := func(hooks ...webhook.Hook) {
		t.Helper()
		if _, err := webhook.New(webhook.Config{Hooks: hooks}); err == nil {
			t.Errorf("%+v was taken", hooks)
		}
	}
	good := webhook.Hook{Source: "github/acme", Secrets: []string{secret}}
	f(webhook.Hook{Source: "github", Secrets: []string{secret}})
	f(webhook.Hook{Source: "evident/x", Secrets: []string{secret}})
	f(webhook.Hook{Source: "github/acme"})
	f(webhook.Hook{Source: "github/acme", Secrets: []string{secret, ""}})
	f(webhook.Hook{Source: "github/acme", Secrets: []string{secret}, Scheme: "none"})
	f(good, good)
}

func FuzzPost(f *testing.F) {
	f.Add("github/acme", []byte(`{"action":"x"}`), "t=1772357400,v1=00", "1772357400")
	f.Add("slack/acme", []byte(`{"type":"url_verification","challenge":7}`), "v0=", "x")
	f.Add("azure.activity/acme", []byte(`[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]`), "v1,AA v1,", "")
	r := open(f, 0)
	f.Fuzz(func(t *testing.T, source string, text []byte, signature, stamp string) {
		if strings.ContainsAny(source, "?#% \x7f") || !strings.Contains("github/acme gitlab/acme okta/acme slack/acme stripe/acme shop/acme azure.activity/acme app/erp", source) {
			return
		}
		r.t = t
		headers := []string{"X-Slack-Request-Timestamp", stamp, "Webhook-Timestamp", stamp, "Webhook-Id", "a"}
		for _, h := range []string{"X-Hub-Signature-256", "X-Slack-Signature", "Stripe-Signature", "Webhook-Signature", "Authorization", "X-Gitlab-Token"} {
			headers = append(headers, h, signature)
		}
		if w := r.do("POST", source, string(text), headers...); w.Code < 400 {
			t.Errorf("let in: %s %q", source, signature)
		}
		// What knows the secret is stored, whatever it is.
		r.do("POST", source, string(text), "Authorization", "Bearer "+secret, "X-Gitlab-Token", secret, "X-Hub-Signature-256", "sha256="+hexMAC(secret, string(text)), "X-GitHub-Event", stamp)
	})
}
