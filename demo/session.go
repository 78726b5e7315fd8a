package demo

import (
	"time"

	"example.com/evident/event"
)

// session is one person at work: signed in once, with one address and one
// browser, doing one thing after the other.
type session struct {
	*person
	id        string
	ip, agent string
	began     time.Time
	now       time.Time // of the next thing they do
}

// step moves the session's clock on and returns it.
func (s *session) step(b *book, from, to time.Duration) time.Time {
	s.now = s.now.Add(b.span(from, to))
	return s.now
}

func (s *session) who() event.Actor {
	return event.Actor{Type: event.User, ID: s.okta, Name: s.name, Email: s.email, Session: s.id, MFA: &yes}
}

func (s *session) where() event.Where { return event.Where{IP: s.ip, UserAgent: s.agent} }

// act fills in the parts of an event that follow from the session.
func (s *session) act(at time.Time, source, action string, cat event.Category) event.Event {
	return event.Event{Source: source, OccurredAt: at, Actor: s.who(), Action: action, Category: cat,
		Outcome: event.Success, Where: s.where()}
}

// signIn begins a session: password, second factor, and now and then a
// mistyped password before.
func (b *book) signIn(p *person, at time.Time) *session {
	s := &session{person: p, id: "102" + b.id(21), ip: p.site.ip, agent: p.agent, began: at, now: at}
	if b.r.IntN(5) < 2 {
		s.ip = p.home
	}
	for b.chance(24) {
		e := s.act(s.now, srcOkta, "session.start", event.Authentication)
		e.NativeAction, e.Outcome, e.OutcomeCode, e.OutcomeReason = "user.session.start", event.Failure, "INVALID_CREDENTIALS", "wrong password"
		e.Actor.Session, e.Actor.MFA = "", &no
		b.event(e)
		s.step(b, 6*time.Second, 40*time.Second)
	}
	tx := b.hex(24)
	e := s.act(s.now, srcOkta, "session.start", event.Authentication)
	e.NativeAction, e.RequestID, e.Actor.MFA = "user.session.start", tx, nil
	b.event(e)
	e = s.act(s.step(b, 4*time.Second, 20*time.Second), srcOkta, "mfa.verify", event.Authentication)
	e.NativeAction, e.RequestID = "user.authentication.auth_via_mfa", tx
	e.Detail = detail("factor", pick(b, []string{"webauthn", "webauthn", "push"}))
	b.event(e)
	return s
}

// enter is the single sign-on into an application.
func (b *book) enter(s *session, app string) {
	e := s.act(s.step(b, 5*time.Second, 3*time.Minute), srcOkta, "app.access", event.Authentication)
	e.NativeAction = "user.authentication.sso"
	e.Targets = []event.Target{{Type: "application", ID: "0oa" + letters(app, 17), Name: app}}
	b.event(e)
}

// deed is something that people of a team do in a session.
type deed struct {
	weight int
	do     func(*book, *session)
}

// deeds are what a team does all day. Whatever is privileged in them comes with
// its ticket; what does not is a story.
var deeds = [teamCount][]deed{
	teamExec:     {{3, (*book).viewDashboard}, {1, (*book).workTicket}},
	teamPlatform: {{5, (*book).readCloud}, {3, (*book).readKube}, {1, (*book).execPod}, {3, (*book).workGit}, {2, (*book).workTicket}},
	teamBooking:  {{2, (*book).readCloud}, {1, (*book).readKube}, {6, (*book).workGit}, {3, (*book).workTicket}},
	teamTracking: {{2, (*book).readCloud}, {1, (*book).readKube}, {6, (*book).workGit}, {3, (*book).workTicket}},
	teamWeb:      {{1, (*book).readCloud}, {6, (*book).workGit}, {3, (*book).workTicket}},
	teamData:     {{4, (*book).queryTables}, {3, (*book).readObjects}, {2, (*book).workGit}, {2, (*book).exportReport}, {1, (*book).workTicket}},
	teamSecurity: {{5, (*book).readCloud}, {2, (*book).readKube}, {3, (*book).workTicket}},
	teamIT:       {{4, (*book).changeGroup}, {2, (*book).unlockUser}, {4, (*book).workTicket}},
	teamSupport:  {{6, (*book).viewCustomer}, {5, (*book).workTicket}, {1, (*book).editShipment}},
	teamFinance:  {{6, (*book).viewInvoice}, {2, (*book).adjustInvoice}, {1, (*book).exportReport}},
	teamPeople:   {{1, (*book).viewDashboard}, {3, (*book).workTicket}},
	teamSales:    {{4, (*book).viewCustomer}, {3, (*book).viewDashboard}, {1, (*book).workTicket}},
}

