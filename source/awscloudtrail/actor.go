package awscloudtrail

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// hidden is CloudTrail's user name of a failed sign-in whose user does not exist:
// somebody may have typed a password there.
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// actor follows the table of the package comment.
func (r *record) actor() event.Actor {
	id := &r.identity
	a := event.Actor{ID: id.principal, Name: id.userName, MFA: r.mfa()}
	prefix, session, _ := strings.Cut(id.principal, ":")
	switch id.kind {
	case "IAMUser":
		a.Type = event.User
		if id.userName == hidden {
			a.Type, a.MFA = event.Anonymous, nil
		}
	case "Root":
		a.Type, a.Role = event.User, "root"
	case "AssumedRole":
		a.Type = r.assumed(session)
		a.Name, a.Role, a.Session = session, id.issuerARN, session
	case "FederatedUser":
		a.Type = event.User
		a.Name, a.Role, a.Session = session, id.issuerARN, session
	case "SAMLUser", "Directory":
		a.Type = event.User
	case "WebIdentityUser":
		a.Type = event.User
		if strings.HasPrefix(id.userName, "system:serviceaccount:") || strings.Contains(id.provider, "token.actions.githubusercontent.com") {
			a.Type = event.Service
		}
	case "IdentityCenterUser":
		a.Type = event.User
		if id.onBehalfOf != "" {
			a.ID = id.onBehalfOf
		}
	case "AWSService":
		a.Type = event.Service
		a.ID = first(id.invokedBy, id.principal)
	case "AWSAccount":
		switch {
		case id.principal == "ANONYMOUS_PRINCIPAL" || id.account == "ANONYMOUS_PRINCIPAL":
			return event.Actor{Type: event.Anonymous}
		case strings.HasPrefix(prefix, "AROA"):
			a.Type = r.assumed(session)
			a.Name, a.Session = session, session
		case strings.HasPrefix(prefix, "AIDA"):
			a.Type = event.User
		default:
			a.Type = event.Service
		}
	case "Role":
		a.Type = event.Service
	case "":
		return r.unnamed()
	default: // Unknown, and what AWS may add
		a.Type = event.ActorSystem
	}
	if a.ID == "" && a.Type != event.Anonymous {
		a.ID = first(id.arn, id.account, id.userName, id.invokedBy, "unknown")
	}
	if a.Session == "" {
		a.Session = id.accessKey
	}
	for _, s := range []string{session, id.userName} {
		if a.Email == "" && event.ValidEmail(s) {
			a.Email = s
		}
	}
	return a
}

// assumed tells a person in a role from a workload, by what AWS itself records.
func (r *record) assumed(session string) event.ActorType {
	id := &r.identity
	if strings.HasPrefix(id.issuerName, "AWSReservedSSO_") || strings.Contains(id.arn, "/AWSReservedSSO_") ||
		event.ValidEmail(session) || r.console || id.mfa == "true" || id.onBehalfOf != "" {
		return event.User
	}
	return event.Service
}

// unnamed is the actor of a record whose userIdentity is null, absent, or has no
// type: something that a service did by itself, mostly.
func (r *record) unnamed() event.Actor {
	id := &r.identity
	switch {
	case id.invokedBy != "":
		return event.Actor{Type: event.Service, ID: id.invokedBy}
	case id.principal != "" || id.arn != "":
		return event.Actor{Type: event.ActorSystem, ID: first(id.principal, id.arn), Name: id.userName}
	case r.eventType == "AwsServiceEvent" || r.eventType == "AwsVpceEvent" || id.account != "":
		return event.Actor{Type: event.Service, ID: first(r.eventSource, "cloudtrail.amazonaws.com")}
	}
	return event.Actor{Type: event.ActorSystem, ID: "unknown"}
}

// mfa is nil where the record does not tell.
func (r *record) mfa() *bool {
	id := &r.identity
	native := id.kind == "IAMUser" || id.kind == "Root"
	answer := id.mfa
	if r.eventName == "ConsoleLogin" {
		switch source.MemberText(r.additional, "MFAUsed") {
		case "Yes":
			answer = "true"
		case "No":
			answer = "false"
		}
	}
	if answer == "true" || answer == "false" && native {
		yes := answer == "true"
		return &yes
	}
	return nil
}

func first(values ...string) string {
	for _, s := range values {
		if s != "" {
			return s
		}
	}
	return ""
}
