package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Refusal says which field of an event is not acceptable, and why. Its text
// holds nothing that could harm a terminal or a page: what was found is quoted.
type Refusal struct {
	Field string // dotted, such as actor.id; empty for the event as a whole
	Found string // empty when nothing was there
	Want  string
}

// Error returns one line such as "actor.id: required, found nothing; want …".
func (r *Refusal) Error() string {
	field := r.Field
	if field == "" {
		field = "event"
	}
	if r.Found == "" {
		return field + ": required, found nothing; want " + r.Want
	}
	return field + ": found " + r.Found + "; want " + r.Want
}

const (
	wantString = "a string of at most 16384 bytes"
	wantID     = "a string of 1 to 512 bytes, unique within the source"
	wantActor  = "an object with type and id"
	wantType   = "user, service, system or anonymous"
	wantTime   = "a time in UTC such as 2026-03-01T09:30:00.25Z, of the years 1970 to 2261, with at most nine digits of a second's fraction"
	wantAction = "one to four words of a-z 0-9 _ joined by dots, at most 64 bytes, such as role.grant"
	wantSource = "kind/name, such as okta/acme: kind of a-z 0-9 . _, name of a-z 0-9 . _ -, each beginning with a letter or digit, at most 128 bytes"
	wantResult = "success, failure, denied or unknown"
	wantCat    = "authentication, account, access, privileged, data, config, change, network or system"
	wantIP     = "an IPv4 or IPv6 address without a zone or port; leave it out, or put a host's name in where.host"
	wantEmail  = "an e-mail address; leave it out, or put it in actor.name"
	wantDetail = "a JSON object"
	wantTarget = "an object with at least one of type, id and name"
)

// Validate reports the first thing, in the order of the schema, that keeps e
// from being an acceptable event, as a *Refusal. Unlike [FromFields] and
// [Parse] it insists on an id.
func (e *Event) Validate() error {
	if e.ID == "" {
		return &Refusal{"id", "", wantID}
	}
	if err := e.checkStrings(); err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	if len(e.Detail) == 0 {
		return nil
	}
	if !json.Valid(e.Detail) || !utf8.Valid(e.Detail) {
		return &Refusal{"detail", "something that is not JSON", wantDetail}
	}
	if d := bytes.TrimLeft(e.Detail, " \t\r\n"); d[0] != '{' {
		return &Refusal{"detail", describe(d), wantDetail}
	}
	return nil
}

// check holds what is true of every event, whether or not it has its id yet.
// Lengths and encoding of strings are seen to by the callers.
func (e *Event) check() error {
	if len(e.ID) > MaxIDBytes {
		return &Refusal{"id", fmt.Sprintf("%d bytes", len(e.ID)), wantID}
	}
	if err := ValidSource(e.Source); err != nil {
		return err
	}
	if e.OccurredAt.IsZero() {
		return &Refusal{"occurred_at", "", wantTime}
	}
	if y := e.OccurredAt.UTC().Year(); y < 1970 || y > 2261 {
		return &Refusal{"occurred_at", "the year " + strconv.Itoa(y), wantTime}
	}
	if err := e.Actor.check(); err != nil {
		return err
	}
	if err := ValidAction(e.Action); err != nil {
		return err
	}
	if !e.Category.valid() {
		return &Refusal{"category", quoted(string(e.Category)), wantCat}
	}
	for i := range e.Targets {
		if e.Targets[i] == (Target{}) {
			return &Refusal{"targets." + strconv.Itoa(i), "an empty target", wantTarget}
		}
	}
	if !e.Outcome.valid() {
		return &Refusal{"outcome", quoted(string(e.Outcome)), wantResult}
	}
	if e.Where.IP != "" && !ValidIP(e.Where.IP) {
		return &Refusal{"where.ip", quoted(e.Where.IP), wantIP}
	}
	return nil
}

func (a *Actor) check() error {
	if *a == (Actor{}) {
		return &Refusal{"actor", "", wantActor}
	}
	if !a.Type.valid() {
		return &Refusal{"actor.type", quoted(string(a.Type)), wantType}
	}
	if a.ID == "" && a.Type != Anonymous {
		return &Refusal{"actor.id", "", "the identity of the " + string(a.Type) + " that acted; only an anonymous actor has none"}
	}
	if a.Email != "" && !ValidEmail(a.Email) {
		return &Refusal{"actor.email", quoted(a.Email), wantEmail}
	}
	return nil
}

