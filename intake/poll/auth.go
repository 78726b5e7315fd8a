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
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: time.Minute}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	t := tokens{secrets: s, from: c}
	return Auth{Sign: t.sign, Refused: t.drop}
}

type tokens struct {
	secrets *Secrets
	from    ClientCredentials

	mu      sync.Mutex
	token   string
	expires time.Time
}

func (t *tokens) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = ""
}

func (t *tokens) sign(ctx context.Context, r *http.Request, _ []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == "" || !t.from.Now().Before(t.expires) {
		if err := t.fetch(ctx); err != nil {
			return fmt.Errorf("get token: %w", err)
		}
	}
	r.Header.Set("Authorization", "Bearer "+t.token)
	return nil
}

// fetch gets a token. Its errors hold nothing that was sent.
func (t *tokens) fetch(ctx context.Context) error {
	secret, err := t.secrets.Get(t.from.Secret)
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.from.ClientID}, "client_secret": {secret}}
	if t.from.Scope != "" {
		form.Set("scope", t.from.Scope)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.from.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("the token's URL cannot be used")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := t.from.HTTP.Do(r)
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
	t.expires = t.from.Now().Add(time.Duration(max(answer.Expires-60, 0)) * time.Second)
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
