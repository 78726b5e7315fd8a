package github

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/evident/source"
	"github.com/go-json-experiment/json/jsontext"
)

// commitsPerPage is small: each may cost six more requests.
const commitsPerPage = 10

// settleTime is how long a commit without a pull request is asked for again:
// GitHub joins the two a little after a merge.
const settleTime = 2 * time.Minute

// statusTime is for how long after a deployment its statuses are looked at.
const statusTime = 2 * time.Hour

// repository is one whose changes are read.
type repository struct{ name, path string }

// commits fetches a page of what became part of the default branch. The branch is
// compared with where it stood, so that no date, which anybody can write, decides
// what is seen.
func (r repository) commits(c *client, at position) (objects []byte, to position, more bool, err error) {
	if at.Head == "" {
		if at, err = r.begin(c, at); err != nil || at.Head == "" {
			return nil, at, false, err
		}
	}
	list, compared, last, err := r.between(c, at)
	if at.Base != "" && absent(err) { // GitHub has forgotten it: all again, from the date where reading began
		lost := r.rewritten(c, at, "")
		at.Base, err = r.dated(c, at.Head)
		return array([][]byte{lost}), at, true, err
	}
	if err != nil {
		return nil, at, false, err
	}
	var out [][]byte
	if at.Page == 1 && compared != nil {
		if lost := source.MemberText(compared, "behind_by"); lost != "" && lost != "0" {
			out = append(out, r.rewritten(c, at, lost))
		}
	}
	pulls, n := map[string]*landed{}, (at.Page-1)*commitsPerPage
	var young []byte
	pushes := pushes{list: list}
	for v := range source.Elements(list) {
		commit, known, err := r.commit(c, at.Branch, v, pulls, &pushes)
		switch {
		case err != nil:
			return nil, at, false, err
		case known:
			out = append(out, commit...)
			if young == nil {
				n++
			}
		case young == nil:
			young = v
		}
	}
	switch {
	case young != nil: // it and what is behind it again, in a while
		base, err := r.before(c, at, young, n)
		return array(out), position{Base: base}, false, err
	case last:
		return array(out), position{Base: at.Head}, false, nil
	}
	at.Page++
	return array(out), at, true, nil
}

// before returns where to begin again so that a commit is seen again: at its first
// parent, if the n commits that were delivered are all that this one holds.
func (r repository) before(c *client, at position, commit []byte, n int) (string, error) {
	parent := ""
	for v := range source.Elements(source.Member(commit, "parents")) {
		parent = source.MemberText(v, "sha")
		break
	}
	if parent == "" || parent == at.Base || at.Base == "" {
		return at.Base, nil
	}
	answer, err := c.get(r.path+"/compare/"+url.PathEscape(at.Base)+"..."+url.PathEscape(parent), url.Values{"per_page": {"1"}})
	if err != nil {
		return at.Base, err
	}
	if source.MemberText(answer.Body, "total_commits") == strconv.Itoa(n) && source.MemberText(answer.Body, "behind_by") == "0" {
		return parent, nil
	}
	return at.Base, nil
}

// begin finds out where the branch stands, and at the very first where it stood
// when reading begins. Head stays empty if nothing happened.
func (r repository) begin(c *client, at position) (position, error) {
	answer, err := c.get(r.path, nil)
	if err != nil {
		return at, err
	}
	branch := source.MemberText(answer.Body, "default_branch")
	if answer, err = c.get(r.path+"/branches/"+url.PathEscape(branch), nil); absent(err) {
		return at, nil // an empty repository
	}
	if err != nil {
		return at, err
	}
	head := source.MemberText(answer.Body, "commit", "sha")
	if head == "" {
		return at, fmt.Errorf("branch %s: no commit", branch)
	}
	if at.Base == "" {
		if at.Base, err = r.stood(c, branch, head); err != nil {
			return at, err
		}
	}
	if at.Base == head {
		return position{Base: head}, nil
	}
	at.Head, at.Branch, at.Page = head, branch, 1
	return at, nil
}

