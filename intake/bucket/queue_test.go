package bucket_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/evident/intake/bucket"
	"example.com/evident/source"
)

func notification(name, bucketName, key string) string {
	return fmt.Sprintf(`{"Records":[{"eventName":%q,"s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1,"eTag":"e"}}}]}`, name, bucketName, key)
}

func TestQueueTellsOfObjects(t *testing.T) {
	r := newRig(t)
	fsys := files(map[string][]byte{
		"AWSLogs/1/x/2026/03/10/a b+c.json": object("a"), "AWSLogs/1/x/2026/03/10/b.json": object("b"), "AWSLogs/1/x/2026/03/10/c.json": object("c"),
		"AWSLogs/1/x/2026/03/10/d.json": object("d"), "other/e.json": object("e"),
	})
	inner, _ := json.Marshal(map[string]any{"Type": "Notification", "Message": `{"s3Bucket":"logs","s3ObjectKey":["AWSLogs/1/x/2026/03/10/b.json","AWSLogs/1/x/2026/03/10/c.json"]}`})
	bodies := []string{
		notification("ObjectCreated:Put", "logs", "AWSLogs/1/x/2026/03/10/a+b%2Bc.json"),
		string(inner),
		notification("ObjectRemoved:Delete", "logs", "AWSLogs/1/x/2026/03/10/d.json"),
		notification("ObjectCreated:Put", "logs", "other/e.json"),
		notification("ObjectCreated:Put", "elsewhere", "AWSLogs/1/x/2026/03/10/d.json"),
		`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"}`,
		`not JSON`,
	}
	var deleted []string
	received := false
	q := bucket.Queue{URL: "https://sqs.eu-west-1.amazonaws.com/111122223333/new", Bucket: "logs"}
	errDone := errors.New("done")
	q.Do = func(req *http.Request) (*source.Response, error) {
		b, _ := io.ReadAll(req.Body)
		if req.URL.String() != "https://sqs.eu-west-1.amazonaws.com/" || source.MemberText(b, "QueueUrl") != q.URL {
			t.Errorf("%s %s", req.URL, b)
		}
		if req.Header.Get("X-Amz-Target") == "AmazonSQS.DeleteMessage" {
			deleted = append(deleted, source.MemberText(b, "ReceiptHandle"))
			return &source.Response{Status: 200, Body: []byte("{}")}, nil
		}
		if received {
			return nil, errDone
		}
		received = true
		var messages []map[string]string
		for i, body := range bodies {
			messages = append(messages, map[string]string{"ReceiptHandle": fmt.Sprint(i), "Body": body})
		}
		answer, _ := json.Marshal(map[string]any{"Messages": messages})
		return &source.Response{Status: 200, Body: answer}, nil
	}
	k := r.connector(bucket.Folder{FS: fsys})
	if err := k.Follow(t.Context(), q); !errors.Is(err, errDone) {
		t.Fatal(err)
	}
	if got := r.got(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("%v", got)
	}
	if strings.Join(deleted, "") != "01235" {
		t.Errorf("deleted %v", deleted)
	}
	if len(r.acts) != 0 {
		t.Errorf("acts %v", r.acts)
	}
	r.round(k)
	if got := r.got(); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("the listing found %v", got)
	}
}

func TestMessageWhoseObjectsAreNotStoredStays(t *testing.T) {
	r := newRig(t)
	r.refuse = errors.New("trail is full")
	ctx, cancel := context.WithCancel(t.Context())
	q := bucket.Queue{URL: "https://sqs.example.com/q", Bucket: "logs", Do: func(req *http.Request) (*source.Response, error) {
		if strings.HasSuffix(req.Header.Get("X-Amz-Target"), "DeleteMessage") {
			t.Error("deleted")
		}
		cancel()
		answer, _ := json.Marshal(map[string]any{"Messages": []map[string]string{{"ReceiptHandle": "h", "Body": notification("ObjectCreated:Put", "logs", "AWSLogs/1/x/2026/03/10/a.json")}}})
		return &source.Response{Status: 200, Body: answer}, nil
	}}
	k := r.connector(bucket.Folder{FS: files(map[string][]byte{"AWSLogs/1/x/2026/03/10/a.json": object("a")})})
	if err := k.Follow(ctx, q); !errors.Is(err, context.Canceled) || len(r.events) != 0 {
		t.Errorf("%v %v", err, r.events)
	}
}
