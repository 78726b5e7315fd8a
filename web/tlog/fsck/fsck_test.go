package fsck_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/proof"
	"example.com/evident/trail"
	"example.com/evident/web/tlog"
)

// success is what fsck prints when all is well. Its exit status is 0 also when
// it is not, and on some damage it never ends: so the words and a time limit
// decide.
const success = "Successfully fsck'd"

const limit = 2 * time.Minute

// tool builds fsck and returns its path.
func tool(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "fsck")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/transparency-dev/tessera/cmd/fsck").CombinedOutput(); err != nil {
		t.Fatalf("build fsck: %v\n%s", err, out)
	}
	return bin
}

// fsck runs the checker on what h serves and returns what it printed.
func fsck(t *testing.T, bin string, key proof.Key, h http.Handler, limit time.Duration) string {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	vkey := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(vkey, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, "--storage_url="+srv.URL+"/", "--public_key="+vkey, "--ui=false", "--N=2").CombinedOutput()
	return fmt.Sprintf("%s\n%v", out, err)
}

// ed25519 returns the one of a trail's keys that off-the-shelf clients know.
func ed25519(t *testing.T, tr *trail.Trail) proof.Key {
	t.Helper()
	for _, k := range tr.Keys() {
		if k.Algorithm() == "Ed25519" {
			return k
		}
	}
	t.Fatal("no Ed25519 key")
	return proof.Key{}
}

func open(t *testing.T) *trail.Trail {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Origin: "test.example/trail", SealRecords: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// fill appends until tr has that many records, and waits for the checkpoint.
func fill(t *testing.T, tr *trail.Trail, records int) {
	t.Helper()
	for int(tr.Size()) < records {
		var drafts []trail.Draft
		for i := int(tr.Size()); i < records && len(drafts) < 2000; i++ {
			id := fmt.Sprint("e", i)
			body := fmt.Sprintf(`{"id":%q,"source":"app/x","occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u"},"action":"doc.read","category":"data","outcome":"success"}`, id)
			fields, err := proof.ParseBody([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			drafts = append(drafts, trail.Draft{Body: []byte(body), Fields: fields, Source: "app/x", ID: id,
				OccurredAt: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC), Category: "data", Action: "doc.read", Outcome: "success"})
		}
		if _, err := tr.Append(t.Context(), drafts); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := tr.WaitCheckpoint(t.Context(), tr.Size()); err != nil {
		t.Fatal(err)
	}
}

func TestFsck(t *testing.T) {
	bin := tool(t)
	tr := open(t)
	h := tlog.New(tlog.Config{Trail: tr})
	for _, records := range []int{1, 255, 256, 257, 5000, 65536, 70_000} {
		fill(t, tr, records)
		if out := fsck(t, bin, ed25519(t, tr), h, limit); !strings.Contains(out, success) {
			t.Fatalf("size %d:\n%s", tr.Size(), out)
		}
	}
}

// TestFsckFindsDamage shows that the test above can fail.
func TestFsckFindsDamage(t *testing.T) {
	bin := tool(t)
	tr := open(t)
	fill(t, tr, 1000)
	good := tlog.New(tlog.Config{Trail: tr})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		good.ServeHTTP(rec, r)
		b := rec.Body.Bytes()
		if r.URL.Path == "/tile/0/001" {
			b[77] ^= 1
		}
		w.WriteHeader(rec.Code)
		w.Write(b)
	})
	if out := fsck(t, bin, ed25519(t, tr), h, 20*time.Second); strings.Contains(out, success) {
		t.Fatalf("a flipped bit passes:\n%s", out)
	}
}
