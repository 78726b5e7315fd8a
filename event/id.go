package event

import (
	"crypto/rand"
	"time"
)

// crockford is the alphabet of ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID returns a ULID: 48 bits of at in milliseconds, then 80 random bits, as
// 26 characters whose order is that of the times.
func NewID(at time.Time) string {
	var b [16]byte
	ms := at.UnixMilli()
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(b[6:])
	// 128 bits in groups of 5 from the right: the first character holds 3 of them.
	var id [26]byte
	bits, n, next := uint(0), 0, 15
	for i := 25; i >= 0; i-- {
		if n < 5 && next >= 0 {
			bits, n, next = bits|uint(b[next])<<n, n+8, next-1
		}
		id[i] = crockford[bits&31]
		bits, n = bits>>5, n-5
	}
	return string(id[:])
}
