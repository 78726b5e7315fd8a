package event

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// JSONSchema returns the schema as a JSON Schema (draft 2020-12), made from the
// Go types and the table below. event.schema.json beside this file is a copy.
//
// It is a little wider than [FromFields]: it counts characters where the limits
// are bytes, knows no length of months, and does not decode base64.
func JSONSchema() []byte {
	o := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "urn:evident:event:1"},
		{"title", Schema},
		{"description", "An audit event. Lengths are of UTF-8 in bytes. null is the same as an absent member, but for id."},
	}
	o = append(o, describeType(reflect.TypeFor[Event](), "")...)
	o = append(o, member{"required", []string{"source", "occurred_at", "actor", "action", "category", "outcome"}})
	var compact, b bytes.Buffer
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		panic("bug: " + err.Error())
	}
	if err := json.Indent(&b, compact.Bytes(), "", "  "); err != nil {
		panic("bug: " + err.Error())
	}
	return b.Bytes()
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for i, m := range o {
		b.WriteByte("{,"[min(i, 1)])
		b.Write(appendString(nil, m.name))
		b.WriteByte(':')
		if err := encoder.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// constraints holds what the types do not say, by dotted name. A member of the
// same name as one that the type has is put in its place.
var constraints = map[string]object{
	"id":             {{"type", "string"}, {"minLength", 1}, {"maxLength", MaxIDBytes}, {"description", "Unique within the source; the source's own id where it has one. Without one, an intake gives the event a ULID."}},
	"source":         {{"type", "string"}, {"maxLength", MaxSourceBytes}, {"pattern", `^(evident|[a-z0-9][a-z0-9._]*/[a-z0-9][a-z0-9._-]*)$`}, {"description", "The system instance, kind/name."}},
	"occurred_at":    {{"type", "string"}, {"pattern", timePattern}, {"description", "When it happened, by the source's clock."}},
	"actor":          {{"type", "object"}, {"description", "Who did it."}, {"required", []string{"type"}}, {"if", isAnonymous}, {"else", hasID}},
	"actor.type":     {{"type", "string"}, {"enum", ActorTypes}},
	"actor.email":    {{"maxLength", 320}, {"pattern", `^$|^[^\s@<>,]+@[^\s@<>,]+$`}},
	"actor.mfa":      {{"description", "Whether a second factor was used; absent when unknown."}},
	"action":         {{"type", "string"}, {"maxLength", MaxActionBytes}, {"pattern", `^[a-z0-9_]+(\.[a-z0-9_]+){0,3}$`}, {"description", "What was done: role.grant."}},
	"native_action":  {{"description", "The source's own name for the action."}},
	"category":       {{"type", "string"}, {"enum", Categories}},
	"target":         {{"description", "On what, when it is one thing; it comes before targets."}},
	"targets.items":  {{"type", "object"}, {"anyOf", []object{named("type"), named("id"), named("name")}}},
	"outcome":        {{"type", "string"}, {"enum", Outcomes}},
	"outcome_code":   {{"description", "The source's own code."}},
	"outcome_reason": {{"description", "The source's own words."}},
	"where.ip":       {{"anyOf", []object{{{"format", "ipv4"}}, {{"format", "ipv6"}}, {{"enum", []any{"", nil}}}}}},
	"why":            {{"description", "What justified it."}},
	"detail":         {{"description", "The state that made the action meaningful, in any form."}},
	"raw":            {{"description", "What the source sent, byte for byte."}},
	"schema":         {{"type", nil}, {"maxLength", nil}, {"enum", []any{Schema, "", nil}}},
	"raw_encoding":   {{"type", nil}, {"maxLength", nil}, {"enum", []any{"base64", "", nil}}, {"description", "base64 if raw is not text."}},
}

const timePattern = `^(19[7-9][0-9]|2[01][0-9]{2}|22[0-5][0-9]|226[01])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])` +
	`T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?Z$`

var (
	isAnonymous = object{{"properties", object{{"type", object{{"const", Anonymous}}}}}}
	hasID       = named("id")
)

// named is the schema of an object whose member name is a string that says
// something.
func named(name string) object {
	return object{
		{"required", []string{name}},
		{"properties", object{{name, object{{"type", "string"}, {"minLength", 1}}}}},
	}
}

// describeType returns the schema of a value of type t at the dotted name path.
func describeType(t reflect.Type, path string) object {
	var o object
	switch {
	case t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[[]byte]():
		o = object{{"type", []string{"string", "null"}}}
	case t == reflect.TypeFor[*bool]():
		o = object{{"type", []string{"boolean", "null"}}}
	case t == reflect.TypeFor[json.RawMessage]():
		o = object{{"type", []string{"object", "null"}}}
	case t.Kind() == reflect.String:
		o = object{{"type", []string{"string", "null"}}, {"maxLength", MaxStringBytes}}
	case t.Kind() == reflect.Slice:
		o = object{{"type", []string{"array", "null"}}, {"items", describeType(t.Elem(), path+".items")}}
	case t.Kind() == reflect.Struct && path == "":
		o = object{{"type", "object"}, {"properties", properties(t, path)}, {"additionalProperties", false}}
	case t.Kind() == reflect.Struct:
		o = object{{"type", []string{"object", "null"}}, {"properties", properties(t, path+".")}, {"additionalProperties", false}}
	default:
		panic("bug: no JSON Schema for " + t.String())
	}
	return o.with(constraints[path])
}

// properties returns the schemas of a struct's fields, and of the members that
// are written for them under another name.
func properties(t reflect.Type, prefix string) (o object) {
	text := reflect.TypeFor[string]()
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch prefix + name {
		case "id":
			o = append(o, member{"schema", describeType(text, "schema")})
		case "targets":
			o = append(o, member{"target", describeType(reflect.TypeFor[Target](), "target")})
		case "raw":
			o = append(o, member{"raw_encoding", describeType(text, "raw_encoding")})
		}
		o = append(o, member{name, describeType(f.Type, prefix+name)})
	}
	return o
}

// with returns o with members put in the place of its own, or behind them; one
// without a value takes o's away.
func (o object) with(members object) (merged object) {
	for _, own := range o {
		for _, m := range members {
			if m.name == own.name {
				own.value = m.value
			}
		}
		if own.value != nil {
			merged = append(merged, own)
		}
	}
	for _, m := range members {
		known := m.value == nil
		for _, own := range o {
			known = known || own.name == m.name
		}
		if !known {
			merged = append(merged, m)
		}
	}
	return merged
}
