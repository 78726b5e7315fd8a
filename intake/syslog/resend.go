package syslog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"time"

	"example.com/evident/intake"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

// A RELP client sends again, on a new connection and under new numbers, what it
// has no acknowledgement of. Some of that may be in the trail: the
// acknowledgement was lost, or this server died between storing and
// acknowledging. A line must then not become a second record, but two equal
// lines that were really sent must be two.
//
// A line is therefore known by the hash of its bytes and by which one of the
// lines with these bytes it is: relp/HASH/0, relp/HASH/1 and so on. Which of
// these are there, the trail says; nothing else is needed, so that it holds
// across a kill -9 of either side. While a session may be sending again, a line
// gets the number of one that is there; otherwise, the next one that is free.
// In both cases it is handed to the trail, which knows it or stores it.
//
// What is sent again comes first, at once, and in its order (librelp does so,
// and rsyslog when it reads its queue or file again). So a session may be
// sending again until a stretch of new lines has come, or some time has passed
// since it last did; and a line is only one that is sent again if it was stored
// after the one before it.
const (
	resendQuiet = 10 * time.Second   // a session without such a line for this long sends no more of them
	resendFresh = 128                // nor does one after as many new lines: librelp's window
	resendOlder = 128                // of equal lines, only the newest may come again
	resendAge   = 7 * 24 * time.Hour // and only those that are not older
)

// A lineKey stands for the bytes of a line.
type lineKey [16]byte

// lineIDs gives the lines of all sessions of a source their ids.
type lineIDs struct {
	source string
	trail  *trail.Trail
	intake *intake.Intake
	now    func() time.Time

	mu sync.Mutex // one line gets its id at a time
	// flying has what got an id and may not be in the trail yet.
	flying map[lineKey]*flight
	// sessions of each host, for what a connection that its client has given up
	// may still bring.
	sessions map[string]map[*resend]bool
}

type flight struct{ next, refs int }

// A resend is what is known of a session that may be sending again. It is owned
// by the session, but for over, which lineIDs.mu guards.
type resend struct {
	host   string
	on     bool
	until  time.Time // it ends then
	fresh  int       // new lines since the last one that was sent again
	from   uint64    // records before this one are no matter
	past   uint64    // the last record that was sent again is before this one
	used   map[lineKey][]int
	over   *uint64 // another session of the host has begun, when the trail had this size
	claims []lineKey
}

func newLineIDs(source string, t *trail.Trail, in *intake.Intake) *lineIDs {
	return &lineIDs{source: source, trail: t, intake: in, now: time.Now, flying: map[lineKey]*flight{}, sessions: map[string]map[*resend]bool{}}
}

// begin notes that a session of host begins.
func (x *lineIDs) begin(host string) *resend {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := &resend{host: host}
	r.start(x.now(), 0)
	size := x.trail.Size()
	for other := range x.sessions[host] {
		other.over = &size
	}
	if x.sessions[host] == nil {
		x.sessions[host] = map[*resend]bool{}
	}
	x.sessions[host][r] = true
	return r
}

// end notes that a session brings no more lines.
func (x *lineIDs) end(r *resend) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.sessions[r.host], r)
	if len(x.sessions[r.host]) == 0 {
		delete(x.sessions, r.host)
	}
}

func (r *resend) start(now time.Time, from uint64) {
	r.on, r.until, r.fresh, r.from, r.past = true, now.Add(resendQuiet), 0, from, 0
	r.used = map[lineKey][]int{}
}

// ids appends the ids of lines, which are to be taken now, and says how many of
// them seem to have been sent before. When the trail has answered, landed must
// be called.
func (x *lineIDs) ids(ctx context.Context, r *resend, dst []string, raws [][]byte) (ids []string, again int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	if r.over != nil {
		if r.on {
			r.until, r.fresh = now.Add(resendQuiet), 0
		} else {
			r.start(now, *r.over)
		}
		r.over = nil
	}
	for _, raw := range raws {
		sum := sha256.Sum256(x.intake.Redact(x.source, raw))
		key := lineKey(sum[:16])
		n, seen, err := x.number(ctx, r, key, now)
		if err != nil {
			return dst, again, fmt.Errorf("look for a line in the trail: %w", err)
		}
		if seen {
			again++
		}
		x.claim(r, key, n)
		dst = append(dst, lineID(key, n))
	}
	return dst, again, nil
}

