package proof_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/evident/proof"
)

// This file holds verify.py against package proof. It was written from
// docs/format.md and not from this package, so that what both have wrong must
// be wrong in two heads. python3 is part of what tests need: where it is
// missing they fail.

// The script answers one JSON value a line with another: what verify.py prints
// and its exit status, the fields of a body, or what a filter says of a record.
const pythonDriver = `
import contextlib, io, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, ".")
import verify as v
sys.stdout.reconfigure(encoding="utf-8")

def answer(q):
    if "pack" in q:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = v.main(q["args"] + [q["pack"]])
        return {"said": out.getvalue(), "status": status}
    if "body" in q:
        try:
            return {"fields": [[p, t.decode()] for p, t in v.cut(bytes.fromhex(q["body"]))]}
        except (ValueError, RecursionError):
            return {"refused": True}
    try:
        f = v.Filter(q["expr"], "x")
    except v.NotVerified:
        return {"refused": True}
    header = {name: value.encode() for name, value in q["header"].items()}
    tokens = None if q["fields"] is None else {p: t.encode() for p, t in q["fields"]}
    return {"truth": {None: 1, False: 0, True: 2}[f.truth(header, tokens, q["complete"])], "text": f.text.translate(v.CLEAN)}

for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
`

type pythonAnswer struct {
	Said    string
	Status  int
	Fields  [][2]string
	Refused bool
	Truth   proof.Truth
	Text    string
}

