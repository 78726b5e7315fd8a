package trail

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

// ids finds the record of an id: one slot of 8 bytes a record, in 256 tables
// that grow one by one, so that no append waits for a large one to be copied.
// A slot holds 28 bits of the id and 36 bits of seq + 1; the table's number
// holds 8 bits more. What it finds is a candidate: the caller compares the
// whole id with the record's header.
//
// The tables lie in mapped files without a name: the operating system may
// write them out when memory is short, and they are gone with the process.
// They are made again from the headers when the trail is opened, so that they
// can never disagree with the trail for longer than a process lives.
//
// ids is not safe for concurrent use; the trail guards it.
type ids struct {
	dir    string
	mix    uint64 // odd and random, so that nobody can choose ids that crowd together
	tables [256]idTable
}

type idTable struct {
	slots []byte // mapped; 8 bytes a slot, a power of two of them
	used  int
}

const (
	seqBits  = 36
	seqMask  = 1<<seqBits - 1
	minSlots = 512 // 4 KiB, a page
)

func newIDs(dir string) *ids { return &ids{dir: dir, mix: rand.Uint64() | 1} }

// key is the part of an id that a slot holds, and the table that it is in.
func key(id [16]byte) (table int, k uint64) {
	return int(id[0]), binary.BigEndian.Uint64(id[1:9]) >> seqBits
}

// candidates calls each for every record whose id may be id, until it
// returns false.
func (x *ids) candidates(id [16]byte, each func(seq uint64) bool) {
	n, k := key(id)
	t := &x.tables[n]
	if t.used == 0 {
		return
	}
	mask := uint64(len(t.slots)/8 - 1)
	for i := x.place(k); ; i++ {
		s := binary.LittleEndian.Uint64(t.slots[(i&mask)*8:])
		if s == 0 {
			return
		}
		if s>>seqBits == k && !each(s&seqMask-1) {
			return
		}
	}
}

// place is where the search for k begins.
func (x *ids) place(k uint64) uint64 { return k * x.mix >> 32 }

// reserve makes room for more ids, so that add cannot fail.
func (x *ids) reserve(more [][16]byte) error {
	var need [256]int
	for i := range more {
		need[more[i][0]]++
	}
	for i, n := range need {
		if n > 0 {
			if err := x.grow(&x.tables[i], n); err != nil {
				return err
			}
		}
	}
	return nil
}

// add notes that the record seq has the id. There is room: see reserve.
func (x *ids) add(id [16]byte, seq uint64) {
	n, k := key(id)
	x.tables[n].put(x.place(k), k<<seqBits|(seq+1)&seqMask)
}

func (t *idTable) put(i, slot uint64) {
	mask := uint64(len(t.slots)/8 - 1)
	for ; binary.LittleEndian.Uint64(t.slots[(i&mask)*8:]) != 0; i++ {
	}
	binary.LittleEndian.PutUint64(t.slots[(i&mask)*8:], slot)
	t.used++
}

// grow gives t room for n more, so that it is three quarters full at most.
func (x *ids) grow(t *idTable, n int) error {
	slots := max(minSlots, len(t.slots)/8)
	for (t.used+n)*4 > slots*3 {
		slots *= 2
	}
	if slots*8 == len(t.slots) {
		return nil
	}
	old := *t
	b, err := mapTable(x.dir, slots*8)
	if err != nil {
		return fmt.Errorf("grow table of ids: %w", err)
	}
	t.slots, t.used = b, 0
	for i := 0; i < len(old.slots); i += 8 {
		if s := binary.LittleEndian.Uint64(old.slots[i:]); s != 0 {
			t.put(x.place(s>>seqBits), s)
		}
	}
	if old.slots != nil {
		return unix.Munmap(old.slots)
	}
	return nil
}

// mapTable maps size bytes of zeros from a file in dir that has no name.
func mapTable(dir string, size int) ([]byte, error) {
	f, err := os.CreateTemp(dir, "ids-*.tmp")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	// Room is set aside now: a mapped page that has none later ends the process.
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(size)); err != nil && err != unix.EOPNOTSUPP {
		return nil, err
	}
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// close gives the memory back.
func (x *ids) close() {
	for i := range x.tables {
		if x.tables[i].slots != nil {
			unix.Munmap(x.tables[i].slots)
		}
		x.tables[i] = idTable{}
	}
}
