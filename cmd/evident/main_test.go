package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/trail"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"evident": main,
		"flip":    tool(flip),
		"append":  tool(appendEvents),
		"squeeze": tool(squeeze),
		"deliver": tool(deliver),
	})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TMPDIR", e.WorkDir+"/tmp")
			return os.Mkdir(e.WorkDir+"/tmp", 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": freeport,
			"await":    await,
		},
	})
}

func TestExit(t *testing.T) {
	f := func(want int, args ...string) {
		t.Helper()
		if got := run(args, nil, io.Discard, io.Discard); got != want {
			t.Errorf("%q: exit %d, want %d", args, got, want)
		}
	}
	f(0, "--help")
	f(0, "--version")
	f(0, "source", "list")
	f(2, "bogus")
	f(2, "source", "bogus")
	f(2, "verify")
	f(2, "verify", "--bogus", "x")
	f(2, "verify", "/does/not/exist")
	f(2, "source", "test", "nokind", "x")
}

// tool makes a command for scripts of a function.
func tool(f func(args []string) error) func() {
	return func() {
		if err := f(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// freeport NAME sets the variable to a port of this machine that nobody uses.
func freeport(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
	ts.Check(ln.Close())
}

// await URL waits until it is answered.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(args[0])
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("%s is not answered", args[0])
}

// squeeze FILE writes FILE.zst.
func squeeze(args []string) error {
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0]+".zst", z.EncodeAll(b, nil), 0o600)
}

// flip FILE [OFFSET] flips one bit of one byte, that in the middle if no offset
// is given. A negative offset counts from the end.
func flip(args []string) error {
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	at := len(b) / 2
	if len(args) > 1 {
		if at, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
		if at < 0 {
			at += len(b)
		}
	}
	b[at] ^= 1
	return os.WriteFile(args[0], b, 0o600)
}

// appendEvents DIR N appends N small events to a trail without any server, and
// closes it.
func appendEvents(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	t, err := trail.Open(trail.Config{Dir: args[0], Origin: "trail.example"})
	if err != nil {
		return err
	}
	for i := range n {
		e := event.Event{
			ID: fmt.Sprintf("e%d", i), Source: "app/test", OccurredAt: time.Date(2026, 3, 1, 0, 0, i, 0, time.UTC),
			Actor: event.Actor{Type: event.User, ID: "u1"}, Action: "thing.do", Category: event.Data, Outcome: event.Success,
		}
		body := e.AppendJSON(nil)
		fields, err := proof.ParseBody(body)
		if err != nil {
			return err
		}
		_, err = t.Append(context.Background(), []trail.Draft{{
			Body: body, Fields: fields, Source: e.Source, ID: e.ID, OccurredAt: e.OccurredAt,
			Category: string(e.Category), Action: e.Action, Outcome: string(e.Outcome),
		}})
		if err != nil {
			return err
		}
	}
	return t.Close()
}
