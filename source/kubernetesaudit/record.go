package kubernetesaudit

import "example.com/evident/source"

// record is what the mapping looks at. Objects and arrays are kept as tokens.
type record struct {
	auditID, stage, verb, uri, userAgent     string
	received, staged, stamped                string // times
	sourceIP                                 string // the first
	decision, decisionReason                 string
	code, status, message, reason            string // of responseStatus
	violations                               string // of a pod security standard
	user                                     user
	object                                   object
	sourceIPs, impersonated, request, answer []byte
}

// object is objectRef.
type object struct {
	resource, subresource, namespace, name, group string
}

// user is who was authenticated.
type user struct {
	name, uid     string
	groups, extra []byte
}

// read takes an event's members. raw is valid JSON; if it is no object, or
// another one, all stays empty.
func read(raw []byte) (r record) {
	for name, v := range source.Members(raw) {
		switch name {
		case "auditID":
			r.auditID = source.Text(v)
		case "stage":
			r.stage = source.Text(v)
		case "verb":
			r.verb = source.Text(v)
		case "requestURI":
			r.uri = source.Text(v)
		case "userAgent":
			r.userAgent = source.Text(v)
		case "requestReceivedTimestamp":
			r.received = source.Text(v)
		case "stageTimestamp":
			r.staged = source.Text(v)
		case "timestamp":
			r.stamped = source.Text(v)
		case "user":
			r.user.read(v)
		case "impersonatedUser":
			if v[0] == '{' {
				r.impersonated = v
			}
		case "sourceIPs":
			r.sourceIPs = v
			for ip := range source.Elements(v) {
				r.sourceIP = source.Text(ip)
				break
			}
		case "objectRef":
			r.object.read(v)
		case "responseStatus":
			r.readStatus(v)
		case "annotations":
			r.readAnnotations(v)
		case "requestObject":
			r.request = v
		case "responseObject":
			r.answer = v
		}
	}
	return r
}

func (u *user) read(v []byte) {
	for name, v := range source.Members(v) {
		switch name {
		case "username":
			u.name = source.Text(v)
		case "uid":
			u.uid = source.Text(v)
		case "groups":
			u.groups = v
		case "extra":
			u.extra = v
		}
	}
}

func (o *object) read(v []byte) {
	for name, v := range source.Members(v) {
		switch name {
		case "resource":
			o.resource = source.Text(v)
		case "subresource":
			o.subresource = source.Text(v)
		case "namespace":
			o.namespace = source.Text(v)
		case "name":
			o.name = source.Text(v)
		case "apiGroup":
			o.group = source.Text(v)
		}
	}
}

func (r *record) readStatus(v []byte) {
	for name, v := range source.Members(v) {
		switch name {
		case "code":
			r.code = source.Text(v)
		case "status":
			r.status = source.Text(v)
		case "message":
			r.message = source.Text(v)
		case "reason":
			r.reason = source.Text(v)
		}
	}
}

func (r *record) readAnnotations(v []byte) {
	for name, v := range source.Members(v) {
		switch name {
		case "authorization.k8s.io/decision":
			r.decision = source.Text(v)
		case "authorization.k8s.io/reason":
			r.decisionReason = source.Text(v)
		case "pod-security.kubernetes.io/audit-violations":
			r.violations = source.Text(v)
		}
	}
}
