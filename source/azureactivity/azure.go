// Package azureactivity reads the Azure Activity Log, and resource logs that
// come the same way, such as those of Key Vault.
//
// Deliveries: {"records":[…]} as diagnostic settings write them to Event Hubs and
// storage; {"value":[…]} of the REST API; rows of the Log Analytics table
// AzureActivity; arrays and NDJSON of any of these. raw is the record.
//
//	diagnostic settings      REST, Log Analytics             event
//	                         eventDataId                     id; without it, correlationId and a hash of result,
//	                                                         operation, time and resourceId
//	time                     eventTimestamp, TimeGenerated   occurred_at
//	identity.claims,         claims, caller, authorization   actor: see below
//	  .authorization
//	operationName            operationName.value,            native_action; action, category: see Actions
//	                           OperationNameValue
//	principalId of properties.requestbody, .responseBody,    target, targets
//	  properties.id of Key Vault, then resourceId
//	resultType,              status, subStatus               outcome, outcome_code: see below
//	  resultSignature
//	properties.statusMessage, resultDescription              outcome_reason
//	callerIpAddress          httpRequest.clientIpAddress     where.ip, or where.host
//	location                                                 where.region
//	subscription of resourceId, else tenantId                where.account
//	correlationId                                            request_id
//	category, level, granted role, scope, …                  detail
//
// Both spellings of every result are read, and any case of names. An operation
// is several records with one correlationId: Start(ed) and Accept(ed) have no
// verdict, unknown; Success, Succeeded mean success; Failure, Failed, Canceled
// failure, but denied if sub-status, signature or error says Forbidden, 403,
// AuthorizationFailed, LinkedAuthorizationFailed, RequestDisallowedByPolicy or
// ScopeLocked. A result in words of its own goes by the HTTP status, if there is
// one, and is unknown otherwise.
//
// Actor: id is the object id in the claims, else the application's, else caller.
// user if there is a user principal name, an e-mail address or idtyp user;
// service for applications, and for a caller who is only a GUID and of whom the
// record says no more; system for names such as Microsoft.Advisor and for records
// without a caller, whose id is the resource provider, or "unknown" where people
// act. authorization.evidence names a caller only if it is a user or a service
// principal, not if it is a group. mfa is true if authnmethodsreferences has mfa,
// false if it is a password alone.
//
// Actions that controls and detections ask about have a name of Evident's own.
// Every other operation is called by provider, type and verb in lower case,
// azure.compute.disks.write, and sorted by this rule: reads and categories other
// than Administrative, Policy and Security are system, lists of keys data; of the
// rest Authorization is access, identities account, networks network, code and
// containers change, all others config. Granting Owner, Contributor, or a role by
// which one can grant others, is privileged.
//
// From the API, https://management.azure.com, a connector fetches the log of the
// subscription whose id is its setting "subscription". Its application needs the
// role Reader there, and tokens of scope https://management.azure.com/.default.
//
// Limits of Azure: records are there within 20 minutes as a rule, out of order;
// Azure keeps them 90 days; reads are not in the log. Records with an AKS audit
// event inside belong to a source of kind kubernetes.audit, and are refused here
// with that reason.
package azureactivity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is the Azure Activity Log.
var Kind = source.Kind{
	Name:    "azure.activity",
	Title:   "Azure Activity Log",
	Ways:    "API, Event Hubs, bucket, files, HTTP",
	Split:   source.JSON("records", "value"),
	Map:     mapEvent,
	Pull:    &source.Pull{From: source.WindowFrom, Page: page, Every: 5 * time.Minute, Lag: time.Hour},
	Actions: actions,
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	switch {
	case strings.HasPrefix(r.category, "kube-audit"):
		return event.Event{}, errors.New("not an Azure activity: category " + r.category + " is for a source of kind kubernetes.audit")
	case r.operation == "" || r.timestamp == "" && r.resourceID == "":
		return event.Event{}, errors.New("not an Azure activity: operationName is missing, or both time and resourceId are")
	}
	e := event.Event{
		OccurredAt:   now.UTC(),
		Actor:        r.actor(),
		NativeAction: r.operation,
		Where:        event.Where{UserAgent: r.userAgent, Region: r.location, Account: r.account()},
		RequestID:    r.correlationID,
		Raw:          raw,
	}
	if e.RequestID == "" {
		e.RequestID = r.operationID
	}
	e.Where.IP, e.Where.Host = source.Address(r.callerIP)
	e.Outcome, e.OutcomeCode, e.OutcomeReason = r.outcome()
	a := lookup(r.operation, r.category)
	e.Action, e.Category = a.Action, a.Category
	var d source.Detail
	if t, ok := source.Time(r.timestamp); ok {
		e.OccurredAt = t
	} else {
		d.Text("time_of", "arrival")
		d.Text("native_time", r.timestamp)
	}
	e.ID = r.id()
	r.fill(&d, &e)
	e.Detail = d.Object()
	return e, nil
}

// maxCorrelationBytes bounds what an id begins with; it is a GUID.
const maxCorrelationBytes = 64

// id is Azure's own where there is one. Diagnostic settings leave it out; then
// what makes a record another one than those of the same operation is its id.
func (r *record) id() string {
	if r.eventID != "" && len(r.eventID) <= event.MaxIDBytes {
		return r.eventID
	}
	if r.correlationID == "" || r.timestamp == "" {
		return ""
	}
	parts := strings.ToLower(strings.Join([]string{r.correlationID, r.result, r.operation, r.timestamp, r.resourceID}, "/"))
	sum := sha256.Sum256([]byte(parts))
	if len(r.correlationID) > maxCorrelationBytes {
		return hex.EncodeToString(sum[:])
	}
	return r.correlationID + "/" + hex.EncodeToString(sum[:16])
}

// outcome follows the rules of the package comment.
func (r *record) outcome() (o event.Outcome, code, reason string) {
	code, reason = r.signature, r.reason
	if code == "" || strings.EqualFold(code, "None") {
		code = r.status
	}
	if r.errorCode != "" {
		code = r.errorCode
	}
	result := strings.ToLower(r.result)
	switch result {
	case "start", "started", "accept", "accepted", "active", "inprogress", "in progress":
		return event.Unknown, code, reason
	}
	switch {
	case r.denied():
		return event.Denied, code, reason
	case result == "failure", result == "failed", result == "canceled", result == "cancelled":
		return event.Failure, code, reason
	case len(r.status) == 3 && r.status[0] >= '4' && r.status[0] <= '5':
		return event.Failure, code, reason
	case result == "success", result == "succeeded", len(r.status) == 3 && r.status[0] == '2':
		return event.Success, code, reason
	}
	return event.Unknown, code, reason
}

func (r *record) denied() bool {
	for _, s := range []string{r.signature, r.errorCode, r.status} {
		if i := strings.LastIndexByte(s, '.'); i >= 0 { // Failed.Forbidden
			s = s[i+1:]
		}
		if i := strings.IndexByte(s, ' '); i >= 0 { // Forbidden (HTTP Status Code: 403)
			s = s[:i]
		}
		switch strings.ToLower(s) {
		case "forbidden", "403", "authorizationfailed", "linkedauthorizationfailed", "requestdisallowedbypolicy", "scopelocked", "denyassignmentauthorizationfailed":
			return true
		}
	}
	return false
}
