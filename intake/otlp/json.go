package otlp

import (
	"fmt"

	"example.com/evident/source"
)

// walkJSON calls each with every log record of request, which is OTLP/JSON. All
// it is called with are parts of request, byte for byte.
func walkJSON(request []byte, each func(*scopeLogs, []byte) error) error {
	if err := source.Valid(request); err != nil {
		return fmt.Errorf("body: is not JSON: %w", err)
	}
	var at scopeLogs
	return eachElement(request, "body", "resourceLogs", "resource_logs", func(m []byte) error {
		at = scopeLogs{resource: []byte("{}")}
		if err := object(m, "resourceLogs"); err != nil {
			return err
		}
		for name, value := range source.Members(m) {
			switch name {
			case "resource":
				at.resource = value
			case "schemaUrl", "schema_url":
				at.resourceSchema = []byte(source.Text(value))
			}
		}
		if err := object(at.resource, "resource"); err != nil {
			return err
		}
		return eachElement(m, "resourceLogs", "scopeLogs", "scope_logs", func(m []byte) error {
			return walkJSONScope(m, &at, each)
		})
	})
}

func walkJSONScope(m []byte, at *scopeLogs, each func(*scopeLogs, []byte) error) error {
	if err := object(m, "scopeLogs"); err != nil {
		return err
	}
	at.scope, at.schema = []byte("{}"), at.resourceSchema
	for name, value := range source.Members(m) {
		switch name {
		case "scope":
			at.scope = value
		case "schemaUrl", "schema_url":
			if s := source.Text(value); s != "" {
				at.schema = []byte(s)
			}
		}
	}
	if err := object(at.scope, "scope"); err != nil {
		return err
	}
	return eachElement(m, "scopeLogs", "logRecords", "log_records", func(record []byte) error {
		if err := object(record, "logRecords"); err != nil {
			return err
		}
		return each(at, record)
	})
}

// eachElement calls each with the elements of the array that is the member name,
// or old, of m, which is called what.
func eachElement(m []byte, what, name, old string, each func([]byte) error) error {
	if err := object(m, what); err != nil {
		return err
	}
	for n, value := range source.Members(m) {
		if n != name && n != old || string(value) == "null" {
			continue
		}
		if value[0] != '[' {
			return fmt.Errorf("%s: found %.20q, expected an array", name, value)
		}
		for element := range source.Elements(value) {
			if err := each(element); err != nil {
				return err
			}
		}
	}
	return nil
}

func object(value []byte, what string) error {
	for _, c := range value {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			return nil
		}
		break
	}
	return fmt.Errorf("%s: found %.20q, expected an object", what, value)
}
