package gitlab

import (
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxCommits bounds the commits of a push that are listed.
const maxCommits = 100

// hook is a system hook or a webhook.
type hook struct {
	name, kind, created, updated      string
	userID, userName, username, email string // whom it is about, or who did it: see mapHook
	project, projectID, defaultBranch string
	group, groupID                    string
	access, oldName, state, keyID     string
	before, after, ref                string
	commits                           []byte
	user, attributes                  []byte
}

// mapHook maps the payload of a hook. Most system hooks say to whom something
// happened, but not who did it.
func mapHook(raw, object []byte, delivery string, now time.Time) (event.Event, error) {
	var h hook
	h.read(object)
	name := first(h.name, h.kind)
	if h.kind == "merge_request" {
		name = "merge_request." + first(source.MemberText(h.attributes, "action"), "update")
	}
	if len(name) > event.MaxStringBytes/2 {
		name = name[:64]
	}
	e := event.Event{
		ID:           bounded(delivery),
		NativeAction: strings.ToValidUTF8(name, "\uFFFD"),
		Actor:        system,
		Outcome:      event.Success,
		Where:        event.Where{Account: account(first(h.project, h.group))},
		Raw:          raw,
	}
	action := lookup(hookActions, name)
	e.Action, e.Category = action.Action, action.Category
	d := make(source.Detail, 0, 256)
	at := first(h.updated, h.created)
	switch {
	case h.kind == "merge_request":
		at = h.mergeRequest(&e, &d)
	case name == "push" || name == "tag_push" || name == "repository_update":
		h.push(&e, &d)
	case h.kind == "pipeline" || h.kind == "deployment" || h.kind == "build":
		if h.attributes == nil {
			h.attributes = object
		}
		at = h.run(&e, &d)
	default:
		h.about(&e, &d)
	}
	addTarget(&e.Targets, event.Target{Type: "repository", ID: h.projectID, Name: h.project})
	addTarget(&e.Targets, event.Target{Type: "group", ID: h.groupID, Name: h.group})
	if t, ok := source.Time(at); ok {
		e.OccurredAt = t
	} else {
		e.OccurredAt = now.UTC()
		d.Text("time_of", "arrival")
	}
	e.Detail = d.Object()
	return e, nil
}

func (h *hook) read(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "event_name":
			h.name = source.Text(v)
		case "object_kind":
			h.kind = source.Text(v)
		case "created_at":
			h.created = source.Text(v)
		case "updated_at":
			h.updated = source.Text(v)
		case "project":
			h.project, h.projectID = source.MemberText(v, "path_with_namespace"), source.MemberText(v, "id")
			h.defaultBranch = source.MemberText(v, "default_branch")
		case "project_path_with_namespace", "path_with_namespace":
			h.project = source.Text(v)
		case "project_id":
			h.projectID = source.Text(v)
		case "old_path_with_namespace", "old_full_path", "old_username":
			h.oldName = source.Text(v)
		case "group_path", "full_path":
			h.group = source.Text(v)
		case "group_id":
			h.groupID = source.Text(v)
		case "before":
			h.before = source.Text(v)
		case "after":
			h.after = source.Text(v)
		case "ref":
			h.ref = source.Text(v)
		case "commits":
			h.commits = v
		case "object_attributes":
			h.attributes = v
		default:
			h.person(name, v)
		}
	}
}

// person takes a member that says who it is about, or who did it.
func (h *hook) person(name string, v []byte) {
	switch name {
	case "user":
		h.user = v
	case "user_id":
		h.userID = source.Text(v)
	case "user_name":
		h.userName = source.Text(v)
	case "name":
		h.userName = first(h.userName, source.Text(v))
	case "user_username", "username":
		h.username = source.Text(v)
	case "user_email", "email":
		h.email = source.Text(v)
	case "access_level", "project_access", "group_access":
		h.access = source.Text(v)
	case "state":
		h.state = source.Text(v)
	case "id":
		h.keyID = source.Text(v)
	}
}

// who is the user that a hook names, as an actor.
func (h *hook) who() event.Actor {
	id, name, username, email := h.userID, h.userName, h.username, h.email
	if h.user != nil {
		id, name = source.MemberText(h.user, "id"), source.MemberText(h.user, "name")
		username, email = source.MemberText(h.user, "username"), source.MemberText(h.user, "email")
	}
	a := event.Actor{Type: event.User, ID: first(id, username, name), Name: first(username, name)}
	if a.ID == "" {
		return system
	}
	if event.ValidEmail(email) {
		a.Email = email
	}
	if strings.Contains(username, "_bot_") || strings.HasSuffix(username, "_bot") || strings.HasSuffix(username, "-bot") {
		a.Type = event.Service
	}
	return a
}

