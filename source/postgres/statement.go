package postgres

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// statement says what a statement does: by its command, and by what its text says
// outright. prefix is how the log came by it.
func (m *mapping) statement(prefix, class, word, objectType, object, sql string) {
	action, known := actions["AUDIT "+word]
	if !known {
		action = source.Action{Action: "postgres." + lower(word), Category: byClass(class)}
	}
	m.e.NativeAction = prefix + word
	if class != "" {
		m.e.NativeAction = prefix + class + " " + word
	}
	m.e.Action, m.e.Category = action.Action, action.Category
	if object != "" {
		m.e.Targets = []event.Target{{Type: strings.ToLower(source.Clip(objectType)), ID: source.Clip(object)}}
	}
	switch word {
	case "GRANT ROLE", "REVOKE ROLE", "GRANT", "REVOKE":
		m.granted(word, sql)
	case "CREATE ROLE", "ALTER ROLE", "DROP ROLE":
		m.role(word, sql)
	case "COPY", "COPY FROM", "COPY TO":
		m.copied(class, sql)
	case "SELECT", "INSERT": // pgaudit.log_relation calls a COPY by what it does to the table
		if command1(sql) == "COPY" {
			m.copied(class, sql)
		} else if kind, name := objectOf(word, sql); object == "" && name != "" {
			m.to(kind, name)
		}
	case "SET":
		m.setRole(sql)
	case "EXECUTE":
		if outside[object[strings.LastIndexByte(object, '.')+1:]] {
			m.e.Category = event.Privileged
		}
	default:
		if kind, name := objectOf(word, sql); len(m.e.Targets) == 0 && name != "" {
			m.to(kind, name)
		}
	}
	if !secret(sql) {
		m.d.Text("statement", sql)
	}
}

// secret reports whether a statement holds a password that nothing has hidden.
func secret(sql string) bool {
	return strings.Contains(strings.ToLower(sql), "password") && !strings.Contains(sql, "<REDACTED>")
}

// byClass sorts commands that the table lacks.
func byClass(class string) event.Category {
	switch class {
	case "READ", "WRITE":
		return event.Data
	case "ROLE":
		return event.Access
	case "DDL":
		return event.Change
	case "MISC_SET":
		return event.Config
	}
	return event.System
}

// lower makes a word of an action of a command.
func lower(command string) string {
	b := make([]byte, 0, 48)
	for i := 0; i < len(command) && len(b) < 48; i++ {
		switch c := command[i] | 0x20; {
		case 'a' <= c && c <= 'z':
			b = append(b, c)
		case len(b) > 0 && b[len(b)-1] != '_':
			b = append(b, '_')
		}
	}
	if s := strings.TrimRight(string(b), "_"); s != "" {
		return s
	}
	return "statement"
}

// outside are functions that reach out of the database.
var outside = map[string]bool{
	"pg_read_file": true, "pg_read_binary_file": true, "pg_ls_dir": true, "pg_stat_file": true, "lo_import": true, "lo_export": true,
	"pg_file_write": true, "pg_file_unlink": true, "dblink": true, "dblink_exec": true, "dblink_connect": true,
	"pg_terminate_backend": true, "pg_cancel_backend": true, "pg_reload_conf": true, "pg_rotate_logfile": true,
}

// granted names who got or lost which roles.
func (m *mapping) granted(word, sql string) {
	verb, _, _ := strings.Cut(word, " ")
	t := only(sql, verb)
	if t == nil {
		return
	}
	roles, members := grant(t)
	if len(members) == 0 || len(roles) == 0 {
		m.grantedOn(t, members)
		return
	}
	if word == verb { // it came from text that does not tell roles from privileges
		action := actions["AUDIT "+verb+" ROLE"]
		m.e.Action, m.e.Category = action.Action, action.Category
	}
	for _, name := range members {
		m.to("user", name)
	}
	for _, name := range roles {
		m.to("role", name)
		if strings.HasPrefix(name, "pg_") {
			m.e.Category = event.Privileged
		}
	}
}

// grantedOn names who got or lost privileges on an object, and the object where
// pgaudit does not.
func (m *mapping) grantedOn(t []token, members []string) {
	kind, name := "table", ""
	for i := 1; i+1 < len(t) && name == ""; i++ {
		if !t[i].is("ON") {
			continue
		}
		for _, k := range []string{"TABLE", "SCHEMA", "DATABASE", "SEQUENCE", "FUNCTION", "PROCEDURE", "LANGUAGE", "TYPE", "DOMAIN"} {
			if t[i+1].is(k) && i+2 < len(t) {
				kind = strings.ToLower(k)
				i++
			}
		}
		if name = t[i+1].folded(); t[i+1].is("ALL") || t[i+1].is("FOREIGN") || t[i+1].is("LARGE") {
			return
		}
	}
	if len(m.e.Targets) == 0 {
		m.to(kind, name)
	}
	for _, member := range members {
		m.to("user", member)
	}
}

func (m *mapping) to(kind, name string) {
	const maxTargets = 32
	if name != "" && len(m.e.Targets) < maxTargets {
		m.e.Targets = append(m.e.Targets, event.Target{Type: kind, ID: source.Clip(name)})
	}
}

