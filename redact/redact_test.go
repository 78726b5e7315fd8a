package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/evident/event"
	"example.com/evident/redact"
)

// Secrets that open nothing. They are put together here so that no tool that
// looks for secrets stops at this file.
var (
	awsSecret = "wJalrXUtnFEMI/K7MDENG/bPx" + "RfiCYEXAMPLEKEY"
	awsToken  = "IQoJb3JpZ2lu" + strings.Repeat("X2VjEJr", 12)
	github    = "ghp" + "_" + strings.Repeat("aB3", 12)
	githubPAT = "github" + "_pat_" + strings.Repeat("11A_", 12)
	gitlab    = "gl" + "pat-" + "x1y2z3a4b5c6d7e8f9g0"
	slack     = "xo" + "xb-1234567890-abcdefABCDEF"
	stripe    = "sk" + "_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
	google    = "AI" + "za" + "SyD-0123456789abcdefghijklmnopqrstu"
	pem       = "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA " + "PRIVATE KEY-----"
	signature = "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	jwt       = "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ." + signature
	card      = "4111" + "111111111111"
)

// js writes s as JSON, with no escapes that JSON does not need.
func js(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

func TestBuiltinRules(t *testing.T) {
	p := redact.Default()
	f := func(raw, want string) {
		t.Helper()
		got := p.Apply("app/x", []byte(raw))
		if string(got) != want {
			t.Errorf("\n%s\nbecame %s\nwant   %s", raw, got, want)
		}
		if again := p.Apply("app/x", got); string(again) != string(got) {
			t.Errorf("%s: again: %s", got, again)
		}
	}
	leaves := func(raw string) { t.Helper(); f(raw, raw) }
	value := func(secret, want string) { // as a value, in prose, in a list, in JSON in a string
		t.Helper()
		f(`{"a":1.0, "x": `+js(secret)+` }`, `{"a":1.0, "x": `+js(want)+` }`)
		f(`{"message":[`+js("it was "+secret+", they say")+`]}`, `{"message":[`+js("it was "+want+", they say")+`]}`)
		f(`{"body":`+js(`{"k":`+js(secret)+`}`)+`}`, `{"body":`+js(`{"k":`+js(want)+`}`)+`}`)
		f("line of text: "+secret+" .", "line of text: "+want+" .")
	}

	value(github, "[masked:github-token]")
	value(githubPAT, "[masked:github-token]")
	value(gitlab, "[masked:gitlab-token]")
	value(slack, "[masked:slack-token]")
	value("https://hooks.slack.com/services/T00/B00/XXXXXXXXXXXX", "https://hooks.slack.com/services/[masked:slack-token]")
	value(stripe, "[masked:stripe-key]")
	value(google, "[masked:google-key]")
	value(pem, "[masked:private-key]")
	value(jwt, strings.TrimSuffix(jwt, signature)+"[masked:jwt]")
	value(awsToken, "[masked:aws-session-token]")
	value("AKIAEXAMPLEEXAMPLE12,"+awsSecret, "AKIAEXAMPLEEXAMPLE12,[masked:aws-secret-key]")
	value("Bearer abcdef0123456789", "Bearer [masked:authorization]")
	value("Basic "+base64.StdEncoding.EncodeToString([]byte("ana:hunter2")), "Basic [masked:authorization]")
	value("postgres://ana:hunter2@db.example.com/x", "postgres://ana:[masked:url-password]@db.example.com/x")
	value("https://x.example.com/?a=1&access_token=hunter2&b=2", "https://x.example.com/?a=1&access_token=[masked:token]&b=2")
	value("https://b.example.com/c?sv=1&sig=hunter2%3D", "https://b.example.com/c?sv=1&sig=[masked:token]")
	value("mysql --password=hunter2 -u ana", "mysql --password=[masked:password] -u ana")
	value("deploy --token hunter2 now", "deploy --token [masked:token] now")
	value("ALTER ROLE ana PASSWORD 'hunter2' VALID", "ALTER ROLE ana PASSWORD '[masked:password]' VALID")
	value("CREATE USER ana IDENTIFIED BY 'hunter2'", "CREATE USER ana IDENTIFIED BY '[masked:password]'")
	value("password: hunter2", "password: [masked:password]")
	value(`{password: "hunter2"`, `{password: "[masked:password]"`)
	value("<password>hunter2</password>", "<password>[masked:password]</password>")
	value("AWS_SECRET_ACCESS_KEY="+awsSecret, "AWS_SECRET_ACCESS_KEY=[masked:aws-secret-key]")
	value("card "+card, "card [masked:card]")
	value("4111 1111 1111 1111", "[masked:card]")
	value("3782-822463-10005", "[masked:card]")

	named := func(name, rule string) {
		t.Helper()
		f(`{"`+name+`":"hunter2"}`, `{"`+name+`":"[masked:`+rule+`]"}`)
		f(`{"a":{"`+name+`": ["hunter2", null, true]}}`, `{"a":{"`+name+`": ["[masked:`+rule+`]", null, true]}}`)
		f(`{"b":"{\"`+name+`\":\"hunter2\"}"}`, `{"b":"{\"`+name+`\":\"[masked:`+rule+`]\"}"}`)
		f(`{"env":[{"name":"`+name+`","value":"hunter2"}]}`, `{"env":[{"name":"`+name+`","value":"[masked:`+rule+`]"}]}`)
		leaves(`{"` + name + `":""}`)
		leaves(`{"` + name + `":null,"x":"***","y":false}`)
	}
	for _, name := range []string{"password", "Password", "masterUserPassword", "new_password", "DB-PASSWORD", "passwd", "passphrase", "spring.datasource.password", "user[password]", "pass_word"} {
		named(name, "password")
	}
	for _, name := range []string{"secret", "client_secret", "clientSecret", "SecretString"} {
		named(name, "secret")
	}
	for _, name := range []string{"token", "access_token", "refreshToken", "sessionToken", "X-Auth-Token", "x-amz-security-token", "X-CSRF-Token"} {
		named(name, "token")
	}
	named("secretAccessKey", "aws-secret-key")
	named("SecretAccessKey", "aws-secret-key")
	named("Authorization", "authorization")
	named("http.request.header.authorization", "authorization")
	named("Set-Cookie", "cookie")
	named("x-api-key", "api-key")
	named("privateKey", "private-key")
	f(`{"Authorization":"{\"token\":\"hunter2\"}"}`, `{"Authorization":"{\"token\":\"[masked:token]\"}"}`)
	f(`{"pwd":"hunter2"}`, `{"pwd":"[masked:password]"}`)
	f(`{"cvv":"123"}`, `{"cvv":"[masked:card]"}`)
	f(`{"password":12345}`, `{"password":"[masked:password]"}`)
	f(`{"password":{"value":"hunter2","changed":"2026-03-01"}}`, `{"password":{"value":"[masked:password]","changed":"2026-03-01"}}`)
	f(`{"pan":`+card+`}`, `{"pan":"[masked:card]"}`)
	f(`{"kind":"Secret","data":{"a":"aHVudGVyMg=="},"metadata":{"name":"s"}}`, `{"kind":"Secret","data":{"a":"[masked:kubernetes-secret]"},"metadata":{"name":"s"}}`)
	f(`{"o":{"kind":"SecretList","items":[{"data":{"a":"aHVudGVyMg=="}}]}}`, `{"o":{"kind":"SecretList","items":[{"data":{"a":"[masked:kubernetes-secret]"}}]}}`)
	f(`{"p\u0061ssword":"hunter2"}`, `{"p\u0061ssword":"[masked:password]"}`)
	f(`{"x":"\u0067hp_`+strings.Repeat("aB3", 12)+`"}`, `{"x":"[masked:github-token]"}`)

	// The Linux audit system's digits.
	digits := func(s string) string { return fmt.Sprintf("%X", s) }
	f("type=PROCTITLE msg=audit(1.2:3): proctitle="+digits("mysql\x00--password=hunter2\x00-u"), "type=PROCTITLE msg=audit(1.2:3): proctitle="+digits("mysql --password=[masked:password] -u"))
	f(`{"m":"type=USER_CMD cmd=`+digits("curl -H 'Authorization: Bearer abc0123456'")+` res=1"}`, `{"m":"type=USER_CMD cmd=`+digits("curl -H 'Authorization: [masked:authorization]'")+` res=1"}`)
	f("type=EXECVE argc=3 a0=\"mysql\" a1=\"--password\" a2=\"hunter2\"\ntype=PATH", "type=EXECVE argc=3 a0=\"mysql\" a1=\"--password\" a2=[masked:password]\ntype=PATH")
	f(`{"m":"type=EXECVE a1=\"--token\" a2=`+digits("hunter 2")+`"}`, `{"m":"type=EXECVE a1=\"--token\" a2=[masked:token]"}`)
	leaves("type=PROCTITLE msg=audit(1.2:3): proctitle=" + digits("ls\x00-la\x00/etc/passwd"))
	leaves("type=EXECVE argc=3 a0=\"ls\" a1=\"-la\" a2=\"/tmp\"")

	// The same secret elsewhere.
	f(`{"m":"got hunter2-17, \"hunter2-17\"","password":"hunter2-17","n":["hunter2-17",{"hunter2-17":"{\"x\":\"hunter2-17\"}"}]}`,
		`{"m":"got [masked:password], \"[masked:password]\"","password":"[masked:password]","n":["[masked:password]",{"hunter2-17":"{\"x\":\"[masked:password]\"}"}]}`)
	f("password=hunter2-17\nlater hunter2-17", "password=[masked:password]\nlater [masked:password]")
	f(`{"password":"administrator","m":"the administrator"}`, `{"password":"[masked:password]","m":"the administrator"}`)
	f(`{"password":12345678,"m":["12345678","912345678"]}`, `{"password":"[masked:password]","m":["[masked:password]","912345678"]}`)
	f(`{"password":"short","m":"short"}`, `{"password":"[masked:password]","m":"short"}`)

	// What is named like a secret and is none, or has lost it already.
	for _, raw := range []string{
		`{"tokenIssueTime":"2026-03-01T00:00:00Z","passwordPolicy":"strict","secretId":"prod/db","secretArn":"arn:aws:secretsmanager:eu:1:secret:x","SecretName":"x","nextToken":"abc","pageToken":"abc","clientToken":"abc","clientRequestToken":"abc","hashed_token":"abc=","token_id":7,"tokenId":"t-1","max_tokens":4096,"requestApiTokenId":"00T1"}`,
		`{"secret":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod"}`,
		`{"secret":{"secretName":"tls","defaultMode":420}}`,
		`{"authorization":{"action":"Microsoft.Authorization/roleAssignments/write","scope":"/subscriptions/1"}}`,
		`{"annotations":{"authorization.k8s.io/decision":"allow"},"credentialType":"PASSWORD","password":"<sensitiveDataRemoved>"}`,
		`{"accessKeyId":"AKIAEXAMPLEEXAMPLE12","id":"ASIAEXAMPLEEXAMPLE12"}`,
		`{"token":17,"tokens":42}`,
		`{"Authorization":"{\"action\":\"Microsoft.Authorization/roleAssignments/write\"}"}`,
		`Mar  1 09:32:05 web-1 passwd[3301]: pam_unix(passwd:chauthtok): password changed for ana`,
		`Mar  1 09:30:00 web-1 sudo: ana : TTY=pts/0 ; PWD=/home/ana ; USER=root ; COMMAND=/bin/ls /etc/passwd`,
		`Mar  1 09:30:00 web-1 sshd[1]: Failed password for invalid user ana from 203.0.113.7 port 22 ssh2`,
		`password authentication failed for user "ana"; invalid token: expired; basic authentication, bearer authentication`,
		`{"url":"https://example.com:443/a@b","mail":"mailto:ana@example.com","arn":"arn:aws:sts::1:assumed-role/r/ana@example.com"}`,
		`{"id":"` + card + `","user_id":"` + card + `","eventTime":` + card + `}`,
		`{"n":1772355600000000000,"ms":1772355600000,"us":1772355600000000,"x":"41111111111111112","y":"a` + card + `","z":"` + card + `-1","f":0.` + card + `,"w":"4111111111111112"}`,
		`{"uuid":"41111111-1111-1111-1111-111111111111"}`,
	} {
		leaves(raw)
	}
}

func TestEventsInTheSchemaStayValid(t *testing.T) {
	p, err := redact.Load([]byte(`
version: 1
rules:
- {name: person, do: tokenise, fields: [actor.id, actor.email, where.ip]}
- {name: all, do: mask, fields: ["**.x", id, source, action, outcome, category, occurred_at, schema, type, name, raw_encoding]}
- {name: mail, do: tokenise, pattern: '[a-z]+@example\.com'}
- {name: host, do: mask, fields: [where.host, where.user_agent]}
`), []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	raw := `{"id":"4111111111111111","source":"app/x","occurred_at":"2026-03-01T09:30:00Z","schema":"evident.event/1",` +
		`"actor":{"type":"user","id":"ana@example.com","name":"Ana","email":"Ana@example.com"},"action":"user.create","category":"account","outcome":"success",` +
		`"target":{"type":"user","name":"bo"},"where":{"ip":"203.0.113.7","host":"h"},"detail":{"mail":"bo@example.com","x":{"y":["1",false,true]}},` +
		`"raw_encoding":"base64","raw":"` + base64.StdEncoding.EncodeToString([]byte(`{"password":"hunter2"}`)) + `"}`
	out := p.Apply("", []byte(raw))
	e, err := event.Parse(out)
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if e.ID != "4111111111111111" || e.Source != "app/x" || e.Actor.Type != "user" || e.Actor.Name != "[masked:all]" {
		t.Errorf("%s", out)
	}
	if e.Actor.ID != e.Actor.Email || !strings.HasSuffix(e.Actor.Email, "@masked.invalid") || !strings.HasPrefix(e.Where.IP, "2001:db8:") {
		t.Errorf("actor %+v, where %+v", e.Actor, e.Where)
	}
	if string(e.Raw) != `{"password":"[masked:password]"}` {
		t.Errorf("raw %s", e.Raw)
	}
	if !strings.Contains(string(e.Detail), `"x":{"y":["[masked:all]",false,true]}`) {
		t.Errorf("detail %s", e.Detail)
	}
	if again := p.Apply("", out); string(again) != string(out) {
		t.Errorf("again:\n%s\n%s", out, again)
	}
	masked, _ := redact.Load([]byte("version: 1\nrules: [{name: m, do: mask, fields: [actor.email, where.ip]}]"), nil)
	if e, err = event.Parse(masked.Apply("", []byte(raw))); err != nil || e.Actor.Email != "masked@masked.invalid" || e.Where.IP != "2001:db8::" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestTokens(t *testing.T) {
	load := func(key string) *redact.Policy {
		p, err := redact.Load([]byte("version: 1\nrules:\n- {name: a, do: tokenise, fields: [a]}\n- {name: b, do: tokenise, fields: [b]}"), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	token := func(p *redact.Policy, field, value string) string {
		out := map[string]string{}
		if err := json.Unmarshal(p.Apply("app/x", fmt.Appendf(nil, `{%q:%q}`, field, value)), &out); err != nil {
			t.Fatal(err)
		}
		return out[field]
	}
	p := load(strings.Repeat("k", 32))
	x := token(p, "a", "4711")
	if len(x) != len("[token:a:]")+32 || !strings.HasPrefix(x, "[token:a:") {
		t.Errorf("token %s", x)
	}
	if token(p, "a", "4711") != x || token(load(strings.Repeat("k", 32)), "a", "4711") != x {
		t.Error("the same value has two tokens")
	}
	if token(p, "a", "4712") == x || token(load(strings.Repeat("l", 32)), "a", "4711") == x || token(p, "b", "4711")[9:] == x[9:] {
		t.Error("another value, key or rule has the same token")
	}
	if token(p, "a", "Ana@Example.com") != token(p, "a", "ana@example.com") || token(p, "a", "::ffff:203.0.113.7") != token(p, "a", "203.0.113.7") {
		t.Error("an address written otherwise has another token")
	}
}

func TestPolicyRules(t *testing.T) {
	p, err := redact.Load([]byte(`
version: 1
without: [cookie]
rules:
- {name: keep, do: leave, fields: [request.token]}
- {name: okta-only, do: mask, sources: [okta/*], fields: [nick*]}
- {name: order, do: mask, pattern: 'ORD-([0-9]{4})'}
- {name: note, do: mask, fields: ["a.**.note", ip], pattern: '[A-Z]{3}'}
- {name: short, do: mask, fields: [ip]}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := func(source, raw, want string) {
		t.Helper()
		if got := string(p.Apply(source, []byte(raw))); got != want {
			t.Errorf("%s: %s\nbecame %s\nwant   %s", source, raw, got, want)
		}
	}
	f("app/x", `{"request":{"token":"hunter2"},"token":"hunter2","cookie":"c"}`, `{"request":{"token":"hunter2"},"token":"[masked:token]","cookie":"c"}`)
	f("okta/acme", `{"nickName":"Ana"}`, `{"nickName":"[masked:okta-only]"}`)
	f("app/x", `{"nickName":"Ana"}`, `{"nickName":"Ana"}`)
	f("", `{"source":"okta/acme","occurred_at":0,"actor":0,"action":0,"category":0,"outcome":0,"nickName":"Ana"}`,
		`{"source":"okta/acme","occurred_at":0,"actor":0,"action":0,"category":0,"outcome":0,"nickName":"[masked:okta-only]"}`)
	f("app/x", `x ORD-1234 y ORD-12345`, `x ORD-[masked:order] y ORD-[masked:order]5`)
	f("app/x", `{"a":{"b":{"note":"xABCx"}},"note":"ABC"}`, `{"a":{"b":{"note":"x[masked:note]x"}},"note":"ABC"}`)
	f("app/x", `{"ip":"1.2.3.4"}`, `{"ip":"[masked:short]"}`)

	counts := fmt.Sprint(p.Counts())
	if want := "[{order mask app/x 2} {note mask app/x 1} {short mask app/x 1} {token mask app/x 1} {okta-only mask okta/acme 2}]"; counts != want {
		t.Errorf("counts %s, want %s", counts, want)
	}
}

// TestConcurrent is for the race detector, and counts.
func TestConcurrent(t *testing.T) {
	p, err := redact.Load([]byte("version: 1\nrules: [{name: a, do: mask, sources: ['app/1*'], fields: [aaaa]}]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 200 {
				p.Apply(fmt.Sprint("app/", (i+k)%20), []byte(`{"aaaa":"x","password":"hunter2"}`))
				p.Counts()
			}
		})
	}
	wg.Wait()
	got := map[string]uint64{}
	for _, c := range p.Counts() {
		got[c.Rule] += c.N
	}
	if got["password"] != 1600 || got["a"] != 8*200*11/20 {
		t.Errorf("counted %v", got)
	}
}

func TestLoadErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := redact.Load([]byte(text), make([]byte, 8)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v, want %q", text, err, want)
		}
	}
	f("", "version: found 0")
	f("version: 2", "version")
	f("version: 1\nrule: []", "line 2: field rule not found: version, without, rules")
	f("version: 1\nwithout: [x]", `without: found "x"`)
	f("version: 1\nrules:\n- {name: a, do: mask, fields: [x]}\n- {name: a, do: mask, fields: [x]}", "line 4: name")
	f("version: 1\nrules:\n- {name: card, do: mask, fields: [x]}", `line 3: name: "card" is the name of another rule`)
	f("version: 1\nrules:\n- {name: A, do: mask, fields: [x]}", "line 3: name")
	f("version: 1\nrules:\n- {name: a, do: hash, fields: [x]}", "expected mask, tokenise or leave")
	f("version: 1\nrules:\n- {name: a, do: tokenise, fields: [x]}", "a key of at least 16 bytes; found 8")
	f("version: 1\nrules:\n- {name: a, do: mask}", "fields: required")
	f("version: 1\nrules:\n- {name: a, do: mask, pattern: '('}", "line 3: pattern")
	f("version: 1\nrules:\n- {name: a, do: mask, pattern: 'x*'}", "matches the empty text")
	f("version: 1\nrules:\n- {name: a, do: mask, pattern: '(a)(b)'}", "2 groups")
	f("version: 1\nrules:\n- {name: a, do: leave, pattern: 'a'}", "leave is for fields")
	f("version: 1\nrules:\n- {name: a, do: mask, fields: ['a..b']}", "expected names joined by dots")
	f("version: 1\nrules:\n- {name: a, do: mask, fields: ['**']}", "expected names joined by dots")
	f("version: 1\n---\nversion: 1", "second document")
}

// TestHostileTexts are such that looking ahead from every place of them would
// take minutes, and of longer ones hours.
func TestHostileTexts(t *testing.T) {
	own, err := redact.Load([]byte("version: 1\nrules:\n- {name: a, do: mask, fields: ['**.a.**.b', c.d]}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	fill := func(s string) string { return strings.Repeat(s, (1<<16)/len(s)) }
	for _, text := range []string{
		fill("token="), fill("token=a "), fill("token=arn:"), fill("token=\"arn:"), fill("token='"), fill("token: "), fill("authorization:"), fill("cookie: <"), fill("password='\\'"),
		fill("--token "), fill("token=bearer "), fill("password \\\\"), "token" + fill(" ") + "=x", "token" + fill("\\") + "=x", fill("AKIA"), fill("AKIAEXAMPLEEXAMPLE12 "),
		fill("@"), fill("://a:"), fill("://a:b@"), fill("//:@"), fill("4111111111111112 "), fill("4"), fill("4 "), fill("4111-"), fill("eyJaaaaaa.eyJaaaaaa."), fill("-----BEGIN PRIVATE KEY"),
		fill("[masked:"), fill("[masked:a]token=x "), fill(github + " "), fill("\\u0070"), fill("["), fill("{\"a\":"),
	} {
		for _, raw := range []string{text, js(text), `{"message":` + js(text) + "}"} {
			builtin.Apply("app/x", []byte(raw))
			own.Apply("app/x", []byte(raw))
		}
	}
	const depth = 5000
	for _, name := range []string{"a", "token", "b"} {
		deep := strings.Repeat(`{"`+name+`":`, depth) + `"token=x"` + strings.Repeat("}", depth)
		if out := own.Apply("app/x", []byte(deep)); !json.Valid(out) || strings.Contains(string(out), "=x") {
			t.Errorf("%s: %.100q", name, out)
		}
	}
}

// TestRealFiles holds the built-in rules against audit events of others, which
// are not part of this repository and in which there is no secret.
func TestRealFiles(t *testing.T) {
	files, _ := filepath.Glob("../../shared/data/open/*/*")
	if len(files) == 0 {
		t.Skip("SKIPPED: no real files, so false positives were not looked for")
	}
	p := redact.Default()
	events := 0
	check := func(file string, raw []byte) {
		events++
		if got := p.ApplyLong("x/y", raw); string(got) != string(raw) {
			t.Errorf("%s: %s", file, got)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		check(file, text)
		for line := range strings.Lines(string(text)) {
			check(file, []byte(line))
		}
	}
	t.Logf("%d texts", events)
}

func FuzzApply(f *testing.F) {
	own, err := redact.Load([]byte("version: 1\nrules:\n- {name: mail, do: tokenise, pattern: '[a-z]{1,20}@[a-z]{1,20}\\.com'}\n- {name: user, do: tokenise, fields: [user, '*_ip', ab]}\n- {name: keep, do: leave, fields: ['**.keep']}"), make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{plainEvent, github, jwt, pem, card, `{"password":"x","a":["` + card + `",` + card + `]}`, `{"a":"{\"token\":\"{\\\"secret\\\":\\\"b\\\"}\"}"}`,
		`{"kind":"Secret","data":{"a":"b"}}`, "password='a' token: b1 https://a:b@c", `{"user":"ana@x.com","ab":"10.0.0.1","src_ip":"::1","keep":{"token":"x"}}`,
		"AKIAEXAMPLEEXAMPLE12," + awsSecret, `{"name":"db_password","value":"x"}`, `\ntoken=abc1 \u0026sig=x`, "[masked:x] password=[masked:y]z"} {
		f.Add([]byte(s))
		b, _ := json.Marshal(map[string]string{"message": s})
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := string(raw)
		for name, p := range map[string]*redact.Policy{"default": builtin, "own": own} {
			out := p.Apply("app/x", raw)
			if string(raw) != before {
				t.Fatal("raw was changed")
			}
			if json.Valid(raw) && !json.Valid(out) {
				t.Fatalf("%s: not JSON any more: %q", name, out)
			}
			if again := p.Apply("app/x", out); string(again) != string(out) {
				t.Fatalf("%s: %q\nonce  %q\ntwice %q", name, raw, out, again)
			}
			if long := p.ApplyLong("app/x", raw); string(long) != string(out) {
				t.Fatalf("%s: %q\nby triggers %q\nthe long way %q", name, raw, out, long)
			}
		}
		for _, secret := range []string{github, gitlab, stripe, slack, awsToken, signature} {
			embedded := fmt.Appendf(nil, "%s %s ", raw, secret)
			if secret != signature && strings.Contains(string(builtin.Apply("app/x", embedded)), secret) {
				t.Fatalf("%s is still there", secret)
			}
		}
	})
}
