package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/client"
	"example.com/evident/server"
)

// mappingFile makes a kind of which nobody knew before.
const mappingFile = `
kind: acme.door
framing: json
fields:
  id: /ev
  occurred_at: /at
  actor.id: /holder
  native_action: /type
  outcome: '="success"'
actions:
  OPENED: {action: door.open, category: access}
default: {action: door.other, category: system}
`

func freeAddr(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// await searches until filter finds n events.
func await(t *testing.T, s *server.Server, filter string, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found, err := owner(s).Count(t.Context(), filter)
		if err == nil && found == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s finds %d events (%v), want %d", filter, found, err, n)
		}
	}
}

// TestWays sends one event by each way that the configuration opens, to a
// running server, and finds it; what the policy masks is masked in all.
func TestWays(t *testing.T) {
	dir := t.TempDir()
	delivered := filepath.Join(dir, "bucket")
	if err := os.Mkdir(delivered, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(delivered, "a.json"), `{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"Root","principalId":"1","accountId":"1"},"eventTime":"2026-03-01T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventID":"e1","recipientAccountId":"1","eventType":"AwsApiCall"}]}`)
	log := write(t, filepath.Join(dir, "auth.log"), "<86>1 2026-03-01T10:00:00Z h1 sshd 1 - - Accepted password for alice from 203.0.113.7 port 22 ssh2\n")
	okta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "SSWS hunter2-okta" {
			t.Errorf("credentials are %q", r.Header.Get("Authorization"))
		}
		io.WriteString(w, `[{"uuid":"o1","published":"2026-03-01T10:00:00.000Z","eventType":"user.session.start","actor":{"id":"00u1","type":"User","alternateId":"ana@acme.example","displayName":"Ana"},"outcome":{"result":"SUCCESS"}}]`)
	}))
	defer okta.Close()
	t.Setenv("TEST_OKTA_TOKEN", "hunter2-okta")
	t.Setenv("TEST_HOOK_SECRET", "hunter2-hook")
	udp, tcp, grpc := freeAddr(t, "udp"), freeAddr(t, "tcp"), freeAddr(t, "tcp")
	s := open(t, server.Config{
		Listen: "127.0.0.1:0", OTLPGRPC: grpc,
		Mappings: []string{write(t, filepath.Join(dir, "door.yaml"), mappingFile)},
		Sources: []server.Source{
			{Name: "aws.cloudtrail/prod", Bucket: &server.Bucket{Folder: delivered, Every: 100 * time.Millisecond}},
			{Name: "linux/tail", Files: &server.Files{Paths: []string{log}}},
			{Name: "linux/net", Syslog: []server.Syslog{{Listen: udp, Over: "udp"}, {Listen: tcp, Over: "tcp"}}},
			{Name: "github/acme", Webhook: &server.Webhook{Secrets: []string{"env:TEST_HOOK_SECRET"}}},
			{Name: "okta/acme", Pull: &server.Pull{URL: okta.URL, Begin: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Auth: server.Auth{Header: "Authorization", Prefix: "SSWS ", Secret: "env:TEST_OKTA_TOKEN"}}},
		},
	})
	addr := "http://" + run(t, s)
	post := func(path, body string, header ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, addr+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
			t.Errorf("POST %s: %s: %s", path, resp.Status, b)
		}
	}
	dial := func(network, to, text string) {
		t.Helper()
		c, err := net.Dial(network, to)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	post("/v1/events?source=acme.door/hq", `{"ev":"1","at":"2026-03-01T10:00:00Z","holder":"ana","type":"OPENED"}`)
	post("/services/collector/event", `{"event":"password=hunter2","host":"h1","sourcetype":"nginx"}`)
	post("/elastic/_bulk", "{\"create\":{\"_index\":\"shop\"}}\n{\"message\":\"password=hunter2\"}\n", "Content-Type", "application/x-ndjson")
	post("/v1/logs", `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},"scopeLogs":[{"logRecords":[{"body":{"stringValue":"password=hunter2"}}]}]}]}`, "Content-Type", "application/json")
	hook := `{"action":"closed","number":5,"pull_request":{"merged":true}}`
	mac := hmac.New(sha256.New, []byte("hunter2-hook"))
	mac.Write([]byte(hook))
	post("/v1/webhooks/github/acme", hook, "X-Hub-Signature-256", fmt.Sprintf("sha256=%x", mac.Sum(nil)), "X-GitHub-Event", "pull_request", "X-GitHub-Delivery", "d1")
	dial("udp", udp, "<86>1 2026-03-01T10:00:00Z h2 sshd 1 - - Failed password for bob from 203.0.113.7 port 22 ssh2")
	dial("tcp", tcp, "<86>1 2026-03-01T10:00:00Z h3 sudo 1 - - carol : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/x --password=hunter2\n")

	for filter, n := range map[string]uint64{
		"source:acme.door/hq action:door.open": 1, "source:log/nginx": 1, "source:log/shop": 1, "source:log/cart": 1,
		"source:github/acme action:pull_request.merge": 1, "source:linux/tail action:session.start actor:alice": 1,
		"source:linux/net action:session.start actor:bob": 1, "source:linux/net action:command.run actor:carol": 1,
		"source:aws.cloudtrail/prod action:user.create": 1, "source:okta/acme action:session.start": 1, "action:unmapped": 0,
		"masked -source:evident": 4, "hunter2": 0,
	} {
		await(t, s, filter, n)
	}
	status, err := owner(s).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ways, masked := map[string]int{}, uint64(0)
	for _, src := range status.Sources {
		masked += src.Masked
		for _, c := range src.Connectors {
			ways[c.Way] += c.Accepted
			if c.Failures > 0 {
				t.Errorf("%s by %s fails: %s", src.Source, c.Way, c.LastError)
			}
		}
	}
	if ways["bucket"] != 1 || ways["files"] != 1 || ways["pull"] != 1 || ways["syslog"] != 2 || masked != 4 {
		t.Errorf("status says %v, and %d masked", ways, masked)
	}
}

