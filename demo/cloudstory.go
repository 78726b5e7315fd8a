package demo

import "time"

// cloudStories happen in the cloud account, as CloudTrail tells them.
func (s *scribe) cloudStories() {
	s.terraform()
	s.stopLogging()
	s.adminByHand()
	s.openToTheWorld()
	s.root()
	s.leakedKey()
}

// terraform changes policies the way it should be done: by the pipeline's role.
func (s *scribe) terraform() {
	for i := range 34 {
		at := s.day(357-10*i, 11, 12+i%40)
		id := assumed("terraform-apply", "CHG-"+digits(90_000+i, 1), at)
		role := spaces[i%len(spaces)] + "-runtime"
		arn := "arn:aws:iam::" + account + ":role/" + role
		s.cloud(call{at: at.Add(20 * time.Second), identity: id, service: "iam", name: "PutRolePolicy", region: "us-east-1", ip: "192.0.2.30", agent: agentTerraform,
			params:   `{"roleName":"` + role + `","policyName":"runtime","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::halcyon-labels-prod/*\"}]}"}`,
			resource: arn, resourceType: "AWS::IAM::Role"})
		if i%3 == 0 {
			s.cloud(call{at: at.Add(50 * time.Second), identity: id, service: "iam", name: "AttachRolePolicy", region: "us-east-1", ip: "192.0.2.30", agent: agentTerraform,
				params: `{"roleName":"` + role + `","policyArn":"arn:aws:iam::` + account + `:policy/` + role + `"}`, resource: arn, resourceType: "AWS::IAM::Role"})
		}
	}
}

// stopLogging is a contractor's last week: the trail was to be stopped, and
// then deleted. Both were denied.
func (s *scribe) stopLogging() {
	p := s.co.who("ivo.tarnowski")
	at := s.day(209, 18, 36)
	id := assumed(signOnRole(p), p.email, at.Add(-9*time.Minute))
	for i, name := range []string{"StopLogging", "DeleteTrail"} {
		s.cloud(call{at: at.Add(time.Duration(i) * 94 * time.Second), identity: id, service: "cloudtrail", name: name, ip: p.home, agent: agentCLI,
			params: `{"name":"arn:aws:cloudtrail:` + region + `:` + account + `:trail/org-trail"}`, code: "AccessDenied",
			message: "User: arn:aws:sts::" + account + ":assumed-role/" + signOnRole(p) + "/" + p.email + " is not authorized to perform: cloudtrail:" + name +
				" on resource: arn:aws:cloudtrail:" + region + ":" + account + ":trail/org-trail with an explicit deny in a service control policy"})
	}
}

// adminByHand gives a user of the old kind full rights from the console, past
// the pipeline.
func (s *scribe) adminByHand() {
	p := s.co.who("bertil.okafor")
	at := s.day(147, 22, 40)
	id := assumed(signOnRole(p), p.email, at.Add(-20*time.Minute))
	s.cloud(call{at: at, identity: id, service: "iam", name: "CreateUser", region: "us-east-1", ip: p.home, agent: p.agent, params: `{"userName":"ci-legacy"}`,
		response: `{"user":{"path":"/","userName":"ci-legacy","userId":"AIDA` + letters("ci-legacy", 17) + `","arn":"arn:aws:iam::` + account + `:user/ci-legacy"}}`})
	s.cloud(call{at: at.Add(40 * time.Second), identity: id, service: "iam", name: "AttachUserPolicy", region: "us-east-1", ip: p.home, agent: p.agent,
		params: `{"userName":"ci-legacy","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`})
	s.cloud(call{at: at.Add(70 * time.Second), identity: id, service: "iam", name: "CreateAccessKey", region: "us-east-1", ip: p.home, agent: p.agent, params: `{"userName":"ci-legacy"}`,
		response: `{"accessKey":{"userName":"ci-legacy","accessKeyId":"AKIA` + letters("key of ci-legacy", 16) + `","status":"Active"}}`})
}

