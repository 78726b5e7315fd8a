package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/spf13/pflag"

	"example.com/evident/server"
)

// TestDocumentedConfiguration reads the file that docs/connectors.md shows.
func TestDocumentedConfiguration(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(data:.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/connectors.md shows no configuration")
	}
	file := filepath.Join(t.TempDir(), "evident.yaml")
	if err := os.WriteFile(file, block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	for _, name := range serveOptions {
		flags.String(name, "", "")
	}
	var c server.Config
	if err := readConfig(file, flags, serveOptions, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Sources) < 8 || c.Sources[0].Pull.Auth.Prefix != "SSWS " || c.Sources[1].Webhook == nil || len(c.Mappings) != 1 {
		t.Errorf("read as %+v", c)
	}
}
