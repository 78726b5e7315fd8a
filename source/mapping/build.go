package mapping

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// builder makes an event of an input.
type builder struct {
	m   *mapping
	in  *input
	now time.Time
	e   event.Event
	d   source.Detail
}

func (b *builder) event() (event.Event, error) {
	at, outcome := "", ""
	for i := range b.m.fields {
		f := &b.m.fields[i]
		v, err := f.from.text(b.in)
		if err != nil {
			return b.e, fmt.Errorf("%s: %w", f.name, err)
		}
		if v = source.Clip(v); v == "" {
			continue
		}
		switch f.name {
		case "occurred_at":
			at = v
		case "outcome":
			outcome = v
		case "where.ip":
			b.address(v)
		default:
			*b.member(f.name) = v
		}
	}
	var err error
	if b.e.OccurredAt, err = parseTime(at, b.m.timeLayout, b.now); err != nil {
		return b.e, err
	}
	if len(b.e.ID) > event.MaxIDBytes {
		return b.e, fmt.Errorf("id: %d bytes; want %d at most", len(b.e.ID), event.MaxIDBytes)
	}
	b.outcome(outcome)
	b.actor()
	b.action()
	if err := b.targets(); err != nil {
		return b.e, err
	}
	return b.e, b.details()
}

// member returns where a text of the event goes. The names were checked before.
func (b *builder) member(name string) *string {
	e := &b.e
	switch name {
	case "id":
		return &e.ID
	case "native_action":
		return &e.NativeAction
	case "outcome_code":
		return &e.OutcomeCode
	case "outcome_reason":
		return &e.OutcomeReason
	case "request_id":
		return &e.RequestID
	case "trace_id":
		return &e.TraceID
	case "actor.type":
		return (*string)(&e.Actor.Type)
	case "actor.id":
		return &e.Actor.ID
	case "actor.name":
		return &e.Actor.Name
	case "actor.email":
		return &e.Actor.Email
	case "actor.role":
		return &e.Actor.Role
	case "actor.session":
		return &e.Actor.Session
	case "where.user_agent":
		return &e.Where.UserAgent
	case "where.host":
		return &e.Where.Host
	case "where.region":
		return &e.Where.Region
	case "where.account":
		return &e.Where.Account
	case "why.ticket":
		return &e.Why.Ticket
	case "why.approval":
		return &e.Why.Approval
	case "why.change":
		return &e.Why.Change
	case "why.session":
		return &e.Why.Session
	case "why.incident":
		return &e.Why.Incident
	case "why.policy":
		return &e.Why.Policy
	case "why.reason":
		return &e.Why.Reason
	}
	return nil
}

// special are the fields that are not simply a text of the event.
var special = map[string]bool{"occurred_at": true, "outcome": true, "where.ip": true}

