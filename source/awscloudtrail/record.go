package awscloudtrail

import "example.com/evident/source"

// record is what the mapping looks at. Objects and arrays are kept as tokens.
type record struct {
	eventID, eventTime, eventSource, eventName, eventType, eventCategory string
	region, sourceIP, userAgent, requestID, account                      string
	errorCode, errorMessage                                              string
	readOnly, sharedEventID, vpcEndpoint                                 string
	console                                                              bool // made with credentials of a console session
	identity                                                             identity
	resources, parameters, response, additional, service, insight        []byte
	digest                                                               digest
}

// identity is userIdentity with its sessionContext.
type identity struct {
	kind, principal, arn, account, accessKey, userName, invokedBy string
	provider                                                      string // of a web identity
	onBehalfOf                                                    string // user id in IAM Identity Center
	mfa, sourceIdentity                                           string
	issuerARN, issuerName                                         string
}

// digest is what a digest file has instead of a record.
type digest struct {
	account, start, end, bucket, object, previous string
	files                                         []byte
}

// read takes a record's members. raw is valid JSON; if it is no object, or
// another one, all stays empty.
func read(raw []byte) (r record) {
	for name, v := range source.Members(raw) {
		switch name {
		case "eventID":
			r.eventID = source.Text(v)
		case "eventTime":
			r.eventTime = source.Text(v)
		case "eventSource":
			r.eventSource = source.Text(v)
		case "eventName":
			r.eventName = source.Text(v)
		case "eventType":
			r.eventType = source.Text(v)
		case "eventCategory":
			r.eventCategory = source.Text(v)
		case "awsRegion":
			r.region = source.Text(v)
		case "sourceIPAddress":
			r.sourceIP = source.Text(v)
		case "userAgent":
			r.userAgent = source.Text(v)
		case "requestID":
			r.requestID = source.Text(v)
		case "recipientAccountId":
			r.account = source.Text(v)
		case "errorCode":
			r.errorCode = source.Text(v)
		case "errorMessage":
			r.errorMessage = source.Text(v)
		case "readOnly":
			r.readOnly = source.Text(v)
		case "sharedEventID":
			r.sharedEventID = source.Text(v)
		case "vpcEndpointId":
			r.vpcEndpoint = source.Text(v)
		case "sessionCredentialFromConsole":
			r.console = source.Text(v) == "true"
		case "userIdentity":
			r.identity.read(v)
		case "resources":
			r.resources = v
		case "requestParameters":
			r.parameters = v
		case "responseElements":
			r.response = v
		case "additionalEventData":
			r.additional = v
		case "serviceEventDetails":
			r.service = v
		case "insightDetails":
			if v[0] == '{' {
				r.insight = v
			}
		default:
			r.digest.read(name, v)
		}
	}
	return r
}

func (id *identity) read(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "type":
			id.kind = source.Text(v)
		case "principalId":
			id.principal = source.Text(v)
		case "arn":
			id.arn = source.Text(v)
		case "accountId":
			id.account = source.Text(v)
		case "accessKeyId":
			id.accessKey = source.Text(v)
		case "userName":
			id.userName = source.Text(v)
		case "invokedBy":
			id.invokedBy = source.Text(v)
		case "identityProvider":
			id.provider = source.Text(v)
		case "onBehalfOf":
			id.onBehalfOf = source.MemberText(v, "userId")
		case "sessionContext":
			id.readSession(v)
		}
	}
}

func (id *identity) readSession(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "attributes":
			id.mfa = source.MemberText(v, "mfaAuthenticated")
		case "sourceIdentity":
			id.sourceIdentity = source.Text(v)
		case "sessionIssuer":
			for name, v := range source.Members(v) {
				switch name {
				case "arn":
					id.issuerARN = source.Text(v)
				case "userName":
					id.issuerName = source.Text(v)
				}
			}
		case "webIdFederationData":
			if id.provider == "" {
				id.provider = source.MemberText(v, "federatedProvider")
			}
		}
	}
}

func (d *digest) read(name string, v []byte) {
	switch name {
	case "awsAccountId":
		d.account = source.Text(v)
	case "digestStartTime":
		d.start = source.Text(v)
	case "digestEndTime":
		d.end = source.Text(v)
	case "digestS3Bucket":
		d.bucket = source.Text(v)
	case "digestS3Object":
		d.object = source.Text(v)
	case "previousDigestS3Object":
		d.previous = source.Text(v)
	case "logFiles":
		d.files = v
	}
}
