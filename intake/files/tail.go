package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"example.com/evident/intake"
)

const (
	printBytes = 1 << 10   // of a file's first line, by which it is told from others
	readBytes  = 1 << 20   // of a file at once
	takeLines  = 4096      // in one delivery
	turnBytes  = 256 << 20 // of one file before others have their turn
)

// identity is what of a file stays when it is renamed. A number of a file that
// is gone may be given again; when it was made tells the two apart, where the
// file system keeps that.
type identity struct {
	device, inode uint64
	born          int64 // nanoseconds since 1970; 0: not known
}

// A position is a place in a file, as a cursor holds it.
type position struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Born   int64  `json:"born,omitempty"`
	Print  string `json:"print,omitempty"` // of the first line; empty: that is not there yet
	Cuts   int    `json:"cuts,omitempty"`  // how often the file was cut
	Offset int64  `json:"offset"`
}

func (p position) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return string(b)
}

func parsePosition(s string) (p position, err error) {
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return p, fmt.Errorf("cursor: %w", err)
	}
	return p, nil
}

// A tail is a file being read.
type tail struct {
	identity
	position
	path   string
	file   *os.File
	offset int64 // everything before it is in the trail
	long   int64 // bytes of a line that is too long, before offset; its beginning is in the trail

	length   int64
	atEnd    bool
	dirty    bool      // the position has changed since it was recorded
	moved    time.Time // when it was recorded
	looked   time.Time // when it was there last
	grown    time.Time // when it had more to read last
	rotated  time.Time // when it was found to lie at path no more; zero: it lies there
	vanished time.Time
}

// openTail opens the file at path; nil if there is none.
func openTail(path string) (*tail, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("follow file: %w", err)
	}
	tl := &tail{path: path, file: f, looked: time.Now()}
	if tl.identity, err = identityOf(int(f.Fd()), ""); err != nil {
		f.Close()
		return nil, fmt.Errorf("follow %s: %w", path, err)
	}
	tl.Device, tl.Inode, tl.Born = tl.device, tl.inode, tl.born
	return tl, nil
}

// identityOf returns the identity of the open file fd or, if path is not empty,
// of what lies there.
func identityOf(fd int, path string) (identity, error) {
	flags := 0
	if path == "" {
		flags = unix.AT_EMPTY_PATH
	} else {
		fd = unix.AT_FDCWD
	}
	var s unix.Statx_t
	if err := unix.Statx(fd, path, flags, unix.STATX_INO|unix.STATX_BTIME, &s); err != nil {
		return identity{}, fmt.Errorf("stat: %w", err)
	}
	id := identity{device: unix.Mkdev(s.Dev_major, s.Dev_minor), inode: s.Ino}
	if s.Mask&unix.STATX_BTIME != 0 {
		id.born = s.Btime.Sec*1e9 + int64(s.Btime.Nsec)
	}
	return id, nil
}

// stillThere reports whether the file lies at its path.
func (tl *tail) stillThere() (bool, error) {
	now, err := identityOf(0, tl.path)
	if err != nil {
		return false, fmt.Errorf("follow %s: %w", tl.path, err)
	}
	tl.looked, tl.vanished = time.Now(), time.Time{}
	return now == tl.identity, nil
}

// same reports whether p is a position in this file.
func (tl *tail) same(p *position) bool {
	return tl.identity == identity{p.Device, p.Inode, p.Born}
}

// key names the file in ids: two files never have the same one, and one that was
// cut has another one than before.
func (tl *tail) key() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %d %d %d %s", tl.Device, tl.Inode, tl.Born, tl.Cuts, tl.Print))
	return hex.EncodeToString(h[:16])
}

// print returns what the first line of the file hashes to; empty if it has no
// end yet.
func (tl *tail) print() (string, error) {
	b := make([]byte, printBytes)
	n, err := tl.file.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	b = b[:n]
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	} else if n < printBytes && tl.rotated.IsZero() {
		return "", nil
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

// siblingsOf opens the files whose names begin with that of path and that were
// written to since then, the oldest first. Compressed ones are left alone.
func siblingsOf(path string, since time.Time) ([]*tail, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("look for rotated files: %w", err)
	}
	type found struct {
		tail    *tail
		written time.Time
	}
	var all []found
	for _, e := range entries {
		name := e.Name()
		rest, ok := strings.CutPrefix(name, filepath.Base(path))
		if !ok || rest == "" || !e.Type().IsRegular() || slices.Contains([]string{".gz", ".xz", ".bz2", ".zst"}, filepath.Ext(name)) {
			continue
		}
		info, err := e.Info()
		if err != nil || info.ModTime().Before(since) || len(all) == maxFiles {
			continue
		}
		tl, err := openTail(filepath.Join(filepath.Dir(path), name))
		if err != nil || tl == nil {
			continue // gone by now
		}
		all = append(all, found{tl, info.ModTime()})
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.written.Compare(b.written) })
	var tails []*tail
	for _, f := range all {
		tails = append(tails, f.tail)
	}
	return tails, nil
}

// read takes in what a file has more.
func (t *Tailer) read(ctx context.Context, tl *tail) error {
	info, err := tl.file.Stat()
	if err != nil {
		return fmt.Errorf("follow %s: %w", tl.path, err)
	}
	if tl.offset < tl.Offset { // it was opened at a cursor
		tl.offset = tl.Offset
	}
	if info.Size() != tl.length || tl.Print == "" {
		if err := t.cutOrNot(ctx, tl, info.Size()); err != nil {
			return err
		}
	}
	tl.length = info.Size()
	return t.take(ctx, tl, false)
}

