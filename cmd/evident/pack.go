package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/client"
	"example.com/evident/proof"
)

func newPackCommand(g *global) *cobra.Command {
	var from, until, out string
	var p client.PackRequest
	cmd := &cobra.Command{
		Use:   "pack (--data DIR | --server URL) --from T --until T [--filter F] -o FILE.zip",
		Short: "Make an evidence pack",
		Long: `Makes a zip with the events of a window that a filter matches, and what proves them:
that none was changed, and that none is missing. Whoever has it verifies it with
evident-verify, or with the verify.py inside, on a machine of their own.

The window is from ≤ t < until: --from 2026-03-01 --until 2026-04-01 is March, in
UTC. Dates are midnights; times are RFC 3339. By occurred_at it is what happened
then, by at what was recorded then.

What is withheld stays provable: --withhold actor.email,where.ip,raw leaves these
fields out and the records in. What the filter asks for and headers do not hold
rests on your word, unless --prove discloses, of the records that do not match,
what shows that they do not.

The pack is verified before the command ends, and removed if that fails.` +
			fmt.Sprintf(exitHelp, "refused, or what came does not verify"),
		Example: `  evident pack --data DIR --from 2026-01-01 --until 2026-04-01 --filter category:privileged -o q1.zip`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if p.From, err = parseTime(from); err != nil {
				return fmt.Errorf("from: %w", err)
			}
			if p.Until, err = parseTime(until); err != nil {
				return fmt.Errorf("until: %w", err)
			}
			if !p.From.Before(p.Until) {
				return fmt.Errorf("until: found %s, which is not after --from %s", until, from)
			}
			return g.withTrail(cmd.Context(), func(c *client.Client) error { return g.pack(cmd.Context(), c, p, out) })
		},
	}
	g.trailFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "first moment of the window")
	f.StringVar(&until, "until", "", "first moment after the window")
	f.StringVar(&p.By, "by", "occurred_at", "whose clock: occurred_at, the source's, or at, the server's")
	f.StringVar(&p.Filter, "filter", "", "which events, see docs/filter.md; all if empty")
	f.StringSliceVar(&p.Withhold, "withhold", nil, "fields to leave out, such as actor.email or detail")
	f.BoolVar(&p.Prove, "prove", false, "disclose what shows that other records do not match")
	f.BoolVar(&p.AllHeaders, "all-headers", false, "leave out no header, so that nothing rests on what sealing said")
	f.StringVarP(&out, "output", "o", "", "the file to write")
	for _, name := range []string{"from", "until", "output"} {
		cmd.MarkFlagRequired(name)
	}
	cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"occurred_at", "at"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("filter", completeFilter)
	cmd.RegisterFlagCompletionFunc("withhold", completeFields)
	return cmd
}

// parseTime reads a date, which is its midnight in UTC, or an RFC 3339 time.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("found %q; expected a date such as 2026-03-01, or a time such as 2026-03-01T09:30:00Z", s)
	}
	return t.UTC(), nil
}

// pack writes the file out, and leaves none behind unless it verifies.
func (g *global) pack(ctx context.Context, c *client.Client, p client.PackRequest, out string) (err error) {
	f, err := os.OpenFile(out, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("output: %s exists; evidence is not written over", out)
	}
	if err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(out)
		}
	}()
	bar := g.progress("pack")
	stop := bar.spin("the records are being chosen")
	n, err := c.Pack(ctx, p, f)
	stop()
	bar.end()
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	var said bytes.Buffer
	if err := proof.VerifyPack(os.DirFS(filepath.Dir(out)), filepath.Base(out), nil, &said); err != nil {
		return &refused{fmt.Errorf("pack: what the server sent does not verify, and was removed: %w", err)}
	}
	info, err := readPackInfo(out)
	if err != nil {
		return fmt.Errorf("read pack: %w", err)
	}
	return g.printPack(out, n, info, said.String())
}

// readPackInfo reads pack.json of a pack that was verified.
func readPackInfo(name string) (p proof.Pack, err error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return p, err
	}
	defer z.Close()
	f, err := z.Open("pack.json")
	if err != nil {
		return p, err
	}
	defer f.Close()
	return p, json.NewDecoder(f).Decode(&p)
}

// packLine says what was made, for programs.
type packLine struct {
	File      string           `json:"file"`
	Bytes     int64            `json:"bytes"`
	Origin    string           `json:"origin"`
	Window    proof.Window     `json:"window"`
	Counts    proof.Counts     `json:"counts"`
	Omissions []proof.Omission `json:"omissions"`
	Verified  bool             `json:"verified"`
}

func (g *global) printPack(out string, n int64, info proof.Pack, said string) error {
	if g.json {
		return g.printJSON(packLine{out, n, info.Origin, info.Window, info.Counts, info.Omissions, true})
	}
	fmt.Fprintf(g.out, "%s  %s, %s\n\n", visible(out), count(info.Counts.Matched, "event"), count(uint64(n), "byte"))
	for line := range strings.Lines(said) {
		fmt.Fprintln(g.out, cut(strings.TrimSuffix(line, "\n"), maxLine))
	}
	if len(info.Omissions) > 0 {
		fmt.Fprintln(g.out, "\nIt leaves out:")
	}
	for _, o := range info.Omissions {
		fmt.Fprintf(g.out, "  %s: %s, %s\n", visible(o.What), count(o.Records, "record"), visible(o.Why))
	}
	_, err := fmt.Fprintf(g.out, "\nTo verify it elsewhere: evident-verify %s, or python3 verify.py in it.\n", shellQuote(out))
	return err
}

// shellQuote writes s so that it can be pasted into a shell.
func shellQuote(s string) string {
	if visible(s) == s && !strings.ContainsAny(s, " '\"\\$`&;|<>()*?[]{}!#~") {
		return s
	}
	return "'" + strings.ReplaceAll(visible(s), "'", `'\''`) + "'"
}
