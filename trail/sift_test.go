package trail_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"example.com/evident/trail"
)

// TestSift asks for some of many records by what their bodies say, out of
// sealed segments and the log.
func TestSift(t *testing.T) {
	tr := open(t, trail.Config{Dir: t.TempDir(), SealRecords: 200})
	defer closeTrail(t, tr)
	for _, prefix := range []string{"a", "b", "c"} {
		appendAll(t, tr, drafts(t, prefix, 150))
	}
	waitSealed(t, tr, 1)
	var all, want []uint64
	for r, err := range tr.Records(context.Background(), 0, tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Header.Seq)
		if bytes.Contains(r.Body, []byte(`"id":"b-7`)) {
			want = append(want, r.Header.Seq)
		}
	}
	slices.Reverse(all)
	slices.Reverse(want)
	got, err := tr.Sift(context.Background(), all, func(body []byte) bool { return bytes.Contains(body, []byte(`"id":"b-7`)) })
	if err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	for _, r := range got {
		seqs = append(seqs, r.Header.Seq)
	}
	if !slices.Equal(seqs, want) || len(want) != 11 {
		t.Errorf("records %d, want %d", seqs, want)
	}
	if _, err := tr.Sift(context.Background(), []uint64{tr.Size()}, func([]byte) bool { return true }); err == nil {
		t.Error("a record that is not there was looked at")
	}
}