// stood returns the commit that the branch stood at when reading begins, by the
// repository's activity. Where that does not reach back so far, the date of a
// commit has to do.
func (r repository) stood(c *client, branch, head string) (string, error) {
	query := url.Values{"ref": {"refs/heads/" + branch}, "per_page": {"100"}}
	begin := c.since.Format(time.RFC3339)
	for range maxListPages {
		answer, err := c.get(r.path+"/activity", query)
		if absent(err) {
			break
		}
		if err != nil {
			return "", err
		}
		for v := range source.Elements(answer.Body) {
			if sha := source.MemberText(v, "after"); source.MemberText(v, "timestamp") <= begin && strings.Trim(sha, "0") != "" {
				return sha, nil
			}
		}
		older := next(answer, "after")
		if older == "" {
			break
		}
		query.Set("after", older)
	}
	return r.dated(c, head)
}

// dated returns the last commit with a date before reading begins, or "".
func (r repository) dated(c *client, head string) (string, error) {
	answer, err := c.get(r.path+"/commits", url.Values{"sha": {head}, "until": {c.since.Format(time.RFC3339)}, "per_page": {"1"}})
	if err != nil {
		return "", err
	}
	for v := range source.Elements(answer.Body) {
		return source.MemberText(v, "sha"), nil
	}
	return "", nil
}

// between returns a page of commits that Head holds and Base does not, the
// comparison of the two, and whether it was the last page. Without a Base that is
// all commits of Head.
func (r repository) between(c *client, at position) (list, compared []byte, last bool, err error) {
	query := url.Values{"per_page": {strconv.Itoa(commitsPerPage)}, "page": {strconv.Itoa(at.Page)}}
	if at.Base != "" {
		answer, err := c.get(r.path+"/compare/"+url.PathEscape(at.Base)+"..."+url.PathEscape(at.Head), query)
		if err != nil {
			return nil, nil, false, err
		}
		total, err := strconv.Atoi(source.MemberText(answer.Body, "total_commits"))
		if err != nil {
			return nil, nil, false, fmt.Errorf("compare: total_commits: %w", err)
		}
		return source.Member(answer.Body, "commits"), answer.Body, at.Page*commitsPerPage >= total, nil
	}
	query.Set("sha", at.Head)
	answer, err := c.get(r.path+"/commits", query)
	if err != nil {
		return nil, nil, false, err
	}
	return answer.Body, nil, next(answer, "page") == "", nil
}

// rewritten is the event of a branch that lost commits that it held.
func (r repository) rewritten(c *client, at position, lost string) []byte {
	e := newEnvelope("branch", r.name).member("branch", quote(at.Branch)).member("from", quote(at.Base)).member("to", quote(at.Head))
	if _, err := strconv.Atoi(lost); err == nil {
		e = e.member("behind_by", []byte(lost))
	}
	if answer, err := c.get(r.path+"/commits/"+url.PathEscape(at.Head), nil); err == nil {
		e = e.member("commit", pick(nil, answer.Body, commitParts))
	}
	return e.end()
}

// landed is a merged pull request with all that is asked about it.
type landed struct {
	pull, of                 []byte // of has what names it
	mergedAt                 string
	reviews, commits, checks [][]byte
	statuses                 [][]byte
	told                     bool // its own objects were delivered
}

