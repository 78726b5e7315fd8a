package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/all"
	"example.com/evident/source/mapping"
)

func newSourceCommand(g *global) *cobra.Command {
	return group("source", "Say which formats are read, and try one",
		newSourceListCommand(g),
		newSourceTestCommand(g),
	)
}

func newSourceListCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the kinds of source",
		Long: `Lists the kinds of source whose own format is read. A source is named KIND/NAME,
such as aws.cloudtrail/prod. A source of any other kind, such as app/billing,
sends events in the schema evident.event/1, as kind json does.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			t := table{width: widthOf(g.out), head: []string{"KIND", "ACTIONS", "READS", "BY"}, right: []bool{false, true}}
			var rows [][]string
			for _, k := range all.Kinds {
				if g.json {
					if err := g.printJSON(kindLine{k.Name, k.Title, k.Ways, k.Verbatim, k.Pull != nil, len(k.Actions)}); err != nil {
						return err
					}
					continue
				}
				mapped := ""
				if len(k.Actions) > 0 {
					mapped = fmt.Sprint(len(k.Actions))
				}
				rows = append(rows, []string{k.Name, mapped, k.Title, k.Ways})
			}
			if g.json {
				return nil
			}
			return t.write(g.out, rows)
		},
	}
}

// kindLine is a kind of source, for programs.
type kindLine struct {
	Kind     string `json:"kind"`
	Title    string `json:"title"`
	Ways     string `json:"ways"` // how its events come in
	Verbatim bool   `json:"verbatim"`
	Pulled   bool   `json:"pulled"` // its API can be asked
	Actions  int    `json:"actions"`
}

func newSourceTestCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "test KIND|MAPPING.yaml FILE…",
		Short: "Show what raw events are mapped to, and store nothing",
		Long: `Reads files (.gz and .zst too, - for standard input) as import would, and prints
the event that each raw event is mapped to: one line for people, or with --json
the event itself, one a line. In place of a kind a mapping file may stand, which
makes one (docs/mapping.md). What cannot be mapped is named, with the reason;
import would keep it as it is, as action unmapped.` +
			fmt.Sprintf(exitHelp, "something could not be mapped or read"),
		Example: `  evident source test aws.cloudtrail delivery.json.gz --json
  evident source test mapping.yaml sample.json`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: completeKindThenFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := lookupKind(args[0])
			if err != nil {
				return err
			}
			t := sourceTest{g: g, kind: kind, out: bufio.NewWriter(g.out)}
			for _, path := range args[1:] {
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				if err := t.file(path); err != nil {
					return err
				}
			}
			return t.end()
		},
	}
}

// lookupKind returns a kind by its name, or that which a mapping file makes.
func lookupKind(name string) (source.Kind, error) {
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		text, err := os.ReadFile(name)
		if err != nil {
			return source.Kind{}, fmt.Errorf("read mapping: %w", err)
		}
		return mapping.Load(text, name)
	}
	k, ok := all.Lookup(name)
	if !ok {
		return k, fmt.Errorf("kind: found %q; expected one of %s", name, strings.Join(kindNames(), ", "))
	}
	return k, nil
}

func kindNames() (names []string) {
	for _, k := range all.Kinds {
		names = append(names, k.Name)
	}
	return names
}

// sourceTest maps raw events and prints what they become.
type sourceTest struct {
	g                    *global
	kind                 source.Kind
	out                  *bufio.Writer
	read, good, unmapped uint64
	unreadable           int
}

// file tries one file. Its error is one of printing.
func (t *sourceTest) file(path string) error {
	r, err := openDelivery(path, t.g.in, nil)
	if err != nil {
		t.unreadable++
		t.g.say("%s: %v", path, err)
		return nil
	}
	defer r.Close()
	n := 0
	for raw, err := range t.kind.Split(r) {
		n++
		if err != nil {
			t.unreadable++
			t.g.say("%s: after event %d: %v", path, n-1, err)
			return nil
		}
		if err := t.event(path, n, raw); err != nil {
			return err
		}
	}
	return nil
}

// unmappedLine is a raw event that could not be mapped, for programs.
type unmappedLine struct {
	Unmapped struct {
		File   string `json:"file"`
		Event  int    `json:"event"` // its number in the file, from 1
		Reason string `json:"reason"`
		Raw    string `json:"raw"`
	} `json:"unmapped"`
}

func (t *sourceTest) event(path string, n int, raw []byte) error {
	t.read++
	e, err := t.mapped(n, raw)
	if err != nil {
		t.unmapped++
		if !t.g.json {
			t.out.Flush()
			t.g.say("%s: event %d: not mapped: %v", path, n, err)
			return nil
		}
		var l unmappedLine
		l.Unmapped.File, l.Unmapped.Event, l.Unmapped.Reason, l.Unmapped.Raw = path, n, err.Error(), string(raw)
		b, err := encodeJSON(l)
		if err != nil {
			return err
		}
		return t.line(visibleJSON(b))
	}
	t.good++
	if t.g.json {
		return t.line(visibleJSON(e.AppendJSON(nil)))
	}
	return t.line([]byte(cut(visible(sentence(&e)), lineWidth(t.g.out))))
}

// mapped returns what raw is stored as. Map does not know which source it is, nor
// the id of an event that brings none; any will do.
func (t *sourceTest) mapped(n int, raw []byte) (event.Event, error) {
	if t.kind.Verbatim {
		return t.kind.Map(raw, time.Now())
	}
	id := func() string { return fmt.Sprintf("test/%d", n) }
	e, ok := t.kind.Event(t.kind.Name+"/test", id, raw, time.Now())
	if !ok {
		return e, errors.New(e.OutcomeReason)
	}
	return e, nil
}

func (t *sourceTest) line(b []byte) error {
	if _, err := t.out.Write(b); err != nil {
		return err
	}
	return t.out.WriteByte('\n')
}

func (t *sourceTest) end() error {
	if err := t.out.Flush(); err != nil {
		return err
	}
	if !t.g.json {
		t.g.say("%s read, %d mapped, %d not", count(t.read, "event"), t.good, t.unmapped)
	}
	if t.unmapped > 0 || t.unreadable > 0 {
		return errNo
	}
	return nil
}

// lineWidth is how many columns a line of its own may take.
func lineWidth(w io.Writer) int {
	if n := widthOf(w); n > 0 {
		return n
	}
	return 1 << 10
}

// sentence says in one line who did what to what, and how it ended.
func sentence(e *event.Event) string {
	s := fmt.Sprintf("%s  %s  %s", e.OccurredAt.UTC().Format(time.RFC3339), actorText(&e.Actor), e.Action)
	if e.NativeAction != "" {
		s += " (" + clip(e.NativeAction) + ")"
	}
	if len(e.Targets) > 0 {
		s += "  " + targetText(&e.Targets[0])
	}
	s += "  " + string(e.Outcome)
	if e.OutcomeCode != "" {
		s += " " + clip(e.OutcomeCode)
	}
	return s + "  [" + string(e.Category) + "]"
}

// actorText returns what people call an actor by.
func actorText(a *event.Actor) string {
	for _, s := range []string{a.Email, a.Name, a.ID} {
		if s != "" {
			return clip(s)
		}
	}
	return string(a.Type)
}

func targetText(t *event.Target) string {
	for _, s := range []string{t.Name, t.ID} {
		if s != "" {
			return clip(s)
		}
	}
	return clip(t.Type)
}
