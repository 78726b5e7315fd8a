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

// now is when every raw arrives.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Run maps each file of dir but the golden ones, one raw event each, and
// compares the event, without its raw, with NAME.event.json beside it. A final
// line end of a file that is not JSON is not part of the event. It also holds what is true of
// every kind: raw comes back byte for byte, the event is acceptable and survives
// the trail, and mapping twice gives the same.
func Run(t *testing.T, k source.Kind, dir string) {
	names := fixtures(t, dir)
	if len(names) < 2 {
		t.Errorf("%s: %d fixtures; a source needs at least one event of the table and one that is unknown", dir, len(names))
	}
	for _, name := range names {
		base := strings.TrimSuffix(name, filepath.Ext(name))
		t.Run(filepath.Base(base), func(t *testing.T) {
			raw := read(t, name)
			e, err := k.Map(raw, now)
			if err != nil {
				t.Fatal(err)
			}
			Check(t, k, raw)
			compare(t, e, base+".event.json")
		})
	}
}

// Check holds what is true of whatever Map makes of raw, if it makes anything.
func Check(t testing.TB, k source.Kind, raw []byte) {
	t.Helper()
	before := bytes.Clone(raw)
	name := k.Name + "/test"
	e, mapped := k.Event(name, func() string { return "a/1" }, raw, now)
	if !bytes.Equal(raw, before) {
		t.Fatal("Map changed raw")
	}
	if !bytes.Equal(e.Raw, raw) {
		t.Error("raw is not what came in")
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	if m, err := k.Map(raw, now); err == nil && !bytes.Equal(m.Raw, raw) {
		t.Error("Map does not return raw as it came in")
	} else if err == nil && !mapped {
		m.Source = name
		t.Errorf("Map made an event that is not acceptable: %v", m.Validate())
	}
	body := e.AppendJSON(nil)
	again, _ := k.Event(name, func() string { return "a/1" }, raw, now)
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
		f.Add(read(f, name))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { Check(t, k, raw) })
}

func fixtures(t testing.TB, dir string) (names []string) {
	all, err := filepath.Glob(filepath.Join(dir, "*.*"))
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

func read(t testing.TB, name string) []byte {
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(name) != ".json" {
		raw = bytes.TrimSuffix(raw, []byte("\n"))
	}
	return raw
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
