package filter

import (
	"slices"
	"strings"

	"example.com/evident/proof"
)

// A Kind is what the value of a key is.
type Kind string

// The kinds of value. Each is read and printed by one op_NAME.go.
const (
	Pattern Kind = "pattern" // the whole value; * stands for anything
	Word    Kind = "word"    // a pattern that matches some of Key.Words
	Source  Kind = "source"  // a pattern of kind/name
	Action  Kind = "action"  // a pattern of noun.verb
	Number  Kind = "number"  // decimal, without wildcards
	Network Kind = "network" // an IP address, a network, or a pattern
	From    Kind = "from"    // this time or later
	Until   Kind = "until"   // before this time
	Day     Kind = "day"     // from this midnight until the next, in UTC
	Person  Kind = "person"  // somebody, of whom no record knows: see person.go
	Ended   Kind = "ended"   // a pattern of the last day of people
)

// A Key is what can stand before the colon.
type Key struct {
	Name    string
	Fields  []string // of proof.Expr: header names and body pointers
	Kind    Kind
	Words   []string // what a Word can be
	Meaning string   // one line, without a full stop
	Example string   // a whole clause that parses
}

// detailPrefix begins the keys that docs/filter.md writes detail.NAME: one for
// every field below /detail.
const detailPrefix = "detail."

var (
	categories = []string{"authentication", "account", "access", "privileged", "data", "config", "change", "network", "system"}
	outcomes   = []string{"success", "failure", "denied", "unknown"}
	actorTypes = []string{"user", "service", "system", "anonymous"}
	booleans   = []string{"true", "false"}
)

