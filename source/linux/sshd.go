package linux

import (
	"regexp"
	"strings"

	"example.com/evident/event"
)

// Everything that a stranger chooses is matched by a greedy (.*), with what sshd
// itself writes to the right of it: the last " from … port …" is sshd's own. Behind
// it sshd writes a key's fingerprint and, of hostbased authentication, what the
// client says of itself; that may only follow where it cannot be taken for more.
var (
	sshAccepted  = regexp.MustCompile(`^Accepted (\S+) for (\S+) from (\S+) port (\d+)(?: (ssh\d?))?(?:: (.*))?$`)
	sshFailed    = regexp.MustCompile(`^Failed (\S+) for (invalid user |illegal user )?(.*) from (\S+) port (\d+)(?: ssh\d?)?(?:: [A-Z0-9-]+ (?:(?:SHA256|MD5):\S+|[0-9a-fx:]{47})(?:, client user "[^"]*", client host "[^"]*")?)?$`)
	sshFailedOne = regexp.MustCompile(`^Failed (\S+) for (invalid user |illegal user )?(.*?) from (\S+)(?: port (\d+))?(?: ssh\d?)?(?:: .*)?$`) // for messages with one place only
	sshPostponed = regexp.MustCompile(`^Postponed (\S+) for (invalid user )?(.*) from (\S+) port (\d+)(?: (ssh\d?))?(?: \[preauth\])?$`)
	sshInvalid   = regexp.MustCompile(`^(?:Invalid|Illegal) user (.*) from (\S+)(?: port (\d+))?$`)
	sshTooMany   = regexp.MustCompile(`^maximum authentication attempts exceeded for (invalid user )?(.*) from (\S+) port (\d+) ssh\d(?: \[preauth\])?$`)
	sshTooManyOf = regexp.MustCompile(`^Disconnecting: Too many authentication failures(?: for (invalid user )?(.*?))?(?: \[preauth\])?$`)
	sshPAM       = regexp.MustCompile(`^PAM: (.+?) for (illegal user )?(.*) from (\S+?)(?: via \S+)?\s*$`)
	sshRefused   = regexp.MustCompile(`^User (.*) from (\S+) not allowed because (.+)$`)
	sshRefused0  = regexp.MustCompile(`^User (\S+) not allowed because (.+)$`)
	sshRoot      = regexp.MustCompile(`^ROOT LOGIN REFUSED FROM (\S+)(?: port (\d+))?(?: \[preauth\])?$`)
	sshWrapped   = regexp.MustCompile(`^refused connect from .* \((\S+)\)$`)
	sshEnd       = regexp.MustCompile(`^Disconnected from user (.*) (\S+) port (\d+)$`)
	sshGone      = regexp.MustCompile(`^(Disconnected from|Connection closed by|Connection reset by)(?: (authenticating|invalid) user (.*))? (\S+) port (\d+)(?: \[preauth\])?$`)
	sshGone0     = regexp.MustCompile(`^(Disconnected from|Connection closed by|Connection reset by) (\S+)(?: \[preauth\])?$`)
	sshDropped   = regexp.MustCompile(`^Disconnecting (authenticating|invalid) user ([^(]*) (\S+) port (\d+): ([^(:]*)$`) // with a bracket, it holds a name again
	sshChanged   = regexp.MustCompile(`^Disconnecting (authenticating|invalid) user (\S*) (\S+) port (\d+): (Change of username or service not allowed: \(\S*\) -> \(\S*\))(?: \[preauth\])?$`)
	sshDispatch  = regexp.MustCompile(`^ssh_dispatch_run_fatal: Connection from(?: (authenticating|invalid) user (\S*))? (\S+) port (\d+): ([^(]*)$`)
	sshTimeout   = regexp.MustCompile(`^Timeout before authentication for (?:connection from )?(\S+?)(?: port (\d+)| to .*)?$`)
	sshReceived  = regexp.MustCompile(`^Received disconnect from (\S+)(?: port (\d+))?: ?(\d+): (.*)$`)
	sshNoIdent   = regexp.MustCompile(`^(?:Did not receive identification string from|Bad protocol version identification '.*' from|banner exchange: Connection from) (\S+?)(?: port (\d+))?(?:: .*)?$`)
	sshOpen      = regexp.MustCompile(`^Connection from (\S+)(?: port (\d+))?(?: on (\S+) port (\d+).*)?$`)
	sshNoCommon  = regexp.MustCompile(`^Unable to negotiate with (\S+) port (\d+): (.*)$`)
	sshShell     = regexp.MustCompile(`^Starting session: (shell(?: on \S+)?|command|forced-command .*|subsystem '.*') for (\S+) from (\S+) port (\d+) id (\d+)$`)
	sshClose     = regexp.MustCompile(`^Close session: user (\S+) from (\S+) port (\d+) id (\d+)$`)
)

