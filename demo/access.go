package demo

import (
	"time"

	"example.com/evident/event"
)

// accessStories are about who may do what, and who came in.
func (s *scribe) accessStories() {
	s.grants()
	s.bruteForce()
	s.leaver()
	s.strangerAccount()
	s.mfaResets()
	s.breakGlass()
	s.execWithoutTicket()
}

// grant is one role given to somebody, as the rules want it: asked for,
// approved by the role's owner, given by somebody else.
type grant struct {
	n                         int
	before                    int // days before now
	admin, approver, receiver string
	system, role              string
	approvedAfter             time.Duration // zero: before, as it should be
}

// grants are forty-one as they should be, and six that are not: four without a
// ticket, one that its giver approved himself, one approved hours after.
func (s *scribe) grants() {
	roles := []struct{ system, role, owner string }{
		{"aws", "PlatformEngineer", "anselm.roukema"}, {"okta", "group administrator", "ingrid.solheim"}, {"postgres", "analyst_ro", "xanthe.moreland"},
		{"github", "maintain booking-core", "clemency.osterhout"}, {"kubernetes", "namespace-admin", "anselm.roukema"}, {"billing", "refund approver", "percival.donat"},
	}
	receivers := []string{"gideon.sarpong", "noor.veldkamp", "zelda.kempinski", "hester.valcourt", "yusuf.haldane", "thessaly.crane", "nadim.kestrel", "marisol.kweku"}
	admins := []string{"kasimir.dunne", "fenella.osei", "gaspard.limoges"}
	for i := range 41 {
		r := roles[i%len(roles)]
		s.grant(grant{n: 300 + i, before: 355 - i*8, admin: admins[i%3], approver: r.owner, receiver: receivers[i%len(receivers)], system: r.system, role: r.role})
	}
	s.grant(grant{n: 361, before: 128, admin: "kasimir.dunne", approver: "kasimir.dunne", receiver: "gaspard.limoges", system: "okta", role: "super administrator"})
	s.grant(grant{n: 362, before: 83, admin: "fenella.osei", approver: "anselm.roukema", receiver: "bertil.okafor", system: "aws", role: "AdministratorAccess", approvedAfter: 5 * time.Hour})
	for i, g := range []grant{
		{before: 271, admin: "fenella.osei", receiver: "edwin.farrow", system: "github", role: "admin web-portal"},
		{before: 190, admin: "kasimir.dunne", receiver: "hugo.vandersteen", system: "aws", role: "AdministratorAccess"},
		{before: 122, admin: "gaspard.limoges", receiver: "marisol.kweku", system: "postgres", role: "orders_rw"},
		{before: 41, admin: "kasimir.dunne", receiver: "wendeline.frost", system: "billing", role: "refund approver"},
	} {
		s.give(g, s.day(g.before, 15, 3+i), event.Why{})
	}
}

func (s *scribe) grant(g grant) {
	ticket, approval := "ACC-"+digits(g.n, 1), "APR-"+digits(g.n+4000, 1)
	at := s.day(g.before, 9+g.n%6, g.n%60)
	on := []event.Target{{Type: "issue", ID: ticket, Name: ticket}}
	e := s.co.who(g.receiver).at(srcJira, "access.request", at.Add(-26*time.Hour), event.Access)
	e.Targets, e.Why, e.Detail = on, event.Why{Ticket: ticket}, detail("system", g.system, "role", g.role)
	s.event(e)
	approved := at.Add(-70 * time.Minute)
	if g.approvedAfter > 0 {
		approved = at.Add(g.approvedAfter)
	}
	e = s.co.who(g.approver).at(srcJira, "access.approve", approved, event.Access)
	e.Targets, e.Why, e.Detail = on, event.Why{Ticket: ticket, Approval: approval}, detail("approval", approval, "system", g.system, "role", g.role)
	s.event(e)
	s.give(g, at, event.Why{Ticket: ticket, Approval: approval})
}

// give books the grant itself.
func (s *scribe) give(g grant, at time.Time, why event.Why) {
	e := s.co.who(g.admin).at(srcOkta, "role.grant", at, event.Access)
	e.NativeAction, e.Why, e.Targets = "user.account.privilege.grant", why, []event.Target{s.co.who(g.receiver).target()}
	e.Detail = detail("system", g.system, "granted_role", g.role)
	if g.approver != "" {
		e.Detail = detail("system", g.system, "granted_role", g.role, "approved_by", s.co.who(g.approver).email)
	}
	s.event(e)
}

