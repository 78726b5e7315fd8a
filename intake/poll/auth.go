package poll

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// An Auth puts credentials on requests. Its zero value puts none. Its functions
// may be called concurrently.
type Auth struct {
	// Sign adds credentials to r, whose body is body.
	Sign func(ctx context.Context, r *http.Request, body []byte) error
	// Refused is called when the system did not accept them (401); nil if
	// nothing can be done about it.
	Refused func()
}

// Header returns an Auth that sets a header to prefix and the secret at ref:
// "Authorization", "SSWS " for Okta, "Token token=" for PagerDuty.
func (s *Secrets) Header(name, prefix, ref string) Auth {
	return Auth{Sign: func(_ context.Context, r *http.Request, _ []byte) error {
		v, err := s.Get(ref)
		if err == nil {
			r.Header.Set(name, prefix+v)
		}
		return err
	}}
}

// Bearer returns an Auth that sends the token at ref.
func (s *Secrets) Bearer(ref string) Auth { return s.Header("Authorization", "Bearer ", ref) }

// Basic returns an Auth that sends a user's name and the password at ref.
func (s *Secrets) Basic(user, ref string) Auth {
	return Auth{Sign: func(_ context.Context, r *http.Request, _ []byte) error {
		v, err := s.Get(ref)
		if err != nil {
			return err
		}
		s.Note(base64.StdEncoding.EncodeToString([]byte(user + ":" + v)))
		r.SetBasicAuth(user, v)
		return nil
	}}
}

// ClientCredentials says where tokens of OAuth 2.0 come from (RFC 6749 section
// 4.4), as Microsoft Graph wants them.
type ClientCredentials struct {
	TokenURL string
	ClientID string
	Secret   string // a reference: env:NAME or file:/path
	Scope    string // such as https://graph.microsoft.com/.default
	// HTTP sends the requests for tokens; nil: a client with a time limit.
	HTTP *http.Client
	// Now is the time of day; nil: time.Now.
	Now func() time.Time
}

// OAuth2 returns an Auth that gets tokens as c says, and keeps each until a
// minute before it expires or is refused.
func (s *Secrets) OAuth2(c ClientCredentials) Auth {
	t := newTokens(s, c.HTTP, c.Now)
	t.ask = func() (string, url.Values, error) {
		secret, err := s.Get(c.Secret)
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {secret}}
		if c.Scope != "" {
			form.Set("scope", c.Scope)
		}
		return c.TokenURL, form, err
	}
	return Auth{Sign: t.sign, Refused: t.drop}
}

// tokens gets tokens and keeps the last.
type tokens struct {
	secrets *Secrets
	http    *http.Client
	now     func() time.Time
	ask     func() (address string, form url.Values, err error)

	mu      sync.Mutex
	token   string
	expires time.Time
}

func newTokens(s *Secrets, client *http.Client, now func() time.Time) *tokens {
	t := &tokens{secrets: s, http: client, now: now}
	if t.http == nil {
		t.http = &http.Client{Timeout: time.Minute}
	}
	if t.now == nil {
		t.now = time.Now
	}
	return t
}

func (t *tokens) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = ""
}

func (t *tokens) sign(ctx context.Context, r *http.Request, _ []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == "" || !t.now().Before(t.expires) {
		if err := t.fetch(ctx); err != nil {
			return fmt.Errorf("get token: %w", err)
		}
	}
	r.Header.Set("Authorization", "Bearer "+t.token)
	return nil
}

// fetch gets a token. Its errors hold nothing that was sent.
func (t *tokens) fetch(ctx context.Context) error {
	address, form, err := t.ask()
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("the token's URL cannot be used")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := t.http.Do(r)
	if err != nil {
		return bare(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return bare(err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK || answer.Token == "" {
		return fmt.Errorf("%s answers %d %.60q", r.URL.Host, resp.StatusCode, answer.Error)
	}
	t.secrets.Note(answer.Token)
	t.token = answer.Token
	t.expires = t.now().Add(time.Duration(max(answer.Expires-60, 0)) * time.Second)
	return nil
}

// bare returns err without the URL that package http puts around it.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
