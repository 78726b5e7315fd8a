// Package kubernetesaudit reads the audit log of the Kubernetes API server:
// objects of kind Event of audit.k8s.io, v1 and what came before it.
//
// Deliveries: files with an event a line, single events and arrays; EventList as
// the audit webhook sends it; lines that a log shipper wrapped ("log", "message");
// EKS through CloudWatch Logs subscriptions (logEvents[].message); AKS through
// diagnostic settings (records[].properties.log). These envelopes are taken off;
// raw is the event. GKE's come as entries of Cloud Audit Logs: see gcp.audit.
//
//	audit event                                event
//	auditID/stage                              id
//	auditID                                    request_id
//	requestReceivedTimestamp, else timestamp,  occurred_at
//	  else stageTimestamp
//	user                                       actor: see below
//	verb, objectRef.resource, .subresource     native_action (create pods/exec); action, category: see Actions
//	objectRef                                  target: type resource.group, id namespace/resource/name
//	subjects of a role binding                 targets before that one
//	requestURI without its query               target of type url, where there is no objectRef
//	stage, responseStatus, annotations         outcome, outcome_code, outcome_reason: see below
//	sourceIPs[0]                               where.ip if it is one, else where.host
//	userAgent                                  where.user_agent
//	annotation authorization.k8s.io/reason     why.policy: the binding that allowed it
//	objectRef.namespace, stage, command,       detail
//	  impersonatedUser, roleRef, …
//
// Every stage of a request is an event of its own; request_id holds them together.
// Which stages there are is the audit policy's choice. RequestReceived says what
// was asked and has no verdict: unknown. ResponseStarted, of watches, logs, exec
// and other long requests, and ResponseComplete have one:
//
//	401                                        failure: nobody was authenticated
//	403, or authorization.k8s.io/decision      denied; so is what an admission webhook denied
//	  is forbid
//	any other 4xx or 5xx                       failure
//	up to 399                                  success
//	stage Panic                                failure
//	no code                                    unknown
//
// A request with a bad token has one event only, of stage ResponseStarted, with
// code 401 and no user; whatever it asked for, it is of category authentication.
//
// Actor, by user.username; name is the username, id user.uid where there is one:
//
//	empty, system:anonymous                    anonymous
//	system:serviceaccount:NAMESPACE:NAME       service
//	system:node:NAME and every other system:   system; but system:admin, who is a person: user
//	eks:NAME, aksService                       service
//	all others                                 user
//
// Who acts as somebody else is still the actor; detail.impersonated_user is whom
// the API server took them for, and the event is privileged. actor.role has the
// groups that Kubernetes itself does not give everybody.
//
// Actions that controls and detections ask about have a name of Evident's own.
// Every other request is called by its verb and resource,
// kubernetes.create_endpoints, and sorted by this rule: reads, and what components
// do all the time (events, leases, endpoints, status, reviews), are system; of
// writes, RBAC is access, certificates and service accounts are account, secrets
// data, the network's own groups network, workloads change, all others config. The
// table holds for Kubernetes' own groups; resources of others go by the rule.
// Binding cluster-admin, or creating a pod that is privileged or shares the host's
// namespaces, is privileged where the event tells (level Request).
//
// Limits of Kubernetes: order is that of the stages' ends, not of the requests;
// with a webhook, batches may come twice, and are lost when the server's buffer is
// full; sourceIPs[0] may be set by the client, the last is the peer; auditID may be
// set by the client too: an event that takes the id of another is kept as a
// conflict. raw keeps request bodies, secrets included, if the policy logs them;
// nothing secret is copied out of them. Lines of other logs of the control plane
// that share a stream are kept as unmapped.
package kubernetesaudit

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is the Kubernetes audit log.
var Kind = source.Kind{
	Name:    "kubernetes.audit",
	Title:   "Kubernetes audit log",
	Ways:    "webhook, files, HTTP",
	Split:   source.JSON("items", "logEvents", "message", "log", "records", "properties"),
	Map:     mapEvent,
	Actions: actions,
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	r := read(raw)
	if r.auditID == "" || r.verb == "" {
		return event.Event{}, errors.New("not a Kubernetes audit event: auditID or verb is missing")
	}
	e := event.Event{
		ID:           r.auditID,
		OccurredAt:   now.UTC(),
		Actor:        r.user.actor(),
		NativeAction: r.native(),
		Targets:      r.targets(),
		Where:        event.Where{UserAgent: r.userAgent},
		RequestID:    r.auditID,
		Raw:          raw,
	}
	if r.stage != "" {
		e.ID += "/" + r.stage
	}
	if len(e.ID) > event.MaxIDBytes { // set by a client
		e.ID = ""
	}
	if ip := r.sourceIP; event.ValidIP(ip) {
		e.Where.IP = ip
	} else {
		e.Where.Host = ip
	}
	e.Outcome, e.OutcomeCode, e.OutcomeReason = r.outcome()
	if r.decision == "allow" {
		e.Why.Policy = r.decisionReason
	}
	a := Lookup(r.verb, r.object.group, r.object.resource, r.object.subresource)
	e.Action, e.Category = a.Action, a.Category
	if e.OutcomeCode == "401" {
		e.Category = event.Authentication
	}
	r.finish(&e)
	return e, nil
}

// native is the name that the table has for the request, with its group where
// that is not Kubernetes' own.
func (r *record) native() string {
	o := &r.object
	if o.resource == "" {
		return r.verb
	}
	b := make([]byte, 0, 64)
	b = append(append(b, r.verb...), ' ')
	b = append(b, o.resource...)
	if !own(o.group) {
		b = append(append(b, '.'), o.group...)
	}
	if o.subresource != "" {
		b = append(append(b, '/'), o.subresource...)
	}
	return source.Clip(string(b))
}

// outcome follows the table of the package comment.
func (r *record) outcome() (o event.Outcome, code, reason string) {
	reason = r.message
	if reason == "" && r.status != "Success" {
		reason = r.reason
	}
	forbidden := r.decision == "forbid"
	if forbidden && reason == "" {
		reason = r.decisionReason
	}
	code = r.code
	if code == "0" {
		code = ""
	}
	switch {
	case r.stage == "Panic":
		return event.Failure, code, reason
	case code == "401":
		return event.Failure, code, reason
	case code == "403", forbidden, strings.Contains(r.message, "admission webhook") && strings.Contains(r.message, "denied the request"):
		return event.Denied, code, reason
	case len(code) == 3 && '4' <= code[0] && code[0] <= '9':
		return event.Failure, code, reason
	case len(code) == 3 && '1' <= code[0] && code[0] < '4':
		return event.Success, code, reason
	}
	return event.Unknown, code, reason
}
