package event

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
)

// FromFields returns the event whose body was cut into fields, as
// proof.AppendFields does it: unique pointers in the order of the body, values
// that are single valid JSON tokens in valid UTF-8. An error is a *Refusal.
//
// It is made for the write path. Strings without escapes are not copied: they
// share memory with the fields' values, which must not be changed as long as
// the event is in use. Detail stays nil, since flat fields do not hold it as one
// piece; what is there is only held to be inside an object ([Parse] returns it).
// An absent id is accepted, for the intake to fill in; one that is there is
// checked. null is the same as absent, but for id.
//
// Flat fields cannot tell an array from an object whose names are 0, 1, 2 …:
// these two bodies have the same fields, so they are the same event.
func FromFields(fields []Field) (Event, error) {
	var (
		e   Event
		raw rawMember
		one Target // the member target
		err error
	)
	for i := range fields {
		p, v := fields[i].Pointer, fields[i].Value
		if dst := e.member(p); dst != nil {
			*dst, err = text(p, v)
		} else {
			err = e.field(p, v, &one, &raw)
		}
		if err != nil {
			return Event{}, err
		}
	}
	if one != (Target{}) {
		e.Targets = append([]Target{one}, e.Targets...)
	}
	if e.Raw, err = raw.bytes(); err != nil {
		return Event{}, err
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// member returns where the string with pointer p belongs, or nil.
func (e *Event) member(p string) *string {
	switch p {
	case "/source":
		return &e.Source
	case "/actor/type":
		return (*string)(&e.Actor.Type)
	case "/actor/id":
		return &e.Actor.ID
	case "/actor/name":
		return &e.Actor.Name
	case "/actor/email":
		return &e.Actor.Email
	case "/actor/role":
		return &e.Actor.Role
	case "/actor/session":
		return &e.Actor.Session
	case "/action":
		return &e.Action
	case "/native_action":
		return &e.NativeAction
	case "/category":
		return (*string)(&e.Category)
	case "/outcome":
		return (*string)(&e.Outcome)
	case "/outcome_code":
		return &e.OutcomeCode
	case "/outcome_reason":
		return &e.OutcomeReason
	case "/where/ip":
		return &e.Where.IP
	case "/where/user_agent":
		return &e.Where.UserAgent
	case "/where/host":
		return &e.Where.Host
	case "/where/region":
		return &e.Where.Region
	case "/where/account":
		return &e.Where.Account
	case "/why/ticket":
		return &e.Why.Ticket
	case "/why/approval":
		return &e.Why.Approval
	case "/why/change":
		return &e.Why.Change
	case "/why/session":
		return &e.Why.Session
	case "/why/incident":
		return &e.Why.Incident
	case "/why/policy":
		return &e.Why.Policy
	case "/why/reason":
		return &e.Why.Reason
	case "/request_id":
		return &e.RequestID
	case "/trace_id":
		return &e.TraceID
	}
	return nil
}

// field takes every field that is not one of the plain strings of member.
func (e *Event) field(p string, v []byte, one *Target, raw *rawMember) (err error) {
	if strings.HasPrefix(p, "/detail/") {
		return nil
	}
	switch p {
	case "": // the body {} itself: what is required is missed later
	case "/id":
		e.ID, err = text(p, v)
		if err == nil && e.ID == "" {
			err = &Refusal{"id", describe(v), wantID + "; leave it out to be given one"}
		}
	case "/occurred_at":
		var s string
		if s, err = text(p, v); err != nil || s == "" {
			return err
		}
		var ok bool
		if e.OccurredAt, ok = parseTime(s); !ok {
			err = &Refusal{"occurred_at", quoted(s), wantTime}
		}
	case "/schema":
		var s string
		if s, err = text(p, v); err == nil && s != Schema && s != "" {
			err = &Refusal{"schema", quoted(s), Schema + ", or no such member"}
		}
	case "/actor/mfa":
		e.Actor.MFA, err = truth(p, v)
	case "/target/type":
		one.Type, err = text(p, v)
	case "/target/id":
		one.ID, err = text(p, v)
	case "/target/name":
		one.Name, err = text(p, v)
	case "/raw":
		raw.value = v
	case "/raw_encoding":
		raw.encoding, err = text(p, v)
	case "/actor", "/where", "/why", "/detail", "/target", "/targets":
		err = emptyMember(p, v)
	default:
		if strings.HasPrefix(p, "/targets/") {
			return e.target(p, v)
		}
		err = &Refusal{dotted(p), "an unknown field", "only the fields of " + Schema + "; put others in detail"}
	}
	return err
}

// target takes one field of an element of targets.
func (e *Event) target(p string, v []byte) (err error) {
	index, member, inside := strings.Cut(p[len("/targets/"):], "/")
	if n := len(e.Targets); index != strconv.Itoa(n-1) {
		if index != strconv.Itoa(n) {
			return &Refusal{"targets", "a member " + quoted(index), "an array of objects"}
		}
		if n == 0 {
			e.Targets = make([]Target, 0, 4)
		}
		e.Targets = append(e.Targets, Target{})
	}
	t := &e.Targets[len(e.Targets)-1]
	switch {
	case !inside:
		err = &Refusal{dotted(p), describe(v), wantTarget}
	case member == "type":
		t.Type, err = text(p, v)
	case member == "id":
		t.ID, err = text(p, v)
	case member == "name":
		t.Name, err = text(p, v)
	default:
		err = &Refusal{dotted(p), "an unknown field", "type, id and name only; put others in detail"}
	}
	return err
}

// emptyMember takes an object or array of the schema that is one field: it can
// only be empty, or of the wrong type.
func emptyMember(p string, v []byte) error {
	switch {
	case string(v) == "null":
		return nil
	case p == "/targets" && v[0] == '[':
		if len(bytes.Trim(v, "[] \t\r\n")) == 0 {
			return nil
		}
		return &Refusal{"targets", "an array of other things than objects", "an array of objects with type, id and name"}
	case p != "/targets" && v[0] == '{':
		return nil
	}
	want := "an object"
	switch p {
	case "/actor":
		want = wantActor
	case "/targets":
		want = "an array of objects with type, id and name"
	case "/target":
		want = wantTarget
	}
	return &Refusal{dotted(p), describe(v), want}
}

// text returns the string that token v is; null is the empty string.
func text(p string, v []byte) (string, error) {
	if string(v) == "null" {
		return "", nil
	}
	s, ok := unquote(v)
	if !ok {
		return "", &Refusal{dotted(p), describe(v), wantString}
	}
	if len(s) > MaxStringBytes {
		return "", &Refusal{dotted(p), strconv.Itoa(len(s)) + " bytes", wantString}
	}
	return s, nil
}

// truth returns the boolean that token v is; null is nil.
func truth(p string, v []byte) (*bool, error) {
	switch string(v) {
	case "true", "false":
		b := v[0] == 't'
		return &b, nil
	case "null":
		return nil, nil
	}
	return nil, &Refusal{dotted(p), describe(v), "true or false; leave it out when it is not known"}
}

// rawMember gathers raw and raw_encoding, which may come in either order.
type rawMember struct {
	value    []byte
	encoding string
}

func (r *rawMember) bytes() ([]byte, error) {
	if r.encoding != "" && r.encoding != "base64" {
		return nil, &Refusal{"raw_encoding", quoted(r.encoding), "base64, or no such member"}
	}
	if r.value == nil || string(r.value) == "null" {
		return nil, nil
	}
	s, ok := unquote(r.value)
	if !ok {
		return nil, &Refusal{"raw", describe(r.value), "a string"}
	}
	if s == "" {
		return nil, nil
	}
	if r.encoding == "" {
		return []byte(s), nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, &Refusal{"raw", quoted(s), "standard base64 with padding, as raw_encoding says"}
	}
	return b, nil
}

// dotted returns the name by which people know the field with pointer p.
func dotted(p string) string {
	p = strings.ReplaceAll(strings.TrimPrefix(p, "/"), "/", ".")
	plain := len(p) <= 100
	for i := 0; plain && i < len(p); i++ {
		plain = p[i] == '.' || p[i] == '_' || p[i] == '-' || '0' <= p[i] && p[i] <= '9' ||
			'a' <= p[i] && p[i] <= 'z' || 'A' <= p[i] && p[i] <= 'Z'
	}
	if plain {
		return p
	}
	return quoted(strings.NewReplacer("~1", "/", "~0", "~").Replace(p))
}
