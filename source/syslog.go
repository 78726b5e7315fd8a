package source

import (
	"strconv"
	"strings"
	"time"
)

// maxPriority is the highest <PRI> of RFC 5424: facility 23, severity 7.
const maxPriority = 191

// A Syslog is a line of syslog, parted. What the line lacks is empty.
type Syslog struct {
	At           time.Time // in UTC
	Host         string
	Program, PID string
	Priority     string // the number of <PRI>
	Message      string
}

// ParseSyslog reads a line of RFC 5424, of RFC 3164, or as rsyslog writes files:
// a time in RFC 3339, host, program, message. ok is false if it is none of them.
//
// A time of RFC 3164 has no year and no zone: it is the latest one that is at most
// a day ahead of now, in the zone of now.
func ParseSyslog(line string, now time.Time) (h Syslog, ok bool) {
	h.Priority, line = cutPriority(line)
	if rest, found := strings.CutPrefix(line, "1 "); found {
		return h.rfc5424(rest, now)
	}
	if rest, at, found := cutTime3164(line, now); found {
		h.At = at
		return h.rest3164(rest)
	}
	word, rest, _ := strings.Cut(line, " ")
	if at, err := time.Parse(time.RFC3339Nano, word); err == nil {
		h.At = at.UTC()
		return h.rest3164(rest)
	}
	return h, false
}

// cutPriority takes <PRI> off.
func cutPriority(line string) (priority, rest string) {
	if !strings.HasPrefix(line, "<") {
		return "", line
	}
	end := strings.IndexByte(line, '>')
	if end < 2 || end > 4 {
		return "", line
	}
	n, err := strconv.ParseUint(line[1:end], 10, 8)
	if err != nil || n > maxPriority {
		return "", line
	}
	return line[1:end], line[end+1:]
}

// rfc5424 reads TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [SD] MSG.
func (h Syslog) rfc5424(rest string, now time.Time) (Syslog, bool) {
	var f [5]string
	for i := range f {
		var found bool
		if f[i], rest, found = strings.Cut(rest, " "); !found && i < 4 {
			return h, false
		}
		if f[i] == "-" {
			f[i] = ""
		}
	}
	h.At = now.UTC()
	if f[0] != "" {
		at, err := time.Parse(time.RFC3339Nano, f[0])
		if err != nil {
			return h, false
		}
		h.At = at.UTC()
	}
	h.Host, h.Program, h.PID = f[1], f[2], f[3]
	n := structuredData(rest)
	if n == 0 {
		return h, false
	}
	h.Message = strings.TrimPrefix(strings.TrimPrefix(rest[n:], " "), "\uFEFF")
	return h, true
}

// structuredData returns how long the structured data at the beginning of s is.
// A bracket in a quoted value does not end it.
func structuredData(s string) int {
	if strings.HasPrefix(s, "-") {
		return 1
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && (i+1 == len(s) || s[i+1] != '['):
			return i + 1
		case i == 0 && c != '[':
			return 0
		}
	}
	return 0
}

// cutTime3164 takes "Mar  1 09:30:00" off, also with a fraction of a second or
// a year.
func cutTime3164(line string, now time.Time) (rest string, at time.Time, ok bool) {
	const stamp = "Jan _2 15:04:05"
	if len(line) > 6 && line[3] == ' ' && line[4] != ' ' && line[5] == ' ' { // a day of one digit, not padded
		line = line[:4] + " " + line[4:]
	}
	if len(line) < len(stamp)+1 {
		return "", at, false
	}
	for _, layout := range []string{stamp, "Jan _2 2006 15:04:05"} {
		n := len(layout)
		if len(line) <= n {
			continue
		}
		end := n
		for end < len(line) && (line[end] == '.' && end == n || '0' <= line[end] && line[end] <= '9' && end > n) {
			end++ // a fraction, which time.Parse takes unasked
		}
		if end >= len(line) || line[end] != ' ' && line[end] != ':' {
			continue
		}
		t, err := time.ParseInLocation(layout, line[:end], now.Location())
		if err != nil {
			continue
		}
		if layout == stamp {
			t = latest(t, now)
		}
		return strings.TrimLeft(line[end:], ": "), t.UTC(), true
	}
	return "", at, false
}

// latest returns t in the latest year in which it is not over a day after now.
func latest(t, now time.Time) time.Time {
	limit := now.AddDate(0, 0, 1)
	for year := limit.Year(); ; year-- {
		c := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		if c.Day() == t.Day() && !c.After(limit) { // 29 February is in leap years only
			return c
		}
	}
}

// rest3164 reads HOST PROGRAM[PID]: MESSAGE. Some senders leave the host out.
func (h Syslog) rest3164(rest string) (Syslog, bool) {
	first, tail, _ := strings.Cut(rest, " ")
	if strings.HasSuffix(first, ":") {
		tail = rest
	} else {
		h.Host = first
	}
	if tail == "" {
		return h, false
	}
	tag, message, found := strings.Cut(tail, ":")
	if !found || len(tag) > 128 || strings.ContainsAny(tag, " \t") {
		h.Message = tail
		return h, true
	}
	h.Message = strings.TrimPrefix(message, " ")
	h.Program = tag
	if strings.HasPrefix(tag, "[") { // [sshd]
		h.Program = strings.Trim(tag, "[]")
	} else if open := strings.IndexByte(tag, '['); open > 0 && strings.HasSuffix(tag, "]") {
		h.Program, h.PID = tag[:open], tag[open+1:len(tag)-1]
	}
	h.Program = h.Program[strings.LastIndexByte(h.Program, '/')+1:]
	return h, true
}
