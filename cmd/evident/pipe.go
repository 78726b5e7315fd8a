package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"example.com/evident/client"
)

func newPipeCommand(g *global) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "pipe --source NAME",
		Short: "Send each line of standard input as an event",
		Long: `Sends each line that another program writes, until it ends: events in the schema
for a source such as app/billing, lines of text for one whose kind takes them, such
as log/web or linux/host. What the server cannot take now is sent again until it
can; meanwhile the other program waits. The end comes when all lines are durable.` +
			fmt.Sprintf(exitHelp, "a line was refused"),
		Example: `  myapp | evident pipe --source app/billing --server https://evident.example.com
  journalctl -f -o json | evident pipe --source linux/host-1 --server http://127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkSourceFlag(name); err != nil {
				return err
			}
			return g.withNewTrail(cmd.Context(), func(c *client.Client) error { return g.pipe(cmd.Context(), c, name) })
		},
	}
	g.trailFlags(cmd)
	g.configFlag(cmd)
	cmd.Flags().StringVar(&name, "source", "", "source of the lines: KIND/NAME")
	cmd.MarkFlagRequired("source")
	cmd.RegisterFlagCompletionFunc("source", completeSource)
	return cmd
}

// pipeLine is what became of the lines, for programs.
type pipeLine struct {
	Lines      int              `json:"lines"`
	Accepted   int              `json:"accepted"`
	Duplicates int              `json:"duplicates"`
	Unmapped   int              `json:"unmapped"` // of those accepted
	Refused    int              `json:"refused"`
	Unsent     int              `json:"unsent"` // may or may not be stored
	Refusals   []client.Refused `json:"refusals,omitempty"`
}

func (g *global) pipe(ctx context.Context, c *client.Client, name string) error {
	r, err := c.Pipe(ctx, g.in, name)
	line := pipeLine{r.Lines, r.Accepted, r.Duplicates, r.Unmapped, r.RefusedLines, r.Unsent, r.Refused}
	if g.json {
		err = errors.Join(err, g.printJSON(line))
	} else {
		for _, refused := range r.Refused {
			g.say("line %d: refused: %s", refused.Line, visible(refused.Error))
		}
		g.say("%s read, %d accepted, %d duplicates, %d unmapped, %d refused", count(uint64(r.Lines), "line"), r.Accepted, r.Duplicates, r.Unmapped, r.RefusedLines)
		if r.Unsent > 0 {
			g.say("%s may or may not be stored", count(uint64(r.Unsent), "line"))
		}
	}
	if err == nil && r.RefusedLines > 0 {
		return errNo
	}
	return err
}
