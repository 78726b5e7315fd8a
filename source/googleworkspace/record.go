package googleworkspace

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Bounds of what is read of one event.
const (
	maxParameters = 200
	maxValues     = 16
)

// record is one event with the activity that it is of.
type record struct {
	time, qualifier, application, customer string
	ip, domain, country                    string
	email, profile, key, callerType        string
	client, clientName, impersonated       string // actor.applicationInfo
	name, kind                             string
	flat                                   bool // an exporter took it out of its activity
	index, count                           int  // which of the activity's events, and how many there are
	parameters                             map[string]string
}

// read takes an activity's members. raw is valid JSON; if it is no object, or
// another one, all stays empty.
func read(raw []byte) (r record) {
	for name, v := range source.Members(raw) {
		switch name {
		case "id":
			r.readID(v)
		case "actor":
			r.readActor(v)
		case "ipAddress":
			r.ip = source.Text(v)
		case "ownerDomain":
			r.domain = source.Text(v)
		case "networkInfo":
			r.country = source.MemberText(v, "regionCode")
		case "events":
			r.readEvents(v)
		}
	}
	if r.count > 0 {
		return r
	}
	for name, v := range source.Members(raw) {
		switch name {
		case "name":
			r.name, r.flat = source.Text(v), true
		case "type":
			r.kind = source.Text(v)
		case "parameters":
			r.readParameters(v)
		}
	}
	return r
}

func (r *record) readID(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "time":
			r.time = source.Text(v)
		case "uniqueQualifier":
			r.qualifier = source.Text(v)
		case "applicationName":
			r.application = source.Text(v)
		case "customerId":
			r.customer = source.Text(v)
		}
	}
}

func (r *record) readActor(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "email":
			r.email = source.Text(v)
		case "profileId":
			r.profile = source.Text(v)
		case "key":
			r.key = source.Text(v)
		case "callerType":
			r.callerType = source.Text(v)
		case "applicationInfo":
			r.client, r.clientName = source.MemberText(v, "oauthClientId"), source.MemberText(v, "applicationName")
			r.impersonated = source.MemberText(v, "impersonation")
		}
	}
}

// readEvents reads the one event that is there, and counts.
func (r *record) readEvents(array []byte) {
	i := 0
	for e := range source.Elements(array) {
		if e[0] == '{' {
			r.count++
			r.index = i
			r.readEvent(e)
		}
		i++
	}
}

func (r *record) readEvent(object []byte) {
	for name, v := range source.Members(object) {
		switch name {
		case "name":
			r.name = source.Text(v)
		case "type":
			r.kind = source.Text(v)
		case "parameters":
			r.readParameters(v)
		}
	}
}

// readParameters reads a list of names and values, or, of a flattened event, an
// object. Several values are joined by commas.
func (r *record) readParameters(v []byte) {
	r.parameters = map[string]string{}
	for name, value := range source.Members(v) {
		if len(r.parameters) < maxParameters {
			r.parameters[name] = text(value)
		}
	}
	for p := range source.Elements(v) {
		name, value := "", ""
		for member, v := range source.Members(p) {
			switch member {
			case "name":
				name = source.Text(v)
			case "value", "intValue", "boolValue", "multiValue", "multiIntValue":
				if value == "" {
					value = text(v)
				}
			}
		}
		if name != "" && len(r.parameters) < maxParameters {
			r.parameters[name] = value
		}
	}
}

// text is the value of a parameter: a scalar, or several.
func text(v []byte) string {
	if v[0] != '[' {
		return source.Text(v)
	}
	var values []string
	size := 0
	for e := range source.Elements(v) {
		s := source.Text(e)
		if size += len(s) + 1; s != "" && len(values) < maxValues && size <= event.MaxStringBytes {
			values = append(values, s)
		}
	}
	return strings.Join(values, ",")
}

// passerby is the profile of whoever opens a shared document without signing in.
const passerby = "105250506097979753968"

// actor follows the rules of the package comment.
func (r *record) actor() event.Actor {
	a := event.Actor{Type: event.User, ID: r.profile}
	if a.ID == "" {
		a.ID = r.email
	}
	if event.ValidEmail(r.email) {
		a.Email = r.email
	} else {
		a.Name = r.email
	}
	switch {
	case r.profile == passerby && r.email == "":
		return event.Actor{Type: event.Anonymous}
	case r.callerType == "KEY" && strings.EqualFold(r.key, "SYSTEM"):
		a.Type = event.ActorSystem
	case r.callerType == "KEY", r.callerType == "APPLICATION", strings.HasSuffix(r.email, "gserviceaccount.com"):
		a.Type = event.Service
	}
	for _, id := range []string{r.key, r.client} {
		if a.ID == "" {
			a.ID = id
		}
	}
	if a.ID == "" {
		return event.Actor{Type: event.ActorSystem, ID: r.application}
	}
	return a
}

// mfa is nil where the event does not tell.
func (r *record) mfa(action string) *bool {
	if action != "session.start" && action != "mfa.verify" && action != "session.challenge" {
		return nil
	}
	yes := r.parameters["is_second_factor"] == "true"
	for _, method := range strings.Split(r.parameters["login_challenge_method"], ",") {
		switch method {
		case "backup_code", "google_authenticator", "google_prompt", "idv_any_phone", "idv_preregistered_phone", "internal_two_factor",
			"offline_otp", "security_key", "security_key_otp", "passkey", "rescue_code":
			yes = true
		}
	}
	if yes || r.parameters["is_second_factor"] == "false" {
		return &yes
	}
	return nil
}