// TestSourcesThatCannotBe are refused before anything runs.
func TestSourcesThatCannotBe(t *testing.T) {
	f := func(want string, list ...server.Source) {
		t.Helper()
		s, err := server.Open(t.Context(), server.Config{Dir: t.TempDir(), Sources: list})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("evident is the trail's own", server.Source{Name: "evident/x"})
	f("app/x stands twice", server.Source{Name: "app/x"}, server.Source{Name: "app/x"})
	f(`zone: found "Nowhere/City"`, server.Source{Name: "app/x", Zone: "Nowhere/City"})
	f("expected either folder, or bucket", server.Source{Name: "app/x", Bucket: &server.Bucket{}})
	f(`over: found "carrier pigeon"`, server.Source{Name: "app/x", Syslog: []server.Syslog{{Over: "carrier pigeon"}}})
	f("no API that is read", server.Source{Name: "linux/x", Pull: &server.Pull{URL: "https://api.example.com"}})
	f("found bearer and user", server.Source{Name: "okta/x", Pull: &server.Pull{URL: "https://api.example.com", Auth: server.Auth{Bearer: "env:A", User: "b"}}})
	f("TEST_NOT_SET is not set", server.Source{Name: "github/x", Webhook: &server.Webhook{Secrets: []string{"env:TEST_NOT_SET"}}})
	f("expected an absolute path", server.Source{Name: "linux/x", Files: &server.Files{Paths: []string{"log"}}})
}

// TestKeysGuardEveryWay sends with a key for another source by each way over
// HTTP, and with none.
func TestKeysGuardEveryWay(t *testing.T) {
	s := open(t, server.Config{Listen: "127.0.0.1:0"})
	_, token, err := owner(s).CreateKey(t.Context(), "other", client.Scope{Append: []string{"app/other"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	addr := "http://" + run(t, s)
	for path, body := range map[string]string{
		"/services/collector/event":        `{"event":"x","sourcetype":"nginx"}`,
		"/elastic/_bulk":                   "{\"create\":{\"_index\":\"shop\"}}\n{\"message\":\"x\"}\n",
		"/v1/logs":                         `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`,
		"/v1/webhooks/github/acme":         `{}`,
		"/v1/events?source=okta/acme":      `[]`,
		"/v1/webhooks/kubernetes.audit/k8": `{"kind":"EventList","items":[]}`,
	} {
		for _, auth := range []string{"", "Bearer evk_wrong", "Bearer " + token, "Splunk " + token} {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, addr+path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", auth)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if auth == "Bearer "+token || auth == "Splunk "+token {
				continue // let in, but for no source of these: see below
			}
			if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %q: %s: %s", path, auth, resp.Status, b)
			}
		}
	}
	if n, err := owner(s).Count(t.Context(), "-source:evident"); err != nil || n != 0 {
		t.Errorf("%d events came in by a key for another source (%v)", n, err)
	}
}
