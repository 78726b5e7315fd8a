package poll

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
)

// Limits of secrets: of one, and of how many are remembered to be masked.
const (
	maxSecretBytes = 64 << 10
	minMaskBytes   = 4 // shorter ones would mask half of every text
	maxSecrets     = 256
)

// masked stands where a secret stood.
const masked = "[secret]"

// Secrets reads credentials from where they are kept, every time that one is
// needed, so that one that was rotated is used at once. It remembers their
// values to mask them in whatever is said of an error. Its zero value is ready,
// and its methods may be called concurrently.
type Secrets struct {
	mu   sync.Mutex
	seen []string // oldest first
}

// Get returns the secret at ref: env:NAME or file:/path. A final line end of a
// file is not part of it. An error never holds what stands in ref: somebody may
// have put the secret itself there.
func (s *Secrets) Get(ref string) (string, error) {
	where, name, _ := strings.Cut(ref, ":")
	var value string
	switch where {
	case "env":
		if value = os.Getenv(name); value == "" {
			return "", fmt.Errorf("read credential: environment variable %s is not set", name)
		}
	case "file":
		b, err := readFile(name)
		if err != nil {
			return "", fmt.Errorf("read credential: %w", err)
		}
		if value = strings.TrimRight(b, "\r\n"); value == "" {
			return "", fmt.Errorf("read credential: file %s is empty", name)
		}
	default:
		return "", errors.New("read credential: expected env:NAME or file:/path, found neither")
	}
	s.Note(value)
	return value, nil
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if len(b) > maxSecretBytes {
		return "", fmt.Errorf("file %s is larger than %d bytes", name, maxSecretBytes)
	}
	return string(b), err
}

// Note has value masked from now on, also as it stands in a URL.
func (s *Secrets) Note(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range []string{value, url.QueryEscape(value), url.PathEscape(value)} {
		if len(v) >= minMaskBytes && !slices.Contains(s.seen, v) {
			s.seen = append(s.seen, v)
		}
	}
	if len(s.seen) > maxSecrets { // the oldest are not in use any more
		s.seen = slices.Delete(s.seen, 0, len(s.seen)-maxSecrets)
	}
}

// Mask returns text without any secret that is known.
func (s *Secrets) Mask(text string) string {
	s.mu.Lock()
	known := slices.Clone(s.seen)
	s.mu.Unlock()
	slices.SortStableFunc(known, func(a, b string) int { return len(b) - len(a) })
	for _, v := range known {
		text = strings.ReplaceAll(text, v, masked)
	}
	return text
}
