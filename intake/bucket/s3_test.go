package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/evident/intake/bucket"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// server runs a real S3 server as a child process: versitygw, from PATH or
// where EVIDENT_VERSITYGW says it is.
func server(t *testing.T) (endpoint string, creds *credentials.Credentials) {
	t.Helper()
	program := os.Getenv("EVIDENT_VERSITYGW")
	if program == "" {
		var err error
		if program, err = exec.LookPath("versitygw"); err != nil {
			t.Skip("SKIPPED: no versitygw, so no real S3 server was read; go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint = l.Addr().String()
	l.Close()
	dir := t.TempDir()
	for _, sub := range []string{"iam", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "--port", endpoint, "--quiet", "--iam-dir", filepath.Join(dir, "iam"), "posix", filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=test-user", "ROOT_SECRET_KEY=test-secret")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server said: %s", out.Bytes())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", endpoint)
		if err == nil {
			conn.Close()
			return endpoint, credentials.NewStaticV4("test-user", "test-secret", "")
		}
		if ctx.Err() != nil {
			t.Fatalf("the server does not listen: %v %s", err, out.Bytes())
		}
	}
}

func TestS3(t *testing.T) {
	endpoint, creds := server(t)
	client, err := minio.New(endpoint, &minio.Options{Creds: creds, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := client.MakeBucket(ctx, "logs", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	upload := func(key string, b []byte) {
		t.Helper()
		if _, err := client.PutObject(ctx, "logs", key, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{UserMetadata: map[string]string{"Signature": "0a0b"}}); err != nil {
			t.Fatal(err)
		}
	}
	day := time.Now().UTC().Format("2006/01/02/")
	for i := range 150 {
		upload(fmt.Sprintf("AWSLogs/1/CloudTrail/r/%s%03d.json.gz", day, i), zipped(object(fmt.Sprint("e", i))))
	}
	upload("AWSLogs/2/CloudTrail/r/"+day+"a.json.gz", zipped(object("other")))

	store, err := bucket.NewS3(bucket.S3Config{Endpoint: endpoint, Bucket: "logs", Plain: true, Credentials: creds, Retries: 1})
	if err != nil {
		t.Fatal(err)
	}
	folders, err := store.Folders(ctx, "AWSLogs/")
	if err != nil || !slices.Equal(folders, []string{"AWSLogs/1/", "AWSLogs/2/"}) {
		t.Errorf("%v, %v", folders, err)
	}
	body, meta, err := store.Open(ctx, "AWSLogs/2/CloudTrail/r/"+day+"a.json.gz")
	if err != nil || meta["signature"] != "0a0b" {
		t.Fatalf("%v, %v", meta, err)
	}
	if b, err := io.ReadAll(body); err != nil || !bytes.Equal(b, zipped(object("other"))) {
		t.Errorf("%q, %v", b, err)
	}
	body.Close()
	if _, _, err := store.Open(ctx, "no such key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}

	r := newRig(t)
	r.now = time.Now()
	k := r.connector(store)
	r.round(k)
	if len(r.events) != 151 || k.Status().Objects != 151 {
		t.Errorf("%d events, %+v", len(r.events), k.Status())
	}
	upload("AWSLogs/1/CloudTrail/r/"+day+"149a.json.gz", zipped(object("next")))
	upload("AWSLogs/1/CloudTrail/r/"+day+"000a.json.gz", zipped(object("late")))
	r.now = r.now.Add(time.Hour)
	if r.round(k); r.events["next"] != 1 || r.events["late"] != 1 || k.Status().Late != 1 || k.Status().Duplicates != 0 {
		t.Errorf("%+v", k.Status())
	}
}
