package mapping

import (
	"regexp"
	"slices"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
	"go.yaml.in/yaml/v3"
)

// member reads one member of the file.
func (l *loader) member(m *mapping, name string, key, v *yaml.Node) (err error) {
	switch name {
	case "kind":
		if m.kind, err = l.scalar(v, name); err == nil && event.ValidSource(m.kind+"/x") != nil {
			err = l.fail(v, "kind: found %s; want a-z 0-9 . _, beginning with a letter or digit, such as acme.door", shown(v))
		}
	case "title":
		m.title, err = l.scalar(v, name)
	case "framing":
		if m.framing, err = l.scalar(v, name); err == nil && !slices.Contains([]string{"json", "lines", "csv"}, m.framing) {
			err = l.fail(v, "framing: found %s; want json, lines or csv", shown(v))
		}
	case "envelopes":
		m.envelopes, err = l.texts(v, name, maxColumns)
	case "pattern":
		err = l.pattern(m, v)
	case "columns":
		m.columns, err = l.texts(v, name, maxColumns)
	case "separator":
		var s string
		if s, err = l.scalar(v, name); err == nil && (len(s) != 1 || s == `"` || s == "\n") {
			err = l.fail(v, "separator: found %s; want one character of ASCII", shown(v))
		} else if err == nil {
			m.separator = s[0]
		}
	case "when":
		var s string
		if s, err = l.scalar(v, name); err == nil {
			lead := 0
			if v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
				lead = 1
			}
			m.when, err = l.expression(v, s, lead)
		}
	case "time_format":
		m.timeLayout, err = l.scalar(v, name)
	case "fields":
		m.fields, err = l.fields(v, name, known)
	case "detail":
		m.details, err = l.fields(v, name, detailName)
		if err == nil && len(m.details) > maxDetails {
			err = l.fail(v, "detail: found %d members; want %d at most", len(m.details), maxDetails)
		}
	case "targets":
		err = l.targets(m, v)
	case "outcomes":
		err = l.outcomes(m, v)
	case "actions":
		err = l.actions(m, v)
	case "default":
		err = l.fallback(m, v)
	default:
		err = l.fail(key, "%s: unknown; want kind, title, framing, envelopes, pattern, columns, separator, when, time_format, fields, targets, detail, outcomes, actions or default", name)
	}
	return err
}

// pattern takes only what matches a whole line: a match in the middle could be
// what a stranger wrote into it.
func (l *loader) pattern(m *mapping, v *yaml.Node) error {
	s, err := l.scalar(v, "pattern")
	if err != nil {
		return err
	}
	if len(s) > maxExpressionBytes || !strings.HasPrefix(s, "^") || !strings.HasSuffix(s, "$") {
		return l.fail(v, "pattern: want an expression of at most %d bytes that begins with ^ and ends with $, so that it is the whole line", maxExpressionBytes)
	}
	if m.pattern, err = regexp.Compile(s); err != nil {
		return l.fail(v, "pattern: %v", err)
	}
	for _, name := range m.pattern.SubexpNames() {
		if name != "" {
			return nil
		}
	}
	return l.fail(v, "pattern: no group has a name; want (?P<name>…)")
}

// known reports whether fields may have a name.
func known(name string) bool { return special[name] || (&builder{}).member(name) != nil }

const wantField = "id, occurred_at, native_action, outcome, outcome_code, outcome_reason, request_id, trace_id, " +
	"actor.type, .id, .name, .email, .role, .session, where.ip, .user_agent, .host, .region, .account, " +
	"why.ticket, .approval, .change, .session, .incident, .policy, .reason"

var detailWord = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func detailName(name string) bool {
	// These the mapping writes itself.
	return detailWord.MatchString(name) && name != "from" && name != "actor_email" && name != "actor_type"
}

// fields reads names and where each comes from.
func (l *loader) fields(n *yaml.Node, member string, allowed func(string) bool) (list []field, err error) {
	err = l.each(n, func(name string, key, v *yaml.Node) error {
		if !allowed(name) {
			want := wantField
			switch member {
			case "detail":
				want = "a name of a-z 0-9 _ that is none of from, actor_email, actor_type"
			case "targets":
				want = "type, id or name"
			}
			return l.fail(key, "%s: unknown name %.60q; want %s", member, name, want)
		}
		from, err := l.value(v, name)
		if err != nil {
			return err
		}
		list = append(list, field{name, from})
		return nil
	})
	return list, err
}

func (l *loader) targets(m *mapping, n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxTargets {
		return l.fail(n, "targets: found %s; want a list of at most %d", shown(n), maxTargets)
	}
	for _, t := range n.Content {
		fields, err := l.fields(t, "targets", func(s string) bool { return s == "type" || s == "id" || s == "name" })
		if err != nil {
			return err
		}
		m.targets = append(m.targets, fields)
	}
	return nil
}

func (l *loader) outcomes(m *mapping, n *yaml.Node) error {
	return l.each(n, func(name string, _, v *yaml.Node) error {
		s, err := l.scalar(v, "outcomes")
		if err != nil {
			return err
		}
		if !slices.Contains(event.Outcomes, event.Outcome(s)) {
			return l.fail(v, "outcomes: found %s; want success, failure, denied or unknown", shown(v))
		}
		m.outcomes[name] = event.Outcome(s)
		return nil
	})
}

func (l *loader) actions(m *mapping, n *yaml.Node) error {
	err := l.each(n, func(name string, _, v *yaml.Node) error {
		a, node, err := l.action(v)
		if err != nil {
			return err
		}
		if err := event.ValidAction(a.Action); err != nil {
			return l.fail(node, "%v", err)
		}
		m.actions[name] = a
		return nil
	})
	if err == nil && len(m.actions) > maxActions {
		return l.fail(n, "actions: found %d; want %d at most", len(m.actions), maxActions)
	}
	return err
}

func (l *loader) fallback(m *mapping, n *yaml.Node) error {
	a, node, err := l.action(n)
	if err != nil {
		return err
	}
	if err := event.ValidAction(strings.ReplaceAll(a.Action, native, "other")); err != nil {
		return l.fail(node, "default: %v", err)
	}
	m.fallback = rule{a.Action, a.Category}
	return nil
}

// action reads {action: …, category: …}, and returns where the action stands.
func (l *loader) action(n *yaml.Node) (a source.Action, at *yaml.Node, err error) {
	err = l.each(n, func(name string, key, v *yaml.Node) error {
		s, err := l.scalar(v, name)
		if err != nil {
			return err
		}
		switch name {
		case "action":
			a.Action, at = s, v
		case "category":
			if a.Category = event.Category(s); a.Category.Meaning() == "" {
				return l.fail(v, "category: found %s; want authentication, account, access, privileged, data, config, change, network or system", shown(v))
			}
		default:
			return l.fail(key, "%s: unknown; want action and category", name)
		}
		return nil
	})
	if err == nil && (a.Action == "" || a.Category == "") {
		err = l.fail(n, "want action and category")
	}
	return a, at, err
}
