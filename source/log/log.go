// Package log reads what log shippers send for programs that have no kind of
// their own: Fluent Bit, Vector, Fluentd, Filebeat, the OpenTelemetry Collector,
// clients of Splunk's HEC and of Elasticsearch's _bulk. Such logs follow no common
// schema. The rules here read what a field's name says outright, and nothing else:
// no message is searched for names, addresses or verdicts.
//
// Deliveries: JSON objects, an array of them, or lines of text, in any mixture.
//
// Members of an object are known by their names, dotted or nested (ECS), capital
// or not; the first of a row that is there counts:
//
//	names                                                        event
//	@timestamp time timestamp ts date datetime event_time        occurred_at: RFC 3339 and other common
//	  eventTime created_at _time asctime observedTimestamp         forms, or seconds, milli-, micro-, nanoseconds
//	                                                               since 1970; else when it arrived
//	event.id, if it has 16 characters or more                    id
//	user.id usr.id userId user_id enduser.id actor.id actor_id   actor: user, by this id
//	user.name username user_name usr.name user actor.name        actor.name, and id where there is none
//	  actor.login actor login principal
//	user.email usr.email userEmail user_email actor.email        actor.email, and id where there is neither
//	user.role actor.role                                         actor.role
//	session.id sessionId session_id                              actor.session
//	event.action action event.name eventName event_name          native_action; action: see below
//	  event_type eventType operation event
//	event.outcome outcome result success status                  outcome: see below
//	event.reason reason error.message error                      outcome_reason
//	source.ip client.ip client.address source.address client_ip  where.ip, without a port
//	  clientIp source_ip sourceIp src_ip remote_ip remote_addr
//	  remoteAddress addr.remote ip ip_address ipAddress
//	user_agent.original user_agent userAgent http.user_agent     where.user_agent
//	host.name hostname host.hostname host kubernetes.host        where.host
//	  kubernetes.node_name kubernetes.node.name
//	cloud.region cloud.account.id                                where.region, where.account
//	http.request.id request_id requestId req_id correlation_id   request_id
//	trace.id trace_id traceId                                    trace_id
//	target.id target.name target resource.id resource.name       target, with its .type
//	  resource object.id object.name object
//	message msg log body text short_message                      detail.message
//	log.level level severity severityText                        detail.level
//	service.name service app application program process.name    detail.program; part of the actor that is
//	  kubernetes.container_name kubernetes.container.name ident    none of the above
//	  logger tag
//
// A message that is a JSON object itself counts like the members beside it, behind
// them. Envelopes: {"time","host","source","sourcetype","index","fields","event"}
// of HEC; {"resource","scope","logRecord"}, one record of OTLP/JSON, whose
// attributes are members, before those of the resource, and whose body is one or
// the message.
//
// Actor: without a field for a user, the program on its host is the actor, type
// system. "-", "unknown", "null" and the like name nobody. actor.type and
// user.type may say user, service or system.
//
// Action: names in the table mean what they say; any other that is written like a
// name, of letters, digits and . _ - : / and at most 64 bytes, is taken as it is in
// lower case, behind "log." where it is one word. Its category is event.category
// where that is one of ECS's, else system. Without such a name it is log.line.
//
// Outcome: only a word for one: success, ok, allowed, true; failure, failed, fail,
// false; denied, deny, blocked, forbidden, refused, rejected. A level is none, nor
// is a status of HTTP.
//
// A line of text with a header of RFC 3164 or RFC 5424 gives time, host and
// program; of any other, a time of RFC 3339 at its beginning. It is log.line.
//
// Limits: those of the shipper. Without event.id a line that is sent again in
// another delivery is another event.
package log

