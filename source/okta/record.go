package okta

import (
	"slices"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxTargets bounds what one event names; imports of groups can have thousands.
// detail.targets_left_out says how many more there are.
const maxTargets = 64

// record is what the mapping looks at. Objects and arrays are kept as tokens.
type record struct {
	uuid, published, eventType, display, severity, legacy string
	result, reason                                        string
	transaction, transactionType, apiToken                string
	who                                                   party
	hasActor                                              bool
	ip, userAgent, device, zone, clientID                 string
	city, state, country                                  string
	debug, security, authentication, ipChain, target      []byte
	leftOut                                               int // targets over maxTargets
}

// party is an actor or a target.
type party struct {
	id, kind, alternate, display string
	changes                      []byte // changeDetails
	entry                        []byte // detailEntry
}

// read takes a record's members. raw is valid JSON; of anything but an object all
// stays empty.
func read(raw []byte) (r record) {
	for name, v := range source.Members(raw) {
		switch name {
		case "uuid":
			r.uuid = source.Text(v)
		case "published":
			r.published = source.Text(v)
		case "eventType", "eventtype":
			r.eventType = source.Text(v)
		case "displayMessage", "displaymessage":
			r.display = source.Text(v)
		case "legacyEventType", "legacyeventtype":
			r.legacy = source.Text(v)
		case "severity":
			r.severity = source.Text(v)
		case "actor":
			r.who = readParty(v)
			r.hasActor = r.who.id != "" || r.who.kind != "" || r.who.alternate != ""
		case "client":
			r.readClient(v)
		case "outcome":
			r.result, r.reason = source.MemberText(v, "result"), known(source.MemberText(v, "reason"))
		case "transaction":
			r.transaction, r.transactionType = source.MemberText(v, "id"), source.MemberText(v, "type")
			r.apiToken = known(source.MemberText(v, "detail", "requestApiTokenId"))
		case "authenticationContext", "authenticationcontext":
			r.authentication = v
		case "securityContext", "securitycontext":
			r.security = v
		case "debugContext", "debugcontext":
			r.debug = source.Member(v, "debugData")
		case "request":
			r.ipChain = source.Member(v, "ipChain")
		case "target":
			r.target = v
		}
	}
	return r
}

func (r *record) readClient(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "ipAddress":
			r.ip = source.Text(v)
		case "userAgent":
			r.userAgent = source.MemberText(v, "rawUserAgent")
		case "device":
			r.device = known(source.Text(v))
		case "zone":
			r.zone = known(source.Text(v))
		case "id":
			r.clientID = known(source.Text(v))
		case "geographicalContext":
			for name, v := range source.Members(v) {
				switch name {
				case "city":
					r.city = known(source.Text(v))
				case "state":
					r.state = known(source.Text(v))
				case "country":
					r.country = known(source.Text(v))
				}
			}
		}
	}
}

func readParty(object []byte) (p party) {
	for name, v := range source.Members(object) {
		switch name {
		case "id":
			p.id = known(source.Text(v))
		case "type":
			p.kind = known(source.Text(v))
		case "alternateId":
			p.alternate = known(source.Text(v))
		case "displayName":
			p.display = known(source.Text(v))
		case "changeDetails":
			p.changes = v
		case "detailEntry":
			p.entry = v
		}
	}
	return p
}

// actor follows the rules of the package comment.
func (r *record) actor(action string) event.Actor {
	p := &r.who
	a := event.Actor{ID: p.id, Name: first(p.display, p.alternate)}
	a.Session = known(source.MemberText(r.authentication, "externalSessionId"))
	switch {
	case !r.hasActor, strings.EqualFold(p.kind, "IP address"):
		a.Type = event.Anonymous
	case p.kind == "User", p.kind == "":
		a.Type = event.User
		if event.ValidEmail(p.alternate) {
			a.Email = p.alternate
		}
		if p.id == "" { // nobody is called so
			a.Type, a.Name = event.Anonymous, first(p.alternate, p.display)
		}
	case p.kind == "SystemPrincipal":
		a.Type = event.ActorSystem
	default:
		a.Type = event.Service
	}
	if a.ID == "" && a.Type != event.Anonymous {
		a.ID = first(p.alternate, p.display, "unknown")
	}
	if action == "mfa.verify" && r.result == "SUCCESS" {
		yes := true
		a.MFA = &yes
	}
	return a
}

// targets returns all targets, users first and otherwise in Okta's order.
func (r *record) targets() []event.Target {
	var users, rest []event.Target
	for v := range source.Elements(r.target) {
		p := readParty(v)
		t := event.Target{Type: targetType(p.kind), ID: p.id, Name: first(p.display, p.alternate)}
		if t == (event.Target{}) {
			continue
		}
		if len(users)+len(rest) == maxTargets {
			r.leftOut++
			continue
		}
		switch p.kind {
		case "User", "AppUser":
			t.Name = first(p.alternate, p.display)
			if p.kind == "User" {
				users = append(users, t)
			} else {
				rest = slices.Insert(rest, appUsers(rest), t)
			}
		default:
			rest = append(rest, t)
		}
	}
	return append(users, rest...)
}

// appUsers is how many users of applications lead targets.
func appUsers(targets []event.Target) int {
	for i, t := range targets {
		if t.Type != "app_user" {
			return i
		}
	}
	return len(targets)
}

// targetType is Okta's type of a target in our spelling.
func targetType(kind string) string {
	switch kind {
	case "":
		return ""
	case "UserGroup":
		return "group"
	case "AppInstance":
		return "app"
	}
	return source.ActionName(kind)
}
