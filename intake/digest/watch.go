package digest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/state"
)

// ActionVerify is the action of the record of one verified hour.
const ActionVerify = "log.verify"

// stream is that of the cursor of a Watcher: the hour that is verified next.
const stream = "digests"

// Limits of a Watcher, and of what a record lists.
const (
	grace       = 2 * time.Hour // for the digest of an hour to be delivered
	maxRound    = 48 * time.Hour
	maxListed   = 50
	maxKeyPages = 100
)

// WatchConfig is what a Watcher works with.
type WatchConfig struct {
	Source string // whose log files are verified, such as aws.cloudtrail/prod
	Bucket string
	// Files returns those of the period, of the days before and after it too.
	Files func(from, until time.Time) Files
	// Keys returns the public keys of the period: FetchKeys.
	Keys func(ctx context.Context, from, until time.Time) ([]Key, error)
	// Begin is where verification begins; zero: the hour in which it is set up.
	Begin  time.Time
	Cursor func(source, stream string) (state.Cursor, bool)
	Record func(ctx context.Context, a state.Act) error
	Now    func() time.Time
}

// Watch verifies what came since it was called last, up to two days at once, and
// records the result of every hour as log.verify, whether it is good or not. more
// says that there is more. It is to be called every hour or so; a caller that
// gets an error calls again.
func Watch(ctx context.Context, c WatchConfig) (more bool, err error) {
	now := c.Now().UTC()
	from := c.Begin
	if from.IsZero() {
		from = now.Truncate(time.Hour)
	}
	at, begun := c.Cursor(c.Source, stream)
	if begun {
		if from, err = time.Parse(time.RFC3339, at.Cursor); err != nil {
			return false, fmt.Errorf("cursor of %s is none of digests: %w", c.Source, err)
		}
	}
	until := now.Add(-grace).Truncate(time.Hour)
	if until.Sub(from) > maxRound {
		until, more = from.Add(maxRound), true
	}
	if !begun {
		if err := c.Record(ctx, state.NewCursorMove(actor, c.Source, stream, from.Format(time.RFC3339))); err != nil {
			return false, err
		}
	}
	if !until.After(from) {
		return false, nil
	}
	keys, err := c.Keys(ctx, from, until)
	if err != nil {
		return false, fmt.Errorf("get public keys: %w", err)
	}
	var results []Result
	report, err := Verify(ctx, Config{
		Files: c.Files(from.Add(-24*time.Hour), until.Add(24*time.Hour)), Keys: keys, Bucket: c.Bucket, From: from, Until: until,
		Each: func(r Result) {
			if r.End.After(from) && !r.End.After(until) { // those beside it belong to other rounds
				results = append(results, r)
			}
		},
	})
	if err != nil {
		return false, err
	}
	for _, r := range results {
		if err := c.Record(ctx, r.Act(c.Source)); err != nil {
			return false, err
		}
	}
	if rest := report.Act(c.Source, from, until); rest.Outcome == event.Failure {
		if err := c.Record(ctx, rest); err != nil {
			return false, err
		}
	}
	return more, c.Record(ctx, state.NewCursorMove(actor, c.Source, stream, until.Format(time.RFC3339)))
}

const actor = "evident.digest"

// verified is the detail of log.verify.
type verified struct {
	Source   string   `json:"source"`
	Object   string   `json:"object,omitempty"`
	Start    string   `json:"start"`
	End      string   `json:"end"`
	Backfill bool     `json:"backfill,omitempty"`
	Digests  int      `json:"digests,omitempty"`
	LogFiles int      `json:"log_files"`
	Problems []string `json:"problems,omitempty"`
	More     int      `json:"more_problems,omitempty"`
}

// Act is the record of one digest.
func (r Result) Act(source string) state.Act {
	object := r.Bucket + "/" + r.Object
	if r.Object == "" {
		object = r.Key
	}
	return newAct(source, event.Target{Type: "AWS::S3::Object", ID: "arn:aws:s3:::" + object}, r.Problems, verified{
		Source: source, Object: object, Start: r.Start.Format(time.RFC3339), End: r.End.Format(time.RFC3339), Backfill: r.Backfill, LogFiles: r.Logs,
	})
}

// Act is the record of a period as a whole, with the problems that are of no
// digest: hours without one, log files that none names.
func (r *Report) Act(source string, from, until time.Time) state.Act {
	var rest []Problem
	for _, p := range r.Problems {
		if p.What == Uncovered || p.What == LogUnnamed {
			rest = append(rest, p)
		}
	}
	return newAct(source, event.Target{Type: "source", ID: source}, rest, verified{
		Source: source, Start: from.UTC().Format(time.RFC3339), End: until.UTC().Format(time.RFC3339), Digests: r.Digests, LogFiles: r.Logs,
	})
}

func newAct(source string, target event.Target, problems []Problem, d verified) state.Act {
	a := state.Act{Action: ActionVerify, Category: event.System, Actor: event.Actor{Type: event.ActorSystem, ID: actor}, Target: target}
	for i, p := range problems {
		if i == maxListed {
			d.More = len(problems) - i
			break
		}
		d.Problems = append(d.Problems, p.String())
	}
	if len(problems) > 0 {
		a.Outcome, a.Reason = event.Failure, string(problems[0].What)
	}
	a.Detail = d
	return a
}

// FetchKeys asks CloudTrail for its public keys of a period: ListPublicKeys, for
// which do has to sign (poll.Secrets.AWS of service cloudtrail). base is
// https://cloudtrail.REGION.amazonaws.com.
func FetchKeys(ctx context.Context, do func(*http.Request) (*source.Response, error), base string, from, until time.Time) (keys []Key, err error) {
	token := ""
	for range maxKeyPages {
		// A key may have been changed while a digest was being made.
		ask := map[string]any{"StartTime": from.Add(-2 * time.Hour).Unix(), "EndTime": until.Add(2 * time.Hour).Unix()}
		if token != "" {
			ask["NextToken"] = token
		}
		b, err := json.Marshal(ask)
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/", bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys")
		resp, err := do(r)
		if err != nil {
			return nil, err
		}
		var next struct {
			NextToken     string
			PublicKeyList []json.RawMessage
		}
		if err := json.Unmarshal(resp.Body, &next); err != nil {
			return nil, fmt.Errorf("read public keys: %w", err)
		}
		if len(next.PublicKeyList) > 0 {
			more, err := ParseKeys(resp.Body)
			if err != nil {
				return nil, err
			}
			keys = append(keys, more...)
		}
		if next.NextToken == "" || next.NextToken == token {
			return keys, nil
		}
		token = next.NextToken
	}
	return nil, errors.New("read public keys: too many pages")
}
