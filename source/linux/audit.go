package linux

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxRecords is how many records of one audit event are looked at.
const maxRecords = 1024

// auditPrograms forward audit records as lines of syslog; the kernel does so where
// no auditd runs, with the word audit: in front.
var auditPrograms = map[string]bool{"audispd": true, "audisp-syslog": true, "auditd": true, "audisp-remote": true, "kernel": true, "audit": true}

// auditRecord returns the record that a line holds, from "type=", and which host it
// is of, if the line says. record is empty for lines of anything else: it must
// stand at the beginning, or behind the name of a program that forwards records.
func auditRecord(line string) (host, record string) {
	if host, record = bareRecord(line); record != "" {
		return host, record
	}
	if !strings.Contains(line, "type=") || !strings.Contains(line, "audit(") {
		return "", ""
	}
	h, ok := source.ParseSyslog(line, time.Unix(0, 0).UTC()) // the time is not that of the event
	if !ok || !auditPrograms[h.Program] {
		return "", ""
	}
	m := h.Message
	if h.Program == "kernel" {
		if strings.HasPrefix(m, "[") { // seconds since boot
			_, m, _ = strings.Cut(m, "] ")
		}
		if m, ok = strings.CutPrefix(m, "audit: "); !ok {
			return "", ""
		}
	}
	if host, record = bareRecord(m); host == "" {
		host = h.Host
	}
	return host, record
}

// bareRecord takes node= off.
func bareRecord(s string) (host, record string) {
	if rest, ok := strings.CutPrefix(s, "node="); ok {
		host, s, _ = strings.Cut(rest, " ")
	}
	if !strings.HasPrefix(s, "type=") {
		return "", ""
	}
	return host, s
}

// cutStamp returns what stands in audit(…) of a record, "1481077043.046:408", and
// the fields behind it.
func cutStamp(record string) (stamp, fields string, ok bool) {
	_, rest, ok := strings.Cut(record, " ")
	if !ok {
		return "", "", false
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "msg="), "audit(")
	stamp, fields, ok = strings.Cut(rest, ")")
	if !ok || len(stamp) > 64 || strings.Trim(stamp, "0123456789.:") != "" || !strings.Contains(stamp, ":") {
		return "", "", false
	}
	return stamp, strings.TrimPrefix(fields, ":"), true
}

// An auditEvent is the records of one event.
type auditEvent struct {
	line
	kinds   []string // types of the records, in their order, each once
	first   record   // the record that says what happened
	syscall record
	paths   []record
	exec    record
	rest    map[string]record // others, by type
}

func mapAudit(raw []byte, now time.Time) (event.Event, error) {
	a := &auditEvent{rest: map[string]record{}}
	var stamp string
	n := 0
	for text := range strings.SplitSeq(string(raw), "\n") {
		host, rec := auditRecord(strings.TrimSuffix(text, "\r"))
		s, fields, ok := cutStamp(rec)
		if rec == "" || !ok {
			return event.Event{}, errors.New("not an audit record: audit(time:serial) is missing")
		}
		if stamp == "" {
			stamp, a.Host = s, host
		}
		if n++; n <= maxRecords {
			kind, _, _ := strings.Cut(strings.TrimPrefix(rec, "type="), " ")
			if name, ok := numbered[kind]; ok {
				kind = name
			}
			a.add(kind, parseRecord(kind, fields))
		}
	}
	at, err := auditTime(stamp)
	if err != nil {
		return event.Event{}, err
	}
	a.e.OccurredAt, a.e.Raw = at, raw
	a.e.ID = auditID(a.Host, stamp, raw)
	a.e.RequestID = stamp
	a.describe()
	return a.finish(now), nil
}

// auditID tells an event from parts of it that come in another delivery, and from
// events of hosts that do not say who they are.
func auditID(host, stamp string, raw []byte) string {
	sum := sha256.Sum256(raw)
	id := stamp + "/" + hex.EncodeToString(sum[:8])
	if host = source.Clip(host); host != "" && len(host) <= 256 {
		id = host + "/" + id
	}
	return id
}

// auditTime reads the seconds of a stamp.
func auditTime(stamp string) (time.Time, error) {
	s, _, _ := strings.Cut(stamp, ":")
	whole, part, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds > 1<<40 || len(part) > 9 || strings.Contains(part, ".") {
		return time.Time{}, errors.New("not an audit record: " + strconv.Quote(s) + " is no time")
	}
	nanos, _ := strconv.ParseInt((part + "000000000")[:9], 10, 64)
	return time.Unix(seconds, nanos).UTC(), nil
}

// add takes a record to the others. Of those that say what happened the first
// counts, and a system call before all: the others belong to it.
func (a *auditEvent) add(kind string, r record) {
	if !slices.Contains(a.kinds, kind) {
		a.kinds = append(a.kinds, kind)
	}
	switch kind {
	case "SYSCALL":
		a.syscall = r
	case "EXECVE":
		a.exec = r
	case "PATH":
		a.paths = append(a.paths, r)
	case "CWD", "PROCTITLE", "SOCKADDR", "EOE", "BPRM_FCAPS", "FD_PAIR", "MMAP", "OBJ_PID", "CAPSET", "IPC", "SOCKETCALL", "KERN_MODULE":
		if _, seen := a.rest[kind]; !seen {
			a.rest[kind] = r
		}
	default:
		if a.first.kind == "" {
			a.first = r
		}
	}
}

// describe maps the event by the record that says most.
func (a *auditEvent) describe() {
	a.e.Where.Host = source.Clip(a.Host)
	switch {
	case a.first.kind != "":
		a.mapUser()
	case a.syscall.kind != "":
		a.mapSyscall()
	default:
		a.mapAlone()
	}
	a.d.Texts("records", a.kinds)
}

// mapAlone maps records whose event came without the one that says what happened.
func (a *auditEvent) mapAlone() {
	kind := a.kinds[0]
	a.set(kind, event.Unknown)
	a.ruled(kind)
	a.paint()
	a.e.Actor = event.Actor{Type: event.ActorSystem, ID: "unknown"}
	if a.Host != "" {
		a.e.Actor.ID = source.Clip(a.Host)
	}
	a.to("command", a.command())
	a.files()
}

// ruled gives an event that the table lacks the action of its type.
func (a *auditEvent) ruled(kind string) {
	a.e.NativeAction = source.Clip(kind)
	if _, ok := actions[kind]; ok {
		return
	}
	a.e.Action, a.e.Category = "audit."+word(kind), event.System
}

// word makes a word of an action of s.
func word(s string) string {
	b := make([]byte, 0, 48)
	for i := 0; i < len(s) && len(b) < 48; i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b = append(b, c)
		case 'A' <= c && c <= 'Z':
			b = append(b, c|0x20)
		case len(b) > 0 && b[len(b)-1] != '_':
			b = append(b, '_')
		}
	}
	if s := strings.TrimRight(string(b), "_"); s != "" {
		return s
	}
	return "unknown"
}
