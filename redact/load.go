package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of a policy.
const (
	MaxPolicyBytes  = 256 << 10
	maxRules        = 256
	maxFields       = 256 // of a rule
	maxPatternBytes = 1 << 10
	minKeyBytes     = 16
	maxAnyParts     = 2 // ** in a path
)

// file is the form of a policy. Its fields are described in docs/redaction.md.
type file struct {
	Version int        `yaml:"version"`
	Without []string   `yaml:"without"`
	Rules   []fileRule `yaml:"rules"`
}

type fileRule struct {
	Name    string   `yaml:"name"`
	Do      string   `yaml:"do"`
	Sources []string `yaml:"sources"`
	Fields  []string `yaml:"fields"`
	Pattern string   `yaml:"pattern"`
	About   string   `yaml:"about"`
}

// Load reads a policy. Key is what tokens are made with, at least 16 bytes that
// nobody can guess; it may be nil if no rule tokenises. Errors name the line.
func Load(text, key []byte) (*Policy, error) {
	if len(text) > MaxPolicyBytes {
		return nil, fmt.Errorf("load policy: found %d bytes; expected %d at most", len(text), MaxPolicyBytes)
	}
	var f file
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("load policy: %w", plain(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("load policy: found a second document; expected one")
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("load policy: version: found %d; expected 1", f.Version)
	}
	for _, name := range f.Without {
		if !isBuiltin(name) {
			return nil, fmt.Errorf("load policy: without: found %q; expected names of built-in rules: %s", name, strings.Join(builtinNames(), ", "))
		}
	}
	if len(f.Rules) > maxRules {
		return nil, fmt.Errorf("load policy: rules: found %d; expected %d at most", len(f.Rules), maxRules)
	}
	p := &Policy{key: bytes.Clone(key)}
	lines := ruleLines(text)
	for i, fr := range f.Rules {
		r, err := fr.rule(p.rules, key)
		if err != nil {
			return nil, fmt.Errorf("load policy: line %d: %w", lines[i], err)
		}
		p.rules = append(p.rules, r)
	}
	p.rules = append(p.rules, builtin(f.Without)...)
	p.finish()
	return p, nil
}

// rule checks fr, which comes after the rules before.
func (fr *fileRule) rule(before []*rule, key []byte) (*rule, error) {
	r := &rule{name: fr.Name, about: fr.About}
	if !isRuleName(fr.Name) {
		return nil, fmt.Errorf("name: found %q; expected 1 to 40 of a-z 0-9 and -, beginning with a letter", fr.Name)
	}
	if isBuiltin(fr.Name) || slices.ContainsFunc(before, func(b *rule) bool { return b.name == fr.Name }) {
		return nil, fmt.Errorf("name: %q is the name of another rule", fr.Name)
	}
	switch fr.Do {
	case "mask":
	case "tokenise":
		if r.do = tokenise; len(key) < minKeyBytes {
			return nil, fmt.Errorf("do: tokenise takes a key of at least %d bytes; found %d", minKeyBytes, len(key))
		}
	case "leave":
		if r.do = leave; fr.Pattern != "" {
			return nil, errors.New("do: leave is for fields; found a pattern")
		}
	default:
		return nil, fmt.Errorf("do: found %q; expected mask, tokenise or leave", fr.Do)
	}
	if len(fr.Fields) == 0 && fr.Pattern == "" {
		return nil, errors.New("fields: required, or a pattern; found neither")
	}
	if len(fr.Fields) > maxFields {
		return nil, fmt.Errorf("fields: found %d; expected %d at most", len(fr.Fields), maxFields)
	}
	for _, s := range fr.Fields {
		p := parsePath(s)
		if slices.Contains(p, "") || p[len(p)-1] == anyParts || strings.Count(s, anyParts) > maxAnyParts || strings.Contains(strings.ReplaceAll(s, anyParts, ""), anyParts) {
			return nil, fmt.Errorf("fields: found %q; expected names joined by dots, such as email or user.*.email", s)
		}
		r.fields = append(r.fields, p)
	}
	for _, s := range fr.Sources {
		if s == "" || strings.ToLower(s) != s {
			return nil, fmt.Errorf("sources: found %q; expected sources such as okta/acme or okta/*", s)
		}
		r.sources = append(r.sources, s)
	}
	return r, r.setPattern(fr.Pattern)
}

func (r *rule) setPattern(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > maxPatternBytes {
		return fmt.Errorf("pattern: found %d bytes; expected %d at most", len(text), maxPatternBytes)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if re.NumSubexp() > 1 {
		return fmt.Errorf("pattern: found %d groups; expected one at most, around what is replaced; (?:…) is no group", re.NumSubexp())
	}
	if re.MatchString("") {
		return errors.New("pattern: matches the empty text, and so everywhere")
	}
	r.pattern, r.group = re, re.NumSubexp()
	return nil
}

func isRuleName(s string) bool {
	for i, c := range []byte(s) {
		if !isLower(c) && (i == 0 || !isDigit(c) && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

func isBuiltin(name string) bool { return slices.Contains(builtinNames(), name) }

func builtinNames() []string {
	names := make([]string, len(builtins))
	for i, b := range builtins {
		names[i] = b.name
	}
	return names
}

// ruleLines returns the line on which each of the rules begins.
func ruleLines(text []byte) []int {
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	var lines []int
	for i, root := 0, doc.Content[0].Content; i+1 < len(root); i += 2 {
		if root[i].Value == "rules" {
			list := root[i+1]
			if list.Alias != nil {
				list = list.Alias
			}
			for _, item := range list.Content {
				lines = append(lines, item.Line)
			}
		}
	}
	return lines
}

var goType = regexp.MustCompile(` in type redact\.\w+`)

// plain takes out of an error of YAML what only programmers know.
func plain(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	text = goType.ReplaceAllString(text, ": version, without, rules; of a rule name, do, sources, fields, pattern, about")
	return errors.New(strings.Join(strings.Fields(text), " "))
}
