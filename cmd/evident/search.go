package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/client"
	"example.com/evident/event"
)

func newSearchCommand(g *global) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "search (--data DIR | --server URL) [FILTER…]",
		Short: "Find events, newest first",
		Long: `Prints the events that the filter matches, the latest to occur first: a line each
for people, or with --json the event's own fields, with seq, at and leaf beside
them. Without a filter it is all events. docs/filter.md describes filters; words
behind each other must all match. A filter that begins with a minus goes behind --.

Every record is verified before the server answers with it; evident show has the
proof of one, to be checked here.` + "\n\nExit status: 0 searched, whatever was found; 2 could not run.",
		Example: `  evident search --data DIR 'action:role.grant -outcome:success after:2026-03-01'
  evident search --server http://127.0.0.1:8080 --json --limit 1000 actor:alice@*`,
		ValidArgsFunction: completeFilter,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return fmt.Errorf("limit: found %d; expected 1 or more", limit)
			}
			return g.withTrail(cmd.Context(), func(c *client.Client) error {
				return g.search(cmd.Context(), c, strings.Join(args, " "), limit)
			})
		},
	}
	g.trailFlags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 50, "how many events at most")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; a filter that begins with - goes behind --; see %s --help", err, cmd.CommandPath())
	})
	return cmd
}

// pageEvents is how many events are asked for at once.
const pageEvents = 500

func (g *global) search(ctx context.Context, c *client.Client, filter string, limit int) error {
	t := table{
		width: widthOf(g.out),
		head:  []string{"OCCURRED AT", "SOURCE", "ACTOR", "ACTION", "TARGET", "OUTCOME", "SEQ"},
		right: []bool{6: true},
	}
	q := client.Query{Filter: filter}
	for left := limit; left > 0; {
		q.Limit = min(left, pageEvents)
		p, err := c.Search(ctx, q)
		if err != nil {
			return err
		}
		if err := g.printHits(&t, p.Events); err != nil {
			return err
		}
		left -= len(p.Events)
		if q.Cursor = p.Next; q.Cursor == "" || len(p.Events) == 0 {
			if left == limit && !g.json {
				g.say("no event matches")
			}
			return nil
		}
	}
	if !g.json {
		g.say("there are more; --limit says how many are shown")
	}
	return nil
}

func (g *global) printHits(t *table, hits []client.Hit) error {
	if len(hits) == 0 {
		return nil
	}
	var rows [][]string
	var lines bytes.Buffer
	for i := range hits {
		if g.json {
			var line bytes.Buffer
			if err := json.Compact(&line, hits[i].JSON); err != nil {
				return fmt.Errorf("read event %d: %w", hits[i].Seq, err)
			}
			lines.Write(visibleJSON(line.Bytes()))
			lines.WriteByte('\n')
			continue
		}
		row, err := rowOf(&hits[i])
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if g.json {
		_, err := g.out.Write(lines.Bytes())
		return err
	}
	return t.write(g.out, rows)
}

// hitFields are what a line shows of an event. Events are not parsed whole: what
// a line needs is there also where the body has expired.
type hitFields struct {
	Source     string         `json:"source"`
	OccurredAt time.Time      `json:"occurred_at"`
	Actor      event.Actor    `json:"actor"`
	Action     string         `json:"action"`
	Target     event.Target   `json:"target"`
	Targets    []event.Target `json:"targets"`
	Outcome    string         `json:"outcome"`
	Expired    bool           `json:"expired"`
}

func rowOf(h *client.Hit) ([]string, error) {
	var f hitFields
	if err := json.Unmarshal(h.JSON, &f); err != nil {
		return nil, fmt.Errorf("read event %d: %w", h.Seq, err)
	}
	actor, target := actorText(&f.Actor), targetText(&f.Target)
	if target == "" && len(f.Targets) > 0 {
		target = targetText(&f.Targets[0])
	}
	if more := len(f.Targets) - 1; more > 0 {
		target += fmt.Sprintf(" +%d", more)
	}
	if f.Expired {
		actor = "(expired)"
	}
	return []string{f.OccurredAt.UTC().Format(time.RFC3339), f.Source, actor, f.Action, target, f.Outcome, fmt.Sprint(h.Seq)}, nil
}
