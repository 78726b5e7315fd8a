// Package server puts the parts together: it opens them in the order in which
// an event goes through them, serves them, and stops them in reverse. It holds
// no logic of its own but who may come in from where.
package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/evident/event"
	"example.com/evident/index"
	"example.com/evident/intake"
	"example.com/evident/intake/acts"
	"example.com/evident/proof"
	"example.com/evident/redact"
	"example.com/evident/source"
	"example.com/evident/source/all"
	"example.com/evident/source/mapping"
	"example.com/evident/trail"
	"example.com/evident/web/api"
	"example.com/evident/web/tlog"
	"example.com/evident/web/ui"
)

// Config says what is served and where. Only Dir is required.
type Config struct {
	Dir    string // data directory; made if it is missing
	Listen string // address of Run; 127.0.0.1:8080 if empty
	Origin string // name of a trail that is made now; chosen if empty

	// TLSCert and TLSKey are files in PEM; empty: plain HTTP. BehindProxy says
	// that a proxy in front speaks TLS.
	TLSCert, TLSKey string
	BehindProxy     bool

	// Owner is the actor of what is done without a key: on loopback before there
	// are any, and through Transport.
	Owner event.Actor
	// CheckEvery is how often Run goes through all of the trail and records what
	// it found; 24 h if zero, never if negative.
	CheckEvery time.Duration
	// Sources are those whose events come by other ways than HTTP with a key.
	Sources []Source
	// Mappings are files that make a kind each (docs/mapping.md).
	Mappings []string
	// OTLPGRPC is where OTLP is served over gRPC; empty: nowhere. Over HTTP it is
	// at Listen.
	OTLPGRPC string
	// Redaction is the file of the policy that masks, empty: the built-in rules;
	// RedactionKey that of the key which tokens are made with.
	Redaction, RedactionKey string
	Version                 string
	Log                     *slog.Logger // nil: nothing is logged
}

// A Server is a trail with everything that is made of it, open.
type Server struct {
	cfg     Config
	log     *slog.Logger
	trail   *trail.Trail
	index   *index.Index
	book    *acts.Book
	api     *api.API
	policy  *redact.Policy
	kinds   []source.Kind
	intake  *intake.Intake
	ways    *ways
	handler http.Handler
	close   []func() error // in the order of opening
	running sync.WaitGroup
}

