package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/bucket"
	"example.com/evident/intake/bulk"
	"example.com/evident/intake/digest"
	"example.com/evident/intake/files"
	"example.com/evident/intake/hec"
	"example.com/evident/intake/otlp"
	"example.com/evident/intake/poll"
	"example.com/evident/intake/several"
	"example.com/evident/intake/syslog"
	"example.com/evident/intake/webhook"
	"example.com/evident/source"
	"example.com/evident/source/all"
	"example.com/evident/source/snapshot"
	"example.com/evident/state"
	"example.com/evident/web/api"
)

// ways are the ways in beside the API's own: what is mounted on the server's
// handler, and what runs beside it until the server stops.
type ways struct {
	server  *Server
	intake  *intake.Intake
	bodies  *body.Reader
	secrets *poll.Secrets
	run     []func(ctx context.Context) error
	status  []func() api.ConnectorStatus
	hooks   []webhook.Hook
	webhook http.Handler
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
	w := &ways{server: s, intake: s.intake, bodies: body.New(0), secrets: &poll.Secrets{}}
	s.ways = w
	for i := range s.cfg.Sources {
		c := &s.cfg.Sources[i]
		for _, add := range []func(*Source) error{w.addPull, w.addBucket, w.addDigests, w.addSyslog, w.addFiles, w.addWebhook} {
			if err := add(c); err != nil {
				return fmt.Errorf("source %s: %w", c.Name, err)
			}
		}
	}
	// Until a signature is checked, strangers can fill the memory for bodies: it
	// is none that others need.
	w.webhook, err = webhook.New(webhook.Config{Intake: w.intake, Bodies: body.New(32 << 20), Admit: s.api.Admit, Hooks: w.hooks, Took: w.took, Refused: w.turnedAway})
	if err != nil {
		return err
	}
	return w.addOTLP()
}

// turnedAway says who was not let in by a webhook: its sender does not.
func (w *ways) turnedAway(source string, reason webhook.Reason) {
	w.server.log.Warn("webhook refused", "source", source, "reason", string(reason))
}

// mount gives the ways in over HTTP their paths.
func (w *ways) mount(mux *http.ServeMux) {
	a := w.server.api
	collector := a.Way(hec.New(hec.Config{Intake: w.intake, Bodies: w.bodies, Admit: a.Admit, Healthy: w.server.trail.Failed, FirstAck: uint64(time.Now().UnixMilli()), Took: w.took}), "hec")
	for _, path := range hec.Paths() {
		mux.Handle(path, collector)
	}
	elastic := a.Way(bulk.New(bulk.Config{Intake: w.intake, Bodies: w.bodies, Admit: a.Admit, Prefix: bulk.Prefix, Took: w.took}), "bulk")
	for _, path := range []string{bulk.Prefix, bulk.Prefix + "/", "POST /_bulk", "PUT /_bulk"} {
		mux.Handle(path, elastic)
	}
	mux.Handle(webhook.Path, a.Way(w.webhook, "webhook"))
	mux.Handle("/v1/logs", a.Way(otlp.New(w.otlp()), "otlp"))
}

func (w *ways) otlp() otlp.Config {
	return otlp.Config{Intake: w.intake, Bodies: w.bodies, Admit: w.server.api.Admit, Took: w.took}
}

// addOTLP serves OTLP over gRPC at an address of its own, with the server's
// certificate.
func (w *ways) addOTLP() error {
	c := &w.server.cfg
	if c.OTLPGRPC == "" {
		return nil
	}
	if err := w.server.refuse(c.OTLPGRPC); err != nil {
		return fmt.Errorf("otlp-grpc: %w", err)
	}
	var options []grpc.ServerOption
	if c.TLSCert != "" {
		cert, err := credentials.NewServerTLSFromFile(c.TLSCert, c.TLSKey)
		if err != nil {
			return fmt.Errorf("otlp-grpc: %w", err)
		}
		options = append(options, grpc.Creds(cert))
	}
	w.run = append(w.run, func(ctx context.Context) error {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.OTLPGRPC)
		if err != nil {
			return fmt.Errorf("listen for OTLP: %w", err)
		}
		s := otlp.NewServer(w.otlp(), options...)
		stop := context.AfterFunc(ctx, s.GracefulStop)
		defer stop()
		return s.Serve(ln)
	})
	return nil
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

// kindOf returns the kind of a source.
func (w *ways) kindOf(c *Source) source.Kind { return all.Among(w.server.kinds, c.Name) }

