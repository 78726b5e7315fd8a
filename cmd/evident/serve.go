package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/evident/server"
)

// defaultListen is on loopback, where no key is needed at first.
const defaultListen = "127.0.0.1:8080"

// serveOptions are the names of flags that --config may hold.
var serveOptions = []string{"data", "listen", "tls-cert", "tls-key", "behind-proxy", "origin", "otlp-grpc", "redaction", "redaction-key"}

func newServeCommand(g *global) *cobra.Command {
	var config string
	c := server.Config{Owner: owner(), Version: version()}
	cmd := &cobra.Command{
		Use:   "serve --data DIR [--listen ADDR]",
		Short: "Serve a trail: intake, search, packs, pages",
		Long: `Serves the trail in a data directory, which is made if it is missing, until it is
interrupted. On loopback without keys everything is open to everybody on this
machine. Any other address needs a key (evident key create) and TLS: --tls-cert
and --tls-key, or --behind-proxy, which says that a proxy in front speaks it.

--config names a YAML file with the same names as the flags:

  data: /var/lib/evident
  listen: 0.0.0.0:8443
  tls-cert: /etc/evident/cert.pem
  tls-key: /etc/evident/key.pem

What stands on the command line goes before what stands in the file. Under
sources the file also names the systems whose events are fetched, tailed or
listened for; docs/connectors.md says how:

  sources:
    - name: okta/acme
      pull: {url: https://acme.okta.com, auth: {header: Authorization, prefix: "SSWS ", secret: env:OKTA_TOKEN}}` +
			"\n\nExit status: 0 interrupted and stopped, 2 could not run.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if config != "" {
				if err := readConfig(config, cmd.Flags(), serveOptions, &c); err != nil {
					return err
				}
			}
			c.Dir = g.data
			if c.Dir == "" {
				return errors.New("say where the trail is: --data DIR")
			}
			c.Log = g.log()
			s, err := server.Open(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			return s.Run(cmd.Context(), func(addr net.Addr) { g.serving(address(&c, addr), s.Trail().Origin()) })
		},
	}
	serverFlags(cmd.Flags(), g, &c)
	cmd.Flags().StringVar(&config, "config", "", "YAML file with the same names as these flags, and sources and mappings (docs/connectors.md)")
	cmd.MarkFlagDirname("data")
	cmd.MarkFlagFilename("config", "yaml", "yml")
	return cmd
}

// serverFlags are the options of a server that are flags.
func serverFlags(f *pflag.FlagSet, g *global, c *server.Config) {
	f.StringVar(&g.data, "data", "", "data directory")
	f.StringVar(&c.Listen, "listen", defaultListen, "address to serve at")
	f.StringVar(&c.TLSCert, "tls-cert", "", "file with the certificate, PEM")
	f.StringVar(&c.TLSKey, "tls-key", "", "file with its private key, PEM")
	f.BoolVar(&c.BehindProxy, "behind-proxy", false, "a proxy in front speaks TLS")
	f.StringVar(&c.OTLPGRPC, "otlp-grpc", "", "address to serve OTLP over gRPC at, such as 127.0.0.1:4317; over HTTP it is always there")
	f.StringVar(&c.Redaction, "redaction", "", "file with the policy of what is masked (docs/redaction.md); the built-in rules if empty")
	f.StringVar(&c.RedactionKey, "redaction-key", "", "file with the key that tokens are made with")
	f.StringVar(&c.Origin, "origin", "", "name of a trail that is made now, such as evident.example.com; its keys carry it for ever")
}

// log is where a server says what happens to it: standard error.
func (g *global) log() *slog.Logger {
	if g.json {
		return slog.New(slog.NewJSONHandler(g.err, nil))
	}
	return slog.New(slog.NewTextHandler(g.err, nil))
}

// servingLine says where a server is, for programs.
type servingLine struct {
	Address string `json:"address"`
	Origin  string `json:"origin"`
}

func (g *global) serving(address, origin string) error {
	return g.print(servingLine{address, origin}, "Evident serves %s at %s\n", visible(origin), address)
}

// address writes where a server is as a browser wants it.
func address(c *server.Config, addr net.Addr) string {
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, addr)
}
