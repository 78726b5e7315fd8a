package trail

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Damage says that a file of the trail is not as it was written. It is
// evidence: it is never repaired or passed over.
type Damage struct {
	File   string // name below the data directory
	Offset int64  // of the first byte that is known to be wrong; 0: unknown
	Seq    uint64 // the record that it concerns, if HasSeq
	HasSeq bool
	What   string // for people
}

func (d *Damage) Error() string {
	where := d.File
	if d.Offset > 0 {
		where += fmt.Sprintf(" at byte %d", d.Offset)
	}
	if d.HasSeq {
		if where != "" {
			where += ": "
		}
		where += fmt.Sprintf("record %d", d.Seq)
	}
	return where + ": " + d.What
}

func damaged(file string, offset int64, what string) *Damage {
	return &Damage{File: filepath.Join(filepath.Base(filepath.Dir(file)), filepath.Base(file)), Offset: offset, What: what}
}

// ErrUnavailable says that the trail cannot take records now, for instance
// because the disk is full. Nothing that was acknowledged is lost; asking
// again later may succeed.
var ErrUnavailable = errors.New("the trail cannot take records now")

// ErrClosed says that the trail was closed.
var ErrClosed = errors.New("the trail is closed")

// ErrFailed says that the trail has stopped taking records until it is opened
// again, because the disk reported that something written may be lost.
var ErrFailed = errors.New("the trail has stopped taking records")
