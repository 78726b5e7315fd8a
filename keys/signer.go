// Package keys holds the secret keys of a trail and signs with them. What is
// signed, and how it is verified, is in package proof and in docs/format.md
// section 4; who keeps the text of the keys is the caller's affair.
package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"filippo.io/mldsa"

	"example.com/evident/proof"
)

// Signer holds the two secret keys of a trail. It may be used by many at once.
type Signer struct {
	origin  string
	classic ed25519.PrivateKey
	quantum *mldsa.PrivateKey
	keys    [2]proof.Key
}

// New makes new keys for the trail named origin.
func New(origin string) (*Signer, error) {
	var seeds [64]byte
	rand.Read(seeds[:])
	return fromSeeds(origin, seeds[:])
}

func fromSeeds(origin string, seeds []byte) (*Signer, error) {
	classic := ed25519.NewKeyFromSeed(seeds[:32])
	quantum, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seeds[32:])
	if err != nil {
		return nil, fmt.Errorf("make signer: %w", err)
	}
	s := &Signer{origin: origin, classic: classic, quantum: quantum}
	for i, public := range []string{"\x01" + string(classic.Public().(ed25519.PublicKey)), "\x06" + string(quantum.PublicKey().Bytes())} {
		id := sha256.Sum256([]byte(origin + "\n" + public))
		s.keys[i], err = proof.ParseKey(fmt.Sprintf("%s+%x+%s", origin, id[:4], base64.StdEncoding.EncodeToString([]byte(public))))
		if err != nil {
			return nil, errors.New("make signer: want an origin without spaces and +, 255 bytes at most")
		}
	}
	return s, nil
}

const signerFormat = "evident.signer/1"

// Text returns the secret keys, for a file that nobody else can read.
func (s *Signer) Text() string {
	seeds := append(s.classic.Seed(), s.quantum.Bytes()...)
	return fmt.Sprintf("%s %s %s\n", signerFormat, s.origin, base64.StdEncoding.EncodeToString(seeds))
}

// Parse reads what Text writes.
func Parse(text string) (*Signer, error) {
	words := strings.Split(strings.TrimSuffix(text, "\n"), " ")
	if len(words) != 3 || words[0] != signerFormat {
		return nil, errors.New("parse signer: not a file of " + signerFormat)
	}
	seeds, err := base64.StdEncoding.DecodeString(words[2])
	if err != nil || len(seeds) != 64 {
		return nil, errors.New("parse signer: want 64 bytes of secret")
	}
	return fromSeeds(words[1], seeds)
}

// Keys returns the verifier keys: Ed25519, then ML-DSA-44.
func (s *Signer) Keys() []proof.Key { return s.keys[:len(s.keys):len(s.keys)] }

// SignText signs any text with the Ed25519 key and returns the note.
func (s *Signer) SignText(text string) ([]byte, error) {
	return s.note(text, ed25519.Sign(s.classic, []byte(text)))
}

// SignCheckpoint signs with both keys and returns the note. The caller makes
// sure that no other root of the same size, or of an earlier tree of another
// trail, was ever signed: that is what a checkpoint promises.
func (s *Signer) SignCheckpoint(c proof.Checkpoint, at time.Time) ([]byte, error) {
	if c.Origin != s.origin {
		return nil, fmt.Errorf("sign checkpoint: origin %s, but the keys are those of %s", c.Origin, s.origin)
	}
	seconds := uint64(at.Unix())
	sig, err := s.quantum.Sign(nil, c.Cosigned(s.origin, seconds), nil)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	sig = append(binary.BigEndian.AppendUint64(nil, seconds), sig...)
	return s.note(c.Text(), ed25519.Sign(s.classic, []byte(c.Text())), sig)
}

// note puts signatures, in the order of Keys, under a text.
func (s *Signer) note(text string, sigs ...[]byte) ([]byte, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, errors.New("sign note: the text does not end in a line feed")
	}
	b := bytes.NewBufferString(text + "\n")
	for i, sig := range sigs {
		id := binary.BigEndian.AppendUint32(nil, s.keys[i].KeyHash())
		fmt.Fprintf(b, "— %s %s\n", s.origin, base64.StdEncoding.EncodeToString(append(id, sig...)))
	}
	return b.Bytes(), nil
}
