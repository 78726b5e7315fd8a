package intake_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/redact"
	"example.com/evident/source"
	"example.com/evident/trail"
)

// planted are secrets that open nothing, each in a field or text as it comes.
// What is masked of each is between the bars.
var planted = []string{
	`{"responseElements":{"accessKey":{"secretAccessKey":"|wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY|"}}}`,
	`{"credentials":{"sessionToken":"|IQoJb3JpZ2luX2VjEJrX2VjEJrX2VjEJrX2VjEJrX2VjEJr|"}}`,
	`{"note":"keys AKIAEXAMPLEEXAMPLE12 |aJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY|"}`,
	`{"note":"|ghp` + `_aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3|"}`,
	`{"note":"|gl` + `pat-x1y2z3a4b5c6d7e8f9g0| was used"}`,
	`{"note":"|xo` + `xb-1234567890-abcdefABCDEF|"}`,
	`{"note":"|sk` + `_live_4eC39HqLyjWDarjtT1zdp7dc|"}`,
	`{"note":"|AI` + `zaSyD-0123456789abcdefghijklmnopqrstu|"}`,
	`{"note":"|npm` + `_0123456789abcdefghijABCDEFGHIJ012345|"}`,
	`{"note":"|-----BEGIN ` + `PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END ` + `PRIVATE KEY-----|"}`,
	`{"note":"ey` + `JhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.|SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV|"}`,
	`{"password":"|correct horse battery|"}`,
	`{"body":"{\"client_secret\":\"|s3cr3t-of-the-client|\"}"}`,
	`{"headers":{"Authorization":"|Bearer 0123456789-opaque|","Cookie":"|sid=0123456789-cookie|"}}`,
	`{"api_key":"|0123456789-api-key|"}`,
	`{"url":"postgres://ana:|p4ss-in-url|@db.example.com/x"}`,
	`{"object":{"kind":"Secret","data":{"x":"|aHVudGVyMi1rOHM=|"}}}`,
	`{"note":"paid with |4111111111111111|"}`,
	`{"command":"mysql --password=|p4ss-in-command|"}`,
}

// TestSecretsAreNowhereOnDisk plants each secret that the built-in rules know in
// events in the schema, in raws of a kind, in what cannot be mapped or cut, and
// looks for it in every file and every record.
func TestSecretsAreNowhereOnDisk(t *testing.T) {
	dir := t.TempDir()
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail", SealRecords: 16})
	if err != nil {
		t.Fatal(err)
	}
	policy := redact.Default()
	in := intake.New(intake.Config{
		Trail:  tr,
		Kinds:  []source.Kind{{Name: "raws", Split: lines.Split, Map: mapRaw}, {Name: "json", Verbatim: true}},
		Redact: policy.Apply,
	})
	var refused []byte
	take := func(source string, d intake.Delivery) {
		t.Helper()
		d.Source = source
		var a intake.Answer
		if err := in.Take(t.Context(), &d, &a); err != nil {
			t.Fatal(err)
		}
		refused = append(refused, fmt.Appendf(nil, "%+v", a.Refused)...) // answers go into logs
	}
	var secrets []string
	for i, p := range planted {
		parts := strings.Split(p, "|")
		for k := 1; k < len(parts); k += 2 {
			secrets = append(secrets, parts[k])
		}
		object := strings.Join(parts, "")
		quoted, _ := json.Marshal(object)
		take("", intake.Delivery{Body: []byte(ev(fmt.Sprint("detail", i), `,"detail":`+object))})
		take("", intake.Delivery{Body: []byte(ev(fmt.Sprint("raw", i), `,"raw":`+string(quoted)))})
		take("", intake.Delivery{Body: []byte(ev(fmt.Sprint("base64", i), `,"raw_encoding":"base64","raw":"`+base64.StdEncoding.EncodeToString([]byte(object))+`"`))})
		take("app/x", intake.Delivery{Body: []byte(ev(fmt.Sprint("detail", i), `,"outcome_reason":`+string(quoted)))}) // another meaning under an id, some of them
		take("raws/a", intake.Delivery{Body: []byte(object + "\nunreadable " + object)})
		take("raws/b", intake.Delivery{Raws: [][]byte{[]byte(object), []byte("unreadable " + object)}, IDs: []string{fmt.Sprint(i, "a"), fmt.Sprint(i, "b")}})
		take("raws/c", intake.Delivery{Body: []byte(object + "\nbroken off"), Keep: true})
		take("", intake.Delivery{Body: []byte(ev(fmt.Sprint("detail", i), `,"detail":`+strings.Replace(object, "{", `{"again":1,`, 1)))}) // a conflict
	}
	found := 0
	seek := func(where string, b []byte) {
		for _, s := range secrets {
			plain := strings.ReplaceAll(s, `\n`, "\n")
			for _, form := range []string{s, plain, strings.ReplaceAll(s, `\`, `\\`), base64.StdEncoding.EncodeToString([]byte(plain))} {
				if bytes.Contains(b, []byte(form)) {
					found++
					t.Errorf("%s holds %q", where, s)
				}
			}
		}
	}
	seek("what was answered", refused)
	marks := 0
	for rec, err := range tr.Records(t.Context(), 0, tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		where := fmt.Sprintf("record %d (%s, %s)", rec.Header.Seq, rec.Header.Source, rec.Header.Action)
		seek(where, rec.Body)
		marks += bytes.Count(rec.Body, []byte("[masked:"))
		if e, err := event.Parse(rec.Body); err == nil {
			seek(where+": raw", e.Raw)
			marks += bytes.Count(e.Raw, []byte("[masked:"))
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		files++
		seek(name, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if marks < 8*len(planted) || files < 5 {
		t.Errorf("%d marks, %d files: the test saw too little", marks, files)
	}
	counted := uint64(0)
	for _, c := range policy.Counts() {
		counted += c.N
	}
	if counted < uint64(7*len(planted)) {
		t.Errorf("%d values counted: %+v", counted, policy.Counts())
	}
	t.Logf("%d secrets, %d files, %d marks, %d values counted", len(secrets), files, marks, counted)
}

// mapRaw maps every object, and puts all of it into the event a second time.
func mapRaw(raw []byte, now time.Time) (event.Event, error) {
	if !json.Valid(raw) {
		return event.Event{}, fmt.Errorf("no object: %.200q", raw)
	}
	return event.Event{
		OccurredAt: now.UTC(), Actor: event.Actor{Type: event.User, ID: "ana", Name: string(raw)},
		Action: "thing.do", Category: event.Data, Outcome: event.Success, Detail: raw, Raw: raw,
	}, nil
}
