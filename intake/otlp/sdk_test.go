package otlp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	attr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/otlp"
	"example.com/evident/trail"
)

// TestMain runs a server instead of the tests, if it is asked to: the one that
// TestKilled kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OTLP_TEST_SERVER"); dir != "" {
		if err := serve(dir, os.Getenv("OTLP_TEST_HTTP"), os.Getenv("OTLP_TEST_GRPC")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func serve(dir, httpAddr, grpcAddr string) error {
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
	if err != nil {
		return err
	}
	cfg := otlp.Config{Intake: intake.New(intake.Config{Trail: tr, Kinds: kinds}), Bodies: body.New(0), Admit: admit}
	g, err := net.Listen("tcp", grpcAddr)
	if err != nil {
		return err
	}
	h, err := net.Listen("tcp", httpAddr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(otlp.Path, otlp.New(cfg))
	go otlp.NewServer(cfg).Serve(g)
	fmt.Println("ready")
	return http.Serve(h, mux)
}

// exporters makes the SDK's two exporters for a server.
func exporters(t *testing.T, httpAddr, grpcAddr string) map[string]sdklog.Exporter {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer evk_all"}
	h, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpoint(httpAddr), otlploghttp.WithInsecure(), otlploghttp.WithHeaders(header),
		otlploghttp.WithCompression(otlploghttp.GzipCompression),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{Enabled: true, InitialInterval: 50 * time.Millisecond, MaxInterval: 200 * time.Millisecond, MaxElapsedTime: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	g, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpoint(grpcAddr), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(header),
		otlploggrpc.WithCompressor("gzip"), otlploggrpc.WithDialOption(grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1, MaxDelay: 50 * time.Millisecond}, MinConnectTimeout: time.Second})),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: true, InitialInterval: 50 * time.Millisecond, MaxInterval: 200 * time.Millisecond, MaxElapsedTime: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]sdklog.Exporter{"http": h, "grpc": g}
}

func record(n string) (r log.Record) {
	r.SetTimestamp(time.Now())
	r.SetSeverity(log.SeverityInfo)
	r.SetBody(attr.StringValue("role granted"))
	r.AddAttributes(attr.String("n", n))
	return r
}

// acknowledged remembers the records whose export was answered.
type acknowledged struct {
	sdklog.Exporter
	mu     sync.Mutex
	known  map[string]bool
	failed int
}

func (a *acknowledged) Export(ctx context.Context, records []sdklog.Record) error {
	names := make([]string, 0, len(records))
	for i := range records {
		records[i].WalkAttributes(func(kv attr.KeyValue) bool {
			names = append(names, kv.Value.AsString())
			return true
		})
	}
	err := a.Exporter.Export(ctx, records)
	// Over HTTP the SDK tries again after an answer that asks for it, but not when
	// there is no connection. An application that loses nothing does it itself.
	for deadline := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(deadline); err = a.Exporter.Export(ctx, records) {
		time.Sleep(20 * time.Millisecond)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.failed += len(names)
		return err
	}
	for _, n := range names {
		a.known[n] = true
	}
	return nil
}

