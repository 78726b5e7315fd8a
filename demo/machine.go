package demo

import (
	"time"

	"example.com/evident/event"
)

// machines are what runs by itself, each call one event, so that a day can be
// filled to the exact number.
var machines = []struct {
	weight int
	do     func(*book, time.Time)
}{
	{14, (*book).decrypt}, {12, (*book).putObject}, {9, (*book).takeRole}, {6, (*book).readSecret}, {8, (*book).watchCloud}, {2, (*book).scale},
	{8, (*book).kubeController}, {3, (*book).kubeJob}, {10, (*book).customerWork}, {5, (*book).customerSignIn},
	{8, (*book).bill}, {5, (*book).connectDB}, {5, (*book).runWorkflow}, {3, (*book).policyCheck},
}

const machineWeight = 14 + 12 + 9 + 6 + 8 + 2 + 8 + 3 + 10 + 5 + 8 + 5 + 5 + 3

func (b *book) machine(at time.Time) {
	n := b.r.IntN(machineWeight)
	for i := range machines {
		if n -= machines[i].weight; n < 0 {
			machines[i].do(b, at)
			return
		}
	}
}

// natIP is the address from which the company's own systems call out.
func (b *book) natIP() string { return "192.0.2." + digits(10+b.r.IntN(6), 1) }

// podIdentity is that of a workload: its role's session lasts for an hour.
func podIdentity(app string, at time.Time) string {
	return assumed(app+"-runtime", "eks-prod-"+app+"-"+letters(app, 8), at.Truncate(time.Hour))
}

func (b *book) decrypt(at time.Time) {
	app := pick(b, spaces)
	b.cloud(call{at: at, identity: podIdentity(app, at), service: "kms", name: pick(b, []string{"Decrypt", "Decrypt", "GenerateDataKey"}),
		ip: b.natIP(), agent: agentGo, read: true, params: `{"encryptionContext":{"table":"` + app + `"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`,
		resource: "arn:aws:kms:" + region + ":" + account + ":key/" + letters("key "+app, 12), resourceType: "AWS::KMS::Key"})
}

func (b *book) putObject(at time.Time) {
	app, bucket := pick(b, spaces), pick(b, buckets)
	key := at.UTC().Format("2006/01/02/") + b.hex(12) + ".pdf"
	name, read, out := "PutObject", false, `{"bytesTransferredIn":`
	if b.chance(3) {
		name, read, out = "GetObject", true, `{"bytesTransferredOut":`
	}
	c := call{at: at, identity: podIdentity(app, at), service: "s3", name: name, ip: b.natIP(), agent: agentGo, read: read, data: true,
		params: `{"bucketName":"` + bucket + `","key":"` + key + `"}`, extra: out + digits(b.r.IntN(400_000), 1) + `,"SignatureVersion":"SigV4"}`,
		resource: "arn:aws:s3:::" + bucket + "/" + key, resourceType: "AWS::S3::Object"}
	if b.chance(150) {
		c.code, c.message = "NoSuchKey", "The specified key does not exist."
	}
	b.cloud(c)
}

func (b *book) takeRole(at time.Time) {
	app := pick(b, spaces)
	role := "arn:aws:iam::" + account + ":role/" + app + "-runtime"
	b.cloud(call{at: at, service: "sts", name: "AssumeRoleWithWebIdentity", ip: b.natIP(), agent: agentGo, read: true,
		identity: `{"type":"WebIdentityUser","principalId":"arn:aws:iam::` + account + `:oidc-provider/oidc.eks.` + region + `.amazonaws.com/id/` + letters("oidc", 16) +
			`:sts.amazonaws.com:system:serviceaccount:` + app + `:` + app + `","userName":"system:serviceaccount:` + app + `:` + app + `","identityProvider":"oidc.eks.` + region + `.amazonaws.com"}`,
		params:   `{"roleArn":"` + role + `","roleSessionName":"eks-prod-` + app + `","durationSeconds":3600}`,
		response: `{"assumedRoleUser":{"arn":"arn:aws:sts::` + account + `:assumed-role/` + app + `-runtime/eks-prod-` + app + `"},"provider":"oidc.eks.` + region + `.amazonaws.com"}`,
		resource: role, resourceType: "AWS::IAM::Role"})
}

func (b *book) readSecret(at time.Time) {
	app := pick(b, spaces)
	b.cloud(call{at: at, identity: assumed("external-secrets", "external-secrets-sync", at.Truncate(time.Hour)), service: "secretsmanager", name: "GetSecretValue",
		ip: b.natIP(), agent: agentGo, params: `{"secretId":"prod/` + app + `/database"}`, read: true})
}

func (b *book) watchCloud(at time.Time) {
	r := pick(b, cloudReads)
	b.cloud(call{at: at, identity: assumed("monitoring-reader", "metrics-agent", at.Truncate(time.Hour)), service: r.service, name: r.name,
		ip: b.natIP(), agent: agentGo, params: r.params, read: true})
}

func (b *book) scale(at time.Time) {
	name := pick(b, []string{"RunInstances", "TerminateInstances"})
	id := "i-0" + b.hex(16)
	b.cloud(call{at: at, identity: awsService("autoscaling"), service: "ec2", name: name, ip: "autoscaling.amazonaws.com", agent: "autoscaling.amazonaws.com",
		params:   `{"instancesSet":{"items":[{"instanceId":"` + id + `"}]}}`,
		response: `{"instancesSet":{"items":[{"instanceId":"` + id + `"}]}}`})
}