// role names the role that came, changed or went. GRANT of the table is only what
// says so itself.
func (m *mapping) role(word, sql string) {
	verb, _, _ := strings.Cut(word, " ")
	t := only(sql, verb)
	if t == nil {
		return
	}
	if len(t) > 2 && len(m.e.Targets) == 0 {
		m.to("user", role(t))
	}
	if verb == "DROP" {
		return
	}
	for _, w := range t {
		for _, power := range []string{"SUPERUSER", "CREATEROLE", "BYPASSRLS", "REPLICATION"} {
			if w.is(power) {
				m.e.Category = event.Privileged
			}
		}
	}
}

// copied says which way a COPY went, and whether it ran a program.
func (m *mapping) copied(class, sql string) {
	t := only(sql, "COPY")
	out := class == "READ"
	if t != nil {
		depth := 0
		for i, w := range t[1:] {
			switch {
			case w.text == "(" && !w.quoted && !w.str:
				depth++
			case w.text == ")" && !w.quoted && !w.str:
				depth--
			case depth == 0 && (w.is("TO") || w.is("FROM")):
				out = w.is("TO")
				program := has(t[i+1:min(i+3, len(t))], "TO", "PROGRAM") || has(t[i+1:min(i+3, len(t))], "FROM", "PROGRAM")
				m.copyAction(out, program)
				if t[1].text != "(" && len(m.e.Targets) == 0 {
					m.to("table", t[1].folded())
				}
				return
			}
		}
	}
	m.copyAction(out, false)
}

func (m *mapping) copyAction(out, program bool) {
	m.e.Category = event.Data
	switch {
	case out:
		m.e.Action = "data.export"
	case program:
		m.e.Action = "command.run"
	default:
		m.e.Action = "data.import"
	}
	if program {
		m.e.Category = event.Privileged
	}
}

// objectOf returns what a statement is about, as it names it, for the commands that
// name it in one place. pgaudit does so only with pgaudit.log_relation, and for DDL
// with its extension.
func objectOf(word, sql string) (kind, name string) {
	words := strings.Fields(word)
	if len(words) == 0 {
		return "", ""
	}
	t := only(sql, words[0])
	before := ""
	switch words[0] {
	case "SELECT", "DELETE":
		before = "FROM"
	case "INSERT", "MERGE":
		before = "INTO"
	case "UPDATE":
		before = "UPDATE"
	case "TRUNCATE", "LOCK":
		before = words[0]
	case "CREATE", "ALTER", "DROP":
		if word == "ALTER SYSTEM" {
			return "parameter", named(t, "SET")
		}
		if len(words) < 2 || words[len(words)-1] == "AS" {
			words = append(words, "TABLE")
		}
		before = words[1]
		kind = strings.ToLower(strings.Join(words[1:], " "))
		if words[len(words)-1] != before && words[1] != "TABLE" {
			before = words[len(words)-1]
		}
	default:
		return "", ""
	}
	if kind == "" || strings.HasPrefix(kind, "table") {
		kind = "table"
	}
	return kind, named(t, before)
}

// named returns the name behind a keyword, the first that is not in brackets.
func named(t []token, keyword string) string {
	depth, i := 0, 0
	for ; i < len(t); i++ {
		switch {
		case t[i].text == "(" && !t[i].quoted && !t[i].str:
			depth++
		case t[i].text == ")" && !t[i].quoted && !t[i].str:
			depth--
		}
		if depth == 0 && t[i].is(keyword) {
			break
		}
	}
	for i++; i < len(t); i++ {
		switch {
		case t[i].is("TABLE"), t[i].is("ONLY"), t[i].is("IF"), t[i].is("NOT"), t[i].is("EXISTS"), t[i].is("CONCURRENTLY"):
			continue
		case t[i].str, !t[i].quoted && !isWord(strings.ReplaceAll(t[i].text, ".", "")), t[i].is("ON"):
			return ""
		case i+1 < len(t) && t[i+1].text == "(" && keyword == "FROM": // a function
			return ""
		}
		return t[i].folded()
	}
	return ""
}

// setRole tells SET ROLE and SET SESSION AUTHORIZATION, which change who one is,
// from other settings.
func (m *mapping) setRole(sql string) {
	t := only(sql, "SET")
	for len(t) > 1 && (t[1].is("LOCAL") || t[1].is("SESSION") && len(t) > 2 && !t[2].is("AUTHORIZATION")) {
		t = t[1:]
	}
	switch {
	case len(t) > 2 && t[1].is("ROLE"):
		m.e.Action, m.e.Category = "role.assume", event.Privileged
		m.to("role", strings.ToLower(t[2].text))
	case len(t) > 3 && t[1].is("SESSION") && t[2].is("AUTHORIZATION"):
		m.e.Action, m.e.Category = "user.switch", event.Privileged
		m.to("user", strings.ToLower(t[3].text))
	case len(t) > 1 && len(m.e.Targets) == 0:
		m.to("parameter", t[1].folded())
	}
}