// counts returns how often each record stands in the trail in dir.
func counts(t *testing.T, dir string) map[string]int {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	found := map[string]int{}
	for rec, err := range tr.Records(context.Background(), 0, tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Parse(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, ok := strings.Cut(string(e.Raw), `"key":"n","value":{"stringValue":"`); ok {
			n, _, _ := strings.Cut(rest, `"`)
			found[n]++
		}
	}
	return found
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestKilled runs the OpenTelemetry SDK with its queue and its retries against a
// server that is killed under load: what was acknowledged is there once, and
// nothing is there twice.
func TestKilled(t *testing.T) {
	kills := 5
	if testing.Short() {
		kills = 2
	}
	dir, httpAddr, grpcAddr := t.TempDir(), free(t), free(t)
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "OTLP_TEST_SERVER="+dir, "OTLP_TEST_HTTP="+httpAddr, "OTLP_TEST_GRPC="+grpcAddr)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("server: %q %v", line, err)
		}
		return cmd
	}
	server := start()
	var stop atomic.Bool
	var senders sync.WaitGroup
	var acks []*acknowledged
	for name, exporter := range exporters(t, httpAddr, grpcAddr) {
		a := &acknowledged{Exporter: exporter, known: map[string]bool{}}
		acks = append(acks, a)
		provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(a,
			sdklog.WithExportInterval(5*time.Millisecond), sdklog.WithMaxQueueSize(8192), sdklog.WithExportMaxBatchSize(256), sdklog.WithExportTimeout(time.Minute))))
		senders.Go(func() {
			logger := provider.Logger("test")
			for n := 0; !stop.Load(); n++ {
				logger.Emit(context.Background(), record(fmt.Sprintf("%s-%d", name, n)))
				if n%100 == 99 {
					time.Sleep(time.Millisecond) // the queue is bounded: give it a chance
				}
			}
			if err := provider.Shutdown(context.Background()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for range kills {
		time.Sleep(400 * time.Millisecond) // of load
		server.Process.Kill()
		server.Wait()
		server = start()
	}
	time.Sleep(400 * time.Millisecond)
	stop.Store(true)
	senders.Wait()
	server.Process.Kill()
	server.Wait()
	found := counts(t, dir)
	for _, a := range acks {
		if a.failed > 0 {
			t.Errorf("%d records were given up", a.failed)
		}
		if len(a.known) < 1000 {
			t.Errorf("only %d records were acknowledged: this tests nothing", len(a.known))
		}
		for n := range a.known {
			if found[n] != 1 {
				t.Errorf("%s was acknowledged and is there %d times", n, found[n])
			}
		}
	}
	for n, times := range found {
		if times > 1 {
			t.Errorf("%s is there %d times", n, times)
		}
	}
	t.Logf("%d and %d acknowledged, %d stored, %d kills", len(acks[0].known), len(acks[1].known), len(found), kills)
}

// startBoth serves r over real connections, for the SDK.
func startBoth(t *testing.T, r *rig) (httpAddr, grpcAddr string) {
	t.Helper()
	g, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gs, hs := otlp.NewServer(r.cfg), &http.Server{Handler: r.Handler}
	var servers sync.WaitGroup
	servers.Go(func() { gs.Serve(g) })
	servers.Go(func() { hs.Serve(h) })
	t.Cleanup(func() {
		gs.Stop()
		hs.Close()
		servers.Wait()
	})
	return h.Addr().String(), g.Addr().String()
}

// The SDK tries again while the server cannot store, and says what is refused.
func TestSDK(t *testing.T) {
	r := open(t)
	httpAddr, grpcAddr := startBoth(t, r)
	for name, exporter := range exporters(t, httpAddr, grpcAddr) {
		provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(exporter)))
		r.full.Store(true)
		done := make(chan struct{})
		size := r.trail.Size()
		go func() {
			defer close(done)
			provider.Logger("test").Emit(context.Background(), record(name))
		}()
		select {
		case <-done:
			t.Errorf("%s: did not try again", name)
		case <-time.After(300 * time.Millisecond):
		}
		r.full.Store(false)
		<-done
		if raws := r.raws(size); len(raws) != 1 || !strings.Contains(raws[0], `"stringValue":"`+name+`"`) || !strings.HasPrefix(raws[0], "log/unknown_service") {
			t.Errorf("%s: %s", name, raws)
		}
		var refused sdklog.Record
		provider = sdklog.NewLoggerProvider(sdklog.WithProcessor(keepLast{&refused}))
		bad := record(name)
		bad.AddAttributes(attr.String("evident.event", "no event"))
		provider.Logger("test").Emit(context.Background(), bad)
		if err := exporter.Export(t.Context(), []sdklog.Record{refused}); err == nil || !strings.Contains(err.Error(), "1 ") {
			t.Errorf("%s: a refused record: %v", name, err)
		}
	}
}

// keepLast keeps the last record, for an export by hand.
type keepLast struct{ record *sdklog.Record }

func (k keepLast) OnEmit(_ context.Context, r *sdklog.Record) error {
	*k.record = r.Clone()
	return nil
}
func (keepLast) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (keepLast) Shutdown(context.Context) error                         { return nil }
func (keepLast) ForceFlush(context.Context) error                       { return nil }

func TestGRPCKeys(t *testing.T) {
	r := open(t)
	_, addr := startBoth(t, r)
	for token, want := range map[string]codes.Code{"": codes.Unauthenticated, "evk_none": codes.Unauthenticated, "evk_later": codes.Unavailable, "evk_log": codes.OK} {
		exporter, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpoint(addr), otlploggrpc.WithInsecure(),
			otlploggrpc.WithHeaders(map[string]string{"authorization": "Bearer " + token}), otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}))
		if err != nil {
			t.Fatal(err)
		}
		err = exporter.Export(t.Context(), make([]sdklog.Record, 1))
		if got := codeOf(err); got != want {
			t.Errorf("%q: %v; want %v", token, err, want)
		}
		if err := exporter.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// codeOf returns the code of the first status in the tree of err.
func codeOf(err error) codes.Code {
	for err != nil {
		if s, ok := err.(interface{ GRPCStatus() *status.Status }); ok {
			return s.GRPCStatus().Code()
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				if c := codeOf(e); c != codes.Unknown {
					return c
				}
			}
			return codes.Unknown
		}
		next := errors.Unwrap(err)
		if next == nil {
			return codes.Unknown
		}
		err = next
	}
	return codes.OK
}