// checkStrings holds every string of e against the limit and for valid UTF-8.
func (e *Event) checkStrings() error {
	a, w, y := &e.Actor, &e.Where, &e.Why
	for _, s := range [...]struct{ field, value string }{
		{"id", e.ID}, {"source", e.Source},
		{"actor.type", string(a.Type)}, {"actor.id", a.ID}, {"actor.name", a.Name},
		{"actor.email", a.Email}, {"actor.role", a.Role}, {"actor.session", a.Session},
		{"action", e.Action}, {"native_action", e.NativeAction}, {"category", string(e.Category)},
		{"outcome", string(e.Outcome)}, {"outcome_code", e.OutcomeCode}, {"outcome_reason", e.OutcomeReason},
		{"where.ip", w.IP}, {"where.user_agent", w.UserAgent}, {"where.host", w.Host},
		{"where.region", w.Region}, {"where.account", w.Account},
		{"why.ticket", y.Ticket}, {"why.approval", y.Approval}, {"why.change", y.Change},
		{"why.session", y.Session}, {"why.incident", y.Incident}, {"why.policy", y.Policy}, {"why.reason", y.Reason},
		{"request_id", e.RequestID}, {"trace_id", e.TraceID},
	} {
		if err := checkString(s.field, s.value); err != nil {
			return err
		}
	}
	for i := range e.Targets {
		t, field := &e.Targets[i], "targets."+strconv.Itoa(i)
		for _, s := range [...]struct{ field, value string }{{".type", t.Type}, {".id", t.ID}, {".name", t.Name}} {
			if err := checkString(field+s.field, s.value); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkString(field, s string) error {
	if len(s) > MaxStringBytes {
		return &Refusal{field, strconv.Itoa(len(s)) + " bytes", wantString}
	}
	if !utf8.ValidString(s) {
		return &Refusal{field, quoted(s), "valid UTF-8"}
	}
	return nil
}

// ValidSource reports, as a *Refusal, why s is not the name of a source:
// kind/name, or "evident" for Evident itself.
func ValidSource(s string) error {
	if s == "" {
		return &Refusal{"source", "", wantSource}
	}
	if s == "evident" {
		return nil
	}
	kind, name, ok := strings.Cut(s, "/")
	if !ok || len(s) > MaxSourceBytes || !sourcePart(kind, false) || !sourcePart(name, true) {
		return &Refusal{"source", quoted(s), wantSource}
	}
	return nil
}

func sourcePart(s string, hyphen bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case (c == '.' || c == '_' || c == '-' && hyphen) && i > 0:
		default:
			return false
		}
	}
	return s != ""
}

// ValidAction reports, as a *Refusal, why s is not the name of an action.
func ValidAction(s string) error {
	if s == "" {
		return &Refusal{"action", "", wantAction}
	}
	words, start := 1, 0
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
		case c == '.' && i > start:
			words, start = words+1, i+1
		default:
			return &Refusal{"action", quoted(s), wantAction}
		}
	}
	if words > 4 || start == len(s) || len(s) > MaxActionBytes {
		return &Refusal{"action", quoted(s), wantAction}
	}
	return nil
}

// ValidIP reports whether s is an IP address that where.ip may hold.
func ValidIP(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// ValidEmail reports whether s looks like an e-mail address.
func ValidEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > len(s)-2 || len(s) > 320 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == ',' || c == '@' && i != at {
			return false
		}
	}
	return true
}

// parseTime reads the one form in which the schema writes times.
func parseTime(s string) (t time.Time, ok bool) {
	if len(s) < 20 || len(s) > 30 || s[len(s)-1] != 'Z' || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return t, false
	}
	year, month, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	nanos := 0
	if frac := s[19 : len(s)-1]; frac != "" {
		if frac[0] != '.' || len(frac) < 2 {
			return t, false
		}
		nanos = digits(frac[1:])
		for range 10 - len(frac) {
			nanos *= 10
		}
	}
	if year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 ||
		minute < 0 || minute > 59 || second < 0 || second > 59 || nanos < 0 {
		return t, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return t, t.Day() == day // else there is no such day
}

// digits returns the number that s is, or -1.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return -1
		}
		n = n*10 + int(c)
	}
	return n
}

// quoted shows a string of unknown origin, in ASCII and of bounded length.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > 80 {
		return strconv.QuoteToASCII(s[:80]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// describe shows a JSON token of unknown origin.
func describe(v []byte) string {
	switch {
	case len(v) == 0:
		return ""
	case v[0] == '"':
		if s, ok := unquote(v); ok {
			if s == "" {
				return "an empty string"
			}
			return "the string " + quoted(s)
		}
		return "a broken string"
	case v[0] == '{':
		return "an object"
	case v[0] == '[':
		return "an array"
	}
	if len(v) > 80 {
		v = v[:80]
	}
	if s := string(v); s == "true" || s == "false" || s == "null" {
		return s
	}
	return "the number " + strings.Trim(strconv.QuoteToASCII(string(v)), `"`)
}