// landed notes that what got ids is in the trail, or never will be.
func (x *lineIDs) landed(r *resend) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, key := range r.claims {
		f := x.flying[key]
		if f.refs--; f.refs == 0 {
			delete(x.flying, key)
		}
	}
	r.claims = r.claims[:0]
}

func (x *lineIDs) claim(r *resend, key lineKey, n int) {
	f := x.flying[key]
	if f == nil {
		f = &flight{}
		x.flying[key] = f
	}
	f.next, f.refs = max(f.next, n+1), f.refs+1
	r.claims = append(r.claims, key)
	if r.on {
		r.used[key] = append(r.used[key], n)
	}
}

// number returns which one of the lines with these bytes this one is, and
// whether it seems to have been sent before.
func (x *lineIDs) number(ctx context.Context, r *resend, key lineKey, now time.Time) (n int, again bool, err error) {
	stored, err := x.stored(key)
	if err != nil {
		return 0, false, err
	}
	next := stored
	if f := x.flying[key]; f != nil {
		next = max(next, f.next)
	}
	if r.on && now.After(r.until) {
		r.on, r.used = false, nil
	}
	if !r.on {
		return next, false, nil
	}
	for n = max(0, next-resendOlder); n < next; n++ {
		ok, err := x.mayComeAgain(ctx, r, key, n, now)
		if err != nil {
			return 0, false, err
		}
		if ok {
			r.until, r.fresh = now.Add(resendQuiet), 0
			return n, true, nil
		}
	}
	if r.fresh++; r.fresh > resendFresh {
		r.on, r.used = false, nil
	}
	return next, false, nil
}

// mayComeAgain reports whether the line that comes now may be number n of those
// with its bytes.
func (x *lineIDs) mayComeAgain(ctx context.Context, r *resend, key lineKey, n int, now time.Time) (bool, error) {
	for _, used := range r.used[key] {
		if used == n {
			return false, nil // this session brought it
		}
	}
	seq, ok, err := x.find(lineID(key, n))
	if err != nil || !ok {
		return err == nil, err // on its way into the trail
	}
	if seq < r.from || seq < r.past {
		return false, nil
	}
	for h, err := range x.trail.Headers(ctx, seq, seq+1) {
		if err != nil {
			return false, err
		}
		if now.Sub(h.Header.At) > resendAge {
			return false, nil
		}
	}
	r.past = seq + 1
	return true, nil
}

// stored returns how many lines with these bytes are in the trail. It looks for
// few of them, however many there are.
func (x *lineIDs) stored(key lineKey) (int, error) {
	there, until := 0, 1 // number there-1 is there; number until-1 may not be
	for {
		_, ok, err := x.find(lineID(key, until-1))
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		there, until = until, 2*until
	}
	for there+1 < until {
		middle := (there + until) / 2
		_, ok, err := x.find(lineID(key, middle-1))
		if err != nil {
			return 0, err
		}
		if ok {
			there = middle
		} else {
			until = middle
		}
	}
	return there, nil
}

// find looks for the line that has the id, whether it could be mapped or not.
func (x *lineIDs) find(id string) (seq uint64, ok bool, err error) {
	if seq, ok, err = x.trail.Find(proof.EventID(x.source, id)); ok || err != nil {
		return seq, ok, err
	}
	return x.trail.Find(proof.EventID(x.source, intake.UnmappedID(id)))
}

func lineID(key lineKey, n int) string {
	b := append(make([]byte, 0, 64), "relp/"...)
	b = append(hex.AppendEncode(b, key[:]), '/')
	return string(strconv.AppendInt(b, int64(n), 10))
}