// Open opens the parts. It takes no requests yet.
func Open(ctx context.Context, c Config) (*Server, error) {
	c.setDefaults()
	s := &Server{cfg: c, log: c.Log}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (c *Config) setDefaults() {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.CheckEvery == 0 {
		c.CheckEvery = 24 * time.Hour
	}
	if c.Owner.Type == "" {
		c.Owner = event.Actor{Type: event.User, ID: "local"}
	}
	if c.Version == "" {
		c.Version = "(devel)"
	}
}

func (s *Server) open(ctx context.Context) (err error) {
	// What can be wrong with the configuration is said before anything is made.
	if s.policy, err = s.cfg.policy(); err != nil {
		return err
	}
	if s.kinds, err = s.cfg.Kinds(); err != nil {
		return err
	}
	if err := checkSources(s.cfg.Sources); err != nil {
		return err
	}
	// The index follows the trail, and the trail tells it what it appends: so
	// the one is told of the other when both are there.
	var follower atomic.Pointer[index.Index]
	s.trail, err = trail.Open(trail.Config{
		Dir: s.cfg.Dir, Origin: s.cfg.Origin, Log: s.log,
		Observe: func(h *proof.Header, fields []proof.Field) {
			if x := follower.Load(); x != nil {
				x.Add(index.RowOf(h, fields))
			}
		},
	})
	if err != nil {
		return err
	}
	s.close = append(s.close, s.trail.Close)
	if s.book, err = acts.Open(ctx, s.trail, nil); err != nil {
		return err
	}
	s.index, err = index.Open(ctx, index.Config{Dir: filepath.Join(s.cfg.Dir, "index"), Trail: s.trail, Log: s.log})
	if err != nil {
		return err
	}
	s.close = append(s.close, s.index.Close)
	follower.Store(s.index)

	s.intake = intake.New(intake.Config{Trail: s.trail, Kinds: s.kinds, Redact: s.policy.Apply})
	s.api, err = api.New(api.Config{
		Trail: s.trail, Index: s.index, Book: s.book, Intake: s.intake,
		Open: isLoopback(s.cfg.Listen) && !s.cfg.BehindProxy, Owner: s.cfg.Owner, Connectors: s.connectors, Redacted: s.policy.Counts,
		Version: s.cfg.Version, Log: s.log,
	})
	if err != nil {
		return err
	}
	pages, err := ui.New(ui.Config{Data: &pages{api: s.api, trail: s.trail, index: s.index, dir: s.cfg.Dir}, Log: s.log, Version: s.cfg.Version})
	if err != nil {
		return err
	}
	if err := s.openWays(); err != nil {
		return err
	}
	s.handler = s.mount(pages)
	return nil
}

// policy reads what is masked before anything is stored.
func (c *Config) policy() (*redact.Policy, error) {
	if c.Redaction == "" {
		return redact.Default(), nil
	}
	text, err := os.ReadFile(c.Redaction)
	if err != nil {
		return nil, fmt.Errorf("redaction: %w", err)
	}
	var key []byte
	if c.RedactionKey != "" {
		if key, err = os.ReadFile(c.RedactionKey); err != nil {
			return nil, fmt.Errorf("redaction key: %w", err)
		}
		key = bytes.TrimSpace(key)
	}
	p, err := redact.Load(text, key)
	if err != nil {
		return nil, fmt.Errorf("redaction %s: %w", c.Redaction, err)
	}
	return p, nil
}

// Kinds returns the kinds of source that are known, with those that the mapping
// files make.
func (c *Config) Kinds() ([]source.Kind, error) {
	kinds := slices.Clone(all.Kinds)
	for _, name := range c.Mappings {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("mapping: %w", err)
		}
		k, err := mapping.Load(text, name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(kinds, func(o source.Kind) bool { return o.Name == k.Name }) {
			return nil, fmt.Errorf("mapping %s: kind %s is known already; choose another name", name, k.Name)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// mount gives each part its paths.
func (s *Server) mount(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	h := s.api.Handler()
	for _, path := range api.Paths() {
		mux.Handle(path, h)
	}
	s.ways.mount(mux)
	tiles := s.api.Readers(tlog.New(tlog.Config{Trail: s.trail, Log: s.log}), false)
	mux.Handle("/checkpoint", tiles)
	mux.Handle("/tile/", tiles)
	mux.Handle("/static/", s.api.Anybody(pages)) // what pages look like is no secret
	mux.Handle("/", s.api.Readers(pages, true))
	return mux
}

// Handler returns the handler of everything that is served.
func (s *Server) Handler() http.Handler { return s.handler }

// Trail returns the trail, for a program that holds it open through the server.
func (s *Server) Trail() *trail.Trail { return s.trail }

// refuse says why the server must not be reached at an address as it is.
func (s *Server) refuse(listen string) error {
	safe := s.cfg.TLSCert != "" || s.cfg.BehindProxy
	local := isLoopback(listen)
	switch {
	case (s.cfg.TLSCert == "") != (s.cfg.TLSKey == ""):
		return errors.New("listen: a TLS certificate and its key go together; give --tls-cert and --tls-key")
	case local && !s.cfg.BehindProxy:
		return nil
	case !safe:
		return fmt.Errorf("listen: %s can be reached from elsewhere, where keys would be read on the way; give --tls-cert and --tls-key, or --behind-proxy if a proxy in front speaks TLS", listen)
	case !s.book.State().Active(time.Now()):
		return fmt.Errorf("listen: %s can be reached from elsewhere, but there is no key; make one first with evident key create --data %s", listen, s.cfg.Dir)
	}
	return nil
}

// Run serves until ctx ends, then lets requests come to their end. ready, if
// not nil, is called with the address when it is reached there.
func (s *Server) Run(ctx context.Context, ready func(addr net.Addr)) (err error) {
	if err := s.refuse(s.cfg.Listen); err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what strangers send is no error of ours
	}
	stopped := make(chan error, 1)
	go func() {
		if s.cfg.TLSCert != "" {
			stopped <- srv.ServeTLS(ln, s.cfg.TLSCert, s.cfg.TLSKey)
			return
		}
		stopped <- srv.Serve(ln)
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.running.Go(func() { s.checkNightly(ctx) })
	defer s.running.Wait()
	waysCtx, stopWays := context.WithCancel(ctx)
	wait := s.ways.start(waysCtx, cancel)
	defer func() {
		stopWays()
		err = errors.Join(err, wait())
	}()
	defer cancel()
	s.log.InfoContext(ctx, "server started", "address", ln.Addr().String(), "origin", s.trail.Origin(), "records", s.trail.Size())
	if ready != nil {
		ready(ln.Addr())
	}
	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return s.stop(srv)
}

// stopTime is how long requests that are being answered have to come to an end.
const stopTime = 20 * time.Second

func (s *Server) stop(srv *http.Server) error {
	s.api.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.log.WarnContext(ctx, "requests cut off", "error", err.Error())
		srv.Close()
	}
	return nil
}

// Close closes the parts in reverse. Requests must have ended.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.close) - 1; i >= 0; i-- {
		errs = append(errs, s.close[i]())
	}
	s.close = nil
	return errors.Join(errs...)
}

// isLoopback reports whether an address to listen at can only be reached from
// this machine.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
