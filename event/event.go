// Package event is the schema evident.event/1: what an audit event holds, how
// it is written as JSON, and what makes one acceptable. It is not the record
// that the trail makes of it (package proof).
//
// An event reaches this package in one of two ways. [FromFields] takes the flat
// fields into which the trail has cut a body already, and is the write path.
// [Parse] takes the bytes and is for everybody else. Both refuse whatever the
// schema does not allow, with a [Refusal] that names the field, what was found
// and what was expected; an event that came out of either is right, but for its
// id, which an intake gives to an event that comes without one.
//
// The schema as a JSON Schema is event.schema.json beside this file. It is
// frozen: a change of meaning is a new version.
package event

import (
	"encoding/json"
	"time"
)

// Schema is the name of this version of the schema. The optional member
// "schema" of an event must equal it.
const Schema = "evident.event/1"

// Limits of an event, in bytes.
const (
	MaxIDBytes     = 512
	MaxStringBytes = 16 << 10 // every string but those in detail and raw
	MaxActionBytes = 64
	MaxSourceBytes = 128
)

// Field is one leaf field of a JSON body: its JSON pointer and its token, byte
// for byte. It is the same type as proof.Field, without either package knowing
// the other.
type Field = struct {
	Pointer string
	Value   []byte
}

// Event is one thing that happened, or was refused. Empty strings and nil are
// absent members.
type Event struct {
	// ID is unique within Source. The same id again is a duplicate.
	ID string `json:"id"`
	// Source is the system instance, kind/name, such as okta/acme.
	Source string `json:"source"`
	// OccurredAt is when it happened, by the source's clock.
	OccurredAt time.Time `json:"occurred_at"`
	// Actor is who did it. Every event has one.
	Actor Actor `json:"actor"`
	// Action is what was done, in one to four dotted words: role.grant.
	Action string `json:"action"`
	// NativeAction is the source's own name for it.
	NativeAction string   `json:"native_action"`
	Category     Category `json:"category"`
	// Targets is what it was done to, the primary one first. A single target
	// is written as the member "target", several as "targets".
	Targets []Target `json:"targets"`
	Outcome Outcome  `json:"outcome"`
	// OutcomeCode and OutcomeReason are the source's own code and words.
	OutcomeCode   string `json:"outcome_code"`
	OutcomeReason string `json:"outcome_reason"`
	// Where it came from.
	Where Where `json:"where"`
	// Why it was justified.
	Why Why `json:"why"`
	// Detail is a JSON object in any form: the state that made the action
	// meaningful. [FromFields] leaves it nil.
	Detail json.RawMessage `json:"detail"`
	// RequestID and TraceID serve to find what belongs together.
	RequestID string `json:"request_id"`
	TraceID   string `json:"trace_id"`
	// Raw is what the source sent, byte for byte.
	Raw []byte `json:"raw"`
}

// Actor is who acted. A scheduled job is ActorSystem with its job's identity.
type Actor struct {
	Type    ActorType `json:"type"`
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Email   string    `json:"email"`
	Role    string    `json:"role"`
	Session string    `json:"session"`
	// MFA says whether a second factor was used; nil is unknown.
	MFA *bool `json:"mfa"`
}

// Target is something that was acted on. At least one of its members is set.
type Target struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Where is where a request came from and where it arrived.
type Where struct {
	IP        string `json:"ip"`
	UserAgent string `json:"user_agent"`
	Host      string `json:"host"`
	Region    string `json:"region"`
	Account   string `json:"account"`
}

// Why names what justified the action.
type Why struct {
	Ticket   string `json:"ticket"`
	Approval string `json:"approval"`
	Change   string `json:"change"`
	Session  string `json:"session"`
	Incident string `json:"incident"`
	Policy   string `json:"policy"`
	Reason   string `json:"reason"`
}
