package github

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Bounds of what an entry's own members add to detail; raw has all of them.
const (
	maxDetails     = 48
	maxDetailBytes = 1 << 10 // of one value
	maxListed      = 32      // values of one array
)

// entry is an entry of the audit log.
type entry struct {
	action, document, request      string
	actor, actorID, access         string
	user, userID, nameID           string
	org, orgID, business, repo     string
	repoID, team, teamID           string
	ip, agent, country             string
	branch, name                   string
	pullTitle, pullURL, headBranch string
	permission, oldPermission      string
	conclusion, status, reason     string
	key, title, fingerprint        string
	timestamp, created, atSign     string
	bot                            bool
	rest                           []member // what goes to detail as it is
	ids                            [len(idMembers)]string
	names                          [len(idMembers)]string
}

type member struct {
	name  string
	value []byte
}

// idMembers are members that name what an entry is about.
var idMembers = [...]struct{ id, name, kind string }{
	{"hook_id", "", "hook"},
	{"ruleset_id", "ruleset_name", "ruleset"},
	{"workflow_id", "", "workflow"},
	{"integration_id", "integration", "app"},
	{"oauth_application_id", "oauth_application", "app"},
	{"", "environment_name", "environment"},
	{"runner_id", "runner_name", "runner"},
	{"organization_role_id", "organization_role_name", "role"},
	{"", "role_name", "role"},
	{"", "package", "package"},
	{"alert_number", "", "alert"},
}

func mapAudit(raw []byte) (event.Event, error) {
	var n entry
	n.read(raw)
	at, ok := n.time()
	if !ok {
		return event.Event{}, fmt.Errorf("not an entry of GitHub's audit log: its time is %.40q, which is none", first(n.timestamp, n.atSign, n.created))
	}
	if len(n.action) > event.MaxStringBytes/2 {
		return event.Event{}, errors.New("not an entry of GitHub's audit log: the name of its action is too long")
	}
	e := event.Event{
		ID:           bounded(n.document),
		OccurredAt:   at,
		Actor:        n.who(),
		NativeAction: n.action,
		Where:        event.Where{UserAgent: n.agent, Account: first(n.org, n.business)},
		RequestID:    n.request,
		Raw:          raw,
	}
	place(&e.Where, n.ip)
	action := n.meaning()
	e.Action, e.Category = action.Action, action.Category
	e.Outcome, e.OutcomeCode = n.outcome()
	e.Targets = n.targets()
	n.why(&e)
	e.Detail = n.details()
	return e, nil
}

// read takes an entry's members, and those of its data behind them.
func (n *entry) read(object []byte) {
	var data []byte
	for name, v := range source.Members(object) {
		if name == "data" && v[0] == '{' {
			data = v
			continue
		}
		n.member(name, v)
	}
	for name, v := range source.Members(data) {
		if source.Member(object, name) == nil {
			n.member(name, v)
		}
	}
}

// member takes one member. Some are lists in entries of an enterprise: the first
// value is what counts, all go to detail.
func (n *entry) member(name string, v []byte) {
	if field := n.field(name); field != nil {
		*field = source.Text(v)
		if v[0] == '[' {
			for element := range source.Elements(v) {
				*field = source.Text(element)
				break
			}
			n.rest = append(n.rest, member{name + "s", v})
		}
		return
	}
	switch name {
	case "actor_is_bot":
		n.bot = source.Text(v) == "true"
		return
	case "actor_location":
		n.country = source.MemberText(v, "country_code")
		return
	}
	for i, m := range idMembers {
		if m.id == name {
			n.ids[i] = source.Text(v)
		}
		if m.name == name && v[0] == '"' {
			n.names[i] = source.Text(v)
		}
	}
	if copied(name) && len(n.rest) < maxDetails && len(v) <= maxDetailBytes {
		n.rest = append(n.rest, member{name, v})
	}
}

