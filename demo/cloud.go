package demo

import (
	"strconv"
	"time"
)

// The accounts are invented; the second holds the logs.
const (
	account   = "111122223333"
	region    = "eu-west-1"
	otherZone = "us-west-2"
)

// call is one CloudTrail record: a call to an API of the cloud.
type call struct {
	at                time.Time
	identity          string // userIdentity, JSON
	service, name     string // "iam", "CreateUser"
	region, ip, agent string // region empty: the usual one
	params, response  string // JSON objects; empty: null
	extra             string // additionalEventData, JSON object
	resource          string // ARN
	resourceType      string
	code, message     string // errorCode, errorMessage
	read, data        bool   // readOnly; a data event instead of a management event
	signIn, automatic bool   // eventType AwsConsoleSignIn, AwsServiceEvent
}

// cloud books the record of a call, in the order of members that CloudTrail
// writes.
func (b *book) cloud(c call) {
	if c.region == "" {
		c.region = region
	}
	at := c.at.UTC().Truncate(time.Second) // CloudTrail knows no fractions
	start := b.room()
	o := append(b.arena, `{"eventVersion":"1.11","userIdentity":`...)
	o = append(o, c.identity...)
	o = append(o, `,"eventTime":"`...)
	o = at.AppendFormat(o, "2006-01-02T15:04:05Z")
	o = append(append(append(o, `","eventSource":"`...), c.service...), `.amazonaws.com","eventName":"`...)
	o = append(append(append(o, c.name...), `","awsRegion":"`...), c.region...)
	o = append(append(append(o, `","sourceIPAddress":"`...), c.ip...), `","userAgent":`...)
	o = appendString(o, c.agent)
	if c.code != "" {
		o = append(append(append(o, `,"errorCode":"`...), c.code...), '"')
	}
	if c.message != "" {
		o = appendString(append(o, `,"errorMessage":`...), c.message)
	}
	o = append(append(o, `,"requestParameters":`...), orNull(c.params)...)
	o = append(append(o, `,"responseElements":`...), orNull(c.response)...)
	if c.extra != "" {
		o = append(append(o, `,"additionalEventData":`...), c.extra...)
	}
	o = append(append(append(o, `,"requestID":"`...), b.uuid()...), `","eventID":"`...)
	o = append(append(append(o, b.uuid()...), `","readOnly":`...), strconv.FormatBool(c.read)...)
	if c.resource != "" {
		o = append(append(o, `,"resources":[{"accountId":"`+account+`","type":"`...), c.resourceType...)
		o = append(append(append(o, `","ARN":"`...), c.resource...), `"}]`...)
	}
	o = append(append(append(o, `,"eventType":"`...), c.kind()...), `","managementEvent":`...)
	o = strconv.AppendBool(o, !c.data)
	o = append(o, `,"recipientAccountId":"`+account+`","eventCategory":"`...)
	if c.data {
		o = append(o, "Data"...)
	} else {
		o = append(o, "Management"...)
	}
	o = append(o, '"')
	if !c.signIn && !c.automatic {
		o = append(append(o, `,"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"`...), c.service...)
		o = append(append(append(o, '.'), c.region...), `.amazonaws.com"}`...)
	}
	b.arena = append(o, '}')
	b.add(at, srcCloud, start)
}

func (c *call) kind() string {
	switch {
	case c.signIn:
		return "AwsConsoleSignIn"
	case c.automatic:
		return "AwsServiceEvent"
	}
	return "AwsApiCall"
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// assumed is the identity of a role session. For people it is that of the
// single sign-on, whose sessions say "false" to MFA although the identity
// provider asked for it: only joined with the provider's log is it proof.
func assumed(role, session string, created time.Time) string {
	id := "AROA" + letters(role, 17)
	return `{"type":"AssumedRole","principalId":"` + id + ":" + session +
		`","arn":"arn:aws:sts::` + account + ":assumed-role/" + role + "/" + session +
		`","accountId":"` + account + `","accessKeyId":"ASIA` + letters(role+session+created.String(), 16) +
		`","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"` + id +
		`","arn":"arn:aws:iam::` + account + ":role/" + role + `","accountId":"` + account + `","userName":"` + role +
		`"},"attributes":{"creationDate":"` + created.UTC().Format("2006-01-02T15:04:05Z") + `","mfaAuthenticated":"false"}}}`
}

// signOnRole is the role that the single sign-on gives to a person.
func signOnRole(p *person) string {
	role := "ReadOnly"
	switch p.team {
	case teamPlatform:
		role = "PlatformEngineer"
	case teamSecurity:
		role = "SecurityAudit"
	case teamBooking, teamTracking, teamWeb:
		role = "Developer"
	case teamData:
		role = "DataAnalyst"
	}
	return "AWSReservedSSO_" + role + "_" + letters(role, 16)
}

func iamUser(name string) string {
	return `{"type":"IAMUser","principalId":"AIDA` + letters(name, 17) + `","arn":"arn:aws:iam::` + account + ":user/" + name +
		`","accountId":"` + account + `","accessKeyId":"AKIA` + letters("key of "+name, 16) + `","userName":"` + name + `"}`
}

func rootUser(created time.Time) string {
	return `{"type":"Root","principalId":"` + account + `","arn":"arn:aws:iam::` + account + `:root","accountId":"` + account +
		`","accessKeyId":"ASIA` + letters("root"+created.String(), 16) + `","sessionContext":{"attributes":{"creationDate":"` +
		created.UTC().Format("2006-01-02T15:04:05Z") + `","mfaAuthenticated":"true"}}}`
}

func awsService(name string) string {
	return `{"type":"AWSService","invokedBy":"` + name + `.amazonaws.com"}`
}
