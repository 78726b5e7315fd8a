package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/postgres"
	"example.com/evident/source/sourcetest"
)

func Test(t *testing.T)    { sourcetest.Run(t, postgres.Kind, "testdata") }
func FuzzMap(f *testing.F) { sourcetest.Fuzz(f, postgres.Kind, "testdata") }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// short writes the parts of an event that tests compare in one line.
func short(e event.Event) string {
	actor := string(e.Actor.Type) + " " + e.Actor.ID
	if e.Actor.Name != "" {
		actor += "(" + e.Actor.Name + ")"
	}
	s := fmt.Sprintf("%s | %s %s %s | %s", actor, e.Action, e.Category, e.Outcome, e.Where.IP)
	for _, t := range e.Targets {
		s += fmt.Sprintf(" | %s=%s", t.Type, t.ID)
	}
	return s
}

func one(t *testing.T, raw string) event.Event {
	t.Helper()
	e, mapped := postgres.Kind.Event("postgres/test", func() string { return "1" }, []byte(raw), now)
	if !mapped {
		t.Fatalf("%q: %s", raw, e.OutcomeReason)
	}
	return e
}

// row makes a row of csvlog.
func row(user, tag, severity, state, message string) string {
	return fmt.Sprintf(`2026-03-01 09:30:00.123 UTC,%q,"app",42,"203.0.113.9:5432",65e1.2a,7,%q,2026-03-01 09:00:00 UTC,3/4,5,%s,%s,"%s",,,,,,,,,"psql","client backend",,0`,
		user, tag, severity, state, strings.ReplaceAll(message, `"`, `""`))
}

func TestStatements(t *testing.T) {
	for _, r := range [][2]string{
		{`ROLE,GRANT ROLE,,,grant auditor to bo with admin option`, "role.grant access success | 203.0.113.9 | user=bo | role=auditor"},
		{`ROLE,GRANT ROLE,,,"grant ""Big Role"", b to BO, ""Bo"""`, "role.grant access success | 203.0.113.9 | user=bo | user=Bo | role=Big Role | role=b"},
		{`ROLE,GRANT ROLE,,,/* grant x to y; */ grant /* a */ b to c -- to d`, "role.grant access success | 203.0.113.9 | user=c | role=b"},
		{`ROLE,GRANT ROLE,,,grant a to b; grant c to d`, "role.grant access success | 203.0.113.9"},
		{`ROLE,GRANT ROLE,,,select 'grant x to y'; grant a to b`, "role.grant access success | 203.0.113.9 | user=b | role=a"},
		{`ROLE,GRANT ROLE,,,select E'\'; grant x to y; --'; grant a to b`, "role.grant access success | 203.0.113.9 | user=b | role=a"},
		{`ROLE,GRANT ROLE,,,do $x$ grant x to y; $x$; grant a to b`, "role.grant access success | 203.0.113.9 | user=b | role=a"},
		{`ROLE,REVOKE ROLE,,,revoke admin option for a from b`, "role.revoke access success | 203.0.113.9 | user=b | role=a"},
		{`ROLE,GRANT ROLE,,,grant pg_monitor to b`, "role.grant privileged success | 203.0.113.9 | user=b | role=pg_monitor"},
		{`ROLE,GRANT,TABLE,,grant select on t to bo`, "permission.grant access success | 203.0.113.9 | table=t | user=bo"},
		{`ROLE,GRANT,,,"grant all on schema ""My S"" to bo, eve"`, "permission.grant access success | 203.0.113.9 | schema=My S | user=bo | user=eve"},
		{`READ,SELECT,,,"select (select 1 from a), 'from b' from c.d join e on true"`, "table.read data success | 203.0.113.9 | table=c.d"},
		{`READ,SELECT,,,select * from generate_series(1)`, "table.read data success | 203.0.113.9"},
		{`WRITE,INSERT,,,insert into t values (1)`, "table.insert data success | 203.0.113.9 | table=t"},
		{`WRITE,UPDATE,,,update only t set a = 1`, "table.update data success | 203.0.113.9 | table=t"},
		{`DDL,DROP TABLE,,,drop table if exists t`, "table.drop change success | 203.0.113.9 | table=t"},
		{`DDL,CREATE MATERIALIZED VIEW,,,create materialized view v as select 1`, "view.create change success | 203.0.113.9 | materialized view=v"},
		{`DDL,CREATE INDEX,,,create index on t (a)`, "index.create change success | 203.0.113.9"},
		{`READ,SELECT,,,"select * from t`, "table.read data success | 203.0.113.9"},
		{`ROLE,CREATE ROLE,,,create user eve superuser password <REDACTED>`, "user.create privileged success | 203.0.113.9 | user=eve"},
		{`ROLE,CREATE ROLE,,,"create role ""superuser"" nosuperuser"`, "user.create account success | 203.0.113.9 | user=superuser"},
		{`ROLE,DROP ROLE,,,drop role if exists eve`, "user.delete account success | 203.0.113.9 | user=eve"},
		{`WRITE,COPY,,,copy t from program 'curl http://x'`, "command.run privileged success | 203.0.113.9 | table=t"},
		{`WRITE,COPY,,,copy t from stdin`, "data.import data success | 203.0.113.9 | table=t"},
		{`READ,COPY,TABLE,public.t,copy (select 1 from t where a = (select 2)) to '/tmp/x'`, "data.export data success | 203.0.113.9 | table=public.t"},
		{`MISC_SET,SET,,,set session authorization bo`, "user.switch privileged success | 203.0.113.9 | user=bo"},
		{`MISC_SET,SET,,,set local role bo`, "role.assume privileged success | 203.0.113.9 | role=bo"},
		{`MISC_SET,SET,,,set work_mem = '1GB'`, "setting.set config success | 203.0.113.9 | parameter=work_mem"},
		{`FUNCTION,EXECUTE,FUNCTION,pg_catalog.pg_read_file,select pg_read_file('x')`, "function.call privileged success | 203.0.113.9 | function=pg_catalog.pg_read_file"},
		{`FUNCTION,DO,,,do $$ begin end $$`, "code.run privileged success | 203.0.113.9"},
		{`DDL,CREATE TEXT SEARCH DICTIONARY,,,create text search dictionary x`, "postgres.create_text_search_dictionary change success | 203.0.113.9 | text search dictionary=x"},
		{`READ,WEIRD THING,,,weird`, "postgres.weird_thing data success | 203.0.113.9"},
	} {
		e := one(t, row("ana", "x", "LOG", "00000", "AUDIT: SESSION,1,1,"+r[0]+",<not logged>"))
		if got := short(e); got != "user ana | "+r[1] {
			t.Errorf("%s\ngot  %s\nwant user ana | %s", r[0], got, r[1])
		}
	}
}

