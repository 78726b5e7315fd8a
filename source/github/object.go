package github

import (
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// mapObject maps what the API tells, in the envelopes that Pull makes.
func mapObject(raw []byte, kind string, now time.Time) (event.Event, error) {
	switch kind {
	case "commit":
		return mapCommit(raw, now)
	case "branch", "pull_request", "review", "check_run", "deployment", "deployment_status":
	default:
		return event.Event{}, fmt.Errorf("not an object of the API of GitHub: its type is %.40q", kind)
	}
	repo := source.MemberText(raw, "repository")
	e := event.Event{OccurredAt: now.UTC(), Outcome: event.Success, Actor: system, Where: event.Where{Account: owner(repo)}, Raw: raw}
	d := make(source.Detail, 0, 512)
	d.Text("repository", repo)
	at := ""
	switch kind {
	case "branch":
		at = mapBranch(&e, &d, raw, repo)
	case "pull_request", "review":
		at = mapPull(&e, &d, raw, repo)
	case "check_run":
		at = mapCheck(&e, &d, raw, repo)
	default:
		at = mapDeployment(&e, &d, raw, repo)
	}
	if e.ID == "" || len(e.ID) > event.MaxIDBytes {
		return event.Event{}, fmt.Errorf("not a %s of GitHub: what tells it from others is missing or too long", kind)
	}
	if t, ok := source.Time(at); ok {
		e.OccurredAt = t
	} else {
		d.Text("time_of", "arrival")
	}
	addTarget(&e.Targets, event.Target{Type: "repository", ID: repo, Name: repo})
	e.Detail = d.Object()
	return e, nil
}

// native sets the names that a webhook of the same thing would have.
func native(e *event.Event, name string) {
	e.NativeAction = name
	a, ok := webhookActions[name]
	if !ok {
		a = objectActions[name]
	}
	e.Action, e.Category = a.Action, a.Category
}

// numbered returns an id made of an object's number, or none.
func numbered(kind string, object []byte) string {
	id := source.MemberText(object, "id")
	if id == "" {
		return ""
	}
	return kind + "/" + id
}

// mapBranch is a default branch that no longer holds the commit it stood at.
func mapBranch(e *event.Event, d *source.Detail, raw []byte, repo string) string {
	native(e, "branch")
	branch, from, to := source.MemberText(raw, "branch"), source.MemberText(raw, "from"), source.MemberText(raw, "to")
	if from != "" && to != "" {
		e.ID = "branch/" + repo + ":" + branch + "/" + from + ".." + to
	}
	addTarget(&e.Targets, branchTarget(repo, branch))
	d.Text("from", from)
	d.Text("to", to)
	d.Scalar("commits_lost", source.Member(raw, "behind_by"))
	e.OutcomeCode, e.OutcomeReason = "rewritten", "the branch no longer holds the commit it stood at"
	return source.MemberText(raw, "commit", "commit", "committer", "date")
}

// mapPull is a merge, or a review.
func mapPull(e *event.Event, d *source.Detail, raw []byte, repo string) string {
	p := readPull(repo, source.Member(raw, "pull_request"))
	p.repo = repo
	e.Why.Change, e.Why.Ticket = p.name(), p.ticket()
	addTarget(&e.Targets, p.target())
	p.detail(d)
	if object := source.Member(raw, "review"); object != nil {
		native(e, "pull_request_review.submitted")
		e.ID = numbered("review", object)
		r := readReview(object)
		e.Actor = r.by.actor()
		reviewDetail(e, d, object, p)
		return r.at
	}
	native(e, "pull_request.closed")
	e.Action = auditActions["pull_request.merge"].Action
	if p.number != "" {
		e.ID = "pull_request/" + p.name() + "/merged"
	}
	e.Actor = p.mergedBy.actor()
	d.Text("merged_by", p.mergedBy.login)
	d.Flag("self_merged", p.mergedBy.is(p.author))
	return p.mergedAt
}

func mapCheck(e *event.Event, d *source.Detail, raw []byte, repo string) string {
	object := source.Member(raw, "check_run")
	native(e, "check_run.completed")
	e.ID = numbered("check_run", object)
	if app := source.MemberText(object, "app", "slug"); app != "" {
		e.Actor = event.Actor{Type: event.Service, ID: first(source.MemberText(object, "app", "id"), app), Name: app}
	}
	p := readPull(repo, source.Member(raw, "pull_request"))
	p.repo = repo
	e.Why.Change, e.Why.Ticket = p.name(), p.ticket()
	e.OutcomeCode = source.MemberText(object, "conclusion")
	e.Outcome = verdict(e.OutcomeCode)
	addTarget(&e.Targets, event.Target{Type: "check", ID: source.MemberText(object, "id"), Name: source.MemberText(object, "name")})
	if p.number != "" {
		addTarget(&e.Targets, p.target())
	}
	d.Text("name", source.MemberText(object, "name"))
	d.Text("conclusion", e.OutcomeCode)
	d.Text("head_sha", source.MemberText(object, "head_sha"))
	return source.MemberText(object, "completed_at")
}

// mapDeployment is a deployment, or one status of it.
func mapDeployment(e *event.Event, d *source.Detail, raw []byte, repo string) string {
	deployment, status := source.Member(raw, "deployment"), source.Member(raw, "deployment_status")
	of := deployment
	native(e, "deployment.created")
	e.ID = numbered("deployment", deployment)
	if status != nil {
		of = status
		native(e, "deployment_status.created")
		e.ID = numbered("deployment_status", status)
	}
	e.Actor = readPerson(source.Member(of, "creator")).actor()
	environment := first(source.MemberText(status, "environment"), source.MemberText(deployment, "environment"))
	addTarget(&e.Targets, event.Target{Type: "environment", ID: strings.Trim(repo+"/"+environment, "/"), Name: environment})
	deploymentDetail(e, d, deployment, status)
	return source.MemberText(of, "created_at")
}
