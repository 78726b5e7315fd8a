package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/evident/proof"
	"example.com/evident/proof/tiles"
)

const (
	// maxTileBytes bounds one answer: an entry bundle holds 256 headers of 64 KiB
	// at most, by its own form.
	maxTileBytes = 256 * (2 + 1<<16)
	tileDeadline = time.Minute
)

// verifyURL reads the whole log of a running server.
func (g *global) verifyURL(ctx context.Context, address string, keys []proof.Key) error {
	token, err := g.token()
	if err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("verify %s: expected an address such as https://evident.example.com", address)
	}
	g.warnInClear(u, token)
	l := &logReader{ctx: ctx, base: strings.TrimRight(address, "/"), token: token, http: &http.Client{Timeout: tileDeadline}}
	given := len(keys) > 0
	if !given {
		if keys, err = l.ownKeys(); err != nil {
			return fmt.Errorf("fetch keys of %s: %w; say which key you trust with --key", address, err)
		}
	}
	if err := g.step("log", "%s", address); err != nil {
		return err
	}
	if err := g.keyLines(keys, given); err != nil {
		return err
	}
	bar := g.progress("verify")
	c, err := tiles.Verify(l.fetch, keys, func(done, size uint64) {
		bar.set(done, size, count(done, "header"))
	})
	bar.end()
	var f *proof.Failure
	if errors.As(err, &f) {
		return g.notVerified(verdictOfFailure(f))
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w", address, err)
	}
	for _, s := range [][2]string{
		{"tree", fmt.Sprintf("size %d, root %s, signed by %s", c.Size, c.Root, c.Origin)},
		{"headers", fmt.Sprintf("%d headers, each chained to the one before and in the tree", c.Size)},
		{"bodies", "not looked at: a log shows headers only; evident verify DIR looks at them"},
	} {
		if err := g.step(s[0], "%s", s[1]); err != nil {
			return err
		}
	}
	return g.verified()
}

// A logReader fetches what a server has under its paths.
type logReader struct {
	ctx   context.Context
	base  string
	token string
	http  *http.Client
}

func (l *logReader) fetch(path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(l.ctx, http.MethodGet, l.base+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if l.token != "" {
		req.Header.Set("Authorization", "Bearer "+l.token)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxTileBytes+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, errors.New("the server wants a key: put its token into EVIDENT_KEY, or its file into --key-file")
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers %s", resp.Status)
	case len(b) > maxTileBytes:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxTileBytes)
	}
	return b, nil
}

// ownKeys asks the server itself for its keys.
func (l *logReader) ownKeys() (keys []proof.Key, err error) {
	b, err := l.fetch("v1/status")
	if err != nil {
		return nil, err
	}
	var status struct{ Keys []string }
	if err := json.Unmarshal(b, &status); err != nil || len(status.Keys) == 0 {
		return nil, errors.New("the server names none")
	}
	for _, vkey := range status.Keys {
		k, err := proof.ParseKey(vkey)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
