package poll_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/acts"
	"example.com/evident/intake/poll"
	"example.com/evident/source"
	"example.com/evident/state"
	"example.com/evident/trail"
)

// TestKilledConnectorGoesOn reads an API into a real trail, stops in the middle
// of its pages, opens the trail again and reads on.
func TestKilledConnectorGoesOn(t *testing.T) {
	const pages = 6
	var mu sync.Mutex
	var asked []string
	stop, killed := func() {}, false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		cursor := r.URL.Query().Get("after")
		asked = append(asked, cursor)
		n := 0
		fmt.Sscan(cursor, &n) // "since:…" is page 0
		if n == pages/2 && !killed {
			killed = true
			stop()
		}
		if n == pages {
			w.Header().Set("X-Next", cursor)
			stop()
			return
		}
		w.Header().Set("X-Next", fmt.Sprint(n+1))
		w.Header().Set("X-More", "yes")
		fmt.Fprint(w, events(fmt.Sprint("e", n), "same"))
	}))
	defer server.Close()
	dir := t.TempDir()
	run := func() {
		t.Helper()
		tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		book, err := acts.Open(t.Context(), tr, nil)
		if err != nil {
			t.Fatal(err)
		}
		client, err := poll.NewClient(poll.ClientConfig{Base: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		in := intake.New(intake.Config{Trail: tr, Kinds: []source.Kind{kind}})
		k, err := poll.New(poll.Config{Source: "paged/acme", Kind: kind, Client: client, Begin: start, Lag: -1, Trail: poll.Trail{
			Take:   in.Take,
			Cursor: func(source, stream string) (state.Cursor, bool) { return book.State().Cursor(source, stream) },
			Record: func(ctx context.Context, a state.Act) error { _, err := book.Record(ctx, a); return err },
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		mu.Lock()
		stop = cancel
		mu.Unlock()
		k.Run(ctx)
	}
	run()
	first := len(asked)
	run()
	if asked[first] == asked[0] || asked[first] == "" {
		t.Errorf("it began anew: %v", asked)
	}
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	var ids, cursors []string
	for r, err := range tr.Records(t.Context(), 0, tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Parse(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch e.Action {
		case state.ActionCursorMove:
			cursors = append(cursors, source.MemberText(e.Detail, "cursor"))
		case "x.y":
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	if want := []string{"e0", "e1", "e2", "e3", "e4", "e5", "same"}; !slices.Equal(ids, want) {
		t.Errorf("events %v", ids)
	}
	if want := "since:2000-01-01T00:00:00Z 1 2 3 4 5 6"; strings.Join(cursors, " ") != want {
		t.Errorf("cursors %v", cursors)
	}
}
