package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/client"
	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/server"
)

func open(t *testing.T, c server.Config) *server.Server {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// run serves until the test ends and returns the address.
func run(t *testing.T, s *server.Server) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	addr, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() { done <- s.Run(ctx, func(a net.Addr) { addr <- a }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case a := <-addr:
		return a.String()
	case err := <-done:
		done <- nil
		t.Fatal(err)
		return ""
	}
}

// owner is a client that holds the data itself.
func owner(s *server.Server) *client.Client {
	return &client.Client{Server: "http://localhost", HTTP: &http.Client{Transport: s.Transport()}}
}

func ev(id string) event.Event {
	return event.Event{
		ID: id, Source: "app/billing", OccurredAt: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC), Actor: event.Actor{Type: event.User, ID: "ana"},
		Action: "doc.read", Category: event.Data, Outcome: event.Success, Detail: []byte(`{"n":1}`),
	}
}

func TestWhereItMayListen(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	f := func(what string, c server.Config, makeKey bool, want string) {
		t.Helper()
		s := open(t, c)
		if makeKey {
			if _, _, err := owner(s).CreateKey(t.Context(), "test", client.Scope{Read: true}, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Run(ctx, func(net.Addr) { cancel() })
		cancel()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	f("loopback", server.Config{Listen: "127.0.0.1:0"}, false, "")
	f("loopback by name", server.Config{Listen: "localhost:0"}, false, "")
	f("everywhere", server.Config{Listen: ":0"}, false, "--tls-cert")
	f("everywhere, with keys", server.Config{Listen: "0.0.0.0:0"}, true, "--tls-cert")
	f("everywhere, TLS", server.Config{Listen: ":0", TLSCert: cert, TLSKey: key}, false, "no key")
	f("everywhere, TLS and a key", server.Config{Listen: ":0", TLSCert: cert, TLSKey: key}, true, "")
	f("behind a proxy", server.Config{Listen: "127.0.0.1:0", BehindProxy: true}, false, "no key")
	f("behind a proxy, with a key", server.Config{Listen: "127.0.0.1:0", BehindProxy: true}, true, "")
	f("half of TLS", server.Config{Listen: "127.0.0.1:0", TLSCert: cert}, false, "--tls-key")
}

func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv6loopback, net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestOverTLS(t *testing.T) {
	cert, key := certificate(t, t.TempDir())
	s := open(t, server.Config{Listen: "127.0.0.1:0", TLSCert: cert, TLSKey: key})
	addr := run(t, s)
	pool := x509.NewCertPool()
	b, err := os.ReadFile(cert)
	if err != nil || !pool.AppendCertsFromPEM(b) {
		t.Fatal(err)
	}
	c := &client.Client{Server: "https://" + addr, HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}}
	if a, err := c.Send(t.Context(), []event.Event{ev("a")}); err != nil || a.Accepted != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	resp, err := c.HTTP.Get("https://" + addr + "/healthz")
	if err != nil || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%v %+v", err, resp)
	}
	resp.Body.Close()
}

// TestClient goes through the SDK, over the network and in the process.
func TestClient(t *testing.T) {
	s := open(t, server.Config{Listen: "127.0.0.1:0"})
	clients := map[string]*client.Client{"network": {Server: "http://" + run(t, s)}, "process": owner(s)}
	for name, c := range clients {
		a, err := c.Send(t.Context(), []event.Event{ev(name + "-1"), ev(name + "-2"), {Source: "app/x"}})
		if err != nil || a.Accepted != 2 || len(a.Refused) != 1 || a.Refused[0].Line != 3 || len(a.Receipts) != 2 {
			t.Fatalf("%s: %+v, %v", name, a, err)
		}
		if a, err := c.Deliver(t.Context(), client.Delivery{Body: []byte(`{"Records":[]}`), Source: "aws.cloudtrail/prod", Atomic: true}); err != nil || a.Accepted != 0 {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		p, err := c.Search(t.Context(), client.Query{Filter: "id:" + name + "-1"})
		if err != nil || len(p.Events) != 1 || p.Events[0].Seq != a.Receipts[0].Seq || p.Events[0].Leaf != a.Receipts[0].Leaf {
			t.Fatalf("%s: %+v, %v", name, p, err)
		}
		e, err := p.Events[0].Event()
		if err != nil || e.ID != name+"-1" || string(e.Detail) != `{"n":1}` {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		got, err := c.Get(t.Context(), p.Events[0].Seq)
		if err != nil || got.Event.Seq != p.Events[0].Seq || got.Body == nil || len(got.Keys) != 2 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if found, err := c.Find(t.Context(), "app/billing", name+"-1"); err != nil || found.Leaf != got.Leaf {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
		if n, err := c.Count(t.Context(), "id:"+name+"-*"); err != nil || n != 2 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if h, err := c.Histogram(t.Context(), "id:"+name+"-*", "1d"); err != nil || h.Total != 2 || len(h.Buckets) != 1 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		if f, err := c.Facets(t.Context(), "id:"+name+"-*", []string{"source"}, 3); err != nil || len(f) != 1 || f[0].Values[0].Count != 2 {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if st, err := c.Status(t.Context()); err != nil || st.Size < 2 || len(st.Sources) == 0 {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
		n := 0
		for _, err := range c.All(t.Context(), "source:app/billing") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n < 2 {
			t.Errorf("%s: all are %d", name, n)
		}
		_, err = c.Search(t.Context(), client.Query{Filter: "action:("})
		if e, ok := err.(*client.Error); !ok || e.Status != 400 || e.Offset == nil || !strings.Contains(e.Error(), "filter") {
			t.Errorf("%s: error %v", name, err)
		}
		f, err := os.Create(filepath.Join(t.TempDir(), "pack.zip"))
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if n, err := c.Pack(t.Context(), client.PackRequest{From: from, Until: from.AddDate(0, 1, 0)}, f); err != nil || n < 1000 {
			t.Errorf("%s: pack of %d bytes, %v", name, n, err)
		}
		f.Close()
		if err := proof.VerifyPack(os.DirFS(filepath.Dir(f.Name())), "pack.zip", s.Trail().Keys(), io.Discard); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := clients["network"]
	k, token, err := c.CreateKey(t.Context(), "test", client.Scope{Append: []string{"app/*"}}, time.Now().Add(time.Hour))
	if err != nil || k.ExpiresAt == nil {
		t.Fatal(k, err)
	}
	if _, err := c.Count(t.Context(), ""); err == nil {
		t.Error("open, though there is a key")
	}
	c.Key = token
	if _, err := c.Count(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if keys, err := clients["process"].Keys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("%+v %v", keys, err)
	}
	if k, err := clients["process"].RevokeKey(t.Context(), k.ID); err != nil || k.Active {
		t.Errorf("%+v %v", k, err)
	}
}

// TestPagesAndTiles: everything but what says nothing is behind the keys.
func TestPagesAndTiles(t *testing.T) {
	s := open(t, server.Config{Listen: "127.0.0.1:0"})
	addr := run(t, s)
	if _, err := owner(s).Send(t.Context(), []event.Event{ev("a")}); err != nil {
		t.Fatal(err)
	}
	status := func(path, user, password string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequest("GET", "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			req.SetBasicAuth(user, password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b), resp.Header
	}
	paths := []string{"/", "/trail", "/packs/new", "/events/0", "/checkpoint", "/tile/0/000.p/1", "/tile/entries/000.p/1", "/v1/status", "/metrics"}
	for _, path := range paths {
		if code, text, _ := status(path, "", ""); code != 200 {
			t.Errorf("%s: %d %.200s", path, code, text)
		}
	}
	if code, text, _ := status("/?q=source%3Aapp%2Fbilling", "", ""); code != 200 || !strings.Contains(text, "doc.read") {
		t.Errorf("search page: %d", code)
	}
	if code, _, _ := status("/nothing", "", ""); code != 404 {
		t.Errorf("an unknown page: %d", code)
	}
	_, token, err := owner(s).CreateKey(t.Context(), "reader", client.Scope{Read: true}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	_, appender, err := owner(s).CreateKey(t.Context(), "appender", client.Scope{Append: []string{"*"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		code, _, header := status(path, "", "")
		if code != 401 || header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s without a key: %d", path, code)
		}
		if code, _, _ := status(path, "anybody", token); code != 200 {
			t.Errorf("%s with a key: %d", path, code)
		}
		if code, _, _ := status(path, "anybody", appender); code != 403 {
			t.Errorf("%s with a key that may not read: %d", path, code)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.yaml"} {
		if code, _, _ := status(path, "", ""); code != 200 {
			t.Errorf("%s: %d", path, code)
		}
	}
}

func TestSecondServerOnTheSameFolder(t *testing.T) {
	dir := t.TempDir()
	open(t, server.Config{Dir: dir})
	if _, err := server.Open(t.Context(), server.Config{Dir: dir}); err == nil {
		t.Error("two servers on one folder")
	}
}

func TestNightlyCheckIsRecorded(t *testing.T) {
	s := open(t, server.Config{Listen: "127.0.0.1:0", CheckEvery: 50 * time.Millisecond})
	run(t, s)
	c := owner(s)
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		st, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.LastCheck != nil {
			if !st.LastCheck.OK {
				t.Errorf("%+v", st.LastCheck)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("no check was recorded")
}

func TestReopened(t *testing.T) {
	dir := t.TempDir()
	s, err := server.Open(t.Context(), server.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := owner(s).Send(t.Context(), []event.Event{ev("a"), ev("b")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := owner(s).CreateKey(t.Context(), "test", client.Scope{Read: true}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, server.Config{Dir: dir})
	if n, err := owner(s).Count(t.Context(), "source:app/billing"); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if keys, err := owner(s).Keys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("%+v, %v", keys, err)
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
