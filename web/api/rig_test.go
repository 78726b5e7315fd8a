package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/evident/event"
	"example.com/evident/index"
	"example.com/evident/intake"
	"example.com/evident/intake/acts"
	"example.com/evident/source/all"
	"example.com/evident/trail"
	"example.com/evident/web/api"
)

// A rig is an API over a real trail and index. Every answer that goes through
// do is held against openapi.yaml.
type rig struct {
	*api.API
	http.Handler
	t     *testing.T
	dir   string
	trail *trail.Trail
	index *index.Index
	book  *acts.Book
	full  atomic.Bool // the disk
	log   lockedBuffer
	token string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func open(t *testing.T) *rig { return openDir(t, t.TempDir()) }

func openDir(t *testing.T, dir string) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir}
	log := slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	r.trail, err = trail.Open(trail.Config{
		Dir: dir, Origin: "test.example/trail", SealRecords: 512, CheckpointEvery: 20 * time.Millisecond,
		Fault: func(op, name string) error {
			if op == "write" && r.full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.trail.Close() })
	if r.book, err = acts.Open(t.Context(), r.trail, nil); err != nil {
		t.Fatal(err)
	}
	if r.index, err = index.Open(t.Context(), index.Config{Dir: filepath.Join(dir, "index"), Trail: r.trail, MemoryBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.index.Close() })
	r.API, err = api.New(api.Config{
		Trail: r.trail, Index: r.index, Book: r.book, Open: true, Version: "test", Log: log,
		Owner:  event.Actor{Type: event.User, ID: "tester"},
		Intake: intake.New(intake.Config{Trail: r.trail, Kinds: all.Kinds}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Handler = r.API.Handler()
	return r
}

// do makes a request, with header given as names and values in turn.
func (r *rig) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	validate(r.t, method, req.URL.Path, w)
	if w.Header().Get("X-Request-Id") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		r.t.Errorf("%s %s: headers %v", method, path, w.Header())
	}
	return w
}

// as returns the rig for the holder of a key.
func (r *rig) as(token string) *rig {
	other := &rig{API: r.API, Handler: r.Handler, t: r.t, dir: r.dir, trail: r.trail, index: r.index, book: r.book, token: token}
	return other
}

// get asks for JSON and expects a status.
func (r *rig) get(path string, status int, into any) {
	r.t.Helper()
	r.read(r.do("GET", path, ""), "GET "+path, status, into)
}

func (r *rig) post(path, body string, status int, into any) {
	r.t.Helper()
	r.read(r.do("POST", path, body), "POST "+path, status, into)
}

func (r *rig) read(w *httptest.ResponseRecorder, what string, status int, into any) {
	r.t.Helper()
	if w.Code != status {
		r.t.Fatalf("%s: status %d, want %d: %.1000s\n%s", what, w.Code, status, w.Body, r.log.String())
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		r.t.Fatalf("%s: %v\n%.1000s", what, err, w.Body)
	}
}

// problem expects an error that says certain words.
func (r *rig) problem(method, path, body string, status int, words string) api.Problem {
	r.t.Helper()
	var p api.Problem
	w := r.do(method, path, body)
	if w.Header().Get("Content-Type") != "application/problem+json" {
		r.t.Errorf("%s %s: Content-Type %s", method, path, w.Header().Get("Content-Type"))
	}
	r.read(w, method+" "+path, status, &p)
	if !strings.Contains(p.Detail, words) || p.Status != status {
		r.t.Errorf("%s %s: %+v, want words %q", method, path, p, words)
	}
	return p
}

// makeKey makes a key and returns its token.
func (r *rig) makeKey(scope string) (id, token string) {
	r.t.Helper()
	var out api.KeyCreated
	r.post("/v1/keys", `{"name":"test","scope":`+scope+`}`, 201, &out)
	return out.Key.ID, out.Token
}

// ev is an event; extra goes before its end.
func ev(source, id, at, action, extra string) string {
	return fmt.Sprintf(`{"id":%q,"source":%q,"occurred_at":%q,"actor":{"type":"user","id":"ana","email":"ana@acme.example"},"action":%q,"category":"data","outcome":"success"%s}`,
		id, source, at, action, extra)
}

// fill stores n events of two sources, a minute after each other.
func (r *rig) fill(n int) {
	r.t.Helper()
	var b strings.Builder
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		source := []string{"app/billing", "okta/acme"}[i%2]
		b.WriteString(ev(source, fmt.Sprint("e", i), at.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), []string{"doc.read", "doc.write", "role.grant"}[i%3], fmt.Sprintf(`,"detail":{"n":%d}`, i)) + "\n")
	}
	var a struct{ Accepted int }
	r.post("/v1/events", b.String(), 200, &a)
	if a.Accepted != n {
		r.t.Fatalf("%d accepted", a.Accepted)
	}
}

// schemas compiles the answers of openapi.yaml.
var schemas = sync.OnceValues(func() (*openAPI, error) {
	b, err := api.OpenAPI()
	if err != nil {
		return nil, err
	}
	o := &openAPI{}
	if err := json.Unmarshal(b, &o.page); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	o.compiler = jsonschema.NewCompiler()
	o.compiler.DefaultDraft(jsonschema.Draft2020)
	o.compiler.AssertFormat()
	return o, o.compiler.AddResource("openapi.json", doc)
})

type openAPI struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	page     struct {
		Paths map[string]map[string]struct {
			OperationID string
			Responses   map[string]struct {
				Ref     string `json:"$ref"`
				Content map[string]any
			}
		}
	}
}

// validate holds an answer against what openapi.yaml says of its route.
func validate(t *testing.T, method, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	o, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	template := templateOf(path)
	op, ok := o.page.Paths[template][strings.ToLower(method)]
	if !ok {
		return // 404, 405: no route
	}
	resp, ok := op.Responses[fmt.Sprint(w.Code)]
	if !ok && w.Code >= 500 {
		resp, ok = op.Responses["default"]
	}
	if !ok {
		t.Errorf("%s %s answers %d, of which openapi.yaml knows nothing: %.300s", method, template, w.Code, w.Body)
		return
	}
	media, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	pointer := fmt.Sprintf("#/paths/%s/%s/responses/%d/content/%s/schema", escape(template), strings.ToLower(method), w.Code, escape(media))
	if resp.Ref != "" {
		pointer = resp.Ref + "/content/" + escape(media) + "/schema"
	} else if resp.Content[media] == nil {
		t.Errorf("%s %s answers %d as %s, of which openapi.yaml knows nothing", method, template, w.Code, media)
		return
	}
	if !strings.HasSuffix(media, "json") || media == "application/x-ndjson" {
		return
	}
	schema, err := o.compiler.Compile("openapi.json" + pointer)
	if err != nil {
		t.Fatalf("%s: %v", pointer, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s %d is not what openapi.yaml says: %v\n%.500s", method, path, w.Code, err, w.Body)
	}
}

func escape(s string) string {
	s = strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
	return strings.NewReplacer("{", "%7B", "}", "%7D", "+", "%2B").Replace(s)
}

// templateOf returns the path of openapi.yaml that a path falls under.
func templateOf(path string) string {
	switch {
	case path == "/v1/events/by-id":
		return path
	case strings.HasPrefix(path, "/v1/events/"):
		return "/v1/events/{seq}"
	case strings.HasPrefix(path, "/v1/keys/"):
		return "/v1/keys/{id}"
	}
	return path
}
