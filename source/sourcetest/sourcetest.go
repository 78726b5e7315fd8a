// Package sourcetest is the one test suite that every kind of source passes.
package sourcetest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/proof"
	"example.com/evident/source"
)

var update = flag.Bool("update", false, "rewrite the .event.json files; look at the diff")

// Run maps each NAME.json of dir, one raw event each, and compares the event,
// without its raw, with NAME.event.json beside it. It also holds what is true of
// every kind: raw comes back byte for byte, the event is acceptable and survives
// the trail, and mapping twice gives the same.
func Run(t *testing.T, k source.Kind, dir string) {
	names := fixtures(t, dir)
	if len(names) < 2 {
		t.Errorf("%s: %d fixtures; a source needs at least one event of the table and one that is unknown", dir, len(names))
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			e, err := k.Map(raw)
			if err != nil {
				t.Fatal(err)
			}
			Check(t, k, raw)
			compare(t, e, strings.TrimSuffix(name, ".json")+".event.json")
		})
	}
}

// Check holds what is true of whatever Map makes of raw, if it makes anything.
func Check(t testing.TB, k source.Kind, raw []byte) {
	t.Helper()
	before := bytes.Clone(raw)
	name := k.Name + "/test"
	e, mapped := k.Event(name, raw, time.Unix(1_700_000_000, 0))
	if !bytes.Equal(raw, before) {
		t.Fatal("Map changed raw")
	}
	if !bytes.Equal(e.Raw, raw) {
		t.Error("raw is not what came in")
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	if m, err := k.Map(raw); err == nil && !mapped {
		m.Source = name
		t.Errorf("Map made an event that is not acceptable: %v", m.Validate())
	}
	body := e.AppendJSON(nil)
	again, _ := k.Event(name, raw, time.Unix(1_700_000_000, 0))
	if !bytes.Equal(again.AppendJSON(nil), body) {
		t.Error("mapping twice gives two events")
	}
	fields, err := proof.ParseBody(body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	back, err := event.FromFields(fields)
	if err != nil {
		t.Fatal(err)
	}
	if back.Detail = e.Detail; !bytes.Equal(back.AppendJSON(nil), body) {
		t.Errorf("the trail makes another event of it\n%s\n%s", body, back.AppendJSON(nil))
	}
}

// Fuzz looks for a raw that makes Map panic or breaks what Check holds.
func Fuzz(f *testing.F, k source.Kind, dir string) {
	for _, name := range fixtures(f, dir) {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) { Check(t, k, raw) })
}

func fixtures(t testing.TB, dir string) (names []string) {
	all, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if !strings.HasSuffix(name, ".event.json") {
			names = append(names, name)
		}
	}
	return names
}

func compare(t *testing.T, e event.Event, golden string) {
	e.Raw = nil
	var got bytes.Buffer
	if err := json.Indent(&got, e.AppendJSON(nil), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s\ngot  %s\nwant %s", golden, got.Bytes(), want)
	}
}
