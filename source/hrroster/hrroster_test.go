package hrroster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/source"
	"example.com/evident/source/hrroster"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, hrroster.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, hrroster.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func split(t *testing.T, delivery string) (raws []string) {
	t.Helper()
	for raw, err := range hrroster.Kind.Split(strings.NewReader(delivery)) {
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, string(raw))
	}
	return raws
}

func TestDeliveries(t *testing.T) {
	f := func(name, delivery string, want ...string) {
		t.Helper()
		if got := split(t, delivery); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	a, b := `{"id":"1","email":"a@example.com"}`, `{"id":"2"}`
	f("an array", "["+a+","+b+"]", a, b)
	f("a list in an object", ` {"people":[`+a+`,`+b+`]}`, a, b)
	f("lines", a+"\n"+b+"\n", a, b)
	f("CSV", "id,email\n1,a@example.com\n2,\n", "id,email\n1,a@example.com", "id,email\n2,")
	f("CSV with CRLF and a mark", "\uFEFFid;name\r\n1;A\r\n\r\n2;\"B\r\nC\"\r\n", "id;name\n1;A", "id;name\n2;\"B\r\nC\"")
	f("only names", "id,email\n")
	f("nothing", "")
}

func TestStatuses(t *testing.T) {
	f := func(status, action, want string) {
		t.Helper()
		e, err := hrroster.Kind.Map([]byte("id,status\n1,"+status), now)
		if err != nil || e.Action != action || source.MemberText(e.Detail, "status") != want {
			t.Errorf("%s: %s %s, %v", status, e.Action, e.Detail, err)
		}
	}
	f("Active", "person.record", "active")
	f("On Leave", "person.record", "leave")
	f("Terminated", "person.terminate", "terminated")
	f("INACTIVE", "person.terminate", "terminated")
	f("Pre-Hire", "person.hire", "pending")
	f("Garden Leave", "person.record", "garden leave")
	f("", "person.record", "")
}

func TestDatesThatCouldMeanTwoDaysStay(t *testing.T) {
	for s, want := range map[string]string{
		"2026-03-04": "2026-03-04", "03/04/2026": "03/04/2026", "4.3.2026": "2026-03-04", "2026-03-04T10:00:00Z": "2026-03-04", "4 March 2026": "2026-03-04", "soon": "soon",
	} {
		e, err := hrroster.Kind.Map([]byte("id,start\n1,\""+s+"\""), now)
		if err != nil || source.MemberText(e.Detail, "start") != want {
			t.Errorf("%s: %s, %v", s, e.Detail, err)
		}
	}
}

func TestWhatIsNoPersonIsRefusedWithTheReason(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if _, err := hrroster.Kind.Map([]byte(raw), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	f("", "without the names")
	f("1,2,3", "without the names")
	f("id,name\n,Ana", "neither an id nor an e-mail")
	f("email\nno address", "neither an id nor an e-mail")
	f("id,name\n1", "not a row of CSV")
	f("id,name\n1,\"x", "not a row of CSV")
	f("id\n1\n2", "3 rows")
	f(`{"id":`, "not JSON")
	f(`{"name":"Ana"}`, "neither")
}

func TestAChangedRowIsANewEvent(t *testing.T) {
	of := func(raw string) (id, key, state string) {
		e, err := hrroster.Kind.Map([]byte(raw), now)
		if err != nil {
			t.Fatal(err)
		}
		k, s := hrroster.Kind.Change.Of([]byte(raw))
		return e.ID, k, string(s)
	}
	id1, key1, state1 := of("id,manager\n1,ana")
	id2, key2, state2 := of("id,manager\n1,ben")
	if id1 == id2 || key1 != key2 || key1 != "1" || state1 == state2 {
		t.Errorf("%s %s %s; %s %s %s", id1, key1, state1, id2, key2, state2)
	}
	if d := string(source.Diff([]byte(state1), []byte(state2))); d != `{"changes":[{"path":"/detail/manager","from":"ana","to":"ben"}]}` {
		t.Error(d)
	}
	if _, _, s := of("id,shoes\n1,44"); s != `{"person":{},"detail":{}}` {
		t.Error(s)
	}
}
