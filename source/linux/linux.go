// Package linux reads what Linux hosts say of sign-ins, accounts and commands:
// sshd, sudo, su, PAM, the programs of shadow, systemd and logind, cron, and the
// kernel's audit log. It is for the lines of /var/log/auth.log, secure, messages
// and audit/audit.log, however they come.
//
// Deliveries: lines of text as rsyslog writes them to files (RFC 3164, or times
// in RFC 3339), lines of RFC 5424, both with or without <PRI>; audit.log as auditd
// writes it, with or without node=, or behind the header of a syslog line of
// audispd or audisp-syslog; the journal as "journalctl -o json" writes it. The
// records of one audit event, those with the same audit(time:serial) and host, are
// put together within a delivery, up to 64 events at a time, and raw is their
// lines. Where a delivery ends between them, each part is an event; so is each
// record where lines come one by one, over syslog or from a file that is followed.
// request_id is what the parts have in common.
//
//	line                                       event
//	time of the line, of audit(…), of the      occurred_at; in RFC 3164 without year and zone: the
//	  journal's _SOURCE_REALTIME_TIMESTAMP       latest that is at most a day ahead, in the sender's zone
//	journal's __CURSOR; time, serial and       id; other lines have none
//	  digest of an audit event
//	host, node=, _HOSTNAME                     where.host
//	"from …", rhost=, addr=                    where.ip if it is an address (::ffff:192.0.2.1 as IPv4), else detail.from
//	program and what its message is about      native_action ("sshd: Accepted", "USER_CMD"); action, category: see Actions
//	auid, else who signed in or ran a command  actor: see below
//	account, group, command, file, unit        target, targets
//	session, ses=                              actor.session
//	pid, port, method, key, working directory  detail
//
// Every message that the table lacks is log.line, category system, of its program:
// native_action is the program, the message is in detail. An audit record that the
// table lacks is audit. and its type in lower case; a system call syscall. and its
// name, or its number where it is not a common one.
//
// Actor: who signed in, ran the command or was refused, if the message says so;
// a program that acts for nobody it names is system, by host and program. A name
// that was tried and does not exist is anonymous, with that name. In audit events
// it is auid, the one who signed in, whatever uid it took on since: by name where
// the record has one (AUID= of enriched logs, acct= of a sign-in), else by number;
// where auid is unset it is the program, by its exe. uid 0 has the role "root".
//
// Outcome: what the message says. sudo writes no verdict for a command that it
// ran: success. It refused one that comes with a reason: denied for rules, failure
// for passwords. A name that does not exist, a wrong password: failure. An account
// or host that is not allowed: denied. In audit events res and success; a system
// call that failed with EPERM or EACCES is denied, one with EINPROGRESS unknown.
//
// Names in these messages are chosen by whoever knocks. So messages are read from
// the side on which the program itself writes: "Failed password for X from Y port
// Z ssh2" from the right, since X may hold " from 192.0.2.1 port 1 ssh2". A message
// of several lines, as the journal can hold, matches nothing but log.line. What sudo writes
// cannot always be told apart; where USER= or COMMAND= stand there twice, the
// event has no target and detail.text has it all. In the journal, the name of a
// program is believed if _UID is 0 or _EXE is a system program of that name; any
// user can write "sshd" there. In syslog files it must be believed.
//
// Limits: rsyslog and auditd lose lines under load and say so (imuxsock, a gap
// of serials); times of RFC 3164 are in whole seconds; files keep what logrotate
// leaves. Nothing here is unique but cursors and serials: a line that is sent
// twice in different deliveries is two events.
package linux

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is the logs of Linux hosts.
var Kind = source.Kind{
	Name:    "linux",
	Title:   "Linux hosts",
	Ways:    "syslog, HTTP, files, pipe",
	Split:   split,
	Map:     mapEvent,
	Actions: actions,
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if len(raw) > 0 && raw[0] == '{' && source.Valid(raw) == nil {
		return mapJournal(raw, now)
	}
	text := string(raw)
	if _, record := auditRecord(text); record != "" {
		return mapAudit(raw, now)
	}
	h, ok := source.ParseSyslog(text, now)
	if !ok {
		return event.Event{}, errors.New("not a line of syslog: it has neither the header of RFC 3164 nor that of RFC 5424")
	}
	return mapMessage(h, raw, now), nil
}

// A line is a message on its way to being an event.
type line struct {
	source.Syslog
	e event.Event
	d source.Detail
}

