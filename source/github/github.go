// Package github reads what GitHub tells of an organisation: its audit log, its
// webhooks, and, by API, every change that reached a default branch, with the
// pull request, the reviews and the checks behind it, and deployments.
//
// Deliveries: NDJSON, arrays and single objects of
//
//   - audit log entries: REST API, streaming, exports; members under "data" are
//     read as if they stood beside it
//   - webhooks, as {"event":…,"delivery":…,"payload":{…}}: the headers
//     X-GitHub-Event and X-GitHub-Delivery and the body, verbatim. A bare payload
//     is told by its shape
//   - API objects, as {"type":"commit","repository":"acme/api",…}: see below
//
// Mapping:
//
//	audit log                   webhook                      event
//	_document_id                delivery                     id; without one the delivery decides
//	@timestamp, created_at      the object's own time        occurred_at; of webhooks that have none, when it came
//	action                      event.action                 native_action; action, category: see Actions
//	actor, actor_id             sender                       actor
//	user, team, repo, org, …    member, pull_request, …      target, targets: whom or what it was done to first
//	actor_ip, user_agent        –                            where.ip, where.user_agent
//	org, else business          organization, else owner     where.account
//	request_id                  –                            request_id
//	external_identity_nameid    –                            actor.email, if it is one
//	pull request                pull request                 why.change: acme/api#7; why.ticket: a key such as OPS-12
//	                                                         in its title, else in the branch
//	all other scalars           named members                detail; never hashed_token or what may hold a secret
//
// Actor: a user; a service if GitHub says bot, if the name ends in [bot], or if the
// credential is that of an app's installation or a deploy key; system "github" if
// nobody is named. Login names are used again by others: the id is GitHub's number
// where there is one.
//
// Outcome of audit entries, which have no such member: success, but denied for
// rejected_ and blocked_ actions, failure for failed_ ones; of workflow runs the
// conclusion; of api.request the status code. Of checks, workflow runs and
// deployments: success is success; failure, timed_out, startup_failure, cancelled,
// stale and error are failure; all others are unknown.
//
// Actions that are not in the table are called github. and GitHub's name with
// underscores: github.repo_something. Their category goes by the first word: see
// ruled. org.update_member is role.grant (privileged) when it makes an owner,
// role.revoke when it unmakes one, role.update otherwise.
//
// # Changes
//
// The population of changes is the commits of the default branch, not the pull
// requests: what was pushed past all rules is in it. Each commit that became
// reachable from the branch is one event commit.land. Pages of commits are found
// by comparing the branch with the commit it stood at before, never by date:
// dates are whatever the committer wrote. Where the branch was rewritten, an event
// branch.rewrite says so.
//
//	outcome_code            approved, not_approved, or direct_push: no merged pull request holds the commit
//	outcome_reason          the same in words
//	detail.direct_push      true for direct_push
//	detail.approvals        number of valid approvals; approved_by, approved_by_ids: whose
//	detail.not_counted      every other approval, and why it did not count
//	detail.checks_passed, checks_failed, checks_pending, failed_checks: at head_sha when it was merged
//	actor                   who merged; of a direct push, who pushed
//	occurred_at             when that was
//	why.approval            the first valid approval: review/ID
//
// Who pushed, and when, is what the repository's activity says. Where it says
// nothing, it is the committer and his date, which are whatever the commit claims:
// detail.actor_from and detail.time_of are then "committer".
//
// An approval is valid if it is a review of state APPROVED (in whatever case) of
// the head commit that was merged, submitted before the merge, not dismissed, not
// followed by the same person's request for changes, and not by a bot, the author
// of the pull request, or an author or committer of any of its commits.
//
// The same pages bring the merge itself (pull_request.merge), its reviews
// (pull_request_review.submit) and checks (check_run.complete). Raw is not the
// whole answer but its members that do not change afterwards, byte for byte:
// GitHub's objects hold counts of stars and open issues, and the same change,
// fetched twice, would be two.
//
// Pull reads what its settings name: "org" (its audit log; "audit": "off" leaves
// that out), "enterprise" (the audit log of all its organisations), and "repos":
// owner/names, or names of "org", with commas or spaces between them. Its cursor is
// a JSON object with a position for each of them, which take turns; it has room
// for about fifty repositories, and more are shared out among connectors.
//
// # Limits of GitHub
//
// The audit log API is of Enterprise Cloud; entries come within minutes, are kept
// for 180 days, Git events for 7; actor_ip only if the organisation turned it on.
// Webhooks come at least once for three days of redelivery by hand, in no order,
// and are lost if nobody takes them: the API is what makes a trail complete. Rate
// limit 5,000 requests an hour; a merged commit costs up to six. When a commit is
// found whose pull request GitHub does not know yet, it waits for two minutes.
// Required checks are not told from others. The audit log, webhooks and the API
// have no id in common: what comes by several ways comes as several events.
package github

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is GitHub.
var Kind = source.Kind{
	Name:    "github",
	Title:   "GitHub",
	Ways:    "API, webhook, audit log streaming, files",
	Split:   source.JSON(),
	Map:     mapEvent,
	Pull:    &source.Pull{From: from, Page: page, Every: time.Minute, Lag: 2 * time.Hour},
	Actions: allActions(),
}

