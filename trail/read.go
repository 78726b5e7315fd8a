package trail

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"

	"example.com/evident/proof"
)

// A tile is a stretch of 256 records, or fewer at the end of the trail, whose
// headers have been read, chained and found in the tree.
type tile struct {
	first   uint64
	headers []proof.Header
	leaves  []proof.Hash
}

type chunkKey struct {
	first uint64 // of the segment
	chunk int
}

// Cached are 128 tiles (about 40 KB each) and 256 chunks of bodies (70 KB).
const (
	cachedTiles  = 128
	cachedChunks = 256
)

// A Head is a header that was read and verified, with its leaf hash.
type Head struct {
	Header proof.Header
	Leaf   proof.Hash
}

// Read returns the records with these numbers, in the order asked. Each has
// been verified: its fields give the body digest, its header is chained to the
// one before and is in the tree. A *Damage or another error means that no
// record is returned.
func (t *Trail) Read(ctx context.Context, seqs []uint64) ([]Record, error) {
	byTile := map[uint64][]int{}
	for i, seq := range seqs {
		byTile[seq/tileSize] = append(byTile[seq/tileSize], i)
	}
	records := make([]Record, len(seqs))
	numbers := make([]uint64, 0, len(byTile))
	for n := range byTile {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	err := parallel(ctx, len(numbers), func(k int) error {
		tl, err := t.tile(numbers[k])
		if err != nil {
			return err
		}
		for _, i := range byTile[numbers[k]] {
			if seqs[i]-tl.first >= uint64(len(tl.headers)) {
				return fmt.Errorf("read record %d: the trail has %d records", seqs[i], t.Size())
			}
			if records[i], err = t.record(&tl, seqs[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// parallel calls do for 0 to n-1 on all processors and returns the error of
// the lowest number.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			errs[i] = ctx.Err()
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Records yields the records from ≤ seq < until, verified, in order. After an
// error it yields nothing more.
func (t *Trail) Records(ctx context.Context, from, until uint64) iter.Seq2[Record, error] {
	return ordered(ctx, t, from, until, func(tl *tile, from, until uint64) ([]Record, error) {
		out := make([]Record, 0, until-from)
		for seq := from; seq < until; seq++ {
			r, err := t.record(tl, seq)
			if err != nil {
				return out, err
			}
			out = append(out, r)
		}
		return out, nil
	})
}

// Headers yields the headers from ≤ seq < until, verified, in order. After an
// error it yields nothing more.
func (t *Trail) Headers(ctx context.Context, from, until uint64) iter.Seq2[Head, error] {
	return ordered(ctx, t, from, until, func(tl *tile, from, until uint64) ([]Head, error) {
		out := make([]Head, 0, until-from)
		for seq := from; seq < until; seq++ {
			out = append(out, Head{tl.headers[seq-tl.first], tl.leaves[seq-tl.first]})
		}
		return out, nil
	})
}

// Own yields Evident's own records, from the first to size, verified. That
// none is missing shows in their sseq, which the caller need not check: it is
// checked here.
func (t *Trail) Own(ctx context.Context, size uint64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		seqs := t.ownSeqs(size)
		for part := range slices.Chunk(seqs, 1024) {
			records, err := t.Read(ctx, part)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for i, r := range records {
				if r.Header.Source != ownSource || i > 0 && r.Header.SSeq != records[i-1].Header.SSeq+1 || i == 0 && part[0] == seqs[0] && r.Header.SSeq != 0 {
					yield(Record{}, &Damage{Seq: r.Header.Seq, HasSeq: true, What: "the list of Evident's own records is not complete"})
					return
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// ownSeqs lists the records of source evident below size.
func (t *Trail) ownSeqs(size uint64) []uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var seqs []uint64
	for _, s := range t.sealed {
		seqs = append(seqs, s.headers.own...)
	}
	for _, s := range t.open {
		seqs = append(seqs, s.own...)
	}
	n, _ := slices.BinarySearch(seqs, size)
	return seqs[:n]
}

// A batch is what one worker of ordered has made.
type batch[T any] struct {
	items []T
	err   error
}

// ordered reads tiles ahead on all processors and yields what of makes of
// them, in order.
func ordered[T any](ctx context.Context, t *Trail, from, until uint64, of func(tl *tile, from, until uint64) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if size := t.Size(); until > size || from > until {
			yield(zero, fmt.Errorf("read records %d until %d: the trail has %d records", from, until, size))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		queue := make(chan chan batch[T], 2*runtime.GOMAXPROCS(0))
		wg.Go(func() {
			defer close(queue)
			for p := from; p < until; {
				begin, end := p, min(until, (p/tileSize+1)*tileSize)
				done := make(chan batch[T], 1)
				select {
				case queue <- done:
				case <-ctx.Done():
					return
				}
				wg.Go(func() {
					tl, err := t.tile(begin / tileSize)
					if err != nil {
						done <- batch[T]{err: err}
						return
					}
					items, err := of(&tl, begin, end)
					done <- batch[T]{items, err}
				})
				p = end
			}
		})
		for done := range queue {
			b := <-done
			for _, item := range b.items {
				if !yield(item, nil) {
					return
				}
			}
			if b.err != nil {
				yield(zero, b.err)
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(zero, err)
		}
	}
}

// tileLeaves returns the verified leaves of tile n.
func (t *Trail) tileLeaves(n uint64) ([]proof.Hash, error) {
	t.mu.Lock()
	if n == t.size/tileSize {
		edge := t.tiles.edge
		t.mu.Unlock()
		return edge, nil
	}
	t.mu.Unlock()
	tl, err := t.tile(n)
	return tl.leaves, err
}

// tile reads and verifies the headers of tile n.
func (t *Trail) tile(n uint64) (tile, error) {
	if tl, ok := t.tileCache.get(n); ok {
		return tl, nil
	}
	t.mu.Lock()
	size, edge := t.size, t.tiles.edge
	var root proof.Hash
	full := n < size/tileSize
	if full {
		root = t.tiles.levels[0][n]
	}
	t.mu.Unlock()
	tl := tile{first: n * tileSize}
	until := min(size, tl.first+tileSize)
	if tl.first >= until {
		return tl, fmt.Errorf("read record %d: the trail has %d records", tl.first, size)
	}
	for p := tl.first; p < until; {
		part, err := t.readHeaders(p, until)
		if err != nil {
			return tl, err
		}
		tl.headers = append(tl.headers, part...)
		p += uint64(len(part))
	}
	if err := tl.chain(); err != nil {
		return tl, err
	}
	switch {
	case full && fold(tl.leaves) != root:
		return tl, &Damage{Seq: tl.first, HasSeq: true, What: fmt.Sprintf("the headers of records %d to %d are not those in the tree", tl.first, until-1)}
	case full:
		t.tileCache.put(n, tl)
	case !slices.Equal(tl.leaves, edge[:len(tl.leaves)]):
		return tl, &Damage{Seq: tl.first, HasSeq: true, What: fmt.Sprintf("the headers of records %d to %d are not those in the tree", tl.first, until-1)}
	}
	return tl, nil
}

// chain fills in prev where it is left out, and computes the leaves.
func (tl *tile) chain() error {
	tl.leaves = make([]proof.Hash, len(tl.headers))
	buf := make([]byte, 0, 1024)
	for i := range tl.headers {
		h := &tl.headers[i]
		if i > 0 && h.Prev == (proof.Hash{}) {
			h.Prev = tl.leaves[i-1]
		}
		if h.Seq != tl.first+uint64(i) {
			return &Damage{Seq: tl.first + uint64(i), HasSeq: true, What: fmt.Sprintf("the header here is that of record %d", h.Seq)}
		}
		buf = h.Append(buf[:0])
		tl.leaves[i] = proof.LeafHash(buf)
	}
	return nil
}

// readHeaders returns headers from the record from on, at most up to until and
// as many as lie together.
func (t *Trail) readHeaders(from, until uint64) ([]proof.Header, error) {
	for {
		t.mu.Lock()
		s := t.segmentOf(from)
		o := t.openOf(from)
		t.mu.Unlock()
		if s != nil {
			i := int(from/tileSize - s.first/tileSize)
			headers, err := s.headers.chunk(i)
			if err != nil {
				return nil, err
			}
			first, _ := s.headers.bounds(i)
			headers = headers[from-first:]
			return headers[:min(uint64(len(headers)), until-from)], nil
		}
		if headers, err := o.readHeaders(from, until); headers != nil || err != nil {
			return headers, err
		}
		// It was sealed in between: look again.
	}
}

// An openView is what a reader may use of an open segment.
type openView struct {
	*openSegment
	places []place
}

// openOf returns the open segment that holds seq. t.mu is held.
func (t *Trail) openOf(seq uint64) openView {
	for i := len(t.open) - 1; i >= 0; i-- {
		if s := t.open[i]; s.first <= seq {
			return openView{s, s.places}
		}
	}
	return openView{}
}

// readHeaders reads headers out of the log; nil if they are no longer there.
func (o openView) readHeaders(from, until uint64) ([]proof.Header, error) {
	o.reading.RLock()
	defer o.reading.RUnlock()
	if o.retired {
		return nil, nil
	}
	until = min(until, o.first+uint64(len(o.places)))
	var headers []proof.Header
	buf := make([]byte, 1024)
	for seq := from; seq < until; seq++ {
		p := o.places[seq-o.first]
		if int(p.headerLen) > len(buf) {
			return nil, &Damage{File: "wal/" + walName(o.first), Offset: p.header, Seq: seq, HasSeq: true, What: "the header is too long"}
		}
		if _, err := o.wal.file.ReadAt(buf[:p.headerLen], p.header); err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		h, err := proof.ParseHeader(buf[:p.headerLen])
		if err != nil {
			return nil, &Damage{File: "wal/" + walName(o.first), Offset: p.header, Seq: seq, HasSeq: true, What: err.Error()}
		}
		headers = append(headers, h)
	}
	return headers, nil
}

// record reads the body of seq and holds it against the header.
func (t *Trail) record(tl *tile, seq uint64) (Record, error) {
	i := seq - tl.first
	r := Record{Header: tl.headers[i], Leaf: tl.leaves[i]}
	var err error
	if r.Body, r.Seed, err = t.body(seq); err != nil || r.Body == nil {
		return r, err
	}
	if r.Fields, err = proof.ParseBody(r.Body); err != nil {
		return r, &Damage{Seq: seq, HasSeq: true, What: "the body is not what was recorded: " + err.Error()}
	}
	if proof.BodyDigest(r.Fields, &r.Seed) != r.Header.Body {
		return r, &Damage{Seq: seq, HasSeq: true, What: "the body is not what was recorded"}
	}
	return r, nil
}

// body reads the body and seed of seq; nil if it has expired.
func (t *Trail) body(seq uint64) ([]byte, proof.Seed, error) {
	for {
		t.mu.Lock()
		s := t.segmentOf(seq)
		o := t.openOf(seq)
		t.mu.Unlock()
		if s != nil {
			return t.sealedBody(s, seq)
		}
		body, seed, err := o.readBody(seq)
		if body != nil || err != nil {
			return body, seed, err
		}
	}
}

func (o openView) readBody(seq uint64) ([]byte, proof.Seed, error) {
	o.reading.RLock()
	defer o.reading.RUnlock()
	if o.retired {
		return nil, proof.Seed{}, nil
	}
	p := o.places[seq-o.first]
	body := make([]byte, p.bodyLen)
	if _, err := o.wal.file.ReadAt(body, p.body); err != nil {
		return nil, proof.Seed{}, fmt.Errorf("read log: %w", err)
	}
	return body, o.wal.seed(seq), nil
}

func (t *Trail) sealedBody(s *segment, seq uint64) ([]byte, proof.Seed, error) {
	if s.bodies == nil {
		return nil, proof.Seed{}, nil
	}
	key := chunkKey{s.first, int(seq/bodyChunk - s.first/bodyChunk)}
	first := max(s.first, seq/bodyChunk*bodyChunk)
	bodies, ok := t.bodyCache.get(key)
	if !ok {
		var err error
		if _, bodies, err = s.bodies.chunk(key.chunk); err != nil {
			return nil, proof.Seed{}, err
		}
		t.bodyCache.put(key, bodies)
	}
	return bodies[seq-first], s.bodies.seed(seq), nil
}

// Find returns the record with that id.
func (t *Trail) Find(id [16]byte) (seq uint64, ok bool, err error) {
	t.mu.Lock()
	var seqs []uint64
	t.ids.candidates(id, func(seq uint64) bool {
		seqs = append(seqs, seq)
		return true
	})
	t.mu.Unlock()
	for _, seq := range seqs {
		found, err := t.idOf(seq)
		if err != nil {
			return 0, false, err
		}
		if found == id {
			return seq, true, nil
		}
	}
	return 0, false, nil
}

// idOf reads the id of the record seq. It is not verified: a record that is
// found by it is, when it is read.
func (t *Trail) idOf(seq uint64) (id [16]byte, err error) {
	t.mu.Lock()
	s := t.segmentOf(seq)
	if s == nil {
		o := t.openOf(seq)
		id = o.ids[seq-o.first]
	}
	t.mu.Unlock()
	if s == nil {
		return id, nil
	}
	i := int(seq/tileSize - s.first/tileSize)
	ids, err := s.headers.ids(nil, i)
	if err != nil {
		return id, err
	}
	first, _ := s.headers.bounds(i)
	copy(id[:], ids[16*(seq-first):])
	return id, nil
}
