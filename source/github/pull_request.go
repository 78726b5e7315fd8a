package github

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// pull is a pull request, as a webhook or the API shows it.
type pull struct {
	repo, number, title, state string
	author, mergedBy           person
	headSHA, headRef, headRepo string
	baseRef, baseSHA           string
	mergedAt, mergeSHA         string
	commits                    []byte
	draft                      string
}

func readPull(repo string, object []byte) pull {
	p := pull{repo: repo}
	for name, v := range source.Members(object) {
		switch name {
		case "number":
			p.number = source.Text(v)
		case "title":
			p.title = source.Text(v)
		case "state":
			p.state = source.Text(v)
		case "user":
			p.author = readPerson(v)
		case "merged_by":
			p.mergedBy = readPerson(v)
		case "merged_at":
			p.mergedAt = source.Text(v)
		case "merge_commit_sha":
			p.mergeSHA = source.Text(v)
		case "commits":
			p.commits = v
		case "draft":
			p.draft = source.Text(v)
		case "head":
			p.headSHA, p.headRef = source.MemberText(v, "sha"), source.MemberText(v, "ref")
			p.headRepo = source.MemberText(v, "repo", "full_name")
		case "base":
			p.baseSHA, p.baseRef = source.MemberText(v, "sha"), source.MemberText(v, "ref")
			if p.repo == "" {
				p.repo = source.MemberText(v, "repo", "full_name")
			}
		}
	}
	return p
}

// name is how people write it: acme/api#7.
func (p *pull) name() string {
	if p.number == "" || len(p.number) > 20 || len(p.repo) > 256 {
		return ""
	}
	return p.repo + "#" + p.number
}

func (p *pull) ticket() string { return first(source.Ticket(p.title), source.Ticket(p.headRef)) }

func (p *pull) target() event.Target {
	return event.Target{Type: "pull_request", ID: p.name(), Name: p.title}
}

func pullTarget(repo string, object []byte) event.Target {
	p := readPull(repo, object)
	return p.target()
}

func (p *pull) detail(d *source.Detail) {
	d.Text("author", p.author.login)
	d.Text("author_id", p.author.id)
	d.Text("head_sha", p.headSHA)
	d.Text("head", p.headRef)
	d.Text("base", p.baseRef)
	if p.headRepo != p.repo {
		d.Text("head_repository", p.headRepo)
	}
	d.Flag("draft", p.draft == "true")
	if p.mergedAt != "" {
		d.Text("merge_commit_sha", p.mergeSHA)
		d.Text("merged_at", p.mergedAt)
	}
	d.Scalar("commits", p.commits)
}

// review is a review of a pull request.
type review struct {
	id, state, commit, at string
	by                    person
}

func readReview(object []byte) (r review) {
	for name, v := range source.Members(object) {
		switch name {
		case "id":
			r.id = source.Text(v)
		case "state":
			r.state = source.Text(v)
		case "commit_id":
			r.commit = source.Text(v)
		case "submitted_at":
			r.at = source.Text(v)
		case "user":
			r.by = readPerson(v)
		}
	}
	return r
}

// is reports whether the review has this state, in whatever case.
func (r *review) is(state string) bool { return strings.EqualFold(r.state, state) }
