package linux

import (
	"regexp"
	"strings"

	"example.com/evident/event"
)

// What the caller's own name and the name that was tried are comes last or from
// the right, as in sshd.go.
var (
	pamLine    = regexp.MustCompile(`^(pam_\w+)\(([\w.-]+)(?::(\w+))?\): (.*)$`)
	pamOld     = regexp.MustCompile(`^(?:\((pam_\w+)\)|(pam_\w+):) (.*)$`)
	pamOpened  = regexp.MustCompile(`^session opened for user (\S+?)(?:\(uid=(\d+)\))? by (\S*?)\(uid=(\d+)\)$`)
	pamClosed  = regexp.MustCompile(`^session closed for user (\S+)$`)
	pamFailure = regexp.MustCompile(`^(authentication (?:failure|success)); logname=(\S*) uid=(\d*) euid=(\d*) tty=(\S*) ruser=(\S*) rhost=(\S*)(?:\s+user=(.*))?\s*$`)
	pamMore    = regexp.MustCompile(`^(\d+) more authentication failures?; logname=(\S*) uid=(\d*) euid=(\d*) tty=(\S*) ruser=(\S*) rhost=(\S*)(?:\s+user=(.*))?\s*$`)
	pamUnmet   = regexp.MustCompile(`^requirement "[^"]*" not met by user "(.*)"$`)
	pamUnknown = regexp.MustCompile(`^auth could not identify password for \[(.*)\]$`)
	pamTally   = regexp.MustCompile(`^user (.*) \((\d+)\) tally (\d+), deny (\d+)$`)
	pamLock    = regexp.MustCompile(`^Consecutive login failures for user (.*) account temporarily locked$`)
	pamChanged = regexp.MustCompile(`^password changed for (.+)$`)
	pamExpired = regexp.MustCompile(`^account (.*) has (?:expired|password expired).*$`)
)

// pam maps what a module of PAM logs for the program it works for.
func (l *line) pam() bool {
	f := pamLine.FindStringSubmatch(l.Message)
	if f == nil { // before PAM 0.99 the service was not there
		o := pamOld.FindStringSubmatch(l.Message)
		if o == nil {
			return false
		}
		f = []string{"", o[1] + o[2], l.Program, "", o[3]}
	}
	module, service, text := f[1], f[2], f[4]
	if !l.pamSession(service, text) && !l.pamAttempt(text) && !l.pamAccount(text) {
		return false
	}
	l.d.Text("module", module)
	l.d.Text("service", service)
	return true
}

// pamSession maps the beginning and end of what a program does for a user. Whoever
// stands behind "by" did it; where nobody does, the user did it himself at a
// sign-in, and cron for him.
func (l *line) pamSession(service, text string) bool {
	f := pamOpened.FindStringSubmatch(text)
	if f == nil {
		c := pamClosed.FindStringSubmatch(text)
		if c == nil {
			return false
		}
		l.set("pam: session closed", event.Success)
		f = []string{"", c[1], "", "", ""}
	} else {
		l.set("pam: session opened", event.Success)
	}
	user, by := f[1], f[3]
	switch service {
	case "cron", "crond", "systemd-user", "atd":
	case "sudo", "sudo-i", "su", "su-l", "polkit-1", "runuser", "runuser-l":
		l.by(by)
	default:
		if l.by(user); by != "" {
			l.by(by)
		}
	}
	l.to("user", user)
	l.d.Number("uid", f[2])
	l.d.Number("by_uid", f[4])
	return true
}

// pamAttempt maps attempts to show who one is. ruser= is who asks, user= as whom;
// the latter is left out where it does not exist.
func (l *line) pamAttempt(text string) bool {
	f := pamFailure.FindStringSubmatch(text)
	if f == nil {
		if f = pamMore.FindStringSubmatch(text); f == nil {
			if text != "check pass; user unknown" {
				return l.pamRefused(text)
			}
			l.set("pam: authentication failure", event.Failure)
			l.nobody("")
			l.e.OutcomeReason = "user unknown"
			return true
		}
		l.d.Number("attempts", f[1])
	}
	if f[1] == "authentication success" {
		l.set("pam: authentication success", event.Success)
	} else {
		l.set("pam: authentication failure", event.Failure)
	}
	asker, user := f[6], f[8]
	switch {
	case asker != "" && f[7] == "": // on this host: su and sudo know who calls them
		l.by(asker)
	case user != "":
		l.by(user)
	default: // from elsewhere it is what a stranger says he is
		l.nobody(asker)
	}
	l.to("user", user)
	l.from(f[7])
	l.d.Text("tty", f[5])
	l.d.Number("uid", f[3])
	return true
}

// pamRefused maps attempts that modules ended before there was a password.
func (l *line) pamRefused(text string) bool {
	if f := pamUnmet.FindStringSubmatch(text); f != nil {
		l.set("pam: requirement not met", event.Denied)
		l.by(f[1])
		l.to("user", f[1])
		l.e.OutcomeReason = text
		return true
	}
	if f := pamUnknown.FindStringSubmatch(text); f != nil {
		l.set("pam: authentication failure", event.Failure)
		l.by(f[1])
		l.to("user", f[1])
		l.e.OutcomeReason = "no password"
		return true
	}
	return false
}

// pamAccount maps what happens to accounts: locks and new passwords.
func (l *line) pamAccount(text string) bool {
	if f := pamTally.FindStringSubmatch(text); f != nil {
		l.set("pam: tally", event.Denied)
		l.by(f[1])
		l.e.OutcomeReason = "tally " + f[3] + ", deny " + f[4]
		l.to("user", f[1])
		l.d.Number("uid", f[2])
		return true
	}
	if f := pamLock.FindStringSubmatch(text); f != nil {
		l.set("pam: account temporarily locked", event.Success)
		l.to("user", f[1])
		return true
	}
	if f := pamChanged.FindStringSubmatch(text); f != nil && !strings.ContainsAny(f[1], " \t") {
		l.set("pam: password changed", event.Success)
		l.to("user", f[1])
		return true
	}
	if f := pamExpired.FindStringSubmatch(text); f != nil {
		l.set("pam: account expired", event.Denied)
		l.by(f[1])
		return true
	}
	return false
}
