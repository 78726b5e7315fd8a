package github

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// change is a commit on a default branch with what is known of how it got there.
type change struct {
	repo, branch             string
	sha, message, date       string
	parents                  int
	author, committer        person
	authorName, authorEmail  string
	committerName            string
	committerEmail           string
	verified, verifiedReason string
	pull                     *pull
	pulls                    []byte // numbers of other pull requests that hold it
	push                     []byte // the entry of the repository's activity that brought it
	reviews, commits         []byte
	checks, statuses         []byte
}

// mapCommit returns the event of a commit that became part of a default branch.
func mapCommit(raw []byte, now time.Time) (event.Event, error) {
	c := readChange(raw)
	if c.sha == "" || c.repo == "" {
		return event.Event{}, errors.New("not a commit of GitHub: repository or sha is missing")
	}
	e := event.Event{
		ID:         bounded("commit/" + c.repo + "@" + c.sha),
		OccurredAt: now.UTC(),
		Action:     "commit.land", NativeAction: "commit", Category: event.Change,
		Outcome: event.Success,
		Where:   event.Where{Account: owner(c.repo)},
		Targets: []event.Target{{Type: "commit", ID: c.repo + "@" + c.sha, Name: line(c.message)}},
		Raw:     raw,
	}
	if branch := branchTarget(c.repo, c.branch); branch.ID != "" {
		addTarget(&e.Targets, branch)
	}
	d := make(source.Detail, 0, 1024)
	d.Text("repository", c.repo)
	d.Text("branch", c.branch)
	d.Text("sha", c.sha)
	at := ""
	if c.pull == nil {
		at = source.MemberText(c.push, "timestamp")
		c.pushed(&e, &d)
	} else {
		at = c.pull.mergedAt
		c.merged(&e, &d)
	}
	if t, ok := source.Time(at); ok {
		e.OccurredAt = t
	} else if t, ok := source.Time(c.date); ok {
		e.OccurredAt = t
		d.Text("time_of", "committer")
	} else {
		d.Text("time_of", "arrival")
	}
	c.describe(&d)
	e.Detail = d.Object()
	return e, nil
}

// pushed is a commit that no merged pull request holds.
func (c *change) pushed(e *event.Event, d *source.Detail) {
	e.OutcomeCode, e.OutcomeReason = "direct_push", "no merged pull request holds this commit"
	e.Why.Ticket = source.Ticket(line(c.message))
	d.Flag("direct_push", true)
	if who := readPerson(source.Member(c.push, "actor")); who.login != "" || who.id != "" {
		e.Actor = who.actor()
		d.Text("push", source.MemberText(c.push, "activity_type"))
	} else {
		e.Actor = c.committed()
		d.Text("actor_from", "committer")
	}
	d.Scalar("approvals", []byte("0"))
}

// committed is the committer, or the author of what was committed on GitHub's own
// pages. Without an account it is whom the commit names.
func (c *change) committed() event.Actor {
	who, name, email := c.committer, c.committerName, c.committerEmail
	if who.login == "web-flow" || who.login == "" && email == "noreply@github.com" {
		who, name, email = c.author, c.authorName, c.authorEmail
	}
	if who.login != "" || who.id != "" {
		return who.actor()
	}
	if email == "" && name == "" {
		return system
	}
	a := event.Actor{Type: event.User, ID: first(email, name), Name: name}
	if event.ValidEmail(email) {
		a.Email = email
	}
	return a
}

// merged is a commit that a merged pull request holds.
func (c *change) merged(e *event.Event, d *source.Detail) {
	p := c.pull
	e.Actor = p.mergedBy.actor()
	e.Why.Change = p.name()
	e.Why.Ticket = first(p.ticket(), source.Ticket(line(c.message)))
	addTarget(&e.Targets, p.target())
	valid, others := c.approvals()
	var by, ids []string
	for _, r := range valid {
		by, ids = append(by, r.by.login), append(ids, first(r.by.id, r.by.login))
	}
	if len(valid) > 0 {
		e.OutcomeCode = "approved"
		e.Why.Approval = "review/" + valid[0].id
	} else {
		e.OutcomeCode = "not_approved"
	}
	e.OutcomeReason = fmt.Sprintf("merged by pull request %s; valid approvals of its head: %d", p.name(), len(valid))
	d.Text("pull_request", p.number)
	p.detail(d)
	d.Text("merged_by", p.mergedBy.login)
	d.Flag("self_merged", p.mergedBy.is(p.author))
	d.Scalar("approvals", strconv.AppendInt(nil, int64(len(valid)), 10))
	d.Texts("approved_by", by)
	d.Texts("approved_by_ids", ids)
	d.Texts("not_counted", others)
	c.checked(d, p.mergedAt)
}

