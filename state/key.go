package state

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Acts on API keys.
const (
	ActionKeyCreate = "key.create"
	ActionKeyRevoke = "key.revoke"
)

// maxKeys bounds what a State holds: revoked keys stay in it, since their
// records may be asked about.
const maxKeys = 10_000

// Scope is what the holder of a key may do. The zero Scope may do nothing.
type Scope struct {
	// Append lists the sources that the holder may append events of, and whose
	// records it may read back: a name (app/billing), every name of a kind
	// (okta/*), or every source (*). The source evident is never among them.
	Append []string `json:"append,omitempty"`
	// Read lets the holder read every record, and have packs made.
	Read bool `json:"read,omitempty"`
	// Admin lets the holder make, list and revoke keys.
	Admin bool `json:"admin,omitempty"`
}

// MayAppend reports whether the holder may append events of source.
func (s Scope) MayAppend(source string) bool {
	if source == Source {
		return false
	}
	for _, p := range s.Append {
		if p == "*" || p == source {
			return true
		}
		if kind, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(source, kind) {
			return true
		}
	}
	return false
}

// MaySee reports whether the holder may know of records of source: all of
// them with Read, otherwise those that it may append.
func (s Scope) MaySee(source string) bool { return s.Read || s.MayAppend(source) }

// check refuses a scope that means nothing, or more than it says.
func (s Scope) check() error {
	if len(s.Append) == 0 && !s.Read && !s.Admin {
		return errors.New("scope: must allow something; give append (sources), read or admin")
	}
	if len(s.Append) > 100 {
		return fmt.Errorf("scope.append: %d sources; at most 100", len(s.Append))
	}
	for _, p := range s.Append {
		if !isPattern(p) {
			return fmt.Errorf("scope.append: found %q; expected a source such as app/billing, every one of a kind such as okta/*, or *", p)
		}
	}
	return nil
}

// isPattern says whether p is a source, KIND/* or *. The source evident takes
// no events from outside, so it is none.
func isPattern(p string) bool {
	if p == "*" {
		return true
	}
	kind, name, ok := strings.Cut(p, "/")
	return ok && len(p) <= 128 && isPart(kind, "._") && kind != Source && (name == "*" || isPart(name, "._-"))
}

// isPart says whether s is one part of a source's name.
func isPart(s, also string) bool {
	for i, c := range []byte(s) {
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune(also, rune(c))) {
			return false
		}
	}
	return s != ""
}

// KeyCreated is the detail of key.create. The token is in no record, only its hash.
type KeyCreated struct {
	Key     string     `json:"key"` // id, shown and logged: evk_ and 8 characters
	Name    string     `json:"name"`
	Hash    string     `json:"hash"` // hex SHA-256 of the whole token
	Scope   Scope      `json:"scope"`
	Expires *time.Time `json:"expires,omitempty"`
}

// KeyRevoked is the detail of key.revoke.
type KeyRevoked struct {
	Key string `json:"key"`
}

// A Key is an API key as it stands in the trail.
type Key struct {
	ID, Name  string
	Scope     Scope
	Created   time.Time
	CreatedBy string    // id of the actor
	Expires   time.Time // zero: never
	Revoked   time.Time // zero: in force
	RevokedBy string
	Seq       uint64 // of its key.create
	hash      [32]byte
}

// Active reports whether k opens anything at that time.
func (k Key) Active(now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// Keys returns every key there ever was, the newest first.
func (s State) Keys() []Key {
	return slices.SortedFunc(maps.Values(s.keys), func(a, b Key) int { return int(int64(b.Seq) - int64(a.Seq)) })
}

// HasKeys reports whether a key was ever made. From then on a server is not
// open to everybody on its machine any more, also if all keys were revoked.
func (s State) HasKeys() bool { return len(s.keys) > 0 }

// Active reports whether a key is in force at that time.
func (s State) Active(now time.Time) bool {
	for _, k := range s.keys {
		if k.Active(now) {
			return true
		}
	}
	return false
}

// KeyByID returns the key with that id, in force or not.
func (s State) KeyByID(id string) (Key, bool) {
	k, ok := s.keys[id]
	return k, ok
}

func (s *State) createKey(r Record) error {
	var d KeyCreated
	if err := unmarshal(r.Detail, &d); err != nil {
		return err
	}
	k := Key{ID: d.Key, Name: d.Name, Scope: d.Scope, Created: r.At, CreatedBy: r.Actor.ID, Seq: r.Seq}
	if !isKeyID(d.Key) {
		return fmt.Errorf("key: found %q; expected evk_ and 8 characters", d.Key)
	}
	if _, ok := s.keys[d.Key]; ok {
		return fmt.Errorf("key: %s exists", d.Key)
	}
	if len(s.keys) >= maxKeys {
		return fmt.Errorf("key: there are %d keys; no more can be made", maxKeys)
	}
	if strings.TrimSpace(d.Name) == "" || len(d.Name) > 128 || !utf8.ValidString(d.Name) {
		return errors.New("name: expected 1 to 128 bytes that say what the key is for")
	}
	if n, err := hex.Decode(k.hash[:], []byte(d.Hash[:min(len(d.Hash), 64)])); err != nil || n != 32 || len(d.Hash) != 64 {
		return fmt.Errorf("hash: expected 64 hex digits, found %d characters", len(d.Hash))
	}
	if err := d.Scope.check(); err != nil {
		return err
	}
	if d.Expires != nil {
		if !d.Expires.After(r.At) {
			return fmt.Errorf("expires: %s has passed", d.Expires.UTC().Format(time.RFC3339))
		}
		k.Expires = d.Expires.UTC()
	}
	s.keys[d.Key] = k
	return nil
}

func (s *State) revokeKey(r Record) error {
	var d KeyRevoked
	if err := unmarshal(r.Detail, &d); err != nil {
		return err
	}
	k, ok := s.keys[d.Key]
	if !ok {
		return fmt.Errorf("key: there is no key %q", d.Key)
	}
	if !k.Revoked.IsZero() {
		return fmt.Errorf("key: %s was revoked at %s already", k.ID, k.Revoked.UTC().Format(time.RFC3339))
	}
	k.Revoked, k.RevokedBy = r.At, r.Actor.ID
	s.keys[d.Key] = k
	return nil
}
