package gitlab

import (
	"fmt"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Bounds of what an event's own details add to ours; raw has all of them.
const (
	maxDetails     = 32
	maxDetailBytes = 1 << 10 // of one value
)

// record is an audit event.
type record struct {
	time, request                            string // in audit_json.log
	id, created, eventType, eventName        string
	authorID, authorName, authorEmail, class string
	entityID, entityType, entityPath         string
	targetID, targetType, target             string
	ip                                       string
	add, remove, change, as, with, failed    string
	from, to, message                        string
	protocol, operation                      string // of a Git operation
	iid                                      string // of a merge request
	rest                                     []member
}

type member struct {
	name  string
	value []byte
}

func mapAudit(raw, object []byte) (event.Event, error) {
	var r record
	r.read(object)
	at, ok := source.Time(first(r.created, r.time))
	if !ok {
		return event.Event{}, fmt.Errorf("not an audit event of GitLab: created_at is %.40q, which is no time", first(r.created, r.time))
	}
	name := r.name()
	if len(name) > event.MaxStringBytes {
		return event.Event{}, fmt.Errorf("not an audit event of GitLab: its name is %d bytes long", len(name))
	}
	e := event.Event{
		OccurredAt:    at,
		NativeAction:  name,
		Actor:         r.actor(name),
		Outcome:       event.Success,
		OutcomeReason: r.failed,
		Where:         event.Where{Account: account(r.entityPath)},
		RequestID:     r.request,
		Raw:           raw,
	}
	if r.id != "" {
		e.ID = bounded("audit/" + r.id)
	}
	if failed(name) {
		e.Outcome = event.Failure
	}
	if event.ValidIP(r.ip) {
		e.Where.IP = r.ip
	} else {
		e.Where.Host = r.ip
	}
	action := r.meaning(name)
	e.Action, e.Category = action.Action, action.Category
	addTarget(&e.Targets, event.Target{Type: targetType(r.targetType), ID: r.targetID, Name: r.target})
	addTarget(&e.Targets, event.Target{Type: targetType(r.entityType), ID: r.entityID, Name: r.entityPath})
	if r.targetType == "MergeRequest" {
		if r.iid != "" {
			e.Why.Change = r.entityPath + "!" + r.iid
		}
		e.Why.Ticket = source.Ticket(r.target)
	}
	e.Detail = r.details()
	return e, nil
}

// failed reports whether a name says that something did not come about.
func failed(name string) bool {
	return strings.HasSuffix(name, "_failed") || strings.HasPrefix(name, "login_failed") || strings.HasPrefix(name, "failed_login") || name == "user_failed_login"
}

// read takes the members of an event, those that stand beside details before
// those in it.
func (r *record) read(object []byte) {
	var details []byte
	for name, v := range source.Members(object) {
		switch name {
		case "id":
			r.id = source.Text(v)
		case "created_at":
			r.created = source.Text(v)
		case "event_type":
			r.eventType = source.Text(v)
		case "author_id":
			r.authorID = source.Text(v)
		case "entity_id":
			r.entityID = source.Text(v)
			if strings.HasPrefix(r.entityID, "-") { // somebody who does not exist
				r.entityID = ""
			}
		case "entity_type":
			r.entityType = source.Text(v)
		case "details":
			details = v
		case "time":
			r.time = source.Text(v)
		case "correlation_id":
			r.request = source.Text(v)
		default:
			if !r.common(name, v) {
				r.detail(name, v) // in audit_json.log they stand here
			}
		}
	}
	for name, v := range source.Members(details) {
		if !r.common(name, v) && !r.detail(name, v) && copied(name) && len(r.rest) < maxDetails && len(v) <= maxDetailBytes {
			r.rest = append(r.rest, member{name, v})
		}
	}
}

// common takes a member that stands both in details and beside them. The first
// value that says something stays.
func (r *record) common(name string, v []byte) bool {
	var field *string
	switch name {
	case "event_name":
		field = &r.eventName
	case "author_name":
		field = &r.authorName
	case "entity_path":
		field = &r.entityPath
	case "target_id":
		field = &r.targetID
	case "target_type":
		field = &r.targetType
	case "ip_address":
		field = &r.ip
	case "target_details":
		if v[0] == '{' {
			r.iid = source.MemberText(v, "iid")
			v = source.Member(v, "title")
		}
		field = &r.target
	default:
		return false
	}
	if *field == "" && v != nil {
		*field = source.Text(v)
	}
	return true
}

// detail takes a member that only details have.
func (r *record) detail(name string, v []byte) bool {
	switch name {
	case "author_email":
		r.authorEmail = source.Text(v)
	case "author_class":
		r.class = source.Text(v)
	case "add":
		r.add = source.Text(v)
	case "remove":
		r.remove = source.Text(v)
	case "change":
		r.change = source.Text(v)
	case "as":
		r.as = source.Text(v)
	case "with":
		r.with = source.Text(v)
	case "failed_login":
		r.failed = source.Text(v)
	case "from":
		r.from = source.Text(v)
	case "to":
		r.to = source.Text(v)
	case "custom_message":
		if v[0] == '{' {
			r.protocol, r.operation = source.MemberText(v, "protocol"), source.MemberText(v, "action")
		} else {
			r.message = source.Text(v)
		}
	default:
		return false
	}
	return true
}

// messages are texts of events that have no name, and the name that newer ones
// have, by how they begin.
var messages = []struct{ begin, name string }{
	{"Project archived", "project_archived"},
	{"Project unarchived", "project_unarchived"},
	{"Project destroyed", "project_destroyed"},
	{"Project marked for deletion", "project_deletion_marked"},
	{"Project restored", "project_restored"},
	{"Project export created", "project_export_created"},
	{"Export file download started", "project_export_file_download_started"},
	{"Repository Download Started", "repository_download_operation"},
	{"Group destroyed", "group_destroyed"},
	{"Group marked for deletion", "group_deletion_marked"},
	{"Group restored", "group_restored"},
	{"Approved merge request", "merge_request_approval_operation"},
	{"Added merge request", "merge_request_create"},
	{"Forked project", "project_fork_operation"},
	{"Instance access request approved", "user_approved"},
	{"Instance access request rejected", "user_rejected"},
	{"Started Impersonation", "user_impersonation"},
	{"Stopped Impersonation", "user_impersonation"},
	{"Blocked user", "user_blocked"},
	{"Unblocked user", "unblock_user"},
	{"User access locked", "user_access_locked"},
	{"Ask for password reset", "password_reset_requested"},
	{"Added SSH key", "add_ssh_key"},
	{"Removed SSH key", "remove_ssh_key"},
	{"Created personal access token", "personal_access_token_created"},
	{"Revoked personal access token", "personal_access_token_revoked"},
	{"Created project access token", "project_access_token_created"},
	{"Disabled two-factor authentication", "user_disable_two_factor"},
	{"Signed in with ", "authenticated_with_message"},
	{"Added protected branch", "protected_branch_created"},
	{"Unprotected branch", "protected_branch_removed"},
	{"Release ", "release_updated"},
}

// name follows the rules of the package comment.
func (r *record) name() string {
	if r.eventType != "" && r.eventType != "audit_operation" {
		return r.eventType
	}
	if r.eventName != "" && r.eventName != "audit_operation" {
		return r.eventName
	}
	words := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "_") }
	switch {
	case r.add != "":
		return "add_" + words(r.add)
	case r.remove != "":
		return "remove_" + words(r.remove)
	case r.change != "":
		return "change_" + words(r.change)
	case r.failed != "":
		return "failed_login"
	case r.with != "":
		return "authenticated_with_" + words(r.with)
	}
	for _, m := range messages {
		if strings.HasPrefix(r.message, m.begin) {
			return m.name
		}
	}
	return "audit_operation"
}

