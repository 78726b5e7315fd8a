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

// unpack unpacks one zstd frame. A second frame behind it, or one that can be
// skipped, decodes silently: the frame must be of the length that it says.
func unpack(packed []byte, limit int) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(packed); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if h.Skippable || !h.HasFCS || h.FrameContentSize > uint64(limit) {
		return nil, errors.New("unpack: not one frame of the expected size")
	}
	b, err := unzstd.DecodeAll(packed, make([]byte, 0, h.FrameContentSize))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if uint64(len(b)) != h.FrameContentSize {
		return nil, errors.New("unpack: more than one frame")
	}
	return b, nil
}
