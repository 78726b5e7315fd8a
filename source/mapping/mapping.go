// Package mapping makes a kind of source from one YAML file, for systems that have
// none in this program: where in a raw event each field of an event stands, what
// the system's names for actions mean, and how its deliveries are cut.
// docs/mapping.md specifies the file.
//
// A file is data and not a program: its expressions are CEL, which always ends,
// with a bound on what evaluating one may cost, and can reach neither files nor the
// network. It is checked when it is loaded; an error names file, line and column.
package mapping

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"go.yaml.in/yaml/v3"
)

// Limits of a mapping file, and of what evaluating it may take.
const (
	MaxFileBytes       = 1 << 20
	maxExpressionBytes = 4 << 10
	maxChoices         = 16 // of one value
	maxActions         = 10_000
	maxTargets         = 16
	maxDetails         = 64
	maxColumns         = 256
	maxCost            = 200_000 // of one expression, in CEL's own unit
	maxDepth           = 64      // of an event that expressions see
)

// An Error is what is wrong with a mapping file, and where.
type Error struct {
	File         string
	Line, Column int // from 1
	Reason       string
}

// Error returns one line such as "door.yaml:12:7: action: found …".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// Load returns the kind that a mapping file describes. name is what errors call the
// file. An error is an *Error. Whether the kind's name is free is for the caller to
// see to.
func Load(file []byte, name string) (source.Kind, error) {
	l := &loader{file: name}
	if len(file) > MaxFileBytes {
		return source.Kind{}, &Error{name, 1, 1, fmt.Sprintf("the file has %d bytes; want %d at most", len(file), MaxFileBytes)}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return source.Kind{}, l.syntax(err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return source.Kind{}, &Error{name, 1, 1, "the file is no mapping of names to values"}
	}
	m, err := l.load(document.Content[0])
	if err != nil {
		return source.Kind{}, err
	}
	title := m.title
	if title == "" {
		title = m.kind
	}
	return source.Kind{
		Name:    m.kind,
		Title:   title,
		Ways:    "HTTP, HEC, OTLP, syslog, files, pipe",
		Split:   m.split,
		Map:     m.mapEvent,
		Actions: m.actions,
	}, nil
}

// mapping is a file that was loaded.
type mapping struct {
	kind, title string

	framing   string // json, lines, csv
	envelopes []string
	pattern   *regexp.Regexp
	columns   []string
	separator byte

	when       *expression // nil: always
	fields     []field
	targets    [][]field // type, id and name of each
	details    []field
	timeLayout string // empty: RFC 3339 or a number
	outcomes   map[string]event.Outcome
	actions    map[string]source.Action
	fallback   rule
}

// field is where one member of an event comes from.
type field struct {
	name string
	from value
}

// rule is what becomes of names that the table of actions lacks.
type rule struct {
	action   string // may hold {native}
	category event.Category
}

// split cuts a delivery by the framing.
func (m *mapping) split(r io.Reader) iter.Seq2[[]byte, error] {
	switch m.framing {
	case "lines":
		return source.Lines(r)
	case "csv":
		return m.rows(r)
	}
	return source.JSON(m.envelopes...)(r)
}

// rows leaves out rows that are the names of the columns: they are the header of a
// file, and no event.
func (m *mapping) rows(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for raw, err := range source.Rows(r) {
			if err == nil && m.isHeader(string(raw)) {
				continue
			}
			if !yield(raw, err) {
				return
			}
		}
	}
}

func (m *mapping) isHeader(row string) bool {
	c, ok := source.Columns(row, m.separator, maxColumns)
	if !ok || len(c) != len(m.columns) {
		return false
	}
	for i := range c {
		if c[i] != m.columns[i] {
			return false
		}
	}
	return true
}

// input reads a raw event.
func (m *mapping) input(raw []byte) (*input, error) {
	switch m.framing {
	case "lines":
		f := m.pattern.FindSubmatch(raw)
		if f == nil {
			return nil, errors.New("the line does not match the pattern")
		}
		in := &input{texts: map[string]string{}}
		for i, name := range m.pattern.SubexpNames() {
			if name != "" {
				in.texts[name] = source.Clip(string(f[i]))
			}
		}
		return in, nil
	case "csv":
		c, ok := source.Columns(string(raw), m.separator, maxColumns)
		if !ok || len(c) != len(m.columns) {
			return nil, fmt.Errorf("the row has %d columns that can be read; want %d", len(c), len(m.columns))
		}
		in := &input{texts: map[string]string{}}
		for i, name := range m.columns {
			in.texts[name] = source.Clip(c[i])
		}
		return in, nil
	}
	if err := source.Valid(raw); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if raw[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	return &input{object: raw}, nil
}

func (m *mapping) mapEvent(raw []byte, now time.Time) (event.Event, error) {
	in, err := m.input(raw)
	if err != nil {
		return event.Event{}, err
	}
	if m.when != nil {
		if yes, err := m.when.truth(in); err != nil || !yes {
			return event.Event{}, errors.Join(fmt.Errorf("not an event of kind %s: when is not true", m.kind), err)
		}
	}
	b := builder{m: m, in: in, now: now, e: event.Event{Raw: raw}}
	return b.event()
}
