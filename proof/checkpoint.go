package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/mldsa"
)

// Signature types of c2sp.org/signed-note that a trail signs with.
const (
	typeEd25519 = 0x01
	typeMLDSA44 = 0x06 // c2sp.org/tlog-cosignature
)

// Checkpoint states the root of the tree of one size (c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
}

// Text returns the text that is signed: three lines, and never a fourth, since
// an ML-DSA signature would not cover it.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseCheckpoint reads what Text writes, and nothing else.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) == 4 {
		size, sizeErr := parseUint(lines[1])
		root, rootErr := base64.StdEncoding.DecodeString(lines[2])
		if sizeErr == nil && rootErr == nil && len(root) == len(Hash{}) && validOrigin(lines[0]) {
			if c := (Checkpoint{lines[0], size, Hash(root)}); c.Text() == text {
				return c, nil
			}
		}
	}
	return Checkpoint{}, errors.New("parse checkpoint: want origin, size and root, a line each")
}

func validOrigin(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsSpace) && !strings.Contains(s, "+")
}

// Cosigned returns what the ML-DSA key of name signs instead of the text, at a
// time in seconds: the bytes of c2sp.org/tlog-cosignature for the subtree that is
// the whole tree.
func (c Checkpoint) Cosigned(name string, at uint64) []byte {
	b := append([]byte("subtree/v1\n\x00"), byte(len(name)))
	b = binary.BigEndian.AppendUint64(append(b, name...), at)
	b = append(append(b, byte(len(c.Origin))), c.Origin...)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint64(b, c.Size)
	return append(b, c.Root[:]...)
}

// Key is a verifier key. Two keys are equal when they are the same key.
type Key struct {
	name   string
	typ    byte
	public string
}

// ParseKey reads a verifier key, name+hex8(keyid)+base64(type ‖ public key).
func ParseKey(vkey string) (Key, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	_, data, _ := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(b) == 0 || !validOrigin(name) {
		return Key{}, errors.New("parse key: want NAME+KEYID+BASE64")
	}
	k := Key{name, b[0], string(b[1:])}
	if size := map[byte]int{typeEd25519: ed25519.PublicKeySize, typeMLDSA44: mldsa.MLDSA44PublicKeySize}[k.typ]; size == 0 || len(k.public) != size {
		return Key{}, errors.New("parse key: want an Ed25519 or ML-DSA-44 key")
	}
	if k.String() != vkey {
		return Key{}, errors.New("parse key: its id is not that of the key")
	}
	return k, nil
}

// String returns the key as it is handed around.
func (k Key) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString([]byte(string(rune(k.typ))+k.public)))
}

// Short returns the key as it is shown to people: whole if it is short enough to
// be compared by eye, otherwise by name, id and algorithm.
func (k Key) Short() string {
	if k.typ == typeMLDSA44 {
		return fmt.Sprintf("%s+%08x, %s", k.name, k.KeyHash(), k.Algorithm())
	}
	return k.String()
}

// Name returns the name of the key, which is the origin of the trail it signs for.
func (k Key) Name() string { return k.name }

// Algorithm returns "Ed25519" or "ML-DSA-44".
func (k Key) Algorithm() string {
	if k.typ == typeMLDSA44 {
		return "ML-DSA-44"
	}
	return "Ed25519"
}

// KeyHash returns the key id that stands before a signature (signed-note).
func (k Key) KeyHash() uint32 {
	h := sha256.Sum256([]byte(k.name + "\n" + string(rune(k.typ)) + k.public))
	return binary.BigEndian.Uint32(h[:])
}

// Verify reports whether sig is this key's signature under the text of a note.
func (k Key) Verify(text, sig []byte) bool {
	if k.typ == typeEd25519 {
		return len(sig) == ed25519.SignatureSize && canonical([]byte(k.public)) && ed25519.Verify([]byte(k.public), text, sig)
	}
	c, err := ParseCheckpoint(string(text))
	public, keyErr := mldsa.NewPublicKey(mldsa.MLDSA44(), []byte(k.public))
	if err != nil || keyErr != nil || len(sig) != 8+mldsa.MLDSA44SignatureSize {
		return false
	}
	return mldsa.Verify(public, c.Cosigned(k.name, binary.BigEndian.Uint64(sig)), sig[8:], nil) == nil
}

// canonical reports whether a point of Ed25519 is encoded as RFC 8032 section
// 5.1.3 has it: y below 2^255 − 19, and no sign where x is 0, which it is where
// y is 1 or −1. Package ed25519 also takes the other spellings of a public key.
func canonical(point []byte) bool {
	b := slices.Clone(point)
	slices.Reverse(b)
	sign := b[0] >> 7
	b[0] &= 0x7f
	y, p := new(big.Int).SetBytes(b), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	noX := y.Cmp(big.NewInt(1)) == 0 || y.Cmp(new(big.Int).Sub(p, big.NewInt(1))) == 0
	return y.Cmp(p) < 0 && (sign == 0 || !noX)
}

// ErrNotSigned is a note that is well formed, but that no trusted key vouches for.
var ErrNotSigned = errors.New("open note: not signed by a trusted key")

// Limits of a signed note, so that whoever gets one reads no further.
const (
	maxNote    = 1 << 20
	maxSigners = 100
	maxName    = 255
)

// openNote returns the text of a signed note. At least one of keys must have
// signed it, and a line of one of them that does not verify condemns the note,
// wherever it stands: of two keys, the one that is broken one day must not be
// enough. Package note is more tolerant (base64 with stray bits at the end, a
// second line of a key), so that another program could read another note.
func openNote(signed []byte, keys []Key) (string, error) {
	malformed := errors.New("open note: not a note of c2sp.org/signed-note")
	text, n := signed[:bytes.LastIndex(signed, []byte("\n\n"))+1], 0
	control := func(r rune) bool { return r < ' ' && r != '\n' }
	if len(text) == 0 || len(signed) > maxNote || !bytes.HasSuffix(signed[len(text)+1:], []byte("\n")) || !utf8.Valid(signed) || bytes.ContainsFunc(signed, control) {
		return "", malformed
	}
	verified, wrong := false, false
	for line := range strings.Lines(string(signed[len(text)+1:])) {
		name, blob, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "— "), "\n"), " ")
		sig, err := base64.StdEncoding.Strict().DecodeString(blob)
		if n++; !ok || err != nil || len(sig) < 5 || !strings.HasPrefix(line, "— ") || !validOrigin(name) || n > maxSigners {
			return "", malformed
		}
		for _, k := range keys {
			if k.name == name && k.KeyHash() == binary.BigEndian.Uint32(sig) {
				good := k.Verify(text, sig[4:])
				verified, wrong = verified || good, wrong || !good
			}
		}
	}
	if wrong || !verified {
		return "", ErrNotSigned
	}
	return string(text), nil
}

// OpenCheckpoint returns the checkpoint in a signed note, if one of keys signed
// it and none of those that did is wrong. Lines of other keys are passed over.
func OpenCheckpoint(signed []byte, keys []Key) (Checkpoint, error) {
	text, err := openNote(signed, keys)
	if err != nil {
		return Checkpoint{}, err
	}
	return ParseCheckpoint(text)
}