// address sets where.ip, without a port; what is none goes to detail.
func (b *builder) address(s string) {
	host := s
	if h, _, err := net.SplitHostPort(s); err == nil {
		host = h
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() == "" {
		b.e.Where.IP = a.Unmap().String()
		return
	}
	b.d.Text("from", s)
}

// outcome follows the table, or takes one of the four words.
func (b *builder) outcome(s string) {
	b.e.Outcome = event.Unknown
	if s == "" {
		return
	}
	o, listed := b.m.outcomes[s]
	if !listed && len(b.m.outcomes) == 0 {
		o = event.Outcome(s)
		switch o {
		case event.Success, event.Failure, event.Denied, event.Unknown:
			listed = true
		}
	}
	if listed {
		b.e.Outcome = o
	} else if b.e.OutcomeCode == "" {
		b.e.OutcomeCode = s
	}
}

// actor makes the actor acceptable. One without an identity is anonymous.
func (b *builder) actor() {
	a := &b.e.Actor
	if a.Email != "" && !event.ValidEmail(a.Email) {
		b.d.Text("actor_email", a.Email)
		a.Email = ""
	}
	if a.ID == "" {
		a.ID = a.Email
	}
	switch a.Type {
	case event.User, event.Service, event.ActorSystem, event.Anonymous:
	case "":
		a.Type = event.User
	default:
		b.d.Text("actor_type", string(a.Type))
		a.Type = event.User
	}
	if a.ID == "" && a.Name != "" && a.Type != event.Anonymous {
		a.ID, a.Name = a.Name, ""
	}
	if a.ID == "" {
		a.Type = event.Anonymous
	}
}

// action looks the native name up, or follows the rule for the rest.
func (b *builder) action() {
	a, ok := b.m.actions[b.e.NativeAction]
	if !ok {
		a.Category = b.m.fallback.category
		a.Action = strings.ReplaceAll(b.m.fallback.action, native, word(b.e.NativeAction))
		if event.ValidAction(a.Action) != nil { // the name is too long, or of too many words
			a.Action = strings.ReplaceAll(b.m.fallback.action, native, "other")
		}
	}
	b.e.Action, b.e.Category = a.Action, a.Category
}

// native stands in the rule for the name that the system gives.
const native = "{native}"

// word makes one word of an action of s.
func word(s string) string {
	var b []byte
	for i := 0; i < len(s) && len(b) < event.MaxActionBytes; i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b = append(b, c)
		case 'A' <= c && c <= 'Z':
			b = append(b, c|0x20)
		case len(b) > 0 && b[len(b)-1] != '_':
			b = append(b, '_')
		}
	}
	if s := strings.TrimRight(string(b), "_"); s != "" {
		return s
	}
	return "unknown"
}

func (b *builder) targets() error {
	for _, fields := range b.m.targets {
		var t event.Target
		for _, f := range fields {
			v, err := f.from.text(b.in)
			if err != nil {
				return fmt.Errorf("targets: %s: %w", f.name, err)
			}
			switch v = source.Clip(v); f.name {
			case "type":
				t.Type = v
			case "id":
				t.ID = v
			case "name":
				t.Name = v
			}
		}
		if t.ID != "" || t.Name != "" {
			b.e.Targets = append(b.e.Targets, t)
		}
	}
	return nil
}

func (b *builder) details() error {
	for _, f := range b.m.details {
		if token := f.from.token(b.in); token != nil {
			b.d.Token(f.name, token)
			continue
		}
		v, err := f.from.text(b.in)
		if err != nil {
			return fmt.Errorf("detail: %s: %w", f.name, err)
		}
		b.d.Text(f.name, v)
	}
	b.e.Detail = b.d.Object()
	return nil
}

// parseTime reads occurred_at: in the layout of the file; without one, RFC 3339 or
// a number of seconds, milli-, micro- or nanoseconds since 1970, by its size.
func parseTime(s, layout string, now time.Time) (t time.Time, err error) {
	switch {
	case s == "":
		return t, fmt.Errorf("occurred_at: the event has none")
	case layout != "":
		t, err = time.ParseInLocation(layout, s, now.Location())
	default:
		var ok bool
		if t, ok = parseNumber(s); !ok {
			t, err = time.Parse(time.RFC3339Nano, s)
		}
	}
	if err == nil && t.Year() == 0 { // a layout without a year: the latest that is at most a day ahead
		t = t.AddDate(now.AddDate(0, 0, 1).Year(), 0, 0)
		if t.After(now.AddDate(0, 0, 1)) {
			t = t.AddDate(-1, 0, 0)
		}
	}
	if y := t.UTC().Year(); err != nil || y < 1970 || y > 2261 {
		return t, fmt.Errorf("occurred_at: %.40q is no time of the years 1970 to 2261 in the form that is wanted", s)
	}
	return t.UTC(), nil
}

func parseNumber(s string) (t time.Time, ok bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || strings.Trim(fraction, "0123456789") != "" {
		return t, false
	}
	var unit int64 = 1
	switch {
	case n < 1e10:
		unit = 1e9
	case n < 1e13:
		unit = 1e6
	case n < 1e16:
		unit = 1e3
	}
	if n > math.MaxInt64/unit {
		return t, false
	}
	part, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return time.Unix(0, n*unit).Add(time.Duration(part * unit / 1e9)).UTC(), true
}