// work is one person's stretch of work that begins at a time.
func (b *book) work(p *person, at time.Time) {
	s := b.signIn(p, at)
	list, total := deeds[p.team], 0
	for _, d := range list {
		total += d.weight
	}
	for range 2 + b.r.IntN(4) {
		n := b.r.IntN(total)
		for _, d := range list {
			if n -= d.weight; n < 0 {
				s.step(b, time.Minute, 25*time.Minute)
				d.do(b, s)
				break
			}
		}
	}
	if b.chance(3) {
		e := s.act(s.step(b, time.Minute, time.Hour), srcOkta, "session.end", event.Authentication)
		e.NativeAction = "user.session.end"
		b.event(e)
	}
}

// cloudReads are looks around in the console: service, call, and the kind of
// thing that is looked at.
var cloudReads = []struct{ service, name, params string }{
	{"ec2", "DescribeInstances", `{"maxResults":100}`}, {"ec2", "DescribeSecurityGroups", `{"securityGroupSet":{}}`},
	{"rds", "DescribeDBInstances", `{"maxRecords":100}`}, {"eks", "DescribeCluster", `{"name":"prod"}`},
	{"s3", "GetBucketPolicy", `{"bucketName":"halcyon-manifests-prod"}`}, {"s3", "ListBuckets", ""},
	{"iam", "ListRoles", ""}, {"iam", "GetPolicy", `{"policyArn":"arn:aws:iam::` + account + `:policy/booking-runtime"}`},
	{"cloudtrail", "GetTrailStatus", `{"name":"org-trail"}`}, {"cloudwatch", "DescribeAlarms", `{"maxRecords":50}`},
	{"kms", "DescribeKey", `{"keyId":"alias/orders"}`}, {"lambda", "ListFunctions20150331", ""},
	{"guardduty", "ListFindings", `{"detectorId":"d4c1"}`}, {"logs", "FilterLogEvents", `{"logGroupName":"/eks/prod/booking"}`},
	{"elasticloadbalancing", "DescribeLoadBalancers", `{"pageSize":50}`}, {"cloudformation", "DescribeStacks", ""},
}

func (b *book) readCloud(s *session) {
	b.enter(s, "AWS")
	role := signOnRole(s.person)
	id := assumed(role, s.email, s.now)
	b.cloud(call{at: s.step(b, time.Second, 4*time.Second), identity: id, service: "signin", name: "ConsoleLogin", ip: s.ip, agent: s.agent,
		response: `{"ConsoleLogin":"Success"}`, extra: `{"MobileVersion":"No","MFAUsed":"No"}`, signIn: true})
	for range 2 + b.r.IntN(6) {
		r := pick(b, cloudReads)
		c := call{at: s.step(b, time.Second, 90*time.Second), identity: id, service: r.service, name: r.name, params: r.params, ip: s.ip, agent: s.agent, read: true}
		if b.chance(40) {
			c.code = "AccessDenied"
			c.message = "User: arn:aws:sts::" + account + ":assumed-role/" + role + "/" + s.email + " is not authorized to perform: " + r.service + ":" + r.name
		}
		b.cloud(c)
	}
}

func (b *book) readObjects(s *session) {
	b.enter(s, "AWS")
	id := assumed(signOnRole(s.person), s.email, s.now)
	for range 1 + b.r.IntN(5) {
		key := s.now.UTC().Format("year=2006/month=01/part-") + digits(b.r.IntN(4000), 5) + ".parquet"
		b.cloud(call{at: s.step(b, time.Second, 60*time.Second), identity: id, service: "s3", name: "GetObject", ip: s.ip, agent: agentCLI,
			params:   `{"bucketName":"halcyon-datalake-prod","Host":"halcyon-datalake-prod.s3.eu-west-1.amazonaws.com","key":"` + key + `"}`,
			extra:    `{"SignatureVersion":"SigV4","bytesTransferredOut":` + digits(b.r.IntN(90_000_000), 1) + `}`,
			resource: "arn:aws:s3:::halcyon-datalake-prod/" + key, resourceType: "AWS::S3::Object", read: true, data: true})
	}
}

func (b *book) kube(at time.Time, who event.Actor, ip, action, verb, space, kind, name string, cat event.Category) event.Event {
	return event.Event{Source: srcKube, OccurredAt: at, Actor: who, Action: action, NativeAction: verb + " " + kind, Category: cat,
		Targets: []event.Target{{Type: kind, ID: space + "/" + kind + "/" + name, Name: name}}, Outcome: event.Success,
		OutcomeCode: "200", Where: event.Where{IP: ip, UserAgent: agentKubectl, Host: "prod." + region + ".eks.halcyonfreight.example"},
		Detail: detail("namespace", space, "verb", verb)}
}

