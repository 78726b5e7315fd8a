package linux

import (
	"regexp"
	"strings"

	"example.com/evident/event"
)

var (
	logindNew  = regexp.MustCompile(`^New session (\S+) of user (\S+?)(?: with class .*)?\.$`)
	logindGone = regexp.MustCompile(`^(?:Removed session (\S+?)\.|Session (\S+) logged out\..*)$`)
	cronLine   = regexp.MustCompile(`^\((\S+)\) ([A-Z][A-Z ]*?) \((.*)\)$`)
	unitLine   = regexp.MustCompile(`^(Started|Stopped|Failed to start|Reloaded|Starting|Stopping) (.+?)\.{0,3}$`)
)

// logind maps the sessions that systemd keeps, and what it does to the machine.
func (l *line) logind() bool {
	if f := logindNew.FindStringSubmatch(l.Message); f != nil {
		l.set("systemd-logind: New session", event.Success)
		l.by(f[2])
		l.e.Actor.Session = f[1]
		l.to("user", f[2])
		return true
	}
	if f := logindGone.FindStringSubmatch(l.Message); f != nil {
		l.set("systemd-logind: Removed session", event.Success)
		l.e.Actor.Session = f[1] + f[2]
		return true
	}
	for _, begin := range []string{"System is powering down", "System is rebooting", "System is halting", "The system will "} {
		if strings.HasPrefix(l.Message, begin) {
			l.set("systemd-logind: System is", event.Success)
			l.e.OutcomeReason = strings.TrimSuffix(l.Message, ".")
			return true
		}
	}
	return false
}

// systemd maps units that came and went.
func (l *line) systemd() bool {
	f := unitLine.FindStringSubmatch(l.Message)
	if f == nil {
		return false
	}
	switch f[1] {
	case "Started":
		l.set("systemd: Started", event.Success)
	case "Stopped":
		l.set("systemd: Stopped", event.Success)
	case "Reloaded":
		l.set("systemd: Reloaded", event.Success)
	case "Failed to start":
		l.set("systemd: Started", event.Failure)
	default: // Starting, Stopping: nothing has come of it yet
		return false
	}
	l.to("unit", f[2])
	return true
}

// cron maps jobs that ran and tables that changed: "(USER) VERB (TEXT)".
func (l *line) cron() bool {
	f := cronLine.FindStringSubmatch(l.Message)
	if f == nil {
		return false
	}
	user, verb, text := f[1], f[2], f[3]
	switch verb {
	case "CMD":
		l.set("cron: CMD", event.Success)
		l.e.Actor.Name = "cron of " + user
		l.to("command", text)
		l.to("user", user)
	case "REPLACE", "DELETE":
		l.set("crontab: "+verb, event.Success)
		l.by(user)
		l.to("crontab", text)
	case "LIST", "BEGIN EDIT", "END EDIT":
		l.set("crontab: LIST", event.Success)
		l.e.NativeAction = "crontab: " + verb
		l.by(user)
		l.to("crontab", text)
	case "AUTH":
		l.set("crontab: AUTH", event.Denied)
		l.by(user)
		l.e.OutcomeReason = text
	case "RELOAD":
		l.set("cron: RELOAD", event.Success)
		l.to("crontab", text)
	default:
		return false
	}
	return true
}
