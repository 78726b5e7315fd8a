// Package awscloudtrail reads AWS CloudTrail: management, data, network activity
// and Insight events, and the digest files that CloudTrail delivers beside them.
//
// Deliveries: files with {"Records":[…]}, single records, arrays and NDJSON of
// records; also as they come through CloudWatch Logs subscriptions (logEvents[].message),
// EventBridge (detail) and LookupEvents (CloudTrailEvent). These envelopes are
// taken off; raw is the record.
//
//	CloudTrail record                          event
//	eventID/recipientAccountId                 id
//	eventTime                                  occurred_at
//	userIdentity                               actor: see below
//	eventSource, eventName                     native_action (iam:CreateUser); action, category: see Actions
//	resources[].ARN, else known identifiers    target, targets
//	  of requestParameters, responseElements
//	errorCode, errorMessage                    outcome, outcome_code, outcome_reason: see below
//	sourceIPAddress                            where.ip if it is one, else where.host
//	userAgent, awsRegion, recipientAccountId   where.user_agent, where.region, where.account
//	requestID                                  request_id
//	requestParameters.reason, .comment         why.reason (of ssm:StartSession, ssm:SendCommand)
//	readOnly, eventType, accessKeyId, …        detail
//
// Actions that controls and detections ask about have a name of Evident's own;
// what differs in AWS but means the same has the same one. Every other call is
// called by its service and event name, ec2.describe_vpcs, and sorted by this
// rule: data events are data, network activity events network; calls that only
// read, and what a service does by itself, are system. Of the rest, calls to IAM,
// Identity Center, Organizations and Cognito are account, or access if they are
// about policies, roles or permissions; to sign-in and STS authentication; to
// code, container and deployment services change; about networks network; all
// others config. What the root user does is privileged, but for authentication,
// and so is attaching one of AWS's own administrator policies.
//
// Actor, by userIdentity.type:
//
//	IAMUser, Root                 user; id principalId; Root has the role "root"
//	AssumedRole                   user if something shows a person (an AWSReservedSSO_ role, a session
//	                              named by an e-mail address, a console session, MFA), else service;
//	                              id principalId, name the session's, role the issuer's ARN
//	FederatedUser, SAMLUser       user
//	WebIdentityUser               user; service if it is a Kubernetes service account or a CI job
//	IdentityCenterUser            user; id onBehalfOf.userId
//	AWSService                    service; id invokedBy
//	AWSAccount                    as its principalId says; anonymous if it is ANONYMOUS_PRINCIPAL
//	Directory, Role, Unknown      user, service, system
//	none, or no userIdentity      service: invokedBy, else the service that reports; system "unknown" otherwise
//
// A failed sign-in with a user name that does not exist is anonymous. mfa is true
// where the record says so; it is false only for IAM users and root, since of
// federated sessions AWS does not see the second factor.
//
// Outcome: no errorCode means success, but for sign-ins, whose verdict stands in
// responseElements or serviceEventDetails. AccessDenied in its spellings and
// messages "not authorized to perform" mean denied; every other errorCode means
// failure, also Client.DryRunOperation: it would have worked, and nothing changed.
// Insight events have no verdict: unknown.
//
// Limits of CloudTrail: events are delivered within about 15 minutes, in no order,
// sometimes twice; eventTime is in whole seconds; records over 256 KB come without
// their largest members. raw keeps everything, what is secret in it included;
// nothing secret is copied out of it.
package awscloudtrail

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is AWS CloudTrail.
var Kind = source.Kind{
	Name:    "aws.cloudtrail",
	Title:   "AWS CloudTrail",
	Ways:    "bucket, files, HTTP",
	Split:   source.JSON("Records", "Events", "CloudTrailEvent", "logEvents", "message", "detail"),
	Map:     mapEvent,
	Actions: actions,
}

func mapEvent(raw []byte, _ time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	switch {
	case r.digest.end != "":
		return r.mapDigest(raw)
	case r.eventType == "AwsCloudTrailInsight" || len(r.insight) > 0:
		return r.mapInsight(raw)
	case r.eventID == "" || r.eventName == "" || r.eventSource == "":
		return event.Event{}, errors.New("not a CloudTrail record: eventID, eventName or eventSource is missing")
	}
	e, err := r.base(raw)
	if err != nil {
		return event.Event{}, err
	}
	service, _, _ := strings.Cut(r.eventSource, ".")
	e.NativeAction = service + ":" + r.eventName
	e.Actor = r.actor()
	e.Targets = r.targets(service)
	e.Outcome, e.OutcomeCode, e.OutcomeReason = r.outcome(), r.errorCode, r.errorMessage
	action := r.lookup(service)
	e.Action, e.Category = action.Action, action.Category
	e.Detail = r.details(&e)
	return e, nil
}

// base returns the members that all events of CloudTrail have in common.
func (r *record) base(raw []byte) (event.Event, error) {
	at, err := parseTime(r.eventTime)
	if err != nil {
		return event.Event{}, err
	}
	e := event.Event{
		ID:         r.eventID,
		OccurredAt: at,
		Where:      event.Where{UserAgent: r.userAgent, Region: r.region, Account: r.account},
		RequestID:  r.requestID,
		Raw:        raw,
	}
	if r.account != "" {
		e.ID += "/" + r.account
	} else {
		e.Where.Account = r.identity.account
	}
	// Calls that AWS makes itself have the name of a service for an address.
	if event.ValidIP(r.sourceIP) {
		e.Where.IP = r.sourceIP
	} else {
		e.Where.Host = r.sourceIP
	}
	return e, nil
}

// parseTime reads eventTime, also in the short form that is sometimes seen.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t, err = time.Parse("20060102T150405Z", s)
	}
	if err != nil {
		return t, fmt.Errorf("not a CloudTrail record: eventTime is %.40q, which is no time", s)
	}
	return t.UTC(), nil
}

// outcome follows the rules of the package comment.
func (r *record) outcome() event.Outcome {
	switch code := strings.TrimPrefix(strings.TrimPrefix(r.errorCode, "Client."), "Server."); {
	case code == "AccessDenied", code == "AccessDeniedException", code == "UnauthorizedOperation", code == "VpceAccessDenied",
		strings.Contains(r.errorMessage, "not authorized to perform"):
		return event.Denied
	case code != "":
		return event.Failure
	}
	verdict := source.MemberText(r.response, r.eventName)
	if verdict == "" {
		verdict = source.MemberText(r.service, r.eventName)
	}
	if verdict == "Failure" || verdict == "Failed" || r.errorMessage != "" && verdict != "Success" {
		return event.Failure
	}
	return event.Success
}
