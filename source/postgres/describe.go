package postgres

import (
	"regexp"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

var (
	authorized    = regexp.MustCompile(`^(?:replication )?connection authorized: user=`)
	authenticated = regexp.MustCompile(`^connection authenticated: identity="(.*)" method=(\S+)`)
	received      = regexp.MustCompile(`^connection received: host=(\S+)(?: port=(\d+))?$`)
	parameter     = regexp.MustCompile(`^parameter "([^"]+)" (?:changed to|removed from)`)
	statement     = regexp.MustCompile(`^(?:duration: [\d.]+ ms  )?(?:statement|execute [^:]*|parse [^:]*|bind [^:]*): ((?s:.*))$`)
	missing       = regexp.MustCompile(`^(?:role|user) ".*" does not exist$`)
	missingDetail = regexp.MustCompile(`^Role ".*" does not exist\.`)
	permission    = regexp.MustCompile(`^permission denied for (\w+(?: \w+)?) (\S+)$`)
)

// set gives the event the action of native.
func (m *mapping) set(native string, outcome event.Outcome) {
	a := actions[native]
	m.e.NativeAction, m.e.Action, m.e.Category, m.e.Outcome = native, a.Action, a.Category, outcome
}

// describe says what happened.
func (m *mapping) describe() {
	m.e.OutcomeCode = m.state
	if m.state == "00000" {
		m.e.OutcomeCode = ""
	}
	switch m.severity {
	case "ERROR", "FATAL", "PANIC":
		if !m.doubtful {
			m.failed()
			return
		}
	}
	// What has a context, code of the database's users wrote.
	if m.doubtful || m.context != "" || !m.audit() && !m.inSession() && !m.server() && !m.logged() {
		m.other()
	}
}

// other is the rule for all that the table lacks.
func (m *mapping) other() {
	m.e.Action, m.e.Category, m.e.Outcome = "log.line", event.System, event.Unknown
	m.e.NativeAction = m.severity
	m.d.Text("message", m.message)
	m.d.Text("context", m.context)
}

// inSession maps the beginning and end of sessions. Who it is stands in a column of
// its own; in stderr it may not, and then the message is only believed where it can
// be read in one way.
func (m *mapping) inSession() bool {
	switch {
	case received.MatchString(m.message):
		f := received.FindStringSubmatch(m.message)
		m.set("connection received", event.Unknown)
		m.e.Actor = event.Actor{Type: event.Anonymous, Session: m.e.Actor.Session}
		if event.ValidIP(f[1]) {
			m.e.Where.IP = f[1]
		} else if m.from == "" {
			m.d.Text("from", f[1])
		}
		if m.port == "" {
			m.port = f[2]
		}
	case authenticated.MatchString(m.message):
		f := authenticated.FindStringSubmatch(m.message)
		m.set("connection authenticated", event.Success)
		m.d.Text("identity", f[1])
		m.d.Text("method", f[2])
		m.named()
	case authorized.MatchString(m.message):
		m.set("connection authorized", event.Success)
		m.named()
	case strings.HasPrefix(m.message, "disconnection: session time: "):
		m.set("disconnection", event.Success)
		m.named()
	default:
		return false
	}
	m.d.Text("message", m.message)
	return true
}

// named takes the user from the message where no column has him.
func (m *mapping) named() {
	if m.user != "" && m.user != "[unknown]" {
		return
	}
	m.e.Actor = event.Actor{Type: event.Anonymous, Session: m.e.Actor.Session}
	_, rest, _ := strings.Cut(m.message, " user=")
	name, rest, found := strings.Cut(rest, " database=")
	if found && name != "" && !strings.ContainsAny(name, " =") && strings.Count(rest, "=") <= 3 {
		m.e.Actor.Type, m.e.Actor.ID = event.User, source.Clip(name)
	}
}

// server maps what the server says of itself.
func (m *mapping) server() bool {
	if f := parameter.FindStringSubmatch(m.message); f != nil {
		m.set("parameter changed", event.Success)
		m.e.Targets = []event.Target{{Type: "parameter", ID: source.Clip(f[1])}}
		m.d.Text("message", m.message)
		return true
	}
	for _, begin := range []struct{ message, native string }{
		{"received SIGHUP, reloading configuration files", "reloading configuration files"},
		{"database system is ready to accept", "database system is ready"},
		{"database system is shut down", "database system is shut down"},
		{"received fast shutdown request", "shutdown request"},
		{"received smart shutdown request", "shutdown request"},
		{"received immediate shutdown request", "shutdown request"},
	} {
		if strings.HasPrefix(m.message, begin.message) {
			m.set(begin.native, event.Success)
			m.d.Text("message", m.message)
			return true
		}
	}
	return false
}

// logged maps what log_statement and log_min_duration_statement write.
func (m *mapping) logged() bool {
	f := statement.FindStringSubmatch(m.message)
	if f == nil {
		return false
	}
	m.statement("statement: ", "", command1(f[1]), "", "", f[1])
	m.e.Outcome = event.Unknown
	if strings.HasPrefix(m.message, "duration: ") { // it is written at the end
		m.e.Outcome = event.Success
	}
	return true
}

// command1 is the command of the first statement of sql.
func command1(sql string) string {
	list, _ := statements(sql)
	if len(list) == 0 {
		return ""
	}
	return command(list[0])
}

// audit maps a line of pgaudit: SESSION or OBJECT, number, number, class, command,
// type and name of the object, statement, parameters, rows.
func (m *mapping) audit() bool {
	rest, ok := strings.CutPrefix(m.message, "AUDIT: ")
	if !ok {
		return false
	}
	c, whole := source.Columns(rest, ',', 16)
	if len(c) < 7 || c[0] != "SESSION" && c[0] != "OBJECT" {
		return false
	}
	if len(c) == 7 { // the statement was cut, by a filter of lines for example
		c = append(c, "")
	}
	m.statement("AUDIT ", c[3], c[4], c[5], c[6], c[7])
	if !whole && c[7] == "" {
		m.d.Text("message", m.message)
	}
	m.e.Outcome = event.Success
	m.d.Text("audit_type", c[0])
	m.d.Text("class", c[3])
	m.d.Number("statement_id", c[1])
	m.d.Number("substatement_id", c[2])
	if m.session != "" {
		m.e.RequestID = source.Clip(m.session + "/" + c[1])
	}
	return true
}

// failed maps what did not work.
func (m *mapping) failed() {
	m.e.OutcomeReason = m.message
	if m.severity == "FATAL" && m.isSignIn() {
		m.signInFailed()
		return
	}
	if m.severity != "ERROR" || m.query == "" && m.tag == "" {
		m.e.Action, m.e.Category, m.e.Outcome = "database.error", event.System, event.Failure
		m.e.NativeAction = m.severity
		m.d.Text("detail", m.detail)
		return
	}
	word := command1(m.query)
	if word == "" {
		word = strings.ToUpper(m.tag)
	}
	m.statement("statement: ", "", word, "", "", m.query)
	m.e.Outcome = event.Failure
	if m.state == "42501" || m.state == "" && strings.HasPrefix(m.message, "permission denied") {
		m.e.Outcome = event.Denied
	}
	if f := permission.FindStringSubmatch(m.message); f != nil && len(m.e.Targets) == 0 {
		m.e.Targets = []event.Target{{Type: f[1], ID: source.Clip(f[2])}}
	}
	m.d.Text("detail", m.detail)
}

// isSignIn reports whether a FATAL ended an attempt to sign in.
func (m *mapping) isSignIn() bool {
	switch m.state {
	case "28000", "28P01", "3D000", "53300", "42501":
		return true
	case "":
		for _, part := range []string{"authentication failed for user", "no pg_hba.conf entry", "is not permitted to log in", "does not exist", "pg_hba.conf rejects connection", "permission denied for database"} {
			if strings.Contains(m.message, part) {
				return true
			}
		}
	}
	return false
}

func (m *mapping) signInFailed() {
	m.set("FATAL "+m.state, event.Failure)
	if m.e.Action == "" {
		m.set("FATAL", event.Failure)
	}
	for _, part := range []string{"no pg_hba.conf entry", "is not permitted to log in", "pg_hba.conf rejects connection", "permission denied for database"} {
		if strings.Contains(m.message, part) {
			m.e.Outcome = event.Denied
		}
	}
	name := m.e.Actor.ID
	if m.e.Actor.Type == event.ActorSystem {
		m.e.Actor = event.Actor{Type: event.Anonymous, Session: m.e.Actor.Session}
	}
	if missing.MatchString(m.message) || missingDetail.MatchString(m.detail) {
		m.e.Actor = event.Actor{Type: event.Anonymous, Name: name, Session: m.e.Actor.Session}
	}
	m.d.Text("detail", m.detail)
}
