package acts_test

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake/acts"
	"example.com/evident/proof"
	"example.com/evident/state"
	"example.com/evident/trail"
)

func open(t *testing.T, dir string) (*trail.Trail, *acts.Book) {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail", SealRecords: 8})
	if err != nil {
		t.Fatal(err)
	}
	b, err := acts.Open(t.Context(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr, b
}

func create(n byte, scope state.Scope) (state.Act, string) {
	id, token := state.NewToken([37]byte{n})
	return state.Act{
		Action: state.ActionKeyCreate, Category: event.Account, Actor: event.Actor{Type: event.User, ID: "ana"},
		Detail: state.KeyCreated{Key: id, Name: "test", Hash: state.TokenHash(token), Scope: scope},
	}, token
}

func TestWhatIsRecordedIsInForceAndStaysSo(t *testing.T) {
	dir := t.TempDir()
	tr, b := open(t, dir)
	var last string
	for n := range byte(20) { // several segments
		a, token := create(n, state.Scope{Read: true})
		r, err := b.Record(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		k, ok := b.State().KeyByToken(token, time.Now())
		if !ok || k.Seq != r.Seq {
			t.Fatalf("key %d is not in force: %+v", n, k)
		}
		last = k.ID
	}
	if _, err := b.Record(t.Context(), state.Act{
		Action: state.ActionKeyRevoke, Category: event.Account, Actor: event.Actor{Type: event.User, ID: "bo"}, Detail: state.KeyRevoked{Key: last},
	}); err != nil {
		t.Fatal(err)
	}
	want := b.State()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	tr, b = open(t, dir)
	defer tr.Close()
	if got := b.State(); !reflect.DeepEqual(got.Keys(), want.Keys()) {
		t.Errorf("folded again:\n%+v\nwant\n%+v", got.Keys(), want.Keys())
	}
}

func TestRefusedActsAreNotRecorded(t *testing.T) {
	tr, b := open(t, t.TempDir())
	defer tr.Close()
	a, _ := create(1, state.Scope{})
	size := tr.Size()
	_, err := b.Record(t.Context(), a)
	var refused *acts.Refused
	if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "scope: ") {
		t.Errorf("error %v", err)
	}
	if tr.Size() != size {
		t.Error("it was recorded")
	}
}

// TestOneOfManyWins: acts that exclude each other come at once.
func TestOneOfManyWins(t *testing.T) {
	tr, b := open(t, t.TempDir())
	defer tr.Close()
	a, _ := create(1, state.Scope{Read: true})
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := b.Record(t.Context(), a); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 || len(b.State().Keys()) != 1 {
		t.Errorf("%d won", won)
	}
}

// TestForgedActIsFound: a record that the state never admitted stops the fold.
func TestForgedActIsFound(t *testing.T) {
	tr, _ := open(t, t.TempDir())
	defer tr.Close()
	e, err := (state.Act{
		Action: state.ActionKeyRevoke, Category: event.Account, Actor: event.Actor{Type: event.User, ID: "eve"},
		Detail: state.KeyRevoked{Key: "evk_aaaaaaaa"},
	}).Event(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	body := e.AppendJSON(nil)
	fields, err := proof.ParseBody(body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Append(t.Context(), []trail.Draft{{
		Body: body, Fields: fields, Source: e.Source, ID: e.ID, OccurredAt: e.OccurredAt,
		Category: string(e.Category), Action: e.Action, Outcome: string(e.Outcome),
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := acts.Open(t.Context(), tr, nil); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("error %v", err)
	}
}
