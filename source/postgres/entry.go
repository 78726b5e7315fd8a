package postgres

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"example.com/evident/source"
)

// entry is one entry of PostgreSQL's log, whatever format it came in.
type entry struct {
	time                      string
	user, database, pid, from string
	port                      string
	session, line             string
	tag                       string // what the process shows as its title: mostly the command
	severity, state           string
	message, detail, hint     string
	context, query            string
	application, backend      string
	host                      string // of a syslog line
	doubtful                  bool   // nobody can tell where the prefix ends
}

// columns of csvlog. Version 13 added the last but two, version 14 the last two.
const (
	minColumns = 23
	maxColumns = 64
)

func parseCSV(raw string) (e entry, err error) {
	c, ok := source.Columns(raw, ',', maxColumns)
	if !ok || len(c) < minColumns {
		return e, errors.New("not a row of csvlog: it has not the columns of one")
	}
	e = entry{
		time: c[0], user: c[1], database: c[2], pid: c[3], from: c[4], session: c[5], line: c[6], tag: c[7],
		severity: c[11], state: c[12], message: c[13], detail: c[14], hint: c[15], context: c[18], query: c[19], application: c[22],
	}
	if len(c) > minColumns {
		e.backend = c[23]
	}
	e.from, e.port = hostPort(e.from)
	return e, nil
}

func parseJSON(raw []byte) (e entry) {
	for name, v := range source.Members(raw) {
		to := map[string]*string{
			"timestamp": &e.time, "user": &e.user, "dbname": &e.database, "pid": &e.pid, "remote_host": &e.from, "remote_port": &e.port,
			"session_id": &e.session, "line_num": &e.line, "ps": &e.tag, "error_severity": &e.severity, "state_code": &e.state,
			"message": &e.message, "detail": &e.detail, "hint": &e.hint, "context": &e.context, "statement": &e.query,
			"application_name": &e.application, "backend_type": &e.backend,
		}[name]
		if to != nil {
			*to = source.Text(v)
		}
	}
	return e
}

const severities = `DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION`

var (
	// "%m [%p] " and "%m [%p-%l] ", behind it "%u@%d " (Debian) or "[%u]@[%d] ", before
	// it "%h "; "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h " (pgBadger); and
	// "%t:%r:%u@%d:[%p]:" (RDS).
	stderrLine = regexp.MustCompile(`^(?:(\S+) )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Za-z0-9+:-]+?)(?:` +
		` \[(\d+)(?:-\d+)?\](?:: \[\d+-\d+\])?(?: \[?([^\s\]]*)\]?@\[?([^\s\]]*)\]?| user=([^\s,=]*),db=([^\s,=]*)(?:,app=([^,=]*))?(?:,client=([^\s,=]*))?)?` +
		`|:(\S*?)(?:\((\d+)\))?:([^\s:]*)@([^\s:]*):\[(\d+)\]:` +
		`) ?(` + severities + `):  ((?s:.*))$`)
	another = regexp.MustCompile(`(?:^|[ \]:])(?:LOG|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT):  `)
)

// parseStderr reads an entry of the stderr format. Names in its prefix are chosen
// by whoever connects, and nothing marks their end: if the first line holds
// another severity, it is in doubt who wrote which.
func parseStderr(raw string) (e entry, ok bool) {
	lines := strings.Split(raw, "\n")
	f := stderrLine.FindStringSubmatch(lines[0])
	if f == nil {
		return e, false
	}
	e = entry{
		from: f[1] + f[9] + f[10], port: f[11], time: f[2], pid: f[3] + f[14], user: f[4] + f[6] + f[12], database: f[5] + f[7] + f[13],
		application: f[8], severity: f[15], message: f[16], doubtful: another.MatchString(f[16]),
	}
	part := &e.message
	for _, line := range lines[1:] {
		line = strings.TrimSuffix(line, "\r")
		if rest, ok := strings.CutPrefix(line, "\t"); ok {
			*part += "\n" + rest
			continue
		}
		f := stderrLine.FindStringSubmatch(line)
		if f == nil {
			*part += "\n" + line
			continue
		}
		switch f[15] {
		case "DETAIL":
			part = &e.detail
		case "HINT":
			part = &e.hint
		case "CONTEXT":
			part = &e.context
		case "STATEMENT":
			part = &e.query
		default:
			part = new(string)
		}
		*part = f[16]
	}
	return e, true
}

// continues reports whether a line of the stderr format belongs to the entry
// before it.
func continues(line []byte) bool {
	if len(line) > 0 && line[0] == '\t' {
		return true
	}
	f := stderrLine.FindSubmatch(line)
	if f == nil || another.Match(f[16]) {
		return false
	}
	switch string(f[15]) {
	case "DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION":
		return true
	}
	return false
}

// hostPort parts what csvlog calls connection_from.
func hostPort(s string) (host, port string) {
	if host, port, err := net.SplitHostPort(s); err == nil {
		return host, port
	}
	if i := strings.LastIndexByte(s, ':'); i > 0 && !strings.HasPrefix(s, "[") { // IPv6 without brackets
		if _, err := netip.ParseAddr(s[:i]); err == nil {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// zones are the abbreviations that mean the same everywhere, in hours from UTC.
var zones = map[string]float64{
	"UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "SAST": 2, "BST": 1,
	"JST": 9, "KST": 9, "HKT": 8, "AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
	"EST": -5, "EDT": -4, "MST": -7, "MDT": -6, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
}

// parseTime reads log_time. A zone that is neither a number nor an abbreviation
// with one meaning nor that of the sender cannot be read: the time is then taken
// for one in the sender's zone, and exact is false.
func parseTime(s string, now time.Time) (at time.Time, exact bool, err error) {
	cut := strings.LastIndexByte(s, ' ')
	if cut < 0 {
		return at, false, errors.New("not an entry of a PostgreSQL log: it has no time")
	}
	stamp, zone := s[:cut], s[cut+1:]
	const layout = "2006-01-02 15:04:05"
	hours, known := zones[zone]
	switch {
	case known:
		at, err = time.ParseInLocation(layout, stamp, time.FixedZone(zone, int(hours*3600)))
		exact = true
	case strings.HasPrefix(zone, "+") || strings.HasPrefix(zone, "-"):
		exact = true
		for _, form := range []string{"-07", "-0700", "-07:00"} {
			if at, err = time.Parse(layout+" "+form, s); err == nil {
				break
			}
		}
	default:
		at, err = time.ParseInLocation(layout, stamp, now.Location())
		name, _ := at.Zone()
		exact = name == zone
	}
	if err != nil || at.Year() < 1970 || at.Year() > 2261 {
		return at, false, errors.New("not an entry of a PostgreSQL log: its time is none")
	}
	return at.UTC(), exact, nil
}