// field returns where the text of a member belongs, or nil.
func (n *entry) field(name string) *string {
	switch name {
	case "action":
		return &n.action
	case "_document_id":
		return &n.document
	case "request_id":
		return &n.request
	case "actor":
		return &n.actor
	case "actor_id":
		return &n.actorID
	case "programmatic_access_type":
		return &n.access
	case "user":
		return &n.user
	case "user_id":
		return &n.userID
	case "external_identity_nameid":
		return &n.nameID
	case "org":
		return &n.org
	case "org_id":
		return &n.orgID
	case "business":
		return &n.business
	case "repo", "repository":
		return &n.repo
	case "repo_id", "repository_id":
		return &n.repoID
	case "team":
		return &n.team
	case "team_id":
		return &n.teamID
	case "actor_ip":
		return &n.ip
	case "user_agent":
		return &n.agent
	case "@timestamp":
		return &n.timestamp
	case "at_sign_timestamp":
		return &n.atSign
	case "created_at":
		return &n.created
	}
	return n.subject(name)
}

// subject is field for members that say what an action is about.
func (n *entry) subject(name string) *string {
	switch name {
	case "branch", "ref":
		return &n.branch
	case "name":
		return &n.name
	case "pull_request_title":
		return &n.pullTitle
	case "pull_request_url":
		return &n.pullURL
	case "head_branch":
		return &n.headBranch
	case "permission":
		return &n.permission
	case "old_permission":
		return &n.oldPermission
	case "conclusion":
		return &n.conclusion
	case "status_code":
		return &n.status
	case "reason", "comment", "explanation":
		return &n.reason
	case "key":
		return &n.key
	case "title":
		return &n.title
	case "fingerprint":
		return &n.fingerprint
	}
	return nil
}

// copied reports whether a member may go to detail: its name needs no escaping
// and is not that of something secret.
func copied(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	for _, word := range []string{"hashed_token", "password", "credential", "private", "config", "security_header", "secret_value", "url"} {
		if strings.Contains(name, word) {
			return false
		}
	}
	if strings.Contains(name, "token") {
		return name == "token_id" || name == "token_scopes"
	}
	return true
}

