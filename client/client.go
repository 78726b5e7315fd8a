// Package client is the Go SDK: it sends events to an Evident server and asks
// it questions. It speaks the API of docs/api.md over any http.RoundTripper, so
// that a program which holds the data itself can use it without a network.
//
// It takes the server's word for what it answers. Who does not want to, checks
// a receipt, an event or a pack with package proof.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Client speaks to one server. Its methods may be called concurrently.
type Client struct {
	// Server is where it is, such as http://127.0.0.1:8080.
	Server string
	// Key is the token of an API key, evk_…; empty: none.
	Key string
	// HTTP makes the requests; nil is http.DefaultClient.
	HTTP *http.Client
	// Retries is how often a request that the server could not take then, or
	// that did not reach it, is made again; 5 if zero, none if negative.
	Retries int
}

// An Error is an answer of the server that says no.
type Error struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	// Detail is a sentence: the field, what was found, what was expected.
	Detail string `json:"detail"`
	// Offset is the byte of the filter that the error is about, if any.
	Offset *int `json:"offset"`
	// Failure says what did not verify, if that is the reason. It is evidence.
	Failure *Failure `json:"failure"`
	// RequestID is what the server's log calls the request.
	RequestID string `json:"request_id"`

	retryAfter time.Duration
}

// A Failure is something that did not verify.
type Failure struct {
	File  string  `json:"file"`
	Seq   *uint64 `json:"seq"`
	Field string  `json:"field"`
	What  string  `json:"what"`
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("server: %d %s", e.Status, e.Title)
	}
	return e.Detail
}

// maxAnswerBytes bounds every answer but a pack.
const maxAnswerBytes = 256 << 20

// call makes a request and decodes the answer into out. Statuses of ok are
// answers; every other one is an *Error.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body []byte, header http.Header, out any, ok ...int) error {
	resp, err := c.do(ctx, method, path, query, body, header, ok...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("read answer of %s %s: %w", method, path, err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("read answer of %s %s: %w", method, path, err)
	}
	return nil
}

// do makes a request until the server takes it. All requests of the API may be
// made twice: an event that is there already is a duplicate.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body []byte, header http.Header, ok ...int) (*http.Response, error) {
	retries := c.Retries
	if retries == 0 {
		retries = 5
	}
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		resp, err := c.once(ctx, method, path, query, body, header, ok)
		e, isAnswer := err.(*Error)
		if err == nil || retries <= 0 || ctx.Err() != nil || isAnswer && e.Status != http.StatusServiceUnavailable && e.Status != http.StatusTooManyRequests {
			return resp, err
		}
		if !isAnswer && method == http.MethodPost && path == "/v1/keys" {
			return resp, err // a second key would be made
		}
		retries--
		if isAnswer {
			wait = max(wait, e.retryAfter)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (c *Client) once(ctx context.Context, method, path string, query url.Values, body []byte, header http.Header, ok []int) (*http.Response, error) {
	u := strings.TrimSuffix(c.Server, "/") + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask server: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask server: %w", err)
	}
	for _, status := range ok {
		if resp.StatusCode == status {
			return resp, nil
		}
	}
	defer resp.Body.Close()
	return nil, errorOf(resp)
}

// errorOf reads the problem that an answer holds.
func errorOf(resp *http.Response) *Error {
	e := &Error{}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || json.Unmarshal(b, e) != nil {
		*e = Error{Detail: strings.TrimSpace(string(b[:min(len(b), 500)]))}
	}
	e.Status = resp.StatusCode
	if e.Title == "" {
		e.Title = http.StatusText(resp.StatusCode)
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.retryAfter = time.Duration(min(s, 60)) * time.Second
	}
	return e
}
