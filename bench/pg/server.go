// Package pg runs the peer that a team would build by itself: a PostgreSQL
// table with a hash chain. It starts a server of its own in a folder of its
// own, on a loopback port, and removes both.
package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// debianBin is where Debian keeps the programs that are not on PATH.
const debianBin = "/usr/lib/postgresql/15/bin"

// startLimit bounds initdb and the start of the server.
const startLimit = 90 * time.Second

// ErrMissing says that there is no PostgreSQL here to compare with.
var ErrMissing = errors.New("no initdb and postgres on PATH or in " + debianBin)

// Server is a running PostgreSQL.
type Server struct {
	cmd    *exec.Cmd
	exited chan error
	dir    string
	port   int
}

// Start makes a cluster in dir/pg and starts it with so many megabytes of
// shared buffers. PostgreSQL refuses to run as root: then it runs as the user
// "postgres", or as "nobody" where that does not exist.
func Start(ctx context.Context, dir string, buffersMB int) (*Server, error) {
	initdb, postgres := program("initdb"), program("postgres")
	if initdb == "" || postgres == "" {
		return nil, fmt.Errorf("start postgres: %w", ErrMissing)
	}
	dir = filepath.Join(dir, "pg")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	attr, err := unprivileged(dir)
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	s := &Server{dir: dir, exited: make(chan error, 1)}
	data := filepath.Join(dir, "data")
	short, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	mk := exec.CommandContext(short, initdb, "--pgdata", data, "--username=bench", "--auth=trust", "--encoding=UTF8", "--locale=C")
	mk.SysProcAttr, mk.Dir = attr, dir
	if out, err := mk.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("start postgres: initdb: %w\n%s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	defer log.Close()
	s.cmd = exec.Command(postgres, "-D", data, "-p", strconv.Itoa(s.port), "-h", "127.0.0.1", "-k", "",
		"-c", fmt.Sprintf("shared_buffers=%dMB", buffersMB), "-c", "synchronous_commit=on", "-c", "fsync=on",
		"-c", "max_wal_size=8GB", "-c", "max_connections=64", "-c", "jit=off")
	s.cmd.SysProcAttr, s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = attr, dir, log, log
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	go func() { s.exited <- s.cmd.Wait() }()
	if err := s.wait(short); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return s, nil
}

func program(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	if p := filepath.Join(debianBin, name); isFile(p) {
		return p
	}
	return ""
}

func isFile(p string) bool {
	i, err := os.Stat(p)
	return err == nil && i.Mode().IsRegular()
}

// unprivileged gives dir to a user that may run PostgreSQL and says how to
// become that user. What is started so ends with whoever started it.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	who := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return &syscall.SysProcAttr{Credential: who, Setpgid: true, Pdeathsig: syscall.SIGQUIT}, nil
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// wait returns when the server answers a query.
func (s *Server) wait(ctx context.Context) error {
	for {
		c, err := s.connect(ctx)
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case e := <-s.exited:
			s.exited <- e
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("it stopped: %v\n%s", e, text)
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Stop ends the server at once (it has nothing to keep) and removes its folder.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	_ = os.RemoveAll(s.dir)
}

// MemoryBytes is the resident memory of the server now: its shared buffers
// once, and what each process has for itself.
func (s *Server) MemoryBytes() int64 {
	children, _ := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(s.cmd.Process.Pid)).Output()
	var total, shared int64
	for _, pid := range append(strings.Fields(string(children)), strconv.Itoa(s.cmd.Process.Pid)) {
		text, _ := os.ReadFile("/proc/" + pid + "/status")
		total += statusBytes(string(text), "RssAnon:")
		shared = max(shared, statusBytes(string(text), "RssShmem:"))
	}
	return total + shared
}

func statusBytes(status, name string) int64 {
	_, after, found := strings.Cut(status, name)
	if !found {
		return 0
	}
	kb, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	return kb << 10
}
