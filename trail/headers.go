package trail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"example.com/evident/proof"
)

// A file of headers holds the headers of one sealed segment without what
// follows from the headers before (seq, sseq, prev), in chunks that end where
// a tile of the tree ends, so that one chunk is what one tile needs.
//
//	file     "evhdr/1\n" ‖ chunk … ‖ zstd(index) ‖ u32be length of it ‖ "evhdr/1\n"
//	chunk    u32be length ‖ zstd(columns) ‖ ids (16 each) ‖ body digests (32 each)
//	columns  uvarint scale of occurred_at ‖ at, occurred_at (zigzag differences)
//	         ‖ number of the source, number of the kind of event ‖ (source, sseq) pairs
//	index    see appendIndex
//
// The index also holds the roots of the tiles that end in this segment, from
// which every other hash of the tree follows, and the numbers of Evident's own
// records, which are folded when the trail is opened.
const headersMagic = "evhdr/1\n"

// tileSize is the width of a tile of the tree (C2SP tlog-tiles).
const tileSize = 256

// A what is the part of a header that says what kind of event it is.
type what struct{ category, action, outcome string }

// headerIndex is what is known of a file of headers without reading its chunks.
type headerIndex struct {
	first, until uint64
	sources      []string
	whats        []what
	offsets      []int64      // of the chunks; one more than there are chunks
	prevs        []proof.Hash // leaf hash before each chunk
	tiles        []proof.Hash // roots of the tiles that end in this segment
	own          []uint64     // numbers of the records of source evident
}

// chunks is how many chunks cover first to until.
func chunks(first, until uint64) int {
	if first == until {
		return 0
	}
	return int((until-1)/tileSize-first/tileSize) + 1
}

// bounds returns the records of chunk i.
func (x *headerIndex) bounds(i int) (first, until uint64) {
	t := x.first/tileSize + uint64(i)
	return max(x.first, t*tileSize), min(x.until, (t+1)*tileSize)
}

// A headerWriter makes a file of headers. Chunks are written by add, in order.
type headerWriter struct {
	out     io.Writer
	offset  int64
	index   headerIndex
	sources map[string]int
	whats   map[what]int
	zstd    *zstd.Encoder
	columns []byte
	packed  []byte
}

func newHeaderWriter(out io.Writer, first uint64) (*headerWriter, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		return nil, err
	}
	w := &headerWriter{out: out, zstd: enc, sources: map[string]int{}, whats: map[what]int{}}
	w.index.first, w.index.until = first, first
	w.index.offsets = []int64{int64(len(headersMagic))}
	w.offset = int64(len(headersMagic))
	_, err = io.WriteString(out, headersMagic)
	return w, err
}

// add writes one chunk: headers up to the next end of a tile, or fewer if they
// are the last.
func (w *headerWriter) add(headers []proof.Header) error {
	w.index.prevs = append(w.index.prevs, headers[0].Prev)
	scale := scaleOf(headers)
	b := binary.AppendUvarint(w.columns[:0], uint64(scale))
	last := int64(0)
	for i := range headers {
		at := headers[i].At.UnixNano()
		b, last = binary.AppendVarint(b, at-last), at
	}
	last = 0
	for i := range headers {
		t := headers[i].OccurredAt.UnixNano() / scale
		b, last = binary.AppendVarint(b, t-last), t
	}
	var counters []int
	for i := range headers {
		n, fresh := w.source(headers[i].Source)
		if fresh || !slices.Contains(counters, n) {
			counters = append(counters, n)
		}
		b = binary.AppendUvarint(b, uint64(n))
	}
	for i := range headers {
		b = binary.AppendUvarint(b, uint64(w.what(what{headers[i].Category, headers[i].Action, headers[i].Outcome})))
	}
	for _, n := range counters {
		i := slices.IndexFunc(headers, func(h proof.Header) bool { return h.Source == w.index.sources[n] })
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(n)), headers[i].SSeq)
	}
	w.columns = b
	w.packed = w.zstd.EncodeAll(b, append(w.packed[:0], 0, 0, 0, 0))
	binary.BigEndian.PutUint32(w.packed, uint32(len(w.packed)-4))
	for i := range headers {
		w.packed = append(w.packed, headers[i].ID[:]...)
	}
	for i := range headers {
		w.packed = append(w.packed, headers[i].Body[:]...)
		if headers[i].Source == ownSource {
			w.index.own = append(w.index.own, headers[i].Seq)
		}
	}
	w.index.until += uint64(len(headers))
	w.offset += int64(len(w.packed))
	w.index.offsets = append(w.index.offsets, w.offset)
	_, err := w.out.Write(w.packed)
	return err
}