import (
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is what log shippers send.
var Kind = source.Kind{
	Name:    "log",
	Title:   "Logs of any program",
	Ways:    "HTTP, HEC, OTLP, _bulk, syslog, files, pipe",
	Split:   source.Mixed,
	Map:     mapEvent,
	Actions: actions,
}

func mapEvent(raw []byte, now time.Time) (event.Event, error) {
	f := fields{}
	at, text := time.Time{}, ""
	if len(raw) > 0 && raw[0] == '{' && source.Valid(raw) == nil {
		text = f.envelope(raw)
	} else {
		text = string(raw)
	}
	if text != "" && !f.object([]byte(text)) {
		at = f.line(text, now)
	}
	return f.event(raw, at, now), nil
}

// line takes the header of a line of text, and returns its time.
func (f fields) line(text string, now time.Time) (at time.Time) {
	message := text
	if h, ok := source.ParseSyslog(text, now); ok {
		at = h.At
		// Behind a time of RFC 3339 there may stand anything, not only a host.
		if h.Priority != "" || text[0] < '0' || text[0] > '9' {
			message = h.Message
			f.set("host.name", h.Host)
			f.set("program", h.Program)
		}
	}
	f.set("message", message)
	return at
}

// event makes the event of what was found.
func (f fields) event(raw []byte, at, now time.Time) event.Event {
	var d source.Detail
	e := event.Event{OccurredAt: at, Raw: raw, OutcomeReason: f.first("event.reason", "reason", "error.message", "error")}
	if at.IsZero() {
		e.OccurredAt = f.time(now)
	}
	if y := e.OccurredAt.Year(); e.OccurredAt.IsZero() || y < 1970 || y > 2261 {
		e.OccurredAt = now.UTC()
		d.Text("occurred_at_from", "arrival")
	}
	if id := f["event.id"]; len(id) >= 16 && len(id) <= event.MaxIDBytes {
		e.ID = id
	}
	e.Where = f.where(&d)
	e.NativeAction, e.Action, e.Category = f.action()
	e.Outcome = f.outcome()
	e.RequestID = f.first("http.request.id", "request_id", "requestid", "req_id", "correlation_id")
	e.TraceID = f.first("trace.id", "trace_id", "traceid")
	for _, name := range []string{"target", "resource", "object"} {
		t := event.Target{Type: f[name+".type"], ID: f.first(name+".id", name), Name: f[name+".name"]}
		if t.ID != "" || t.Name != "" {
			e.Targets = []event.Target{t}
			break
		}
	}
	program := f.first("service.name", "service", "app", "application", "program", "process.name", "kubernetes.container_name", "kubernetes.container.name", "ident", "logger", "tag")
	e.Actor = f.actor(e.Where.Host, program, &d)
	d.Text("message", f.first("message", "msg", "log", "body", "text", "short_message"))
	d.Text("level", f.first("log.level", "level", "severity", "severitytext"))
	d.Text("program", program)
	for _, name := range []string{"kubernetes.namespace_name", "kubernetes.namespace", "kubernetes.pod_name", "kubernetes.pod.name", "hec.source", "hec.sourcetype", "hec.index", "scope.name"} {
		d.Text(strings.ReplaceAll(name, ".", "_"), f[name])
	}
	e.Detail = d.Object()
	return e
}

// where reads where it came from and where it arrived.
func (f fields) where(d *source.Detail) event.Where {
	w := event.Where{
		UserAgent: f.first("user_agent.original", "user_agent", "useragent", "http.user_agent"),
		Host:      f.first("host.name", "hostname", "host.hostname", "host", "kubernetes.host", "kubernetes.node_name", "kubernetes.node.name"),
		Region:    f["cloud.region"],
		Account:   f["cloud.account.id"],
	}
	from := f.first("source.ip", "client.ip", "client.address", "source.address", "client_ip", "clientip", "source_ip", "sourceip", "src_ip", "remote_ip", "remote_addr", "remoteaddress", "remoteaddr", "addr.remote", "ip", "ip_address", "ipaddress")
	if w.IP = address(from); w.IP == "" {
		d.Text("from", from)
	}
	return w
}

// actor is who a field names as the user, or the program.
func (f fields) actor(host, program string, d *source.Detail) event.Actor {
	a := event.Actor{
		Type:    event.User,
		ID:      f.someone("user.id", "usr.id", "userid", "user_id", "enduser.id", "actor.id", "actor_id"),
		Name:    f.someone("user.name", "username", "user_name", "usr.name", "user", "actor.name", "actor.login", "actor", "principal"),
		Email:   f.someone("user.email", "usr.email", "useremail", "user_email", "actor.email"),
		Role:    f.first("user.role", "actor.role"),
		Session: f.first("session.id", "sessionid", "session_id"),
	}
	if a.Email != "" && !event.ValidEmail(a.Email) {
		d.Text("user_email", a.Email)
		if a.Name == "" {
			a.Name = a.Email
		}
		a.Email = ""
	}
	switch f.first("actor.type", "user.type") {
	case "service", "Service", "service_account":
		a.Type = event.Service
	case "system", "System":
		a.Type = event.ActorSystem
	}
	for _, name := range []string{a.Name, a.Email} {
		if a.ID == "" {
			a.ID = name
		}
	}
	if a.Name == a.ID {
		a.Name = ""
	}
	if a.ID == "" {
		a = event.Actor{Type: event.ActorSystem, ID: strings.Trim(host+"/"+program, "/"), Session: a.Session}
		if a.ID == "" {
			a.ID = "unknown"
		}
		a.ID = source.Clip(a.ID)
	}
	return a
}

// outcome reads a word for one, and nothing else.
func (f fields) outcome() event.Outcome {
	for _, name := range []string{"event.outcome", "outcome", "result", "success", "status"} {
		switch strings.ToLower(f[name]) {
		case "success", "succeeded", "successful", "ok", "allowed", "allow", "granted", "true":
			return event.Success
		case "failure", "failed", "fail", "false":
			return event.Failure
		case "denied", "deny", "blocked", "forbidden", "refused", "rejected":
			return event.Denied
		}
	}
	return event.Unknown
}