// about is a hook about users, keys, projects and groups.
func (h *hook) about(e *event.Event, d *source.Detail) {
	if h.name == "user_failed_login" {
		e.Actor, e.Outcome, e.OutcomeCode = h.who(), event.Failure, h.state
	}
	if strings.HasPrefix(h.name, "key_") {
		addTarget(&e.Targets, event.Target{Type: "key", ID: h.keyID})
	}
	if strings.HasPrefix(h.name, "user_") || strings.HasPrefix(h.name, "key_") {
		addTarget(&e.Targets, event.Target{Type: "user", ID: h.userID, Name: first(h.username, h.userName)})
		if event.ValidEmail(h.email) {
			d.Text("email", h.email)
		}
	}
	d.Text("role", h.access)
	d.Text("old_name", h.oldName)
	d.Text("state", h.state)
	switch e.Action {
	case "permission.grant", "permission.update":
		if strings.EqualFold(h.access, "owner") {
			e.Action, e.Category = "role.grant", event.Privileged
		}
	case "permission.revoke":
		if strings.EqualFold(h.access, "owner") {
			e.Action, e.Category = "role.revoke", event.Privileged
		}
	}
}

func (h *hook) push(e *event.Event, d *source.Detail) {
	e.Actor = h.who()
	branch, isBranch := strings.CutPrefix(h.ref, "refs/heads/")
	tag, isTag := strings.CutPrefix(h.ref, "refs/tags/")
	switch {
	case isBranch:
		addTarget(&e.Targets, event.Target{Type: "branch", ID: h.project + ":" + branch, Name: branch})
	case isTag:
		addTarget(&e.Targets, event.Target{Type: "tag", ID: h.project + ":" + tag, Name: tag})
	}
	d.Text("ref", h.ref)
	d.Text("before", h.before)
	d.Text("after", h.after)
	d.Flag("default_branch", isBranch && branch == h.defaultBranch)
	d.Flag("created", h.before != "" && strings.Trim(h.before, "0") == "")
	d.Flag("deleted", h.after != "" && strings.Trim(h.after, "0") == "")
	var shas []string
	n := 0
	for c := range source.Elements(h.commits) {
		if n++; n <= maxCommits {
			shas = append(shas, source.MemberText(c, "id"))
		}
		e.Why.Ticket = first(e.Why.Ticket, source.Ticket(first(source.MemberText(c, "title"), source.MemberText(c, "message"))))
	}
	d.Scalar("commits", strconv.AppendInt(nil, int64(n), 10))
	d.Texts("commit_shas", shas)
}

// mergeRequest returns when it was.
func (h *hook) mergeRequest(e *event.Event, d *source.Detail) string {
	e.Actor = h.who()
	a := h.attributes
	title, iid := source.MemberText(a, "title"), source.MemberText(a, "iid")
	if iid != "" && len(iid) < 20 {
		e.Why.Change = h.project + "!" + iid
	}
	e.Why.Ticket = first(source.Ticket(title), source.Ticket(source.MemberText(a, "source_branch")))
	addTarget(&e.Targets, event.Target{Type: "pull_request", ID: e.Why.Change, Name: title})
	for _, m := range []struct{ native, name string }{{"state", "state"}, {"source_branch", "head"}, {"target_branch", "base"}, {"merge_commit_sha", "merge_commit_sha"},
		{"author_id", "author_id"}, {"draft", "draft"}, {"merge_status", "merge_status"}, {"oldrev", "before"}} {
		d.Scalar(m.name, source.Member(a, m.native))
	}
	d.Text("head_sha", source.MemberText(a, "last_commit", "id"))
	author := source.MemberText(a, "author_id")
	switch e.Action {
	case "pull_request_review.submit":
		e.OutcomeCode = "approved"
		d.Flag("by_author", author != "" && author == e.Actor.ID)
	case "pull_request.merge":
		d.Flag("self_merged", author != "" && author == e.Actor.ID)
	}
	return first(source.MemberText(a, "updated_at"), source.MemberText(a, "created_at"))
}

// run is a pipeline, a job or a deployment; it returns when it was.
func (h *hook) run(e *event.Event, d *source.Detail) string {
	e.Actor = h.who()
	a := h.attributes
	e.OutcomeCode = source.MemberText(a, "status")
	switch e.OutcomeCode {
	case "success":
		e.Outcome = event.Success
	case "failed", "canceled":
		e.Outcome = event.Failure
	default:
		e.Outcome = event.Unknown
	}
	if environment := source.MemberText(a, "environment"); environment != "" {
		addTarget(&e.Targets, event.Target{Type: "environment", ID: h.project + "/" + environment, Name: environment})
	}
	addTarget(&e.Targets, event.Target{Type: source.ActionName(h.kind), ID: first(source.MemberText(a, "id"), source.MemberText(a, "deployment_id"), source.MemberText(a, "build_id"))})
	for _, name := range []string{"ref", "sha", "short_sha", "source", "status", "tag", "build_name"} {
		d.Scalar(name, source.Member(a, name))
	}
	return first(source.MemberText(a, "finished_at"), source.MemberText(a, "status_changed_at"), source.MemberText(a, "created_at"))
}
