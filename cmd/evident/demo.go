package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/demo"
	"example.com/evident/server"
)

func newDemoCommand(g *global) *cobra.Command {
	d := demoRun{g: g}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a made-up company's last twelve months",
		Long: `Makes up the audit events of Halcyon Freight's last twelve months, stores them and
serves them on this machine, with pages to look at in a browser. Nothing in them is
about anybody real. The trail lies in a temporary folder, which is removed at the
end, unless --data names a folder for it; a trail that is there already is shown
as it is.` + "\n\nExit status: 0 interrupted and stopped, 2 could not run.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&g.data, "data", "", "data directory to keep; a temporary one if empty")
	f.StringVar(&d.listen, "listen", defaultListen, "address to serve at")
	f.IntVar(&d.events, "events", demo.DefaultEvents, "how many events")
	f.Uint64Var(&d.seed, "seed", 1, "another seed is another year of everyday life")
	cmd.MarkFlagDirname("data")
	return cmd
}

type demoRun struct {
	g      *global
	listen string
	events int
	seed   uint64
}

// demoTime is how long loading may take before the address is printed although
// it goes on.
const demoTime = 15 * time.Second

func (d *demoRun) run(ctx context.Context) (err error) {
	if d.events < 1 {
		return fmt.Errorf("events: found %d; expected 1 or more", d.events)
	}
	dir := d.g.data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "evident-demo-"); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		defer os.RemoveAll(dir)
	}
	c := server.Config{Dir: dir, Listen: d.listen, Origin: "halcyon-freight.example", Owner: owner(), Version: version()}
	s, err := server.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(addr net.Addr) { ready <- addr }) }()
	select {
	case addr := <-ready:
		err = d.load(ctx, s, address(&c, addr))
	case err = <-ended:
		return err
	}
	if err != nil && ctx.Err() == nil {
		stop()
		return errors.Join(err, <-ended)
	}
	return <-ended
}

// load brings the events in while the server runs, and says where it is: at the
// end, or when that takes long.
func (d *demoRun) load(ctx context.Context, s *server.Server, address string) error {
	now := time.Now().UTC()
	if n := others(s.Trail().Counts()); n > 0 {
		d.g.say("The trail holds %s already, and is shown as it is.", count(n, "event"))
		return d.welcome(address, s, now, n)
	}
	d.g.say("Halcyon Freight's last twelve months go in: %s.", count(uint64(d.events), "event"))
	l := newLoader(ctx, inProcess(s))
	bar, said := d.g.progress("load"), false
	for source, raw := range demo.Events(d.seed, now, d.events) {
		if !l.add(source, raw) {
			break
		}
		if !said && time.Since(l.start) > demoTime {
			said = true
			bar.hide()
			d.g.say("This takes long; what is in already is shown at %s", address)
		}
		bar.set(l.stored.Load(), uint64(d.events), fmt.Sprintf("%s, %s/s", count(l.stored.Load(), "event"), thousands(l.rate())))
	}
	err := l.end()
	bar.end()
	if err != nil {
		return fmt.Errorf("load demo: %w", err)
	}
	took := time.Since(l.start)
	d.g.say("%s stored, chained, signed and indexed in %s: %s a second.", count(l.stored.Load(), "event"), took.Round(100*time.Millisecond), thousands(l.rate()))
	return d.welcome(address, s, now, l.stored.Load())
}

// others counts the records that are not Evident's own.
func others(counts map[string]uint64) (n uint64) {
	for source, records := range counts {
		if source != "evident" {
			n += records
		}
	}
	return n
}

// demoLine says what a demo serves, for programs.
type demoLine struct {
	servingLine
	Events  uint64   `json:"events"`
	Filters []string `json:"filters"`
}

// welcome says where to look, and what to try.
func (d *demoRun) welcome(address string, s *server.Server, now time.Time, events uint64) error {
	stories := demo.Stories(now)[:3]
	if d.g.json {
		l := demoLine{servingLine{address, s.Trail().Origin()}, events, nil}
		for _, story := range stories {
			l.Filters = append(l.Filters, story.Filter)
		}
		return d.g.printJSON(l)
	}
	out := d.g.out
	fmt.Fprintf(out, "\nOpen %s in a browser. Filters to try there, or with evident search --server %s:\n\n", address, address)
	for _, story := range stories {
		fmt.Fprintf(out, "  %s\n      %s: %s.\n", story.Filter, story.Title, story.Tells)
	}
	from, until := lastQuarter(now)
	fmt.Fprintf(out, `
Make an evidence pack of the last quarter's privileged acts, and verify it:

  evident pack --server %s --from %s --until %s --filter category:privileged -o evidence.zip
  evident verify evidence.zip

Ctrl-C ends it.
`, address, from.Format(time.DateOnly), until.Format(time.DateOnly))
	return nil
}

// lastQuarter returns the last quarter of a year that has ended.
func lastQuarter(now time.Time) (from, until time.Time) {
	first := (now.Month()-1)/3*3 + 1
	until = time.Date(now.Year(), first, 1, 0, 0, 0, 0, time.UTC)
	return until.AddDate(0, -3, 0), until
}
