package poll

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/evident/source"
)

// Limits of a client.
const (
	maxAnswerBytes  = 64 << 20
	maxRequestBytes = 1 << 20
	maxReasonBytes  = 200 // of an answer's text in an error
	tries           = 4   // of one request
	defaultTimeout  = time.Minute
	maxWait         = time.Minute // for a request inside Do; a longer wait is a *Later
)

// Later is a source that wants no requests before At.
type Later struct{ At time.Time }

func (e *Later) Error() string {
	return "rate limit: no requests before " + e.At.UTC().Format(time.RFC3339)
}

// ClientConfig is what a Client works with. Only Base is required.
type ClientConfig struct {
	// Base is the address of the API. Requests go there and nowhere else, so
	// that no answer can have credentials sent to somebody else's host.
	Base string
	// Hosts are others that requests may go to.
	Hosts   []string
	Auth    Auth
	Secrets *Secrets // whose values are masked in errors
	// Timeout is that of one try, the answer's body included; a minute if zero.
	Timeout   time.Duration
	Transport http.RoundTripper
	Now       func() time.Time
}

// A Client sends the requests of one connector. It may be used concurrently.
type Client struct {
	cfg   ClientConfig
	hosts []string
	http  *http.Client

	mu   sync.Mutex
	free time.Time // no request before, as the source asked
}

// NewClient returns a Client. It needs no closing.
func NewClient(c ClientConfig) (*Client, error) {
	base, err := url.Parse(c.Base)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, errors.New("base: expected an address such as https://api.example.com, without a user")
	}
	if c.Secrets == nil {
		c.Secrets = &Secrets{}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	cl := &Client{cfg: c, hosts: append(slices.Clone(c.Hosts), base.Host)}
	cl.http = &http.Client{Transport: c.Transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 5 || !slices.Contains(cl.hosts, r.URL.Host) || r.URL.Scheme != via[0].URL.Scheme {
			return errElsewhere
		}
		return nil
	}}
	return cl, nil
}

// API returns the system as a Pull sees it.
func (c *Client) API(settings map[string]string) *source.API {
	return &source.API{Base: strings.TrimSuffix(c.cfg.Base, "/"), Settings: settings, Do: c.Do, Now: c.cfg.Now}
}

// Mask returns text without the secrets that are known.
func (c *Client) Mask(text string) string { return c.cfg.Secrets.Mask(text) }

// errElsewhere says that a source wanted a request to go to another host.
var errElsewhere = errors.New("redirected to a host that is not of this source")

// Do is that of source.API. It tries again what may come right by itself, and
// waits up to a minute where the source asks for it; a longer wait is a *Later,
// an answer that is not 2xx a *source.StatusError.
func (c *Client) Do(r *http.Request) (*source.Response, error) {
	what := r.Method + " " + r.URL.Host + r.URL.EscapedPath()
	if !slices.Contains(c.hosts, r.URL.Host) {
		return nil, fmt.Errorf("%s: not a host of this source; nothing was sent", c.Mask(what))
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Mask(what), err)
	}
	renewed := false
	for try := 1; ; try++ {
		if err := c.wait(r.Context()); err != nil {
			return nil, err
		}
		resp, err := c.once(r, body)
		if err == nil && resp.Status/100 == 2 {
			c.pace(resp, try)
			return resp, nil
		}
		if ctxErr := r.Context().Err(); ctxErr != nil {
			return nil, ctxErr
		}
		again := err != nil && !errors.Is(err, errElsewhere) || err == nil && (resp.Status >= 500 || resp.Status == http.StatusRequestTimeout)
		if err == nil && c.pace(resp, try) {
			again = true
		}
		if err == nil && resp.Status == http.StatusUnauthorized && c.cfg.Auth.Refused != nil && !renewed {
			c.cfg.Auth.Refused()
			again, renewed = true, true
		}
		switch {
		case again && try < tries:
			c.hold(c.cfg.Now().Add(backoff(time.Second, 10*time.Second, try)))
		case err != nil:
			return nil, fmt.Errorf("%s: %s", c.Mask(what), c.Mask(bare(err).Error()))
		default:
			return nil, &source.StatusError{Response: resp, Request: c.Mask(what), Reason: c.Mask(reason(resp.Body))}
		}
	}
}

// reason is the beginning of an answer, if it is text.
func reason(body []byte) string {
	s := strings.ToValidUTF8(string(body[:min(len(body), maxReasonBytes)]), "")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}

func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes+1))
	if len(b) > maxRequestBytes {
		return nil, fmt.Errorf("the request is larger than %d bytes", maxRequestBytes)
	}
	return b, err
}

// once sends r and reads the answer whole.
func (c *Client) once(r *http.Request, body []byte) (*source.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), c.cfg.Timeout)
	defer cancel()
	try := r.Clone(ctx)
	try.Body, try.ContentLength = nil, int64(len(body))
	if len(body) > 0 {
		try.Body = io.NopCloser(bytes.NewReader(body))
	}
	if c.cfg.Auth.Sign != nil {
		if err := c.cfg.Auth.Sign(ctx, try, body); err != nil {
			return nil, err
		}
	}
	resp, err := c.http.Do(try)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read answer after %d bytes: %w", len(b), err)
	}
	if len(b) > maxAnswerBytes {
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxAnswerBytes)
	}
	return &source.Response{Status: resp.StatusCode, Header: resp.Header, Body: b}, nil
}

// pace notes when the source wants the next request, and reports whether this
// one was refused for coming too early.
func (c *Client) pace(resp *source.Response, try int) (limited bool) {
	now := c.cfg.Now()
	at, asked := whenFree(resp, now)
	limited = resp.Status == http.StatusTooManyRequests || resp.Status == http.StatusForbidden && asked
	switch {
	case asked && (limited || resp.Status == http.StatusServiceUnavailable || resp.Status/100 == 2):
		c.hold(at)
	case limited:
		c.hold(now.Add(backoff(5*time.Second, maxWait, try)))
	}
	return limited
}

// hold makes requests wait until at, if they do not wait longer already.
func (c *Client) hold(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.free) {
		c.free = at
	}
}

// wait returns when a request may be sent.
func (c *Client) wait(ctx context.Context) error {
	c.mu.Lock()
	at := c.free
	c.mu.Unlock()
	d := at.Sub(c.cfg.Now())
	if d > maxWait {
		return &Later{At: at}
	}
	return sleep(ctx, d)
}
