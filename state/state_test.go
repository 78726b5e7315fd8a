package state_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/state"
)

var t0 = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// record is the act as it comes back out of the trail, bytes and all.
func record(t *testing.T, seq uint64, action string, detail any) state.Record {
	t.Helper()
	act := state.Act{Action: action, Category: event.Account, Actor: event.Actor{Type: event.User, ID: "ana"}, Detail: detail}
	e, err := act.Event(t0.Add(time.Duration(seq) * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r, err := state.FromBody(seq, e.AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newKey(n byte, scope state.Scope) (d state.KeyCreated, token string) {
	id, token := state.NewToken([37]byte{0: n, 36: n})
	return state.KeyCreated{Key: id, Name: "billing", Hash: state.TokenHash(token), Scope: scope}, token
}

func apply(t *testing.T, s state.State, r state.Record) state.State {
	t.Helper()
	next, err := state.Apply(s, r)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestKeyOpensUntilRevoked(t *testing.T) {
	d, token := newKey(1, state.Scope{Append: []string{"app/billing"}})
	created := record(t, 0, state.ActionKeyCreate, d)
	s1 := apply(t, state.State{}, created)
	k, ok := s1.KeyByToken(token, t0)
	if !ok || k.ID != d.Key || k.Name != "billing" || k.CreatedBy != "ana" || !k.Scope.MayAppend("app/billing") {
		t.Fatalf("key = %+v, %v", k, ok)
	}
	for _, wrong := range []string{"", "evk_", d.Key, token[:len(token)-1], token + "x", strings.ToUpper(token), "evk_aaaaaaaa" + token[12:], token[:13] + strings.Repeat("a", 52)} {
		if _, ok := s1.KeyByToken(wrong, t0); ok {
			t.Errorf("%q opens", wrong)
		}
	}
	s2 := apply(t, s1, record(t, 5, "segment.seal", nil))
	s3 := apply(t, s2, record(t, 6, state.ActionKeyRevoke, state.KeyRevoked{Key: d.Key}))
	if _, ok := s3.KeyByToken(token, t0); ok {
		t.Error("a revoked key opens")
	}
	if _, ok := s1.KeyByToken(token, t0); !ok {
		t.Error("Apply changed the state that it was given")
	}
	if !s3.HasKeys() || s3.Active(t0) || !s1.Active(t0) || (state.State{}).HasKeys() {
		t.Error("HasKeys and Active disagree with the records")
	}
	if k, _ := s3.KeyByID(d.Key); k.RevokedBy != "ana" || !k.Revoked.Equal(t0.Add(6*time.Hour)) {
		t.Errorf("revoked key = %+v", k)
	}
}

func TestKeyExpires(t *testing.T) {
	d, token := newKey(1, state.Scope{Read: true})
	end := t0.Add(24 * time.Hour)
	d.Expires = &end
	s := apply(t, state.State{}, record(t, 0, state.ActionKeyCreate, d))
	if _, ok := s.KeyByToken(token, end.Add(-time.Nanosecond)); !ok {
		t.Error("does not open before it expires")
	}
	if _, ok := s.KeyByToken(token, end); ok {
		t.Error("opens when it has expired")
	}
}

func TestRefusals(t *testing.T) {
	good, _ := newKey(1, state.Scope{Read: true})
	s := apply(t, state.State{}, record(t, 3, state.ActionKeyCreate, good))
	s = apply(t, s, record(t, 4, state.ActionKeyRevoke, state.KeyRevoked{Key: good.Key}))
	f := func(what, action string, change func(d *state.KeyCreated) any, want string) {
		t.Helper()
		d, _ := newKey(2, state.Scope{Append: []string{"app/billing"}})
		r := record(t, 5, action, change(&d))
		got, err := state.Apply(s, r)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error = %v, want %q", what, err, want)
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("%s: the state changed", what)
		}
	}
	create := func(what string, want string, change func(d *state.KeyCreated)) {
		t.Helper()
		f(what, state.ActionKeyCreate, func(d *state.KeyCreated) any { change(d); return d }, want)
	}
	create("an id twice", "exists", func(d *state.KeyCreated) { d.Key = good.Key })
	create("a bad id", "evk_", func(d *state.KeyCreated) { d.Key = "evk_short" })
	create("no name", "name", func(d *state.KeyCreated) { d.Name = " " })
	create("a short hash", "hash", func(d *state.KeyCreated) { d.Hash = d.Hash[:62] })
	create("a hash that is none", "hash", func(d *state.KeyCreated) { d.Hash = strings.Repeat("g", 64) })
	create("an empty scope", "scope", func(d *state.KeyCreated) { d.Scope = state.Scope{} })
	create("source evident", "scope.append", func(d *state.KeyCreated) { d.Scope.Append = []string{"evident"} })
	create("kind evident", "scope.append", func(d *state.KeyCreated) { d.Scope.Append = []string{"evident/x"} })
	create("half a pattern", "scope.append", func(d *state.KeyCreated) { d.Scope.Append = []string{"app/bill*"} })
	create("any kind", "scope.append", func(d *state.KeyCreated) { d.Scope.Append = []string{"*/x"} })
	create("in the past", "expires", func(d *state.KeyCreated) { past := t0; d.Expires = &past })
	f("no detail", state.ActionKeyCreate, func(*state.KeyCreated) any { return nil }, "detail")
	f("an unknown member", state.ActionKeyCreate, func(*state.KeyCreated) any { return map[string]any{"root": true} }, "root")
	f("revoke what is not there", state.ActionKeyRevoke, func(*state.KeyCreated) any { return state.KeyRevoked{Key: "evk_zzzzzzzz"} }, "no key")
	f("revoke twice", state.ActionKeyRevoke, func(*state.KeyCreated) any { return state.KeyRevoked{Key: good.Key} }, "already")
	if _, err := state.Apply(s, record(t, 4, "segment.seal", nil)); err == nil {
		t.Error("a record comes twice, and is folded twice")
	}
}

func TestDeniedActChangesNothing(t *testing.T) {
	d, _ := newKey(1, state.Scope{Read: true})
	r := record(t, 0, state.ActionKeyCreate, d)
	r.Outcome = event.Denied
	if s := apply(t, state.State{}, r); s.HasKeys() || s.Next != 1 {
		t.Errorf("state = %+v", s)
	}
}

// TestFold: any cut of the records into a beginning and the rest gives the
// same state as all of them at once.
func TestFold(t *testing.T) {
	var records []state.Record
	for n := range byte(8) {
		d, _ := newKey(n, state.Scope{Append: []string{"*"}})
		records = append(records, record(t, uint64(n)*3, state.ActionKeyCreate, d))
		if n%2 == 0 {
			records = append(records, record(t, uint64(n)*3+1, state.ActionKeyRevoke, state.KeyRevoked{Key: d.Key}))
		}
	}
	fold := func(s state.State, rs []state.Record) state.State {
		for _, r := range rs {
			s = apply(t, s, r)
		}
		return s
	}
	whole := fold(state.State{}, records)
	for cut := range records {
		begin := fold(state.State{}, records[:cut])
		if got := fold(begin, records[cut:]); !reflect.DeepEqual(got, whole) {
			t.Fatalf("cut at %d: another state", cut)
		}
	}
	if keys := whole.Keys(); len(keys) != 8 || keys[0].Seq != 21 || keys[7].Seq != 0 {
		t.Errorf("keys are not the newest first: %+v", keys)
	}
}

func TestScope(t *testing.T) {
	f := func(pattern, source string, want bool) {
		t.Helper()
		s := state.Scope{Append: []string{pattern}}
		if got := s.MayAppend(source); got != want {
			t.Errorf("%s covers %s: %v, want %v", pattern, source, got, want)
		}
		if got := s.MaySee(source); got != want {
			t.Errorf("%s shows %s: %v, want %v", pattern, source, got, want)
		}
	}
	f("app/billing", "app/billing", true)
	f("app/billing", "app/billing2", false)
	f("app/billing", "app/bill", false)
	f("app/*", "app/billing", true)
	f("app/*", "application/x", false)
	f("*", "okta/acme", true)
	f("*", "evident", false)
	if s := (state.Scope{Read: true}); s.MayAppend("app/x") || !s.MaySee("evident") {
		t.Error("read is not append, and shows everything")
	}
}

func TestTokenHasTheStatedForm(t *testing.T) {
	id, token := state.NewToken([37]byte{1, 2, 3})
	if len(token) != 65 || !strings.HasPrefix(token, id+"_") || !strings.HasPrefix(id, "evk_") || len(id) != 12 {
		t.Errorf("id %q, token %q", id, token)
	}
	b, err := json.Marshal(state.KeyCreated{Key: id, Hash: state.TokenHash(token)})
	if err != nil || strings.Contains(string(b), token[13:]) {
		t.Errorf("the detail holds the secret: %s", b)
	}
}

func TestActRefusesWhatIsNoEvent(t *testing.T) {
	if _, err := (state.Act{Action: "Key Create", Category: event.Account, Actor: event.Actor{Type: event.User, ID: "a"}}).Event(t0); err == nil {
		t.Error("an action with a space passes")
	}
	if _, err := (state.Act{Action: "key.create", Category: event.Account}).Event(t0); err == nil {
		t.Error("an act without an actor passes")
	}
}
