package source_test

import (
	"strings"
	"testing"

	"example.com/evident/source"
)

func TestDiff(t *testing.T) {
	f := func(before, after, want string) {
		t.Helper()
		if got := string(source.Diff([]byte(before), []byte(after))); got != want {
			t.Errorf("%s to %s:\n%s\nwant\n%s", before, after, got, want)
		}
	}
	f(`{"a":1,"b":{"c":[1,2]}}`, `{"b":{"c":[2,1]},"a":1}`, `{"changes":[]}`)
	f(`{"a":1,"b":true}`, `{"a":2,"c":"x"}`, `{"changes":[{"path":"/a","from":1,"to":2},{"path":"/b","from":true,"to":null},{"path":"/c","from":null,"to":"x"}]}`)
	f(`{"a":{"b/c~d":"x"}}`, `{"a":{"b/c~d":"y"}}`, `{"changes":[{"path":"/a/b~1c~0d","from":"x","to":"y"}]}`)
	f(`{"r":[{"p":22},{"p":443},{"p":443}]}`, `{"r":[{"p":443},{"p":80}]}`, `{"changes":[{"path":"/r","added":[{"p":80}],"removed":[{"p":22},{"p":443}]}]}`)
	f(`{"a":{}}`, `{"a":[]}`, `{"changes":[{"path":"/a","from":{},"to":[]}]}`)
	f(`12345678901234567890`, `12345678901234567891`, `{"changes":[{"path":"","from":12345678901234567890,"to":12345678901234567891}]}`)
	f(`not JSON`, `{"a":1}`, `{"changes":[{"path":"","from":"not JSON","to":{"a":1}}]}`)
	f(`{} {}`, `{}`, `{"changes":[{"path":"","from":"{} {}","to":{}}]}`)
	f(`"`+strings.Repeat("x", 600)+`"`, `1`, `{"changes":[{"path":"","from":"\"`+strings.Repeat("x", 511)+`…","to":1}]}`)
	f(`{"masterUserPassword":"a","tokens":null}`, `{"masterUserPassword":"b","tokens":["t"]}`, `{"changes":[{"path":"/masterUserPassword","from":"[secret]","to":"[secret]"},{"path":"/tokens","from":null,"to":"[secret]"}]}`)
	f(`{"environment":{"variables":{"A":"1"}}}`, `{"environment":{"variables":{"A":"2"}}}`, `{"changes":[{"path":"/environment/variables/A","from":"[secret]","to":"[secret]"}]}`)
	f(`[]`, `[{"env":[{"name":"DB_PASSWORD","value":"x"},{"name":"A","value":"y"}]}]`, `{"changes":[{"path":"","added":[{"env":[{"name":"DB_PASSWORD","value":"[secret]"},{"name":"A","value":"y"}]}]}]}`)
	many := `{"` + strings.Repeat("x", 3) + `":0`
	for i := range 60 {
		many += `,"k` + strings.Repeat("i", i+1) + `":1`
	}
	if got := string(source.Diff([]byte(`{}`), []byte(many+`}`))); !strings.HasSuffix(got, `"more":11}`) {
		t.Errorf("%s", got)
	}
}