// meaning is lookup with what the rest of the event says.
func (r *record) meaning(name string) source.Action {
	switch name {
	case "repository_git_operation":
		switch r.operation {
		case "git-receive-pack":
			return source.Action{Action: "git.push", Category: event.Change}
		case "git-upload-pack":
			return source.Action{Action: "git.fetch", Category: event.Data}
		}
		if strings.HasPrefix(r.message, "Repository Download") {
			return actions["repository_download_operation"]
		}
	case "user_impersonation":
		if strings.HasPrefix(r.message, "Stopped") {
			return source.Action{Action: "impersonation.end", Category: event.Privileged}
		}
	case "user_admin_status_updated", "change_admin":
		if r.to == "false" {
			return source.Action{Action: "role.revoke", Category: event.Privileged}
		}
	case "member_created", "member_updated", "add_user_access", "change_access_level":
		switch {
		case strings.EqualFold(first(r.to, r.as), "owner"):
			return source.Action{Action: "role.grant", Category: event.Privileged}
		case strings.EqualFold(r.from, "owner"):
			return source.Action{Action: "role.revoke", Category: event.Privileged}
		}
	case "member_destroyed", "remove_user_access":
		if strings.EqualFold(first(r.from, r.as), "owner") {
			return source.Action{Action: "role.revoke", Category: event.Privileged}
		}
	}
	if strings.HasPrefix(name, "authenticated_with_") {
		return source.Action{Action: "session.start", Category: event.Authentication}
	}
	return lookup(actions, name)
}

