package poll_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/evident/intake/poll"
	"example.com/evident/source"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const token = "S3CR3T-t0ken/with+odd=signs"

// serve answers with answer and returns a way to ask.
func serve(t *testing.T, auth func(*poll.Secrets) poll.Auth, answer http.HandlerFunc) func(path string) (*source.Response, error) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	secrets := &poll.Secrets{}
	client, err := poll.NewClient(poll.ClientConfig{Base: server.URL, Auth: auth(secrets), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return func(path string) (*source.Response, error) {
		if !strings.HasPrefix(path, "http") {
			path = server.URL + path
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(r)
	}
}

func TestCredentials(t *testing.T) {
	t.Setenv("POLL_TOKEN", token)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(name, header, want string, auth func(*poll.Secrets) poll.Auth) {
		t.Helper()
		var got string
		ask := serve(t, auth, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get(header) })
		if _, err := ask("/x"); err != nil || got != want {
			t.Errorf("%s: sent %q, %v", name, got, err)
		}
	}
	f("bearer from the environment", "Authorization", "Bearer "+token, func(s *poll.Secrets) poll.Auth { return s.Bearer("env:POLL_TOKEN") })
	f("bearer from a file", "Authorization", "Bearer "+token, func(s *poll.Secrets) poll.Auth { return s.Bearer("file:" + file) })
	f("a header", "Authorization", "SSWS "+token, func(s *poll.Secrets) poll.Auth { return s.Header("Authorization", "SSWS ", "env:POLL_TOKEN") })
	f("basic", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("ana:"+token)), func(s *poll.Secrets) poll.Auth { return s.Basic("ana", "env:POLL_TOKEN") })
	f("none", "Authorization", "", func(*poll.Secrets) poll.Auth { return poll.Auth{} })
}

func TestBadReferencesDoNotShowWhatStandsThere(t *testing.T) {
	var s poll.Secrets
	for _, ref := range []string{token, "x:" + token, "env:NO_SUCH_VARIABLE", "file:/no/such/file", ""} {
		if v, err := s.Get(ref); err == nil || v != "" || strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// TestNoErrorHoldsASecret: wherever the source or the network puts it.
func TestNoErrorHoldsASecret(t *testing.T) {
	t.Setenv("POLL_TOKEN", token)
	bearer := func(s *poll.Secrets) poll.Auth { return s.Bearer("env:POLL_TOKEN") }
	escaped := url.QueryEscape(token)
	f := func(name, path string, answer http.HandlerFunc) {
		t.Helper()
		_, err := serve(t, bearer, answer)(path)
		if err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), escaped) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuse := func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "your token "+r.Header.Get("Authorization")+" is bad", http.StatusForbidden)
	}
	f("in the answer", "/x", refuse)
	f("in the query", "/x?key="+escaped, refuse)
	f("in the path", "/x/"+url.PathEscape(token), refuse)
	f("in a redirect", "/x", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/?token="+escaped, http.StatusFound)
	})
	f("in the address of another", "https://elsewhere.example/?token="+escaped, refuse)
}

// broken is a network whose errors hold what was sent.
type broken struct{}

func (broken) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("proxy refuses %s with %s", r.URL, r.Header)
}

func TestNoErrorOfTheNetworkHoldsASecret(t *testing.T) {
	t.Setenv("POLL_TOKEN", token)
	synctest.Test(t, func(t *testing.T) {
		var s poll.Secrets
		client, err := poll.NewClient(poll.ClientConfig{Base: "https://api.example.com", Auth: s.Bearer("env:POLL_TOKEN"), Secrets: &s, Transport: broken{}})
		if err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.example.com/x?token="+url.QueryEscape(token), nil)
		_, err = client.Do(r)
		if err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), url.QueryEscape(token)) || !strings.Contains(err.Error(), "[secret]") {
			t.Errorf("%v", err)
		}
	})
}

// TestCredentialsGoNowhereElse: neither a link nor a redirect of the source can
// have them sent to another host.
func TestCredentialsGoNowhereElse(t *testing.T) {
	t.Setenv("POLL_TOKEN", token)
	leaked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked++ }))
	defer other.Close()
	ask := serve(t, func(s *poll.Secrets) poll.Auth { return s.Header("X-Key", "", "env:POLL_TOKEN") }, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/next", http.StatusFound)
	})
	if _, err := ask("/x"); err == nil {
		t.Error("followed a redirect to another host")
	}
	if _, err := ask(other.URL + "/next"); err == nil {
		t.Error("asked another host")
	}
	if leaked != 0 {
		t.Errorf("%d requests reached the other host", leaked)
	}
}