// mapMessage maps what a program wrote.
func mapMessage(h source.Syslog, raw []byte, now time.Time) event.Event {
	l := &line{Syslog: h}
	l.e.OccurredAt, l.e.Raw, l.e.Where.Host = h.At, raw, source.Clip(h.Host)
	l.unrepeat()
	if m := solaris.FindString(l.Message); m != "" {
		l.Message = l.Message[len(m):]
	}
	if !l.known() {
		l.other()
	}
	l.d.Number("pid", l.PID)
	if l.Program != "" && !strings.HasPrefix(l.e.NativeAction, l.Program) {
		l.d.Text("program", l.Program)
	}
	return l.finish(now)
}

// solaris puts an id before each message.
var solaris = regexp.MustCompile(`^\[ID \d+ \w+\.\w+\] `)

// known maps the message if its program is one of those that the table has.
func (l *line) known() bool {
	if program, ok := strings.CutSuffix(l.Program, "(pam_unix)"); ok {
		l.Program, l.Message = program, "(pam_unix) "+l.Message
	}
	if strings.HasPrefix(strings.TrimPrefix(l.Message, "("), "pam_") && l.pam() {
		return true
	}
	switch l.Program {
	case "sshd", "sshd-session", "sshd-auth":
		return l.sshd()
	case "sudo":
		return l.sudo()
	case "su", "su-l":
		return l.su()
	case "login":
		return l.login()
	case "useradd", "adduser", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "groupmems", "gpasswd", "passwd", "chage", "chpasswd", "chfn", "chsh", "newusers":
		return l.shadow()
	case "systemd-logind", "elogind-daemon":
		return l.logind()
	case "systemd":
		return l.systemd()
	case "CRON", "cron", "crond", "crontab", "anacron":
		return l.cron()
	}
	return false
}

// unrepeat takes off what rsyslog puts around a message that came several times.
func (l *line) unrepeat() {
	rest, ok := strings.CutPrefix(l.Message, "message repeated ")
	if !ok {
		return
	}
	n, inner, ok := strings.Cut(rest, " times: [")
	if !ok || !strings.HasSuffix(inner, "]") || strings.TrimLeft(n, "0123456789") != "" {
		return
	}
	l.Message = strings.TrimPrefix(inner[:len(inner)-1], " ")
	l.d.Number("repeated", n)
}

// other is the rule for all that the table lacks.
func (l *line) other() {
	l.set("", event.Unknown)
	l.e.Action, l.e.Category = "log.line", event.System
	l.e.NativeAction = source.Clip(l.Program)
	l.d.Text("message", l.Message)
}

// set gives the event the action of native, and by default the program as its actor.
func (l *line) set(native string, outcome event.Outcome) {
	a := actions[native]
	l.e.NativeAction, l.e.Action, l.e.Category, l.e.Outcome = native, a.Action, a.Category, outcome
	l.e.Actor = event.Actor{Type: event.ActorSystem, ID: l.self()}
}

// self is the identity of a program on its host.
func (l *line) self() string {
	id := strings.Trim(l.Host+"/"+l.Program, "/")
	if id == "" {
		return "unknown"
	}
	return source.Clip(id)
}

// by makes the user called name the actor, if there is a name.
func (l *line) by(name string) {
	if name = source.Clip(name); name != "" {
		l.e.Actor = event.Actor{Type: event.User, ID: name}
	}
	if name == "root" {
		l.e.Actor.Role = "root"
	}
}

// nobody makes the actor one that nobody knows, who used a name.
func (l *line) nobody(name string) {
	l.e.Actor = event.Actor{Type: event.Anonymous, Name: source.Clip(name)}
}

// to adds a target, if there is one.
func (l *line) to(kind, name string) {
	if name != "" {
		l.e.Targets = append(l.e.Targets, event.Target{Type: kind, ID: source.Clip(name)})
	}
}

// from says where somebody came from.
func (l *line) from(address string) {
	if ip := plainIP(address); ip != "" {
		l.e.Where.IP = ip
		return
	}
	l.d.Text("from", address)
}

// finish returns the event. A time that no event may have is that of its arrival.
func (l *line) finish(now time.Time) event.Event {
	if y := l.e.OccurredAt.Year(); y < 1970 || y > 2261 {
		l.d.Text("time", l.e.OccurredAt.Format(time.RFC3339Nano))
		l.e.OccurredAt = now.UTC()
	}
	for _, s := range []*string{&l.e.OutcomeReason, &l.e.OutcomeCode, &l.e.Actor.Session, &l.e.RequestID} {
		*s = source.Clip(*s)
	}
	l.e.Detail = l.d.Object()
	return l.e
}
