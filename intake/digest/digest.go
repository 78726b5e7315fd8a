// Package digest verifies the digest files by which CloudTrail vouches, every
// hour, for the log files that it delivered, and by them the log files: in the
// bucket or in a copy of it on a disk, without asking AWS anything.
//
// A digest names the log files of its hour with their hashes and the digest
// before it with its hash and signature; its own signature stands in the
// metadata of its object. What is signed is four lines: the end of the hour,
// bucket and key, the hash of the digest, the signature of the one before or
// "null". All hashes are SHA-256 of the file as it is unpacked; the signature is
// RSA PKCS #1 v1.5 with SHA-256.
//
// A copy has no metadata. The signature of a digest then comes from the one after
// it, which repeats it, or from a file beside it: NAME.metadata.json with what
// aws s3api head-object says.
//
// Beyond what AWS's own command says, it is a problem here when the period that
// was asked for is not covered at its beginning or end, when a chain begins
// anew, when the hash of the digest before is not the one that was named, when
// bytes follow a file's end, and when a log file is named by no digest. A digest
// that cannot be checked is not valid.
package digest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"time"
)

// Limits of a verification.
const (
	maxFiles       = 2_000_000
	maxDigestBytes = 64 << 20 // unpacked
	maxLogBytes    = 16 << 30 // unpacked
	maxProblems    = 10_000   // that are listed; the rest is counted
)

// Files are what CloudTrail delivered.
type Files struct {
	// Keys yields the keys of all files.
	Keys func(ctx context.Context) iter.Seq2[string, error]
	// Open returns a file's bytes and its own metadata, names in lower case.
	Open func(ctx context.Context, key string) (io.ReadCloser, map[string]string, error)
}

// Config says what is verified.
type Config struct {
	Files Files
	Keys  []Key
	// Bucket is where the files lie as they were delivered; every file must be
	// in its place. Empty: a copy, in which names must be right.
	Bucket string
	// From and Until are the period that is to be covered; zero: whatever the
	// digests cover.
	From, Until time.Time
	// Each, if set, is called for every digest when it was checked.
	Each func(Result)
}

// What is wrong with a file or a stretch of time.
type What string

// Problems, in the order in which a report counts them.
const (
	BadFormat     What = "not a digest file"
	Moved         What = "not where it was delivered"
	Unsigned      What = "no signature at hand"
	UnknownKey    What = "no public key with this fingerprint"
	BadSignature  What = "signature does not verify"
	DigestMissing What = "digest file missing"
	BadLink       What = "not what the next digest names"
	Gap           What = "chain begins anew"
	LogMissing    What = "log file missing"
	LogChanged    What = "log file changed"
	LogBroken     What = "log file cannot be unpacked"
	LogUnnamed    What = "log file that no digest names"
	Uncovered     What = "not covered by any digest"
)

// A Problem is one thing that is wrong.
type Problem struct {
	What   What
	File   string // or the stretch of time
	Detail string
}