// keys is the table from which docs/filter.md and completions are made. Where
// two rows have the same fields and operator, the first gives the canonical name.
var keys = []Key{
	{"actor", []string{"/actor/id", "/actor/email", "/actor/name"}, Pattern, nil, "who did it: id, mail address or name", "actor:alice@*"},
	{"actor.id", []string{"/actor/id"}, Pattern, nil, "id of the actor in its own system", "actor.id:u-1001"},
	{"actor.email", []string{"/actor/email"}, Pattern, nil, "mail address of the actor", "actor.email:*@acme.example"},
	{"actor.name", []string{"/actor/name"}, Pattern, nil, "name of the actor", `actor.name:"Alice Smith"`},
	{"actor.role", []string{"/actor/role"}, Pattern, nil, "role in which the actor acted", "actor.role:*admin*"},
	{"actor.ident", []string{"/actor/id", "/actor/email"}, Pattern, nil, "id or mail address of the actor, not the name, which some choose freely", "actor.ident:alice@acme.example"},
	{"actor.type", []string{"/actor/type"}, Word, actorTypes, "what kind of actor", "actor.type:service"},
	{"session", []string{"/actor/session"}, Pattern, nil, "session of the actor", "session:s-77"},
	{"mfa", []string{"/actor/mfa"}, Word, booleans, "whether a second factor was used, where the source says so", "mfa:false"},

	{keyPerson, []string{keyPerson}, Person, nil, "it was done by an account of this person: id on the roster, mail address, name or account", "person:alice@acme.example"},
	{keyEnded, []string{keyEnded}, Ended, nil, "it was done by somebody after their end date, whose last day is this", "person.ended:2026-03-*"},

	{"action", []string{"action"}, Action, nil, "what was done", "action:role.*"},
	{"native", []string{"/native_action"}, Pattern, nil, "what the source calls it", "native:AttachUserPolicy"},
	{"category", []string{"category"}, Word, categories, "which family of actions", "category:privileged"},
	{"outcome", []string{"outcome"}, Word, outcomes, "how it ended", "-outcome:success"},
	{"code", []string{"/outcome_code"}, Pattern, nil, "the source's own code for the outcome", "code:AccessDenied*"},
	{"reason", []string{"/outcome_reason"}, Pattern, nil, "the source's own words for the outcome", "reason:*expired*"},

	{"target", []string{"/target/id", "/target/name", "/targets/*/id", "/targets/*/name"}, Pattern, nil, "to what it was done: id or name", "target:payroll*"},
	{"target.id", []string{"/target/id", "/targets/*/id"}, Pattern, nil, "id of a target", "target.id:arn:aws:s3:::payroll"},
	{"target.name", []string{"/target/name", "/targets/*/name"}, Pattern, nil, "name of a target", `target.name:"Payroll 2026"`},
	{"target.type", []string{"/target/type", "/targets/*/type"}, Pattern, nil, "type of a target", "target.type:bucket"},

	{"after", []string{"/occurred_at"}, From, nil, "it happened then or later, by the source's clock", "after:2026-03-01"},
	{"before", []string{"/occurred_at"}, Until, nil, "it happened earlier, by the source's clock", "before:2026-06-01T09:30:00Z"},
	{"on", []string{"/occurred_at"}, Day, nil, "it happened on this day (UTC), by the source's clock", "on:2026-03-01"},
	{"recorded_after", []string{"at"}, From, nil, "it was recorded then or later, by the server's clock", "recorded_after:2026-03-01"},
	{"recorded_before", []string{"at"}, Until, nil, "it was recorded earlier, by the server's clock", "recorded_before:2026-06-01"},

	{"ip", []string{"/where/ip"}, Network, nil, "from which address or network", "ip:203.0.113.0/24"},
	{"host", []string{"/where/host"}, Pattern, nil, "on which machine", "host:web-*"},
	{"region", []string{"/where/region"}, Pattern, nil, "in which region", "region:eu-*"},
	{"account", []string{"/where/account"}, Pattern, nil, "in which account or tenant", "account:123456789012"},
	{"user_agent", []string{"/where/user_agent"}, Pattern, nil, "with which program", "user_agent:*curl*"},

	{"ticket", []string{"/why/ticket"}, Pattern, nil, "which ticket it names", "ticket:SEC-*"},
	{"approval", []string{"/why/approval"}, Pattern, nil, "which approval it names", "approval:APR-17"},
	{"change", []string{"/why/change"}, Pattern, nil, "which change it names", "change:CHG-2041"},
	{"incident", []string{"/why/incident"}, Pattern, nil, "which incident it names", "incident:*"},
	{"policy", []string{"/why/policy"}, Pattern, nil, "which policy or rule it names", "policy:break-glass"},
	{"why.session", []string{"/why/session"}, Pattern, nil, "which working session it names", "why.session:*"},
	{"why.reason", []string{"/why/reason"}, Pattern, nil, "the reason that was given", "why.reason:*on-call*"},

	{"source", []string{"source"}, Source, nil, "which system it comes from, as kind/name", "source:aws.cloudtrail/*"},
	{"seq", []string{"seq"}, Number, nil, "number of the record in the trail", "seq:4711"},
	{"id", []string{"/id"}, Pattern, nil, "the source's own id of the event", "id:01J8Z3*"},
	{"request_id", []string{"/request_id"}, Pattern, nil, "id of the request that caused it", "request_id:req-91"},
	{"trace_id", []string{"/trace_id"}, Pattern, nil, "id of the trace that it belongs to", "trace_id:4bf92f35*"},

	{detailPrefix + "NAME", []string{"/detail/NAME"}, Pattern, nil, "any field below detail, by its path", "detail.granted_role:admin"},
}

// synonyms are keys of other tools, for "did you mean".
var synonyms = map[string]string{
	"user": "actor", "username": "actor", "by": "actor", "who": "actor", "author": "actor", "principal": "actor",
	"email": "actor.email", "human": "person", "ended": "person.ended", "terminated": "person.ended", "after_end": "person.ended", "role": "actor.role", "type": "actor.type",
	"event": "action", "verb": "action", "operation": "action",
	"status": "outcome", "result": "outcome", "error": "code",
	"resource": "target", "object": "target", "to": "target",
	"since": "after", "from": "after", "until": "before", "date": "on", "day": "on",
	"service": "source", "address": "ip", "cidr": "ip", "hostname": "host", "ua": "user_agent",
}

