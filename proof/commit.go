package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Seed is what the salts of one record are made from. Whoever has it can open
// every commitment of the record by guessing; without it nobody can.
type Seed [32]byte

// DeriveSeed returns the seed of record seq under a secret of 32 random bytes.
// Deleting the secret deletes every salt that was ever made from it.
func DeriveSeed(secret [32]byte, seq uint64) Seed {
	var b [41]byte
	b[0] = tagSeed
	copy(b[1:], secret[:])
	binary.BigEndian.PutUint64(b[33:], seq)
	return sha256.Sum256(b[:])
}

// saltPair returns the salts of fields 2k and 2k+1.
func saltPair(seed *Seed, k int) Hash {
	var b [35]byte
	b[0] = tagSalts
	copy(b[1:], seed[:])
	binary.BigEndian.PutUint16(b[33:], uint16(k))
	return sha256.Sum256(b[:])
}

// Salt returns the salt of field i, which discloses this field and no other.
func Salt(seed *Seed, i int) [16]byte {
	pair := saltPair(seed, i/2)
	return [16]byte(pair[i%2*16:])
}

// Commitments appends the commitment of each field, in their order.
func Commitments(dst []Hash, fields []Field, seed *Seed) []Hash {
	dst = slices.Grow(dst, len(fields))
	var pair Hash
	for i := range fields {
		if i%2 == 0 {
			pair = saltPair(seed, i/2)
		}
		dst = append(dst, commit(&fields[i], pair[i%2*16:][:16]))
	}
	return dst
}

// commit hashes one field. The salt comes first and has a fixed length, and the
// pointer says how long it is, so no two fields make the same bytes.
func commit(f *Field, salt []byte) (h Hash) {
	var buf [256]byte
	b := append(append(buf[:0], tagField), salt...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.Pointer)))
	if len(f.Pointer)+len(f.Value) <= len(buf)-len(b) {
		return sha256.Sum256(append(append(b, f.Pointer...), f.Value...))
	}
	d := sha256.New()
	d.Write(b)
	d.Write([]byte(f.Pointer))
	d.Write(f.Value)
	d.Sum(h[:0])
	return h
}

// BodyDigest returns the digest of a body that is disclosed whole.
func BodyDigest(fields []Field, seed *Seed) Hash {
	var buf [64]Hash
	return digest(Commitments(buf[:0], fields, seed))
}

// DigestOf returns the body digest of commitments in any order.
func DigestOf(commitments []Hash) Hash { return digest(slices.Clone(commitments)) }

// digest sorts the commitments in place, so that where a withheld field stood
// does not show, and hashes them with their number.
func digest(c []Hash) Hash {
	slices.SortFunc(c, compareHashes)
	b := append(make([]byte, 0, 8+len(c)*len(Hash{})), tagBody)
	b = binary.BigEndian.AppendUint16(append(b, "evc1\n"...), uint16(len(c)))
	for i := range c {
		b = append(b, c[i][:]...)
	}
	return sha256.Sum256(b)
}

func compareHashes(a, b Hash) int { return bytes.Compare(a[:], b[:]) }