// system is the actor where GitHub names none.
var system = event.Actor{Type: event.ActorSystem, ID: "github"}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	var kind, native, delivery, action string
	var payload []byte
	sender, repository, dated := false, false, false
	for name, v := range source.Members(raw) {
		switch name {
		case "type":
			kind = source.Text(v)
		case "event":
			native = source.Text(v)
		case "delivery":
			delivery = source.Text(v)
		case "action":
			action = source.Text(v)
		case "payload":
			payload = v
		case "sender":
			sender = v[0] == '{'
		case "repository":
			repository = v[0] == '"'
		case "@timestamp", "created_at", "at_sign_timestamp":
			dated = true
		}
	}
	switch {
	case native != "" && len(payload) > 0 && payload[0] == '{':
		return mapWebhook(raw, payload, native, delivery, now)
	case kind != "" && repository && action == "":
		return mapObject(raw, kind, now)
	case action != "" && dated && !sender:
		return mapAudit(raw)
	}
	if native = shape(raw); native != "" {
		return mapWebhook(raw, raw, native, "", now)
	}
	return event.Event{}, errors.New("neither an entry of the audit log nor a webhook nor an object of the API of GitHub")
}

// person is a user, bot or organisation as the API shows it.
type person struct{ login, id, kind string }

func readPerson(object []byte) (p person) {
	for name, v := range source.Members(object) {
		switch name {
		case "login":
			p.login = source.Text(v)
		case "id":
			p.id = source.Text(v)
		case "type":
			p.kind = source.Text(v)
		}
	}
	return p
}

func (p person) bot() bool { return p.kind == "Bot" || strings.HasSuffix(p.login, "[bot]") }

// is reports whether both are the same, by id where both have one.
func (p person) is(q person) bool {
	if p.id != "" && q.id != "" {
		return p.id == q.id
	}
	return p.login != "" && p.login == q.login
}

func (p person) actor() event.Actor {
	a := event.Actor{Type: event.User, ID: first(p.id, p.login), Name: p.login}
	if a.ID == "" {
		return system
	}
	if p.bot() {
		a.Type = event.Service
	}
	return a
}

func (p person) target() event.Target {
	return event.Target{Type: "user", ID: first(p.id, p.login), Name: p.login}
}

// verdict is the outcome of a check, a workflow run or a deployment.
func verdict(conclusion string) event.Outcome {
	switch strings.ToLower(conclusion) {
	case "success":
		return event.Success
	case "failure", "timed_out", "startup_failure", "cancelled", "stale", "error":
		return event.Failure
	}
	return event.Unknown
}

// place puts an address where it belongs.
func place(w *event.Where, address string) {
	if event.ValidIP(address) {
		w.IP = address
	} else {
		w.Host = address
	}
}

// addTarget adds a target that says something and is not there yet.
func addTarget(targets *[]event.Target, t event.Target) {
	if t.ID == "" && t.Name == "" || len(*targets) == maxTargets {
		return
	}
	for _, have := range *targets {
		if have.Type == t.Type && have.ID == t.ID {
			return
		}
	}
	*targets = append(*targets, t)
}

// maxTargets bounds what one event names.
const maxTargets = 32

// branchTarget is a branch of a repository: acme/api:main.
func branchTarget(repo, branch string) event.Target {
	branch = strings.TrimPrefix(branch, "refs/heads/")
	if branch == "" {
		return event.Target{}
	}
	kind := "branch"
	if tag, ok := strings.CutPrefix(branch, "refs/tags/"); ok {
		kind, branch = "tag", tag
	}
	return event.Target{Type: kind, ID: repo + ":" + branch, Name: branch}
}

func first(values ...string) string {
	for _, s := range values {
		if s != "" {
			return s
		}
	}
	return ""
}

// bounded returns an id that an event may have, or none.
func bounded(id string) string {
	if len(id) > event.MaxIDBytes {
		return ""
	}
	return id
}
