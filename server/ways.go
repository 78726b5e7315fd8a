package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/bucket"
	"example.com/evident/intake/hec"
	"example.com/evident/intake/poll"
	"example.com/evident/intake/several"
	"example.com/evident/source"
	"example.com/evident/source/all"
	"example.com/evident/state"
	"example.com/evident/web/api"
)

// ways are the ways in beside the API's own: what is mounted on the server's
// handler, and what runs beside it until the server stops.
type ways struct {
	server  *Server
	intake  *intake.Intake
	kinds   []source.Kind
	bodies  *body.Reader
	secrets *poll.Secrets
	run     []func(ctx context.Context) error
	status  []func() api.ConnectorStatus
}

// connectors says how those do that fetch or listen.
func (s *Server) connectors() (list []api.ConnectorStatus) {
	for _, status := range s.ways.status {
		list = append(list, status())
	}
	return list
}

// when is t, or nil if it is not known.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Server) openWays() (err error) {
	w := &ways{server: s, intake: s.intake, kinds: all.Kinds, bodies: body.New(0), secrets: &poll.Secrets{}}
	s.ways = w
	if err := checkSources(s.cfg.Sources); err != nil {
		return err
	}
	for i := range s.cfg.Sources {
		c := &s.cfg.Sources[i]
		for _, add := range []func(*Source) error{w.addPull, w.addBucket} {
			if err := add(c); err != nil {
				return fmt.Errorf("source %s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// mount gives the ways in over HTTP their paths.
func (w *ways) mount(mux *http.ServeMux) {
	a := w.server.api
	mux.Handle("/services/collector", a.Way(hec.New(hec.Config{Intake: w.intake, Bodies: w.bodies, Admit: a.Admit, Healthy: w.server.trail.Failed, Took: w.took}), "hec"))
	mux.Handle("/services/collector/", a.Way(hec.New(hec.Config{Intake: w.intake, Bodies: w.bodies, Admit: a.Admit, Healthy: w.server.trail.Failed, Took: w.took}), "hec"))
}

func (w *ways) took(bytes int, t several.Taken) {
	w.server.api.Took(bytes, t.Accepted, t.Duplicates, t.Unmapped, t.Refused)
}

// take is intake.Take, counted.
func (w *ways) take(ctx context.Context, d *intake.Delivery, a *intake.Answer) error {
	err := w.intake.Take(ctx, d, a)
	if err == nil {
		n := len(d.Body)
		for _, raw := range d.Raws {
			n += len(raw)
		}
		w.server.api.Took(n, a.Accepted, a.Duplicates, a.Unmapped, len(a.Refused))
	}
	return err
}

func (w *ways) record(ctx context.Context, a state.Act) error {
	_, err := w.server.book.Record(ctx, a)
	return err
}

func (w *ways) cursor(source, stream string) (state.Cursor, bool) {
	return w.server.book.State().Cursor(source, stream)
}

// kindOf returns the kind of a source whose events come as they are.
func (w *ways) kindOf(c *Source) source.Kind { return all.Of(c.Name) }

func (w *ways) addPull(c *Source) error {
	if c.Pull == nil {
		return nil
	}
	auth, err := c.Pull.Auth.auth(w.secrets)
	if err != nil {
		return err
	}
	client, err := poll.NewClient(poll.ClientConfig{Base: c.Pull.URL, Hosts: c.Pull.Hosts, Auth: auth, Secrets: w.secrets})
	if err != nil {
		return err
	}
	k, err := poll.New(poll.Config{
		Source: c.Name, Stream: c.Pull.Stream, Kind: w.kindOf(c), Client: client, Settings: c.Pull.Settings,
		Begin: c.Pull.Begin, Every: c.Pull.Every, Lag: c.Pull.Lag,
		Trail: poll.Trail{Take: w.take, Cursor: w.cursor, Record: w.record}, Log: w.server.log,
	})
	if err != nil {
		return err
	}
	w.status = append(w.status, func() api.ConnectorStatus {
		s := k.Status()
		return api.ConnectorStatus{
			Source: s.Source, Way: "pull", Stream: s.Stream, LastSuccess: when(s.LastSuccess), Next: when(s.Next), Failures: s.Failures, LastError: s.LastError,
			Accepted: s.Accepted, Duplicates: s.Duplicates, Unmapped: s.Unmapped, Late: s.Late, Skipped: s.Skipped,
		}
	})
	w.run = append(w.run, func(ctx context.Context) error { k.Run(ctx); return nil })
	return nil
}

func (w *ways) addBucket(c *Source) error {
	if c.Bucket == nil {
		return nil
	}
	b := c.Bucket
	var store bucket.Store = bucket.Folder{FS: os.DirFS(b.Folder)}
	if b.Folder == "" {
		s3, err := bucket.NewS3(bucket.S3Config{Endpoint: b.Endpoint, Region: b.Region, Bucket: b.Bucket, Credentials: poll.AWSChain()})
		if err != nil {
			return err
		}
		store = s3
	}
	k, err := bucket.New(bucket.Config{
		Source: c.Name, Kind: w.kindOf(c), Store: store, Prefix: b.Prefix, Dated: b.Dated,
		Begin: b.Begin, Every: b.Every, Lag: b.Lag,
		Trail: bucket.Trail{Take: w.take, Cursor: w.cursor, Record: w.record}, Log: w.server.log,
	})
	if err != nil {
		return err
	}
	w.status = append(w.status, func() api.ConnectorStatus {
		s := k.Status()
		return api.ConnectorStatus{
			Source: s.Source, Way: "bucket", Stream: b.Bucket + b.Folder, LastSuccess: when(s.LastSuccess), Next: when(s.Next), Failures: s.Failures, LastError: s.LastError,
			Accepted: s.Accepted, Duplicates: s.Duplicates, Unmapped: s.Unmapped, Late: s.Late, Skipped: s.Skipped,
		}
	})
	w.run = append(w.run, func(ctx context.Context) error { k.Run(ctx); return nil })
	return nil
}

// start runs what runs beside the server until ctx ends. The function that it
// returns waits for all, and returns why one of them ended before.
func (w *ways) start(ctx context.Context, stop context.CancelFunc) (wait func() error) {
	var running sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, run := range w.run {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
				stop()
			}
		})
	}
	return func() error {
		running.Wait()
		return failed
	}
}
