package github

import (
	"strconv"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxCommits bounds the commits of a push that are listed.
const maxCommits = 100

// about adds what a webhook says beyond its targets: outcome, reasons, detail.
func (h *hook) about(e *event.Event, d *source.Detail) {
	if strings.HasPrefix(h.native, "pull_request") {
		h.aboutPull(e, d)
		return
	}
	switch h.native {
	case "push":
		h.aboutPush(e, d)
	case "check_run", "check_suite":
		e.OutcomeCode = source.MemberText(h.check, "conclusion")
		e.Outcome = verdict(e.OutcomeCode)
		d.Text("conclusion", e.OutcomeCode)
		d.Text("status", source.MemberText(h.check, "status"))
		d.Text("head_sha", source.MemberText(h.check, "head_sha"))
		d.Text("head_branch", first(source.MemberText(h.check, "head_branch"), source.MemberText(h.check, "check_suite", "head_branch")))
		d.Text("app", source.MemberText(h.check, "app", "slug"))
	case "workflow_run", "workflow_job":
		e.OutcomeCode = source.MemberText(h.run, "conclusion")
		e.Outcome = verdict(e.OutcomeCode)
		for _, name := range []string{"conclusion", "status", "event", "head_sha", "head_branch", "path", "run_number", "run_attempt", "run_id", "workflow_id", "workflow_name", "runner_name"} {
			d.Scalar(name, source.Member(h.run, name))
		}
		e.Why.Ticket = first(e.Why.Ticket, source.Ticket(source.MemberText(h.run, "display_title")), source.Ticket(source.MemberText(h.run, "head_branch")))
	case "deployment", "deployment_status", "deployment_review", "deployment_protection_rule":
		deploymentDetail(e, d, h.deployment, h.status)
	case "branch_protection_rule", "repository_ruleset":
		h.aboutRule(d)
	default:
		h.aboutRest(d)
	}
}

func (h *hook) aboutPush(e *event.Event, d *source.Detail) {
	branch := strings.TrimPrefix(h.ref, "refs/heads/")
	d.Text("ref", h.ref)
	d.Text("before", h.before)
	d.Text("after", h.after)
	d.Flag("default_branch", branch != "" && branch == h.defaultBranch)
	d.Flag("forced", h.forced)
	d.Flag("created", h.created)
	d.Flag("deleted", h.deleted)
	n := 0
	var shas []string
	for c := range source.Elements(h.commits) {
		if n++; n <= maxCommits {
			shas = append(shas, source.MemberText(c, "id"))
		}
		e.Why.Ticket = first(e.Why.Ticket, source.Ticket(line(source.MemberText(c, "message"))))
	}
	d.Scalar("commits", strconv.AppendInt(nil, int64(n), 10))
	d.Texts("commit_shas", shas)
}

// aboutPull adds what there is to know of a pull request, and of a review of it.
func (h *hook) aboutPull(e *event.Event, d *source.Detail) {
	p := readPull(h.repo, h.pull)
	e.Why.Change = p.name()
	e.Why.Ticket = p.ticket()
	p.detail(d)
	if h.native == "pull_request" {
		d.Scalar("merged", source.Member(h.pull, "merged"))
		if h.action == "synchronize" {
			d.Text("before", h.before)
		}
		if e.Action == "pull_request.merge" {
			d.Text("merged_by", p.mergedBy.login)
			if p.mergedBy.login != "" && !p.mergedBy.is(h.sender) {
				e.Actor = p.mergedBy.actor()
			}
			d.Flag("self_merged", p.mergedBy.is(p.author))
		}
	}
	if h.review != nil {
		reviewDetail(e, d, h.review, p)
	}
}

// reviewDetail says what a review was worth.
func reviewDetail(e *event.Event, d *source.Detail, review []byte, p pull) {
	r := readReview(review)
	e.OutcomeCode = strings.ToLower(r.state)
	d.Text("state", e.OutcomeCode)
	d.Text("review_id", r.id)
	d.Text("reviewer", r.by.login)
	d.Text("commit_id", r.commit)
	d.Flag("of_head", r.commit != "" && r.commit == p.headSHA)
	d.Flag("by_author", r.by.is(p.author))
	if e.Action == "pull_request_review.submit" && e.OutcomeCode == "approved" {
		e.Why.Approval = "review/" + r.id
	}
}

func (h *hook) aboutRule(d *source.Detail) {
	for _, name := range []string{"pull_request_reviews_enforcement_level", "required_approving_review_count", "dismiss_stale_reviews_on_push", "require_code_owner_review", "require_last_push_approval",
		"required_status_checks_enforcement_level", "strict_required_status_checks_policy", "signature_requirement_enforcement_level", "linear_history_requirement_enforcement_level",
		"admin_enforced", "allow_force_pushes_enforcement_level", "allow_deletions_enforcement_level", "merge_queue_enforcement_level", "enforcement", "target"} {
		d.Scalar(name, source.Member(h.rule, name))
	}
	h.changed(d)
}

// changed adds the names of what was edited, and what scalars were before.
func (h *hook) changed(d *source.Detail) {
	var names []string
	for name, v := range source.Members(h.changes) {
		if len(names) < maxListed {
			names = append(names, name)
		}
		if from := source.Member(v, "from"); copied(name) && len(from) <= maxDetailBytes && len(names) < maxListed {
			d.Scalar(name+"_before", from)
		}
		if to := source.Member(v, "to"); copied(name) && len(to) <= maxDetailBytes && len(names) < maxListed {
			d.Scalar(name+"_after", to)
		}
	}
	d.Texts("changed", names)
}

func (h *hook) aboutRest(d *source.Detail) {
	if h.native == "create" || h.native == "delete" {
		d.Text("ref", h.ref)
	}
	if h.key != nil {
		d.Scalar("read_only", source.Member(h.key, "read_only"))
	}
	if h.alert != nil {
		for _, name := range []string{"state", "secret_type", "resolution", "dismissed_reason", "severity"} {
			d.Scalar(name, source.Member(h.alert, name))
		}
	}
	if h.group != nil {
		d.Text("head_sha", source.MemberText(h.group, "head_sha"))
		d.Text("base_ref", source.MemberText(h.group, "base_ref"))
	}
	if h.release != nil {
		d.Scalar("draft", source.Member(h.release, "draft"))
		d.Scalar("prerelease", source.Member(h.release, "prerelease"))
		d.Text("target_commitish", source.MemberText(h.release, "target_commitish"))
	}
	if h.native == "repository" || h.native == "member" || h.native == "team" || h.native == "organization" {
		h.changed(d)
	}
}

// deploymentDetail is the same for webhooks and the API.
func deploymentDetail(e *event.Event, d *source.Detail, deployment, status []byte) {
	for _, name := range []string{"id", "sha", "ref", "task", "environment", "production_environment", "transient_environment"} {
		to := name
		if name == "id" {
			to = "deployment_id"
		}
		d.Scalar(to, source.Member(deployment, name))
	}
	d.Text("creator", source.MemberText(deployment, "creator", "login"))
	if status != nil {
		e.OutcomeCode = source.MemberText(status, "state")
		e.Outcome = verdict(e.OutcomeCode)
		d.Text("state", e.OutcomeCode)
	}
	e.Why.Ticket = first(source.Ticket(source.MemberText(deployment, "description")), source.Ticket(source.MemberText(deployment, "ref")))
}

// line is the first line of a message.
func line(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
