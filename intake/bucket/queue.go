package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/evident/source"
)

// Limits of a queue.
const (
	queueWait   = 20 * time.Second // for a message, as long as SQS allows
	queueHidden = 15 * time.Minute // a message that was received; then it comes again
	maxKeys     = 10_000           // of one message
)

// A Queue tells of new objects: an SQS queue that a bucket or CloudTrail's topic
// sends notifications to. It makes a connector quicker; the listing goes on, and
// finds what the queue did not tell.
type Queue struct {
	URL    string // of the queue
	Bucket string // whose objects are read; messages about others are left alone
	// Do sends requests that are signed for the service sqs: poll.Client.Do. Its
	// time limit must be longer than 20 seconds.
	Do func(r *http.Request) (*source.Response, error)
}

// Follow reads objects as the queue tells of them, until ctx ends or the queue
// cannot be asked. It may run beside Run.
func (k *Connector) Follow(ctx context.Context, q Queue) error {
	for ctx.Err() == nil {
		if err := k.receive(ctx, q); err != nil && ctx.Err() == nil {
			return fmt.Errorf("ask queue: %w", err)
		}
	}
	return ctx.Err()
}

// message is one message of SQS.
type message struct{ ReceiptHandle, Body string }

// receive reads what one answer of the queue tells of. A message is deleted when
// the events of all its objects are in the trail; one that is not comes again.
func (k *Connector) receive(ctx context.Context, q Queue) error {
	var answer struct{ Messages []message }
	err := q.call(ctx, "ReceiveMessage", map[string]any{
		"QueueUrl": q.URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": int(queueWait.Seconds()), "VisibilityTimeout": int(queueHidden.Seconds()),
	}, &answer)
	if err != nil {
		return err
	}
	for _, m := range answer.Messages {
		objects, ours := q.objects(m.Body)
		if !ours {
			continue
		}
		objects = slices.DeleteFunc(objects, func(o Object) bool { return !strings.HasPrefix(o.Key, k.cfg.Prefix) || !k.wanted(o) })
		if _, err := k.deliver(ctx, objects); err != nil {
			k.note(func(s *Status) { s.LastError = err.Error() })
			k.cfg.Log.WarnContext(ctx, "objects of a message not read", "source", k.cfg.Source, "error", err)
			continue
		}
		if err := q.call(ctx, "DeleteMessage", map[string]any{"QueueUrl": q.URL, "ReceiptHandle": m.ReceiptHandle}, nil); err != nil {
			return err
		}
	}
	return nil
}

// objects reads a notification of S3 or CloudTrail, also inside one of SNS. ours
// is false if it is about another bucket, or cannot be read: such a message stays
// for whoever knows it, or until the queue's own limit.
func (q Queue) objects(body string) (objects []Object, ours bool) {
	var n struct {
		Message string
		Event   string // s3:TestEvent, when notifications are set up
		Bucket  string
		Records []struct {
			EventName string `json:"eventName"`
			S3        struct {
				Bucket struct {
					Name string `json:"name"`
				} `json:"bucket"`
				Object struct {
					Key  string `json:"key"`
					ETag string `json:"eTag"`
					Size int64  `json:"size"`
				} `json:"object"`
			} `json:"s3"`
		}
		TrailBucket string   `json:"s3Bucket"`
		TrailKeys   []string `json:"s3ObjectKey"`
	}
	if err := json.Unmarshal([]byte(body), &n); err != nil || len(n.Records) > maxKeys || len(n.TrailKeys) > maxKeys {
		return nil, false
	}
	if n.Message != "" && n.Message != body {
		inner := Queue{Bucket: q.Bucket}
		return inner.objects(n.Message)
	}
	if n.Event == "s3:TestEvent" {
		return nil, n.Bucket == q.Bucket
	}
	if n.TrailBucket == q.Bucket {
		for _, key := range n.TrailKeys {
			objects = append(objects, Object{Key: key})
		}
		return objects, len(objects) > 0
	}
	for _, r := range n.Records {
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if r.S3.Bucket.Name != q.Bucket || err != nil {
			return nil, false
		}
		if strings.Contains(r.EventName, "ObjectCreated") {
			objects = append(objects, Object{Key: key, ETag: r.S3.Object.ETag, Size: r.S3.Object.Size})
		}
	}
	return objects, len(n.Records) > 0
}

// call asks SQS, by its JSON protocol.
func (q Queue) call(ctx context.Context, name string, ask any, answer any) error {
	b, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	u, err := url.Parse(q.URL)
	if err != nil {
		return errors.New("the queue's URL cannot be used")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.Scheme+"://"+u.Host+"/", bytes.NewReader(b))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS."+name)
	resp, err := q.Do(r)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(resp.Body, answer); err != nil {
		return fmt.Errorf("%s: the answer cannot be read: %w", name, err)
	}
	return nil
}