func (p Problem) String() string {
	s := p.File + ": " + string(p.What)
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

// A Result is what came of one digest: an hour of one trail in one region.
type Result struct {
	Key        string // of the digest
	Bucket     string // where it was delivered
	Object     string
	Account    string
	Start, End time.Time
	Backfill   bool
	Logs       int // log files that it names
	Problems   []Problem
}

// OK reports whether the digest and all that it names is as it was delivered.
func (r Result) OK() bool { return len(r.Problems) == 0 }

// A Report is what came of a verification.
type Report struct {
	// From and Until are the first and last time that a valid digest covers;
	// whether all between is covered is what Problems say.
	From, Until time.Time
	Digests     int // and how many of them are valid, with all that they name
	Valid       int
	Logs        int // that digests name
	ValidLogs   int
	// Pending counts log files that are newer than the newest digest of their
	// account and region: nothing vouches for them yet.
	Pending  int
	Problems []Problem
	More     int // problems beyond those listed
}

// OK reports whether everything was found as it was delivered, and anything was.
func (r *Report) OK() bool { return r.Digests > 0 && len(r.Problems) == 0 }

func (r *Report) add(p ...Problem) {
	for _, one := range p {
		if len(r.Problems) < maxProblems {
			r.Problems = append(r.Problems, one)
		} else {
			r.More++
		}
	}
}

// file is a digest as it was read.
type file struct {
	key       string
	name      name
	plain     [sha256.Size]byte // hash of it, unpacked
	signature string            // from its metadata; empty in a copy
	bad       error             // it is none
	body
}

// body is what a digest file holds. What is null in the first digest of a chain
// is empty.
type body struct {
	Account           string   `json:"awsAccountId"`
	Start             string   `json:"digestStartTime"`
	End               string   `json:"digestEndTime"`
	Bucket            string   `json:"digestS3Bucket"`
	Object            string   `json:"digestS3Object"`
	Fingerprint       string   `json:"digestPublicKeyFingerprint"`
	Algorithm         string   `json:"digestSignatureAlgorithm"`
	PreviousBucket    string   `json:"previousDigestS3Bucket"`
	PreviousObject    string   `json:"previousDigestS3Object"`
	PreviousHash      string   `json:"previousDigestHashValue"`
	PreviousHashBy    string   `json:"previousDigestHashAlgorithm"`
	PreviousSignature *string  `json:"previousDigestSignature"`
	Logs              []logRef `json:"logFiles"`

	start, end time.Time
}

// logRef is a log file as a digest names it.
type logRef struct {
	Bucket string `json:"s3Bucket"`
	Object string `json:"s3Object"`
	Hash   string `json:"hashValue"`
	HashBy string `json:"hashAlgorithm"`
}

// name is what the name of a digest file says: ACCOUNT_CloudTrail-Digest_REGION_
// TRAIL_HOME_TIME[_backfill].json.gz.
type name struct {
	chain    string // everything but the time
	at       time.Time
	place    string // account and region
	backfill bool
}

const suffix = ".json.gz"

// digestName reads the name of a digest file; false if it is none.
func digestName(key string) (n name, ok bool) {
	base, ok := strings.CutSuffix(path.Base(key), suffix)
	if !ok {
		return n, false
	}
	account, rest, ok := strings.Cut(base, "_CloudTrail-Digest_")
	if !ok {
		return n, false
	}
	rest, n.backfill = strings.CutSuffix(rest, "_backfill")
	i := strings.LastIndexByte(rest, '_')
	if i < 0 {
		return n, false
	}
	at, err := time.Parse("20060102T150405Z", rest[i+1:])
	if err != nil {
		return n, false
	}
	region, _, _ := strings.Cut(rest, "_")
	n.chain, n.at, n.place = account+"_"+rest[:i], at, account+" "+region
	if n.backfill {
		n.chain += " backfill"
	}
	return n, true
}

// logName reads the name of a log file: ACCOUNT_CloudTrail_REGION_TIME_X.json.gz.
func logName(key string) (place string, at time.Time, ok bool) {
	base, ok := strings.CutSuffix(path.Base(key), suffix)
	parts := strings.Split(base, "_")
	if !ok || len(parts) != 5 || parts[1] != "CloudTrail" && parts[1] != "CloudTrail-Insight" && parts[1] != "CloudTrail-NetworkActivity" {
		return "", at, false
	}
	at, err := time.Parse("20060102T1504Z", parts[3])
	return parts[0] + " " + parts[2], at, err == nil
}

// read reads a digest file. An error is one of reading; a file that is no
// digest has bad set.
func (v *verification) read(ctx context.Context, key string, n name) (*file, error) {
	f := &file{key: key, name: n}
	r, meta, err := v.cfg.Files.Open(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, err)
	}
	defer r.Close()
	var plain bytes.Buffer
	from := &reader{r: r}
	err = unpack(&plain, from, maxDigestBytes)
	if from.err != nil {
		return nil, fmt.Errorf("read %s: %w", key, from.err)
	}
	f.plain = sha256.Sum256(plain.Bytes())
	if err == nil {
		err = f.parse(plain.Bytes())
	}
	f.bad = err
	if f.signature = meta["signature"]; f.signature == "" {
		if f.signature, err = v.sidecar(ctx, key); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// parse reads the body and checks that it says what a digest says.
func (b *body) parse(plain []byte) error {
	if err := json.Unmarshal(plain, b); err != nil {
		return err
	}
	var err error
	if b.start, err = time.Parse(time.RFC3339, b.Start); err != nil {
		return errors.New("digestStartTime is no time")
	}
	if b.end, err = time.Parse(time.RFC3339, b.End); err != nil {
		return errors.New("digestEndTime is no time")
	}
	if b.Bucket == "" || b.Object == "" || b.Fingerprint == "" {
		return errors.New("digestS3Bucket, digestS3Object or digestPublicKeyFingerprint is missing")
	}
	if b.Algorithm != "SHA256withRSA" {
		return fmt.Errorf("digestSignatureAlgorithm is %.40q; expected SHA256withRSA", b.Algorithm)
	}
	return nil
}

// signed is the text that the signature of a digest is of.
func (f *file) signed() string {
	previous := "null"
	if f.PreviousSignature != nil {
		previous = *f.PreviousSignature
	}
	return f.End + "\n" + f.Bucket + "/" + f.Object + "\n" + hex.EncodeToString(f.plain[:]) + "\n" + previous
}

// sidecar returns the signature that a file beside a digest gives; empty if
// there is no such file.
func (v *verification) sidecar(ctx context.Context, key string) (string, error) {
	beside := key + ".metadata.json"
	if !v.has(beside) {
		return "", nil
	}
	r, _, err := v.cfg.Files.Open(ctx, beside)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return "", err
	}
	var said struct {
		Signature string            `json:"signature"`
		Metadata  map[string]string `json:"Metadata"`
	}
	if err := json.Unmarshal(b, &said); err != nil {
		return "", fmt.Errorf("read %s: %w", beside, err)
	}
	if said.Signature != "" {
		return said.Signature, nil
	}
	for _, name := range []string{"signature", "Signature", "x-amz-meta-signature"} {
		if s := said.Metadata[name]; s != "" {
			return s, nil
		}
	}
	return "", nil
}

// unpack writes what is in a gzip file to w. Nothing may follow it: bytes that
// no hash covers have no place in evidence.
func unpack(w io.Writer, r io.Reader, most int64) error {
	in := bufio.NewReaderSize(r, 64<<10) // of which gzip reads no byte too many
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	z.Multistream(false)
	n, err := io.Copy(w, io.LimitReader(z, most+1))
	if err != nil {
		return err
	}
	if n > most {
		return fmt.Errorf("it holds more than %d bytes", most)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return errors.New("bytes follow the end of the compressed file")
	}
	return nil
}

// reader remembers an error of what it reads from.
type reader struct {
	r   io.Reader
	err error
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
