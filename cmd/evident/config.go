package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"example.com/evident/server"
)

// maxConfigBytes bounds a configuration file.
const maxConfigBytes = 1 << 20

// fileConfig is what only a file says, beside the flags.
type fileConfig struct {
	Flags    map[string]any  `yaml:",inline"`
	Sources  []server.Source `yaml:"sources"`
	Mappings []string        `yaml:"mappings"`
}

// onlyInFile are the names of its members.
var onlyInFile = []string{"sources", "mappings"}

// readConfig sets flags from a YAML file of the same names: a line such as
// listen: 127.0.0.1:8080. What was said on the command line stands. A name that
// is not one of names is refused, with its line: one that is misspelt would be
// an option that is silently not in force. What only a file can say goes into c.
func readConfig(path string, flags *pflag.FlagSet, names []string, c *server.Config) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	d := yaml.NewDecoder(io.LimitReader(f, maxConfigBytes))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil // it is empty
	} else if err != nil {
		return fmt.Errorf("read configuration %s: %w", path, err)
	}
	refuse := func(n *yaml.Node, format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", path, n.Line, fmt.Sprintf(format, args...))
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return refuse(&doc, "expected lines such as listen: 127.0.0.1:8080")
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return refuse(&doc, "expected one document, found more behind it")
	}
	pairs, seen := doc.Content[0].Content, map[string]bool{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		switch {
		case slices.Contains(onlyInFile, key.Value) && !seen[key.Value]:
			seen[key.Value] = true
			continue
		case !slices.Contains(names, key.Value):
			return refuse(key, "found %q; expected one of %s", key.Value, strings.Join(append(slices.Clone(names), onlyInFile...), ", "))
		case seen[key.Value]:
			return refuse(key, "%s stands twice", key.Value)
		case value.Kind != yaml.ScalarNode:
			return refuse(value, "%s: expected one value", key.Value)
		}
		seen[key.Value] = true
		if flags.Changed(key.Value) {
			continue
		}
		if err := flags.Set(key.Value, value.Value); err != nil {
			return refuse(value, "%s: found %q; expected %s", key.Value, value.Value, expected(flags, key.Value))
		}
	}
	return readInFile(path, c)
}

// readInFile reads what only a file says, strictly.
func readInFile(path string, c *server.Config) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	d := yaml.NewDecoder(io.LimitReader(f, maxConfigBytes))
	d.KnownFields(true)
	var in fileConfig
	if err := d.Decode(&in); err != nil {
		text := ofType.ReplaceAllString(err.Error(), " is unknown")
		return fmt.Errorf("read configuration %s: %s", path, strings.TrimPrefix(text, "yaml: unmarshal errors:\n  "))
	}
	c.Sources, c.Mappings = in.Sources, in.Mappings
	return nil
}

// ofType is what an error says of the types of this program.
var ofType = regexp.MustCompile(` not found in type \S+`)

// expected says what the value of a flag is.
func expected(flags *pflag.FlagSet, name string) string {
	switch t := flags.Lookup(name).Value.Type(); t {
	case "bool":
		return "true or false"
	default:
		return "a " + t
	}
}
