package digest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/evident/intake/digest"
)

const (
	bucket = "example-logs"
	prints = "00112233445566778899aabbccddeeff"
	root   = "AWSLogs/111122223333/"
)

var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

var hour0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return hour0.Add(time.Duration(n) * time.Hour) }

// object is a file of the bucket.
type object struct {
	body []byte
	meta map[string]string
}

// world is a bucket as CloudTrail leaves it.
type world map[string]object

func (w world) files() digest.Files {
	return digest.Files{
		Keys: func(context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for _, k := range slices.Sorted(maps.Keys(w)) {
					if !yield(k, nil) {
						return
					}
				}
			}
		},
		Open: func(_ context.Context, key string) (io.ReadCloser, map[string]string, error) {
			o, ok := w[key]
			if !ok {
				return nil, nil, fs.ErrNotExist
			}
			return io.NopCloser(bytes.NewReader(o.body)), o.meta, nil
		},
	}
}

func digestKey(n int, more string) string {
	t := hour(n + 1)
	return root + "CloudTrail-Digest/eu-west-1/" + t.Format("2006/01/02") + "/111122223333_CloudTrail-Digest_eu-west-1_main_eu-west-1_" + t.Format("20060102T150405Z") + more + ".json.gz"
}

func logKey(n, i int) string {
	t := hour(n).Add(time.Duration(5+10*i) * time.Minute)
	return root + "CloudTrail/eu-west-1/" + t.Format("2006/01/02") + "/111122223333_CloudTrail_eu-west-1_" + t.Format("20060102T1504Z") + fmt.Sprintf("_%016d", n*10+i) + ".json.gz"
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// put writes a digest that says what d says, signed.
func (w world) put(name string, d map[string]any) (plain []byte, signature string) {
	plain, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	previous, ok := d["previousDigestSignature"].(string)
	if !ok {
		previous = "null"
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\n%s/%s\n%s\n%s", d["digestEndTime"], d["digestS3Bucket"], d["digestS3Object"], hash(plain), previous)))
	s, err := rsa.SignPKCS1v15(rand.Reader, key(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	signature = hex.EncodeToString(s)
	w[name] = object{zip(plain), map[string]string{"signature": signature, "signature-algorithm": "SHA256withRSA"}}
	return plain, signature
}

func hourly(name string, n int, logs []map[string]any) map[string]any {
	return map[string]any{
		"awsAccountId": "111122223333", "digestStartTime": hour(n).Format(time.RFC3339), "digestEndTime": hour(n + 1).Format(time.RFC3339),
		"digestS3Bucket": bucket, "digestS3Object": name, "digestPublicKeyFingerprint": prints, "digestSignatureAlgorithm": "SHA256withRSA",
		"newestEventTime": nil, "oldestEventTime": nil, "previousDigestS3Bucket": nil, "previousDigestS3Object": nil,
		"previousDigestHashValue": nil, "previousDigestHashAlgorithm": nil, "previousDigestSignature": nil, "logFiles": logs,
	}
}

// build makes a bucket with six hours, of which the third was quiet.
func build() world {
	w := world{}
	var previous, signature string
	var plain []byte
	for n := range 6 {
		logs := []map[string]any{}
		for i := range 2 {
			if n == 2 {
				break
			}
			b := fmt.Appendf(nil, `{"Records":[{"eventID":"%d-%d"}]}`, n, i)
			w[logKey(n, i)] = object{body: zip(b)}
			logs = append(logs, map[string]any{"s3Bucket": bucket, "s3Object": logKey(n, i), "hashValue": hash(b), "hashAlgorithm": "SHA-256"})
		}
		d := hourly(digestKey(n, ""), n, logs)
		if n > 0 {
			d["previousDigestS3Bucket"], d["previousDigestS3Object"] = bucket, previous
			d["previousDigestHashValue"], d["previousDigestHashAlgorithm"], d["previousDigestSignature"] = hash(plain), "SHA-256", signature
		}
		previous = digestKey(n, "")
		plain, signature = w.put(previous, d)
	}
	b := []byte(`{"Records":[{"eventID":"backfilled"}]}`)
	w[logKey(1, 3)] = object{body: zip(b)}
	w.put(digestKey(1, "_backfill"), hourly(digestKey(1, "_backfill"), 1, []map[string]any{{"s3Bucket": bucket, "s3Object": logKey(1, 3), "hashValue": hash(b), "hashAlgorithm": "SHA-256"}}))
	return w
}

// change unpacks a file, changes it and packs it again, as somebody would who
// wants it to look right.
func (w world) change(key, from, to string) {
	o := w[key]
	z, _ := gzip.NewReader(bytes.NewReader(o.body))
	b, _ := io.ReadAll(z)
	if !bytes.Contains(b, []byte(from)) {
		panic(key + " does not hold " + from)
	}
	w[key] = object{zip(bytes.Replace(b, []byte(from), []byte(to), 1)), o.meta}
}

// copied is w without metadata, below another folder, as aws s3 sync leaves it.
func (w world) copied() world {
	c := world{}
	for k, o := range w {
		c[strings.TrimPrefix(k, root)] = object{body: o.body}
	}
	last := strings.TrimPrefix(digestKey(5, ""), root)
	beside, _ := json.Marshal(map[string]any{"Metadata": w[digestKey(5, "")].meta})
	c[last+".metadata.json"] = object{body: beside}
	fill := digestKey(1, "_backfill")
	c[strings.TrimPrefix(fill, root)+".metadata.json"] = object{body: fmt.Appendf(nil, `{"signature":%q}`, w[fill].meta["signature"])}
	return c
}

func verify(t *testing.T, w world, change ...func(*digest.Config)) *digest.Report {
	t.Helper()
	c := digest.Config{Files: w.files(), Bucket: bucket, Keys: []digest.Key{{Fingerprint: prints, Public: &key().PublicKey}}, From: hour(0), Until: hour(6)}
	for _, f := range change {
		f(&c)
	}
	r, err := digest.Verify(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// offline verifies a copy.
func offline(c *digest.Config) { c.Bucket = "" }

func TestWhatIsWholeIsValid(t *testing.T) {
	for name, r := range map[string]*digest.Report{
		"bucket":              verify(t, build()),
		"copy":                verify(t, build().copied(), offline),
		"a key without print": verify(t, build(), func(c *digest.Config) { c.Keys[0].Fingerprint = "" }),
		"no period":           verify(t, build(), func(c *digest.Config) { c.From, c.Until = time.Time{}, time.Time{} }),
	} {
		if !r.OK() || r.Digests != 7 || r.Valid != 7 || r.Logs != 11 || r.ValidLogs != 11 || r.Pending != 0 || !r.From.Equal(hour(0)) || !r.Until.Equal(hour(6)) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	part := verify(t, build(), func(c *digest.Config) { c.From, c.Until = hour(2), hour(4) })
	if !part.OK() || part.Digests > 5 || part.Digests < 3 {
		t.Errorf("part of it: %+v", part)
	}
}

// TestEveryDamageIsFound: each damage, and the problems that it has to cause.
func TestEveryDamageIsFound(t *testing.T) {
	f := func(name string, damage func(w world), want ...digest.What) {
		t.Helper()
		for _, kept := range []string{"bucket", "copy"} {
			w := build()
			damage(w)
			r := verify(t, w)
			if kept == "copy" {
				if strings.HasPrefix(name, "metadata") {
					continue
				}
				r = verify(t, w.copied(), offline)
			}
			var got []digest.What
			for _, p := range r.Problems {
				got = append(got, p.What)
				if p.String() == "" || p.File == "" {
					t.Errorf("%s: %+v", name, p)
				}
			}
			for _, p := range want {
				if !slices.Contains(got, p) {
					t.Errorf("%s (%s): found %q, want %q", name, kept, r.Problems, p)
				}
			}
			if r.OK() {
				t.Errorf("%s (%s): all is well", name, kept)
			}
		}
	}
	f("a log file is changed", func(w world) { w.change(logKey(3, 1), "eventID", "eventid") }, digest.LogChanged)
	f("a log file is deleted", func(w world) { delete(w, logKey(3, 1)) }, digest.LogMissing)
	f("a log file is cut", func(w world) { o := w[logKey(3, 1)]; w[logKey(3, 1)] = object{body: o.body[:len(o.body)-5]} }, digest.LogBroken)
	f("bytes follow a log file", func(w world) { o := w[logKey(3, 1)]; w[logKey(3, 1)] = object{body: append(o.body, "x"...)} }, digest.LogBroken)
	f("a second file follows in a log file", func(w world) {
		o := w[logKey(3, 1)]
		w[logKey(3, 1)] = object{body: append(o.body, zip([]byte("more"))...)}
	}, digest.LogBroken)
	f("a log file is added", func(w world) { w[logKey(3, 4)] = object{body: zip([]byte("{}"))} }, digest.LogUnnamed)
	f("two log files are exchanged", func(w world) { w[logKey(3, 1)], w[logKey(3, 0)] = w[logKey(3, 0)], w[logKey(3, 1)] }, digest.LogChanged)
	f("a backfilled log file is changed", func(w world) { w.change(logKey(1, 3), "backfilled", "other") }, digest.LogChanged)
	f("a digest is changed", func(w world) { w.change(digestKey(3, ""), logKey(3, 1), logKey(3, 0)) }, digest.BadSignature, digest.BadLink)
	f("a digest is deleted", func(w world) { delete(w, digestKey(3, "")) }, digest.DigestMissing, digest.LogUnnamed)
	f("a digest is cut", func(w world) { o := w[digestKey(3, "")]; w[digestKey(3, "")] = object{o.body[:20], o.meta} }, digest.BadFormat)
	f("bytes follow a digest", func(w world) { o := w[digestKey(3, "")]; w[digestKey(3, "")] = object{append(o.body, 0), o.meta} }, digest.BadFormat)
	f("a digest is put in the place of another", func(w world) { w[digestKey(3, "")] = w[digestKey(2, "")] }, digest.Moved, digest.BadLink)
	f("the newest digests are deleted", func(w world) { delete(w, digestKey(5, "")); delete(w, digestKey(4, "")) }, digest.Uncovered)
	f("the oldest digest is deleted", func(w world) { delete(w, digestKey(0, "")) }, digest.DigestMissing, digest.LogUnnamed)
	f("all digests are deleted", func(w world) {
		for n := range 6 {
			delete(w, digestKey(n, ""))
		}
		delete(w, digestKey(1, "_backfill"))
	}, digest.Uncovered)
	f("the chain begins anew", func(w world) { w.put(digestKey(3, ""), hourly(digestKey(3, ""), 3, nil)) }, digest.Gap, digest.BadLink)
	f("an hour is left out by who has the key", func(w world) {
		d := hourly(digestKey(4, ""), 4, nil)
		plain := w.plain(digestKey(2, ""))
		d["previousDigestS3Bucket"], d["previousDigestS3Object"], d["previousDigestHashAlgorithm"] = bucket, digestKey(2, ""), "SHA-256"
		d["previousDigestHashValue"], d["previousDigestSignature"] = hash(plain), w[digestKey(2, "")].meta["signature"]
		w.put(digestKey(4, ""), d)
		delete(w, digestKey(3, ""))
	}, digest.Gap)
	f("metadata is not hex", func(w world) {
		w[digestKey(5, "")] = object{w[digestKey(5, "")].body, map[string]string{"signature": "no"}}
	}, digest.BadSignature)
	f("the newest has another's signature", func(w world) {
		w[digestKey(5, "")] = object{w[digestKey(5, "")].body, w[digestKey(4, "")].meta}
	}, digest.BadSignature)
}

// plain returns what a file holds.
func (w world) plain(key string) []byte {
	z, _ := gzip.NewReader(bytes.NewReader(w[key].body))
	b, _ := io.ReadAll(z)
	return b
}

func TestCopyWithoutTheLastSignature(t *testing.T) {
	c := build().copied()
	for k := range c {
		if strings.HasSuffix(k, ".metadata.json") {
			delete(c, k)
		}
	}
	r := verify(t, c, offline)
	if len(r.Problems) != 2 || r.Problems[0].What != digest.Unsigned || r.Problems[1].What != digest.Unsigned || r.Valid != 5 {
		t.Errorf("%+v", r)
	}
}

func TestKeysOfOthersAreNone(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r := verify(t, build(), func(c *digest.Config) { c.Keys = []digest.Key{{Fingerprint: prints, Public: &other.PublicKey}} })
	if r.Valid != 0 || r.Problems[0].What != digest.BadSignature {
		t.Errorf("%+v", r)
	}
	r = verify(t, build(), func(c *digest.Config) { c.Keys = []digest.Key{{Fingerprint: "ff", Public: &key().PublicKey}} })
	if r.Valid != 0 || r.Problems[0].What != digest.UnknownKey {
		t.Errorf("%+v", r)
	}
}

func TestPeriodThatIsNotCovered(t *testing.T) {
	r := verify(t, build(), func(c *digest.Config) { c.From, c.Until = hour(-5), hour(9) })
	if len(r.Problems) != 2 || r.Problems[0].What != digest.Uncovered || r.Problems[1].What != digest.Uncovered {
		t.Errorf("%+v", r.Problems)
	}
}

func TestNewestLogFilesArePending(t *testing.T) {
	w := build()
	w[logKey(6, 0)] = object{body: zip([]byte("{}"))}
	if r := verify(t, w, func(c *digest.Config) { c.Until = time.Time{} }); !r.OK() || r.Pending != 1 {
		t.Errorf("%+v", r)
	}
}

func TestReadingThatFailsSaysNothingOfTheFiles(t *testing.T) {
	files := build().files()
	open := files.Open
	files.Open = func(ctx context.Context, key string) (io.ReadCloser, map[string]string, error) {
		if key == logKey(3, 1) {
			return io.NopCloser(io.MultiReader(strings.NewReader("\x1f\x8b"), failing{})), nil, nil
		}
		return open(ctx, key)
	}
	_, err := digest.Verify(t.Context(), digest.Config{Files: files, Bucket: bucket})
	if !errors.Is(err, errNetwork) {
		t.Errorf("%v", err)
	}
}

var errNetwork = errors.New("network is down")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errNetwork }

func TestParseKeys(t *testing.T) {
	pkcs1 := x509.MarshalPKCS1PublicKey(&key().PublicKey)
	pkix, err := x509.MarshalPKIXPublicKey(&key().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"PKCS #1":     pkcs1,
		"PKIX":        pkix,
		"PEM":         pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}),
		"PEM of PKIX": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
		"AWS":         fmt.Appendf(nil, `{"PublicKeyList":[{"Value":%q,"Fingerprint":%q,"ValidityStartTime":1772355600.0}]}`, base64.StdEncoding.EncodeToString(pkcs1), prints),
	} {
		keys, err := digest.ParseKeys(b)
		if err != nil || len(keys) != 1 || !keys[0].Public.Equal(&key().PublicKey) || (keys[0].Fingerprint == prints) != (name == "AWS") {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
	for _, b := range []string{"", "{}", "[]", "-----BEGIN X-----", `{"PublicKeyList":[{"Value":"AAAA"}]}`, "x"} {
		if _, err := digest.ParseKeys([]byte(b)); err == nil {
			t.Errorf("%q holds a key", b)
		}
	}
}
