package kubernetesaudit

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxRoleBytes bounds actor.role: users of some directories are in hundreds of
// groups.
const maxRoleBytes = 1024

// actor follows the table of the package comment.
func (u *user) actor() event.Actor {
	a := event.Actor{Type: TypeOf(u.name), ID: u.uid, Name: u.name, Role: u.roles()}
	if a.ID == "" {
		a.ID = u.name
	}
	if a.ID == "" {
		return event.Actor{Type: event.Anonymous}
	}
	if event.ValidEmail(u.name) {
		a.Email = u.name
	}
	for _, key := range []string{"authentication.kubernetes.io/credential-id", "authentication_kubernetes_io_slash_credential-id", "sessionName"} {
		if a.Session == "" && len(u.extra) > 2 {
			a.Session = firstOf(source.Member(u.extra, key))
		}
	}
	return a
}

// TypeOf returns the type of the actor whom Kubernetes calls username.
func TypeOf(username string) event.ActorType {
	switch rest, of := strings.CutPrefix(username, "system:"); {
	case username == "", username == "system:anonymous":
		return event.Anonymous
	case username == "system:admin":
		return event.User
	case of && strings.HasPrefix(rest, "serviceaccount:"), strings.HasPrefix(username, "eks:"), username == "aksService":
		return event.Service
	case of:
		return event.ActorSystem
	}
	return event.User
}

// roles joins the user's groups, but for those that say only what kind of user
// it is.
func (u *user) roles() string {
	only := "" // most have none or one
	var joined strings.Builder
	for v := range source.Elements(u.groups) {
		g := source.Text(v)
		switch {
		case g == "", g == "system:authenticated", g == "system:unauthenticated", strings.HasPrefix(g, "system:serviceaccounts"), g == "system:nodes":
		case only == "":
			only = g
		case max(joined.Len(), len(only))+1+len(g) <= maxRoleBytes:
			if joined.Len() == 0 {
				joined.WriteString(only)
			}
			joined.WriteByte(',')
			joined.WriteString(g)
		}
	}
	if joined.Len() > 0 {
		return joined.String()
	}
	return only
}

// firstOf is the text of an array's first element.
func firstOf(array []byte) string {
	for v := range source.Elements(array) {
		return source.Text(v)
	}
	return ""
}
