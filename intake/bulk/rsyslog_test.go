package bulk_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/bulk"
	"example.com/evident/trail"
)

// TestMain runs a server instead of the tests, if it is asked to: the one that
// TestRsyslog kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BULK_TEST_SERVER"); dir != "" {
		fmt.Fprintln(os.Stderr, serve(dir, os.Getenv("BULK_TEST_ADDRESS")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serve(dir, address string) error {
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	mux := http.NewServeMux()
	mux.Handle("/", bulk.New(bulk.Config{Intake: intake.New(intake.Config{Trail: tr, Kinds: kinds}), Bodies: body.New(0), Admit: admit}))
	mux.HandleFunc("/size", func(w http.ResponseWriter, _ *http.Request) {
		n := uint64(0)
		for source, records := range tr.Counts() {
			if source != "evident" { // what the trail says of itself is no line
				n += records
			}
		}
		fmt.Fprint(w, n)
	})
	return http.Serve(l, mux)
}

// start runs a server until it is killed.
func start(t *testing.T, dir, address string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BULK_TEST_SERVER="+dir, "BULK_TEST_ADDRESS="+address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("server: %q %v", line, err)
	}
	return cmd
}

// rsyslog returns rsyslogd and its module for Elasticsearch, or skips.
func rsyslog(t *testing.T) (program, module string) {
	t.Helper()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		t.Skip("SKIPPED: rsyslogd is not installed")
	}
	if module = os.Getenv("OMELASTICSEARCH"); module != "" {
		return program, module
	}
	found, _ := filepath.Glob("/usr/lib/*/rsyslog/omelasticsearch.so")
	if len(found) == 0 {
		t.Skip("SKIPPED: rsyslog-elasticsearch is not installed")
	}
	return program, found[0]
}

const rsyslogConfig = `module(load="%[1]s")
module(load="imfile")
global(workDirectory="%[2]s")
template(name="t" type="list") { constant(value="{\"@timestamp\":\"") property(name="timereported" dateFormat="rfc3339") constant(value="\",\"message\":\"") property(name="msg" format="json") constant(value="\"}") }
template(name="id" type="string" string="%%$!metadata!filename%%-%%$!metadata!fileoffset%%")
input(type="imfile" File="%[2]s/in.log" Tag="test" addMetadata="on" ruleset="out")
ruleset(name="out") {
  action(type="omelasticsearch" server="127.0.0.1" serverport="%[3]s" uid="any" pwd="evk_all" searchIndex="rsyslog" searchType="" template="t" bulkmode="on"
    bulkid="id" dynbulkid="on" writeoperation="create" errorfile="%[2]s/errors" action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList" queue.dequeueBatchSize="1")
}
`

// TestRsyslog has rsyslog send to a server that is killed while it does: every
// line is there once. It sends one line a request: of larger batches rsyslog itself
// loses a line now and then when the connection breaks, and sends the rest again.
func TestRsyslog(t *testing.T) {
	program, module := rsyslog(t)
	dir, data := t.TempDir(), t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	lines := 4000
	var in strings.Builder
	for i := range lines {
		fmt.Fprintf(&in, "role granted %d\n", i)
	}
	conf := filepath.Join(dir, "conf")
	for name, text := range map[string]string{conf: fmt.Sprintf(rsyslogConfig, module, dir, port), filepath.Join(dir, "in.log"): in.String()} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := start(t, data, address)
	sender := exec.Command(program, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	if err := sender.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		sender.Process.Kill()
		sender.Wait()
	}()
	for range 3 {
		time.Sleep(300 * time.Millisecond) // of load
		server.Process.Kill()
		server.Wait()
		server = start(t, data, address)
	}
	size := 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		before := size
		if size = sizeOf(t, address); size == before && size >= lines {
			break // all that comes has come
		}
	}
	server.Process.Kill()
	server.Wait()
	found := counts(t, data)
	for i := range lines {
		if n := found[fmt.Sprintf("role granted %d", i)]; n != 1 {
			t.Errorf("line %d is there %d times", i, n)
		}
	}
}

func sizeOf(t *testing.T, address string) (n int) {
	t.Helper()
	resp, err := http.Get("http://" + address + "/size")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := fmt.Fscan(resp.Body, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// counts returns how often each message stands in the trail in dir.
func counts(t *testing.T, dir string) map[string]int {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: dir, Origin: "test.example/trail"})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	found := map[string]int{}
	for rec, err := range tr.Records(context.Background(), 0, tr.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Parse(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, ok := strings.Cut(string(e.Raw), `"message":"`); ok {
			message, _, _ := strings.Cut(rest, `"`)
			found[strings.TrimSpace(message)]++
		}
	}
	return found
}