// python starts verify.py's functions once, for many questions.
func python(t *testing.T) func(question any) pythonAnswer {
	t.Helper()
	cmd := exec.Command("python3", "-c", pythonDriver)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	answers := bufio.NewReader(out)
	return func(question any) (a pythonAnswer) {
		t.Helper()
		if _, err := in.Write(append(encode(question), '\n')); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadBytes('\n')
		if err != nil {
			t.Fatalf("verify.py broke off at %.300s", encode(question))
		}
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func packQuestion(name string, keys ...string) any {
	args := []string{}
	for _, k := range keys {
		args = append(args, "--key", k)
	}
	return obj{"pack", name, "args", args}
}

var keyLines = regexp.MustCompile(`(?m)^key .*\n`)

// withoutKeys leaves out the lines in which verifiers may differ.
func withoutKeys(said string) string { return keyLines.ReplaceAllString(said, "") }

func TestPythonUnits(t *testing.T) {
	out, err := exec.Command("python3", "verify_test.py").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPythonOnPacks runs verify.py as an auditor would.
func TestPythonOnPacks(t *testing.T) {
	packs, err := filepath.Glob("testdata/packs/*.zip")
	if err != nil || len(packs) < 10 {
		t.Fatalf("%d packs in testdata/packs (%v)", len(packs), err)
	}
	for _, name := range packs {
		want, err := os.ReadFile(strings.TrimSuffix(name, ".zip") + ".want")
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("python3", "verify.py", name).Output()
		var exit *exec.ExitError
		status := 0
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%sexit %d\n", withoutKeys(string(out)), status); got != withoutKeys(string(want)) {
			t.Errorf("%s: verify.py says\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestPythonOnEveryDamage: both name the same thing first, in the zip and in
// the folder.
func TestPythonOnEveryDamage(t *testing.T) {
	ask := python(t)
	for i, d := range damages {
		if d.name == "a checkpoint whose second signature is wrong" {
			continue // the ML-DSA one, which verify.py does without
		}
		p := goodPlan()
		p.signer = newSigner(origin, "pack tests")
		d.do(p)
		files, zip := p.build(t)
		dir := t.TempDir()
		name := filepath.Join(dir, "pack.zip")
		if err := os.WriteFile(name, zip, 0o600); err != nil {
			t.Fatal(err)
		}
		compareVerifiers(t, ask, d.name, name)
		if strings.HasPrefix(d.want, "zip:") || p.pack != nil {
			continue
		}
		folder := filepath.Join(dir, fmt.Sprint("folder", i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for n, b := range files {
			if err := os.WriteFile(filepath.Join(folder, n), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		compareVerifiers(t, ask, d.name+" (folder)", folder)
	}
}

// compareVerifiers holds the output of both against each other.
func compareVerifiers(t *testing.T, ask func(any) pythonAnswer, what, name string) (failed bool) {
	t.Helper()
	var want bytes.Buffer
	err := proof.VerifyPack(os.DirFS(filepath.Dir(name)), filepath.Base(name), nil, &want)
	status := 0
	if err != nil {
		status = 1
	}
	got := ask(packQuestion(name))
	if got.Status != status || withoutKeys(got.Said) != withoutKeys(want.String()) {
		t.Errorf("%s: verify.py says (exit %d)\n%s\nthe Go verifier (%v)\n%s", what, got.Status, got.Said, err, want.String())
	}
	return err != nil
}

// TestPythonOnChangedBytes: a pack of which any byte is another fails, and both
// say the same of it.
func TestPythonOnChangedBytes(t *testing.T) {
	good, err := os.ReadFile("testdata/packs/good-actor.zip")
	if err != nil {
		t.Fatal(err)
	}
	ask := python(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	name := filepath.Join(t.TempDir(), "pack.zip")
	for range 150 {
		b := bytes.Clone(good)
		at, bit := r.IntN(len(b)), byte(1)<<r.IntN(8)
		b[at] ^= bit
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if !compareVerifiers(t, ask, fmt.Sprintf("byte %d xor %#x", at, bit), name) {
			t.Errorf("byte %d xor %#x is not found (seed %d)", at, bit, seed)
		}
	}
}

// TestPythonOnCutBodies: both cut the same bodies into the same fields, and
// refuse the same.
func TestPythonOnCutBodies(t *testing.T) {
	ask := python(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	const alphabet = `{}[]",:\ 0123456789.-+eEtrufalsn/~abu` + "\t\n\x00\x1f\x7f\xc3\xa9\xed\xa0\x80\xf0\x9f\x98\x80"
	refused := 0
	f := func(body []byte) {
		t.Helper()
		want, err := proof.ParseBody(body)
		got := ask(obj{"body", hex.EncodeToString(body)})
		if err != nil {
			refused++
			want = nil
		}
		same := got.Refused == (err != nil) && len(got.Fields) == len(want)
		for i := 0; same && i < len(want); i++ {
			same = got.Fields[i] == [2]string{want[i].Pointer, string(want[i].Value)}
		}
		if !same {
			t.Errorf("body %.200q: verify.py says %+v, ParseBody %v, %v (seed %d)", body, got, want, err, seed)
		}
	}
	for _, body := range bodies {
		f([]byte(body))
	}
	n := 0
	for ; n < 4000; n++ {
		body := []byte(bodies[r.IntN(len(bodies))])
		if len(body) > 2000 || len(body) == 0 {
			continue
		}
		for range 1 + r.IntN(3) {
			i := r.IntN(len(body))
			switch r.IntN(3) {
			case 0:
				body[i] = alphabet[r.IntN(len(alphabet))]
			case 1:
				body = append(body[:i], append([]byte{alphabet[r.IntN(len(alphabet))]}, body[i:]...)...)
			default:
				body = append(body[:i], body[min(len(body), i+1+r.IntN(3)):]...)
			}
			if len(body) == 0 {
				break
			}
		}
		f(body)
	}
	if refused < n/10 || refused > n*9/10 {
		t.Errorf("%d of %d bodies were refused; the test says little", refused, n)
	}
}

// TestPythonOnFilters: both evaluate the same expressions to the same truth.
func TestPythonOnFilters(t *testing.T) {
	ask := python(t)
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	h := header
	h.Source, h.Category, h.Action, h.Outcome = "okta/acme", "access", "role.grant", "success"
	inHeader := obj{
		"seq", fmt.Sprint(h.Seq), "sseq", fmt.Sprint(h.SSeq), "at", string(proof.AppendTime(nil, h.At)), "source", h.Source,
		"occurred_at", string(proof.AppendTime(nil, h.OccurredAt)), "category", h.Category, "action", h.Action,
		"outcome", h.Outcome, "id", hex.EncodeToString(h.ID[:]),
	}
	truths := map[proof.Truth]int{}
	for range 4000 {
		e := g.expr(3, string(proof.AppendTime(nil, h.At)))
		view, fields := g.view()
		var inBody any
		complete := false
		if view != nil {
			inBody, complete = fields, view.Withheld == 0
		}
		got := ask(obj{"expr", e, "header", inHeader, "fields", inBody, "complete", complete})
		if err := e.Validate(); got.Refused != (err != nil) {
			t.Fatalf("%s: verify.py refuses: %v; Validate: %v (seed %d)", encode(e), got.Refused, err, seed)
		} else if err != nil {
			continue
		}
		want := e.Eval(&h, view)
		truths[want]++
		if got.Truth != want || got.Text != e.String() {
			t.Fatalf("%s of %s: verify.py says %v and writes %s; package proof %v and %s (seed %d)",
				encode(e), encode(fields), got.Truth, got.Text, want, e.String(), seed)
		}
	}
	for _, truth := range []proof.Truth{proof.False, proof.Unknown, proof.True} {
		if truths[truth] < 100 {
			t.Errorf("only %d expressions were %v", truths[truth], truth)
		}
	}
}

// generator makes expressions and records that often have to do with each other.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) expr(depth int, at string) proof.Expr {
	if depth > 0 && g.IntN(3) > 0 {
		e := proof.Expr{Op: pick(g, "all", "any", "not")}
		for range pick(g, 1, 1, 2, 3, 0) {
			e.Args = append(e.Args, g.expr(depth-1, at))
		}
		return e
	}
	field := func() string {
		return pick(g, "source", "action", "outcome", "seq", "/source", "/outcome", "/actor/id", "/actor/id", "/actor/email", "/targets/*/id",
			"/targets/*/id", "/targets/0/id", "/*", "/*/*", "/detail/a~1b", "/detail/tags", "/where/ip", "/missing", "body", "actor", "/~2")
	}
	switch pick(g, "is", "is", "is", "cidr", "time", "text") {
	case "is":
		e := proof.Expr{Op: "is", Fields: []string{field()}, Value: g.pattern()}
		for g.IntN(3) == 0 {
			e.Fields = append(e.Fields, field())
		}
		return e
	case "cidr":
		return proof.Expr{Op: "cidr", Fields: []string{pick(g, "/where/ip", "/where/ip", field())},
			Value: pick(g, "203.0.113.0/24", "203.0.113.9/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "::ffff:203.0.113.0/120", "10.0.0.0/8", "x/8", "1.2.3.4")}
	case "time":
		return proof.Expr{Op: pick(g, "from", "until"), Fields: []string{pick(g, "at", "/occurred_at", "/occurred_at", "seq")},
			Value: pick(g, at, "2026-03-01T10:15:29Z", "2026-03-01T10:15:29.5Z", "2020-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "yesterday")}
	default:
		return proof.Expr{Op: "text", Value: pick(g, "alice", "acme", "*lice*", "ali*", "ali", "9", "a b", "*", "", "é", "true", "x\x00", `q"q`, "-")}
	}
}

func (g generator) pattern() string {
	return pick(g, "alice", "ALICE*", "*", "*@acme.example", "a*e", `\*`, `a\\b`, `a\b`, "", "okta/*", "role.*", "true", "12", "é", "É", "*é*", "\x1b", `"`,
		"success", "alice@acme.example", "a*a*a*a*b", "203.0.113.9")
}

// view makes what is known of a body: nothing, or some fields.
func (g generator) view() (*proof.View, [][2]string) {
	if g.IntN(5) == 0 {
		return nil, nil
	}
	fields := [][2]string{}
	v := &proof.View{}
	for _, p := range []string{"/actor/id", "/actor/email", "/targets/0/id", "/targets/1/id", "/detail/a~1b", "/detail/tags", "/where/ip", "/note", "/outcome"} {
		switch g.IntN(3) {
		case 0:
			value := pick(g, `"alice"`, `"Alice@ACME.example"`, `"\u0061lice"`, `"*"`, `"a\\b"`, `true`, `12`, `null`, `{}`, `[]`, `["x", "alice",null , 12]`,
				`"203.0.113.9"`, `"::ffff:203.0.113.9"`, `"2001:db8::1"`, `"203.0.113.09"`, `"fe80::1%eth0"`, `"é"`, `"say alice, ok"`, `"malice"`, `"aaaaaaaaaa"`, `""`, `"q\"q"`, `"x\u0000"`, `1.5e3`)
			fields = append(fields, [2]string{p, value})
			v.Fields = append(v.Fields, proof.Field{Pointer: p, Value: []byte(value)})
		case 1:
			v.Withheld += g.IntN(2)
		}
	}
	return v, fields
}

// TestPythonKeys: what verify.py says of keys, and that it does not run where it cannot.
func TestPythonKeys(t *testing.T) {
	ask := python(t)
	name, own := "testdata/packs/good.zip", newSigner(origin, "pack tests").vkeys()
	stranger := newSigner(origin, "stranger").vkeys()
	f := func(want string, status int, keys ...string) {
		t.Helper()
		if got := ask(packQuestion(name, keys...)); got.Status != status || !strings.Contains(got.Said, want) {
			t.Errorf("exit %d\n%s\nwant exit %d and %q", got.Status, got.Said, status, want)
		}
	}
	f("key       "+own[0]+" (came with the evidence itself: compare it with the one you were given)\n"+
		"key       "+own[1][:strings.LastIndexByte(own[1], '+')]+", ML-DSA-44 (not checked by this verifier)\n", 0)
	f("key       "+own[0]+" (given)\n", 0, own[0])
	f("NOT VERIFIED: pack.note: is not signed by a trusted key\n", 1, stranger[0])
	f("NOT VERIFIED: pack.note: is not signed by a trusted key\n", 1, own[1])
	f("VERIFIED\n", 0, stranger[0], own[0])

	file := filepath.Join(t.TempDir(), "keys.txt")
	if err := os.WriteFile(file, []byte(own[0]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("(given)\n", 0, file)
	for _, args := range [][]string{{"no such.zip"}, {"--key"}, {"--key", "nonsense", name}, {name, name}, {"--nonsense"}} {
		out, err := exec.Command("python3", append([]string{"verify.py"}, args...)...).Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || len(out) > 0 {
			t.Errorf("%q: %v, %q; want exit status 2", args, err, out)
		}
	}
}

// TestPythonInItsOwnFolder: without an argument it verifies the folder it lies in.
func TestPythonInItsOwnFolder(t *testing.T) {
	p := goodPlan()
	p.signer = newSigner(origin, "pack tests")
	files, _ := p.build(t)
	dir := t.TempDir()
	for n, b := range files {
		if n == "verify.py" {
			b = []byte(proof.Script) // and so it is not what pack.json lists
		}
		if err := os.WriteFile(filepath.Join(dir, n), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, _ := exec.Command("python3", filepath.Join(dir, "verify.py")).Output()
	if !strings.HasSuffix(string(out), "NOT VERIFIED: verify.py: is not what pack.json lists\n") {
		t.Errorf("%s", out)
	}
}
