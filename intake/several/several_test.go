package several_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/quick"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/several"
	"example.com/evident/source"
	"example.com/evident/source/awscloudtrail"
	"example.com/evident/source/log"
	"example.com/evident/trail"
)

var kinds = []source.Kind{log.Kind, awscloudtrail.Kind}

func open(t *testing.T, fault func(op, name string) error) *intake.Intake {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail", Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return intake.New(intake.Config{Trail: tr, Kinds: kinds})
}

func TestNames(t *testing.T) {
	in := open(t, nil)
	f := func(want string, names ...string) {
		t.Helper()
		if got := several.Source(in, names...); got != want {
			t.Errorf("%q: %s, want %s", names, got, want)
		}
	}
	f("aws.cloudtrail/prod", "aws.cloudtrail/prod")
	f("aws.cloudtrail/prod", "_json", "", "aws.cloudtrail/prod")
	f("app/billing", "x", "app/billing")
	f("log/own", "log/own")
	f("log/nginx_access", "", "Nginx:Access", "web")
	f("log/var_log_x.log", "/var/log/x.log")
	f("log/aws.cloudtrail", "aws.cloudtrail")
	f("log/aws.cloudtrail_a_b", "aws.cloudtrail/a b")
	f("log/evident_x", "evident/x")
	f("log/unnamed")
	f("log/unnamed", "", "-.-")
	f("log/"+strings.Repeat("x", 124), strings.Repeat("X", 500))
	if err := quick.Check(func(name string) bool {
		return event.ValidSource(several.Log(name)) == nil && event.ValidSource(several.App(name)) == nil
	}, nil); err != nil {
		t.Error(err)
	}
}

// Results stand at the places of their events, whatever source these are of.
func TestResults(t *testing.T) {
	in := open(t, nil)
	good := func(id string) []byte {
		return fmt.Appendf(nil, `{"id":%q,"occurred_at":"2026-03-01T00:00:00Z","actor":{"type":"user","id":"u"},"action":"a.b","category":"data","outcome":"success"}`, id)
	}
	from := sender.Sender{MayAppend: func(name string) bool { return name != "app/other" }}
	s := several.New(in, from, "test", []byte("body"))
	s.Add("log/a", []byte("one"), "")
	s.Add("app/x", good("1"), "")
	s.Refuse("not this one")
	s.Add("app/x", []byte(`{"action":"a"}`), "")
	s.Add("app/other", good("1"), "")
	s.Add("log/a", []byte("two"), "mine")
	s.Add("app/x", good("1"), "")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Add("log/a", []byte("one"), "") // another place, another event
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []several.State
	for _, r := range s.Results {
		got = append(got, r.State)
	}
	want := []several.State{several.Stored, several.Stored, several.Refused, several.Refused, several.Forbidden, several.Stored, several.Duplicate, several.Stored}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if s.Results[5].ID != "mine" || s.Results[1].ID != "1" || s.FirstRefused() != 2 {
		t.Errorf("%+v", s.Results)
	}
	if w := (several.Taken{Accepted: 4, Duplicates: 1, Refused: 3, Forbidden: 1, First: "not this one"}); s.Taken != w {
		t.Errorf("%+v, want %+v", s.Taken, w)
	}
	again := several.New(in, from, "test", []byte("body"))
	again.Add("log/a", []byte("one"), "")
	if err := again.Flush(t.Context()); err != nil || again.Results[0].State != several.Duplicate {
		t.Errorf("the same request again: %v %+v", err, again.Results)
	}
}

func TestBounds(t *testing.T) {
	in := open(t, nil)
	s := several.New(in, sender.Sender{}, "test", nil)
	for i := range several.MaxSources + 2 {
		s.Add(fmt.Sprintf("log/%d", i), []byte("x"), "")
	}
	if s.Taken.Refused != 2 || s.FirstRefused() != 0 && s.Results[several.MaxSources].Reason == "" {
		t.Errorf("%+v", s.Taken)
	}
	if s.Full() {
		t.Error("it is full")
	}
	s.Add("log/1", make([]byte, 9<<20), "")
	if !s.Full() {
		t.Error("it is not full")
	}
}

func TestErrors(t *testing.T) {
	var full atomic.Bool // the disk
	in := open(t, func(op, _ string) error {
		if op == "write" && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	})
	full.Store(true)
	s := several.New(in, sender.Sender{}, "test", nil)
	s.Add("log/a", []byte("x"), "")
	if err := s.Flush(t.Context()); !errors.Is(err, trail.ErrUnavailable) {
		t.Error(err)
	}
}
