package keys_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"example.com/evident/keys"
	"example.com/evident/proof"
)

const origin = "trail.acme.example/audit"

func TestTextIsSignedWithTheFirstKey(t *testing.T) {
	s, err := keys.New(origin)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.SignText("one\n\ntwo\n")
	if err != nil {
		t.Fatal(err)
	}
	v, _ := note.NewVerifier(s.Keys()[0].String())
	if n, err := note.Open(signed, note.VerifierList(v)); err != nil || n.Text != "one\n\ntwo\n" {
		t.Errorf("got %v, %v", n, err)
	}
	if _, err := s.SignText("no end"); err == nil {
		t.Error("a text without an end was signed")
	}
}

func TestSignerRoundTrip(t *testing.T) {
	s, err := keys.New(origin)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keys.Parse(s.Text())
	if err != nil || fmt.Sprint(again.Keys()) != fmt.Sprint(s.Keys()) {
		t.Errorf("other keys came back: %v", err)
	}
	for _, bad := range []string{"", "x", strings.Replace(s.Text(), "evident", "other", 1), s.Text()[:60] + "\n", strings.Replace(s.Text(), origin, "a+b", 1)} {
		if _, err := keys.Parse(bad); err == nil {
			t.Errorf("taken: %.30q", bad)
		}
	}
	for _, bad := range []string{"", "a b", "a+b", strings.Repeat("x", 256), "a\u00a0b", "a\xffb"} {
		if _, err := keys.New(bad); err == nil {
			t.Errorf("origin taken: %q", bad)
		}
	}
	for _, k := range s.Keys() {
		if again, err := proof.ParseKey(k.String()); err != nil || again != k {
			t.Errorf("%s: %v", k, err)
		}
	}
}
