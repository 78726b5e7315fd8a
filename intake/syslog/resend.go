package syslog

import (
	"bytes"
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
// What is sent again comes first, and at once (librelp does so, and rsyslog when
// it reads its queue or file again). So a session may be sending again until it
// has not done so for some time. A line that carries the time is as good as
// unique. Of lines that do not, only one that was stored lately, and after the
// one before it, is one that comes again, and none behind a stretch of new
// lines: what else looks alike is more likely to be new.
const (
	resendQuiet    = 10 * time.Second   // a session without such a line for this long sends no more of them
	resendFresh    = 128                // nor, without a time in them, after as many new lines: librelp's window
	resendOlder    = 128                // of equal lines, only the newest may come again
	resendAge      = 7 * 24 * time.Hour // and only those that are not older
	resendAgeBare  = 10 * time.Minute   // or, without a time in them, than this
	resendMemory   = 1 << 20            // lines that all sessions together remember having brought
	resendTimeHead = 256                // bytes of a line in which a time is looked for
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
	brought  int // lines that sessions remember
}

type flight struct{ next, refs int }

// A resend is what is known of a session that may be sending again. It is owned
// by the session, but for over, which lineIDs.mu guards.
type resend struct {
	host    string
	on      bool
	until   time.Time          // it ends then
	fresh   int                // new lines since the last one that was sent again
	from    uint64             // records before this one are no matter
	past    uint64             // the last record that was sent again is before this one
	brought map[lineKey]uint32 // how many of the lines with these bytes are not to come any more
	over    *uint64            // another session of the host has begun, when the trail had this size
	claims  []lineKey
}

func newLineIDs(source string, t *trail.Trail, in *intake.Intake) *lineIDs {
	return &lineIDs{source: source, trail: t, intake: in, now: time.Now, flying: map[lineKey]*flight{}, sessions: map[string]map[*resend]bool{}}
}

// begin notes that a session of host begins.
func (x *lineIDs) begin(host string) *resend {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := &resend{host: host}
	x.start(r, x.now(), 0)
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
	x.stop(r)
	delete(x.sessions[r.host], r)
	if len(x.sessions[r.host]) == 0 {
		delete(x.sessions, r.host)
	}
}

// start begins what stop ends: a session may be sending again.
func (x *lineIDs) start(r *resend, now time.Time, from uint64) {
	r.on, r.until, r.fresh, r.from, r.past = true, now.Add(resendQuiet), 0, from, 0
	r.brought = map[lineKey]uint32{}
}

func (x *lineIDs) stop(r *resend) {
	x.brought -= len(r.brought)
	r.on, r.brought = false, nil
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
			x.start(r, now, *r.over)
		}
		r.over = nil
	}
	for _, raw := range raws {
		sum := sha256.Sum256(x.intake.Redact(x.source, raw))
		key := lineKey(sum[:16])
		n, seen, err := x.number(ctx, r, key, raw, now)
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
}

// bring notes that the session has brought line n of those with these bytes.
func (x *lineIDs) bring(r *resend, key lineKey, n int) {
	before := len(r.brought)
	r.brought[key] = uint32(n + 1)
	if x.brought += len(r.brought) - before; x.brought > resendMemory {
		x.stop(r)
	}
}

// number returns which one of the lines with these bytes this one is, and
// whether it seems to have been sent before.
func (x *lineIDs) number(ctx context.Context, r *resend, key lineKey, raw []byte, now time.Time) (n int, again bool, err error) {
	stored, err := x.stored(key)
	if err != nil {
		return 0, false, err
	}
	next := stored
	if f := x.flying[key]; f != nil {
		next = max(next, f.next)
	}
	if r.on && now.After(r.until) {
		x.stop(r)
	}
	if !r.on {
		return next, false, nil
	}
	for n = max(0, next-resendOlder, int(r.brought[key])); n < next; n++ {
		ok, err := x.mayComeAgain(ctx, r, lineID(key, n), raw, now)
		if err != nil {
			return 0, false, err
		}
		if ok {
			r.until, r.fresh = now.Add(resendQuiet), 0
			x.bring(r, key, n)
			return n, true, nil
		}
	}
	r.fresh++
	x.bring(r, key, next)
	return next, false, nil
}

// mayComeAgain reports whether the line that comes now may be the one with that
// id, which another session brought.
func (x *lineIDs) mayComeAgain(ctx context.Context, r *resend, id string, raw []byte, now time.Time) (bool, error) {
	seq, there, err := x.find(id)
	if err != nil || !there {
		return err == nil, err // on its way into the trail
	}
	age := resendAge
	bare := !timed(raw)
	if bare {
		age = resendAgeBare
	}
	if seq < r.from || bare && (seq < r.past || r.fresh > resendFresh) {
		return false, nil
	}
	for h, err := range x.trail.Headers(ctx, seq, seq+1) {
		if err != nil {
			return false, err
		}
		if now.Sub(h.Header.At) > age {
			return false, nil
		}
	}
	r.past = max(r.past, seq+1)
	return true, nil
}

// timed reports whether a line carries the time, as 12:34:56 near its beginning.
func timed(raw []byte) bool {
	const pattern = "00:00:00"
	raw = raw[:min(len(raw), resendTimeHead)]
	for at := bytes.IndexByte(raw, ':'); at >= 0; {
		if at >= 2 && at+6 <= len(raw) {
			like := true
			for i, c := range raw[at-2 : at+6] {
				like = like && (pattern[i] == ':') == (c == ':') && (c == ':' || c >= '0' && c <= '9')
			}
			if like {
				return true
			}
		}
		next := bytes.IndexByte(raw[at+1:], ':')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return false
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