func (w *ways) addFiles(c *Source) error {
	if c.Files == nil {
		return nil
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	t, err := files.New(files.Config{
		Source: c.Name, Paths: c.Files.Paths, MaxBytes: c.Files.MaxBytes, Zone: zone,
		Trail: files.Trail{Take: w.take, Cursor: w.cursor, Record: w.record}, Log: w.server.log,
	})
	if err != nil {
		return err
	}
	w.status = append(w.status, func() api.ConnectorStatus {
		s := t.Status()
		out := api.ConnectorStatus{Source: c.Name, Way: "files", Stream: strings.Join(c.Files.Paths, " "), LastSuccess: when(s.Looked), Accepted: int(s.Lines), Unmapped: int(s.Unmapped), Skipped: int(s.Cut)}
		if s.Failure != "" {
			out.Failures, out.LastError = 1, s.Failure
		}
		return out
	})
	w.run = append(w.run, t.Run)
	return nil
}

func (w *ways) addWebhook(c *Source) error {
	if c.Webhook == nil {
		return nil
	}
	hook := webhook.Hook{Source: c.Name, Scheme: webhook.Scheme(c.Webhook.Scheme)}
	for _, ref := range c.Webhook.Secrets {
		secret, err := w.secrets.Get(ref)
		if err != nil {
			return fmt.Errorf("webhook: %w", err)
		}
		hook.Secrets = append(hook.Secrets, secret)
	}
	w.hooks = append(w.hooks, hook)
	return nil
}

func (w *ways) addPull(c *Source) error {
	if c.Pull == nil {
		return nil
	}
	auth, err := c.Pull.Auth.auth(w.secrets)
	if err != nil {
		return err
	}
	base := c.Pull.URL
	if r, ok := snapshot.Lookup(c.Pull.Settings["recipe"]); ok && base == "" && strings.HasPrefix(c.Name, snapshot.Kind.Name+"/") {
		if base, err = r.Address(c.Pull.Settings); err != nil {
			return err
		}
	}
	client, err := poll.NewClient(poll.ClientConfig{Base: base, Hosts: c.Pull.Hosts, Auth: auth, Secrets: w.secrets})
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
	store, err := b.store()
	if err != nil {
		return err
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

func (w *ways) addSyslog(c *Source) error {
	zone, err := c.zone()
	if err != nil {
		return err
	}
	for i := range c.Syslog {
		s := &c.Syslog[i]
		secure, err := s.tls()
		if err != nil {
			return fmt.Errorf("syslog %s: %w", s.Listen, err)
		}
		l, err := syslog.New(syslog.Config{
			Intake: w.intake, Trail: w.server.trail, Source: c.Name, RELP: s.Over == "relp", TLS: secure, Zone: zone,
			MaxBytes: s.MaxBytes, MaxConns: s.MaxConns, Idle: s.Idle, Log: w.server.log,
		})
		if err != nil {
			return err
		}
		w.status = append(w.status, func() api.ConnectorStatus {
			n := l.Counts()
			return api.ConnectorStatus{Source: c.Name, Way: "syslog", Stream: s.Over + " " + s.Listen, Accepted: int(n.Messages - n.Resent), Duplicates: int(n.Resent), Unmapped: int(n.Unmapped), Skipped: int(n.Dropped + n.DroppedBySystem + n.Lost + n.Missing)}
		})
		w.run = append(w.run, func(ctx context.Context) error { return s.serve(ctx, l) })
	}
	return nil
}

// serve listens until ctx ends.
func (s *Syslog) serve(ctx context.Context, l *syslog.Listener) error {
	if s.Over == "udp" {
		conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", s.Listen)
		if err != nil {
			return fmt.Errorf("listen for syslog: %w", err)
		}
		return l.ServePackets(ctx, conn.(*net.UDPConn))
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listen for syslog: %w", err)
	}
	return l.Serve(ctx, ln)
}

// tls returns how streams are encrypted; nil: they are not.
func (s *Syslog) tls() (*tls.Config, error) {
	switch {
	case s.Over != "relp" && s.Over != "tcp" && s.Over != "udp":
		return nil, fmt.Errorf("over: found %q; expected relp, tcp or udp", s.Over)
	case s.Cert == "" && s.Key == "" && s.ClientCA == "":
		return nil, nil
	case s.Over == "udp":
		return nil, errors.New("cert: there is no TLS over udp")
	}
	cert, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if s.ClientCA != "" {
		pem, err := os.ReadFile(s.ClientCA)
		if err != nil {
			return nil, err
		}
		c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("client-ca: %s holds no certificate in PEM", s.ClientCA)
		}
	}
	return c, nil
}

// addDigests verifies the digest files that CloudTrail delivers into a bucket.
func (w *ways) addDigests(c *Source) error {
	b := c.Bucket
	if b == nil || !b.Digests {
		return nil
	}
	if b.Bucket == "" || b.Region == "" {
		return errors.New("digests: need bucket and region; of a folder, evident verify-cloudtrail verifies them")
	}
	store, err := b.store()
	if err != nil {
		return err
	}
	base := "https://cloudtrail." + b.Region + ".amazonaws.com"
	client, err := poll.NewClient(poll.ClientConfig{Base: base, Auth: w.secrets.AWS(poll.AWSChain(), b.Region, "cloudtrail"), Secrets: w.secrets})
	if err != nil {
		return err
	}
	watch := digest.WatchConfig{
		Source: c.Name, Bucket: b.Bucket, Begin: b.Begin, Cursor: w.cursor, Record: w.record, Now: time.Now,
		Files: func(from, until time.Time) digest.Files {
			return digest.Files{Open: store.Open, Keys: func(ctx context.Context) iter.Seq2[string, error] {
				return bucket.Keys(ctx, store, b.Prefix, from, until)
			}}
		},
		Keys: func(ctx context.Context, from, until time.Time) ([]digest.Key, error) {
			return digest.FetchKeys(ctx, client.Do, base, from, until)
		},
	}
	w.run = append(w.run, func(ctx context.Context) error {
		for ctx.Err() == nil {
			more, err := digest.Watch(ctx, watch)
			if err != nil && ctx.Err() == nil {
				w.server.log.ErrorContext(ctx, "digests not verified", "source", c.Name, "error", w.secrets.Mask(err.Error()))
			}
			if more && err == nil {
				continue
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Minute):
			}
		}
		return nil
	})
	return nil
}

// store is where the objects lie.
func (b *Bucket) store() (bucket.Store, error) {
	if b.Folder != "" {
		return bucket.Folder{FS: os.DirFS(b.Folder)}, nil
	}
	return bucket.NewS3(bucket.S3Config{Endpoint: b.Endpoint, Region: b.Region, Bucket: b.Bucket, Credentials: poll.AWSChain()})
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