// time reads milliseconds, seconds, or a text.
func (n *entry) time() (time.Time, bool) {
	for _, s := range []string{n.timestamp, n.atSign, n.created} {
		if s == "" {
			continue
		}
		if t, ok := source.Time(s); ok {
			return t, true
		}
		if t, ok := epoch(s); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// epoch reads a number of milliseconds, or of seconds if it is too small for that.
func epoch(s string) (time.Time, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 9.2e15 {
		return time.Time{}, false
	}
	if f < 1e11 {
		f *= 1000
	}
	t := time.UnixMicro(int64(math.Round(f * 1000))).UTC()
	return t, t.Year() <= 2261
}

// who follows the rules of the package comment.
func (n *entry) who() event.Actor {
	p := person{login: n.actor, id: n.actorID}
	if n.bot {
		p.kind = "Bot"
	}
	if n.actor == "" && n.actorID == "" && (n.action == "user.failed_login" || n.action == "user.login") {
		p.login, p.id = n.user, n.userID
	}
	a := p.actor()
	switch n.access {
	case "GitHub App server-to-server token", "Deploy key":
		if a.Type == event.User {
			a.Type = event.Service
		}
	}
	if event.ValidEmail(n.nameID) && a.Type == event.User {
		a.Email = n.nameID
	}
	return a
}

func (n *entry) outcome() (event.Outcome, string) {
	_, verb, _ := strings.Cut(n.action, ".")
	switch {
	case n.status != "":
		code, _ := strconv.Atoi(n.status)
		switch {
		case code == 403:
			return event.Denied, n.status
		case code >= 400:
			return event.Failure, n.status
		case code >= 200:
			return event.Success, n.status
		}
		return event.Unknown, n.status
	case strings.HasPrefix(verb, "completed_workflow"):
		return verdict(n.conclusion), n.conclusion
	case strings.HasPrefix(verb, "rejected_"), strings.HasPrefix(verb, "blocked_"):
		return event.Denied, n.conclusion
	case strings.HasPrefix(verb, "failed_"), strings.HasSuffix(verb, "_failure"), strings.HasSuffix(verb, "_failed"):
		return event.Failure, n.conclusion
	}
	return event.Success, n.conclusion
}

// targets names whom and what it was done to, then where. Somebody who is the
// actor too stands last.
func (n *entry) targets() (targets []event.Target) {
	user := person{login: n.user, id: n.userID}
	if !user.is(person{login: n.actor, id: n.actorID}) {
		addTarget(&targets, user.target())
	}
	if change := n.pull(); change != "" {
		addTarget(&targets, event.Target{Type: "pull_request", ID: change, Name: n.pullTitle})
	}
	subject, _, _ := strings.Cut(n.action, ".")
	switch {
	case subject == "protected_branch" && n.branch == "":
		addTarget(&targets, branchTarget(n.repo, n.name))
	case n.branch != "":
		addTarget(&targets, branchTarget(n.repo, n.branch))
	}
	for i, m := range idMembers {
		t := event.Target{Type: m.kind, ID: n.ids[i], Name: n.names[i]}
		if t.Type == "workflow" && t.ID != "" {
			t.Name = n.name
		}
		addTarget(&targets, t)
	}
	if strings.Contains(n.action, "secret") && n.key != "" {
		addTarget(&targets, event.Target{Type: "secret", Name: n.key})
	}
	if n.fingerprint != "" {
		addTarget(&targets, event.Target{Type: "key", ID: n.fingerprint, Name: n.title})
	}
	addTarget(&targets, event.Target{Type: "team", ID: first(n.teamID, n.team), Name: n.team})
	addTarget(&targets, event.Target{Type: "repository", ID: first(n.repoID, n.repo), Name: n.repo})
	addTarget(&targets, event.Target{Type: "organization", ID: first(n.orgID, n.org), Name: n.org})
	addTarget(&targets, event.Target{Type: "enterprise", ID: n.business, Name: n.business})
	addTarget(&targets, user.target())
	return targets
}

// pull is the pull request that an entry names: acme/api#7.
func (n *entry) pull() string {
	_, path, ok := strings.Cut(n.pullURL, "://")
	parts := strings.Split(path, "/")
	if !ok || len(parts) < 5 || parts[3] != "pull" || len(path) > 256 {
		return ""
	}
	return parts[1] + "/" + parts[2] + "#" + parts[4]
}

func (n *entry) why(e *event.Event) {
	e.Why.Change = n.pull()
	if e.Why.Change != "" {
		e.Why.Ticket = first(source.Ticket(n.pullTitle), source.Ticket(n.headBranch))
	}
	e.Why.Reason = n.reason
}

func (n *entry) details() []byte {
	d := make(source.Detail, 0, 512)
	d.Text("country", n.country)
	d.Text("access_type", n.access)
	for _, f := range []struct{ name, value string }{{"external_identity", n.nameID}, {"permission", n.permission}, {"old_permission", n.oldPermission}, {"head_branch", n.headBranch}} {
		if f.name != "external_identity" || !event.ValidEmail(f.value) {
			d.Text(f.name, f.value)
		}
	}
	d.Text("name", n.name)
	seen := map[string]bool{"country": true, "access_type": true, "external_identity": true, "permission": true, "old_permission": true, "head_branch": true, "name": true}
	for _, m := range n.rest {
		if seen[m.name] {
			continue
		}
		seen[m.name] = true
		if m.value[0] != '[' {
			d.Scalar(m.name, m.value)
			continue
		}
		var values []string
		for v := range source.Elements(m.value) {
			if len(values) < maxListed {
				values = append(values, source.Text(v))
			}
		}
		d.Texts(m.name, values)
	}
	return d.Object()
}