// attacker is where the password guessing comes from.
const attacker = "203.0.113.241"

// bruteForce is one night of guessing: thirty-six wrong passwords over twelve
// accounts in six minutes, one right one that ends at the second factor, a
// lock, an alert, and its triage in the morning.
func (s *scribe) bruteForce() {
	at := s.weekday(173, time.Wednesday, 2, 41)
	hit := s.co.who("ottoline.gray")
	try := func(p *person, at time.Time) event.Event {
		return event.Event{Source: srcOkta, OccurredAt: at, Actor: event.Actor{Type: event.User, ID: p.okta, Name: p.name, Email: p.email},
			Action: "session.start", NativeAction: "user.session.start", Category: event.Authentication, Outcome: event.Failure,
			OutcomeCode: "INVALID_CREDENTIALS", OutcomeReason: "wrong password", Where: event.Where{IP: attacker, UserAgent: "python-requests/2.32.3"}}
	}
	for i := range 36 {
		s.event(try(s.co.people[40+i%12], at.Add(time.Duration(i*10)*time.Second)))
	}
	e := try(hit, at.Add(365*time.Second))
	e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Unknown, "CHALLENGE", "password accepted, second factor asked for"
	s.event(e)
	e = try(hit, at.Add(395*time.Second))
	e.Action, e.NativeAction, e.Outcome, e.OutcomeCode, e.OutcomeReason = "mfa.verify", "user.authentication.auth_via_mfa", event.Denied, "REJECTED", "user rejected the push"
	s.event(e)
	e = try(hit, at.Add(397*time.Second))
	e.Actor, e.Action, e.NativeAction = job("system:okta-policy", "lockout policy"), "user.lock", "user.account.lock"
	e.Targets, e.Outcome, e.OutcomeCode, e.OutcomeReason = []event.Target{hit.target()}, event.Success, "", ""
	e.Category = event.Account
	s.event(e)
	alert := []event.Target{{Type: "alert", ID: "ALR-118", Name: "password spray"}}
	s.event(event.Event{Source: srcRota, OccurredAt: at.Add(7 * time.Minute), Actor: service("svc:detections", "detections"), Action: "alert.raise",
		Category: event.System, Outcome: event.Success, Targets: alert, Why: event.Why{Incident: "INC-204"}, Detail: detail("severity", "high", "address", attacker)})
	e = s.co.who("delphine.achebe").at(srcJira, "alert.triage", at.Add(52*time.Minute), event.System)
	e.Targets, e.Why, e.Detail = alert, event.Why{Incident: "INC-204"}, detail("disposition", "true positive", "action", "address blocked, password of one user changed")
	s.event(e)
}

// leaver is Desmond Achterberg, whose token went on working: cloned
// repositories and one sign-in, days after his last.
func (s *scribe) leaver() {
	p := s.co.who("desmond.achterberg")
	for i, repo := range []string{"booking-core", "billing-service", "infra-live"} {
		e := p.at(srcGitHub, "git.clone", s.dayAfter(p.left-9, 21, 14+i), event.Data)
		e.Targets = []event.Target{{Type: "repository", ID: letters(repo, 9), Name: "halcyon-freight/" + repo}}
		e.Where = event.Where{IP: "192.0.2.231", UserAgent: agentGit}
		e.Detail = detail("credential", "personal access token", "token_id", "tok_5f1e")
		s.event(e)
	}
	e := p.at(srcOkta, "session.start", s.dayAfter(p.left-11, 7, 58), event.Authentication)
	e.NativeAction, e.Where.IP, e.Actor.MFA = "user.session.start", "192.0.2.231", &yes
	s.event(e)
	e = p.at(srcOkta, "app.access", s.dayAfter(p.left-11, 8, 1), event.Authentication)
	e.NativeAction, e.Where.IP, e.Targets = "user.authentication.sso", "192.0.2.231", []event.Target{{Type: "application", ID: "0oa" + letters("Jira", 17), Name: "Jira"}}
	s.event(e)
}

