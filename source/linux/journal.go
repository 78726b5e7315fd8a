package linux

import (
	"errors"
	"path"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// journalEntry is what the mapping looks at in an entry of the journal. What begins
// with an underscore journald found out itself; the rest whoever wrote it claims.
type journalEntry struct {
	message, identifier, pid string

	cursor, realtime, sourceRealtime        string
	host, uid, exe, comm, ownPID, transport string
	auditType, auditID                      string
}

// mapJournal maps one object of "journalctl -o json".
func mapJournal(raw []byte, now time.Time) (event.Event, error) {
	j := readJournal(raw)
	if j.realtime == "" && j.sourceRealtime == "" {
		return event.Event{}, errors.New("not an entry of the journal: __REALTIME_TIMESTAMP is missing")
	}
	at, err := strconv.ParseInt(j.realtime, 10, 64)
	if s, e := strconv.ParseInt(j.sourceRealtime, 10, 64); e == nil {
		at, err = s, nil
	}
	if err != nil {
		return event.Event{}, errors.New("not an entry of the journal: __REALTIME_TIMESTAMP is no number")
	}
	h := source.Syslog{At: time.UnixMicro(at).UTC(), Host: j.host, Program: j.identifier, PID: j.pid, Message: j.message}
	if j.transport == "audit" && j.auditType != "" {
		return j.mapAudit(h, raw, now)
	}
	claimed := ""
	if h.Program == "" {
		h.Program = j.comm
	} else if !j.believed() {
		claimed = h.Program
		h.Program = j.comm
	}
	e := mapMessage(h, raw, now)
	if len(j.cursor) <= event.MaxIDBytes {
		e.ID = j.cursor
	}
	if claimed != "" {
		e.Detail = withClaim(e.Detail, claimed, j.uid)
	}
	return e, nil
}

// believed reports whether the name of the program can be its own.
func (j *journalEntry) believed() bool {
	if j.uid == "" || j.uid == "0" || j.transport == "kernel" {
		return j.uid != "" || j.transport == "kernel"
	}
	for _, dir := range []string{"/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/usr/local/bin/", "/usr/local/sbin/", "/bin/", "/sbin/", "/lib/"} {
		if strings.HasPrefix(j.exe, dir) && path.Clean(j.exe) == j.exe {
			return strings.EqualFold(path.Base(j.exe), j.identifier)
		}
	}
	return false
}

// withClaim notes that a user wrote under a name that was not his program's.
func withClaim(object []byte, program, uid string) []byte {
	var d source.Detail
	if len(object) > 0 {
		d = source.Detail(object[:len(object)-1])
	}
	d.Text("claimed_program", program)
	d.Number("uid", uid)
	return d.Object()
}

// mapAudit maps an audit record that journald took from the kernel itself: its
// message is the record without its type and stamp.
func (j *journalEntry) mapAudit(h source.Syslog, raw []byte, now time.Time) (event.Event, error) {
	a := &auditEvent{rest: map[string]record{}}
	kind, rest, _ := strings.Cut(j.message, " ")
	if strings.HasPrefix(kind, "<audit-") || kind != j.auditType && numbered[kind] != j.auditType {
		kind = j.auditType
	}
	a.Host = h.Host
	a.add(kind, parseRecord(kind, rest))
	a.e.OccurredAt, a.e.Raw = h.At, raw
	if len(j.cursor) <= event.MaxIDBytes {
		a.e.ID = j.cursor
	}
	a.e.RequestID = source.Clip(j.auditID)
	a.describe()
	return a.finish(now), nil
}

func readJournal(raw []byte) (j journalEntry) {
	for name, v := range source.Members(raw) {
		switch name {
		case "MESSAGE":
			j.message = journalText(v)
		case "SYSLOG_IDENTIFIER":
			j.identifier = journalText(v)
		case "SYSLOG_PID":
			j.pid = journalText(v)
		case "_PID":
			j.ownPID = journalText(v)
		case "__CURSOR":
			j.cursor = journalText(v)
		case "__REALTIME_TIMESTAMP":
			j.realtime = journalText(v)
		case "_SOURCE_REALTIME_TIMESTAMP":
			j.sourceRealtime = journalText(v)
		case "_HOSTNAME":
			j.host = journalText(v)
		case "_UID":
			j.uid = journalText(v)
		case "_EXE":
			j.exe = journalText(v)
		case "_COMM":
			j.comm = journalText(v)
		case "_TRANSPORT":
			j.transport = journalText(v)
		case "_AUDIT_TYPE_NAME":
			j.auditType = journalText(v)
		case "_AUDIT_ID":
			j.auditID = journalText(v)
		}
	}
	if j.ownPID != "" {
		j.pid = j.ownPID
	}
	return j
}

// journalText returns a value: text, the bytes of what is no text, or the first of
// several of the same name.
func journalText(v []byte) string {
	if len(v) == 0 || v[0] != '[' {
		return source.Text(v)
	}
	var b []byte
	for element := range source.Elements(v) {
		if element[0] == '"' {
			return source.Text(element)
		}
		n, err := strconv.ParseUint(string(element), 10, 8)
		if err != nil || len(b) == event.MaxStringBytes {
			break
		}
		b = append(b, byte(n))
	}
	return source.Clip(string(b))
}