// openToTheWorld is the database's port, open to everybody for nine hours.
func (s *scribe) openToTheWorld() {
	p := s.co.who("yusuf.haldane")
	at := s.day(161, 15, 55)
	rule := `{"groupId":"sg-0a41c7d29be553f10","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":5432,"toPort":5432,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`
	for i, name := range []string{"AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"} {
		s.cloud(call{at: at.Add(time.Duration(i) * 9 * time.Hour), identity: assumed(signOnRole(p), p.email, at.Add(time.Duration(i)*9*time.Hour-8*time.Minute)),
			service: "ec2", name: name, ip: p.home, agent: p.agent, params: rule, response: `{"_return":true}`})
	}
}

// root is the account's owner, used once, for an invoice.
func (s *scribe) root() {
	at := s.day(214, 8, 31)
	ip := rotterdam.ip
	s.cloud(call{at: at, identity: `{"type":"Root","principalId":"` + account + `","arn":"arn:aws:iam::` + account + `:root","accountId":"` + account + `"}`,
		service: "signin", name: "ConsoleLogin", region: "us-east-1", ip: ip, agent: agents[0], response: `{"ConsoleLogin":"Success"}`,
		extra: `{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"Yes"}`, signIn: true})
	s.cloud(call{at: at.Add(3 * time.Minute), identity: rootUser(at), service: "billingconsole", name: "UpdatePaymentMethod", region: "us-east-1", ip: ip, agent: agents[0]})
	s.cloud(call{at: at.Add(5 * time.Minute), identity: rootUser(at), service: "billingconsole", name: "GetBillingAddress", region: "us-east-1", ip: ip, agent: agents[0], read: true})
}

// leakedKey is the key of ci-legacy in a stranger's hands: it looks around in
// a region where the company has nothing, and is refused the machines it wants
// only because nobody had raised the quota there. Then it is switched off.
func (s *scribe) leakedKey() {
	at := s.weekday(112, time.Sunday, 3, 17)
	for i, c := range []call{
		{service: "sts", name: "GetCallerIdentity", read: true},
		{service: "ec2", name: "DescribeRegions", read: true},
		{service: "servicequotas", name: "ListServiceQuotas", params: `{"serviceCode":"ec2"}`, read: true},
		{service: "ec2", name: "DescribeInstances", params: `{"maxResults":1000}`, read: true},
		{service: "ec2", name: "CreateKeyPair", params: `{"keyName":"k1"}`, response: `{"keyName":"k1","keyFingerprint":"<omitted>"}`},
		{service: "ec2", name: "RunInstances", params: `{"instanceType":"p4d.24xlarge","minCount":8,"maxCount":8}`, code: "Client.VcpuLimitExceeded", message: "You have requested more vCPU capacity than your current vCPU limit allows."},
		{service: "ec2", name: "RunInstances", params: `{"instanceType":"g5.48xlarge","minCount":4,"maxCount":4}`, code: "Client.VcpuLimitExceeded", message: "You have requested more vCPU capacity than your current vCPU limit allows."},
		{service: "ec2", name: "RunInstances", params: `{"instanceType":"c7a.large","minCount":1,"maxCount":1}`, response: `{"instancesSet":{"items":[{"instanceId":"i-0c5d81fe2a6b97340"}]}}`},
	} {
		c.at, c.identity, c.region, c.ip, c.agent = at.Add(time.Duration(i)*37*time.Second), iamUser("ci-legacy"), "sa-east-1", "192.0.2.244", "Boto3/1.35.57 md/Botocore#1.35.57 lang/python#3.12.7"
		s.cloud(c)
	}
	p := s.co.who("caspian.roy")
	id := assumed("SecurityResponder", p.email, at.Add(4*time.Hour))
	s.cloud(call{at: at.Add(4*time.Hour + 5*time.Minute), identity: id, service: "iam", name: "UpdateAccessKey", region: "us-east-1", ip: p.home, agent: agentCLI,
		params: `{"userName":"ci-legacy","accessKeyId":"AKIA` + letters("key of ci-legacy", 16) + `","status":"Inactive"}`})
	s.cloud(call{at: at.Add(4*time.Hour + 9*time.Minute), identity: id, service: "ec2", name: "TerminateInstances", region: "sa-east-1", ip: p.home, agent: agentCLI,
		params: `{"instancesSet":{"items":[{"instanceId":"i-0c5d81fe2a6b97340"}]}}`})
}