func TestAnswersThatAreFinal(t *testing.T) {
	n := 0
	ask := serve(t, func(*poll.Secrets) poll.Auth { return poll.Auth{} }, func(w http.ResponseWriter, _ *http.Request) {
		n++
		http.Error(w, "no such branch", http.StatusNotFound)
	})
	_, err := ask("/x?y")
	var status *source.StatusError
	if !errors.As(err, &status) || status.Response.Status != 404 || n != 1 || !strings.HasSuffix(err.Error(), "/x: 404: no such branch") {
		t.Errorf("%d requests, %v", n, err)
	}
}

func TestTokensAreFetchedKeptAndFetchedAgain(t *testing.T) {
	t.Setenv("POLL_SECRET", token)
	var forms []string
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		forms = append(forms, r.Form.Encode())
		fmt.Fprintf(w, `{"access_token":"issued-%d","expires_in":3600}`, len(forms))
	}))
	defer issuer.Close()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var got []string
	ask := serve(t, func(s *poll.Secrets) poll.Auth {
		return s.OAuth2(poll.ClientCredentials{TokenURL: issuer.URL, ClientID: "app", Secret: "env:POLL_SECRET", Scope: "all", Now: func() time.Time { return now }})
	}, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		if len(got) == 4 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	for range 2 {
		if _, err := ask("/x"); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Hour)
	for range 2 {
		if _, err := ask("/x"); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"Bearer issued-1", "Bearer issued-1", "Bearer issued-2", "Bearer issued-2", "Bearer issued-3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if want := (url.Values{"client_id": {"app"}, "client_secret": {token}, "grant_type": {"client_credentials"}, "scope": {"all"}}).Encode(); forms[0] != want {
		t.Errorf("asked for a token with %s", forms[0])
	}
}

func TestRefusedTokenRequestSaysNothingSecret(t *testing.T) {
	t.Setenv("POLL_SECRET", token)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":%q}`, token)
	}))
	defer issuer.Close()
	ask := serve(t, func(s *poll.Secrets) poll.Auth {
		return s.OAuth2(poll.ClientCredentials{TokenURL: issuer.URL, ClientID: "app", Secret: "env:POLL_SECRET"})
	}, func(http.ResponseWriter, *http.Request) {})
	if _, err := ask("/x"); err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "invalid_client") {
		t.Errorf("%v", err)
	}
}

func TestAWSRequestsAreSigned(t *testing.T) {
	var got http.Header
	chain := credentials.NewStaticV4("AKIDEXAMPLE", token, "session-"+token)
	ask := serve(t, func(s *poll.Secrets) poll.Auth { return s.AWS(chain, "eu-west-1", "iam") }, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		http.Error(w, r.Header.Get("X-Amz-Security-Token"), http.StatusForbidden)
	})
	_, err := ask("/?Action=GetAccountPasswordPolicy&Version=2010-05-08")
	if a := got.Get("Authorization"); !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(a, "/eu-west-1/iam/aws4_request") {
		t.Errorf("Authorization: %s", a)
	}
	if err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("%v", err)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, base := range []string{"", "api.example.com", "ftp://api.example.com", "https://ana:" + token + "@api.example.com"} {
		if _, err := poll.NewClient(poll.ClientConfig{Base: base}); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestServiceAccountsSignForTheirTokens(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var form url.Values
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.Form
		fmt.Fprint(w, `{"access_token":"issued","expires_in":3600}`)
	}))
	defer issuer.Close()
	account, err := json.Marshal(map[string]string{
		"client_email": "reader@example.com", "private_key_id": "k1", "token_uri": issuer.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("POLL_ACCOUNT", string(account))
	got := ""
	ask := serve(t, func(s *poll.Secrets) poll.Auth {
		return s.Google(poll.ServiceAccount{Key: "env:POLL_ACCOUNT", Scope: "a b", Subject: "admin@example.com"})
	}, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") })
	if _, err := ask("/x"); err != nil || got != "Bearer issued" || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		t.Fatalf("%q, %v, %v", got, form, err)
	}
	parts := strings.Split(form.Get("assertion"), ".")
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Error(err)
	}
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	for name, want := range map[string]string{"iss": "reader@example.com", "sub": "admin@example.com", "scope": "a b", "aud": issuer.URL} {
		if v := source.MemberText(claims, name); v != want {
			t.Errorf("%s: %q", name, v)
		}
	}
	t.Setenv("POLL_ACCOUNT", `{"private_key":"`+token+`"}`)
	bad := (&poll.Secrets{}).Google(poll.ServiceAccount{Key: "env:POLL_ACCOUNT"})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if err := bad.Sign(t.Context(), r, nil); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("%v", err)
	}
}
