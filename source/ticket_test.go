package source_test

import (
	"testing"

	"example.com/evident/source"
)

func TestTicket(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := source.Ticket(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
	f("OPS-12: rotate keys", "OPS-12")
	f("[OPS-12] rotate", "OPS-12")
	f("rotate (OPS-12)", "OPS-12")
	f("feature/OPS-12-rotate", "OPS-12")
	f("use UTF-8 and SHA-256 for ABC2-7", "ABC2-7")
	f("fix CVE-2024-1234", "")
	f("xOPS-12 OPS-0 OPS-12a ops-12 OPS-12-3", "")
	f("", "")
}
