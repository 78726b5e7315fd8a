package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of fields, by opentelemetry/proto/collector/logs/v1, logs/v1,
// common/v1 and resource/v1.
const (
	requestResourceLogs = 1

	resourceLogsResource, resourceLogsScopeLogs, resourceLogsSchema = 1, 2, 3
	scopeLogsScope, scopeLogsRecords, scopeLogsSchema               = 1, 2, 3
	resourceAttributes, resourceDropped                             = 1, 2
	scopeName, scopeVersion, scopeAttributes, scopeDropped          = 1, 2, 3, 4

	recordTime, recordSeverity, recordSeverityText, recordBody  = 1, 2, 3, 5
	recordAttributes, recordDropped, recordFlags, recordTraceID = 6, 7, 8, 9
	recordSpanID, recordObserved, recordEventName               = 10, 11, 12
	keyValueKey, keyValueValue                                  = 1, 2
	valueString, valueBool, valueInt, valueDouble               = 1, 2, 3, 4
	valueArray, valueKeyValues, valueBytes, valuesValues        = 5, 6, 7, 1
	maxDepth                                                    = 64 // of values in values
)

var (
	errWire = errors.New("body: is not an ExportLogsServiceRequest in protobuf")
	errDeep = fmt.Errorf("body: holds values more than %d deep", maxDepth)
)

// A field of a message. bytes is set for length-delimited ones, number for others.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	bytes  []byte
	number uint64
}

// eachField calls f for every field of message.
func eachField(message []byte, f func(field) error) error {
	for len(message) > 0 {
		num, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errWire
		}
		message = message[n:]
		fd := field{num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			fd.number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			fd.number, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			fd.number = uint64(v)
		case protowire.BytesType:
			fd.bytes, n = protowire.ConsumeBytes(message)
			if fd.bytes == nil {
				fd.bytes = []byte{}
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, message)
		}
		if n < 0 {
			return errWire
		}
		message = message[n:]
		if err := f(fd); err != nil {
			return err
		}
	}
	return nil
}

// is reports whether f is field num, of type typ.
func (f *field) is(num protowire.Number, typ protowire.Type) bool {
	return f.num == num && f.typ == typ
}

// message reports whether f is the message, string or bytes with number num.
func (f *field) message(num protowire.Number) bool { return f.is(num, protowire.BytesType) }

// walkWire calls each with every log record of request, as OTLP/JSON. What it is
// called with belongs to it until the next call.
func walkWire(request []byte, each func(*scopeLogs, []byte) error) error {
	var at scopeLogs
	var record []byte
	return eachField(request, func(f field) error {
		if !f.message(requestResourceLogs) {
			return nil
		}
		return walkResource(f.bytes, &at, &record, each)
	})
}

func walkResource(m []byte, at *scopeLogs, record *[]byte, each func(*scopeLogs, []byte) error) error {
	*at = scopeLogs{resource: append(at.resource[:0], "{}"...), scope: at.scope}
	// The resource stands before its records, or behind them.
	err := eachField(m, func(f field) (err error) {
		switch {
		case f.message(resourceLogsResource):
			at.resource, err = appendAttributed(at.resource[:0], f.bytes, resourceAttributes, resourceDropped, nil)
		case f.message(resourceLogsSchema):
			at.resourceSchema = f.bytes
		}
		return err
	})
	if err != nil {
		return err
	}
	return eachField(m, func(f field) error {
		if !f.message(resourceLogsScopeLogs) {
			return nil
		}
		return walkScope(f.bytes, at, record, each)
	})
}

func walkScope(m []byte, at *scopeLogs, record *[]byte, each func(*scopeLogs, []byte) error) error {
	at.scope, at.schema = append(at.scope[:0], "{}"...), at.resourceSchema
	err := eachField(m, func(f field) (err error) {
		switch {
		case f.message(scopeLogsScope):
			at.scope, err = appendScope(at.scope[:0], f.bytes)
		case f.message(scopeLogsSchema) && len(f.bytes) > 0:
			at.schema = f.bytes
		}
		return err
	})
	if err != nil {
		return err
	}
	return eachField(m, func(f field) (err error) {
		if !f.message(scopeLogsRecords) {
			return nil
		}
		if *record, err = appendRecord((*record)[:0], f.bytes); err != nil {
			return err
		}
		return each(at, *record)
	})
}

