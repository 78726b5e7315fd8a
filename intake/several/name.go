package several

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/intake"
)

// Kinds that no table has to know: LogKind takes what log shippers send, and
// AppKind is that of systems which send events in the schema.
const (
	LogKind = "log"
	AppKind = "app"
)

// Source returns the first of names that is the name of a source whose events do
// not come as logs: one whose kind is mapped, such as aws.cloudtrail/prod, or one
// such as app/billing, whose events are in the schema. If none is, it returns
// the log of the first name that is not empty, as [Log] makes it.
func Source(in *intake.Intake, names ...string) string {
	first := ""
	for _, name := range names {
		if Named(in, name) {
			return name
		}
		if first == "" {
			first = name
		}
	}
	return Log(first)
}

// Named reports whether name is that of a source: of a mapped kind, or of one
// whose events are in the schema.
func Named(in *intake.Intake, name string) bool {
	if strings.IndexByte(name, '/') < 0 || event.ValidSource(name) != nil {
		return false
	}
	return in.Maps(name) || strings.HasPrefix(name, AppKind+"/")
}

// IsLog reports whether the events of source are mapped as logs, envelope and
// all.
func IsLog(source string) bool { return strings.HasPrefix(source, LogKind+"/") }

// Log returns the name of the source of logs that a shipper calls name. It is in
// lower case, and what cannot stand in it becomes an underscore: log/nginx_access
// for "nginx:access". An empty name is unnamed.
func Log(name string) string { return of(LogKind, name) }

// App returns the name of the source of events in the schema that a client calls
// name, by the same rule.
func App(name string) string { return of(AppKind, name) }

func of(kind, name string) string {
	b := make([]byte, 0, event.MaxSourceBytes)
	b = append(append(b, kind...), '/')
	for i := 0; i < len(name) && len(b) < event.MaxSourceBytes; i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		plain := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		switch first := len(b) == len(kind)+1; {
		case plain:
		case first: // a name begins with a letter or digit
			continue
		case c != '.' && c != '-':
			c = '_'
		}
		b = append(b, c)
	}
	if len(b) == len(kind)+1 {
		b = append(b, "unnamed"...)
	}
	return string(b)
}
