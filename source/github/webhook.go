package github

import (
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// hook is what the mapping looks at in a webhook's payload.
type hook struct {
	native, action                       string
	sender, member                       person
	repo, repoID, defaultBranch, pushed  string
	org, orgID, ownerLogin               string
	ref, refType, before, after          string
	forced, created, deleted             bool
	commits                              []byte
	team, teamID                         string
	pull, review, check, run, deployment []byte
	status, release, rule, key, alert    []byte
	install, changes, comment, group     []byte
}

// mapWebhook maps the payload of the webhook native.
func mapWebhook(raw, payload []byte, native, delivery string, now time.Time) (event.Event, error) {
	h := hook{native: native}
	h.read(payload)
	e := event.Event{
		ID:           bounded(delivery),
		NativeAction: native,
		Actor:        h.sender.actor(),
		Outcome:      event.Success,
		Where:        event.Where{Account: first(h.org, h.ownerLogin)},
		Raw:          raw,
	}
	if h.action != "" {
		e.NativeAction += "." + h.action
	}
	if len(e.NativeAction) > event.MaxStringBytes {
		e.NativeAction = e.NativeAction[:0] + native[:min(len(native), 64)]
	}
	meaning := h.meaning()
	e.Action, e.Category = meaning.Action, meaning.Category
	d := make(source.Detail, 0, 512)
	at, ok := h.time()
	if !ok {
		at = now.UTC()
		d.Text("time_of", "arrival")
	}
	e.OccurredAt = at
	e.Targets = h.targets()
	h.about(&e, &d)
	e.Detail = d.Object()
	return e, nil
}

// meaning returns what an event and its action mean: as the table says, or by the
// rule of the package comment. A pull request that closes because it was merged
// is a merge.
func (h *hook) meaning() source.Action {
	name := h.native
	if h.action != "" {
		name += "." + h.action
	}
	if name == "pull_request.closed" && source.MemberText(h.pull, "merged") == "true" {
		return auditActions["pull_request.merge"]
	}
	if a, ok := webhookActions[name]; ok {
		return a
	}
	return source.Action{Action: source.ActionName("github", name), Category: ruled(name)}
}

// shape tells which webhook a bare payload is, by the objects in it.
func shape(payload []byte) string {
	has := map[string]bool{}
	for name, v := range source.Members(payload) {
		if v[0] == '{' || name == "ref" || name == "ref_type" || name == "action" || name == "master_branch" || name == "repositories_added" || name == "hook_id" {
			has[name] = true
		}
	}
	if !has["sender"] && !has["pusher"] {
		return ""
	}
	for _, s := range shapes {
		fits := true
		for _, name := range strings.Fields(s.members) {
			fits = fits && has[name]
		}
		if fits {
			return s.event
		}
	}
	if has["repository"] && has["action"] {
		return "repository"
	}
	return ""
}

// shapes are the members by which a bare payload is told; the first that fits
// decides.
var shapes = []struct{ event, members string }{
	{"pull_request_review", "pull_request review"},
	{"pull_request_review_thread", "pull_request thread"},
	{"pull_request_review_comment", "pull_request comment"},
	{"pull_request", "pull_request"},
	{"check_run", "check_run"},
	{"check_suite", "check_suite"},
	{"workflow_job", "workflow_job"},
	{"deployment_status", "deployment_status"},
	{"deployment", "deployment"},
	{"workflow_run", "workflow_run"},
	{"merge_group", "merge_group"},
	{"release", "release"},
	{"push", "ref pusher"},
	{"create", "ref ref_type master_branch"},
	{"delete", "ref ref_type"},
	{"branch_protection_rule", "rule"},
	{"repository_ruleset", "repository_ruleset"},
	{"deploy_key", "key"},
	{"membership", "member team"},
	{"member", "member"},
	{"organization", "membership organization"},
	{"team", "team"},
	{"issue_comment", "issue comment"},
	{"issues", "issue"},
	{"installation_repositories", "installation repositories_added"},
	{"personal_access_token_request", "personal_access_token_request"},
	{"org_block", "blocked_user"},
	{"fork", "forkee"},
	{"installation", "installation action"},
}

// read takes the payload's members.
func (h *hook) read(payload []byte) {
	for name, v := range source.Members(payload) {
		switch name {
		case "action":
			h.action = source.Text(v)
		case "sender":
			h.sender = readPerson(v)
		case "repository":
			h.readRepository(v)
		case "organization":
			h.org, h.orgID = source.MemberText(v, "login"), source.MemberText(v, "id")
		case "member", "blocked_user":
			h.member = readPerson(v)
		case "membership", "personal_access_token_request":
			if user := source.Member(v, "user"); user != nil {
				h.member = readPerson(user)
			} else if user := source.Member(v, "owner"); user != nil {
				h.member = readPerson(user)
			}
		case "team":
			h.team, h.teamID = source.MemberText(v, "name"), source.MemberText(v, "id")
		case "ref":
			h.ref = source.Text(v)
		case "ref_type":
			h.refType = source.Text(v)
		case "before":
			h.before = source.Text(v)
		case "after":
			h.after = source.Text(v)
		case "forced":
			h.forced = source.Text(v) == "true"
		case "created":
			h.created = source.Text(v) == "true"
		case "deleted":
			h.deleted = source.Text(v) == "true"
		case "commits":
			h.commits = v
		case "changes":
			h.changes = v
		default:
			h.readObject(name, v)
		}
	}
}

func (h *hook) readRepository(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "full_name":
			h.repo = source.Text(v)
		case "id":
			h.repoID = source.Text(v)
		case "default_branch":
			h.defaultBranch = source.Text(v)
		case "pushed_at":
			h.pushed = source.Text(v)
		case "owner":
			h.ownerLogin = source.MemberText(v, "login")
		}
	}
}

