package linux

import (
	"regexp"
	"strings"

	"example.com/evident/event"
)

var (
	sudoLine   = regexp.MustCompile(`^\s*([^:;]+?) : (.*)$`)
	sudoWrong  = regexp.MustCompile(`^\d+ incorrect password attempts?$`)
	suTo       = regexp.MustCompile(`^(FAILED SU )?\(to (.*)\) (\S+) on (\S+)$`)
	suFor      = regexp.MustCompile(`^(Successful|FAILED) su for (.*) by (\S+)$`)
	suOld      = regexp.MustCompile(`^'su (\S+)' (succeeded|failed) for (\S+) on (\S+)$`)
	suBSD      = regexp.MustCompile(`^(BAD SU )?(\S+) to (\S+) on (\S+)$`)
	suSign     = regexp.MustCompile(`^([+-]) (\S+) (\S+?):(\S+)$`)
	loginOn    = regexp.MustCompile(`^(?:ROOT )?LOGIN ON (\S+)(?: BY (\S+))?(?: FROM (\S+))?$`)
	loginWrong = regexp.MustCompile(`^(?:FAILED LOGIN (?:SESSION )?\(?(\d+)\)?|TOO MANY LOGIN TRIES \((\d+)\)) (?:on '(?:[^']*)'|FROM (\S+)) FOR (.*), (Authentication failure|User not known to the underlying authentication module|Permission denied|Error in service module|[A-Z][A-Za-z ]*)$`)
)

// sudo maps what sudo logs: "USER : [REASON ; ]TTY=… ; PWD=… ; USER=… ; COMMAND=…".
// Only what stands before TTY= is sudo's own for certain.
func (l *line) sudo() bool {
	f := sudoLine.FindStringSubmatch(l.Message)
	if f == nil {
		return false
	}
	user, rest := f[1], f[2]
	if text, ok := strings.CutPrefix(rest, "(command continued) "); ok {
		l.set("sudo: (command continued)", event.Unknown)
		l.by(user)
		l.d.Text("command", text)
		return true
	}
	reason := ""
	if !isSudoField(rest) {
		var found bool
		if reason, rest, found = strings.Cut(rest, " ; "); !found && !strings.Contains(rest, "NOT") {
			return false
		}
	}
	l.sudoVerdict(reason)
	l.by(user)
	l.sudoFields(rest)
	return true
}

// isSudoField reports whether s begins with a field that sudo writes.
func isSudoField(s string) bool {
	for _, name := range []string{"TTY=", "HOST=", "PWD=", "USER=", "GROUP=", "TSID=", "ENV=", "COMMAND=", "CHROOT=", "LOG=", "CWD="} {
		if strings.HasPrefix(s, name) {
			return true
		}
	}
	return false
}

func (l *line) sudoVerdict(reason string) {
	switch {
	case reason == "":
		l.set("sudo: COMMAND", event.Success)
	case sudoWrong.MatchString(reason):
		l.set("sudo: incorrect password", event.Failure)
	case strings.Contains(reason, "NOT"), strings.Contains(reason, "not allowed"), strings.Contains(reason, "not permitted"):
		l.set("sudo: not allowed", event.Denied)
	case strings.HasPrefix(reason, "problem with defaults"): // a warning
		l.set("sudo: warning", event.Unknown)
	default: // "a password is required", "sorry, you must have a tty to run sudo": it did not run
		l.set("sudo: refused", event.Failure)
	}
	l.e.OutcomeReason = reason
}

// sudoFields reads the fields. The working directory and the command are chosen by
// the user: where they hold fields themselves, nothing is made of them.
func (l *line) sudoFields(rest string) {
	padded := " ; " + rest
	if strings.Count(padded, " ; USER=") > 1 || strings.Count(padded, " ; COMMAND=") > 1 {
		l.d.Text("text", rest)
		return
	}
	rest, command, _ := strings.Cut(padded, " ; COMMAND=")
	as := ""
	for _, field := range strings.Split(rest, " ; ") {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "USER":
			as = value
		case "TTY", "PWD", "GROUP", "TSID", "HOST":
			l.d.Text(strings.ToLower(name), value)
		}
	}
	l.to("command", command)
	l.to("user", as)
}

// su maps what su of util-linux and of shadow log.
func (l *line) su() bool {
	if f := suTo.FindStringSubmatch(l.Message); f != nil {
		l.switched(f[1] == "", f[3], f[2], f[4])
		return true
	}
	if f := suFor.FindStringSubmatch(l.Message); f != nil {
		l.switched(f[1] == "Successful", f[3], f[2], "")
		return true
	}
	if f := suSign.FindStringSubmatch(l.Message); f != nil {
		l.switched(f[1] == "+", f[3], f[4], f[2])
		return true
	}
	if f := suOld.FindStringSubmatch(l.Message); f != nil {
		l.switched(f[2] == "succeeded", f[3], f[1], f[4])
		return true
	}
	if f := suBSD.FindStringSubmatch(l.Message); f != nil {
		l.switched(f[1] == "", f[2], f[3], f[4])
		return true
	}
	return false
}

func (l *line) switched(ok bool, from, to, tty string) {
	outcome := event.Success
	if !ok {
		outcome = event.Failure
	}
	l.set("su: to", outcome)
	l.by(from)
	l.to("user", to)
	l.d.Text("tty", tty)
}

// login maps sign-ins at a console.
func (l *line) login() bool {
	if f := loginOn.FindStringSubmatch(l.Message); f != nil {
		l.set("login: LOGIN ON", event.Success)
		l.by(f[2])
		if strings.HasPrefix(l.Message, "ROOT ") {
			l.by("root")
		}
		l.from(f[3])
		l.d.Text("tty", f[1])
		return true
	}
	f := loginWrong.FindStringSubmatch(l.Message)
	if f == nil {
		return false
	}
	l.set("login: FAILED LOGIN", event.Failure)
	l.nobody(strings.Trim(f[4], "'"))
	if f[3] != "(null)" {
		l.from(f[3])
	}
	l.e.OutcomeReason = f[5]
	return true
}
