package ui

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"time"

	"example.com/evident/proof"
)

// TrailPage is the state of the whole trail.
type TrailPage struct {
	Frame
	Status
	Checkpoint    proof.Checkpoint
	Note          string // the signed checkpoint, as it is handed out
	SignedAgo     string
	SignatureOK   bool
	SignatureSays string
	KeyLines      []KeyLine
	Segments      []SegmentStatus // newest first
	MoreSegments  int
	Sealed        uint64 // records in sealed segments
	CheckAgo      string
	Version       string
}

// KeyLine is one verifier key.
type KeyLine struct{ Algorithm, Text string }

// maxSegments is how many segments the page lists.
const maxSegments = 50

func (u *ui) trailShow(w http.ResponseWriter, r *http.Request) {
	status, err := u.data.Status(r.Context())
	if err != nil {
		u.fail(w, r, err)
		return
	}
	p := TrailPage{Frame: u.frame(r, "trail", "Trail"), Status: status, Note: string(status.Checkpoint), Version: u.version}
	now := u.now()
	if len(status.Checkpoint) > 0 {
		step := checkSignature(Evidence{Checkpoint: status.Checkpoint, Keys: status.Keys})
		p.SignatureOK, p.SignatureSays = step.State == holds, step.Says
		if p.SignatureOK {
			// Opened a second time only for what it says.
			p.Checkpoint, _ = proof.OpenCheckpoint(status.Checkpoint, status.Keys)
			if at, ok := signedAt(status.Checkpoint); ok {
				p.SignedAgo = ago(at, now)
			}
		}
	}
	for _, k := range status.Keys {
		p.KeyLines = append(p.KeyLines, KeyLine{k.Algorithm(), k.String()})
	}
	p.Segments = slices.Clone(status.Segments)
	slices.Reverse(p.Segments)
	if len(p.Segments) > 0 {
		p.Sealed = p.Segments[0].Until
	}
	if len(p.Segments) > maxSegments {
		p.MoreSegments = len(p.Segments) - maxSegments
		p.Segments = p.Segments[:maxSegments]
	}
	if status.LastCheck != nil {
		p.CheckAgo = ago(status.LastCheck.At, now)
	}
	u.render(w, r, http.StatusOK, "trail", p)
}

// Lag is how many records search has not taken in yet.
func (p TrailPage) Lag() uint64 { return p.Head.Size - min(p.Indexed, p.Head.Size) }

// SealedBytes is what the sealed segments take.
func (p TrailPage) SealedBytes() (n int64) {
	for _, s := range p.Status.Segments {
		n += s.Bytes
	}
	return n
}

// LastSeq is the number of the last record.
func (p TrailPage) LastSeq() uint64 { return max(p.Head.Size, 1) - 1 }

// Records is how many records a segment holds.
func (s SegmentStatus) Records() uint64 { return s.Until - s.First }

// Idle reports whether nothing came from a source for a day before now: not a
// fault by itself, but worth a look.
func (p TrailPage) Idle(s SourceStatus) bool {
	return !s.LastAt.IsZero() && !p.Last.IsZero() && p.Last.Sub(s.LastAt) > day
}

// signedAt returns when a checkpoint was signed: its ML-DSA signature covers
// the time, which stands before it (docs/format.md section 4).
func signedAt(note []byte) (time.Time, bool) {
	for line := range bytes.Lines(note) {
		fields := bytes.Fields(line)
		if len(fields) != 3 {
			continue
		}
		const keyID, stamp, signature = 4, 8, 2420
		blob, err := base64.StdEncoding.DecodeString(string(fields[2]))
		if err == nil && len(blob) == keyID+stamp+signature {
			return time.Unix(int64(binary.BigEndian.Uint64(blob[keyID:])), 0).UTC(), true
		}
	}
	return time.Time{}, false
}
