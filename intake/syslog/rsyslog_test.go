package syslog_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/evident/intake/syslog"
)

// An rsyslog is a real one: it reads lines from a file and forwards them by one
// action.
type rsyslog struct {
	t        testing.TB
	dir      string
	conf     string
	cmd      *exec.Cmd
	out      bytes.Buffer
	finished chan struct{}
}

// newRsyslog makes the configuration of one; nothing runs yet.
func newRsyslog(t testing.TB, module, action string) *rsyslog {
	t.Helper()
	if _, err := exec.LookPath("rsyslogd"); err != nil {
		t.Skip("SKIPPED: there is no rsyslogd; apt-get install rsyslog rsyslog-relp rsyslog-gnutls")
	}
	dir := t.TempDir()
	r := &rsyslog{t: t, dir: dir, conf: filepath.Join(dir, "rsyslog.conf")}
	conf := fmt.Sprintf(`
global(workDirectory=%q)
main_queue(queue.timeoutShutdown="10000")
module(load="imfile" mode="polling" pollingInterval="1")
%s
input(type="imfile" file=%q tag="app" ruleset="forward" persistStateInterval="1000")
ruleset(name="forward") { action(%s) }
`, dir, module, r.file(), action)
	r.write(r.conf, conf)
	return r
}

func (r *rsyslog) file() string { return filepath.Join(r.dir, "in.log") }

func (r *rsyslog) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// numbered are n lines.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "2026-03-01T12:00:00Z line %06d of the test\n", i)
	}
	return b.String()
}

// start starts it. What it has not forwarded when it was stopped or killed
// before, it forwards now.
func (r *rsyslog) start() {
	r.t.Helper()
	os.Remove(filepath.Join(r.dir, "pid"))
	r.cmd = exec.Command("rsyslogd", "-n", "-f", r.conf, "-i", filepath.Join(r.dir, "pid"))
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	cmd, finished := r.cmd, make(chan struct{})
	r.finished = finished
	go func() {
		cmd.Wait()
		close(finished)
	}()
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		<-finished
	})
}

func (r *rsyslog) kill(sig os.Signal) {
	r.cmd.Process.Signal(sig)
	select {
	case <-r.finished:
	case <-time.After(20 * time.Second):
		r.t.Errorf("rsyslog does not end\n%s", r.out.String())
		r.cmd.Process.Kill()
		<-r.finished
	}
}

// once wants each of n numbered lines exactly once.
func once(t testing.TB, raws []string, n int) {
	t.Helper()
	seen := make([]int, n)
	for _, raw := range raws {
		_, after, ok := strings.Cut(raw, "line ")
		i, err := strconv.Atoi(after[:min(len(after), 6)])
		if !ok || err != nil || i >= n || !strings.HasSuffix(raw, " of the test") || !strings.HasPrefix(raw, "<") {
			t.Fatalf("stored %q", raw)
		}
		seen[i]++
	}
	var missing, twice []int
	for i, k := range seen {
		if k == 0 {
			missing = append(missing, i)
		}
		if k > 1 {
			twice = append(twice, i)
		}
	}
	if len(missing)+len(twice) > 0 {
		t.Errorf("of %d lines %d are missing (%v) and %d are there more than once (%v)", n, len(missing), missing[:min(len(missing), 10)], len(twice), twice[:min(len(twice), 10)])
	}
}

const waitForever = `action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="1"`

func TestRsyslogPlain(t *testing.T) {
	for framing, template := range map[string]string{"traditional": "RSYSLOG_ForwardFormat", "octet-counted": "RSYSLOG_SyslogProtocol23Format"} {
		t.Run(framing, func(t *testing.T) {
			r := start(t, nil)
			_, port, _ := strings.Cut(r.addr, ":")
			rs := newRsyslog(t, "", fmt.Sprintf(`type="omfwd" target="127.0.0.1" port=%q protocol="tcp" TCP_Framing=%q template=%q %s`, port, framing, template, waitForever))
			const n = 5000
			rs.write(rs.file(), numbered(n))
			rs.start()
			r.await(n)
			rs.kill(syscall.SIGTERM)
			once(t, r.raws(), n)
		})
	}
}

