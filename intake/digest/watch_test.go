package digest_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake/digest"
	"example.com/evident/source"
	"example.com/evident/state"
)

func TestWatchRecordsEveryHourOnce(t *testing.T) {
	w := build()
	w.change(logKey(3, 1), "eventID", "eventid")
	w[logKey(1, 4)] = object{body: zip([]byte("{}"))} // that no digest names
	var cursors state.State
	var acts []state.Act
	now := hour(5).Add(30 * time.Minute)
	c := digest.WatchConfig{
		Source: "aws.cloudtrail/prod", Bucket: bucket, Begin: hour(0),
		Files: func(time.Time, time.Time) digest.Files { return w.files() },
		Keys: func(context.Context, time.Time, time.Time) ([]digest.Key, error) {
			return []digest.Key{{Fingerprint: prints, Public: &key().PublicKey}}, nil
		},
		Cursor: func(source, stream string) (state.Cursor, bool) { return cursors.Cursor(source, stream) },
		Record: func(_ context.Context, a state.Act) error {
			e, err := a.Event(now)
			if err != nil {
				t.Fatal(err)
			}
			cursors, err = state.Apply(cursors, state.Record{Seq: cursors.Next, At: now, Action: e.Action, Outcome: e.Outcome, Detail: e.Detail})
			if a.Action == digest.ActionVerify {
				acts = append(acts, a)
			}
			return err
		},
		Now: func() time.Time { return now },
	}
	watch := func() {
		t.Helper()
		if more, err := digest.Watch(t.Context(), c); err != nil || more {
			t.Fatal(more, err)
		}
	}
	watch() // verifies up to the third hour; the digest of the hour after it is read too
	first := len(acts)
	now = now.Add(3 * time.Hour)
	watch()
	bad := slices.DeleteFunc(slices.Clone(acts), func(a state.Act) bool { return a.Outcome != event.Failure })
	if first < 4 || len(bad) < 2 || bad[0].Target.ID != c.Source || bad[0].Reason != string(digest.LogUnnamed) {
		t.Fatalf("%d acts at first, bad: %+v", first, bad)
	}
	if last := bad[len(bad)-1]; last.Target.ID != "arn:aws:s3:::"+bucket+"/"+digestKey(3, "") || last.Reason != string(digest.LogChanged) {
		t.Errorf("%+v", last)
	}
	objects := map[string]int{}
	for _, a := range acts {
		objects[a.Target.ID]++
	}
	if len(objects) != 8 || objects[c.Source] != 1 || objects["arn:aws:s3:::"+bucket+"/"+digestKey(2, "")] != 1 {
		t.Errorf("%v %+v", objects, bad)
	}
	n := len(acts)
	if watch(); len(acts) != n {
		t.Error("an hour was recorded again")
	}
}

func TestFetchKeys(t *testing.T) {
	value := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&key().PublicKey))
	var asked []string
	keys, err := digest.FetchKeys(t.Context(), func(r *http.Request) (*source.Response, error) {
		b, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("X-Amz-Target")+" "+string(b))
		next := ""
		if len(asked) == 1 {
			next = `,"NextToken":"two"`
		}
		return &source.Response{Status: 200, Body: fmt.Appendf(nil, `{"PublicKeyList":[{"Value":%q,"Fingerprint":"f%d"}]%s}`, value, len(asked), next)}, nil
	}, "https://cloudtrail.eu-west-1.amazonaws.com", hour(0), hour(1))
	if err != nil || len(keys) != 2 || keys[1].Fingerprint != "f2" || !strings.Contains(asked[0], "ListPublicKeys") || !strings.Contains(asked[1], `"NextToken":"two"`) {
		t.Errorf("%v, %v, %v", keys, err, asked)
	}
}
