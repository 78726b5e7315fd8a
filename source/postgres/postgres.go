// Package postgres reads the log of PostgreSQL, with what pgaudit adds to it:
// csvlog and jsonlog, and stderr where its log_line_prefix is a common one.
//
// Deliveries: csvlog with its rows of several lines; jsonlog; stderr with "%m [%p] ",
// "%m [%p] %q%u@%d " (Debian), one of these behind "%h ",
// "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h " or "%t:%r:%u@%d:[%p]:"
// (RDS), its continued lines, DETAIL and STATEMENT joined to the entry before; any
// of the latter behind a header of syslog. A file that is followed comes line by
// line: let it be jsonlog. Otherwise use jsonlog or csvlog: in stderr nothing
// marks where a name ends that a stranger chose, and an entry in which that is in
// doubt is log.line and names nobody.
//
//	csvlog (jsonlog)                             event
//	session_id, session_line_num (line_num)      id; stderr has none
//	log_time (timestamp)                         occurred_at; an abbreviation of a zone with several
//	                                               meanings is read as the sender's, see detail.time
//	user_name (user)                             actor: user; no user: system, by backend_type
//	session_id                                   actor.session
//	connection_from (remote_host)                where.ip, else detail.from
//	application_name                             where.user_agent
//	AUDIT: class, command; else the message      native_action; action, category: see Actions
//	object_type, object_name; roles in the       target, targets
//	  statement
//	error_severity, sql_state_code, message      outcome, outcome_code, outcome_reason
//	database_name, statement, detail, …          detail
//
// Commands that the table lacks are postgres. and the command in lower case, sorted
// by pgaudit's class: READ and WRITE are data, ROLE access, DDL change, MISC_SET
// config, others system. Messages that the table lacks are log.line, system.
//
// To a member of a pg_… role of PostgreSQL's own, to SUPERUSER, CREATEROLE,
// BYPASSRLS and REPLICATION, to programs that COPY runs, and to functions
// that reach outside the database belongs privileged. COPY … TO is data.export.
//
// Actor: the user of the session, as which it signed in: SET ROLE does not change
// it. Where a name was tried that does not exist, or there is none yet, the actor
// is anonymous.
//
// Outcome: an AUDIT line means success: pgaudit writes it when the statement was
// let through. If it fails then, the ERROR is an event of its own; that it was rolled
// back, nothing says. ERROR, FATAL and PANIC mean failure, or denied for SQLSTATE
// 42501, for no entry in pg_hba.conf, and for roles and databases that do not admit.
// A statement that log_statement writes has no verdict: unknown.
//
// Any user can write "AUDIT: …" or "connection authorized: …" with RAISE LOG. Such
// an entry has a context, which those of pgaudit and of the server never have; it is
// log.line. log_error_verbosity = terse hides the difference: do not use it.
//
// Limits: the log is as good as its settings: log_connections, log_disconnections,
// pgaudit.log; denied statements have no AUDIT line but an ERROR. Passwords in CREATE
// and ALTER ROLE are hidden by pgaudit, but not in the statement of an ERROR: such a
// statement is left out of detail, and raw holds it.
package postgres

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"regexp"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is PostgreSQL with pgaudit.
var Kind = source.Kind{
	Name:    "postgres",
	Title:   "PostgreSQL with pgaudit",
	Ways:    "syslog, HTTP, files, pipe",
	Split:   split,
	Map:     mapEvent,
	Actions: actions,
}

