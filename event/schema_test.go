package event_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"example.com/evident/event"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite event.schema.json; look at the diff")

func TestSchemaFileIsInStep(t *testing.T) {
	const file = "event.schema.json"
	if *update {
		if err := os.WriteFile(file, event.JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, event.JSONSchema()) {
		t.Errorf("%s is not what the types say (%v); go test ./event -update rewrites it", file, err)
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(event.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("event.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaSaysWhatFromFieldsSays(t *testing.T) {
	schema := compileSchema(t)
	valid := func(body string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	for _, body := range []string{
		minimal, full,
		strings.Replace(minimal, `"id":"1",`, ``, 1),
		strings.Replace(minimal, `"outcome"`, `"target":null,"where":{"ip":"","host":null},"why":null,"detail":null,"raw":null,"schema":null,"outcome"`, 1),
		strings.Replace(minimal, `"type":"user","id":"u1"`, `"type":"anonymous"`, 1),
		strings.Replace(minimal, `"outcome"`, `"target":{},"targets":[{"name":"x"}],"where":{"ip":"203.0.113.7"},"outcome"`, 1),
	} {
		if err := valid(body); err != nil {
			t.Errorf("%v\n%s", err, body)
		}
		if _, err := both(t, body); err != nil {
			t.Error(err)
		}
	}
	beyond := map[string]bool{"a day that is none": true, "raw that is not base64": true}
	for _, c := range refused {
		if err := valid(strings.Replace(minimal, c.old, c.new, 1)); (err == nil) != beyond[c.name] {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
