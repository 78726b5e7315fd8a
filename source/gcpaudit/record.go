package gcpaudit

import (
	"strings"

	"example.com/evident/source"
)

// record is what the mapping looks at. Objects and arrays are kept as tokens.
type record struct {
	insertID, logName, timestamp, received, trace, severity string
	service, method, resourceName                           string
	code, message                                           string // of status
	callerIP, userAgent, region, justification              string
	network                                                 string // callerNetwork
	timeless                                                bool   // no time could be read
	refused                                                 bool   // every permission was refused, in so many words
	operation                                               operation
	caller                                                  caller
	resource                                                resource
	labels, authorization, request, metadata, policy        []byte
	delta                                                   []byte // policyDelta
}

// operation is what an entry is a part of.
type operation struct {
	id          string
	first, last bool
}

// caller is authenticationInfo.
type caller struct {
	email, subject, authority, key string
	delegation                     []byte
}

// resource is the monitored resource.
type resource struct {
	kind, project, location, account string // account is the e-mail address of a service account
	labels                           []byte
}

// read takes an entry's members. raw is valid JSON; if it is no object, or
// another one, all stays empty. Exporters write some names in lower case.
func read(raw []byte) (r record) {
	for name, v := range source.Members(raw) {
		switch name {
		case "insertId", "insertid":
			r.insertID = source.Text(v)
		case "logName", "logname":
			r.logName = source.Text(v)
		case "timestamp":
			r.timestamp = source.Text(v)
		case "receiveTimestamp", "receivetimestamp":
			r.received = source.Text(v)
		case "trace":
			r.trace = source.Text(v)
		case "severity":
			r.severity = source.Text(v)
		case "operation":
			r.operation = operation{
				id:    source.MemberText(v, "id"),
				first: source.MemberText(v, "first") == "true",
				last:  source.MemberText(v, "last") == "true",
			}
		case "resource":
			r.resource.read(v)
		case "labels":
			r.labels = v
		case "protoPayload", "protopayload", "protopayload_auditlog":
			r.readPayload(v)
		}
	}
	if r.region == "" {
		r.region = r.resource.location
	}
	return r
}

func (s *resource) read(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "type":
			s.kind = source.Text(v)
		case "labels":
			s.labels = v
			for name, v := range source.Members(v) {
				switch name {
				case "project_id":
					s.project = source.Text(v)
				case "location", "zone", "region":
					s.location = source.Text(v)
				case "email_id":
					s.account = source.Text(v)
				}
			}
		}
	}
}

func (r *record) readPayload(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "serviceName":
			r.service = source.Text(v)
		case "methodName":
			r.method = source.Text(v)
		case "resourceName":
			r.resourceName = source.Text(v)
		case "status":
			r.code, r.message = source.MemberText(v, "code"), source.MemberText(v, "message")
		case "authenticationInfo":
			r.caller.read(v)
		case "authorizationInfo":
			r.authorization = v
			r.refused = refused(v)
		case "requestMetadata":
			r.readRequest(v)
		case "resourceLocation":
			for l := range source.Elements(source.Member(v, "currentLocations")) {
				r.region = source.Text(l)
				break
			}
		case "policyViolationInfo":
			r.policy = v
		case "request":
			r.request = v
			if r.justification == "" {
				r.justification = source.MemberText(v, "justification")
			}
		case "metadata":
			r.metadata = v
			if r.delta == nil {
				r.delta = source.Member(v, "policyDelta")
			}
		case "serviceData", "servicedata_v1_iam":
			if d := source.Member(v, "policyDelta"); d != nil {
				r.delta = d
			}
		}
	}
}

func (c *caller) read(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "principalEmail":
			c.email = source.Text(v)
		case "principalSubject":
			c.subject = source.Text(v)
		case "authoritySelector":
			c.authority = source.Text(v)
		case "serviceAccountKeyName":
			c.key = source.Text(v)
		case "serviceAccountDelegationInfo":
			c.delegation = v
		}
	}
}

func (r *record) readRequest(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "callerIp", "callerIP":
			r.callerIP = source.Text(v)
		case "callerSuppliedUserAgent":
			r.userAgent = source.Text(v)
		case "callerNetwork":
			r.network = source.Text(v)
		case "requestAttributes":
			if reason := source.MemberText(v, "reason"); reason != "" {
				r.justification = reason
			}
		}
	}
}

// refused reports whether permissions were asked for and every one of them was
// refused. Where granted is absent, the entry does not say.
func refused(authorization []byte) bool {
	n := 0
	for a := range source.Elements(authorization) {
		if string(source.Member(a, "granted")) != "false" {
			return false
		}
		n++
	}
	return n > 0
}

// log is the last part of the log's name: activity, data_access, system_event or
// policy.
func (r *record) log() string {
	name := r.logName
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	if _, short, ok := strings.Cut(name, "%2F"); ok {
		return short
	}
	if _, short, ok := strings.Cut(name, "%2f"); ok {
		return short
	}
	return name
}

// account is the project, or what else the log is of: organizations/123.
func (r *record) account() string {
	if r.resource.project != "" {
		return r.resource.project
	}
	of, _, ok := strings.Cut(r.logName, "/logs/")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(of, "projects/")
}
