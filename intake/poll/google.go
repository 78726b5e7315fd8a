package poll

import (
	"bytes"
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
	"net/url"
	"time"
)

// ServiceAccount says how tokens of a Google service account are got (RFC 7523).
type ServiceAccount struct {
	// Key is a reference (file:/path, env:NAME) to the JSON of the account's key,
	// as Google Cloud gives it out.
	Key   string
	Scope string // separated by spaces
	// Subject is the administrator whom the account acts as, as Workspace's
	// Reports API wants it; empty: nobody.
	Subject string
	// HTTP sends the requests for tokens; nil: a client with a time limit.
	HTTP *http.Client
	// Now is the time of day; nil: time.Now.
	Now func() time.Time
}

// Google returns an Auth that gets tokens as a service account, and keeps each
// until a minute before it expires or is refused.
func (s *Secrets) Google(a ServiceAccount) Auth {
	t := newTokens(s, a.HTTP, a.Now)
	t.ask = func() (string, url.Values, error) { return a.assertion(s, t.now()) }
	return Auth{Sign: t.sign, Refused: t.drop}
}

// assertion returns where to ask for a token, and with what.
func (a ServiceAccount) assertion(s *Secrets, now time.Time) (string, url.Values, error) {
	text, err := s.Get(a.Key)
	if err != nil {
		return "", nil, err
	}
	var key struct {
		Email    string `json:"client_email"`
		Private  string `json:"private_key"`
		ID       string `json:"private_key_id"`
		TokenURI string `json:"token_uri"`
	}
	if err := json.Unmarshal([]byte(text), &key); err != nil {
		return "", nil, errors.New("the key of the service account is not JSON")
	}
	s.Note(key.Private)
	signer, err := parseSigner([]byte(key.Private))
	if err != nil {
		return "", nil, err
	}
	claims := map[string]any{"iss": key.Email, "scope": a.Scope, "aud": key.TokenURI, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	if a.Subject != "" {
		claims["sub"] = a.Subject
	}
	signed, err := jwt(map[string]any{"alg": "RS256", "typ": "JWT", "kid": key.ID}, claims, signer)
	if err != nil {
		return "", nil, err
	}
	s.Note(signed)
	return key.TokenURI, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}}, nil
}

// parseSigner reads a private RSA key as PEM. Its errors hold nothing of it.
func parseSigner(b []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(bytes.TrimSpace(b))
	if block == nil {
		return nil, errors.New("the private key is not PEM")
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := k.(*rsa.PrivateKey); ok && err == nil {
		return key, nil
	}
	return nil, errors.New("the private key is not one of RSA")
}

// jwt returns a signed token (RFC 7519, RS256).
func jwt(head, claims map[string]any, key *rsa.PrivateKey) (string, error) {
	h, err := json.Marshal(head)
	if err != nil {
		return "", err
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
