// Package gcpaudit reads Google Cloud Audit Logs: log entries whose protoPayload
// is an AuditLog, of Admin Activity, Data Access, System Event and Policy Denied.
//
// Deliveries: files of a log sink and any other NDJSON, arrays, single entries;
// {"entries":[…]} of the Logging API; Pub/Sub, pushed ({"message":{"data":…}}) or
// pulled ({"receivedMessages":[…]}), whose base64 is taken off; rows of BigQuery
// (protopayload_auditlog). raw is the entry.
//
//	LogEntry                                   event
//	insertId, timestamp, logName               id, since insertId alone is not unique
//	timestamp, else receiveTimestamp           occurred_at
//	protoPayload.authenticationInfo            actor: see below
//	protoPayload.methodName                    native_action; action, category: see Actions
//	policyDelta.bindingDeltas[].member,        target, targets
//	  then resource.labels.email_id of service
//	  accounts, then resourceName
//	protoPayload.status, logName               outcome, outcome_code, outcome_reason: see below
//	requestMetadata.callerIp                   where.ip if it is one, else where.host (private, gce-internal-ip)
//	requestMetadata.callerSuppliedUserAgent    where.user_agent
//	resourceLocation, resource.labels          where.region
//	resource.labels.project_id, else logName   where.account
//	requestMetadata.requestAttributes.reason,  why.reason
//	  request.justification
//	operation.id, trace                        request_id, trace_id
//	bindingDeltas[].role, delegation,          detail
//	  permissions, violations, …
//
// Actor: id is principalEmail, else principalSubject; service if it is a service
// account or a subject of a workload identity pool, user if it is any other. Names
// of Kubernetes are as in kubernetes.audit. With neither, it is the service itself
// (system) in System Event logs and in the last entry of a long operation, and
// anonymous otherwise: somebody who was not authenticated, or whom Google does not
// name. Who acted through a service account is in detail.delegation.
//
// Outcome: no status, an empty one, or code 0 mean success; 7 (PERMISSION_DENIED)
// denied, as does everything in a Policy Denied log, and a call without a status
// whose authorizationInfo refused every permission in so many words; any other
// code failure, 16 (UNAUTHENTICATED) too. A loginFailure is a failure, and sign-ins
// that Google blocked (suspiciousLogin) are denied. An entry with operation.first says that an operation was accepted, its last one what
// came of it.
//
// Actions that controls and detections ask about have a name of Evident's own,
// by service and the end of the method's name. Calls that set an IAM policy, of
// whatever service, are role.grant if roles were only added, role.revoke if only
// taken away, else policy.update; they are privileged if a role of owner, editor,
// administrators or of who may become a service account was granted. GKE's go by
// the table of kubernetes.audit. Every other call is called by its service and
// method, compute.instances.set_labels, and sorted by this rule: Data Access logs
// are data, but for permissions that read configuration; System Event logs and
// calls that only read are system; of the rest IAM is account, or access if about
// roles, policies or permissions; builds and deployments change; networks network;
// all others config.
//
// From the API, https://logging.googleapis.com, a connector fetches the entries of
// the projects, folders and organisations in its setting "resources"
// (projects/shop-prod,organizations/12). It needs tokens of scope
// https://www.googleapis.com/auth/logging.read, and the role Private Logs Viewer.
// At more than a few entries a second let a sink push through Pub/Sub instead.
//
// Limits of Google Cloud: entries are there within seconds as a rule, in no order,
// sometimes twice; Admin Activity is kept 400 days, Data Access is off for most
// services and kept 30; principalEmail is redacted for callers outside the
// organisation; protoPayload of large entries is cut. raw keeps everything, what
// is secret in it included; nothing secret is copied out of it. Entries of other
// logs that share a sink, Access Transparency among them, are kept as unmapped.
package gcpaudit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is Google Cloud Audit Logs.
var Kind = source.Kind{
	Name:    "gcp.audit",
	Title:   "Google Cloud Audit Logs",
	Ways:    "API, Pub/Sub push, bucket, files, HTTP",
	Split:   split,
	Map:     mapEvent,
	Pull:    &source.Pull{From: source.WindowFrom, Page: page, Every: time.Minute, Lag: time.Hour},
	Actions: actions,
}

// framed cuts all but the base64 of Pub/Sub.
var framed = source.JSON("entries", "receivedMessages", "message", "data")

// split takes off the base64 of Pub/Sub messages, too.
func split(delivery io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for raw, err := range framed(delivery) {
			if decoded := fromBase64(raw); decoded != nil && err == nil {
				raw = decoded
			}
			if !yield(raw, err) {
				return
			}
		}
	}
}

// fromBase64 decodes the data of a message if it holds an object, or returns nil.
func fromBase64(raw []byte) []byte {
	text := bytes.TrimSpace(raw)
	if len(text) < 4 || text[0] != 'e' { // base64 of a brace
		return nil
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		decoded, err := encoding.AppendDecode(nil, text)
		if decoded = bytes.TrimSpace(decoded); err == nil && len(decoded) > 0 && decoded[0] == '{' {
			return decoded
		}
	}
	return nil
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	if r.method == "" || r.service == "" {
		return event.Event{}, errors.New("not an entry of Cloud Audit Logs: protoPayload.methodName or serviceName is missing")
	}
	e := event.Event{
		OccurredAt:   now.UTC(),
		Actor:        r.actor(),
		NativeAction: r.method,
		Where:        event.Where{UserAgent: r.userAgent, Region: r.region, Account: r.account()},
		Why:          event.Why{Reason: r.justification},
		RequestID:    r.operation.id,
		TraceID:      r.trace,
		Raw:          raw,
	}
	if event.ValidIP(r.callerIP) {
		e.Where.IP = r.callerIP
	} else {
		e.Where.Host = r.callerIP
	}
	e.Outcome, e.OutcomeCode, e.OutcomeReason = r.outcome()
	var d source.Detail
	r.time(&d, &e)
	e.ID = r.id(e.OccurredAt)
	r.fill(&d, &e)
	e.Detail = d.Object()
	return e, nil
}

// id is unique where insertId is not: Google guarantees it within a log and a
// time only.
func (r *record) id(at time.Time) string {
	if r.insertID == "" {
		return ""
	}
	id := r.insertID + "/" + at.Format(time.RFC3339Nano) + "/" + r.logName
	if r.timeless { // when it arrived is not what it is known by
		id = r.insertID + "/" + r.logName
	}
	if len(id) > event.MaxIDBytes {
		return ""
	}
	return id
}

// time is when it happened; an entry that does not tell happened when it arrived,
// and says so.
func (r *record) time(d *source.Detail, e *event.Event) {
	for _, s := range []string{r.timestamp, r.received} {
		if t, ok := source.Time(s); ok {
			e.OccurredAt = t
			return
		}
	}
	r.timeless = true
	d.Text("time_of", "arrival")
	d.Text("native_time", r.timestamp)
}

// outcome follows the rules of the package comment.
func (r *record) outcome() (o event.Outcome, code, reason string) {
	code, reason = r.code, r.message
	if code == "0" {
		code = ""
	}
	switch {
	case code == "7", code == "" && (r.log() == "policy" || r.refused):
		return event.Denied, code, reason
	case code != "":
		return event.Failure, code, reason
	}
	switch method := shortMethod(r.service, r.method); {
	case r.service != "login.googleapis.com":
	case method == "loginFailure":
		return event.Failure, code, reason
	case strings.HasPrefix(method, "suspicious"), strings.HasSuffix(method, "Blocked"):
		return event.Denied, code, reason
	}
	return event.Success, code, reason
}
