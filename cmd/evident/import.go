package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/client"
	"example.com/evident/event"
	"example.com/evident/source"
)

func newImportCommand(g *global) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "import (--data DIR | --server URL) [--source KIND/NAME] PATH…",
		Short: "Bring files into the trail",
		Long: `Stores the events of files, of folders and all below them, and of standard input
(-); gzip and zstd are taken off. Importing again stores nothing twice.

--source says whose events they are. If its kind is one of evident source list,
they are in that system's own format, and what cannot be mapped is kept as it is,
as action unmapped. Otherwise, and without --source, they are in the schema
evident.event/1; --source then stands in for a source that an event does not name.

A file that cannot be read does not stop the others. In folders, files whose names
begin with a dot are passed over.` + fmt.Sprintf(exitHelp, "a file could not be read, or an event was refused"),
		Example: `  evident import --data DIR --source aws.cloudtrail/prod AWSLogs/
  producer | evident import --server http://127.0.0.1:8080 -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSourceFlag(name); err != nil {
				return err
			}
			kind, err := g.kindOf(name)
			if err != nil {
				return err
			}
			return g.withNewTrail(cmd.Context(), func(c *client.Client) error {
				c.Retries = 5 // a server that is full for a moment does not end a long import
				im := newImporter(g, c, name, kind)
				return im.run(cmd.Context(), args)
			})
		},
	}
	g.trailFlags(cmd)
	g.configFlag(cmd)
	cmd.Flags().StringVar(&name, "source", "", "whose events: aws.cloudtrail/prod, app/billing")
	cmd.RegisterFlagCompletionFunc("source", completeSource)
	return cmd
}

func checkSourceFlag(name string) error {
	if name == "" {
		return nil
	}
	if err := event.ValidSource(name); err != nil || name == "evident" {
		return fmt.Errorf("source: found %q; expected KIND/NAME, such as aws.cloudtrail/prod or app/billing; kinds with a format of their own: %s",
			name, strings.Join(kindNames(), ", "))
	}
	return nil
}

// importCounts is what became of events.
type importCounts struct {
	Read       uint64 `json:"read"`
	Accepted   uint64 `json:"accepted"`
	Duplicates uint64 `json:"duplicates"`
	Unmapped   uint64 `json:"unmapped"` // of those accepted
	Refused    uint64 `json:"refused"`
}

// An importer reads files and delivers what is in them. Reading goes on while
// one batch is delivered; there is one at a time, so that order is kept.
type importer struct {
	g      *global
	client *client.Client
	source string
	kind   source.Kind
	bar    *progress
	start  time.Time

	mu sync.Mutex // guards printing, which both sides do

	// Owned by the reader.
	next *batch

	// Owned by the deliverer.
	counts importCounts
	shown  int // refusals that were printed

	// Written by the reader, and read when it has ended.
	files, unreadable, hidden int
	stdin                     bool
	done, total               uint64 // bytes of files
}

// maxShown is how many refusals people are shown. Programs get all.
const maxShown = 20

func newImporter(g *global, c *client.Client, name string, kind source.Kind) *importer {
	return &importer{g: g, client: c, source: name, kind: kind, start: time.Now(), next: &batch{}}
}

func (im *importer) run(ctx context.Context, args []string) error {
	im.bar = im.g.progress("import")
	files, err := im.list(args)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches, delivered := make(chan *batch, 1), make(chan error, 1)
	go func() { delivered <- im.deliverAll(ctx, stop, batches) }()
	for _, path := range files {
		if ctx.Err() != nil {
			break
		}
		im.read(ctx, path, batches)
	}
	im.flush(ctx, batches)
	close(batches)
	err = <-delivered
	im.bar.end()
	if e := im.report(); e != nil {
		return e
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w; what was accepted is stored, and importing again goes on from there", err)
	case ctx.Err() != nil:
		return ctx.Err()
	case im.counts.Refused > 0 || im.unreadable > 0:
		return errNo
	}
	return nil
}

// list finds the files below args. A path that is not there is said now and
// counted, but stops nothing.
func (im *importer) list(args []string) (files []string, err error) {
	for _, arg := range args {
		if arg == "-" {
			if im.stdin {
				return nil, errors.New("path: - stands twice; there is one standard input")
			}
			im.stdin = true
			files = append(files, arg)
			continue
		}
		err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				im.failed(path, cause(err))
			case path != arg && strings.HasPrefix(d.Name(), "."):
				im.hidden++
				if d.IsDir() {
					return filepath.SkipDir
				}
			case path == arg && !d.IsDir() || d.Type().IsRegular():
				files = append(files, path)
				if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
					im.total += uint64(info.Size())
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if im.stdin {
		im.total = 0 // nobody knows how much will come
	}
	return files, nil
}

// failedLine is a file that could not be read whole, for programs.
type failedLine struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// failed notes a file that could not be read, or not to its end.
func (im *importer) failed(path string, err error) {
	im.unreadable++
	im.tell(failedLine{path, err.Error()}, "%s: %v", path, err)
}

// read puts the events of one file into batches.
func (im *importer) read(ctx context.Context, path string, batches chan<- *batch) {
	im.files++
	r, err := openDelivery(path, im.g.in, func(n int) { im.done += uint64(n) })
	if err != nil {
		im.failed(path, err)
		return
	}
	defer r.Close()
	n := 0
	for raw, err := range im.kind.Split(r) {
		if err != nil {
			im.failed(path, fmt.Errorf("after event %d: %w", n, err))
			return
		}
		n++
		if im.next.full(raw) && !im.flush(ctx, batches) {
			return
		}
		im.next.add(im.kind.Verbatim, place{path, n}, raw)
	}
}

// flush hands the batch over. False: nobody takes it any more.
func (im *importer) flush(ctx context.Context, batches chan<- *batch) bool {
	b := im.next
	if len(b.places) == 0 {
		return true
	}
	b.done, b.file = im.done, im.files
	im.next = &batch{}
	select {
	case batches <- b:
		return true
	case <-ctx.Done():
		return false
	}
}

// deliverAll delivers batches until there are no more, or one cannot be.
func (im *importer) deliverAll(ctx context.Context, stop func(), batches <-chan *batch) error {
	for b := range batches {
		if err := im.deliver(ctx, b); err != nil {
			stop()
			return err
		}
	}
	return nil
}

func (im *importer) deliver(ctx context.Context, b *batch) error {
	d := client.Delivery{Body: b.body, Source: im.source, NoReceipts: true}
	if im.kind.Verbatim {
		d.ContentType = "application/x-ndjson"
	}
	a, err := im.client.Deliver(ctx, d)
	if err != nil {
		return err
	}
	c := &im.counts
	c.Read += uint64(len(b.places))
	c.Accepted += uint64(a.Accepted)
	c.Duplicates += uint64(a.Duplicates)
	c.Unmapped += uint64(a.Unmapped)
	c.Refused += uint64(len(a.Refused))
	for _, r := range a.Refused {
		im.refused(b, r)
	}
	if n := a.Accepted + a.Duplicates + len(a.Refused); n != len(b.places) {
		return fmt.Errorf("deliver %s: the server answered for %d of %d events", b.places[0].file, n, len(b.places))
	}
	im.bar.set(b.done, im.total, fmt.Sprintf("file %d, %s, %s/s", b.file, count(c.Read, "event"), thousands(im.rate())))
	return nil
}

// refusedLine is an event that was not stored, for programs.
type refusedLine struct {
	File  string `json:"file"`
	Event int    `json:"event"` // its number in the file, from 1
	ID    string `json:"id"`
	Error string `json:"error"`
}

func (im *importer) refused(b *batch, r client.Refused) {
	at := b.places[len(b.places)-1]
	if r.Line >= 1 && r.Line <= len(b.places) {
		at = b.places[r.Line-1]
	}
	im.shown++
	switch {
	case im.g.json || im.shown <= maxShown:
		im.tell(refusedLine{at.file, at.event, r.ID, r.Error}, "%s: event %d: refused: %s", at.file, at.event, r.Error)
	case im.shown == maxShown+1:
		im.tell(nil, "… and more; --json lists all")
	}
}

// tell prints a line above the bar, or an object for programs.
func (im *importer) tell(v any, format string, args ...any) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.g.json {
		im.g.printJSON(v)
		return
	}
	im.bar.hide()
	im.g.say(format, args...)
}

func (im *importer) rate() uint64 {
	return uint64(float64(im.counts.Read) / max(time.Since(im.start).Seconds(), 0.001))
}
