package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// version is what this program calls itself in packs and answers.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// token returns the token of the API key to show, if there is one. It never
// stands on the command line, where every process of the machine can read it.
func (g *global) token() (string, error) {
	if g.keyFile == "" {
		return strings.TrimSpace(os.Getenv("EVIDENT_KEY")), nil
	}
	b, err := os.ReadFile(g.keyFile)
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \n") {
		return "", fmt.Errorf("read key %s: expected one token, evk_…, and nothing else", g.keyFile)
	}
	return token, nil
}
