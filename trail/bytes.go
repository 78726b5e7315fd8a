package trail

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"example.com/evident/proof"
)

// A byteReader takes apart what a sealed file holds. After the first thing
// that is not there it has failed, and returns zeros.
type byteReader struct {
	b      []byte
	failed bool
}

func (r *byteReader) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.b) {
		r.failed = true
		r.b = nil
		return make([]byte, max(0, min(n, 64)))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *byteReader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

func (r *byteReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed = true
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *byteReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.failed = true
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads how many things follow, of at least a byte each.
func (r *byteReader) count() int { return r.index(len(r.b) + 1) }

// index reads a number below n.
func (r *byteReader) index(n int) int {
	v := r.uvarint()
	if v >= uint64(n) {
		r.failed = true
		r.b = nil
		return 0
	}
	return int(v)
}

func (r *byteReader) text() string { return string(r.take(r.count())) }

func (r *byteReader) hash() (h proof.Hash) {
	copy(h[:], r.take(32))
	return h
}

// unzstd may be used concurrently. It refuses windows and results beyond what
// any sealed file needs.
var unzstd, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxIndex))

// unpack unpacks one zstd frame that says how long it unpacks to.
func unpack(packed []byte, limit int) ([]byte, error) {
	h, err := oneFrame(packed)
	if err != nil {
		return nil, err
	}
	if !h.HasFCS || h.FrameContentSize > uint64(limit) {
		return nil, errors.New("unpack: not of the expected size")
	}
	b, err := unzstd.DecodeAll(packed, make([]byte, 0, h.FrameContentSize))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return b, nil
}

// oneFrame walks over the blocks of a frame (RFC 8878 section 3.1.1) to see
// that it is all there is: a decoder unpacks a second frame, and skips one that
// is meant to be skipped, without a word.
func oneFrame(packed []byte) (zstd.Header, error) {
	var h zstd.Header
	if err := h.Decode(packed); err != nil {
		return h, fmt.Errorf("unpack: %w", err)
	}
	p := h.HeaderSize
	for last := false; !last; {
		if h.Skippable || p+3 > len(packed) {
			return h, errFrame
		}
		block := uint32(packed[p]) | uint32(packed[p+1])<<8 | uint32(packed[p+2])<<16
		last = block&1 == 1
		size := int(block >> 3)
		if block>>1&3 == 1 {
			size = 1 // one byte, repeated
		}
		p += 3 + size
	}
	if h.HasCheckSum {
		p += 4
	}
	if p != len(packed) {
		return h, errFrame
	}
	return h, nil
}

var errFrame = errors.New("unpack: not one whole frame")
