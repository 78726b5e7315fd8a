package load

import (
	"strconv"
	"time"
)

// A Shape is a format in which a system sends, and the request that carries it.
// The same actors, actions and targets stand in all of them.
type Shape struct {
	Name, Path, Type string
	// Taken is what an answer must hold that acknowledges n events; nil: a
	// status of 200 is enough.
	Taken func(n int) string
	// Begin, Between and End are what stands around the events of a batch.
	Begin, Between, End string
	Append              func(g *Generator, b []byte) []byte
}

// Native are events in the schema, as they come from whoever knows Evident.
var Native = Shape{Name: "json", Path: "/v1/events", Type: "application/x-ndjson", Taken: accepted, Append: (*Generator).Append}

// Shapes are those of other systems.
var Shapes = []Shape{
	{Name: "aws.cloudtrail", Path: "/v1/events?source=aws.cloudtrail/bench", Type: "application/json", Taken: accepted,
		Begin: `{"Records":[`, Between: ",", End: `]}`, Append: (*Generator).cloudTrail},
	{Name: "kubernetes.audit", Path: "/v1/events?source=kubernetes.audit/bench", Type: "application/json", Taken: accepted,
		Begin: `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[`, Between: ",", End: `]}`, Append: (*Generator).kubernetes},
	{Name: "OTLP", Path: "/v1/logs", Type: "application/json",
		Begin:   `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"host.name","value":{"stringValue":"web-1"}}]},"scopeLogs":[{"scope":{"name":"audit"},"logRecords":[`,
		Between: ",", End: `]}]}]}`, Append: (*Generator).otlp},
	{Name: "HEC", Path: "/services/collector/event", Type: "application/json", Between: "\n", Append: (*Generator).hec},
}

// Syslog is sshd's and sudo's, as rsyslog forwards it; it goes over a socket of
// its own.
var Syslog = Shape{Name: "syslog", Append: (*Generator).syslog}

func accepted(n int) string { return `"accepted":` + strconv.Itoa(n) + `,` }

// draw returns who does what to what, and when.
func (g *Generator) draw() (a *actor, c *action, t *target, at time.Time) {
	a, c, t = &g.actors[g.zActor.Uint64()], &g.actions[g.zAction.Uint64()], &g.targets[g.zTarget.Uint64()]
	at = g.start.Add(time.Duration(float64(365*24*time.Hour) * float64(g.next) / float64(g.total)))
	g.next++
	return a, c, t, at
}

const stampForm = "2006-01-02T15:04:05.000000Z"

func (g *Generator) cloudTrail(b []byte) []byte {
	a, c, t, at := g.draw()
	name := "Get" + t.kind
	if !c.read {
		name = "Put" + t.kind
	}
	b = append(b, `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:`+a.email+`","arn":"arn:aws:sts::123456789012:assumed-role/Ops/`+a.email+`","accountId":"123456789012","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::123456789012:role/Ops","accountId":"123456789012","userName":"Ops"},"attributes":{"creationDate":"2026-01-01T00:00:00Z","mfaAuthenticated":"`...)
	b = strconv.AppendBool(b, a.mfa)
	b = append(b, `"}}},"eventTime":"`...)
	b = at.AppendFormat(b, time.RFC3339)
	b = append(b, `","eventSource":"`+c.service+`.amazonaws.com","eventName":"`+name+`","awsRegion":"eu-west-1","sourceIPAddress":"`+a.ips[0]+`","userAgent":"`+a.agents[0]+`","requestParameters":{"name":"`+t.name+`","id":"`+t.id+`"},"responseElements":null,"requestID":"`...)
	b = g.uuid(b)
	b = append(b, `","eventID":"`...)
	b = g.uuid(b)
	b = append(b, `","readOnly":`...)
	b = strconv.AppendBool(b, c.read)
	return append(b, `,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management"}`...)
}

func (g *Generator) kubernetes(b []byte) []byte {
	a, c, t, at := g.draw()
	verb := "get"
	if !c.read {
		verb = "patch"
	}
	b = append(b, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"`...)
	b = g.uuid(b)
	b = append(b, `","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/secrets/`+t.id+`","verb":"`+verb+`","user":{"username":"`+a.email+`","uid":"`+a.id+`","groups":["ops","system:authenticated"]},"sourceIPs":["`+a.ips[0]+`"],"userAgent":"`+a.agents[0]+`","objectRef":{"resource":"secrets","namespace":"shop","name":"`+t.id+`","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"`...)
	b = at.AppendFormat(b, stampForm)
	b = append(b, `","stageTimestamp":"`...)
	b = at.AppendFormat(b, stampForm)
	return append(b, `","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \"ops\" of ClusterRole \"edit\" to Group \"ops\""}}`...)
}

func (g *Generator) otlp(b []byte) []byte {
	a, c, t, at := g.draw()
	b = append(b, `{"timeUnixNano":"`...)
	b = strconv.AppendInt(b, at.UnixNano(), 10)
	b = append(b, `","severityText":"INFO","body":{"stringValue":"`+a.name+` did `+c.native+` to `+t.name+`"},"attributes":[{"key":"event.name","value":{"stringValue":"`+c.name+`"}},{"key":"enduser.id","value":{"stringValue":"`+a.id+`"}},{"key":"client.address","value":{"stringValue":"`+a.ips[0]+`"}}],"traceId":"`...)
	b = hex16(hex16(b, g.r.Uint64()), g.r.Uint64())
	b = append(b, `","spanId":"`...)
	b = hex16(b, g.r.Uint64())
	return append(b, `"}`...)
}

func (g *Generator) hec(b []byte) []byte {
	a, c, t, at := g.draw()
	b = append(b, `{"time":`...)
	b = strconv.AppendFloat(b, float64(at.UnixMilli())/1000, 'f', 3, 64)
	return append(b, `,"host":"web-1","source":"/var/log/shop.log","sourcetype":"shop","event":{"message":"`+a.name+` did `+c.native+` to `+t.name+`","user":"`+a.id+`","client_ip":"`+a.ips[0]+`","action":"`+c.name+`","level":"info"}}`...)
}

func (g *Generator) syslog(b []byte) []byte {
	a, c, t, at := g.draw()
	b = append(b, `<38>1 `...)
	b = at.AppendFormat(b, stampForm)
	if c.read {
		return append(b, ` web-1 sshd 4711 - - Accepted publickey for `+a.id+` from `+a.ips[1]+` port 50022 ssh2: ED25519 SHA256:`+t.id+"\n"...)
	}
	return append(b, ` web-1 sudo 4712 - - `+a.id+` : TTY=pts/0 ; PWD=/home/`+a.id+` ; USER=root ; COMMAND=/usr/bin/systemctl restart `+t.id+"\n"...)
}
