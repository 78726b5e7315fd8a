package api_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"example.com/evident/web/api"
)

// by is an event of an actor.
func by(source, id, at, actor string) string {
	return fmt.Sprintf(`{"id":%q,"source":%q,"occurred_at":%q,"actor":%s,"action":"doc.read","category":"data","outcome":"success"}`, id, source, at, actor)
}

// find returns the ids of what a filter finds, the newest first.
func (r *rig) find(filter string) string {
	r.t.Helper()
	var page struct{ Events []struct{ ID string } }
	r.get("/v1/events?filter="+url.QueryEscape(filter), 200, &page)
	var ids []string
	for _, e := range page.Events {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func TestAPersonIsFoundByEveryAccount(t *testing.T) {
	r := open(t)
	send := func(events ...string) {
		t.Helper()
		var a struct{ Accepted int }
		if r.post("/v1/events", strings.Join(events, "\n"), 200, &a); a.Accepted != len(events) {
			t.Fatalf("%d of %d accepted", a.Accepted, len(events))
		}
	}
	r.problem("GET", "/v1/events?filter=person:alice", "", 400, `nobody is known by "alice": there is no roster yet`)
	var a struct{ Accepted int }
	r.post("/v1/events?source=hr.roster/people", `[{"id":"E-1","name":"Alice Smith","email":"Alice@example.com","status":"active","accounts":"okta:00u1 github:alice","as_of":"2026-01-01T00:00:00Z"},`+
		`{"id":"E-2","name":"Bo Berg","email":"bo@example.com","status":"terminated","end":"2026-03-31","accounts":"okta:00u2","as_of":"2026-04-01T00:00:00Z"}]`, 200, &a)
	if a.Accepted != 2 {
		t.Fatalf("%d accepted", a.Accepted)
	}
	send(
		by("app/okta", "1", "2026-03-01T01:00:00Z", `{"type":"user","id":"00u1"}`),
		by("app/wiki", "2", "2026-03-01T02:00:00Z", `{"type":"user","id":"x","email":"alice@example.com"}`),
		by("app/wiki", "3", "2026-03-31T03:00:00Z", `{"type":"user","id":"bo@example.com"}`),
		by("app/wiki", "4", "2026-04-01T04:00:00Z", `{"type":"user","id":"bo@example.com"}`),
		by("app/wiki", "5", "2026-04-02T05:00:00Z", `{"type":"user","id":"wiki-7"}`),
	)
	check := func(filter, want string) {
		t.Helper()
		if got := r.find(filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	check("person:alice", "2")
	check("person:E-1 source:app/*", "2")
	check("person:okta:00u1", "2")
	check("source:app/wiki -person:alice@example.com", "5 4 3")
	check("person.ended:true", "4")
	check("person.ended:2026-03-* OR person:alice", "4 2")
	check("person:bo -person.ended:true", "3")
	check("person.ended:2025-*", "")
	r.problem("GET", "/v1/events?filter=person:zoe", "", 400, `filter: person: nobody is known by "zoe"`)
	r.problem("GET", "/v1/events?filter=person:*", "", 400, "expected one person")
	r.problem("GET", "/v1/count?filter=person:zoe", "", 400, "zoe")
	for _, path := range []string{"/v1/count", "/v1/histogram", "/v1/facets"} {
		r.get(path+"?filter=person:alice", 200, nil)
	}

	// A link is a record, and in force when the answer comes.
	r.post("/v1/people/links", `{"person":"E-1","account":"app/okta:00u1","reason":"asked her"}`, 200, nil)
	r.post("/v1/people/links", `{"person":"bo@example.com","account":"app/wiki:wiki-7"}`, 200, nil)
	check("person:alice", "2 1")
	check("person.ended:true", "5 4")
	r.problem("POST", "/v1/people/links", `{"person":"E-1","account":"app/wiki:wiki-7"}`, 422, "is linked to bo@example.com; unlink it first")
	r.post("/v1/people/unlinks", `{"person":"bo@example.com","account":"app/wiki:wiki-7"}`, 200, nil)
	check("person.ended:true", "4")
	var count struct{ Count uint64 }
	if r.get("/v1/count?filter=action:person.link", 200, &count); count.Count != 2 {
		t.Errorf("%d links recorded", count.Count)
	}
	var list api.People
	r.get("/v1/people", 200, &list)
	if len(list.People) != 2 || list.People[1].LastDay != "2026-03-31" || strings.Join(list.People[0].Accounts, " ") != "alice@example.com github:alice okta:00u1 app/okta:00u1" || len(list.Conflicts) != 0 {
		t.Errorf("%+v", list)
	}

	// What a later roster says is in force when it is acknowledged.
	r.post("/v1/events?source=hr.roster/people", `[{"id":"E-2","name":"Bo Berg","email":"bo@example.com","status":"active","accounts":"okta:00u2","as_of":"2026-05-01T00:00:00Z"}]`, 200, nil)
	check("person.ended:true", "")

	// A pack carries what was asked for without people in it.
	w := r.do("POST", "/v1/packs", `{"from":"2026-01-01T00:00:00Z","until":"2027-01-01T00:00:00Z","filter":"person:alice"}`)
	z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil {
		t.Fatalf("%d: %v", w.Code, err)
	}
	f, err := z.Open("pack.json")
	if err != nil {
		t.Fatal(err)
	}
	about, _ := io.ReadAll(f)
	for _, part := range []string{`actor.ident:alice@example.com`, `source:app/okta actor.id:00u1`, `"/actor/id","/actor/email"`} {
		if !bytes.Contains(about, []byte(part)) {
			t.Errorf("pack.json lacks %s: %.2000s", part, about)
		}
	}
	r.problem("POST", "/v1/packs", `{"from":"2026-01-01T00:00:00Z","until":"2027-01-01T00:00:00Z","filter":"person:zoe"}`, 400, "zoe")

	_, admin := r.makeKey(`{"admin":true}`)
	_, sender := r.as(admin).makeKey(`{"append":["app/wiki"]}`)
	r.as(sender).problem("GET", "/v1/events?filter=person:alice", "", 403, "a key with scope read")
	r.as(sender).problem("GET", "/v1/people", "", 403, "")
}