func (b *book) pod(space string) string {
	return space + "-" + letters(space, 5) + "-" + letters(digits(b.r.IntN(60), 1), 5)
}

func (b *book) readKube(s *session) {
	for range 1 + b.r.IntN(5) {
		space := pick(b, spaces)
		e := b.kube(s.step(b, time.Second, time.Minute), s.who(), s.ip, "pod.list", "list", space, "pods", "*", event.System)
		if b.chance(4) {
			e = b.kube(s.now, s.who(), s.ip, "pod.log", "get", space, "pods/log", b.pod(space), event.Data)
		}
		if b.chance(50) {
			e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Denied, "403", `pods is forbidden: no role of the user allows it in namespace "`+space+`"`
		}
		b.event(e)
	}
}

func (b *book) execPod(s *session) {
	space := pick(b, spaces)
	e := b.kube(s.now, s.who(), s.ip, "pod.exec", "create", space, "pods/exec", b.pod(space), event.Privileged)
	e.Why = event.Why{Ticket: "OPS-" + digits(400+b.r.IntN(900), 1)}
	e.Detail = detail("namespace", space, "command", pick(b, []string{"sh", "jcmd 1 Thread.print", "psql -c 'select 1'"}))
	b.event(e)
}

func (b *book) workGit(s *session) {
	repo := pick(b, repos)
	on := []event.Target{{Type: "repository", ID: letters(repo, 9), Name: "halcyon-freight/" + repo}}
	for range 1 + b.r.IntN(4) {
		e := s.act(s.step(b, 10*time.Second, 10*time.Minute), srcGitHub, "git.fetch", event.Data)
		switch b.r.IntN(6) {
		case 0:
			e.Action = "git.clone"
		case 1, 2:
			e.Action, e.Category = "git.push", event.Change
			e.Detail = detail("ref", "refs/heads/"+s.login[:4]+"/"+digits(b.r.IntN(9000), 4), "commits", 1+b.r.IntN(6), "protected", false)
		case 3:
			e.Action, e.Category = "pull_request.comment", event.Change
			e.Detail = detail("number", 900+b.r.IntN(2000))
		}
		e.NativeAction, e.Targets = e.Action, on
		e.Actor.ID, e.Actor.Name, e.Where.UserAgent = s.github, s.login, agentGit
		b.event(e)
	}
}

func (b *book) workTicket(s *session) {
	for range 1 + b.r.IntN(3) {
		key := pick(b, []string{"BOOK", "TRK", "WEB", "SUP", "OPS"}) + "-" + digits(1000+b.r.IntN(4000), 1)
		e := s.act(s.step(b, 20*time.Second, 8*time.Minute), srcJira, pick(b, []string{"issue.comment", "issue.comment", "issue.update", "issue.transition", "issue.create"}), event.Change)
		e.Targets = []event.Target{{Type: "issue", ID: key, Name: key}}
		b.event(e)
	}
}

func (b *book) queryTables(s *session) {
	for range 1 + b.r.IntN(4) {
		table := pick(b, tables)
		e := s.act(s.step(b, 10*time.Second, 5*time.Minute), srcDB, "table.read", event.Data)
		e.Actor.Role, e.Where.Host, e.Where.UserAgent = "analyst_ro", "orders-replica-1.halcyonfreight.example", "psql"
		e.Targets = []event.Target{{Type: "table", ID: "orders." + table, Name: table}}
		e.Why.Ticket = "DATA-" + digits(200+b.r.IntN(500), 1)
		e.NativeAction, e.Detail = "SELECT", detail("class", "READ", "rows", b.r.IntN(5000), "statement", "select status, count(*) from "+table+" group by 1")
		if b.chance(60) {
			e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Denied, "42501", "permission denied for table "+table
		}
		b.event(e)
	}
}

func (b *book) exportReport(s *session) {
	e := s.act(s.now, srcBill, "report.export", event.Data)
	e.Targets = []event.Target{{Type: "report", ID: "rep_" + b.hex(8), Name: pick(b, []string{"revenue by lane", "open invoices", "carrier settlement", "on-time rate"})}}
	e.Why.Ticket = "FIN-" + digits(100+b.r.IntN(400), 1)
	e.Detail = detail("rows", 40+b.r.IntN(900), "format", "csv", "personal_data", false)
	b.event(e)
}
