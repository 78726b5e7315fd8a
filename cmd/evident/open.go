package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/evident/client"
	"example.com/evident/event"
	"example.com/evident/server"
	"example.com/evident/source"
	"example.com/evident/source/all"
)

// version is what this program calls itself in packs and answers.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// trailFlags gives a command the flags that say which trail.
func (g *global) trailFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.data, "data", "", "data directory of a trail on this machine that no server has open")
	cmd.Flags().StringVar(&g.server, "server", "", "address of a server, such as http://127.0.0.1:8080")
	cmd.Flags().StringVar(&g.keyFile, "key-file", "", "file with the token of an API key for --server (or EVIDENT_KEY)")
	cmd.MarkFlagDirname("data")
	cmd.MarkFlagsMutuallyExclusive("data", "server")
	cmd.MarkFlagsMutuallyExclusive("data", "key-file")
}

// withTrail calls f with a client of the trail that the flags name.
func (g *global) withTrail(ctx context.Context, f func(*client.Client) error) error {
	if g.data != "" {
		if _, err := os.Stat(filepath.Join(g.data, "keys.txt")); err != nil {
			return fmt.Errorf("open trail %s: no trail is here: %w; evident serve or evident import makes one", g.data, cause(err))
		}
	}
	return g.withNewTrail(ctx, f)
}

// withNewTrail is withTrail for commands that make the trail if it is missing.
func (g *global) withNewTrail(ctx context.Context, f func(*client.Client) error) (err error) {
	switch {
	case g.server != "":
		c, err := g.connect()
		if err != nil {
			return err
		}
		return f(c)
	case g.data == "":
		return errors.New("say which trail: --data DIR or --server URL")
	}
	_, missing := os.Stat(filepath.Join(g.data, "keys.txt"))
	c, err := g.configured()
	if err != nil {
		return err
	}
	s, err := server.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if missing != nil { // a name that is misspelt makes one, too
		g.say("A new trail was made in %s; hand out %s to whoever is to verify it.", g.data, filepath.Join(g.data, "keys.txt"))
	}
	return f(inProcess(s))
}

// configured returns the configuration of a server that is this command itself:
// of the file that --config names, what says how events are read and masked.
func (g *global) configured() (server.Config, error) {
	c := server.Config{Dir: g.data, Owner: owner(), Version: version()}
	if g.config == "" {
		return c, nil
	}
	var file server.Config
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	serverFlags(flags, &global{}, &file)
	if err := readConfig(g.config, flags, serveOptions, &file); err != nil {
		return c, err
	}
	c.Redaction, c.RedactionKey, c.Mappings = file.Redaction, file.RedactionKey, file.Mappings
	return c, nil
}

// configFlag gives a command that stores events the flag that says how a server
// would read and mask them.
func (g *global) configFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.config, "config", "", "the server's file (evident serve --config): its redaction and mappings hold for --data, too")
	cmd.MarkFlagFilename("config", "yaml", "yml")
}

// kindOf returns the kind of the source called name, also one of a mapping file.
func (g *global) kindOf(name string) (source.Kind, error) {
	c, err := g.configured()
	if err != nil {
		return source.Kind{}, err
	}
	kinds, err := c.Kinds()
	if err != nil {
		return source.Kind{}, err
	}
	return all.Among(kinds, name), nil
}

// inProcess returns a client that asks s without a network: the same handlers,
// the same answers.
func inProcess(s *server.Server) *client.Client {
	return &client.Client{Server: "http://localhost", HTTP: &http.Client{Transport: s.Transport()}}
}

// connect returns a client of the server that the flags name.
func (g *global) connect() (*client.Client, error) {
	u, err := url.Parse(g.server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("server: found %q; expected an address such as https://evident.example.com", g.server)
	}
	token, err := g.token()
	if err != nil {
		return nil, err
	}
	g.warnInClear(u, token)
	return &client.Client{Server: g.server, Key: token, Retries: -1}, nil
}

// warnInClear says when a key goes over a network where others can read it.
func (g *global) warnInClear(u *url.URL, token string) {
	ip, _ := netip.ParseAddr(u.Hostname())
	if token != "" && u.Scheme == "http" && u.Hostname() != "localhost" && !ip.IsLoopback() {
		g.say("warning: the key goes to %s in clear, where others may read it on the way; use https", u.Host)
	}
}

// token returns the token of the API key to show, if there is one. It never
// stands on the command line, where every process of the machine can read it.
func (g *global) token() (string, error) {
	if g.keyFile == "" {
		return strings.TrimSpace(os.Getenv("EVIDENT_KEY")), nil
	}
	b, err := os.ReadFile(g.keyFile)
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \n") {
		return "", fmt.Errorf("read key %s: expected one token, evk_…, and nothing else", g.keyFile)
	}
	return token, nil
}

// owner is who acts with --data: the account that this process runs under.
func owner() event.Actor {
	a := event.Actor{Type: event.User, ID: "local"}
	if u, err := user.Current(); err == nil && u.Username != "" {
		a.ID = u.Username
	}
	return a
}
