package state

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"time"
)

// A token is evk_ID_SECRET: 8 characters that name the key, and 52 that carry
// 32 random bytes, both base32 in lower case, which survives being read out,
// double-clicked and put into a URL.
const (
	tokenPrefix = "evk_"
	idLen       = 8
	secretLen   = 52
)

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewToken makes a key's token and its id of 37 random bytes, which the caller
// takes from crypto/rand.
func NewToken(random [37]byte) (id, token string) {
	id = tokenPrefix + base32Lower.EncodeToString(random[:5])
	return id, id + "_" + base32Lower.EncodeToString(random[5:])
}

// TokenHash returns what is kept of a token: its SHA-256 in hex. A token has
// 256 random bits, so a slow hash would add nothing.
func TokenHash(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// KeyByToken returns the key that token opens at that time. How long it takes
// tells nothing about how much of a token is right, nor whether its key exists.
func (s State) KeyByToken(token string, now time.Time) (Key, bool) {
	// The hash is compared also for ids that nobody has, with one that no
	// token has.
	h := sha256.Sum256([]byte(token))
	var k Key
	if len(token) == len(tokenPrefix)+idLen+1+secretLen {
		k = s.keys[token[:len(tokenPrefix)+idLen]]
	}
	same := subtle.ConstantTimeCompare(h[:], k.hash[:]) == 1
	if !same || !k.Active(now) {
		return Key{}, false
	}
	return k, true
}

// isKeyID says whether id is evk_ and 8 base32 characters.
func isKeyID(id string) bool {
	rest, ok := strings.CutPrefix(id, tokenPrefix)
	_, err := base32Lower.DecodeString(rest)
	return ok && len(rest) == idLen && err == nil
}
