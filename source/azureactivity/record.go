package azureactivity

import (
	"strings"

	"example.com/evident/source"
)

// record is what the mapping looks at, of whatever shape it came in. Objects are
// kept as tokens.
type record struct {
	eventID, timestamp, operation, category, level            string
	result, signature, status, errorCode, reason              string
	resourceID, correlationID, operationID, callerIP, caller  string
	location, subscription, tenantID, userAgent, provider     string
	action, scope, role, evidenceID, evidenceType, httpMethod string
	claims                                                    claims
	request, response                                         []byte // bodies of the call, parsed
	properties                                                []byte
}

// claims is what the caller's token said.
type claims struct {
	name, upn, email, objectID, appID, idType, session, methods, provider string
}

// read takes a record's members. raw is valid JSON; if it is no object, or
// another one, all stays empty. Names come in any case.
func read(raw []byte) (r record) {
	for name, v := range source.Members(raw) {
		switch strings.ToLower(name) {
		case "eventdataid":
			r.eventID = value(v)
		case "time", "eventtimestamp":
			r.timestamp = value(v)
		case "timegenerated":
			set(&r.timestamp, value(v))
		case "operationname", "operationnamevalue":
			if s := value(v); strings.Contains(s, "/") || r.operation == "" {
				r.operation = s // in Log Analytics operationName is words for people
			}
		case "category", "categoryvalue":
			set(&r.category, value(v))
		case "level":
			r.level = value(v)
		case "resulttype", "status", "activitystatusvalue", "activitystatus":
			set(&r.result, value(v))
		case "resultsignature", "substatus", "activitysubstatusvalue", "activitysubstatus":
			set(&r.signature, value(v))
		case "resultdescription":
			set(&r.reason, value(v))
		case "resourceid", "_resourceid":
			set(&r.resourceID, value(v))
		case "correlationid":
			r.correlationID = value(v)
		case "operationid":
			r.operationID = value(v)
		case "calleripaddress":
			set(&r.callerIP, value(v))
		case "caller":
			r.caller = value(v)
		case "location":
			r.location = value(v)
		case "subscriptionid":
			r.subscription = value(v)
		case "tenantid":
			r.tenantID = value(v)
		case "resourceprovidername", "resourceprovidervalue":
			set(&r.provider, value(v))
		case "identity":
			r.readIdentity(source.Object(v))
		case "claims", "claims_d":
			r.claims.read(source.Object(v))
		case "authorization", "authorization_d":
			r.readAuthorization(source.Object(v))
		case "httprequest":
			r.httpMethod = source.MemberText(source.Object(v), "method")
			set(&r.callerIP, source.MemberText(source.Object(v), "clientIpAddress"))
		case "properties", "properties_d":
			if p := source.Object(v); len(p) > 0 {
				r.readProperties(p)
			}
		}
	}
	return r
}

// set keeps the first of several names for one thing.
func set(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// value is the text of a scalar, or of what REST calls {"value":…}.
func value(v []byte) string {
	if v[0] == '{' {
		return source.MemberText(v, "value")
	}
	return source.Text(v)
}

func (r *record) readIdentity(v []byte) {
	for name, v := range source.Members(v) {
		switch strings.ToLower(name) {
		case "claims", "claim": // claim: Key Vault
			r.claims.read(source.Object(v))
		case "authorization":
			r.readAuthorization(source.Object(v))
		}
	}
}

func (r *record) readAuthorization(v []byte) {
	for name, v := range source.Members(v) {
		switch strings.ToLower(name) {
		case "action":
			r.action = source.Text(v)
		case "scope":
			r.scope = source.Text(v)
		case "role":
			set(&r.role, source.Text(v))
		case "evidence":
			e := source.Object(v)
			set(&r.role, source.MemberText(e, "role"))
			r.evidenceID, r.evidenceType = source.MemberText(e, "principalId"), source.MemberText(e, "principalType")
		}
	}
}

func (c *claims) read(v []byte) {
	for name, v := range source.Members(v) {
		i := strings.LastIndexByte(name, '/') // http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn
		switch s := source.Text(v); strings.ToLower(name[i+1:]) {
		case "name":
			if i < 0 {
				c.name = s
			} else {
				set(&c.upn, s)
			}
		case "upn", "unique_name":
			if i < 0 || c.upn == "" || strings.Contains(s, "@") {
				c.upn = s
			}
		case "emailaddress":
			c.email = s
		case "objectidentifier", "oid":
			c.objectID = s
		case "appid":
			c.appID = s
		case "idtyp":
			c.idType = s
		case "sid", "uti":
			set(&c.session, s)
		case "authnmethodsreferences", "amr":
			c.methods = s
		case "identityprovider":
			c.provider = s
		}
	}
}

func (r *record) readProperties(p []byte) {
	r.properties = p
	for name, v := range source.Members(p) {
		switch strings.ToLower(name) {
		case "statuscode", "httpstatuscode":
			set(&r.status, source.Text(v))
		case "statusmessage":
			r.readMessage(v)
		case "requestbody":
			r.request = source.Object(v)
		case "responsebody":
			r.response = source.Object(v)
		case "useragent", "clientinfo":
			set(&r.userAgent, source.Text(v))
		case "eventdataid":
			set(&r.eventID, source.Text(v))
		case "caller":
			set(&r.caller, source.Text(v))
		case "clientipaddress", "callerip":
			set(&r.callerIP, source.Text(v))
		}
	}
}

// readMessage reads an error as Azure Resource Manager writes it, often as a
// string.
func (r *record) readMessage(v []byte) {
	body := source.Object(v)
	if body == nil {
		set(&r.reason, source.Text(v))
		return
	}
	failure := source.Member(body, "error")
	if failure == nil {
		failure = body
	}
	set(&r.errorCode, source.MemberText(failure, "code"))
	set(&r.reason, source.MemberText(failure, "message"))
}
