package trail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.com/evident/proof"
)

// A Draft is an event that is to become a record. Body is the event as
// received; Fields are its fields, as proof.ParseBody returns them; the rest is
// what the header takes from them. A draft may be reused when Append returns.
type Draft struct {
	Body                      []byte
	Fields                    []proof.Field
	Source, ID                string
	OccurredAt                time.Time
	Category, Action, Outcome string
}

// A Status says what became of a draft.
type Status int

// A draft is a new record, the same as a record that is there, or has the id
// of a record that means something else.
const (
	Appended Status = iota
	Duplicate
	Conflict
	Skipped // AppendAll appended nothing, because of another draft
)

// A Result says what became of a draft. Seq and Leaf are those of the record,
// which for a duplicate or conflict is the one that was there before.
type Result struct {
	Status Status
	Seq    uint64
	Leaf   proof.Hash
	ID     [16]byte
}

// A request is what one call of Append hands to the appender.
type request struct {
	drafts  []Draft
	results []Result
	headers []proof.Header
	exists  []bool // with atomic: which drafts are expected to exist already
	atomic  bool
	done    chan error
}

// errRetry answers an atomic request whose expectation was wrong.
var errRetry = errors.New("bug: retry must not leave the package")

// Limits of one group, so that nobody waits long for others. A request is
// never divided.
const (
	groupRecords = 16384
	groupBytes   = 8 << 20
)

// owned is the state of the appender's goroutine.
type owned struct {
	clock   clock
	sseq    map[string]uint64 // records of each source
	group   []byte
	staged  []staged
	fresh   [][16]byte
	digests []proof.Hash
	inGroup map[[16]byte]uint64
}

// A staged draft will be the next record.
type staged struct {
	r *request
	i int // of the draft
}

// Append makes records of drafts, in order, and returns when all of them are
// durable. What is there already is not appended again. With an error nothing
// is acknowledged; some records may have been appended all the same, if the
// error is one of reading what a duplicate is compared with.
func (t *Trail) Append(ctx context.Context, drafts []Draft) ([]Result, error) {
	r, err := t.newRequest(drafts)
	if err != nil {
		return nil, err
	}
	if err := t.submit(ctx, r); err != nil {
		return nil, err
	}
	return r.results, t.compare(ctx, r)
}

// AppendAll is Append, but appends nothing if any draft is in conflict with a
// record; the others then have the status Skipped.
func (t *Trail) AppendAll(ctx context.Context, drafts []Draft) ([]Result, error) {
	r, err := t.newRequest(drafts)
	if err != nil {
		return nil, err
	}
	r.atomic, r.exists = true, make([]bool, len(drafts))
	for {
		conflict, err := t.foresee(ctx, r)
		if conflict || err != nil {
			return r.results, err
		}
		if err := t.submit(ctx, r); !errors.Is(err, errRetry) {
			return r.results, err
		}
		// Somebody appended one of the ids in between: look again.
	}
}

func (t *Trail) newRequest(drafts []Draft) (*request, error) {
	r := &request{drafts: drafts, results: make([]Result, len(drafts)), headers: make([]proof.Header, len(drafts)), done: make(chan error, 1)}
	for i := range drafts {
		if err := drafts[i].check(&t.forms); err != nil {
			return nil, fmt.Errorf("draft %d: %w", i, err)
		}
		r.results[i].ID = proof.EventID(drafts[i].Source, drafts[i].ID)
	}
	return r, nil
}

// forms remembers which values have been found to be fit for a header, so that
// few drafts pay for the finding. It is bounded: senders choose what is in it.
type forms struct {
	mu      sync.RWMutex
	kinds   map[what]bool
	sources map[string]bool
}

const maxForms = 1 << 14 // of each

// has reports whether both parts are known to be fit.
func (f *forms) has(k what, source string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.kinds[k] && f.sources[source]
}

// put remembers both. The strings may lie in memory of the caller's.
func (f *forms) put(k what, source string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil || len(f.kinds) >= maxForms || len(f.sources) >= maxForms {
		f.kinds, f.sources = map[what]bool{}, map[string]bool{}
	}
	f.kinds[what{strings.Clone(k.category), strings.Clone(k.action), strings.Clone(k.outcome)}] = true
	f.sources[strings.Clone(source)] = true
}

