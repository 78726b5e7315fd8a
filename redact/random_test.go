package redact_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/evident/redact"
)

// pieces are what secrets, and what is nearly one, are made of.
var pieces = []string{
	"password", "passwd", "PWD", "pwd", "secret", "Secret", "token", "access_token", "sessionToken", "nextToken", "authorization", "cookie",
	"api_key", "kind", "name", "value", "data", "AKIAEXAMPLEEXAMPLE12", "SecretList", "Bearer", "basic", "identified by", "IDENTIFIED BY", "sig", "signature",
	github, jwt, slack, stripe, google, awsSecret, awsToken, pem, card, card[:8], "4111 1111 1111 1111", "hunter2", "YW5hOmh1bnRlcjI=",
	"type=EXECVE", "proctitle=", "a1=", "6D7973716C002D2D70617373776F72643D78", "2D2D746F6B656E", `"--token"`,
	"https://", "ana:hunter2@", "db.example.com", "[masked:password]", "[token:x:", "masked@masked.invalid", "ana@example.com",
	" ", " ", ":", ":", "=", "=", "'", "\"", "\\", ",", ";", "&", "?", "<", ">", "/", "--", "-", "_", ".", "[", "]", "{", "}", "$$", "\n", "\t", "null", "***", "é", "\xff", "0", "17",
}

// TestTriggersMissNothing holds what is found by triggers against what is found
// without, in text and as it stands in JSON, in JSON in JSON, and with escapes
// that nobody needs.
func TestTriggersMissNothing(t *testing.T) {
	own, err := redact.Load([]byte("version: 1\nrules:\n- {name: mail, do: tokenise, pattern: '[a-z]{1,20}@example\\.com'}\n- {name: user, do: mask, fields: [name, 'x.sig']}"), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	replaced := 0
	for range 1000 {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		s := b.String()
		object := fmt.Sprintf(`{%s:%s,"x":[%s]}`, js(strings.ToValidUTF8(pieces[r.IntN(len(pieces))], "")), js(s), js(s))
		escaped := js(object)
		for range 3 {
			at := r.IntN(len(object))
			if c := object[at]; c >= 'a' && c <= 'z' && !strings.ContainsAny(object[max(0, at-6):at], `\`) {
				object = object[:at] + fmt.Sprintf(`\u%04x`, c) + object[at+1:]
			}
		}
		for _, raw := range []string{s, object, `{"m":` + escaped + `}`, `x ` + escaped} {
			for _, p := range []*redact.Policy{builtin, own} {
				got := p.Apply("app/x", []byte(raw))
				if long := p.ApplyLong("app/x", []byte(raw)); string(long) != string(got) {
					t.Fatalf("seed %d: %q\nby triggers %q\nthe long way %q", seed, raw, got, long)
				}
				if again := p.Apply("app/x", got); string(again) != string(got) {
					t.Fatalf("seed %d: %q\nonce  %q\ntwice %q", seed, raw, got, again)
				}
				if json.Valid([]byte(raw)) && !json.Valid(got) {
					t.Fatalf("seed %d: %q is not JSON", seed, got)
				}
				if string(got) != raw {
					replaced++
				}
			}
		}
	}
	if replaced < 1000 {
		t.Errorf("only %d texts were changed", replaced)
	}
}

var builtin = redact.Default()