// approvals returns the valid approvals, one a person, and the others with why
// they do not count. Times are compared as text: GitHub writes all alike.
func (c *change) approvals() (valid []review, others []string) {
	p := c.pull
	wrote := []person{p.author}
	for v := range source.Elements(c.commits) {
		wrote = append(wrote, readPerson(source.Member(v, "author")), readPerson(source.Member(v, "committer")))
	}
	reject := func(r review, why string) {
		if len(others) < maxListed {
			others = append(others, first(r.by.login, "unknown")+": "+why)
		}
	}
	for v := range source.Elements(c.reviews) {
		r := readReview(v)
		switch {
		case !r.is("APPROVED") && !r.is("DISMISSED"):
		case r.is("DISMISSED"):
			reject(r, "dismissed")
		case p.mergedAt != "" && r.at > p.mergedAt:
			reject(r, "after the merge")
		case r.commit != p.headSHA:
			reject(r, "of another commit, "+r.commit)
		case r.by.bot():
			reject(r, "a bot")
		case r.by.is(p.author):
			reject(r, "the author")
		case slices.ContainsFunc(wrote, r.by.is):
			reject(r, "author or committer of a commit in it")
		case r.by.login == "" && r.by.id == "":
			reject(r, "an account that is gone")
		case c.withdrawn(r):
			reject(r, "changes requested afterwards")
		case slices.ContainsFunc(valid, func(have review) bool { return have.by.is(r.by) }):
		default:
			valid = append(valid, r)
		}
	}
	return valid, others
}

// withdrawn reports whether the reviewer asked for changes after r and before the
// merge.
func (c *change) withdrawn(r review) bool {
	for v := range source.Elements(c.reviews) {
		later := readReview(v)
		if later.is("CHANGES_REQUESTED") && later.by.is(r.by) && later.at > r.at && (c.pull.mergedAt == "" || later.at <= c.pull.mergedAt) {
			return true
		}
	}
	return false
}

// checked counts the checks and statuses, the last of each name, as they stood at
// the time of the merge.
func (c *change) checked(d *source.Detail, at string) {
	type result struct{ name, state, at string }
	var results []result
	add := func(r result) {
		for i := range results {
			if results[i].name == r.name {
				if r.at >= results[i].at {
					results[i] = r
				}
				return
			}
		}
		if len(results) < 512 {
			results = append(results, r)
		}
	}
	for v := range source.Elements(c.checks) {
		done, state := source.MemberText(v, "completed_at"), source.MemberText(v, "conclusion")
		if done == "" || done > at {
			state = ""
		}
		add(result{source.MemberText(v, "name"), state, source.MemberText(v, "started_at")})
	}
	for v := range source.Elements(c.statuses) {
		if made := source.MemberText(v, "created_at"); made <= at {
			add(result{source.MemberText(v, "context"), source.MemberText(v, "state"), made})
		}
	}
	var passed, failed, pending int
	var names []string
	for _, r := range results {
		switch {
		case r.state == "success" || r.state == "neutral" || r.state == "skipped":
			passed++
		case r.state == "" || r.state == "pending":
			pending++
		default:
			failed++
			if len(names) < maxListed {
				names = append(names, r.name)
			}
		}
	}
	number := func(name string, n int) { d.Scalar(name, strconv.AppendInt(nil, int64(n), 10)) }
	number("checks_passed", passed)
	number("checks_failed", failed)
	number("checks_pending", pending)
	d.Texts("failed_checks", names)
}

// describe adds what the commit says of itself.
func (c *change) describe(d *source.Detail) {
	d.Text("commit_author", first(c.author.login, c.authorEmail, c.authorName))
	d.Text("committer", first(c.committer.login, c.committerEmail, c.committerName))
	d.Text("committed_at", c.date)
	d.Text("title", line(c.message))
	d.Scalar("parents", strconv.AppendInt(nil, int64(c.parents), 10))
	if c.verified == "true" || c.verified == "false" {
		d.Scalar("signature_verified", []byte(c.verified))
		d.Text("signature", c.verifiedReason)
	}
	var pulls []string
	for v := range source.Elements(c.pulls) {
		if len(pulls) < maxListed {
			pulls = append(pulls, source.Text(v))
		}
	}
	d.Texts("other_pull_requests", pulls)
}

func readChange(raw []byte) (c change) {
	var object []byte
	for name, v := range source.Members(raw) {
		switch name {
		case "repository":
			c.repo = source.Text(v)
		case "branch":
			c.branch = source.Text(v)
		case "commit":
			object = v
		case "pull_request":
			if v[0] == '{' {
				p := readPull("", v)
				c.pull = &p
			}
		case "other_pull_requests":
			c.pulls = v
		case "activity":
			c.push = v
		case "reviews":
			c.reviews = v
		case "commits":
			c.commits = v
		case "check_runs":
			c.checks = v
		case "statuses":
			c.statuses = v
		}
	}
	if c.pull != nil {
		c.pull.repo = c.repo
	}
	for name, v := range source.Members(object) {
		switch name {
		case "sha":
			c.sha = source.Text(v)
		case "author":
			c.author = readPerson(v)
		case "committer":
			c.committer = readPerson(v)
		case "parents":
			for range source.Elements(v) {
				c.parents++
			}
		case "commit":
			c.readCommit(v)
		}
	}
	return c
}

func (c *change) readCommit(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "message":
			c.message = source.Text(v)
		case "author":
			c.authorName, c.authorEmail = source.MemberText(v, "name"), source.MemberText(v, "email")
		case "committer":
			c.committerName, c.committerEmail = source.MemberText(v, "name"), source.MemberText(v, "email")
			c.date = source.MemberText(v, "date")
		case "verification":
			c.verified, c.verifiedReason = source.MemberText(v, "verified"), source.MemberText(v, "reason")
		}
	}
}

// owner is the account that a repository belongs to.
func owner(repo string) string {
	name, _, _ := strings.Cut(repo, "/")
	return name
}