// check refuses what could not be written as a header, or read back.
func (d *Draft) check(f *forms) error {
	if len(d.Fields) == 0 || len(d.Body) > maxBody {
		return fmt.Errorf("a body has 1 field or more and %d bytes at most", maxBody)
	}
	kind := what{d.Category, d.Action, d.Outcome}
	year := d.OccurredAt.UTC().Year()
	if year >= 1970 && year <= 2261 && f.has(kind, d.Source) {
		return nil
	}
	h := proof.Header{Source: d.Source, Category: d.Category, Action: d.Action, Outcome: d.Outcome, OccurredAt: d.OccurredAt, At: time.Unix(0, 0)}
	if _, err := proof.ParseHeader(h.Append(nil)); err != nil {
		return err
	}
	f.put(kind, d.Source)
	return nil
}

const maxBody = 24 << 20 // docs/format.md section 3

// submit hands r to the appender and waits for the answer. Once handed over it
// is waited for to the end: the appender reads what the caller owns.
func (t *Trail) submit(ctx context.Context, r *request) error {
	if len(r.drafts) == 0 {
		return nil
	}
	t.mu.Lock()
	requests, failed := t.requests, t.failed
	if requests != nil {
		t.senders.Add(1) // Close closes the channel when nobody sends any more
	}
	t.mu.Unlock()
	if requests == nil {
		return ErrClosed
	}
	defer t.senders.Done()
	if failed != nil {
		return failed
	}
	select {
	case requests <- r:
	case <-ctx.Done():
		return fmt.Errorf("append: %w", ctx.Err())
	}
	if err := <-r.done; err != nil {
		return err
	}
	if t.cfg.Observe != nil {
		for i := range r.results {
			if r.results[i].Status == Appended {
				t.cfg.Observe(&r.headers[i], r.drafts[i].Fields)
			}
		}
	}
	return nil
}

// run is the appender: it forms groups of what waits and commits them.
func (t *Trail) run(requests <-chan *request) {
	defer t.appender.Done()
	age := time.NewTicker(min(t.cfg.SealAge, time.Minute))
	defer age.Stop()
	var group []*request
	for {
		select {
		case r, ok := <-requests:
			if !ok {
				return
			}
			group = gather(append(group[:0], r), requests)
			t.commit(group)
		case <-age.C:
			if err := t.rollOld(); err != nil {
				t.cfg.Log.ErrorContext(t.ctx, "segment not closed", "error", err.Error())
			}
		}
	}
}

// gather adds to group what is waiting, up to the limits of a group.
func gather(group []*request, requests <-chan *request) []*request {
	records, bytes := 0, 0
	for {
		last := group[len(group)-1]
		records += len(last.drafts)
		for i := range last.drafts {
			bytes += len(last.drafts[i].Body)
		}
		if records >= groupRecords || bytes >= groupBytes {
			return group
		}
		select {
		case r, ok := <-requests:
			if !ok {
				return group
			}
			group = append(group, r)
		default:
			return group
		}
	}
}

// commit makes a group durable, publishes it and answers. On an error nothing
// of it has happened as far as anybody can see: the log's end has not moved,
// and the next group is written over this one.
func (t *Trail) commit(group []*request) {
	err := t.Failed()
	if err == nil {
		err = t.tryCommit(group)
	}
	for _, r := range group {
		switch {
		case err != nil:
			r.done <- err
		case r.atomic && r.exists == nil:
			r.exists = make([]bool, len(r.drafts))
			r.done <- errRetry
		default:
			r.done <- nil
		}
	}
}

func (t *Trail) tryCommit(group []*request) error {
	at, step := t.clock.read()
	if step != nil {
		// The step is the first record of the group, before what it explains.
		r, err := t.newRequest([]Draft{*step})
		if err != nil {
			return err
		}
		group = append([]*request{r}, group...)
	}
	if err := t.stage(group); err != nil {
		return err
	}
	if len(t.staged) == 0 {
		return nil
	}
	t.mu.Lock()
	err := t.ids.reserve(t.fresh)
	t.mu.Unlock()
	if err != nil {
		return unavailable(err)
	}
	segment, err := t.current()
	if err != nil {
		return err
	}
	t.digest(segment.wal)
	added := t.headers(segment, at)
	if err := t.write(segment.wal); err != nil {
		for i := range added {
			t.sseq[added[i].header.Source]-- // as if it had not been tried
		}
		return err
	}
	t.clock.recorded(at)
	t.publish(segment, added)
	return nil
}