// readObject takes a member that holds what an event is about.
func (h *hook) readObject(name string, v []byte) {
	switch name {
	case "pull_request":
		h.pull = v
	case "review":
		h.review = v
	case "check_run", "check_suite":
		h.check = v
	case "workflow_run", "workflow_job":
		h.run = v
	case "deployment":
		h.deployment = v
	case "deployment_status":
		h.status = v
	case "release":
		h.release = v
	case "rule", "repository_ruleset":
		h.rule = v
	case "key":
		h.key = v
	case "alert":
		h.alert = v
	case "installation":
		h.install = v
	case "comment", "issue":
		if h.comment == nil || name == "comment" {
			h.comment = v
		}
	case "merge_group":
		h.group = v
	}
}

// time is that of the object that an event is about.
func (h *hook) time() (time.Time, bool) {
	var of []byte
	names := []string{"updated_at", "created_at"}
	switch h.native {
	case "pull_request":
		of = h.pull
		switch h.action {
		case "opened":
			names = []string{"created_at"}
		case "closed":
			names = []string{"merged_at", "closed_at", "updated_at"}
		}
	case "pull_request_review":
		of = h.review
		names = []string{"submitted_at"}
		if h.action != "submitted" {
			if t, ok := source.Time(source.MemberText(h.review, "updated_at")); ok {
				return t, true
			}
			return source.Time(source.MemberText(h.pull, "updated_at"))
		}
	case "check_run", "check_suite":
		of, names = h.check, []string{"completed_at", "updated_at", "started_at"}
	case "workflow_run", "workflow_job":
		of, names = h.run, []string{"completed_at", "updated_at", "created_at", "started_at"}
	case "deployment":
		of, names = h.deployment, []string{"created_at"}
	case "deployment_status":
		of, names = h.status, []string{"created_at"}
	case "release":
		of = h.release
		if h.action == "published" || h.action == "released" {
			names = []string{"published_at", "created_at"}
		}
	case "push":
		return epochOrTime(h.pushed)
	case "branch_protection_rule", "repository_ruleset":
		of = h.rule
	case "deploy_key":
		of, names = h.key, []string{"created_at"}
		if h.action == "deleted" {
			return time.Time{}, false
		}
	case "issue_comment", "issues", "pull_request_review_comment":
		of = h.comment
	case "secret_scanning_alert", "code_scanning_alert", "dependabot_alert":
		of = h.alert
	case "installation":
		if h.action != "created" {
			return time.Time{}, false
		}
		of, names = h.install, []string{"created_at"}
	}
	for _, name := range names {
		if t, ok := epochOrTime(source.MemberText(of, name)); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

func epochOrTime(s string) (time.Time, bool) {
	if t, ok := source.Time(s); ok {
		return t, true
	}
	if s == "" {
		return time.Time{}, false
	}
	return epoch(s)
}

// targets names whom and what it was done to, then where.
func (h *hook) targets() (targets []event.Target) {
	addTarget(&targets, h.member.target())
	if h.pull != nil {
		addTarget(&targets, pullTarget(h.repo, h.pull))
	}
	switch {
	case h.native == "push", h.refType == "branch":
		addTarget(&targets, branchTarget(h.repo, h.ref))
	case h.refType == "tag":
		addTarget(&targets, branchTarget(h.repo, "refs/tags/"+h.ref))
	case h.status != nil || h.deployment != nil:
		environment := first(source.MemberText(h.status, "environment"), source.MemberText(h.deployment, "environment"))
		addTarget(&targets, event.Target{Type: "environment", ID: h.repo + "/" + environment, Name: environment})
	}
	for _, o := range []struct {
		kind, name string
		object     []byte
	}{
		{"check", "name", h.check}, {"workflow", "name", h.run}, {"release", "tag_name", h.release}, {"rule", "name", h.rule},
		{"key", "title", h.key}, {"alert", "number", h.alert}, {"deployment", "ref", h.deployment},
	} {
		if o.object != nil {
			addTarget(&targets, event.Target{Type: o.kind, ID: source.MemberText(o.object, "id"), Name: source.MemberText(o.object, o.name)})
		}
	}
	if h.native == "installation" || h.native == "installation_repositories" {
		addTarget(&targets, event.Target{Type: "app", ID: source.MemberText(h.install, "app_id"), Name: source.MemberText(h.install, "app_slug")})
	}
	if h.native != "issues" && h.native != "issue_comment" {
		addTarget(&targets, event.Target{Type: "team", ID: first(h.teamID, h.team), Name: h.team})
	}
	addTarget(&targets, event.Target{Type: "repository", ID: first(h.repoID, h.repo), Name: h.repo})
	addTarget(&targets, event.Target{Type: "organization", ID: first(h.orgID, h.org), Name: h.org})
	return targets
}