// commit returns the objects that tell how a commit landed. known is false if it
// is too new to tell.
func (r repository) commit(c *client, branch string, v []byte, pulls map[string]*landed, pushes *pushes) (objects [][]byte, known bool, err error) {
	sha := source.MemberText(v, "sha")
	candidates, err := c.list(r.path+"/commits/"+url.PathEscape(sha)+"/pulls", "", url.Values{})
	if err != nil {
		return nil, false, err
	}
	number, others := r.choose(candidates, sha, branch)
	e := newEnvelope("commit", r.name).member("branch", quote(branch)).member("commit", pick(nil, v, commitParts))
	if number == "" {
		at, ok := source.Time(source.MemberText(v, "commit", "committer", "date"))
		if age := c.api.Now().Sub(at); ok && age < settleTime && age > -settleTime {
			return nil, false, nil
		}
		push, err := pushes.of(c, r, branch, sha)
		if err != nil {
			return nil, false, err
		}
		if push != nil {
			e = e.member("activity", pick(nil, push, activityParts))
		}
		return append(objects, e.member("pull_request", []byte("null")).end()), true, nil
	}
	p := pulls[number]
	if p == nil {
		if p, err = r.pull(c, number); err != nil {
			return nil, false, err
		}
		pulls[number] = p
	}
	e = e.member("pull_request", p.pull)
	if len(others) > 0 {
		e = e.member("other_pull_requests", array(others))
	}
	e = e.picks("reviews", p.reviews, reviewParts).picks("commits", p.commits, innerParts)
	e = e.picks("check_runs", p.checks, nil).picks("statuses", p.statuses, statusParts)
	objects = append(objects, e.end())
	if !p.told {
		p.told = true
		objects = append(objects, r.tell(p)...)
	}
	return objects, true, nil
}

// pushes finds the push that brought a commit, in the repository's activity. It
// asks for that only if there is a commit without a pull request.
type pushes struct {
	list  []byte // the page of commits, oldest first
	asked bool
	after map[string][]byte // by the commit that the branch stood at afterwards
}

// of returns the push of a commit: that whose last commit is the first from there
// on which any push ended with. It is nil if GitHub does not tell.
func (p *pushes) of(c *client, r repository, branch, sha string) ([]byte, error) {
	if !p.asked {
		p.asked, p.after = true, map[string][]byte{}
		answer, err := c.get(r.path+"/activity", url.Values{"ref": {"refs/heads/" + branch}, "per_page": {"100"}})
		if err != nil && !absent(err) {
			return nil, err
		}
		if err == nil {
			for v := range source.Elements(answer.Body) {
				p.after[source.MemberText(v, "after")] = v
			}
		}
	}
	from := false
	for v := range source.Elements(p.list) {
		s := source.MemberText(v, "sha")
		from = from || s == sha
		if push := p.after[s]; from && push != nil {
			return push, nil
		}
	}
	return nil, nil
}

// choose returns the number of the pull request by which a commit came to the
// branch: that whose merge made it, else the first merged. others are those that
// hold it too.
func (r repository) choose(candidates [][]byte, sha, branch string) (number string, others [][]byte) {
	var chosen pull
	for _, v := range candidates {
		p := readPull(r.name, v)
		if p.mergedAt == "" || p.baseRef != branch || p.number == "" {
			continue
		}
		made, before := p.mergeSHA == sha, p.mergedAt < chosen.mergedAt
		if chosen.number == "" || made || before && chosen.mergeSHA != sha {
			chosen = p
		}
	}
	for _, v := range candidates {
		if n := source.Member(v, "number"); chosen.number != "" && n != nil && source.Text(n) != chosen.number && len(others) < maxListed {
			others = append(others, n)
		}
	}
	return chosen.number, others
}

