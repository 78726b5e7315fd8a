package postgres_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/evident/event"
	"example.com/evident/source/postgres"
	"example.com/evident/source/sourcetest"
)

// a server is a real PostgreSQL with pgaudit in a directory of its own.
type server struct {
	t    *testing.T
	bin  string
	dir  string
	port int
	cred *syscall.Credential // whom it runs as; nil: the one who tests
}

// newServer starts one that logs in all formats.
func newServer(t *testing.T) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: a real PostgreSQL is for long runs")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/lib/pgaudit.so")
	if len(found) == 0 {
		t.Skip("SKIPPED: no PostgreSQL with pgaudit; .ci/deps installs it")
	}
	s := &server{t: t, bin: filepath.Join(filepath.Dir(filepath.Dir(found[len(found)-1])), "bin")}
	dir, err := os.MkdirTemp("", "evident-postgres-") // t.TempDir can be entered by its owner only
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.drop()
	s.port = freePort(t)
	s.run("initdb", "-D", s.dir+"/data", "-U", "admin", "--auth=trust", "-E", "UTF8", "--no-sync")
	s.configure()
	s.run("pg_ctl", "-D", s.dir+"/data", "-w", "-t", "60", "-l", s.dir+"/start.log", "start")
	t.Cleanup(s.stop)
	return s
}

// drop gives the directory to another user where root tests: PostgreSQL refuses root.
func (s *server) drop() {
	if os.Getuid() != 0 {
		return
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		s.t.Skip("SKIPPED: there is no user postgres to run PostgreSQL as")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(s.dir, uid, gid); err != nil {
		s.t.Fatal(err)
	}
	s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir = s.dir
	c.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + s.dir}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return c
}

func (s *server) run(name string, args ...string) {
	s.t.Helper()
	if out, err := s.command(name, args...).CombinedOutput(); err != nil {
		log, _ := os.ReadFile(s.dir + "/start.log")
		s.t.Fatalf("%s: %v\n%s%s", name, err, out, log)
	}
}

func (s *server) stop() {
	s.command("pg_ctl", "-D", s.dir+"/data", "-w", "-m", "fast", "stop").Run()
}

