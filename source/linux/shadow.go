package linux

import (
	"regexp"
	"strings"

	"example.com/evident/event"
)

// A shadowRule is a message of the programs that keep accounts. The groups of
// its pattern are named: user, group, by, and others for detail.
type shadowRule struct {
	native  string
	outcome event.Outcome
	pattern *regexp.Regexp
}

// These programs run as root, with names that are checked before.
var shadowRules = []shadowRule{
	{"shadow: new user", event.Success, regexp.MustCompile(`^new user: name=(?P<user>[^,]+), UID=(?P<uid>\d+), GID=(?P<gid>\d+), home=(?P<home>[^,]*), shell=(?P<shell>[^,]*)(?:, from=(?P<tty>.*))?$`)},
	{"shadow: new group", event.Success, regexp.MustCompile(`^new group: name=(?P<group>[^,]+), GID=(?P<gid>\d+)$`)},
	{"shadow: group added", event.Success, regexp.MustCompile(`^group added to \S+: name=(?P<group>[^,]+)(?:, GID=(?P<gid>\d+))?$`)},
	{"shadow: add to group", event.Success, regexp.MustCompile(`^add '(?P<user>[^']+)' to (?:shadow )?group '(?P<group>[^']+)'$`)},
	{"shadow: delete from group", event.Success, regexp.MustCompile(`^delete '(?P<user>[^']+)' from (?:shadow )?group '(?P<group>[^']+)'$`)},
	{"shadow: add to group", event.Success, regexp.MustCompile(`^user (?P<user>\S+) added by (?P<by>\S+) to group (?P<group>\S+)$`)},
	{"shadow: delete from group", event.Success, regexp.MustCompile(`^user (?P<user>\S+) removed by (?P<by>\S+) from group (?P<group>\S+)$`)},
	{"shadow: members of group", event.Success, regexp.MustCompile(`^(?:members|administrators|admins) of (?:group )?(?P<group>\S+) set (?:by (?P<by>\S+) )?to (?P<members>.*)$`)},
	{"shadow: delete user", event.Success, regexp.MustCompile(`^delete user '(?P<user>[^']+)'$`)},
	{"shadow: delete group", event.Success, regexp.MustCompile(`^(?:removed (?:shadow )?group '(?P<group>[^']+)'(?: owned by '[^']*')?|group '(?P<group2>[^']+)' removed(?: from \S+)?)$`)},
	{"shadow: change group", event.Success, regexp.MustCompile(`^group changed in \S+ \(group (?P<group>[^/,)]+)(?:/(?P<gid>\d+))?.*\)$`)},
	{"shadow: change password", event.Success, regexp.MustCompile(`^change user '(?P<user>[^']+)' password$`)},
	{"shadow: change password", event.Success, regexp.MustCompile(`^password for '(?P<user>[^']+)' changed by '(?P<by>[^']+)'$`)},
	{"shadow: lock user", event.Success, regexp.MustCompile(`^(?:lock user '(?P<user>[^']+)' password|password for '(?P<user2>[^']+)' locked by '(?P<by>[^']+)')$`)},
	{"shadow: unlock user", event.Success, regexp.MustCompile(`^(?:unlock user '(?P<user>[^']+)' password|password for '(?P<user2>[^']+)' unlocked by '(?P<by>[^']+)')$`)},
	{"shadow: change expiry", event.Success, regexp.MustCompile(`^(?:changed? password expiry (?:information )?for (?P<user>\S+)|change user '(?P<user2>[^']+)' expiration from '(?P<old>[^']*)' to '(?P<new>[^']*)')$`)},
	{"shadow: change user name", event.Success, regexp.MustCompile(`^change user name '(?P<user>[^']+)' to '(?P<new>[^']+)'$`)},
	{"shadow: change user", event.Success, regexp.MustCompile(`^change user '(?P<user>[^']+)' (?P<attribute>[a-z ]+) from '(?P<old>[^']*)' to '(?P<new>[^']*)'$`)},
	{"shadow: change user", event.Success, regexp.MustCompile(`^changed user '(?P<user>[^']+)' (?P<attribute>shell|information)(?: to '(?P<new>[^']*)')?$`)},
	{"shadow: new user", event.Failure, regexp.MustCompile(`^failed adding user '(?P<user>[^']+)', (?P<reason>.*)$`)},
	{"shadow: change password", event.Failure, regexp.MustCompile(`^password change (?:failed )?for (?P<user>\S+) failed.*$`)},
}

// shadow maps what useradd, usermod, passwd and their like log. They do not say
// who called them, but for gpasswd and passwd.
func (l *line) shadow() bool {
	message := strings.ReplaceAll(l.Message, "`", "'") // older ones quote `so'
	for i := range shadowRules {
		r := &shadowRules[i]
		f := r.pattern.FindStringSubmatch(message)
		if f == nil {
			continue
		}
		l.set(r.native, r.outcome)
		for i, name := range r.pattern.SubexpNames() {
			if f[i] == "" {
				continue
			}
			switch name = strings.TrimSuffix(name, "2"); name {
			case "":
			case "user", "group":
				l.to(name, f[i])
			case "by":
				l.by(f[i])
			case "reason":
				l.e.OutcomeReason = f[i]
			default:
				l.d.Number(name, f[i])
			}
		}
		l.privileged()
		return true
	}
	return false
}

// adminGroups are the groups whose members may become root.
var adminGroups = map[string]bool{"root": true, "sudo": true, "wheel": true, "admin": true, "adm": true, "docker": true, "lxd": true, "disk": true, "shadow": true}

// privileged sorts under privileged what gives somebody the power of root.
func (l *line) privileged() {
	for _, t := range l.e.Targets {
		if t.Type == "group" && adminGroups[t.ID] && l.e.Category == event.Access {
			l.e.Category = event.Privileged
			return
		}
	}
}