// stage decides which drafts become records, and where the others are.
func (t *Trail) stage(group []*request) error {
	t.staged, t.fresh = t.staged[:0], t.fresh[:0]
	clear(t.inGroup)
	for _, r := range group {
		begin := len(t.staged)
		for i := range r.results {
			id := r.results[i].ID
			seq, found := t.inGroup[id]
			if !found {
				var err error
				if seq, found, err = t.Find(id); err != nil {
					return err
				}
			}
			if r.atomic && found != r.exists[i] {
				r.exists = nil // answered with errRetry
				break
			}
			if found {
				r.results[i].Status, r.results[i].Seq = Duplicate, seq
				continue
			}
			r.results[i].Status, r.results[i].Seq = Appended, t.size+uint64(len(t.staged))
			t.inGroup[id] = r.results[i].Seq
			t.staged = append(t.staged, staged{r, i})
			t.fresh = append(t.fresh, id)
		}
		if r.atomic && r.exists == nil {
			for _, s := range t.staged[begin:] {
				delete(t.inGroup, s.r.results[s.i].ID)
			}
			t.staged, t.fresh = t.staged[:begin], t.fresh[:begin]
		}
	}
	return nil
}

// digest computes the body digests of what is staged, on all processors.
func (t *Trail) digest(w *wal) {
	n := len(t.staged)
	if cap(t.digests) < n {
		t.digests = make([]proof.Hash, 2*n)
	}
	t.digests = t.digests[:n]
	part := func(from, until int) {
		for i := from; i < until; i++ {
			seed := w.seed(t.size + uint64(i))
			t.digests[i] = proof.BodyDigest(t.staged[i].draft().Fields, &seed)
		}
	}
	if n < 4 {
		part(0, n)
		return
	}
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() { part(n*k/workers, n*(k+1)/workers) })
	}
	wg.Wait()
}

func (s staged) draft() *Draft { return &s.r.drafts[s.i] }

// An added record is on its way into the log.
type added struct {
	header *proof.Header
	leaf   proof.Hash
	place  place
}

// headers writes what is staged into the group buffer, each record chained to
// the one before.
func (t *Trail) headers(s *openSegment, at time.Time) []added {
	out := make([]added, len(t.staged))
	prev := s.last
	buf := make([]byte, 0, 1024)
	t.group = beginGroup(t.group[:0])
	for i, st := range t.staged {
		d := st.draft()
		h := &st.r.headers[st.i]
		*h = proof.Header{
			Seq: t.size + uint64(i), At: at, Source: d.Source, SSeq: t.sseq[d.Source], OccurredAt: d.OccurredAt,
			Category: d.Category, Action: d.Action, Outcome: d.Outcome,
			ID: st.r.results[st.i].ID, Prev: prev, Body: t.digests[i],
		}
		if h.SSeq == 0 {
			t.sseq[strings.Clone(d.Source)] = 1 // the key outlives the draft
		} else {
			t.sseq[d.Source]++
		}
		buf = h.Append(buf[:0])
		prev = proof.LeafHash(buf)
		begin := s.wal.end + int64(len(t.group))
		out[i] = added{header: h, leaf: prev, place: place{
			header: begin + 2, headerLen: int32(len(buf)),
			body: begin + 2 + int64(len(buf)) + 4, bodyLen: int32(len(d.Body)),
		}}
		t.group = appendRecord(t.group, buf, d.Body)
		st.r.results[st.i].Leaf = prev
	}
	s.wal.sealGroup(t.group, t.size)
	return out
}

// write makes the group durable. Dying before the sync leaves a group that is
// whole or cut, and was acknowledged to nobody; dying after it, one that
// recovery finds.
func (t *Trail) write(w *wal) error {
	name := walName(w.first)
	if err := t.cfg.Fault("write", name); err != nil {
		return unavailable(err)
	}
	if err := w.reserve(w.end + int64(len(t.group))); err != nil {
		return unavailable(err)
	}
	if _, err := w.file.WriteAt(t.group, w.end); err != nil {
		return unavailable(err)
	}
	err := t.cfg.Fault("sync", name)
	if err == nil {
		err = unix.Fdatasync(int(w.file.Fd()))
	}
	if err != nil {
		return t.fail(fmt.Errorf("sync %s: %w", name, err))
	}
	w.advance(len(t.group))
	return nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// publish lets everybody see the group that is durable now.
func (t *Trail) publish(s *openSegment, group []added) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range group {
		a := &group[i]
		s.add(a.place, a.leaf, a.header)
		t.tiles.add(a.leaf)
		t.ids.add(a.header.ID, a.header.Seq)
	}
	t.size += uint64(len(group))
	close(t.grown)
	t.grown = make(chan struct{})
}

// Counts returns how many records each source has.
func (t *Trail) Counts() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := maps.Clone(t.counts)
	for _, s := range t.open {
		for key, n := range s.counts {
			counts[key.source] += n.records
		}
	}
	return counts
}
