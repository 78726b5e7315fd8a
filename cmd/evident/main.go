// Command evident is the server and its command line: one file a command. It is
// thin: what a command does happens in the packages that it calls, and what
// needs a trail is asked of a server, which with --data is one in this process.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"example.com/evident/client"
)

// Exit statuses.
const (
	exitYes      = 0
	exitNo       = 1 // refused, not found, not verified
	exitCouldNot = 2 // could not run
)

const exitHelp = "\n\nExit status: 0 yes, 1 no (%s), 2 could not run."

// global holds what every command shares.
type global struct {
	data, server, keyFile, config string
	json                          bool
	in                            io.Reader
	out, err                      io.Writer
}

// errNo is the answer no of a command that has said why already.
var errNo = errors.New("no")

// refused is the answer no, with its reason.
type refused struct{ error }

func (e *refused) Unwrap() error { return e.error }

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run returns the exit status, and is the only place that decides it.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends it at once
	g := &global{in: stdin, out: stdout, err: stderr}
	root := newRoot(g)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var no *refused
	var answer *client.Error
	switch {
	case err == nil:
		return exitYes
	case errors.Is(err, errNo):
		return exitNo
	case ctx.Err() != nil:
		err = fmt.Errorf("interrupted: %w", err)
	}
	fmt.Fprintf(stderr, "evident: %s\n", visibleLines(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintf(stderr, "%s\n", h)
	}
	if errors.As(err, &no) || errors.As(err, &answer) && saysNo(answer) {
		return exitNo
	}
	return exitCouldNot
}

func newRoot(g *global) *cobra.Command {
	root := &cobra.Command{
		Use:   "evident",
		Short: "An audit trail that proves what it holds",
		Long: `Evident takes in audit events, keeps them so that nobody can change or drop one
unseen, and hands out evidence that verifies without trusting Evident.

To begin: evident demo

Exit status of every command: 0 yes, 1 no, 2 could not run.`,
		Version:       version(),
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetIn(g.in)
	root.SetOut(g.out)
	root.SetErr(g.err)
	root.PersistentFlags().BoolVar(&g.json, "json", false, "print JSON, one object a line")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newDemoCommand(g),
		newServeCommand(g),
		newImportCommand(g),
		newPipeCommand(g),
		newSearchCommand(g),
		newShowCommand(g),
		newPackCommand(g),
		newVerifyCommand(g),
		newVerifyCloudTrailCommand(g),
		newSourceCommand(g),
		newStatusCommand(g),
		newKeyCommand(g),
	)
	return root
}

// print writes v as JSON with --json, and the sentence otherwise.
func (g *global) print(v any, format string, args ...any) error {
	if g.json {
		return g.printJSON(v)
	}
	_, err := fmt.Fprintf(g.out, format, args...)
	return err
}

// printJSON writes v as one line.
func (g *global) printJSON(v any) error {
	b, err := encodeJSON(v)
	if err != nil {
		return err
	}
	_, err = g.out.Write(append(visibleJSON(b), '\n'))
	return err
}

// say writes a line for people to standard error, where it is in nobody's way.
func (g *global) say(format string, args ...any) {
	fmt.Fprintln(g.err, visible(fmt.Sprintf(format, args...)))
}

// group returns a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q; see %s --help", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

// encodeJSON returns v as one line. What stands in evidence keeps its < and >.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
