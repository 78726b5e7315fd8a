package awscloudtrail

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// lookup returns what a record's call means: as the table says, or by a rule
// that never says more than the record does:
//
//   - the action is the service and the event name in lower case: s3.get_object
//   - data events are data; calls that only read, and what AWS does by itself, are system
//   - other calls go by their service and name: see ruled
//
// In both cases what the root user does is privileged, but for authentication, and
// so is attaching one of AWS's own administrator policies.
func (r *record) lookup(service string) source.Action {
	name := withoutVersion(r.eventName)
	a, ok := actions[service+":"+name]
	if !ok {
		a = source.Action{Action: actionName(service, name), Category: r.category(service, name)}
	}
	switch {
	case a.Category == event.Authentication:
	case r.identity.kind == "Root":
		a.Category = event.Privileged
	case a.Action == "policy.attach" && administrator(source.MemberText(r.parameters, "policyArn")):
		a.Category = event.Privileged
	}
	return a
}

func (r *record) category(service, name string) event.Category {
	switch {
	case r.eventCategory == "Data":
		return event.Data
	case r.eventCategory == "NetworkActivity":
		return event.Network
	case r.reads(name), r.eventType == "AwsServiceEvent":
		return event.System
	}
	return ruled(service, name)
}

// reads reports whether the call changes nothing. Old records do not say; then
// AWS's own verbs tell.
func (r *record) reads(name string) bool {
	if r.readOnly != "" {
		return r.readOnly == "true"
	}
	for _, verb := range []string{"Get", "List", "Describe", "Head", "Lookup", "BatchGet", "Search", "Query", "Scan", "Select", "View", "Check", "Validate", "Estimate", "Simulate"} {
		if rest, ok := strings.CutPrefix(name, verb); ok && (rest == "" || rest[0] < 'a') {
			return true
		}
	}
	return false
}

// ruled is the category of a call that changes something and is not in the table.
func ruled(service, name string) event.Category {
	switch service {
	case "signin", "sts":
		return event.Authentication
	case "iam", "sso", "sso-directory", "identitystore", "organizations", "cognito-idp", "cognito-identity":
		if strings.Contains(name, "Policy") || strings.Contains(name, "Role") || strings.Contains(name, "Permission") {
			return event.Access
		}
		return event.Account
	case "lambda", "codebuild", "codecommit", "codedeploy", "codepipeline", "cloudformation", "ecr", "ecr-public", "ecs", "amplify", "apprunner", "elasticbeanstalk":
		return event.Change
	case "route53", "elasticloadbalancing", "network-firewall", "waf", "wafv2", "waf-regional", "cloudfront", "directconnect", "globalaccelerator", "vpc-lattice":
		return event.Network
	case "ec2":
		for _, part := range []string{"SecurityGroup", "NetworkAcl", "Route", "Subnet", "Vpc", "Vpn", "Gateway", "Address", "NetworkInterface", "Peering"} {
			if strings.Contains(name, part) {
				return event.Network
			}
		}
	}
	return event.Config
}

// administrator reports whether AWS itself calls the policy one for administrators.
func administrator(arn string) bool {
	_, name, ok := strings.Cut(arn, ":iam::aws:policy/")
	switch strings.TrimPrefix(name, "job-function/") {
	case "AdministratorAccess", "IAMFullAccess", "PowerUserAccess", "SystemAdministrator", "AdministratorAccess-Amplify", "AWSOrganizationsFullAccess":
		return ok
	}
	return false
}

// withoutVersion drops what some services put behind an event name:
// UpdateFunctionCode20150331v2.
func withoutVersion(name string) string {
	s := name
	if i := strings.LastIndexByte(s, 'v'); i > 0 && len(s)-i == 2 && digit(s[i+1]) {
		s = s[:i]
	}
	if len(s) <= 8 {
		return name
	}
	for _, c := range []byte(s[len(s)-8:]) {
		if !digit(c) {
			return name
		}
	}
	return s[:len(s)-8]
}

// actionName makes an action of a service and an event name: CreateDBInstance
// becomes create_db_instance.
func actionName(service, name string) string {
	b := make([]byte, 0, event.MaxActionBytes)
	for i := range len(service) {
		b = appendWord(b, service[i])
	}
	if len(b) == 0 {
		b = append(b, "aws"...)
	}
	b = append(b, '.')
	start := len(b)
	for i := range len(name) {
		if len(b) > start && startsWord(name, i) && b[len(b)-1] != '_' {
			b = append(b, '_')
		}
		b = appendWord(b, name[i])
	}
	if len(b) == start {
		b = append(b, "call"...)
	}
	return strings.TrimRight(string(b[:min(len(b), event.MaxActionBytes)]), "_.")
}

// appendWord appends c in lower case, or a single underscore for what cannot
// stand in an action.
func appendWord(b []byte, c byte) []byte {
	switch {
	case upper(c):
		return append(b, c+'a'-'A')
	case 'a' <= c && c <= 'z' || digit(c):
		return append(b, c)
	case len(b) > 0 && b[len(b)-1] != '_' && b[len(b)-1] != '.':
		return append(b, '_')
	}
	return b
}

// startsWord reports whether a word begins at i: at a capital after something
// else, and at the last of several capitals, unless only the s of a plural
// follows: DB|Instance, but VPCs.
func startsWord(s string, i int) bool {
	if i == 0 || !upper(s[i]) {
		return false
	}
	if !upper(s[i-1]) {
		return true
	}
	if i+1 == len(s) || s[i+1] < 'a' || s[i+1] > 'z' {
		return false
	}
	plural := s[i+1] == 's' && (i+2 == len(s) || upper(s[i+2]))
	return !plural
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

func digit(c byte) bool { return '0' <= c && c <= '9' }