// sshd maps a message of OpenSSH's server.
func (l *line) sshd() bool {
	m := l.Message
	for _, prefix := range []string{"error: ", "fatal: "} {
		m = strings.TrimPrefix(m, prefix)
	}
	word, _, _ := strings.Cut(m, " ")
	switch word {
	case "Accepted":
		return l.sshAccepted(sshAccepted.FindStringSubmatch(m))
	case "Failed":
		f := sshFailed.FindStringSubmatch(m)
		if f == nil && (strings.Count(m, " from ") == 1 || strings.Count(m, " port ") == 1 && sshPlaces(m) == 1) {
			f = sshFailedOne.FindStringSubmatch(m)
		}
		return f != nil && l.sshTried("sshd: Failed", f[2] == "" && f[3] != "<invalid username>", f[3], f[4], f[5], f[1], "")
	case "Postponed":
		f := sshPostponed.FindStringSubmatch(m)
		if f == nil || !l.sshTried("sshd: Postponed", f[2] == "", f[3], f[4], f[5], f[1], "") {
			return false
		}
		l.e.Outcome = event.Unknown
		return true
	case "Invalid", "Illegal":
		f := sshInvalid.FindStringSubmatch(m)
		return f != nil && l.sshTried("sshd: Invalid user", false, f[1], f[2], f[3], "", "invalid user")
	case "maximum":
		f := sshTooMany.FindStringSubmatch(m)
		return f != nil && l.sshTried("sshd: maximum authentication attempts exceeded", f[1] == "", f[2], f[3], f[4], "", "maximum authentication attempts exceeded")
	case "PAM:":
		f := sshPAM.FindStringSubmatch(m)
		return f != nil && l.sshTried("sshd: PAM", f[2] == "", f[3], f[4], "", "", f[1])
	case "Disconnecting:":
		f := sshTooManyOf.FindStringSubmatch(m)
		return f != nil && l.sshTried("sshd: maximum authentication attempts exceeded", f[1] == "", f[2], "", "", "", "Too many authentication failures")
	case "User", "ROOT", "refused":
		return l.sshRefused(m)
	case "Starting", "Close":
		return l.sshSession(m)
	}
	return l.sshConnection(m)
}

var sshPlace = regexp.MustCompile(` from \S+ port \d`)

// sshPlaces counts where in a message somebody may have come from.
func sshPlaces(m string) int { return len(sshPlace.FindAllStringIndex(m, 2)) }

func (l *line) sshAccepted(f []string) bool {
	if f == nil {
		return false
	}
	l.set("sshd: Accepted", event.Success)
	l.by(f[2])
	l.from(f[3])
	l.d.Number("port", f[4])
	l.d.Text("method", f[1])
	l.d.Text("credential", f[6])
	return true
}

// sshTried is an attempt to sign in that came to nothing.
func (l *line) sshTried(native string, exists bool, user, from, port, method, reason string) bool {
	l.set(native, event.Failure)
	if exists && user != "" {
		l.by(user)
	} else {
		l.nobody(user)
	}
	l.from(from)
	l.e.OutcomeReason = reason
	if reason == "" && !exists {
		l.e.OutcomeReason = "invalid user"
	}
	l.d.Number("port", port)
	l.d.Text("method", method)
	return true
}

func (l *line) sshRefused(m string) bool {
	if f := sshRoot.FindStringSubmatch(m); f != nil {
		l.set("sshd: ROOT LOGIN REFUSED", event.Denied)
		l.by("root")
		l.from(f[1])
		l.d.Number("port", f[2])
		return true
	}
	if f := sshWrapped.FindStringSubmatch(m); f != nil {
		l.set("sshd: refused connect", event.Denied)
		l.nobody("")
		l.from(f[1])
		return true
	}
	f := sshRefused.FindStringSubmatch(m)
	if f == nil {
		if f = sshRefused0.FindStringSubmatch(m); f == nil {
			return false
		}
		f = []string{"", f[1], "", f[2]}
	}
	l.set("sshd: not allowed", event.Denied)
	l.by(f[1])
	l.from(f[2])
	l.e.OutcomeReason = f[3]
	return true
}

// sshSession is a shell or the like within a session, or its end.
func (l *line) sshSession(m string) bool {
	if f := sshClose.FindStringSubmatch(m); f != nil {
		l.set("sshd: Close session", event.Success)
		l.by(f[1])
		l.from(f[2])
		l.d.Number("port", f[3])
		return true
	}
	f := sshShell.FindStringSubmatch(m)
	if f == nil {
		return false
	}
	l.set("sshd: Starting session", event.Success)
	l.by(f[2])
	l.from(f[3])
	l.d.Text("session", f[1])
	l.d.Number("port", f[4])
	return true
}

// sshConnection is a connection that came or went.
func (l *line) sshConnection(m string) bool {
	if f := sshEnd.FindStringSubmatch(m); f != nil {
		l.set("sshd: Disconnected", event.Success)
		l.by(f[1])
		l.from(f[2])
		l.d.Number("port", f[3])
		return true
	}
	if f := sshGone.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: "+f[1], f[2], f[3], f[4], f[5], "")
	}
	if f := sshGone0.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: "+f[1], "", "", f[2], "", "")
	}
	if f := sshTimeout.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: Timeout before authentication", "", "", f[1], f[2], "")
	}
	for _, pattern := range []*regexp.Regexp{sshChanged, sshDispatch} {
		if f := pattern.FindStringSubmatch(m); f != nil {
			return l.sshGone("sshd: Disconnecting", f[1], f[2], f[3], f[4], f[5])
		}
	}
	if f := sshDropped.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: Disconnecting", f[1], f[2], f[3], f[4], f[5])
	}
	if f := sshReceived.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: Received disconnect", "", "", f[1], f[2], f[4])
	}
	if f := sshNoCommon.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: Unable to negotiate", "", "", f[1], f[2], f[3])
	}
	if f := sshOpen.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: Connection from", "", "", f[1], f[2], "")
	}
	if f := sshNoIdent.FindStringSubmatch(m); f != nil {
		return l.sshGone("sshd: no identification", "", "", f[1], f[2], "")
	}
	return false
}

func (l *line) sshGone(native, whose, user, from, port, reason string) bool {
	native = strings.TrimSuffix(native, " by")
	if native == "sshd: Disconnected from" {
		native = "sshd: Disconnected [preauth]"
	}
	l.set(native, event.Unknown)
	l.nobody(user)
	if whose == "authenticating" && user != "" {
		l.by(user)
	}
	l.from(from)
	l.e.OutcomeReason = strings.TrimSuffix(reason, " [preauth]")
	l.d.Number("port", port)
	return true
}