// strangerAccount is an account that nobody asked for and that no person on
// the roster has.
func (s *scribe) strangerAccount() {
	temp := event.Target{Type: "user", ID: "00u" + letters("temp.audit2", 17), Name: "temp.audit2@" + domain}
	e := s.co.who("gaspard.limoges").at(srcOkta, "user.create", s.day(104, 4, 12), event.Account)
	e.NativeAction, e.Targets = "user.lifecycle.create", []event.Target{temp}
	s.event(e)
	for i := range 3 {
		at := s.day(102-i, 5, 20)
		s.event(event.Event{Source: srcOkta, OccurredAt: at, Actor: event.Actor{Type: event.User, ID: temp.ID, Name: "temp audit2", Email: temp.Name, MFA: &no},
			Action: "session.start", NativeAction: "user.session.start", Category: event.Authentication, Outcome: event.Success,
			Where: event.Where{IP: singapore.ip, UserAgent: agents[0]}})
	}
}

// mfaResets are fifteen with a help desk ticket and two without.
func (s *scribe) mfaResets() {
	admins := []string{"fenella.osei", "gaspard.limoges", "kasimir.dunne"}
	for i := range 17 {
		e := s.co.who(admins[i%3]).at(srcOkta, "mfa.reset", s.day(349-20*i, 10+i%5, 7+i), event.Authentication)
		e.NativeAction, e.Targets = "user.mfa.factor.reset_all", []event.Target{s.co.people[40+i].target()}
		if i != 6 && i != 13 {
			e.Why = event.Why{Ticket: "ITS-" + digits(1400+i, 1), Reason: "new telephone, identity checked by video"}
		}
		s.event(e)
	}
}

// breakGlass is an emergency: the pager at night, the sealed role taken by who
// is on call, the repair, and the review by somebody else two days later.
func (s *scribe) breakGlass() {
	at := s.emergency()
	p := s.co.who("tamsin.iyer")
	why := event.Why{Incident: "INC-247"}
	s.event(event.Event{Source: srcRota, OccurredAt: at, Actor: service("svc:monitoring", "monitoring"), Action: "alert.raise", Category: event.System,
		Outcome: event.Success, Targets: []event.Target{{Type: "alert", ID: "ALR-163", Name: "orders database does not answer"}}, Why: why, Detail: detail("severity", "critical")})
	id := assumed("BreakGlassAdmin", p.email, at.Add(11*time.Minute))
	s.cloud(call{at: at.Add(11 * time.Minute), identity: assumed(signOnRole(p), p.email, at.Add(10*time.Minute)), service: "sts", name: "AssumeRole",
		ip: p.home, agent: agentCLI, read: true, params: `{"roleArn":"arn:aws:iam::` + account + `:role/BreakGlassAdmin","roleSessionName":"` + p.email + `","durationSeconds":3600}`,
		resource: "arn:aws:iam::" + account + ":role/BreakGlassAdmin", resourceType: "AWS::IAM::Role"})
	for i, name := range []string{"DescribeDBInstances", "FailoverDBCluster", "ModifyDBParameterGroup", "RebootDBInstance", "DescribeEvents"} {
		s.cloud(call{at: at.Add(time.Duration(13+2*i) * time.Minute), identity: id, service: "rds", name: name, ip: p.home, agent: agentCLI,
			read: i == 0 || i == 4, params: `{"dBInstanceIdentifier":"orders-primary-1"}`})
	}
	on := []event.Target{{Type: "incident", ID: "INC-247", Name: "orders database does not answer"}}
	e := p.at(srcJira, "incident.declare", at.Add(20*time.Minute), event.System)
	e.Targets, e.Why, e.Detail = on, why, detail("severity", "1")
	s.event(e)
	e = s.co.who("ingrid.solheim").at(srcJira, "break_glass.review", at.Add(56*time.Hour), event.Privileged)
	e.Targets, e.Why, e.Detail = on, event.Why{Incident: "INC-247", Approval: "APR-5247"}, detail("conclusion", "justified", "credentials_rotated", true, "calls", 5)
	s.event(e)
	e = s.co.who("anselm.roukema").at(srcJira, "incident.close", at.Add(9*24*time.Hour), event.System)
	e.Targets, e.Why, e.Detail = on, why, detail("post_mortem", "PM-31", "actions", 4)
	s.event(e)
}

// execWithoutTicket is a shell in production, twice, by somebody who was not
// on call and had no ticket.
func (s *scribe) execWithoutTicket() {
	p := s.co.who("gideon.sarpong")
	for i := range 2 {
		e := s.kube(s.day(88, 19, 22+i*14), p.actor(), p.home, "pod.exec", "create", "booking", "pods/exec", "booking-7GQ2M-X3K9P", event.Privileged)
		e.Detail = detail("namespace", "booking", "command", []string{"sh", "psql -c 'update bookings set status = 4 where id = 88121'"}[i])
		s.event(e)
	}
}