// Keys returns the table of keys, for completion. The last one, detail.NAME,
// stands for any key that begins with detail. and is not itself one.
func Keys() []Key {
	table := slices.Clone(keys)
	for i := range table {
		table[i].Fields = slices.Clone(table[i].Fields)
		table[i].Words = slices.Clone(table[i].Words)
	}
	return table
}

// KeyOf returns the key that looks at the body field at pointer and at as few
// others as possible, for [And] and its like: /targets/3/id gives target.id,
// /detail/role gives detail.role. Ok is false for what no key looks at.
func KeyOf(pointer string) (name string, ok bool) {
	if path, found := strings.CutPrefix(pointer, "/detail/"); found {
		return printDetail(path)
	}
	var best *Key
	for i := range keys {
		k := &keys[i]
		sees := func(field string) bool { return pointerMatches(field, pointer) }
		if k.Kind != From && k.Kind != Until && k.Kind != Day && slices.ContainsFunc(k.Fields, sees) &&
			(best == nil || len(k.Fields) < len(best.Fields)) {
			best = k
		}
	}
	if best == nil {
		return "", false
	}
	return best.Name, true
}

// pointerMatches reports whether field, of a row of keys, covers pointer.
func pointerMatches(field, pointer string) bool {
	if !strings.HasPrefix(field, "/") {
		return "/"+field == pointer
	}
	f, p := strings.Split(field, "/"), strings.Split(pointer, "/")
	return slices.EqualFunc(f, p, func(f, p string) bool { return f == "*" || f == p })
}

// findKey returns the row of a name without escapes. Besides its name, a row
// with one field can be called by that field's path: why.ticket for ticket.
func findKey(name string) (Key, bool) {
	for _, k := range keys[:len(keys)-1] {
		if k.Name == name {
			return k, true
		}
	}
	pointer := "/" + strings.ReplaceAll(name, ".", "/")
	for _, k := range keys[:len(keys)-1] {
		if len(k.Fields) == 1 && k.Fields[0] == pointer && k.Kind != From && k.Kind != Until && k.Kind != Day {
			return k, true
		}
	}
	return Key{}, false
}

// keyOfLeaf returns the key that makes leaves with the operator and fields of e.
func keyOfLeaf(e proof.Expr) (Key, bool) {
	if len(e.Fields) == 1 && e.Op == opIs {
		if path, ok := strings.CutPrefix(e.Fields[0], "/detail/"); ok {
			name, ok := printDetail(path)
			return Key{Name: name, Kind: Pattern}, ok
		}
	}
	for _, k := range keys {
		if slices.Equal(k.Fields, e.Fields) && slices.Contains(operators[k.Kind].ops, e.Op) {
			return k, true
		}
	}
	return Key{}, false
}

// suggest returns the word of list nearest to name, if one is near.
func suggest(name string, list []string) (string, bool) {
	best, bestDistance := "", 3
	for _, word := range list {
		if d := distance(name, word); d < bestDistance && d < len(word) {
			best, bestDistance = word, d
		}
	}
	if best != "" {
		return best, true
	}
	for _, word := range list {
		if len(name) >= 3 && strings.HasPrefix(word, name) {
			return word, true
		}
	}
	return "", false
}

// suggestKey returns the key that whoever wrote name may have meant.
func suggestKey(name string) (string, bool) {
	name = strings.ToLower(name)
	if s, ok := synonyms[name]; ok {
		return s, true
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return suggest(name, names)
}

// distance is the number of characters to insert, drop, replace or swap with
// their neighbour to make b of a.
func distance(a, b string) int {
	if len(a) > 64 { // no key is nearly as long
		return len(a)
	}
	var older, old, row []int
	for i := 0; i <= len(a); i++ {
		older, old, row = old, row, make([]int, len(b)+1)
		for j := range row {
			if i == 0 || j == 0 {
				row[j] = i + j
				continue
			}
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(row[j-1]+1, old[j]+1, old[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
