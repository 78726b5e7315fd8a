// Command evident-verify verifies an evidence pack, and is nothing but that: it
// reads files and writes to standard output. What it checks and says is
// specified in docs/format.md section 7; all of it happens in package proof.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/evident/proof"
)

const usage = `Usage: evident-verify [--key VKEY|FILE]... PACK.zip|FOLDER

Verifies an evidence pack, offline, and prints what it has verified.

What is proven: that the records are those that were recorded, that none of
them was changed, moved or dropped since a key that you trust signed the trail,
that no header of the window is missing, and, clause by clause, that the records
are those, and all of those, which the filter asks for.

What is not proven: that an event is true. A system can be silent or lie before
its events reach the trail; see the omissions in the pack. And without --key the
key comes out of the pack itself: then compare it with one that reached you in
another way, for whoever made the pack could have made that key, too.

  --key VKEY|FILE   a key that you trust, or a file with one a line; repeatable

Exit status: 0 verified, 1 not verified, 2 could not run.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var keys []proof.Key
	flags := flag.NewFlagSet("evident-verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	flags.Func("key", "a key that you trust", func(value string) error {
		more, err := readKeys(value)
		keys = append(keys, more...)
		return err
	})
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	file := filepath.Clean(flags.Arg(0))
	err := proof.VerifyPack(os.DirFS(filepath.Dir(file)), filepath.Base(file), keys, stdout)
	if failure := (*proof.Failure)(nil); errors.As(err, &failure) {
		return 1
	} else if err != nil {
		fmt.Fprintf(stderr, "evident-verify: %v\n", err)
		return 2
	}
	return 0
}

// readKeys takes a key, or a file of keys, one a line.
func readKeys(value string) (keys []proof.Key, err error) {
	if k, err := proof.ParseKey(value); err == nil {
		return []proof.Key{k}, nil
	}
	b, err := os.ReadFile(value)
	if err != nil {
		return nil, errors.New("neither a key nor a file that can be read")
	}
	for _, line := range strings.Fields(string(b)) {
		k, err := proof.ParseKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