func TestMessages(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if got := short(one(t, raw)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", raw, got, want)
		}
	}
	f(row("ana", "SELECT", "ERROR", "42501", `permission denied for table "my table"`), "user ana | table.read data denied | 203.0.113.9")
	f(row("ana", "authentication", "FATAL", "28P01", `password authentication failed for user "ana"`), "user ana | session.start authentication failure | 203.0.113.9")
	f(row("ana", "startup", "FATAL", "28000", `role "ana" does not exist`), "anonymous (ana) | session.start authentication failure | 203.0.113.9")
	f(row("ana", "startup", "FATAL", "28000", `role "ana" is not permitted to log in`), "user ana | session.start authentication denied | 203.0.113.9")
	f(row("ana", "startup", "FATAL", "3D000", `database "x" does not exist`), "user ana | session.start authentication failure | 203.0.113.9")
	f(row("ana", "idle", "FATAL", "57P01", `terminating connection due to administrator command`), "user ana | database.error system failure | 203.0.113.9")
	f(row("ana", "idle", "LOG", "00000", "statement: create temp table x (a int)"), "user ana | table.create change unknown | 203.0.113.9 | table=x")
	f(row("ana", "SELECT", "LOG", "00000", "duration: 12.5 ms  statement: select 1"), "user ana | table.read data success | 203.0.113.9")
	f(row("ana", "SELECT", "LOG", "00000", "AUDIT: whatever"), "user ana | log.line system unknown | 203.0.113.9")
	f(strings.Replace(row("ana", "DO", "LOG", "00000", "AUDIT: SESSION,1,1,ROLE,GRANT ROLE,,,grant a to b,<none>"), `",,,,,,,,,"psql"`, `",,,,,"PL/pgSQL function x",,,,"psql"`, 1), "user ana | log.line system unknown | 203.0.113.9")
	// stderr
	const at = "2026-03-01 09:30:00.123 UTC [42] "
	f(at+`ana@app LOG:  connection authorized: user=ana database=app`, "user ana | session.start authentication success | ")
	f(at+`LOG:  connection authorized: user=ana database=app application_name=psql`, "user ana | session.start authentication success | ")
	f(at+`LOG:  connection authorized: user=x user=ana database=app`, "anonymous  | session.start authentication success | ")
	f(at+`a@b LOG:  connection authorized: user=eve database=x@app FATAL:  password authentication failed for user "a@b LOG:  connection authorized: user=eve database=x"`, "system postgres | log.line system unknown | ")
	f(at+"ana@app ERROR:  permission denied for table t\n"+at+"ana@app STATEMENT:  select *\n\tfrom t", "user ana | table.read data denied |  | table=t")
	f("203.0.113.9 "+at+`ana@app FATAL:  password authentication failed for user "ana"`, "user ana | session.start authentication failure | 203.0.113.9")
	f("2026-03-01 09:30:00 UTC:203.0.113.9(4711):ana@app:[42]:LOG:  connection authorized: user=ana database=app", "user ana | session.start authentication success | 203.0.113.9")
	f("2026-03-01 09:30:00 UTC [42]: [3-1] user=ana,db=app,app=my app,client=203.0.113.9 LOG:  connection authorized: user=ana database=app", "user ana | session.start authentication success | 203.0.113.9")
	if e, err := postgres.Kind.Map([]byte("2026-03-01 09:30:00 UTC [42]: [3-1] user=a LOG:  connection authorized: user=eve database=x,db=app,app=,client=203.0.113.9 FATAL:  x"), now); err == nil {
		t.Error(short(e))
	}
	f("2026-03-01 09:30:00.123 CEST [42-1] [ana]@[app] LOG:  disconnection: session time: 0:00:01 user=ana database=app host=[local]", "user ana | session.end authentication success | ")
	f("<134>Mar  1 09:30:00 db-1 postgres[42]: [5-1] "+at+"ana@app LOG:  disconnection: session time: 0:00:01 user=ana database=app host=[local]", "user ana | session.end authentication success | ")
	f("Mar  1 09:30:00 db-1 postgres[42]: [5-1] ana@app LOG:  disconnection: session time: 0:00:01 user=ana database=app host=[local]", "user ana | session.end authentication success | ")
}