// documented is the nth of the settings for rsyslog in docs/syslog.md, for a
// server at addr and certificates in dir.
func documented(t testing.TB, n int, addr, dir string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/syslog.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "\n```\n") // what begins so ends so, but for the first, which has a language
	if len(blocks) < 8 {
		t.Fatalf("docs/syslog.md has %d parts", len(blocks))
	}
	_, port, _ := strings.Cut(addr, ":")
	return strings.NewReplacer(
		`target="evident.example.com"`, `target="127.0.0.1"`, `port="2514"`, `port="`+port+`"`, `port="6514"`, `port="`+port+`"`,
		`/etc/rsyslog/`, dir+"/", `resumeIntervalMax="10"`, `resumeIntervalMax="1"`,
	).Replace(blocks[2*n])
}

// relpAction is what the documentation says of RELP.
func relpAction(t testing.TB, addr string) (module, action string) {
	module, action, ok := strings.Cut(documented(t, 1, addr, ""), "action(")
	if !ok || !strings.Contains(module, "omrelp") {
		t.Fatalf("docs/syslog.md says %q", module)
	}
	return module, strings.TrimSuffix(strings.TrimSpace(action), ")")
}

func withRELP(c *syslog.Config) { c.RELP = true }

func TestRsyslogRELP(t *testing.T) {
	r := start(t, withRELP)
	rs := relpRsyslog(t, r.addr)
	const n = 20_000
	rs.write(rs.file(), numbered(n))
	begun := time.Now()
	rs.start()
	r.await(n)
	t.Logf("%d lines in %v", n, time.Since(begun))
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
	if c := r.l.Counts(); c.Resent != 0 || c.Malformed != 0 {
		t.Errorf("%+v", c)
	}
}

func relpRsyslog(t testing.TB, addr string) *rsyslog {
	t.Helper()
	module, action := relpAction(t, addr)
	return newRsyslog(t, module, action)
}

// An authority signs certificates.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := a.sign("ca", a.cert)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(cert)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

// sign writes the certificate and its key; the first one signs itself.
func (a *authority) sign(name string, cert *x509.Certificate) (der []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.key == nil {
		a.key = key
	}
	if der, err = x509.CreateCertificate(crand.Reader, cert, a.cert, key.Public(), a.key); err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name: {Type: "CERTIFICATE", Bytes: der}, name + "-key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return der
}

func (a *authority) issue(name string) tls.Certificate {
	a.t.Helper()
	a.sign(name, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	cert, err := tls.LoadX509KeyPair(a.file(name), a.file(name+"-key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func TestRsyslogTLS(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue("evident.example.com")
	r := start(t, func(c *syslog.Config) { c.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} })
	module, action, _ := strings.Cut(documented(t, 3, r.addr, ca.dir), "action(")
	rs := newRsyslog(t, module, strings.TrimSuffix(strings.TrimSpace(action), ")"))
	const n = 5000
	rs.write(rs.file(), numbered(n))
	rs.start()
	r.await(n)
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
}

// Both sides show certificates.
func TestRsyslogRELPOverTLS(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue("evident.example.com")
	ca.issue("host")
	r := start(t, func(c *syslog.Config) {
		c.RELP = true
		c.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool}
	})
	module, action := relpAction(t, r.addr)
	rs := newRsyslog(t, module, action+" "+documented(t, 2, r.addr, ca.dir))
	const n = 5000
	rs.write(rs.file(), numbered(n))
	rs.start()
	r.await(n)
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
}

// Datagrams may be lost, but not here, where few are sent.
func TestRsyslogUDP(t *testing.T) {
	r := startUDP(t, nil)
	_, port, _ := strings.Cut(r.addr, ":")
	rs := newRsyslog(t, "", fmt.Sprintf(`type="omfwd" target="127.0.0.1" port=%q protocol="udp" template="RSYSLOG_SyslogProtocol23Format"`, port))
	const n = 200
	rs.write(rs.file(), numbered(n))
	rs.start()
	r.await(n)
	rs.kill(syscall.SIGTERM)
	once(t, r.raws(), n)
}
