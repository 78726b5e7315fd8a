package trail

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"example.com/evident/internal/durable"
	"example.com/evident/proof"
)

// A wal is the write-ahead log of one segment that is not sealed yet. It is
// one file: a head, then groups. A group is what one sync made durable.
//
//	head   "evwal/1\n" ‖ u64be first seq ‖ secret (32) ‖ nonce (16) ‖ u32be crc32c of all this
//	group  nonce[:8] ‖ u64be first seq of the group ‖ u32be length ‖ u32be crc32c(nonce ‖ the 20 bytes before ‖ payload) ‖ payload
//	payload  records: u16be length ‖ header ‖ u32be length ‖ body
//
// Files are used again: syncing over space that was written before costs 0.7
// of syncing a growing file. A stale group of an earlier use carries another
// nonce and so ends the log, without looking like damage.
//
// A wal is written by the appender alone; read is safe beside it for records
// that have been published.
type wal struct {
	name   string // of the file; file.Name may be an older one
	file   *os.File
	first  uint64
	secret [32]byte
	nonce  [16]byte
	end    int64        // where the next group goes
	space  atomic.Int64 // up to here the file system has set room aside; read beside the appender
}

const (
	walMagic     = "evwal/1\n"
	walHeadSize  = 8 + 8 + 32 + 16 + 4
	groupHead    = 8 + 8 + 4 + 4
	walStep      = 16 << 20  // room is set aside in steps of 16 MiB
	maxGroupSize = 256 << 20 // more than any group the appender forms
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// walName is the file name of the log whose first record is first.
func walName(first uint64) string { return fmt.Sprintf("%020d.wal", first) }

// createWAL makes the log for the segment that begins at first, out of spare
// if that file exists. It is durable on return.
func createWAL(dir string, first uint64, spare string) (*wal, error) {
	name := filepath.Join(dir, walName(first))
	w := &wal{name: name, first: first, end: walHeadSize}
	rand.Read(w.secret[:])
	rand.Read(w.nonce[:])
	temp := name + ".new"
	if spare != "" {
		if err := os.Rename(spare, temp); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("reuse log: %w", err)
		}
	}
	var err error
	if w.file, err = os.OpenFile(temp, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	if err := w.begin(); err != nil {
		w.file.Close()
		os.Remove(temp)
		return nil, fmt.Errorf("create log %s: %w", walName(first), err)
	}
	// Dying here leaves a .new file, which recovery removes: no record is in it.
	if err := os.Rename(temp, name); err != nil {
		w.file.Close()
		return nil, fmt.Errorf("create log: %w", err)
	}
	if err := durable.SyncDir(dir); err != nil {
		w.file.Close()
		return nil, err
	}
	return w, nil
}

func (w *wal) begin() error {
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	w.space.Store(info.Size())
	if err := w.reserve(walHeadSize); err != nil {
		return err
	}
	// The zeros end the log, should the old use have left a group here.
	if _, err := w.file.WriteAt(append(w.head(), make([]byte, groupHead)...), 0); err != nil {
		return err
	}
	return unix.Fdatasync(int(w.file.Fd()))
}

func (w *wal) head() []byte {
	b := append(make([]byte, 0, walHeadSize), walMagic...)
	b = binary.BigEndian.AppendUint64(b, w.first)
	b = append(b, w.secret[:]...)
	b = append(b, w.nonce[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// reserve sets room aside up to end, so that a full disk is noticed before
// anything is written and never at the sync.
func (w *wal) reserve(end int64) error {
	if end <= w.space.Load() {
		return nil
	}
	until := (end + walStep - 1) / walStep * walStep
	err := unix.Fallocate(int(w.file.Fd()), 0, 0, until)
	if errors.Is(err, unix.ENOSPC) && until > end {
		until = end // the last few megabytes of a disk are still of use
		err = unix.Fallocate(int(w.file.Fd()), 0, 0, until)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil // such a file system grows as it is written
	}
	if err != nil {
		return fmt.Errorf("reserve space: %w", err)
	}
	w.space.Store(until)
	return nil
}

// beginGroup appends an empty group head to b, to be filled by sealGroup.
func beginGroup(b []byte) []byte { return append(b, make([]byte, groupHead)...) }

// appendRecord appends one record to a group.
func appendRecord(b, header, body []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(header)))
	b = append(b, header...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// sealGroup fills in the head of the group that is b.
func (w *wal) sealGroup(b []byte, first uint64) {
	copy(b, w.nonce[:8])
	binary.BigEndian.PutUint64(b[8:], first)
	binary.BigEndian.PutUint32(b[16:], uint32(len(b)-groupHead))
	binary.BigEndian.PutUint32(b[20:], w.checksum(b))
}

func (w *wal) checksum(group []byte) uint32 {
	sum := crc32.Update(0, castagnoli, w.nonce[:])
	sum = crc32.Update(sum, castagnoli, group[:20])
	return crc32.Update(sum, castagnoli, group[groupHead:])
}

// A place is where a record lies in a log.
type place struct {
	header, body       int64
	headerLen, bodyLen int32
}

// places lists where the records of the group that begins at offset lie.
// It fails on a group that is not well formed, which its checksum excludes.
func places(dst []place, group []byte, offset int64) ([]place, error) {
	for p := groupHead; p < len(group); {
		if p+2 > len(group) {
			return dst, errGroup
		}
		h := int(binary.BigEndian.Uint16(group[p:]))
		if p+2+h+4 > len(group) {
			return dst, errGroup
		}
		b := int(binary.BigEndian.Uint32(group[p+2+h:]))
		if b > len(group)-(p+2+h+4) {
			return dst, errGroup
		}
		dst = append(dst, place{
			header: offset + int64(p) + 2, headerLen: int32(h),
			body: offset + int64(p) + 2 + int64(h) + 4, bodyLen: int32(b),
		})
		p += 2 + h + 4 + b
	}
	return dst, nil
}

var errGroup = errors.New("group is not well formed")

// openWAL opens the log in name. Its head must be whole: it was durable before
// any record was acknowledged.
func openWAL(name string, write bool) (*wal, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	b := make([]byte, walHeadSize)
	if _, err := io.ReadFull(f, b); err != nil {
		f.Close()
		return nil, damaged(name, 0, "is too short for a log")
	}
	w := &wal{name: name, file: f, end: walHeadSize}
	sum := binary.BigEndian.Uint32(b[walHeadSize-4:])
	if string(b[:8]) != walMagic || sum != crc32.Checksum(b[:walHeadSize-4], castagnoli) {
		f.Close()
		return nil, damaged(name, 0, "the head of the log is damaged")
	}
	w.first = binary.BigEndian.Uint64(b[8:])
	copy(w.secret[:], b[16:])
	copy(w.nonce[:], b[48:])
	if filepath.Base(name) != walName(w.first) {
		f.Close()
		return nil, damaged(name, 0, "the log is of another place in the trail")
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	w.space.Store(info.Size())
	return w, nil
}

// A tail is what lies behind the last whole group of a log.
type tail struct {
	offset int64
	bytes  int64 // 0: nothing, the log ends cleanly
}

// replay calls each for every whole group from w.end on and moves w.end behind
// the last. A group that was begun and is not whole can only be the last one,
// since the next is written when the one before is durable: anything else is
// damage, and an error.
func (w *wal) replay(seq uint64, each func(group []byte, at int64) (records uint64, err error)) (tail, error) {
	for {
		group, ok, err := w.groupAt(w.end, seq)
		if err != nil {
			return tail{}, err
		}
		if !ok {
			return w.tailAt(w.end, seq)
		}
		n, err := each(group, w.end)
		if err != nil {
			return tail{}, fmt.Errorf("%s: group at byte %d: %w", filepath.Base(w.name), w.end, err)
		}
		seq += n
		w.end += int64(len(group))
	}
}

// groupAt returns the group at offset if there is a whole one whose first
// record is seq.
func (w *wal) groupAt(offset int64, seq uint64) ([]byte, bool, error) {
	head := make([]byte, groupHead)
	if _, err := w.file.ReadAt(head, offset); err == io.EOF {
		return nil, false, nil
	} else if err != nil {
		return nil, false, fmt.Errorf("read log: %w", err)
	}
	length := int64(binary.BigEndian.Uint32(head[16:]))
	if !bytes.Equal(head[:8], w.nonce[:8]) || binary.BigEndian.Uint64(head[8:]) != seq ||
		length == 0 || length > maxGroupSize || offset+groupHead+length > w.space.Load() {
		return nil, false, nil
	}
	group := make([]byte, groupHead+length)
	if _, err := w.file.ReadAt(group, offset); err != nil {
		return nil, false, fmt.Errorf("read log: %w", err)
	}
	if binary.BigEndian.Uint32(group[20:]) != w.checksum(group) {
		return nil, false, nil
	}
	return group, true, nil
}

// tailAt says what lies at offset, where no whole group begins.
func (w *wal) tailAt(offset int64, seq uint64) (tail, error) {
	rest := w.space.Load() - offset
	if rest <= 0 {
		return tail{offset: offset}, nil
	}
	head := make([]byte, min(rest, groupHead))
	if _, err := w.file.ReadAt(head, offset); err != nil && err != io.EOF {
		return tail{}, fmt.Errorf("read log: %w", err)
	}
	if !bytes.HasPrefix(head, w.nonce[:min(8, len(head))]) {
		return tail{offset: offset}, nil // zeros, or a stale group
	}
	length := rest - groupHead
	if len(head) == groupHead {
		length = min(length, int64(binary.BigEndian.Uint32(head[16:])))
	}
	next := offset + groupHead + max(length, 0)
	if w.laterGroup(next, seq) {
		return tail{}, damaged(w.name, offset, "a group is damaged, and a whole one follows it")
	}
	return tail{offset: offset, bytes: max(next-offset, int64(len(head)))}, nil
}

// laterGroup reports whether a group of this log that comes after seq begins
// at offset.
func (w *wal) laterGroup(offset int64, seq uint64) bool {
	head := make([]byte, groupHead)
	if _, err := w.file.ReadAt(head, offset); err != nil {
		return false
	}
	return bytes.Equal(head[:8], w.nonce[:8]) && binary.BigEndian.Uint64(head[8:]) > seq
}

// read returns the header and body of the record at p.
func (w *wal) read(p place) (header, body []byte, err error) {
	b := make([]byte, int64(p.headerLen)+4+int64(p.bodyLen))
	if _, err := w.file.ReadAt(b, p.header); err != nil {
		return nil, nil, fmt.Errorf("read log: %w", err)
	}
	return b[:p.headerLen:p.headerLen], b[p.headerLen+4:], nil
}

// seed is the seed of the record seq of this log's segment.
func (w *wal) seed(seq uint64) proof.Seed { return proof.DeriveSeed(w.secret, seq) }

// listWALs returns the first seq of every log in dir, ascending.
func listWALs(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var firsts []uint64
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".wal")
		if !ok {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || walName(first) != e.Name() {
			return nil, damaged(filepath.Join(dir, e.Name()), 0, "does not belong to the trail")
		}
		firsts = append(firsts, first)
	}
	return firsts, nil // ReadDir sorts by name, and the names are padded
}

// reader returns a log of its own over the same file, to be replayed beside
// the appender.
func (w *wal) reader() *wal {
	r := &wal{name: w.name, file: w.file, first: w.first, secret: w.secret, nonce: w.nonce, end: walHeadSize}
	r.space.Store(w.space.Load())
	return r
}

// advance moves the end behind a group of n bytes that is durable.
func (w *wal) advance(n int) {
	w.end += int64(n)
	if w.end > w.space.Load() { // where room cannot be set aside, writing makes it
		w.space.Store(w.end)
	}
}

// trim cuts off the room behind the last group.
func (w *wal) trim() error {
	if err := w.file.Truncate(w.end); err != nil {
		return fmt.Errorf("trim log: %w", err)
	}
	w.space.Store(w.end)
	return unix.Fdatasync(int(w.file.Fd()))
}
