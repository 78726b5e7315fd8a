package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/evident/proof"
)

func newVerifyCommand(g *global) *cobra.Command {
	var given []string
	var headersOnly bool
	cmd := &cobra.Command{
		Use:   "verify FILE.zip|FOLDER|DIR|URL",
		Short: "Verify a pack, a data directory or a running server",
		Long: `Verifies evidence by arithmetic, and names the first thing that is wrong.

  FILE.zip, FOLDER  a pack, or the folder that it unpacks to: offline, with the
                    words of docs/format.md section 7, as evident-verify does
  DIR               the data directory of a server that does not run: every byte
                    of every file, every field, the tree and its signatures
  URL               a running server, over c2sp.org/tlog-tiles: every header,
                    the tree and its signature; bodies are not looked at

Without --key the key comes with the evidence itself, which then proves no more
than that the evidence is in harmony with itself: whoever made it could have made
that key, too. Compare it with one that reached you in another way.` +
			fmt.Sprintf(exitHelp, "not verified"),
		Example: `  evident verify pack.zip --key auditor-keys.txt
  evident verify /var/lib/evident
  evident verify https://evident.example.com --key 'evident.example.com/…'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := readKeys(given)
			if err != nil {
				return err
			}
			switch target := args[0]; {
			case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"):
				return g.verifyURL(cmd.Context(), target, keys)
			case isDataDir(target):
				return g.verifyDir(cmd.Context(), target, keys, headersOnly)
			default:
				return g.verifyPack(target, keys)
			}
		},
	}
	cmd.Flags().StringArrayVar(&given, "key", nil, "a verifier key that you trust, or a file with one a line; repeatable")
	cmd.Flags().BoolVar(&headersOnly, "headers-only", false, "of a data directory, leave the bodies out")
	cmd.Flags().StringVar(&g.keyFile, "key-file", "", "of a URL, file with the token of an API key (or EVIDENT_KEY)")
	return cmd
}

// readKeys takes keys, and files of keys, one a line.
func readKeys(given []string) (keys []proof.Key, err error) {
	for _, value := range given {
		if k, err := proof.ParseKey(value); err == nil {
			keys = append(keys, k)
			continue
		}
		b, err := os.ReadFile(value)
		if err != nil {
			return nil, fmt.Errorf("read key %s: is neither a verifier key nor a file that can be read", value)
		}
		lines := strings.Fields(string(b))
		if len(lines) == 0 {
			return nil, fmt.Errorf("read keys %s: is empty", value)
		}
		for _, line := range lines {
			k, err := proof.ParseKey(line)
			if err != nil {
				return nil, fmt.Errorf("read keys %s: %w", value, err)
			}
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// isDataDir reports whether name is the data directory of a trail. A pack has no
// folders in it.
func isDataDir(name string) bool {
	for _, sub := range []string{"wal", "segments"} {
		if info, err := os.Stat(filepath.Join(name, sub)); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

// verifyPack prints what package proof says, word for word.
func (g *global) verifyPack(name string, keys []proof.Key) error {
	file := filepath.Clean(name)
	var lines bytes.Buffer
	var out io.Writer = g.out
	if g.json {
		out = &lines
	}
	err := proof.VerifyPack(os.DirFS(filepath.Dir(file)), filepath.Base(file), keys, out)
	if g.json {
		if e := g.printSteps(lines.String()); e != nil {
			return e
		}
	}
	return g.verdict(err)
}

// printSteps prints the lines of a verifier as objects, but for the verdict.
func (g *global) printSteps(lines string) error {
	for line := range strings.Lines(lines) {
		step, says, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if step == "VERIFIED" || step == "NOT" {
			continue
		}
		if err := g.printJSON(verifyStep{step, strings.TrimLeft(says, " ")}); err != nil {
			return err
		}
	}
	return nil
}

// A verifyStep is a line of a verifier, for programs.
type verifyStep struct {
	Step string `json:"step"`
	Says string `json:"says"`
}

// step prints a passed step in the form of docs/format.md section 7.
func (g *global) step(name, format string, args ...any) error {
	says := visible(fmt.Sprintf(format, args...))
	return g.print(verifyStep{name, says}, "%-9s %s\n", name, says)
}

// A verdict is the last line of a verifier, for programs.
type verdict struct {
	Verified bool    `json:"verified"`
	File     string  `json:"file,omitempty"`
	Seq      *uint64 `json:"seq,omitempty"`
	Field    string  `json:"field,omitempty"`
	What     string  `json:"what,omitempty"`
}

// verdictOfFailure is the verdict with what package proof found; nil: verified.
func verdictOfFailure(f *proof.Failure) verdict {
	if f == nil {
		return verdict{Verified: true}
	}
	v := verdict{File: f.File, Field: f.Field, What: f.What}
	if f.Seq >= 0 {
		seq := uint64(f.Seq)
		v.Seq = &seq
	}
	return v
}

// verdict ends a verification whose words were printed already, unless they are
// for programs. err is what package proof returned.
func (g *global) verdict(err error) error {
	var f *proof.Failure
	if err != nil && !errors.As(err, &f) {
		return err
	}
	if g.json {
		if err := g.printJSON(verdictOfFailure(f)); err != nil {
			return err
		}
	}
	if err != nil {
		return errNo
	}
	return nil
}

// keyLines prints whose word is taken, as docs/format.md section 7 b does.
func (g *global) keyLines(keys []proof.Key, given bool) error {
	said := "came with the evidence itself: compare it with the one you were given"
	if given {
		said = "given"
	}
	for _, k := range keys {
		if err := g.step("key", "%s (%s)", k.Short(), said); err != nil {
			return err
		}
	}
	return nil
}

// notVerified prints the verdict no in the words of docs/format.md section 7.
func (g *global) notVerified(v verdict) error {
	where := v.File
	if v.Seq != nil {
		where = strings.TrimLeft(fmt.Sprintf("%s record %d", where, *v.Seq), " ")
	}
	if v.Field != "" {
		where += " field " + v.Field
	}
	if err := g.print(v, "NOT VERIFIED: %s: %s\n", visible(where), visible(v.What)); err != nil {
		return err
	}
	return errNo
}

func (g *global) verified() error {
	return g.print(verdict{Verified: true}, "VERIFIED\n")
}
