package log

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"example.com/evident/source"
)

// Limits of what is read of an object. The rest stays in raw.
const (
	maxDepth  = 8
	maxFields = 1000
)

// fields are the members of an object, nested ones by dotted names, in lower case.
// The first of a name counts.
type fields map[string]string

func (f fields) set(name, value string) {
	name = strings.ToLower(name)
	if _, there := f[name]; !there && value != "" && len(f) < maxFields {
		f[name] = source.Clip(value)
	}
}

// first returns the first of the fields that there is.
func (f fields) first(names ...string) string {
	for _, name := range names {
		if v := f[name]; v != "" {
			return v
		}
	}
	return ""
}

// someone is first, for names of users: some stand for nobody.
func (f fields) someone(names ...string) string {
	for _, name := range names {
		switch v := f[name]; strings.ToLower(v) {
		case "", "-", "?", "unknown", "null", "none", "nil", "n/a", "undefined", "(unknown)", "anonymous":
		default:
			return v
		}
	}
	return ""
}

// object takes the members of text, and reports whether it is an object.
func (f fields) object(text []byte) bool {
	if len(text) < 2 || text[0] != '{' || source.Valid(text) != nil {
		return false
	}
	f.members("", text, 0)
	return true
}

func (f fields) members(prefix string, object []byte, depth int) {
	if depth > maxDepth {
		return
	}
	for name, v := range source.Members(object) {
		f.value(prefix+name, v, depth)
	}
}

// value takes a value. Of an array, that is the first element, if it is a scalar.
func (f fields) value(name string, v []byte, depth int) {
	switch v[0] {
	case '{':
		f.members(name+".", v, depth+1)
	case '[':
		for element := range source.Elements(v) {
			if element[0] != '[' {
				f.value(name, element, depth+1)
			}
			return
		}
	default:
		f.set(name, source.Text(v))
	}
}

// envelope takes an object's members, or those of what it is an envelope for, and
// returns the text in which there may be more.
func (f fields) envelope(raw []byte) (text string) {
	m := map[string][]byte{}
	hec, otlp := true, true
	for name, v := range source.Members(raw) {
		m[name] = v
		hec = hec && hecMembers[name]
		otlp = otlp && (name == "resource" || name == "scope" || name == "logRecord")
	}
	ev, isEvent := m["event"]
	switch {
	case otlp && len(m["logRecord"]) > 0 && m["logRecord"][0] == '{':
		return f.otlp(m)
	case hec && isEvent && len(m) > 1 && (ev[0] == '{' || len(m["source"])+len(m["sourcetype"])+len(m["index"])+len(m["fields"]) > 0):
		return f.hec(m)
	}
	f.members("", raw, 0)
	if isEvent && len(m) == 1 { // an envelope of HEC with nothing else, or ECS with nothing else
		f.members("", ev, 0)
	}
	return f.inner()
}

// inner returns the message if it may be an object.
func (f fields) inner() string {
	for _, name := range []string{"message", "msg", "log", "body"} {
		if v := strings.TrimSpace(f[name]); strings.HasPrefix(v, "{") && strings.HasSuffix(v, "}") {
			inner := fields{}
			if inner.object([]byte(v)) {
				if m := inner.first("message", "msg"); m != "" {
					f["message"] = m
				}
				for _, n := range slices.Sorted(maps.Keys(inner)) {
					f.set(n, inner[n])
				}
			}
			break
		}
	}
	return ""
}

// hecMembers are all that an envelope of HEC may have.
var hecMembers = map[string]bool{"time": true, "host": true, "source": true, "sourcetype": true, "index": true, "fields": true, "event": true}

func (f fields) hec(m map[string][]byte) (text string) {
	f.set("@timestamp", source.Text(m["time"]))
	f.set("host.name", source.Text(m["host"]))
	for _, name := range []string{"source", "sourcetype", "index"} {
		f.set("hec."+name, source.Text(m[name]))
	}
	ev := m["event"]
	if ev[0] == '{' {
		f.members("", ev, 0)
	} else {
		text = source.Text(ev)
	}
	f.members("", m["fields"], 0)
	if text == "" {
		f.inner()
	}
	return text
}

// otlp takes a record of OTLP/JSON: its own members first, then its attributes,
// then those of the resource.
func (f fields) otlp(m map[string][]byte) (text string) {
	var body, attributes []byte
	for name, v := range source.Members(m["logRecord"]) {
		switch name {
		case "timeUnixNano", "time_unix_nano":
			if s := source.Text(v); s != "0" {
				f.set("@timestamp", s)
			}
		case "observedTimeUnixNano", "observed_time_unix_nano":
			if s := source.Text(v); s != "0" {
				f.set("observedtimestamp", s)
			}
		case "severityText", "severity_text":
			f.set("level", source.Text(v))
		case "traceId", "trace_id":
			f.set("trace.id", source.Text(v))
		case "spanId", "span_id":
			f.set("span.id", source.Text(v))
		case "eventName", "event_name":
			f.set("event.name", source.Text(v))
		case "body":
			body = v
		case "attributes":
			attributes = v
		}
	}
	f.keyValues("", attributes, 0)
	f.any("body", body, 0)
	for name, v := range source.Members(m["resource"]) {
		if name == "attributes" {
			f.keyValues("", v, 0)
		}
	}
	for name, v := range source.Members(m["scope"]) {
		if name == "name" {
			f.set("scope.name", source.Text(v))
		}
	}
	f.inner()
	return ""
}

// keyValues takes [{"key":…,"value":{…}}].
func (f fields) keyValues(prefix string, list []byte, depth int) {
	if depth > maxDepth {
		return
	}
	for pair := range source.Elements(list) {
		key, value := "", []byte(nil)
		for name, v := range source.Members(pair) {
			switch name {
			case "key":
				key = source.Text(v)
			case "value":
				value = v
			}
		}
		f.any(prefix+key, value, depth)
	}
}

// any takes an AnyValue. The members of a body that is a list of pairs are
// members of the record.
func (f fields) any(key string, value []byte, depth int) {
	for name, v := range source.Members(value) {
		switch name {
		case "stringValue", "intValue", "doubleValue", "boolValue":
			f.set(key, source.Text(v))
		case "kvlistValue":
			prefix := key + "."
			if key == "body" {
				prefix = ""
			}
			for n, list := range source.Members(v) {
				if n == "values" {
					f.keyValues(prefix, list, depth+1)
				}
			}
		case "arrayValue":
			for n, list := range source.Members(v) {
				for element := range source.Elements(list) {
					if n == "values" && depth < maxDepth {
						f.any(key, element, depth+1)
					}
					break
				}
			}
		}
	}
}

// address returns the IP address that s is, with or without a port.
func address(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil || a.Zone() != "" {
		return ""
	}
	return a.Unmap().String()
}
