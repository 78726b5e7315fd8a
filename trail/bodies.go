package trail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"example.com/evident/proof"
)

// A file of bodies holds the bodies of one sealed segment that are of one
// retention class, and the secret from which their seeds follow: who deletes
// the file has deleted every salt with it.
//
//	file   "evbod/1\n" ‖ chunk … ‖ zstd(index) ‖ u32be length of it ‖ "evbod/1\n"
//	chunk  zstd, with the dictionary as raw content, of (u32be length ‖ body) …
//	index  u64be first, until ‖ secret (32) ‖ uvarint length ‖ dictionary
//	       ‖ for each chunk: uvarint packed length, uvarint plain length
//
// A chunk ends where seq is a multiple of bodyChunk. Small chunks make a
// single record cheap to read; the dictionary, a sample of the segment, keeps
// them as small as large ones would be.
const (
	bodiesMagic = "evbod/1\n"
	bodyChunk   = 64
	dictSize    = 64 << 10
	dictID      = 1
)

// bodyChunks is how many chunks of bodies cover first to until.
func bodyChunks(first, until uint64) int {
	if first == until {
		return 0
	}
	return int((until-1)/bodyChunk-first/bodyChunk) + 1
}

// A bodyWriter makes a file of bodies.
type bodyWriter struct {
	out    io.Writer
	zstd   *zstd.Encoder
	index  []byte
	chunks []byte
	packed []byte
}

// newBodyWriter begins the file for the records first to until. dict is a
// sample of their bodies, dictSize at most.
func newBodyWriter(out io.Writer, first, until uint64, secret [32]byte, dict []byte) (*bodyWriter, error) {
	options := []zstd.EOption{
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(1 << 20),
	}
	if len(dict) > 0 {
		options = append(options, zstd.WithEncoderDictRaw(dictID, dict))
	}
	enc, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, err
	}
	w := &bodyWriter{out: out, zstd: enc}
	w.index = binary.BigEndian.AppendUint64(w.index, first)
	w.index = binary.BigEndian.AppendUint64(w.index, until)
	w.index = append(w.index, secret[:]...)
	w.index = append(binary.AppendUvarint(w.index, uint64(len(dict))), dict...)
	_, err = io.WriteString(out, bodiesMagic)
	return w, err
}

// add writes one chunk, given as (u32be length ‖ body) of its records.
func (w *bodyWriter) add(plain []byte) error {
	w.packed = w.zstd.EncodeAll(plain, w.packed[:0])
	w.chunks = binary.AppendUvarint(w.chunks, uint64(len(w.packed)))
	w.chunks = binary.AppendUvarint(w.chunks, uint64(len(plain)))
	_, err := w.out.Write(w.packed)
	return err
}

func (w *bodyWriter) finish() error {
	plain, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		return err
	}
	b := plain.EncodeAll(append(w.index, w.chunks...), nil)
	b = binary.BigEndian.AppendUint32(b, uint32(len(b)))
	_, err = w.out.Write(append(b, bodiesMagic...))
	return err
}

// A bodyFile is a file of bodies, open for reading. Its methods may be called
// concurrently.
type bodyFile struct {
	file         *os.File
	first, until uint64
	secret       [32]byte
	offsets      []int64
	plain        []int
	zstd         *zstd.Decoder
}

// openBodies opens the file of bodies in name.
func openBodies(name string) (*bodyFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b, end, err := readTrailer(f, bodiesMagic)
	if err == nil {
		var x *bodyFile
		if x, err = parseBodyIndex(b, end); err == nil {
			x.file = f
			return x, nil
		}
	}
	f.Close()
	return nil, damaged(name, 0, err.Error())
}

func parseBodyIndex(b []byte, end int64) (*bodyFile, error) {
	r := &byteReader{b: b}
	x := &bodyFile{first: r.uint64(), until: r.uint64()}
	copy(x.secret[:], r.take(32))
	dict := r.take(r.count())
	n := bodyChunks(x.first, x.until)
	if r.failed || x.until < x.first || n > len(r.b) {
		return nil, errIndex
	}
	x.offsets = append(x.offsets, int64(len(bodiesMagic)))
	for i := range n {
		x.offsets = append(x.offsets, x.offsets[i]+int64(r.uvarint()))
		x.plain = append(x.plain, r.index(maxIndex))
	}
	if r.failed || len(r.b) > 0 || x.offsets[n] != end {
		return nil, errIndex
	}
	options := []zstd.DOption{zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxIndex)}
	if len(dict) > 0 {
		options = append(options, zstd.WithDecoderDictRaw(dictID, dict))
	}
	var err error
	x.zstd, err = zstd.NewReader(nil, options...)
	return x, err
}

// seed is the seed of the record seq of this segment.
func (f *bodyFile) seed(seq uint64) proof.Seed { return proof.DeriveSeed(f.secret, seq) }

// close lets go of the file and of the unpacker.
func (f *bodyFile) close() error {
	f.zstd.Close()
	return f.file.Close()
}

// chunk returns the bodies of chunk i, and the seq of the first.
func (f *bodyFile) chunk(i int) (first uint64, bodies [][]byte, err error) {
	first = max(f.first, (f.first/bodyChunk+uint64(i))*bodyChunk)
	until := min(f.until, (f.first/bodyChunk+uint64(i)+1)*bodyChunk)
	bodies, err = f.decode(i, int(until-first))
	if err != nil {
		return first, nil, damaged(f.file.Name(), f.offsets[i], fmt.Sprintf("bodies of records %d to %d: %v", first, until-1, err))
	}
	return first, bodies, nil
}

func (f *bodyFile) decode(i, n int) ([][]byte, error) {
	packed := make([]byte, f.offsets[i+1]-f.offsets[i])
	if _, err := f.file.ReadAt(packed, f.offsets[i]); err != nil {
		return nil, err
	}
	if _, err := oneFrame(packed); err != nil {
		return nil, err
	}
	b, err := f.zstd.DecodeAll(packed, make([]byte, 0, f.plain[i]))
	if err != nil {
		return nil, err
	}
	if len(b) != f.plain[i] {
		return nil, errors.New("unpack to another length than the index says")
	}
	bodies := make([][]byte, 0, n)
	for range n {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return nil, errors.New("are not well formed")
		}
		end := 4 + int(binary.BigEndian.Uint32(b))
		bodies = append(bodies, b[4:end:end])
		b = b[end:]
	}
	if len(b) > 0 {
		return nil, errors.New("are more than the index says")
	}
	return bodies, nil
}
