package linux_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source/linux"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, linux.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, linux.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// short writes the parts of an event that tests compare in one line.
func short(e event.Event) string {
	actor := string(e.Actor.Type) + " " + e.Actor.ID
	if e.Actor.Name != "" {
		actor += "(" + e.Actor.Name + ")"
	}
	s := fmt.Sprintf("%s | %s %s | %s", actor, e.Action, e.Outcome, e.Where.IP)
	for _, t := range e.Targets {
		s += fmt.Sprintf(" | %s=%s", t.Type, t.ID)
	}
	return s
}

func one(t *testing.T, raw string) event.Event {
	t.Helper()
	e, mapped := linux.Kind.Event("linux/test", func() string { return "1" }, []byte(raw), now)
	if !mapped {
		t.Fatalf("%q: %s", raw, e.OutcomeReason)
	}
	return e
}

// messages runs a table of messages of a program.
func messages(t *testing.T, program string, table [][2]string) {
	t.Helper()
	for _, row := range table {
		e := one(t, "Mar  1 09:00:00 h "+program+"[7]: "+row[0])
		if got := short(e); got != row[1] {
			t.Errorf("%s\ngot  %s\nwant %s", row[0], got, row[1])
		}
	}
}

// tables has messages by program, and what must come of each.
var tables = map[string][][2]string{
	"sshd": {
		{"Accepted password for ana from 203.0.113.9 port 22 ssh2", "user ana | session.start success | 203.0.113.9"},
		{"Accepted keyboard-interactive/pam for ana from 2001:db8::1 port 22 ssh2", "user ana | session.start success | 2001:db8::1"},
		{"Accepted publickey for ana from UNKNOWN port 65535 ssh2: RSA-CERT SHA256:x ID ana (serial 0) CA ED25519 SHA256:y", "user ana | session.start success | "},
		{"Failed none for ana from 192.030.0.6 port 22 ssh2", "user ana | session.start failure | "},
		{"Failed publickey for ana from 203.0.113.9 port 22 ssh2: RSA SHA256:x", "user ana | session.start failure | 203.0.113.9"},
		{"Failed password for illegal user x from 203.0.113.9 port 22 ssh2", "anonymous (x) | session.start failure | 203.0.113.9"},
		{"error: maximum authentication attempts exceeded for root from 203.0.113.9 port 22 ssh2 [preauth]", "user root | session.start failure | 203.0.113.9"},
		{"error: PAM: Authentication failure for illegal user x y from 203.0.113.9", "anonymous (x y) | session.start failure | 203.0.113.9"},
		{"ROOT LOGIN REFUSED FROM 203.0.113.9 port 22", "user root | session.start denied | 203.0.113.9"},
		{"Postponed publickey for ana from 203.0.113.9 port 22 ssh2 [preauth]", "user ana | session.challenge unknown | 203.0.113.9"},
		{"Connection closed by 203.0.113.9 port 22 [preauth]", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Connection reset by invalid user a b 203.0.113.9 port 22 [preauth]", "anonymous (a b) | connection.close unknown | 203.0.113.9"},
		{"Disconnected from invalid user x 203.0.113.9 port 22 [preauth]", "anonymous (x) | connection.close unknown | 203.0.113.9"},
		{"Received disconnect from 203.0.113.9 port 22:11: disconnected by user", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Received disconnect from 203.0.113.9: 11: Bye Bye [preauth]", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Disconnecting invalid user x 203.0.113.9 port 22: Too many authentication failures [preauth]", "anonymous (x) | connection.close unknown | 203.0.113.9"},
		{"Did not receive identification string from 203.0.113.9 port 22", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Unable to negotiate with 203.0.113.9 port 22: no matching host key type found. Their offer: ssh-rsa [preauth]", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Connection from 203.0.113.9 port 22 on 192.0.2.1 port 22 rdomain \"\"", "anonymous  | connection.open unknown | 203.0.113.9"},
		{"Starting session: command for ana from 203.0.113.9 port 22 id 0", "user ana | shell.open success | 203.0.113.9"},
		{"Close session: user ana from 203.0.113.9 port 22 id 0", "user ana | shell.close success | 203.0.113.9"},
		{"Failed password for invalid user ROOT from 203.0.113.9 port 12345", "anonymous (ROOT) | session.start failure | 203.0.113.9"},
		{"Failed password for invalid user ROOT from 2001:db8::1", "anonymous (ROOT) | session.start failure | 2001:db8::1"},
		{"[ID 800047 auth.info] Failed keyboard-interactive for <invalid username> from 203.0.113.9 port 4 ssh2", "anonymous (<invalid username>) | session.start failure | 203.0.113.9"},
		{"Failed publickey for git from 203.0.113.9 port 4 ssh2: RSA 04:bc:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd", "user git | session.start failure | 203.0.113.9"},
		{"Failed hostbased for dan from 203.0.113.9 port 4 ssh2: RSA SHA256:x, client user \"dan\", client host \"h\"", "user dan | session.start failure | 203.0.113.9"},
		{"Failed password for ana from 203.0.113.9 port 4 ssh1: ruser from 192.0.2.1", "user ana | session.start failure | 203.0.113.9"},
		{"error: PAM: authentication error for ana from host.example.com via 192.0.2.1", "user ana | session.start failure | "},
		{"ROOT LOGIN REFUSED FROM 203.0.113.9 port 22 [preauth]", "user root | session.start denied | 203.0.113.9"},
		{"User root not allowed because account is locked", "user root | session.start denied | "},
		{"refused connect from x (y@::ffff:192.0.2.1) (::ffff:203.0.113.9)", "anonymous  | connection.open denied | 203.0.113.9"},
		{"Disconnecting: Too many authentication failures for root [preauth]", "user root | session.start failure | "},
		{"Connection closed by 203.0.113.9 [preauth]", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"fatal: Timeout before authentication for 203.0.113.9 port 4", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Disconnecting invalid user x 203.0.113.9 port 4: Change of username or service not allowed: (x,ssh-connection) -> (y,ssh-connection) [preauth]", "anonymous (x) | connection.close unknown | 203.0.113.9"},
		{"ssh_dispatch_run_fatal: Connection from authenticating user ana 203.0.113.9 port 4: Connection corrupted [preauth]", "user ana | connection.close unknown | 203.0.113.9"},
		{"Connection from 203.0.113.9", "anonymous  | connection.open unknown | 203.0.113.9"},
		{"reverse mapping checking getaddrinfo for x [203.0.113.9] failed.", "system h/sshd | log.line unknown | "},
		{"User ana from 203.0.113.9 not allowed because listed in DenyUsers", "user ana | session.start denied | 203.0.113.9"},
		{"Disconnected from user ana 203.0.113.9 port 22", "user ana | session.end success | 203.0.113.9"},
		{"Connection reset by 203.0.113.9 port 22 [preauth]", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Invalid user x from 203.0.113.9 port 22", "anonymous (x) | session.start failure | 203.0.113.9"},
	},
	"sudo": {
		{"  ana : TTY=pts/0 ; PWD=/ ; USER=root ; TSID=000001 ; COMMAND=/bin/ls", "user ana | command.run success |  | command=/bin/ls | user=root"},
		{"  ana : HOST=web ; TTY=pts/0 ; PWD=/ ; USER=root ; ENV=A=b ; COMMAND=/bin/ls", "user ana | command.run success |  | command=/bin/ls | user=root"},
		{"  ana : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "user ana | command.run denied |  | command=/bin/ls | user=root"},
		{"  ana : user NOT authorized on host ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "user ana | command.run denied |  | command=/bin/ls | user=root"},
		{"  ana : 1 incorrect password attempt ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "user ana | command.run failure |  | command=/bin/ls | user=root"},
		{"  ana : a password is required ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "user ana | command.run failure |  | command=/bin/ls | user=root"},
		{"  EXAMPLE\\ana : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "user EXAMPLE\\ana | command.run success |  | command=/bin/ls | user=root"},
		{"  ana : (command continued) more of it", "user ana | command.continue unknown | "},
		{"unable to resolve host web", "system h/sudo | log.line unknown | "},
		{"  ana : problem with defaults entries ; TTY=pts/0 ; PWD=/ ; USER=root", "user ana | command.run unknown |  | user=root"},
	},
	"su": {
		{"Successful su for root by ana", "user ana | user.switch success |  | user=root"},
		{"FAILED su for root by bo", "user bo | user.switch failure |  | user=root"},
		{"'su root' failed for bo on /dev/pts/0", "user bo | user.switch failure |  | user=root"},
		{"BAD SU bo to root on /dev/ttyp0", "user bo | user.switch failure |  | user=root"},
		{"+ /dev/pts/0 ana:root", "user ana | user.switch success |  | user=root"},
		{"- pts/0 bo:root", "user bo | user.switch failure |  | user=root"},
		{"(to root) ana on pts/0", "user ana | user.switch success |  | user=root"},
		{"pam_authenticate: Authentication failure", "system h/su | log.line unknown | "},
	},
	"login": {
		{"ROOT LOGIN ON tty1", "user root | session.start success | "},
		{"LOGIN ON tty1 BY ana", "user ana | session.start success | "},
		{"FAILED LOGIN 1 FROM (null) FOR x, y, User not known to the underlying authentication module", "anonymous (x, y) | session.start failure | "},
	},
	"usermod": {
		{"new group: name=dev, GID=1002", "system h/usermod | group.create success |  | group=dev"},
		{"add 'eve' to shadow group 'dev'", "system h/usermod | group.add_member success |  | user=eve | group=dev"},
		{"delete 'eve' from group 'dev'", "system h/usermod | group.remove_member success |  | user=eve | group=dev"},
		{"user eve removed by root from group dev", "user root | group.remove_member success |  | user=eve | group=dev"},
		{"removed group 'dev' owned by 'eve'", "system h/usermod | group.delete success |  | group=dev"},
		{"group 'dev' removed from /etc/group", "system h/usermod | group.delete success |  | group=dev"},
		{"change user 'eve' password", "system h/usermod | password.change success |  | user=eve"},
		{"password for 'eve' changed by 'root'", "user root | password.change success |  | user=eve"},
		{"lock user 'eve' password", "system h/usermod | user.lock success |  | user=eve"},
		{"unlock user 'eve' password", "system h/usermod | user.unlock success |  | user=eve"},
		{"change user 'eve' shell from '/bin/sh' to '/bin/bash'", "system h/usermod | user.update success |  | user=eve"},
		{"changed password expiry for eve", "system h/usermod | user.update success |  | user=eve"},
		{"delete user `eve'", "system h/usermod | user.delete success |  | user=eve"},
		{"change user 'eve' primary group from '1' to '2'", "system h/usermod | user.update success |  | user=eve"},
		{"failed adding user 'eve', exit code: 9", "system h/usermod | user.create failure |  | user=eve"},
		{"new user: name=eve, UID=1005, GID=1005, home=/home/eve, shell=/bin/bash", "system h/usermod | user.create success |  | user=eve"},
		{"group added to /etc/group: name=dev, GID=1002", "system h/usermod | group.create success |  | group=dev"},
		{"group changed in /etc/group (group dev/1002, new name: ops)", "system h/usermod | group.update success |  | group=dev"},
		{"members of group dev set by root to eve,bo", "user root | group.set_members success |  | group=dev"},
		{"change user name 'eve' to 'eva'", "system h/usermod | user.update success |  | user=eve"},
	},
	"pam": {
		{"pam_unix(sshd:session): session opened for user ana(uid=1000) by (uid=0)", "user ana | session.open success |  | user=ana"},
		{"pam_unix(cron:session): session opened for user root by (uid=0)", "system h/pam | session.open success |  | user=root"},
		{"pam_unix(su:session): session opened for user root(uid=0) by ana(uid=1000)", "user ana | session.open success |  | user=root"},
		{"pam_unix(sudo:session): session closed for user root", "system h/pam | session.close success |  | user=root"},
		{"pam_unix(sudo:auth): authentication failure; logname=bo uid=1001 euid=0 tty=/dev/pts/12 ruser=bo rhost=  user=bo", "user bo | session.verify failure |  | user=bo"},
		{"pam_unix(su:auth): authentication failure; logname=bo uid=1001 euid=0 tty=pts/1 ruser=bo rhost=  user=root", "user bo | session.verify failure |  | user=root"},
		{"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9 ", "anonymous  | session.verify failure | 203.0.113.9"},
		{"pam_unix(sshd:auth): check pass; user unknown", "anonymous  | session.verify failure | "},
		{"pam_tally2(sudo:auth): user bo (1001) tally 6, deny 5", "user bo | session.verify denied |  | user=bo"},
		{"pam_faillock(sshd:auth): Consecutive login failures for user bo account temporarily locked", "system h/pam | user.lock success |  | user=bo"},
		{"pam_succeed_if(sshd:auth): requirement \"uid >= 1000\" not met by user \"root\"", "user root | session.verify denied |  | user=root"},
		{"pam_unix(sudo:auth): auth could not identify password for [bo]", "user bo | session.verify failure |  | user=bo"},
		{"(pam_unix) authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root", "user root | session.verify failure | 203.0.113.9 | user=root"},
		{"pam_unix: authentication failure; logname= uid=0 euid=0 tty=ftp ruser=bo rhost=203.0.113.9", "anonymous (bo) | session.verify failure | 203.0.113.9"},
		{"pam_unix(x:auth): authentication failure; logname= uid=0 euid=0 tty=x ruser=bo rhost=192.0.2.1 rhost=203.0.113.9", "system h/pam | log.line unknown | "},
		{"pam_limits(sshd:session): whatever", "system h/pam | log.line unknown | "},
		{"pam_unix(passwd:chauthtok): password changed for bo", "system h/pam | password.change success |  | user=bo"},
		{"pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9 user=bo", "user bo | session.verify success | 203.0.113.9 | user=bo"},
		{"pam_unix(sshd:account): account bo has expired (account expired)", "user bo | session.check denied | "},
	},
	"systemd-logind": {
		{"New session c1 of user ana.", "user ana | session.open success |  | user=ana"},
		{"New session 7 of user ana with class 'user' and type 'tty'.", "user ana | session.open success |  | user=ana"},
		{"Session 7 logged out. Waiting for processes to exit.", "system h/systemd-logind | session.close success | "},
		{"Removed session 7.", "system h/systemd-logind | session.close success | "},
		{"System is rebooting.", "system h/systemd-logind | host.stop success | "},
		{"Watching system buttons on /dev/input/event0 (Power Button)", "system h/systemd-logind | log.line unknown | "},
	},
	"systemd": {
		{"Started nginx.service - A server.", "system h/systemd | service.start success |  | unit=nginx.service - A server"},
		{"Stopped nginx.service.", "system h/systemd | service.stop success |  | unit=nginx.service"},
		{"Reloaded nginx.service.", "system h/systemd | service.reload success |  | unit=nginx.service"},
		{"Failed to start nginx.service.", "system h/systemd | service.start failure |  | unit=nginx.service"},
		{"Starting nginx.service...", "system h/systemd | log.line unknown | "},
	},
	"cron": {
		{"(root) CMD (run-parts /etc/cron.daily)", "system h/cron(cron of root) | job.run success |  | command=run-parts /etc/cron.daily | user=root"},
		{"(ana) RELOAD (crontabs/ana)", "system h/cron | schedule.reload success |  | crontab=crontabs/ana"},
		{"(ana) DELETE (ana)", "user ana | schedule.delete success |  | crontab=ana"},
		{"(ana) REPLACE (ana)", "user ana | schedule.update success |  | crontab=ana"},
		{"(ana) BEGIN EDIT (ana)", "user ana | schedule.read success |  | crontab=ana"},
		{"(bo) AUTH (crontab command not allowed)", "user bo | schedule.update denied | "},
		{"(CRON) INFO (Running @reboot jobs)", "system h/cron | log.line unknown | "},
	},
}

func TestMessages(t *testing.T) {
	for program, table := range tables {
		t.Run(program, func(t *testing.T) { messages(t, program, table) })
	}
}

// TestEveryRow holds that each row of the table of actions can be reached, and is
// what an event then says.
func TestEveryRow(t *testing.T) {
	reached := map[string]bool{}
	note := func(raw string) {
		e := one(t, raw)
		if a, ok := linux.Kind.Actions[e.NativeAction]; ok && a.Action != e.Action {
			t.Errorf("%s: %s, not %s", raw, e.Action, a.Action)
		}
		reached[e.NativeAction] = true
	}
	for program, table := range tables {
		for _, row := range table {
			note("Mar  1 09:00:00 h " + program + "[7]: " + row[0])
		}
	}
	for native := range linux.Kind.Actions {
		name, isCall := strings.CutPrefix(native, "SYSCALL ")
		switch {
		case isCall:
			note("type=SYSCALL msg=audit(1.0:1): syscall=0 success=yes\x1dSYSCALL=" + name)
		case !strings.Contains(native, ": "):
			note("type=" + native + " msg=audit(1.0:1): auid=5 msg='res=success'")
		case strings.HasPrefix(native, "crontab: "): // by its verb
			note("Mar  1 09:00:00 h crontab[7]: (ana) " + strings.TrimPrefix(native, "crontab: ") + " (x)")
		}
		if !reached[native] {
			t.Errorf("%s is never reached", native)
		}
	}
}

// TestForgedNames gives names that hold what the program itself would write. The
// address and the user must be those that it wrote.
func TestForgedNames(t *testing.T) {
	messages(t, "sshd", [][2]string{
		{"Failed password for invalid user root from 192.0.2.1 port 22 ssh2 from 203.0.113.9 port 4 ssh2", "anonymous (root from 192.0.2.1 port 22 ssh2) | session.start failure | 203.0.113.9"},
		{"Failed password for invalid user root from 192.0.2.1 port 22 ssh2: RSA SHA256:x from 203.0.113.9 port 4 ssh2", "anonymous (root from 192.0.2.1 port 22 ssh2: RSA SHA256:x) | session.start failure | 203.0.113.9"},
		{"Failed password for invalid user Accepted password for root from 203.0.113.9 port 4 ssh2", "anonymous (Accepted password for root) | session.start failure | 203.0.113.9"},
		{"Failed password for invalid user x from 192.0.2.1 port 1 ssh2: y from 203.0.113.9 port 4 ssh2", "anonymous (x from 192.0.2.1 port 1 ssh2: y) | session.start failure | 203.0.113.9"},
		{"Failed hostbased for ana from 203.0.113.9 port 4 ssh2: RSA SHA256:x, client user \"y from 192.0.2.1 port 1 ssh2: RSA SHA256:z\", client host \"h\"", "user ana | session.start failure | 203.0.113.9"},
		{"Connection closed by invalid user x 192.0.2.1 port 1 203.0.113.9 port 4", "anonymous (x 192.0.2.1 port 1) | connection.close unknown | 203.0.113.9"},
		{"Invalid user x from 192.0.2.1 port 22 from 203.0.113.9 port 4", "anonymous (x from 192.0.2.1 port 22) | session.start failure | 203.0.113.9"},
		{"Invalid user x from 192.0.2.1 from 203.0.113.9", "anonymous (x from 192.0.2.1) | session.start failure | 203.0.113.9"},
		{"Invalid user  from 203.0.113.9 port 4", "anonymous  | session.start failure | 203.0.113.9"},
		{"Connection closed by invalid user ana 192.0.2.1 port 22 203.0.113.9 port 4 [preauth]", "anonymous (ana 192.0.2.1 port 22) | connection.close unknown | 203.0.113.9"},
		{"Received disconnect from 203.0.113.9 port 4:11: from 192.0.2.1 port 22:11: x", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Disconnecting invalid user x 203.0.113.9 port 4: Change of username or service not allowed: (x,ssh-connection) -> (y 192.0.2.1 port 1: z,ssh-connection) [preauth]", "system h/sshd | log.line unknown | "},
		{"Bad protocol version identification 'x' from 192.0.2.1 port 1' from 203.0.113.9 port 4", "anonymous  | connection.close unknown | 203.0.113.9"},
		{"Accepted password for root from 192.0.2.1 port 1 ssh2\nx", "system h/sshd | log.line unknown | "},
		{"error: PAM: Authentication failure for illegal user x from 192.0.2.1 from 203.0.113.9", "anonymous (x from 192.0.2.1) | session.start failure | 203.0.113.9"},
		{"pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9 user=x rhost=192.0.2.1 user=root", "user x rhost=192.0.2.1 user=root | session.verify failure | 203.0.113.9 | user=x rhost=192.0.2.1 user=root"},
	})
	messages(t, "sudo", [][2]string{
		{"bo : TTY=pts/1 ; PWD=/x ; USER=root ; COMMAND=/bin/sh -c a ; USER=ana ; COMMAND=b", "user bo | command.run success | "},
		{"bo : TTY=pts/1 ; PWD=/ ; COMMAND=user NOT in sudoers ; USER=root ; COMMAND=/bin/sh", "user bo | command.run success | "},
		{"bo : TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/echo ana : TTY=x", "user bo | command.run success |  | command=/bin/echo ana : TTY=x | user=root"},
	})
	messages(t, "su", [][2]string{
		{"FAILED SU (to x) ana on pts/9) bo on pts/1", "user bo | user.switch failure |  | user=x) ana on pts/9"},
	})
	messages(t, "sshd(pam_unix)", [][2]string{
		{"session opened for user ana by (uid=0)", "user ana | session.open success |  | user=ana"},
	})
	messages(t, "CRON", [][2]string{
		{"(bo) CMD (true) x (root) CMD (rm)", "system h/CRON(cron of bo) | job.run success |  | command=true) x (root) CMD (rm | user=bo"},
	})
	messages(t, "app", [][2]string{
		{"type=USER_LOGIN msg=audit(1.0:1): pid=1 msg='acct=\"root\" res=success'", "system h/app | log.line unknown | "},
		{"sshd[1]: Accepted password for root from 192.0.2.1 port 1 ssh2", "system h/app | log.line unknown | "},
		{"Accepted password for root from 192.0.2.1 port 1 ssh2", "system h/app | log.line unknown | "},
	})
	for raw, want := range map[string]string{
		// What a program says of itself in msg='…' does not count against the kernel,
		// and quotes in a name do not end it: libaudit writes such names in hex.
		`type=USER_AUTH msg=audit(1.0:1): pid=1 uid=33 auid=1001 ses=4 msg='op=x auid=0 uid=0 acct="bo" exe="/usr/bin/x" addr=203.0.113.9 res=failed'`:            "user 1001 | session.verify failure | 203.0.113.9 | user=bo",
		`type=USER_LOGIN msg=audit(1.0:1): pid=1 uid=0 auid=-1 msg='op=login acct=78222061636374223D22726F6F74 exe="/usr/sbin/sshd" addr=203.0.113.9 res=failed'`: `user x" acct"="root | session.start failure | 203.0.113.9 | user=x" acct"="root`,
		`type=USER_AUTH msg=audit(1.0:1): pid=1 uid=0 auid=-1 msg='op=x res=success acct="bo" exe="/usr/sbin/sshd" hostname=? addr=203.0.113.9 res=failed'`:       "user bo | session.verify failure | 203.0.113.9 | user=bo",
		// A node's name is not a place for a record.
		`node=type=USER_LOGIN type=USER_LOGIN msg=audit(1.0:1): pid=1 uid=0 auid=5 msg='res=failed'`: "user 5 | session.start failure | ",
	} {
		if got := short(one(t, raw)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", raw, got, want)
		}
	}
}

func TestAdministratorGroups(t *testing.T) {
	for raw, want := range map[string]event.Category{"add 'eve' to group 'sudo'": event.Privileged, "add 'eve' to group 'dev'": event.Access} {
		if e := one(t, "Mar  1 09:00:00 h usermod[7]: "+raw); e.Category != want {
			t.Errorf("%s: %s", raw, e.Category)
		}
	}
}

func TestHeaders(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	f := func(now time.Time, line, at, host, message string) {
		t.Helper()
		e, err := linux.Kind.Map([]byte(line), now)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		if got := e.OccurredAt.Format(time.RFC3339Nano); got != at || e.Where.Host != host || !strings.Contains(string(e.Detail), message) {
			t.Errorf("%s: %s %s %s", line, got, e.Where.Host, e.Detail)
		}
	}
	f(now, "Mar  1 09:30:00 h p[1]: m", "2026-03-01T09:30:00Z", "h", `"pid":1`)
	f(now, "Mar 1 09:30:00 h p[1]: m", "2026-03-01T09:30:00Z", "h", `"pid":1`)
	f(now, "Mar  1 09:30:00 [p]: m", "2026-03-01T09:30:00Z", "", `"message":"m"`)
	f(now, "Mar 01 09:30:00 h p: m", "2026-03-01T09:30:00Z", "h", `"message":"m"`)
	f(now, "<13>Mar  2 11:59:59 h p: m", "2026-03-02T11:59:59Z", "h", "m")
	f(now, "Mar  2 12:00:01 h p: m", "2025-03-02T12:00:01Z", "h", "m")
	f(now, "Dec 31 23:59:59 h p: m", "2025-12-31T23:59:59Z", "h", "m")
	f(now, "Feb 29 00:00:00 h p: m", "2024-02-29T00:00:00Z", "h", "m")
	f(time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC), "Jan  1 00:00:10 h p: m", "2027-01-01T00:00:10Z", "h", "m")
	f(now.In(berlin), "Mar  1 09:30:00 h p: m", "2026-03-01T08:30:00Z", "h", "m")
	f(now, "Mar  1 09:30:00.123456 h p: m", "2026-03-01T09:30:00.123456Z", "h", "m")
	f(now, "Mar  1 2024 09:30:00 h p: m", "2024-03-01T09:30:00Z", "h", "m")
	f(now, "Mar  1 09:30:00 p[1]: m", "2026-03-01T09:30:00Z", "", `"message":"m"`)
	f(now, "2026-03-01T09:30:00.5+01:00 h p: m", "2026-03-01T08:30:00.5Z", "h", "m")
	f(now, "<34>1 2026-03-01T09:30:00.5+01:00 h p 1 ID [a@1 b=\"]\\\"\"][c d=\"\"] \uFEFFm", "2026-03-01T08:30:00.5Z", "h", `"message":"m"`)
	f(now, "1 2026-03-01T09:30:00Z h p - - - m", "2026-03-01T09:30:00Z", "h", `"message":"m"`)
	f(now, "<34>1 - - - - - - m", "2026-03-01T12:00:00Z", "", `"message":"m"`)
	f(now, "<34>1 9999-01-01T00:00:00Z h p - - - m", "2026-03-01T12:00:00Z", "h", `"time":"9999-01-01T00:00:00Z"`)
	for _, line := range []string{"", "m", "<192>Mar  1 09:30:00 h p: m", "<34>1 2026-03-01 h p - - - m", "<34>1 - h p - - [x", "{}", `{"MESSAGE":"x"}`, "type=USER_LOGIN", "type=X msg=audit(x:1): a", "Feb 30 00:00:00 h p: m"} {
		if e, err := linux.Kind.Map([]byte(line), now); err == nil {
			t.Errorf("%q: %s", line, short(e))
		}
	}
}

func TestSplitPutsRecordsTogether(t *testing.T) {
	rec := func(kind string, serial int) string {
		return fmt.Sprintf("type=%s msg=audit(1772357403.000:%d): a=1", kind, serial)
	}
	f := func(name, delivery string, want ...string) {
		t.Helper()
		var got []string
		for raw, err := range linux.Kind.Split(strings.NewReader(delivery)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", name, got, want)
		}
	}
	f("in turn", rec("SYSCALL", 1)+"\n"+rec("PATH", 1)+"\r\n"+rec("SYSCALL", 2)+"\n", rec("SYSCALL", 1)+"\n"+rec("PATH", 1), rec("SYSCALL", 2))
	f("interleaved", rec("SYSCALL", 1)+"\n"+rec("SYSCALL", 2)+"\n"+rec("PATH", 1)+"\n"+rec("PATH", 2), rec("SYSCALL", 1)+"\n"+rec("PATH", 1), rec("SYSCALL", 2)+"\n"+rec("PATH", 2))
	f("of two nodes", "node=a "+rec("SYSCALL", 1)+"\nnode=b "+rec("SYSCALL", 1), "node=a "+rec("SYSCALL", 1), "node=b "+rec("SYSCALL", 1))
	f("among others", "Mar  1 09:30:00 h sshd[1]: x\n"+rec("SYSCALL", 1)+"\nMar  1 09:30:00 h sshd[1]: "+rec("PATH", 1)+"\n"+rec("PATH", 1),
		"Mar  1 09:30:00 h sshd[1]: x", "Mar  1 09:30:00 h sshd[1]: "+rec("PATH", 1), rec("SYSCALL", 1)+"\n"+rec("PATH", 1))
	f("the journal", "{\"a\":1}\n{\"b\":2}\n", `{"a":1}`, `{"b":2}`)
	f("rolled over", rec("SYSCALL", 4294967295)+"\n"+rec("SYSCALL", 0), rec("SYSCALL", 4294967295), rec("SYSCALL", 0))

	var many bytes.Buffer
	for i := range 1000 {
		fmt.Fprintln(&many, rec("SYSCALL", i))
	}
	fmt.Fprintln(&many, rec("PATH", 0)) // too late
	n := 0
	for range linux.Kind.Split(&many) {
		n++
	}
	if n != 1001 {
		t.Errorf("%d", n)
	}
	for range linux.Kind.Split(strings.NewReader(rec("A", 1) + "\n" + rec("A", 2))) {
		break
	}
}

// TestAuditIDs holds that parts of an event that come apart are not taken for the
// same event, and that the same bytes are.
func TestAuditIDs(t *testing.T) {
	a := "type=SYSCALL msg=audit(1772357403.000:1): syscall=59"
	b := "type=PATH msg=audit(1772357403.000:1): name=\"x\""
	ids := map[string]bool{}
	for _, raw := range []string{a, b, a + "\n" + b, "node=x " + a, a} {
		ids[one(t, raw).ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%v", ids)
	}
}

// TestRealFiles reads samples of real systems. What it counts was counted by hand.
func TestRealFiles(t *testing.T) {
	const dir = "../../../shared/data/open/"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIPPED: the shared samples are not there")
	}
	for file, want := range map[string]map[string]int{
		"linux_auditd/out_of_order.log":                   {"connection.open success": 2, "connection.open unknown": 1, "process.start success": 2},
		"linux_auditd/rollover.log":                       {"connection.open success": 3, "connection.open unknown": 1, "process.start success": 1},
		"linux_auditd/crowdsec_auditd-postexploit-rm.log": {"process.start success": 10},
		"linux_syslog/crowdsec_ssh-slow-bf.log":           {"session.start failure": 22},
		"linux_syslog/crowdsec_sshd-success-logs.log":     {"session.start success": 2},
		"linux_syslog/crowdsec_pam-logs.log":              {"session.verify denied": 1, "session.verify failure": 1},
		"linux_auditd/audit-rhel7.log":                    nil,
	} {
		body, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		got, unmapped := map[string]int{}, 0
		for raw, err := range linux.Kind.Split(bytes.NewReader(body)) {
			if err != nil {
				t.Fatal(err)
			}
			e, mapped := linux.Kind.Event("linux/x", func() string { return "1" }, raw, now)
			if !mapped {
				unmapped++
				if !strings.Contains(string(raw), "msg=?") {
					t.Errorf("%s: %s: %s", file, e.OutcomeReason, raw)
				}
			}
			got[e.Action+" "+string(e.Outcome)]++
			sourcetest.Check(t, linux.Kind, raw)
		}
		if want != nil && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v", file, got)
		}
		if want == nil && (got["session.start success"] != 1 || got["user.create success"] != 1 || got["log.stop success"] != 1 || got["command.run success"] != 1 || got["audit_rule.update success"] != 2) {
			t.Errorf("%s: %v", file, got)
		}
		if want == nil && unmapped != 1 { // one record is no record
			t.Errorf("%s: %d unmapped", file, unmapped)
		}
		t.Log(file, got)
	}
}

func BenchmarkMap(b *testing.B) {
	raw := []byte("Mar  1 09:30:02 web-1 sshd[2214]: Failed password for invalid user oracle from 198.51.100.7 port 4712 ssh2")
	for b.Loop() {
		if _, err := linux.Kind.Map(raw, now); err != nil {
			b.Fatal(err)
		}
	}
}