func appendScope(b, m []byte) ([]byte, error) {
	var name, version []byte
	err := eachField(m, func(f field) error {
		switch {
		case f.message(scopeName):
			name = f.bytes
		case f.message(scopeVersion):
			version = f.bytes
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	return appendAttributed(b, m, scopeAttributes, scopeDropped, func(b []byte) []byte {
		return appendText(appendText(b, "name", name), "version", version)
	})
}

// appendAttributed appends a message that has attributes and their dropped
// count, behind what head appends.
func appendAttributed(b, m []byte, attributes, dropped protowire.Number, head func([]byte) []byte) ([]byte, error) {
	b = append(b, '{')
	if head != nil {
		b = head(b)
	}
	b, err := appendKeyValues(b, m, attributes, "attributes", maxDepth)
	if err != nil {
		return b, err
	}
	var n uint64
	if err := eachField(m, func(f field) error {
		if f.is(dropped, protowire.VarintType) {
			n = f.number
		}
		return nil
	}); err != nil {
		return b, err
	}
	if n != 0 {
		b = strconv.AppendUint(appendName(b, "droppedAttributesCount"), uint64(uint32(n)), 10)
	}
	return append(b, '}'), nil
}

// appendRecord appends the LogRecord m.
func appendRecord(b, m []byte) ([]byte, error) {
	var r struct {
		time, observed, severity, dropped, flags uint64
		text, trace, span, name, body            []byte
		attributes                               bool
	}
	err := eachField(m, func(f field) error {
		switch {
		case f.is(recordTime, protowire.Fixed64Type):
			r.time = f.number
		case f.is(recordObserved, protowire.Fixed64Type):
			r.observed = f.number
		case f.is(recordSeverity, protowire.VarintType):
			r.severity = f.number
		case f.message(recordSeverityText):
			r.text = f.bytes
		case f.message(recordBody):
			r.body = f.bytes
		case f.message(recordAttributes):
			r.attributes = true
		case f.is(recordDropped, protowire.VarintType):
			r.dropped = f.number
		case f.is(recordFlags, protowire.Fixed32Type):
			r.flags = f.number
		case f.message(recordTraceID):
			r.trace = f.bytes
		case f.message(recordSpanID):
			r.span = f.bytes
		case f.message(recordEventName):
			r.name = f.bytes
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	b = append(b, '{')
	b = appendQuotedNumber(b, "timeUnixNano", r.time)
	b = appendQuotedNumber(b, "observedTimeUnixNano", r.observed)
	if r.severity != 0 {
		b = strconv.AppendInt(appendName(b, "severityNumber"), int64(int32(r.severity)), 10)
	}
	b = appendText(b, "severityText", r.text)
	if r.body != nil {
		if b, err = appendValue(appendName(b, "body"), r.body, maxDepth); err != nil {
			return b, err
		}
	}
	if r.attributes {
		if b, err = appendKeyValues(b, m, recordAttributes, "attributes", maxDepth); err != nil {
			return b, err
		}
	}
	for _, n := range [...]struct {
		name  string
		value uint64
	}{{"droppedAttributesCount", r.dropped}, {"flags", r.flags}} {
		if n.value != 0 {
			b = strconv.AppendUint(appendName(b, n.name), uint64(uint32(n.value)), 10)
		}
	}
	b = appendHex(appendHex(b, "traceId", r.trace), "spanId", r.span)
	return append(appendText(b, "eventName", r.name), '}'), nil
}

// appendKeyValues appends the member name with those fields of m that have
// number num and are KeyValues, if there are any.
func appendKeyValues(b, m []byte, num protowire.Number, name string, depth int) ([]byte, error) {
	first := true
	err := eachField(m, func(f field) (err error) {
		if !f.message(num) {
			return nil
		}
		if first {
			b = append(appendName(b, name), '[')
		} else {
			b = append(b, ',')
		}
		first = false
		b, err = appendKeyValue(b, f.bytes, depth)
		return err
	})
	if !first {
		b = append(b, ']')
	}
	return b, err
}

func appendKeyValue(b, m []byte, depth int) ([]byte, error) {
	var key, value []byte
	err := eachField(m, func(f field) error {
		switch {
		case f.message(keyValueKey):
			key = f.bytes
		case f.message(keyValueValue):
			value = f.bytes
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	b, _ = jsontext.AppendQuote(append(b, `{"key":`...), key) // what is not UTF-8 becomes U+FFFD
	if value != nil {
		if b, err = appendValue(append(b, `,"value":`...), value, depth); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// appendValue appends the AnyValue m.
func appendValue(b, m []byte, depth int) ([]byte, error) {
	if depth == 0 {
		return b, errDeep
	}
	var last field // of a oneof, the last one holds
	if err := eachField(m, func(f field) error {
		last = f
		return nil
	}); err != nil {
		return b, err
	}
	var err error
	b = append(b, '{')
	switch f := &last; {
	case f.message(valueString):
		b, _ = jsontext.AppendQuote(appendName(b, "stringValue"), f.bytes)
	case f.is(valueBool, protowire.VarintType):
		b = strconv.AppendBool(appendName(b, "boolValue"), f.number != 0)
	case f.is(valueInt, protowire.VarintType):
		b = append(strconv.AppendInt(append(appendName(b, "intValue"), '"'), int64(f.number), 10), '"')
	case f.is(valueDouble, protowire.Fixed64Type):
		b = appendDouble(appendName(b, "doubleValue"), math.Float64frombits(f.number))
	case f.message(valueArray):
		b, err = appendArray(append(appendName(b, "arrayValue"), '{'), f.bytes, depth-1)
		b = append(b, '}')
	case f.message(valueKeyValues):
		b, err = appendKeyValues(append(appendName(b, "kvlistValue"), '{'), f.bytes, valuesValues, "values", depth-1)
		b = append(b, '}')
	case f.message(valueBytes):
		b = append(base64.StdEncoding.AppendEncode(append(appendName(b, "bytesValue"), '"'), f.bytes), '"')
	}
	return append(b, '}'), err
}

func appendArray(b, m []byte, depth int) ([]byte, error) {
	first := true
	err := eachField(m, func(f field) (err error) {
		if !f.message(valuesValues) {
			return nil
		}
		if first {
			b = append(b, `"values":[`...)
		} else {
			b = append(b, ',')
		}
		first = false
		b, err = appendValue(b, f.bytes, depth)
		return err
	})
	if !first {
		b = append(b, ']')
	}
	return b, err
}

// appendName appends the name of a member of an object that may have some.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), name...), `":`...)
}

func appendText(b []byte, name string, s []byte) []byte {
	if len(s) == 0 {
		return b
	}
	b, _ = jsontext.AppendQuote(appendName(b, name), s)
	return b
}

func appendHex(b []byte, name string, s []byte) []byte {
	if len(s) == 0 {
		return b
	}
	return append(hex.AppendEncode(append(appendName(b, name), '"'), s), '"')
}

// appendQuotedNumber appends a 64-bit number as JSON of protobuf has them.
func appendQuotedNumber(b []byte, name string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return append(strconv.AppendUint(append(appendName(b, name), '"'), n, 10), '"')
}

func appendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
