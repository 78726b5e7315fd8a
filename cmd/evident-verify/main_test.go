package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const packs = "../../proof/testdata/packs/"

// keyOf returns a key that signed the stored packs, as their output names it.
func keyOf(t *testing.T) string {
	t.Helper()
	want, err := os.ReadFile(packs + "good.want")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(want), "key       ")
	key, _, _ := strings.Cut(rest, " ")
	return key
}

func TestExitStatus(t *testing.T) {
	key := keyOf(t)
	file := filepath.Join(t.TempDir(), "keys.txt")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want int
		out  string
	}{
		{packs + "good.zip", 0, "came with the evidence itself"},
		{"--key " + key + " " + packs + "good.zip", 0, "(given)\n"},
		{"--key " + file + " " + packs + "good.zip", 0, "(given)\n"},
		{"--key " + strings.Replace(key, "+", "x+", 1) + " " + packs + "good.zip", 2, "neither a key"},
		{"--key " + file + " " + packs + "bad-signature.zip", 1, "NOT VERIFIED: pack.note: is not signed by a trusted key\n"},
		{packs + "bad-field.zip", 1, "NOT VERIFIED: records.jsonl record 5: is not what was recorded\n"},
		{packs + "none.zip", 2, "no such file"},
		{"--key nothing " + packs + "good.zip", 2, "neither a key"},
		{"", 2, "Usage"},
		{packs + "good.zip " + packs + "good.zip", 2, "Usage"},
		{"--unknown", 2, "Usage"},
		{"--help", 0, "What is not proven"},
	} {
		var stdout, stderr strings.Builder
		got := run(strings.Fields(c.args), &stdout, &stderr)
		if all := stdout.String() + stderr.String(); got != c.want || !strings.Contains(all, c.out) {
			t.Errorf("%.80s: exit status %d, want %d, and %q in\n%s", c.args, got, c.want, c.out, all)
		}
	}
}

// TestBinaryIsSmallAndStatic builds it as it is handed out.
func TestBinaryIsSmallAndStatic(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("builds a binary for Linux")
	}
	file := filepath.Join(t.TempDir(), "evident-verify")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() >= 8<<20 {
		t.Errorf("%d bytes, want less than 8 MiB (%v)", info.Size(), err)
	}
	t.Logf("%d bytes", info.Size())
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
		t.Errorf("needs %q (%v)", libs, err)
	}
}