// actor follows the rules of the package comment.
func (r *record) actor(name string) event.Actor {
	a := event.Actor{Type: event.User, ID: r.authorID, Name: r.authorName}
	if event.ValidEmail(r.authorEmail) {
		a.Email = r.authorEmail
	}
	if strings.HasPrefix(r.with, "two-factor") {
		yes := true
		a.MFA = &yes
	}
	token := strings.Contains(r.class, "Deploy") || strings.Contains(r.class, "Runner") || strings.Contains(r.class, "Token")
	switch negative := strings.HasPrefix(r.authorID, "-") || r.authorID == "0" || r.authorID == ""; {
	case token, r.authorID == "-2", r.authorID == "-3":
		a.Type = event.Service
		if negative {
			a.ID = strings.Trim(first(r.class, "token")+"/"+first(r.authorName, r.authorID), "/")
		}
	case strings.HasSuffix(name, "_by_project_bot"):
		a.Type = event.Service
		if negative {
			a.ID = first(r.authorName, "project_bot")
		}
	case !negative:
	case failed(name), r.authorID == "-1", strings.Contains(r.class, "Unauthenticated"):
		return event.Actor{Type: event.Anonymous, Name: r.authorName, Email: a.Email}
	case r.authorName != "":
		a.Type, a.ID = event.ActorSystem, r.authorName
	default:
		return system
	}
	return a
}

func (r *record) details() []byte {
	d := make(source.Detail, 0, 256)
	d.Text("message", r.message)
	d.Text("change", r.change)
	d.Text("from", harmless(r.from))
	d.Text("to", harmless(r.to))
	d.Text("added", r.add)
	d.Text("removed", r.remove)
	d.Text("role", r.as)
	d.Text("with", r.with)
	d.Text("protocol", r.protocol)
	d.Text("operation", r.operation)
	d.Text("entity_path", r.entityPath)
	if r.class != "User" {
		d.Text("author_class", r.class)
	}
	for _, m := range r.rest {
		d.Scalar(m.name, m.value)
	}
	return d.Object()
}

// harmless returns a value that was changed, unless it may hold a credential.
func harmless(s string) string {
	if strings.Contains(s, "://") && strings.ContainsAny(s, "@?") {
		return ""
	}
	return s
}

// copied reports whether a member of details may be copied: its name needs no
// escaping, is none of ours, and is not that of something secret.
func copied(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	for _, word := range []string{"token", "password", "secret", "credential", "private", "url", "value"} {
		if strings.Contains(name, word) {
			return false
		}
	}
	switch name {
	case "message", "added", "removed", "role", "protocol", "operation":
		return false
	}
	return true
}
