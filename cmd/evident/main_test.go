package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

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
	})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE") != ""})
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
