package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/intake/bucket"
	"example.com/evident/intake/digest"
)

func newVerifyCloudTrailCommand(g *global) *cobra.Command {
	var keyFiles []string
	var from, until string
	cmd := &cobra.Command{
		Use:   "verify-cloudtrail DIR --public-key FILE",
		Short: "Verify CloudTrail's log files by its digest files, offline",
		Long: `Verifies a copy of what CloudTrail delivered to a bucket (AWSLogs/… with the
folders CloudTrail and CloudTrail-Digest) without asking AWS anything: the
signature of each digest file, the chain of them, and the hash of each log file.
It names what is missing, changed, or vouched for by no digest.

The public keys are what "aws cloudtrail list-public-keys" prints for the period.
The signature of the newest digest of each chain stands in the metadata of its
object: copy it with "aws s3api head-object" into NAME.metadata.json beside it.` +
			fmt.Sprintf(exitHelp, "something is not as it was delivered"),
		Example: `  aws s3 cp --recursive s3://acme-trail/AWSLogs AWSLogs
  aws cloudtrail list-public-keys --start-time 2026-01-01 > keys.json
  evident verify-cloudtrail AWSLogs --public-key keys.json --from 2026-01-01 --until 2026-04-01`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c := digest.Config{Files: filesOf(args[0])}
			for _, name := range keyFiles {
				b, err := os.ReadFile(name)
				if err != nil {
					return fmt.Errorf("read public key: %w", err)
				}
				keys, err := digest.ParseKeys(b)
				if err != nil {
					return fmt.Errorf("read public key %s: %w", name, err)
				}
				c.Keys = append(c.Keys, keys...)
			}
			if c.From, err = parseDay(from); err != nil {
				return fmt.Errorf("from: %w", err)
			}
			if c.Until, err = parseDay(until); err != nil {
				return fmt.Errorf("until: %w", err)
			}
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return fmt.Errorf("verify: %s is no folder", args[0])
			}
			return g.verifyCloudTrail(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&keyFiles, "public-key", nil, "file with public keys of CloudTrail: as AWS lists them, PEM or DER; repeatable")
	f.StringVar(&from, "from", "", "first day, or instant, that is to be covered (2026-01-01); whatever there is if empty")
	f.StringVar(&until, "until", "", "the day, or instant, at which it ends")
	cmd.MarkFlagRequired("public-key")
	return cmd
}

// filesOf lists a folder as CloudTrail's bucket.
func filesOf(dir string) digest.Files {
	store := bucket.Folder{FS: os.DirFS(dir)}
	return digest.Files{
		Keys: func(ctx context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for o, err := range store.List(ctx, "", "") {
					if !yield(o.Key, err) {
						return
					}
				}
			}
		},
		Open: store.Open,
	}
}

// parseDay reads a day or an instant; empty is the zero time.
func parseDay(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("found %q; expected a day such as 2026-01-01, or an instant such as 2026-01-01T09:00:00Z", s)
	}
	return t.UTC(), nil
}

// cloudTrailLine is what came of one digest, for programs.
type cloudTrailLine struct {
	Digest   string    `json:"digest"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	LogFiles int       `json:"log_files"`
	OK       bool      `json:"ok"`
	Problems []string  `json:"problems,omitempty"`
}

func (g *global) verifyCloudTrail(ctx context.Context, c digest.Config) error {
	var failed error
	if g.json {
		c.Each = func(r digest.Result) {
			line := cloudTrailLine{Digest: r.Object, Start: r.Start, End: r.End, LogFiles: r.Logs, OK: r.OK()}
			for _, p := range r.Problems {
				line.Problems = append(line.Problems, p.String())
			}
			if err := g.printJSON(line); err != nil && failed == nil {
				failed = err
			}
		}
	}
	r, err := digest.Verify(ctx, c)
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if !g.json {
		fmt.Fprintf(g.out, "digests     %d of %d as they were signed, each naming the one before\n", r.Valid, r.Digests)
		fmt.Fprintf(g.out, "log files   %d of %d as they were delivered; %d are newer than the newest digest\n", r.ValidLogs, r.Logs, r.Pending)
		if r.Valid > 0 {
			fmt.Fprintf(g.out, "period      %s to %s\n", r.From.Format(time.RFC3339), r.Until.Format(time.RFC3339))
		}
		for _, p := range r.Problems {
			fmt.Fprintln(g.out, "problem     "+visible(p.String()))
		}
		if r.More > 0 {
			fmt.Fprintf(g.out, "problem     and %d more\n", r.More)
		}
	}
	if len(r.Problems) > 0 || r.Digests == 0 {
		if !g.json {
			fmt.Fprintln(g.out, "NOT VERIFIED")
		}
		return errNo
	}
	if !g.json {
		fmt.Fprintln(g.out, "VERIFIED")
	}
	return nil
}
