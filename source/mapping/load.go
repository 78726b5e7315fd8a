package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"example.com/evident/event"
	"example.com/evident/source"
	"go.yaml.in/yaml/v3"
)

// loader reads a file. It knows where everything stands.
type loader struct {
	file string
	env  *cel.Env
}

// fail returns an error at a node.
func (l *loader) fail(n *yaml.Node, format string, args ...any) error {
	return &Error{l.file, max(1, n.Line), max(1, n.Column), fmt.Sprintf(format, args...)}
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// syntax places an error of the YAML parser, which knows the line at most.
func (l *loader) syntax(err error) error {
	e := &Error{l.file, 1, 1, "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if f := yamlLine.FindStringSubmatch(err.Error()); f != nil {
		e.Line, _ = strconv.Atoi(f[1])
		e.Reason = "not YAML: " + f[2]
	}
	return e
}

// load reads the outermost mapping.
func (l *loader) load(root *yaml.Node) (*mapping, error) {
	var err error
	if l.env, err = environment(); err != nil {
		return nil, l.fail(root, "make CEL environment: %v", err)
	}
	m := &mapping{framing: "json", separator: ',', outcomes: map[string]event.Outcome{}, actions: map[string]source.Action{}}
	at := map[string]*yaml.Node{}
	err = l.each(root, func(name string, key, v *yaml.Node) error {
		at[name] = v
		return l.member(m, name, key, v)
	})
	if err != nil {
		return nil, err
	}
	if m.kind == "" {
		return nil, l.fail(root, "kind: required; want the part of a source's name before the slash, such as acme.door")
	}
	if at["default"] == nil {
		return nil, l.fail(root, "default: required; want what becomes of names that actions lacks, such as {action: %q, category: system}", word(m.kind)+"."+native)
	}
	return m, l.whole(m, root, at)
}

// whole checks what members say together.
func (l *loader) whole(m *mapping, root *yaml.Node, at map[string]*yaml.Node) error {
	for _, need := range []struct{ framing, member string }{{"lines", "pattern"}, {"csv", "columns"}} {
		switch n := at[need.member]; {
		case m.framing == need.framing && n == nil:
			return l.fail(root, "%s: required where framing is %s", need.member, need.framing)
		case m.framing != need.framing && n != nil:
			return l.fail(n, "%s: is for framing %s; framing is %s", need.member, need.framing, m.framing)
		}
	}
	if n := at["envelopes"]; n != nil && m.framing != "json" {
		return l.fail(n, "envelopes: is for framing json; framing is %s", m.framing)
	}
	for _, name := range []string{"occurred_at", "native_action", "actor.id"} {
		if !slices.ContainsFunc(m.fields, func(f field) bool { return f.name == name }) {
			return l.fail(root, "fields: %s is required", name)
		}
	}
	return l.paths(m, at)
}

// paths checks that paths name groups or columns that there are.
func (l *loader) paths(m *mapping, at map[string]*yaml.Node) error {
	if m.framing == "json" {
		return nil
	}
	names := m.columns
	if m.pattern != nil {
		names = slices.DeleteFunc(slices.Clone(m.pattern.SubexpNames()), func(s string) bool { return s == "" })
	}
	all := slices.Concat(m.fields, m.details)
	for _, t := range m.targets {
		all = append(all, t...)
	}
	for _, f := range all {
		for _, c := range f.from {
			if c.path != nil && (len(c.path) != 1 || !slices.Contains(names, c.path[0])) {
				return l.fail(at["fields"], "%s: there is no %q; want one of %s", f.name, strings.Join(c.path, "/"), strings.Join(names, ", "))
			}
		}
	}
	return nil
}

// each calls f for each member of a mapping, and refuses names that come twice.
func (l *loader) each(n *yaml.Node, f func(name string, key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return l.fail(n, "found %s; want a mapping of names to values", shown(n))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Value == "<<" || v.Kind == yaml.AliasNode {
			return l.fail(key, "anchors, merges and keys that are no text are not taken")
		}
		if seen[key.Value] {
			return l.fail(key, "%s: is there twice", key.Value)
		}
		seen[key.Value] = true
		if err := f(key.Value, key, v); err != nil {
			return err
		}
	}
	return nil
}

// texts returns the elements of a sequence of texts.
func (l *loader) texts(n *yaml.Node, name string, limit int) (list []string, err error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > limit {
		return nil, l.fail(n, "%s: found %s; want a list of 1 to %d names", name, shown(n), limit)
	}
	for _, e := range n.Content {
		if e.Kind != yaml.ScalarNode || e.Value == "" || slices.Contains(list, e.Value) {
			return nil, l.fail(e, "%s: found %s; want a name that comes once", name, shown(e))
		}
		list = append(list, e.Value)
	}
	return list, nil
}

// scalar returns the text of a node.
func (l *loader) scalar(n *yaml.Node, name string) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return "", l.fail(n, "%s: found %s; want text", name, shown(n))
	}
	return n.Value, nil
}

// shown describes a node in an error.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return fmt.Sprintf("a list of %d", len(n.Content))
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Value == "" {
		return "nothing"
	}
	return fmt.Sprintf("%.60q", n.Value)
}

// expression compiles CEL. Its errors are placed where they are in the file, as far
// as the expression stands on one line.
func (l *loader) expression(n *yaml.Node, text string, lead int) (*expression, error) {
	if len(text) > maxExpressionBytes {
		return nil, l.fail(n, "the expression has %d bytes; want %d at most", len(text), maxExpressionBytes)
	}
	ast, issues := l.env.Compile(text)
	if issues != nil && issues.Err() != nil {
		e := &Error{l.file, n.Line, n.Column, "the expression cannot be compiled"}
		if all := issues.Errors(); len(all) > 0 {
			e.Reason = "expression: " + all[0].Message
			if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
				e.Line += all[0].Location.Line()
			} else {
				e.Column += lead + all[0].Location.Column()
			}
		}
		return nil, e
	}
	program, err := l.env.Program(ast, cel.CostLimit(maxCost), cel.CostTracking(costs{}), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, l.fail(n, "expression: %v", err)
	}
	return &expression{program}, nil
}

// value reads where a text comes from: a choice, or a list of them.
func (l *loader) value(n *yaml.Node, name string) (value, error) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	if len(nodes) == 0 || len(nodes) > maxChoices {
		return nil, l.fail(n, "%s: found %s; want 1 to %d choices", name, shown(n), maxChoices)
	}
	var v value
	for _, n := range nodes {
		s, err := l.scalar(n, name)
		if err != nil {
			return nil, err
		}
		c, err := l.choice(n, s, name)
		if err != nil {
			return nil, err
		}
		v = append(v, c)
	}
	return v, nil
}

func (l *loader) choice(n *yaml.Node, s, name string) (c choice, err error) {
	switch {
	case strings.HasPrefix(s, "="):
		text := strings.TrimLeft(s[1:], " ")
		lead := len(s) - len(text)
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			lead++
		}
		c.cel, err = l.expression(n, text, lead)
		return c, err
	case strings.HasPrefix(s, "/"):
		for _, step := range strings.Split(s[1:], "/") {
			c.path = append(c.path, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		}
		return c, nil
	case strings.HasPrefix(s, "$."):
		c.path = strings.Split(s[2:], ".")
		if slices.Contains(c.path, "") {
			return c, l.fail(n, "%s: found %q; want names with a dot between, such as $.user.name", name, s)
		}
		return c, nil
	}
	return choice{constant: s}, nil
}