// csvStart is how a row of csvlog begins.
var csvStart = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Za-z0-9+:-]+,`)

// split cuts a delivery by the format that its first line shows.
func split(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b := bufio.NewReaderSize(r, 4096)
		head, _ := b.Peek(512) // an error comes again when it is read
		head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\uFEFF")), " \t\r\n")
		cut := source.Join(source.Lines, continues)
		switch {
		case len(head) > 0 && (head[0] == '{' || head[0] == '['):
			cut = source.JSON()
		case csvStart.Match(head):
			cut = source.Rows
		}
		cut(b)(yield)
	}
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	e, err := read(raw, now)
	if err != nil {
		return event.Event{}, err
	}
	at, exact, err := parseTime(e.time, now)
	if err != nil {
		return event.Event{}, err
	}
	m := &mapping{entry: e}
	m.e.OccurredAt, m.e.Raw = at, raw
	if !exact {
		m.d.Text("time", e.time)
	}
	m.base()
	m.describe()
	m.finish()
	return m.e, nil
}

// read reads an entry in any of the formats.
func read(raw []byte, now time.Time) (entry, error) {
	if len(raw) > 0 && raw[0] == '{' {
		if err := source.Valid(raw); err != nil {
			return entry{}, errors.New("not JSON: " + err.Error())
		}
		e := parseJSON(raw)
		if e.time == "" || e.severity == "" {
			return e, errors.New("not an entry of jsonlog: timestamp or error_severity is missing")
		}
		return e, nil
	}
	text := string(raw)
	if csvStart.MatchString(text) {
		return parseCSV(text)
	}
	if e, ok := parseStderr(text); ok {
		return e, nil
	}
	if h, ok := source.ParseSyslog(text, now); ok && strings.HasPrefix(h.Program, "postgres") {
		message := h.Message
		if strings.HasPrefix(message, "[") { // the sequence numbers of its own
			_, message, _ = strings.Cut(message, "] ")
		}
		e, ok := parseStderr(message)
		if !ok {
			if e, ok = parseStderr(h.At.Format("2006-01-02 15:04:05.999999 UTC") + " [" + h.PID + "] " + message); !ok {
				return e, errors.New("not an entry of a PostgreSQL log: its prefix is none of those that are known")
			}
		}
		e.host = h.Host
		return e, nil
	}
	return entry{}, errors.New("not an entry of a PostgreSQL log: neither jsonlog nor csvlog nor stderr with a known prefix")
}

// mapping is an entry on its way to being an event.
type mapping struct {
	entry
	e event.Event
	d source.Detail
}

// base fills in what all entries have in common.
func (m *mapping) base() {
	if m.session != "" && m.line != "" {
		m.e.ID = m.session + "/" + m.line
	}
	m.e.Actor = event.Actor{Type: event.ActorSystem, ID: "postgres"}
	switch {
	case m.doubtful:
	case m.user != "" && m.user != "[unknown]":
		m.e.Actor = event.Actor{Type: event.User, ID: source.Clip(m.user)}
	case m.user == "[unknown]":
		m.e.Actor = event.Actor{Type: event.Anonymous}
	case m.backend != "":
		m.e.Actor.ID = source.Clip(m.backend)
	}
	m.e.Actor.Session = m.session
	m.e.Where.UserAgent = m.application
	if m.application == "[unknown]" {
		m.e.Where.UserAgent = ""
	}
	m.e.Where.Host = m.host
	if event.ValidIP(m.from) {
		m.e.Where.IP = m.from
	} else if !m.doubtful {
		m.d.Text("from", m.from)
	}
}

// finish writes detail and makes all strings acceptable.
func (m *mapping) finish() {
	if m.database != "[unknown]" && !m.doubtful {
		m.d.Text("database", m.database)
	}
	m.d.Number("pid", m.pid)
	m.d.Number("port", m.port)
	m.d.Text("severity", m.severity)
	m.e.Detail = m.d.Object()
	for _, s := range []*string{&m.e.ID, &m.e.Actor.Session, &m.e.Where.UserAgent, &m.e.Where.Host, &m.e.OutcomeReason, &m.e.OutcomeCode, &m.e.NativeAction} {
		*s = source.Clip(*s)
	}
	if len(m.e.ID) > event.MaxIDBytes {
		m.e.ID = ""
	}
}