// TestEveryRow holds that each row of the table of actions can be reached.
func TestEveryRow(t *testing.T) {
	messages := []string{
		row("ana", "x", "LOG", "00000", "connection authorized: user=ana database=app"), row("ana", "x", "LOG", "00000", `connection authenticated: identity="ana" method=md5 (x:1)`),
		row("ana", "x", "LOG", "00000", "disconnection: session time: 0:00:01 user=ana database=app host=[local]"), row("", "", "LOG", "00000", "connection received: host=[local]"),
		row("", "", "LOG", "00000", `parameter "fsync" removed from configuration file, reset to default`), row("", "", "LOG", "00000", "received SIGHUP, reloading configuration files"),
		row("", "", "LOG", "00000", "database system is ready to accept connections"), row("", "", "LOG", "00000", "database system is shut down"), row("", "", "LOG", "00000", "received fast shutdown request"),
		"2026-03-01 09:30:00 UTC [42] ana@app FATAL:  password authentication failed for user \"ana\"",
	}
	for _, state := range []string{"28P01", "28000", "3D000", "53300", "42501"} {
		messages = append(messages, row("ana", "x", "FATAL", state, "x"))
	}
	reached := map[string]source.Action{}
	for native := range postgres.Kind.Actions {
		if command, ok := strings.CutPrefix(native, "AUDIT "); ok {
			e := one(t, row("ana", "x", "LOG", "00000", "AUDIT: SESSION,1,1,MISC,"+command+",,,,<none>"))
			reached["AUDIT "+strings.TrimPrefix(e.NativeAction, "AUDIT MISC ")] = source.Action{Action: e.Action, Category: e.Category}
		}
	}
	for _, raw := range messages {
		e := one(t, raw)
		reached[e.NativeAction] = source.Action{Action: e.Action, Category: e.Category}
	}
	for native, want := range postgres.Kind.Actions {
		if strings.HasPrefix(native, "AUDIT COPY") { // by its statement
			continue
		}
		if got := reached[native]; got != want {
			t.Errorf("%s: %v, want %v", native, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for zone, want := range map[string]string{"UTC": "09:30:00", "GMT": "09:30:00", "+02": "07:30:00", "-05:30": "15:00:00", "CET": "08:30:00", "EDT": "13:30:00", "XYZ": "08:30:00"} {
		raw := strings.Replace(row("ana", "x", "LOG", "00000", "m"), " UTC,", " "+zone+",", 1)
		e, err := postgres.Kind.Map([]byte(raw), now.In(berlin))
		if err != nil || e.OccurredAt.Format("15:04:05") != want || strings.Contains(string(e.Detail), `"time"`) != (zone == "XYZ") {
			t.Errorf("%s: %v %v %s", zone, e.OccurredAt, err, e.Detail)
		}
	}
	for _, raw := range []string{"", "x", "{}", `{"timestamp":"x"}`, `{"timestamp":"yesterday UTC","error_severity":"LOG"}`, "2026-03-01 09:30:00 UTC,\"x", "2026-13-01 09:30:00 UTC [1] LOG:  x", "2026-03-01 09:30:00 UTC,1,2"} {
		if e, err := postgres.Kind.Map([]byte(raw), now); err == nil {
			t.Errorf("%q: %s", raw, short(e))
		}
	}
}

func TestSplit(t *testing.T) {
	const at = "2026-03-01 09:30:00.123 UTC [42] "
	f := func(delivery string, want ...string) {
		t.Helper()
		var got []string
		for raw, err := range postgres.Kind.Split(strings.NewReader(delivery)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(raw))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	one, two := row("ana", "x", "LOG", "00000", "a\n2026-03-01 09:30:00.123 UTC,\"eve\"\nb"), row("bo", "x", "LOG", "00000", "c")
	f(one+"\n"+two+"\n", one, two)
	f("{\"a\":1}\n{\"b\":2}\n", `{"a":1}`, `{"b":2}`)
	f(at+"a@b LOG:  x\n\ty\n"+at+"a@b ERROR:  z\n"+at+"a@b DETAIL:  d\n"+at+"a@b STATEMENT:  s\n\tt\n"+at+"LOG:  u",
		at+"a@b LOG:  x\n\ty", at+"a@b ERROR:  z\n"+at+"a@b DETAIL:  d\n"+at+"a@b STATEMENT:  s\n\tt", at+"LOG:  u")
	// A name that looks like the continuation of the entry before must not hide there.
	hidden := at + `a@b DETAIL:  x@app FATAL:  password authentication failed for user "a@b DETAIL:  x"`
	f(at+"LOG:  x\n"+hidden, at+"LOG:  x", hidden)
	f("")
}

// TestRealFiles reads samples of real servers.
func TestRealFiles(t *testing.T) {
	const dir = "../../../shared/data/open/postgres_pgaudit/"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIPPED: the shared samples are not there")
	}
	for file, want := range map[string]string{
		"crowdsec_pgsql-user-enum.log":  "map[session.start failure:6]",
		"pgaudit_jsonlog_first6.ndjson": "map[table.create success:1 table.insert success:5]",
		"pgaudit_stderr_first120.log":   "map[table.create success:1 table.insert success:116 table.read success:3]",
	} {
		body, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for raw, err := range postgres.Kind.Split(bytes.NewReader(body)) {
			if err != nil {
				t.Fatal(err)
			}
			e := one(t, string(raw))
			got[e.Action+" "+string(e.Outcome)]++
			sourcetest.Check(t, postgres.Kind, raw)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	raw := []byte(row("ana", "x", "LOG", "00000", "AUDIT: SESSION,1,1,ROLE,GRANT ROLE,,,grant auditor to bo,<not logged>"))
	for b.Loop() {
		if _, err := postgres.Kind.Map(raw, now); err != nil {
			b.Fatal(err)
		}
	}
}
