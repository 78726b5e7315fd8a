// Package several takes requests whose events are of several sources, as log
// shippers send them: it sorts the events by source, hands each source's to
// package intake, and says of each event by its place in the request what became
// of it. It also says which source a shipper's name for one means.
//
// Events without an id of their own get one of the whole request and their place
// in it: clients that try again send the same bytes.
package several

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"sync"

	"example.com/evident/intake"
	"example.com/evident/intake/sender"
)

// partBytes is about how much is handed on at once, for decoders whose raws are
// larger than what they came in.
const partBytes = 8 << 20

// MaxSources bounds the sources of one request: each is an append of its own.
const MaxSources = 1000

// A State says what became of an event.
type State uint8

// States of an event. Refused is also what was never taken.
const (
	Refused   State = iota
	Forbidden       // refused, since the sender may not append to its source
	Stored
	Duplicate // stored before
)

// A Result says what became of one event.
type Result struct {
	State  State
	Reason string // why it was refused
	ID     string // of an event that is stored
	Seq    uint64
}

// A Request is one client's request on its way in. The zero value is not useful.
type Request struct {
	in     *intake.Intake
	from   sender.Sender
	prefix []byte // of ids
	groups []group
	by     map[string]int // source to its group
	size   int

	mu sync.Mutex // guards what follows while groups are stored
	// Results has one of each event that was added, in their order.
	Results []Result
	// Taken counts what came of all events, when all are flushed.
	Taken Taken
}

// Taken counts events by what became of them.
type Taken struct {
	Accepted, Duplicates, Unmapped, Refused int
	Forbidden                               int    // of those refused
	First                                   string // reason of the first refusal
}

// group is what is to go to one source.
type group struct {
	source string
	raws   [][]byte
	ids    []string
	places []int // in Results
}

// New returns an empty request of way, such as "hec", whose bytes are body.
func New(in *intake.Intake, from sender.Sender, way string, body []byte) *Request {
	sum := sha256.Sum256(body)
	prefix := append(hex.AppendEncode(append([]byte(way), '-'), sum[:]), '/')
	return &Request{in: in, from: from, prefix: prefix, by: map[string]int{}}
}

// Add adds an event of source, which may be empty if the event is in the schema
// and names its own. Raw must stay as it is until Flush. An empty id is that of
// the event's place.
func (r *Request) Add(source string, raw []byte, id string) {
	place := len(r.Results)
	r.Results = append(r.Results, Result{})
	if id == "" {
		id = string(strconv.AppendInt(r.prefix, int64(place+1), 10))
	}
	n, ok := r.by[source]
	if !ok {
		if len(r.groups) == MaxSources {
			r.Results = r.Results[:place]
			r.Refuse("source: " + source + " is one too many; send events of at most " + strconv.Itoa(MaxSources) + " sources at once")
			return
		}
		n = len(r.groups)
		r.by[source] = n
		r.groups = append(r.groups, group{source: source})
	}
	g := &r.groups[n]
	g.raws, g.ids, g.places = append(g.raws, raw), append(g.ids, id), append(g.places, place)
	r.size += len(raw)
}

// Refuse adds an event that is not to be stored.
func (r *Request) Refuse(reason string) {
	r.Results = append(r.Results, Result{Reason: reason})
	r.Taken.Refused++
}

// Full reports whether so much was added that it should be flushed.
func (r *Request) Full() bool { return r.size >= partBytes }

// Flush stores what was added. An error means that it is not known what of it is
// stored, and that the whole request should be sent again.
func (r *Request) Flush(ctx context.Context) error {
	filled := r.groups[:0:0]
	for i := range r.groups {
		if len(r.groups[i].raws) > 0 {
			filled = append(filled, r.groups[i])
		}
	}
	err := r.takeAll(ctx, filled)
	for i := range r.groups {
		g := &r.groups[i]
		clear(g.raws)
		clear(g.ids)
		g.raws, g.ids, g.places = g.raws[:0], g.ids[:0], g.places[:0]
	}
	if r.size = 0; r.Taken.Refused > 0 {
		r.Taken.First = r.Results[r.FirstRefused()].Reason
	}
	return err
}

// atOnce is how many sources are appended to at once: they share what waiting
// for the disk costs.
const atOnce = 8

func (r *Request) takeAll(ctx context.Context, groups []group) error {
	if len(groups) == 1 {
		return r.take(ctx, &groups[0])
	}
	var workers sync.WaitGroup
	next := make(chan *group)
	errs := make([]error, min(atOnce, len(groups)))
	for i := range errs {
		workers.Go(func() {
			for g := range next {
				if errs[i] == nil {
					errs[i] = r.take(ctx, g)
				}
			}
		})
	}
	for i := range groups {
		next <- &groups[i]
	}
	close(next)
	workers.Wait()
	return errors.Join(errs...)
}

// take stores one group.
func (r *Request) take(ctx context.Context, g *group) error {
	var a intake.Answer
	err := r.in.Take(ctx, &intake.Delivery{
		Source: g.source, Raws: g.raws, IDs: g.ids, MayAppend: r.from.MayAppend, Actor: r.from.Actor,
	}, &a)
	r.mu.Lock()
	defer r.mu.Unlock()
	var forbidden *intake.Forbidden
	if errors.As(err, &forbidden) {
		for _, place := range g.places {
			r.Results[place] = Result{State: Forbidden, Reason: forbidden.What}
		}
		r.Taken.Refused += len(g.places)
		r.Taken.Forbidden += len(g.places)
		return nil
	}
	if err != nil {
		return err
	}
	r.note(g, &a)
	return nil
}

// note reads the answer for g: refusals name their places, and the receipts are
// those of all others, in order.
func (r *Request) note(g *group, a *intake.Answer) {
	refused, receipts := a.Refused, a.Receipts
	for i, place := range g.places {
		if len(refused) > 0 && refused[0].Line == i+1 {
			r.Results[place] = Result{Reason: refused[0].Reason}
			refused = refused[1:]
			continue
		}
		result := Result{State: Stored, ID: receipts[0].ID, Seq: receipts[0].Seq}
		if receipts[0].Duplicate {
			result.State = Duplicate
		}
		r.Results[place] = result
		receipts = receipts[1:]
	}
	r.Taken.Accepted += a.Accepted
	r.Taken.Duplicates += a.Duplicates
	r.Taken.Unmapped += a.Unmapped
	r.Taken.Refused += len(a.Refused)
}

// FirstRefused returns the place, from 0, of the first event that is refused, or
// -1.
func (r *Request) FirstRefused() int {
	for i := range r.Results {
		if r.Results[i].State <= Forbidden {
			return i
		}
	}
	return -1
}