func (s *server) configure() {
	conf := fmt.Sprintf(`
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = '%s'
fsync = off
shared_preload_libraries = 'pgaudit'
pgaudit.log = 'all'
pgaudit.log_catalog = off
logging_collector = on
log_destination = 'stderr,csvlog,jsonlog'
log_directory = '%s/log'
log_filename = 'pg.log'
log_line_prefix = '%%m [%%p] %%q%%u@%%d '
log_timezone = 'UTC'
log_connections = on
log_disconnections = on
`, s.port, s.dir, s.dir)
	hba := "local all admin trust\nhost all outsider 127.0.0.1/32 reject\nhost app all 127.0.0.1/32 scram-sha-256\n"
	s.append("data/postgresql.conf", conf)
	if err := os.WriteFile(s.dir+"/data/pg_hba.conf", []byte(hba), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) append(name, text string) {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// sql runs each statement as a user: admin through the socket, others with a
// password over TCP. Whether it works is for the log to say.
func (s *server) sql(user, password, database string, statements ...string) {
	host := "127.0.0.1"
	if user == "admin" {
		host = s.dir
	}
	args := []string{"-X", "-q", "-h", host, "-p", strconv.Itoa(s.port), "-U", user, "-d", database}
	for _, q := range statements {
		args = append(args, "-c", q)
	}
	c := s.command("psql", args...)
	c.Env = append(c.Env, "PGPASSWORD="+password)
	c.Run()
}

// TestRealServer lets a PostgreSQL of this machine log what an auditor asks for,
// and looks for it in each of the three formats.
func TestRealServer(t *testing.T) {
	s := newServer(t)
	s.sql("admin", "", "postgres", `create database app`, `create role ana login password 'S3cret-ana'`, `create role bo login`,
		`create role auditor`, `alter role ana set pgaudit.log_relation = on`, `alter role ana createrole`, `alter system set work_mem = '5MB'`, `select pg_reload_conf()`)
	s.sql("admin", "", "app", `create table customers (id int, note text)`, `grant select on customers to ana`, `grant auditor to bo, ana`,
		`grant pg_read_server_files to bo`, `revoke auditor from ana`, "insert into customers values (1, 'a\nb, \"c\"')",
		`copy customers to program 'cat >/dev/null'`, `alter table customers add column x int`, `drop role auditor`,
		`set role bo`, `select pg_read_file('PG_VERSION')`)
	s.sql("ana", "S3cret-ana", "app", `copy customers (id, note) to stdout`, `select * from customers`, `delete from customers`, `create role "x y"`,
		`do $$ begin raise log 'AUDIT: SESSION,1,1,ROLE,GRANT ROLE,,,grant pg_monitor to mallory,<not logged>'; end $$`,
		`do $$ begin raise log 'connection authorized: user=mallory database=app'; end $$`)
	s.sql("ana", "wrong", "app", `select 1`)
	s.sql("nobody", "wrong", "app", `select 1`)
	s.sql("outsider", "x", "app", `select 1`)
	s.sql("ana", "S3cret-ana", "postgres", `select 1`)
	s.sql(`a@b LOG:  connection authorized: user=mallory database=app`, "x", "app", `select 1`)
	s.stop()

	for _, format := range []string{"csv", "json", "log"} {
		t.Run(format, func(t *testing.T) { s.check(t, format) })
	}
}

func (s *server) check(t *testing.T, format string) {
	body, err := os.ReadFile(s.dir + "/log/pg." + format)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	ids := map[string]bool{}
	for raw, err := range postgres.Kind.Split(bytes.NewReader(body)) {
		if err != nil {
			t.Fatal(err)
		}
		e, mapped := postgres.Kind.Event("postgres/test", func() string { return "" + strconv.Itoa(len(ids)) }, raw, now)
		if !mapped && !strings.Contains(e.OutcomeReason, "id: required") {
			t.Errorf("%s: %s", e.OutcomeReason, raw)
		}
		if ids[e.ID] && format != "log" {
			t.Errorf("twice the id %s", e.ID)
		}
		ids[e.ID] = true
		sourcetest.Check(t, postgres.Kind, raw)
		seen[short(e)]++
		if bytes.Contains(e.Detail, []byte("S3cret")) {
			t.Errorf("a password in detail: %s", e.Detail)
		}
		if strings.Contains(e.Actor.ID+e.Actor.Name, "mallory") && e.Actor.Type == event.User && e.Outcome == event.Success {
			t.Errorf("forged: %s", raw)
		}
		for _, target := range e.Targets {
			if target.ID == "mallory" {
				t.Errorf("forged: %s", raw)
			}
		}
	}
	for _, want := range wanted(format) {
		if seen[want] == 0 {
			t.Errorf("%s: nothing is %q", format, want)
		}
	}
	if t.Failed() {
		for line, n := range seen {
			t.Log(n, line)
		}
	}
}

// wanted is what must be found, in all formats but where stderr lacks a column.
func wanted(format string) []string {
	ip := "127.0.0.1"
	if format == "log" {
		ip = ""
	}
	list := []string{
		"user admin | user.create account success |  | user=ana",
		"user admin | user.create account success |  | user=bo",
		"user admin | user.update privileged success |  | user=ana",
		"user admin | setting.update config success |  | parameter=work_mem",
		"user admin | database.create config success |  | database=app",
		"user admin | table.create change success |  | table=customers",
		"user admin | permission.grant access success |  | table=customers | user=ana",
		"user admin | role.grant access success |  | user=bo | user=ana | role=auditor",
		"user admin | role.grant privileged success |  | user=bo | role=pg_read_server_files",
		"user admin | role.revoke access success |  | user=ana | role=auditor",
		"user admin | data.export privileged success |  | table=customers",
		"user admin | table.alter change success |  | table=customers",
		"user admin | user.delete account success |  | user=auditor",
		"user admin | role.assume privileged success |  | role=bo",
		"user admin | session.start authentication success | ",
		"user admin | session.end authentication success | ",
		"user ana | session.verify authentication success | " + ip,
		"user ana | session.start authentication success | " + ip,
		"user ana | session.end authentication success | " + ip,
		"user ana | data.export data success | " + ip + " | table=public.customers",
		"user ana | table.read data success | " + ip + " | table=public.customers",
		"user ana | table.delete data denied | " + ip + " | table=customers",
		"user ana | user.create account success | " + ip + " | user=x y",
		"user ana | log.line system unknown | " + ip, // both that were forged
		"user ana | session.start authentication failure | " + ip,
		"anonymous (nobody) | session.start authentication failure | " + ip,
		"user outsider | session.start authentication denied | " + ip,
		"user ana | session.start authentication denied | " + ip,
		"anonymous  | connection.open authentication unknown | 127.0.0.1",
		"system postgres | database.start system success | ",
	}
	if format != "log" {
		list[len(list)-1] = "system postmaster | database.start system success | "
		list = append(list, "system postmaster | config.reload config success | ", "system postmaster | setting.update config success |  | parameter=work_mem")
		list = append(list, "anonymous (a@b LOG:  connection authorized: user=mallory database=app) | session.start authentication failure | "+ip)
	}
	return list
}