func (w *headerWriter) source(name string) (n int, fresh bool) {
	n, ok := w.sources[name]
	if !ok {
		n = len(w.index.sources)
		w.sources[name] = n
		w.index.sources = append(w.index.sources, name)
	}
	return n, !ok
}

func (w *headerWriter) what(k what) int {
	n, ok := w.whats[k]
	if !ok {
		n = len(w.index.whats)
		w.whats[k] = n
		w.index.whats = append(w.index.whats, k)
	}
	return n
}

// finish writes the index. tiles are the roots of the tiles that end here.
func (w *headerWriter) finish(tiles []proof.Hash) error {
	w.index.tiles = tiles
	b := w.zstd.EncodeAll(appendIndex(nil, &w.index), nil)
	b = binary.BigEndian.AppendUint32(b, uint32(len(b)))
	_, err := w.out.Write(append(b, headersMagic...))
	return err
}

// scaleOf returns the coarsest unit, in nanoseconds, of which every
// occurred_at is a whole number: sources count in seconds or milliseconds.
func scaleOf(headers []proof.Header) int64 {
	scale := int64(time.Second)
	for i := range headers {
		for t := headers[i].OccurredAt.UnixNano(); t%scale != 0; {
			scale /= 1000
		}
	}
	return scale
}

// appendIndex writes x; parseIndex is its inverse.
//
//	u64be first, until ‖ uvarint count and (uvarint length ‖ text) of the
//	sources, and of category, action, outcome of each kind of event ‖ uvarint
//	length of each chunk ‖ prevs ‖ uvarint count and tiles ‖ uvarint count and
//	uvarint differences of own
func appendIndex(b []byte, x *headerIndex) []byte {
	b = binary.BigEndian.AppendUint64(b, x.first)
	b = binary.BigEndian.AppendUint64(b, x.until)
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b = binary.AppendUvarint(b, uint64(len(x.sources)))
	for _, s := range x.sources {
		text(s)
	}
	b = binary.AppendUvarint(b, uint64(len(x.whats)))
	for _, k := range x.whats {
		text(k.category)
		text(k.action)
		text(k.outcome)
	}
	for i := range len(x.offsets) - 1 {
		b = binary.AppendUvarint(b, uint64(x.offsets[i+1]-x.offsets[i]))
	}
	for _, h := range x.prevs {
		b = append(b, h[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(x.tiles)))
	for _, h := range x.tiles {
		b = append(b, h[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(x.own)))
	last := x.first
	for _, seq := range x.own {
		b, last = binary.AppendUvarint(b, seq-last), seq
	}
	return b
}

func parseIndex(b []byte) (*headerIndex, error) {
	r := &byteReader{b: b}
	x := &headerIndex{first: r.uint64(), until: r.uint64()}
	if r.failed || x.until < x.first || x.until-x.first > math.MaxInt32 {
		return nil, errIndex
	}
	for range r.count() {
		x.sources = append(x.sources, r.text())
	}
	for range r.count() {
		x.whats = append(x.whats, what{r.text(), r.text(), r.text()})
	}
	n := chunks(x.first, x.until)
	if n > len(b) {
		return nil, errIndex
	}
	x.offsets = append(x.offsets, int64(len(headersMagic)))
	for i := range n {
		x.offsets = append(x.offsets, x.offsets[i]+int64(r.uvarint()))
	}
	for range n {
		x.prevs = append(x.prevs, r.hash())
	}
	for range r.count() {
		x.tiles = append(x.tiles, r.hash())
	}
	last := x.first
	for range r.count() {
		last += r.uvarint()
		x.own = append(x.own, last)
	}
	if r.failed || len(r.b) > 0 || uint64(len(x.tiles)) != x.until/tileSize-x.first/tileSize {
		return nil, errIndex
	}
	return x, nil
}

var errIndex = errors.New("the index of the file is damaged")

// A headerFile is a file of headers, open for reading. Its methods may be
// called concurrently.
type headerFile struct {
	*headerIndex
	file *os.File
}

// openHeaders opens the file of headers in name.
func openHeaders(name string) (*headerFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b, end, err := readTrailer(f, headersMagic)
	if err == nil {
		var x *headerIndex
		if x, err = parseIndex(b); err == nil && x.offsets[len(x.offsets)-1] == end {
			return &headerFile{headerIndex: x, file: f}, nil
		}
	}
	f.Close()
	if err == nil {
		err = errIndex
	}
	return nil, damaged(name, 0, err.Error())
}

// readTrailer returns the unpacked index at the end of a sealed file, and
// where it begins.
func readTrailer(f *os.File, magic string) (index []byte, begin int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	foot := int64(4 + len(magic))
	b := make([]byte, foot)
	if info.Size() < foot+int64(len(magic)) {
		return nil, 0, errIndex
	}
	if _, err := f.ReadAt(b, info.Size()-foot); err != nil {
		return nil, 0, err
	}
	length := int64(binary.BigEndian.Uint32(b))
	begin = info.Size() - foot - length
	if string(b[4:]) != magic || begin < int64(len(magic)) {
		return nil, 0, errIndex
	}
	packed := make([]byte, length)
	if _, err := f.ReadAt(packed, begin); err != nil {
		return nil, 0, err
	}
	if _, err := f.ReadAt(b[:len(magic)], 0); err != nil || string(b[:len(magic)]) != magic {
		return nil, 0, errIndex
	}
	index, err = unpack(packed, maxIndex)
	return index, begin, err
}

// maxIndex bounds what an index may unpack to: 2^31 records would need less.
const maxIndex = 1 << 30

// chunk returns the headers of chunk i, with everything filled in except prev
// of all but the first: that takes the leaf hashes, which the caller computes
// anyway.
func (f *headerFile) chunk(i int) ([]proof.Header, error) {
	headers, err := f.decode(i)
	if err != nil {
		return nil, damaged(f.file.Name(), f.offsets[i], fmt.Sprintf("chunk %d: %v", i, err))
	}
	return headers, nil
}

func (f *headerFile) decode(i int) ([]proof.Header, error) {
	packed := make([]byte, f.offsets[i+1]-f.offsets[i])
	if _, err := f.file.ReadAt(packed, f.offsets[i]); err != nil {
		return nil, err
	}
	first, until := f.bounds(i)
	n := int(until - first)
	if len(packed) < 4+48*n || int(binary.BigEndian.Uint32(packed)) != len(packed)-4-48*n {
		return nil, errors.New("has another length than the index says")
	}
	ids, bodies := packed[len(packed)-48*n:len(packed)-32*n], packed[len(packed)-32*n:]
	columns, err := unpack(packed[4:len(packed)-48*n], 64<<10)
	if err != nil {
		return nil, err
	}
	r := &byteReader{b: columns}
	headers := make([]proof.Header, n)
	scale, last := int64(r.uvarint()), int64(0)
	for i := range headers {
		last += r.varint()
		headers[i].At = time.Unix(0, last).UTC()
	}
	last = 0
	for i := range headers {
		last += r.varint()
		headers[i].OccurredAt = time.Unix(0, last*scale).UTC()
	}
	numbers := make([]int, n)
	for i := range headers {
		numbers[i] = r.index(len(f.sources))
	}
	for i := range headers {
		k := r.index(len(f.whats))
		if r.failed {
			return nil, errors.New("is not well formed")
		}
		headers[i].Category, headers[i].Action, headers[i].Outcome = f.whats[k].category, f.whats[k].action, f.whats[k].outcome
	}
	next := make([]uint64, len(f.sources))
	for len(r.b) > 0 && !r.failed {
		k := r.index(len(f.sources))
		next[k] = r.uvarint()
	}
	if r.failed {
		return nil, errors.New("is not well formed")
	}
	for i := range headers {
		h := &headers[i]
		h.Seq = first + uint64(i)
		h.Source, h.SSeq = f.sources[numbers[i]], next[numbers[i]]
		next[numbers[i]]++
		copy(h.ID[:], ids[16*i:])
		copy(h.Body[:], bodies[32*i:])
	}
	headers[0].Prev = f.prevs[i]
	return headers, nil
}

// ids appends the ids of chunk i to dst, 16 bytes each, without unpacking the rest.
func (f *headerFile) ids(dst []byte, i int) ([]byte, error) {
	first, until := f.bounds(i)
	n := int64(until - first)
	begin := f.offsets[i+1] - 48*n
	if begin < f.offsets[i] {
		return dst, damaged(f.file.Name(), f.offsets[i], "has another length than the index says")
	}
	dst = slices.Grow(dst, int(16*n))
	dst = dst[:len(dst)+int(16*n)]
	_, err := f.file.ReadAt(dst[len(dst)-int(16*n):], begin)
	return dst, err
}
