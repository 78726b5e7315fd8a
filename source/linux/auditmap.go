package linux

import (
	"path"
	"strconv"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxArguments is how many arguments of a command are put together.
const maxArguments = 256

// mapUser maps an event that one record says all of: what programs report, and
// what the kernel reports of itself.
func (a *auditEvent) mapUser() {
	r := &a.first
	a.set(r.kind, auditOutcome(r))
	a.ruled(r.kind)
	a.e.OutcomeCode = r.said("res")
	account := r.said("acct")
	if account == "" {
		account = r.said("id")
	}
	if a.syscall.kind != "" && unset(r.get("auid")) {
		a.who(&a.syscall)
	} else {
		a.who(r)
	}
	switch r.kind {
	case "USER_LOGIN", "USER_AUTH", "USER_ACCT", "USER_START", "USER_END", "USER_LOGOUT", "USER_ERR", "CRED_ACQ", "CRED_REFR", "CRED_DISP", "LOGIN", "USER_ROLE_CHANGE":
		a.signIn(r, account)
	case "USER_CMD":
		a.to("command", r.said("cmd"))
		a.e.Targets = append(a.e.Targets, target("user", r.said("runas"))...)
	case "SERVICE_START", "SERVICE_STOP":
		a.to("unit", r.said("unit"))
	case "AVC", "USER_AVC", "SECCOMP":
		a.mandatory(r)
	case "ADD_GROUP", "DEL_GROUP", "GRP_MGMT", "GRP_CHAUTHTOK":
		a.to("group", first(r.said("grp"), account))
		a.e.Targets = append(a.e.Targets, target("user", r.said("acct"))...)
	case "CONFIG_CHANGE":
		a.to("audit_rule", r.said("key"))
	default:
		a.to("user", account)
	}
	a.from(r.said("addr"))
	if h := r.said("hostname"); h != "" && h != r.said("addr") && h != a.Host {
		a.d.Text("hostname", h)
	}
	a.paint()
	for _, name := range []string{"op", "grantors", "cwd", "terminal", "list", "old", "audit_enabled", "old-auid", "table", "family", "entries"} {
		a.d.Number(name, r.said(name))
	}
	a.d.Text("text", r.text)
}

func target(kind, id string) []event.Target {
	if id == "" {
		return nil
	}
	return []event.Target{{Type: kind, ID: source.Clip(id)}}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// auditOutcome reads res and success, in all spellings.
func auditOutcome(r *record) event.Outcome {
	switch v := first(r.said("res"), r.said("success")); v {
	case "success", "1", "yes":
		return event.Success
	case "failed", "0", "no", "failure":
		return event.Failure
	}
	return event.Unknown
}

// unset reports whether auid is that of a process that no sign-in began.
func unset(auid string) bool {
	return auid == "" || auid == "4294967295" || auid == "-1" || auid == "unset" || auid == "?"
}

// who makes the one who signed in the actor, or the program that acts.
func (a *auditEvent) who(r *record) {
	auid := r.get("auid")
	if !unset(auid) {
		name := r.names["AUID"]
		if name == "" || name == "unset" || strings.HasPrefix(name, "unknown(") {
			name = auid
		}
		a.by(name)
		a.d.Number("auid", auid)
	} else if exe := first(r.said("exe"), r.said("comm")); exe != "" {
		a.e.Actor = event.Actor{Type: event.ActorSystem, ID: source.Clip(exe)}
	} else if uid := r.get("uid"); uid != "" {
		a.e.Actor = event.Actor{Type: event.ActorSystem, ID: "uid " + source.Clip(uid)}
	} else if h := a.Host; h != "" {
		a.e.Actor = event.Actor{Type: event.ActorSystem, ID: source.Clip(h)}
	} else {
		a.e.Actor = event.Actor{Type: event.ActorSystem, ID: "unknown"}
	}
	if uid := first(r.kernel["euid"], r.get("uid")); uid == "0" {
		a.e.Actor.Role = "root"
	} else if uid != "" && uid != auid {
		a.e.Actor.Role = "uid " + source.Clip(uid)
	}
	if ses := r.get("ses"); !unset(ses) {
		a.e.Actor.Session = source.Clip(ses)
	}
}

// signInPrograms let strangers in: acct= is the one who comes.
var signInPrograms = map[string]bool{"sshd": true, "sshd-session": true, "sshd-auth": true, "login": true, "gdm-session-worker": true, "lightdm": true, "sddm-helper": true, "cockpit-session": true, "vsftpd": true}

// signIn names who signs in. For sudo and su acct= is who one wants to be, and for
// cron whose job it is.
func (a *auditEvent) signIn(r *record, account string) {
	program := path.Base(r.said("exe"))
	switch {
	case !signInPrograms[program]:
		a.to("user", account)
		return
	case r.said("acct") == "" && r.said("id") == "" || strings.HasPrefix(r.said("acct"), "("): // (unknown user), (invalid user)
		a.nobody(r.said("acct"))
	case r.said("acct") != "":
		a.by(r.said("acct"))
	case r.names["ID"] != "" && r.names["ID"] != "unset":
		a.by(r.names["ID"])
	case unset(r.get("auid")):
		a.by(r.said("id")) // the number of the account that signs in
	}
	a.to("user", account)
	if ses := r.get("ses"); !unset(ses) {
		a.e.Actor.Session = source.Clip(ses)
	}
}

// mandatory maps what SELinux, AppArmor and seccomp refused.
func (a *auditEvent) mandatory(r *record) {
	permissive := r.said("permissive") == "1"
	switch {
	case r.kernel["apparmor"] == "DENIED", strings.Contains(r.text, "denied") && !permissive, r.kind == "SECCOMP":
		a.e.Outcome = event.Denied
	case r.kernel["apparmor"] == "ALLOWED", permissive, strings.Contains(r.text, "granted"):
		a.e.Outcome = event.Success
	}
	for _, name := range []string{"apparmor", "operation", "profile", "scontext", "tcontext", "tclass", "requested_mask", "denied_mask", "sig"} {
		a.d.Text(name, r.said(name))
	}
	a.to("file", first(r.said("path"), r.said("name")))
}

// mapSyscall maps a system call that a rule of auditd watches.
func (a *auditEvent) mapSyscall() {
	r := &a.syscall
	name := first(r.names["SYSCALL"], syscallName(r.said("arch"), r.said("syscall")))
	native := "SYSCALL " + name
	a.set(native, auditOutcome(r))
	if _, ok := actions[native]; !ok {
		a.e.Action, a.e.Category = "syscall."+word(name), event.System
	}
	a.e.NativeAction = source.Clip(native)
	switch a.e.OutcomeCode = r.said("exit"); {
	case a.e.Outcome != event.Failure:
		a.e.OutcomeCode = ""
	case a.e.OutcomeCode == "-1", a.e.OutcomeCode == "-13", a.e.OutcomeCode == "EPERM", a.e.OutcomeCode == "EACCES":
		a.e.Outcome = event.Denied
	case a.e.OutcomeCode == "-115", a.e.OutcomeCode == "EINPROGRESS":
		a.e.Outcome = event.Unknown
	}
	a.who(r)
	command := a.command()
	if a.e.Action == "process.start" {
		a.to("command", first(command, r.said("exe")))
		// Somebody who signed in as another works as root.
		if auid := r.get("auid"); r.kernel["euid"] == "0" && !unset(auid) && auid != "0" {
			a.e.Category = event.Privileged
		}
	}
	a.files()
	a.d.Text("exe", r.said("exe"))
	a.d.Text("key", strings.ReplaceAll(r.said("key"), "\x01", " "))
	a.d.Number("ppid", r.kernel["ppid"])
	a.d.Text("tty", r.said("tty"))
	if cwd, ok := a.rest["CWD"]; ok {
		a.d.Text("cwd", cwd.said("cwd"))
	}
	a.paint()
}

// command is what was executed: the arguments of EXECVE, else the title of the process.
func (a *auditEvent) command() string {
	if a.exec.kind == "" {
		title := a.rest["PROCTITLE"]
		return title.said("proctitle")
	}
	n, _ := strconv.Atoi(a.exec.kernel["argc"])
	var b strings.Builder
	for i := range min(n, maxArguments) {
		if b.Len() > event.MaxStringBytes {
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(a.exec.kernel["a"+strconv.Itoa(i)])
	}
	return b.String()
}

// files makes targets of the files of a call, but not of those that an execution
// reads by itself, and sorts changes to the system's own files under config.
func (a *auditEvent) files() {
	for _, p := range a.paths {
		name := p.said("name")
		kind := first(p.said("nametype"), p.said("objtype"))
		if name == "" || kind == "PARENT" || a.e.Action == "process.start" || len(a.e.Targets) >= 8 {
			continue
		}
		a.to("file", name)
		if a.e.Category == event.Data && isSystemFile(name) {
			a.e.Category = event.Config
		}
	}
}

func isSystemFile(name string) bool {
	for _, dir := range []string{"/etc/", "/boot/", "/usr/", "/bin/", "/sbin/", "/lib", "/var/spool/cron", "/root/.ssh/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return false
}

// paint adds what all audit events have in detail.
func (a *auditEvent) paint() {
	r := &a.first
	if r.kind == "" {
		r = &a.syscall
	}
	a.d.Number("pid", r.get("pid"))
	a.d.Number("uid", r.get("uid"))
	if r.kind != "SYSCALL" {
		a.d.Text("exe", r.said("exe"))
	}
	if r.kind != "" && a.syscall.kind != "" && r != &a.syscall {
		a.d.Text("comm", a.syscall.said("comm"))
	}
}

// syscallName names the common calls of x86_64 and aarch64; others are their number.
func syscallName(arch, number string) string {
	table := syscalls[arch]
	if name, ok := table[number]; ok {
		return name
	}
	return number
}
