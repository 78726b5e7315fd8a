package sourcetest

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/evident/event"
	"example.com/evident/source"
)

// odd is what Mutate puts in the place of every value: other types, nothing, too
// much, times that no event may have, and what breaks careless readers.
func odd() []any {
	return []any{
		nil, 7, true, []any{}, []any{nil, 1, "a", map[string]any{}}, map[string]any{"value": "v", "a": nil},
		strings.Repeat("é", event.MaxStringBytes), "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "\x00\u2028", "1.2.3.4:99",
	}
}

// Mutate takes each JSON fixture of dir and puts an odd value in the place of each
// of its values, one at a time. Whatever Map makes of that must be acceptable: a
// single odd field is no reason to keep an event as unmapped. It is left out of
// short runs.
func Mutate(t *testing.T, k source.Kind, dir string) {
	if testing.Short() {
		t.Skip("SKIPPED: mutants, since the run is short")
	}
	mutants := 0
	for _, name := range fixtures(t, dir) {
		var root any
		if json.Unmarshal(read(t, name), &root) != nil {
			continue // not JSON, or broken on purpose
		}
		walk(root, func(v any) { root = v }, func(set func(any), old any) {
			for _, v := range odd() {
				set(v)
				raw, err := json.Marshal(root)
				if err != nil {
					t.Fatal(err)
				}
				mutants++
				if Check(t, k, raw); t.Failed() {
					t.Fatalf("%s: %.2000s", name, raw)
				}
			}
			set(old)
		})
	}
	if mutants == 0 {
		t.Errorf("%s: no fixture in JSON", dir)
	}
	t.Logf("%d mutants", mutants)
}

// walk calls each for every value in v, with what puts another in its place.
func walk(v any, set func(any), each func(set func(any), old any)) {
	each(set, v)
	switch v := v.(type) {
	case map[string]any:
		for name, old := range v {
			walk(old, func(other any) { v[name] = other }, each)
		}
	case []any:
		for i, old := range v {
			walk(old, func(other any) { v[i] = other }, each)
		}
	}
}