// cutOrNot notices that a file is not what it was, and begins it anew.
func (t *Tailer) cutOrNot(ctx context.Context, tl *tail, size int64) error {
	print, err := tl.print()
	if err != nil {
		return fmt.Errorf("read %s: %w", tl.path, err)
	}
	if tl.Print == "" && size >= tl.offset {
		tl.Print = print
		return nil
	}
	if size >= tl.offset && print == tl.Print {
		return nil
	}
	rest := t.copyOf(tl)
	if err := t.act(ctx, ActionTruncate, tl, map[string]any{"read": tl.offset, "length": size, "copy_found": rest != nil}); err != nil {
		if rest != nil {
			rest.file.Close()
		}
		return err
	}
	if rest != nil {
		t.old = append(t.old, rest)
	}
	t.count(func(s *Status) { s.Truncated++ })
	tl.Cuts++
	tl.Print, tl.offset, tl.Offset, tl.long, tl.dirty = print, 0, 0, 0, true
	// That it was cut is part of the ids of what comes now.
	return t.move(ctx, tl)
}

// copyOf finds the copy that was made of a file before it was cut (logrotate's
// copytruncate). What had not been read of the file is read there, with the ids
// that it would have had. It is nil if there is none.
func (t *Tailer) copyOf(tl *tail) (rest *tail) {
	siblings, err := siblingsOf(tl.path, tl.looked.Add(-t.settle()))
	if err != nil {
		t.log.Warn("no copy of a truncated file", "path", tl.path, "error", err.Error())
		return nil
	}
	for _, s := range siblings {
		info, err := s.file.Stat()
		print, printErr := s.print()
		if rest == nil && err == nil && printErr == nil && tl.Print != "" && print == tl.Print && info.Size() >= tl.offset {
			rest = s
			rest.path, rest.position, rest.offset, rest.long = tl.path, tl.position, tl.offset, tl.long
			rest.rotated, rest.moved = time.Now(), time.Now()
			continue
		}
		s.file.Close()
	}
	return rest
}

// take hands on the lines behind the offset. last says that what has no end is
// a line too.
func (t *Tailer) take(ctx context.Context, tl *tail, last bool) error {
	if tl.Print == "" {
		tl.atEnd = true
		return nil // the first line has no end: nothing names its file
	}
	size := readBytes
	var buf []byte
	var answer intake.Answer
	for read := 0; read < turnBytes && ctx.Err() == nil; {
		// No further than it was long when it was looked at: what comes behind may
		// belong to a file that was cut since then.
		left := tl.length - tl.offset
		if tl.atEnd = left <= int64(size); tl.atEnd {
			size = int(max(0, left))
		}
		if len(buf) < size {
			buf = make([]byte, size)
		}
		n, err := tl.file.ReadAt(buf[:size], tl.offset)
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %s: %w", tl.path, err)
		}
		if print, err := tl.print(); err != nil || n < size || print != tl.Print {
			return err // it was cut just now, which the next look tells
		}
		long := tl.long
		d, used, cut := t.lines(tl, buf[:n], last && tl.atEnd)
		if used == 0 {
			if !tl.atEnd && size <= t.cfg.MaxBytes { // a line is longer than that
				size = min(4*size, t.cfg.MaxBytes+1)
				continue
			}
			return nil
		}
		if len(d.Raws) > 0 {
			if err := t.cfg.Trail.Take(ctx, d, &answer); err != nil {
				tl.long = long
				return fmt.Errorf("store lines of %s: %w", tl.path, err)
			}
			t.count(func(s *Status) {
				s.Lines += uint64(len(d.Raws))
				s.Bytes += uint64(used)
				s.Unmapped += uint64(answer.Unmapped)
				s.Cut += uint64(cut)
			})
		}
		tl.offset += int64(used)
		if tl.long == 0 { // a cursor stands where a line begins
			tl.Offset = tl.offset
		}
		tl.dirty, tl.grown = true, time.Now()
		read += used
	}
	return nil
}

// lines cuts b, which stands at the offset, into the lines of a delivery; used
// is how much of it they are, and cut how many are not whole.
func (t *Tailer) lines(tl *tail, b []byte, last bool) (d *intake.Delivery, used, cut int) {
	d = &intake.Delivery{Source: t.cfg.Source, Keep: true, Zone: t.cfg.Zone, IDs: []string{}, Raws: [][]byte{}}
	prefix := "file/" + tl.key() + "/"
	add := func(at int, line []byte, broken string) {
		if broken != "" {
			cut++
		}
		d.Raws = append(d.Raws, line)
		d.Broken = append(d.Broken, broken)
		d.IDs = append(d.IDs, prefix+strconv.FormatInt(tl.offset+int64(at), 10))
	}
	for used < len(b) && len(d.Raws) < takeLines {
		rest := b[used:]
		end := bytes.IndexByte(rest, '\n')
		if tl.long > 0 { // the beginning of this line is in the trail
			if end < 0 {
				tl.long += int64(len(rest))
				return d, len(b), cut
			}
			tl.long = 0
			used += end + 1
			continue
		}
		switch {
		case end > t.cfg.MaxBytes, end < 0 && len(rest) > t.cfg.MaxBytes:
			add(used, rest[:t.cfg.MaxBytes], fmt.Sprintf("too long: only the first %d bytes are kept", t.cfg.MaxBytes))
			tl.long = int64(t.cfg.MaxBytes)
			used += t.cfg.MaxBytes
			continue
		case end < 0 && !last:
			return d, used, cut
		case end < 0:
			end = len(rest)
		}
		if line := bytes.TrimSuffix(rest[:end], []byte{'\r'}); len(line) > 0 {
			add(used, line, "")
		}
		used = min(used+end+1, len(b))
	}
	return d, used, cut
}

func values(m map[string]*tail) iter.Seq[*tail] { return maps.Values(m) }