func (b *book) kubeController(at time.Time) {
	space := pick(b, spaces)
	who := service("system:serviceaccount:platform:external-secrets", "external-secrets")
	e := b.kube(at, who, "192.0.2.20", "secret.read", "get", space, "secrets", space+"-database", event.Data)
	switch b.r.IntN(4) {
	case 0:
		who = service("system:serviceaccount:kube-system:horizontal-pod-autoscaler", "horizontal-pod-autoscaler")
		e = b.kube(at, who, "192.0.2.21", "deployment.scale", "patch", space, "deployments/scale", space, event.System)
		e.Detail = detail("namespace", space, "replicas", 2+b.r.IntN(8))
	case 1:
		who = service("system:serviceaccount:platform:cert-manager", "cert-manager")
		e = b.kube(at, who, "192.0.2.22", "certificate.get", "get", space, "certificates", space+"-tls", event.System)
	}
	e.Where.UserAgent = "controller/v2"
	b.event(e)
}

func (b *book) kubeJob(at time.Time) {
	space := pick(b, spaces)
	e := b.kube(at, job("system:cronjob:"+space+"-cleanup", space+"-cleanup"), "192.0.2.23", "job.create", "create", space, "jobs", space+"-cleanup-"+digits(int(at.Unix()/60), 1), event.System)
	e.Where.UserAgent = "cronjob-controller"
	b.event(e)
}

// customerUser is one of a customer's own people, told apart by a number.
func (b *book) customerUser() (event.Actor, string, int) {
	i := b.r.IntN(len(customers))
	name, n := customers[i], 1+b.r.IntN(9)
	id := customerID(name) + "-" + digits(n, 2)
	return event.Actor{Type: event.User, ID: id, Name: "user " + digits(n, 2) + " of " + name, Session: "ses_" + b.hex(12)}, name, i*9 + n
}

func (b *book) customerWork(at time.Time) {
	who, name, n := b.customerUser()
	action := pick(b, []string{"shipment.track", "shipment.track", "booking.create", "booking.update", "document.download", "rate.lookup"})
	e := event.Event{Source: srcPortal, OccurredAt: at, Actor: who, Action: action, Category: event.Data, Outcome: event.Success,
		Targets: []event.Target{{Type: "customer", ID: customerID(name), Name: name}},
		Where:   event.Where{IP: "203.0.113." + digits(70+n%150, 1), UserAgent: agents[n%len(agents)], Region: region}, TraceID: b.hex(32)}
	if b.chance(30) {
		e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Denied, "403", "the user's role does not allow "+action
	}
	b.event(e)
}

func (b *book) customerSignIn(at time.Time) {
	who, _, n := b.customerUser()
	mfa := n%3 == 0
	who.MFA = &mfa
	e := event.Event{Source: srcPortal, OccurredAt: at, Actor: who, Action: "session.start", Category: event.Authentication, Outcome: event.Success,
		Where: event.Where{IP: "203.0.113." + digits(70+n%150, 1), UserAgent: agents[n%len(agents)]}}
	if b.chance(9) {
		e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Failure, "401", "wrong password"
	}
	b.event(e)
}

func (b *book) bill(at time.Time) {
	name := pick(b, customers)
	e := event.Event{Source: srcBill, OccurredAt: at, Actor: job("cron:invoice-run", "invoice run"), Action: "invoice.issue", Category: event.Data,
		Outcome: event.Success, Targets: []event.Target{b.invoice(), {Type: "customer", ID: customerID(name), Name: name}},
		Where: event.Where{Host: "billing-" + digits(1+b.r.IntN(3), 1)}, TraceID: b.hex(32)}
	e.Detail = detail("amount", digits(90+b.r.IntN(9000), 1)+".50", "currency", "EUR", "lines", 1+b.r.IntN(40))
	if b.chance(2) {
		e.Actor, e.Action = service("svc:payments", "payments"), "payment.capture"
		if b.chance(30) {
			e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Failure, "card_declined", "the bank declined"
		}
	}
	b.event(e)
}

func (b *book) connectDB(at time.Time) {
	app := pick(b, []string{"booking_app", "tracking_app", "billing_app", "metabase_ro"})
	e := event.Event{Source: srcDB, OccurredAt: at, Actor: service(app, app), Action: "connection.open", NativeAction: "connection authorized",
		Category: event.Authentication, Outcome: event.Success, Targets: []event.Target{{Type: "database", ID: "orders", Name: "orders"}},
		Where: event.Where{IP: b.natIP(), Host: "orders-primary-1.halcyonfreight.example"}, Detail: detail("ssl", true, "role", app)}
	if b.chance(300) {
		e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Failure, "28P01", "password authentication failed"
	}
	b.event(e)
}

func (b *book) runWorkflow(at time.Time) {
	repo := pick(b, repos)
	e := event.Event{Source: srcGitHub, OccurredAt: at, Actor: service("41898282", "github-actions[bot]"), Action: "workflow.complete",
		NativeAction: "workflows.completed_workflow_run", Category: event.Change, Outcome: event.Success,
		Targets: []event.Target{{Type: "repository", ID: letters(repo, 9), Name: "halcyon-freight/" + repo}}}
	conclusion := "success"
	if b.chance(8) {
		conclusion, e.Outcome, e.OutcomeCode = "failure", event.Failure, "failure"
	}
	e.Detail = detail("conclusion", conclusion, "head_sha", b.hex(40), "run_id", 9_000_000+b.r.IntN(900_000))
	b.event(e)
}

func (b *book) policyCheck(at time.Time) {
	p := pick(b, b.co.people[:24])
	e := event.Event{Source: srcOkta, OccurredAt: at, Actor: job("system:okta-policy", "sign-on policy"), Action: "policy.evaluate",
		NativeAction: "policy.evaluate_sign_on", Category: event.Authentication, Outcome: event.Unknown, OutcomeCode: "CHALLENGE",
		Targets: []event.Target{p.target()}, Where: event.Where{IP: p.site.ip}, Detail: detail("rule", "second factor always")}
	b.event(e)
}