// pull asks for all that is to know of a merged pull request, as it stood when it
// was merged.
func (r repository) pull(c *client, number string) (*landed, error) {
	path := r.path + "/pulls/" + url.PathEscape(number)
	answer, err := c.get(path, nil)
	if err != nil {
		return nil, err
	}
	full := readPull(r.name, answer.Body)
	p := &landed{pull: pick(nil, answer.Body, pullParts), of: pick(nil, answer.Body, pullName), mergedAt: full.mergedAt}
	reviews, err := c.list(path+"/reviews", "", url.Values{})
	if err != nil {
		return nil, err
	}
	for _, v := range reviews {
		if at := source.MemberText(v, "submitted_at"); at != "" && at <= p.mergedAt {
			p.reviews = append(p.reviews, v)
		}
	}
	if p.commits, err = c.list(path+"/commits", "", url.Values{}); err != nil {
		return nil, err
	}
	head := r.path + "/commits/" + url.PathEscape(full.headSHA)
	checks, err := c.list(head+"/check-runs", "check_runs", url.Values{"filter": {"all"}})
	if err != nil {
		return nil, err
	}
	for _, v := range checks {
		parts := checkParts
		if done := source.MemberText(v, "completed_at"); done == "" || done > p.mergedAt {
			parts = pendingParts // what came of it later is not what the merge rested on
		}
		if source.MemberText(v, "started_at") <= p.mergedAt {
			p.checks = append(p.checks, pick(nil, v, parts))
		}
	}
	statuses, err := c.list(head+"/statuses", "", url.Values{})
	if err != nil {
		return nil, err
	}
	for _, v := range statuses {
		if source.MemberText(v, "created_at") <= p.mergedAt {
			p.statuses = append(p.statuses, v)
		}
	}
	return p, nil
}

// tell returns the merge, the reviews and the finished checks of a pull request as
// objects of their own.
func (r repository) tell(p *landed) (objects [][]byte) {
	objects = append(objects, newEnvelope("pull_request", r.name).member("pull_request", p.pull).end())
	for _, v := range p.reviews {
		objects = append(objects, newEnvelope("review", r.name).member("pull_request", p.of).member("review", pick(nil, v, reviewParts)).end())
	}
	for _, v := range p.checks {
		if source.Member(v, "completed_at") != nil {
			objects = append(objects, newEnvelope("check_run", r.name).member("pull_request", p.of).member("check_run", v).end())
		}
	}
	return objects
}

// deployments fetches a page of what was deployed since, and what became of it.
// GitHub lists the newest first, and statuses deployment by deployment: those of
// deployments that are older than statusTime are not seen.
func (r repository) deployments(c *client, at position) ([]byte, position, bool, error) {
	at.Page = max(at.Page, 1)
	answer, err := c.get(r.path+"/deployments", url.Values{"per_page": {"30"}, "page": {strconv.Itoa(at.Page)}})
	if err != nil {
		return nil, at, false, err
	}
	after := max(at.Newest, c.since.UnixMilli()-1)
	to := position{Newest: at.Newest, Seen: max(at.Seen, at.Newest), Page: at.Page + 1}
	var out [][]byte
	keep := func(made string, object func() []byte) {
		if t, ok := source.Time(made); ok && t.UnixMilli() > after {
			out = append(out, object())
			to.Seen = max(to.Seen, t.UnixMilli())
		}
	}
	old := next(answer, "page") == ""
	for v := range source.Elements(answer.Body) {
		made := source.MemberText(v, "created_at")
		if t, ok := source.Time(made); ok && t.UnixMilli() < after-statusTime.Milliseconds() {
			old = true
			continue
		}
		deployment := pick(nil, v, deployParts)
		keep(made, func() []byte { return newEnvelope("deployment", r.name).member("deployment", deployment).end() })
		statuses, err := c.list(r.path+"/deployments/"+url.PathEscape(source.MemberText(v, "id"))+"/statuses", "", url.Values{})
		if err != nil {
			return nil, at, false, err
		}
		for _, s := range statuses {
			keep(source.MemberText(s, "created_at"), func() []byte {
				return newEnvelope("deployment_status", r.name).member("deployment", deployment).member("deployment_status", pick(nil, s, stateParts)).end()
			})
		}
	}
	if old {
		to = position{Newest: to.Seen}
	}
	return array(out), to, !old, nil
}

func quote(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s) // what is not UTF-8 becomes U+FFFD
	return b
}
