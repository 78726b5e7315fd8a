package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/client"
)

func newStatusCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status (--data DIR | --server URL)",
		Short: "Say what the trail holds and whether it is well",
		Long: `Prints the size of the trail, its last checkpoint, its segments, its verifier keys
and what it holds of each source.` + fmt.Sprintf(exitHelp, "the trail takes no records, or its last check found something wrong"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.withTrail(cmd.Context(), func(c *client.Client) error {
				s, err := c.Status(cmd.Context())
				if err != nil {
					return err
				}
				if err := g.printStatus(&s); err != nil {
					return err
				}
				if s.Failed != "" || s.LastCheck != nil && !s.LastCheck.OK {
					return errNo
				}
				return nil
			})
		},
	}
	g.trailFlags(cmd)
	return cmd
}

func (g *global) printStatus(s *client.Status) error {
	if g.json {
		return g.printJSON(s)
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(g.out, "%-11s %s\n", name, visible(fmt.Sprintf(format, args...)))
	}
	line("trail", "%s", s.Origin)
	line("size", "%s", count(s.Size, "record"))
	line("checkpoint", "size %d, root %s", s.Checkpoint.Size, s.Checkpoint.Root)
	line("segments", "%d sealed, with %s", s.Segments.Sealed, count(s.Segments.Records, "record"))
	if s.Indexed < s.Size {
		line("search", "%s behind", count(s.Size-s.Indexed, "record"))
	} else {
		line("search", "up to date")
	}
	for _, k := range s.Keys {
		line("key", "%s", cut(visible(k), maxLine)) // those of ML-DSA are long; programs get them whole
	}
	switch c := s.LastCheck; {
	case c == nil:
		line("last check", "none yet; the server makes one every night")
	case c.OK:
		line("last check", "%s, %s, nothing wrong", c.At.UTC().Format(time.RFC3339), count(c.Records, "record"))
	default:
		line("last check", "%s: %s", c.At.UTC().Format(time.RFC3339), c.Found)
	}
	if s.Failed != "" {
		line("failed", "%s", s.Failed)
	}
	fmt.Fprintln(g.out)
	t := table{width: widthOf(g.out), head: []string{"SOURCE", "RECORDS", "UNMAPPED", "LAST OCCURRED AT", "LAST RECORDED AT", "FETCHED"}, right: []bool{1: true, 2: true, 5: false}}
	var rows [][]string
	for _, src := range s.Sources {
		rows = append(rows, []string{src.Source, thousands(src.Records), thousands(src.Unmapped), timeText(src.LastOccurredAt), timeText(src.LastAt), fetched(src.Connectors)})
	}
	return t.write(g.out, rows)
}

// fetched says in a few words how the connectors of a source do.
func fetched(list []client.Connector) string {
	var words []string
	for _, c := range list {
		switch {
		case c.Failures > 0:
			words = append(words, c.Way+" fails: "+c.LastError)
		case c.LastSuccess.IsZero():
			words = append(words, c.Way)
		default:
			words = append(words, c.Way+" "+timeText(c.LastSuccess))
		}
	}
	return strings.Join(words, "; ")
}

// timeText writes t for people; nothing if it is not known.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
