package trail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A dirLock keeps other processes, and other trails of this process, out of a
// data directory. The file is empty: who holds it is asked of the kernel.
type dirLock struct{ file *os.File }

// LockedError says that somebody else has the data directory open.
type LockedError struct {
	Dir string
	PID int    // 0 if not known
	Cmd string // what runs there, if it is on this machine and may be known
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	if e.Cmd != "" {
		who += " (" + e.Cmd + ")"
	}
	return fmt.Sprintf("open trail %s: %s has it open; a trail has one writer: stop that process, or talk to it with --server", e.Dir, who)
}

// lockDir takes the lock of dir.
func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open trail: %w", err)
	}
	fd := int(f.Fd())
	// flock excludes, also within this process; the record lock tells others
	// the number of the process that holds it.
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		return nil, holder(dir, fd)
	}
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &l); err != nil {
		f.Close()
		return nil, holder(dir, fd)
	}
	return &dirLock{f}, nil
}

func holder(dir string, fd int) error {
	e := &LockedError{Dir: dir}
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &l); err == nil && l.Type != unix.F_UNLCK {
		e.PID = int(l.Pid)
	}
	if e.PID == 0 {
		e.PID = os.Getpid() // a record lock never shows to its own process
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", e.PID)); err == nil {
		words := strings.SplitN(strings.TrimRight(string(b), "\x00"), "\x00", 3)
		words[0] = filepath.Base(words[0])
		e.Cmd = strings.Join(words[:min(2, len(words))], " ")
	}
	return e
}

func (l *dirLock) release() error { return l.file.Close() }
