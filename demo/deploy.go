package demo

import (
	"time"

	"example.com/evident/event"
)

// builders are the teams that write code.
var builders = []team{teamBooking, teamTracking, teamWeb, teamPlatform, teamData}

// release is one change on its way to production.
type release struct {
	author, reviewer, lead *person
	repo, ticket, sha      string
	number                 int
	at                     time.Time
}

// newRelease chooses who makes the nth change of a day. Author, reviewer and the lead who
// approves the ticket are three people.
func (b *book) newRelease(daysBefore, nth int, at time.Time) (release, bool) {
	var here []*person
	for _, p := range b.co.teams[pick(b, builders)] {
		if p.here(daysBefore) {
			here = append(here, p)
		}
	}
	if len(here) < 3 {
		return release{}, false
	}
	n := 1 + b.r.IntN(len(here)-1)
	m := 1 + b.r.IntN(len(here)-2)
	if m >= n {
		m++
	}
	number := 900 + (366-daysBefore)*20 + nth
	return release{author: here[n], reviewer: here[m], lead: here[0], repo: pick(b, repos), number: number,
		ticket: "CHG-" + digits(number+1000, 1), sha: b.hex(40), at: at}, true
}

func (p *person) at(source, action string, at time.Time, cat event.Category) event.Event {
	e := event.Event{Source: source, OccurredAt: at, Actor: p.actor(), Action: action, Category: cat, Outcome: event.Success,
		Where: event.Where{IP: p.site.ip, UserAgent: p.agent}}
	if source == srcGitHub {
		e.Actor.ID, e.Actor.Name, e.NativeAction = p.github, p.login, action
	}
	return e
}

func (c *release) pull() []event.Target {
	return []event.Target{{Type: "pull_request", ID: c.repo + "#" + digits(c.number, 1), Name: "halcyon-freight/" + c.repo + "#" + digits(c.number, 1)}}
}

func (c *release) issue() []event.Target {
	return []event.Target{{Type: "issue", ID: c.ticket, Name: c.ticket}}
}

// release books a change as it should be: ticket, approval, review by another,
// checks, and a deployment by the pipeline of exactly what was merged.
func (b *book) release(c release) {
	t := c.at
	next := func(from, to time.Duration) time.Time {
		t = t.Add(b.span(from, to))
		return t
	}
	why := event.Why{Ticket: c.ticket, Change: c.repo + "#" + digits(c.number, 1)}
	e := c.author.at(srcJira, "issue.create", t, event.Change)
	e.Targets = c.issue()
	b.event(e)
	e = c.lead.at(srcJira, "issue.approve", next(5*time.Minute, 40*time.Minute), event.Change)
	e.Targets, e.Detail = c.issue(), detail("from", "proposed", "to", "approved")
	b.event(e)
	e = c.author.at(srcGitHub, "pull_request.create", next(5*time.Minute, 30*time.Minute), event.Change)
	e.Targets, e.Why, e.Detail = c.pull(), why, detail("head_sha", c.sha, "base", "main")
	b.event(e)
	b.check(c, next(3*time.Minute, 9*time.Minute), "success")
	e = c.reviewer.at(srcGitHub, "pull_request_review.submit", next(10*time.Minute, 50*time.Minute), event.Change)
	e.Targets, e.Why, e.Detail = c.pull(), why, detail("state", "approved", "commit_id", c.sha)
	b.event(e)
	e = c.author.at(srcGitHub, "pull_request.merge", next(time.Minute, 20*time.Minute), event.Change)
	e.Targets, e.Why, e.Detail = c.pull(), why, detail("merge_commit_sha", c.sha, "base", "main", "approvals", 1)
	b.event(e)
	b.deploy(c, next(4*time.Minute, 12*time.Minute), "passed")
	b.event(event.Event{Source: srcJira, OccurredAt: next(time.Minute, 5*time.Minute), Actor: job("automation:deployed", "automation"),
		Action: "issue.transition", Category: event.Change, Outcome: event.Success, Targets: c.issue(), Detail: detail("from", "approved", "to", "done")})
}

func (b *book) check(c release, at time.Time, conclusion string) {
	e := event.Event{Source: srcGitHub, OccurredAt: at, Actor: service("41898282", "github-actions[bot]"), Action: "check_run.complete",
		NativeAction: "check_run.completed", Category: event.Change, Outcome: event.Success, Targets: c.pull(),
		Detail: detail("name", "test", "conclusion", conclusion, "head_sha", c.sha, "required", true)}
	if conclusion != "success" {
		e.Outcome, e.OutcomeCode = event.Failure, conclusion
	}
	b.event(e)
}

// deploy books the pipeline's part: the deployment, the role it takes in the
// cloud, the image it pushes, and the cluster taking it up: four events.
func (b *book) deploy(c release, at time.Time, checks string) {
	image := "sha256:" + c.sha + c.sha[:24]
	e := event.Event{Source: srcGitHub, OccurredAt: at, Actor: service("41898282", "github-actions[bot]"), Action: "deployment.create",
		NativeAction: "deployment.create", Category: event.Change, Outcome: event.Success,
		Targets: []event.Target{{Type: "environment", ID: c.repo + "/production", Name: "production"}},
		Why:     event.Why{Ticket: c.ticket, Change: c.repo + "#" + digits(c.number, 1)},
		Detail:  detail("sha", c.sha, "image", image, "checks", checks, "repository", "halcyon-freight/"+c.repo)}
	b.event(e)
	role := "arn:aws:iam::" + account + ":role/github-deployer"
	b.cloud(call{at: at.Add(20 * time.Second), service: "sts", name: "AssumeRoleWithWebIdentity", ip: "192.0.2.30", agent: "github-actions/configure-aws-credentials", read: true,
		identity: `{"type":"WebIdentityUser","principalId":"arn:aws:iam::` + account + `:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:halcyon-freight/` + c.repo + `:environment:production","userName":"repo:halcyon-freight/` + c.repo + `:environment:production","identityProvider":"arn:aws:iam::` + account + `:oidc-provider/token.actions.githubusercontent.com"}`,
		params:   `{"roleArn":"` + role + `","roleSessionName":"` + c.ticket + `","durationSeconds":3600}`, resource: role, resourceType: "AWS::IAM::Role"})
	b.cloud(call{at: at.Add(50 * time.Second), identity: assumed("github-deployer", c.ticket, at), service: "ecr", name: "PutImage", ip: "192.0.2.30", agent: agentGo,
		params:   `{"repositoryName":"` + c.repo + `","imageTag":"` + c.sha[:12] + `"}`,
		response: `{"image":{"repositoryName":"` + c.repo + `","imageId":{"imageTag":"` + c.sha[:12] + `","imageDigest":"` + image + `"}}}`,
		resource: "arn:aws:ecr:" + region + ":" + account + ":repository/" + c.repo, resourceType: "AWS::ECR::Repository"})
	k := b.kube(at.Add(2*time.Minute), service("system:serviceaccount:platform:argocd", "argocd"), "192.0.2.24", "deployment.update", "patch", "platform", "deployments", c.repo, event.Change)
	k.Why, k.Detail = e.Why, detail("namespace", "platform", "image", image)
	b.event(k)
}
