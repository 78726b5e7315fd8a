package redact_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/evident/redact"
)

// plainEvent is an event of 1.1 KB without a secret, as a cloud writes it.
const plainEvent = `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEEXAMPLE:ana@example.com","arn":"arn:aws:sts::111122223333:assumed-role/deploy/ana@example.com","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEEXAMPLE12","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEEXAMPLE","arn":"arn:aws:iam::111122223333:role/deploy","accountId":"111122223333","userName":"deploy"},"attributes":{"creationDate":"2026-03-01T09:00:00Z","mfaAuthenticated":"true"}}},"eventTime":"2026-03-01T09:30:00Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-central-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.15.0 Python/3.11.6 Linux/6.1 exe/x86_64 prompt/off command/ec2.run-instances","requestParameters":{"instancesSet":{"items":[{"imageId":"ami-0abcdef1234567890","minCount":1,"maxCount":1}]},"instanceType":"m7i.large","clientToken":"c0ffee00-1234-4567-89ab-0123456789ab"},"requestID":"7d3c5b1e-0001-4a4a-9b9b-abcdefabcdef","eventID":"7d3c5b1e-0002-4a4a-9b9b-abcdefabcdef","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`

// cpu reports the processor's time for each operation, which a machine that
// does other things too does not change much.
func cpu(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkWithoutHit(b *testing.B) {
	p := redact.Default()
	raw := []byte(plainEvent)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		p.Apply("aws.cloudtrail/prod", raw)
	}
}

func BenchmarkWithHit(b *testing.B) {
	p := redact.Default()
	raw := []byte(strings.Replace(plainEvent, `"clientToken":"`, `"sessionToken":"`, 1))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		p.Apply("aws.cloudtrail/prod", raw)
	}
}

func BenchmarkRealFiles(b *testing.B) {
	var lines [][]byte
	size := 0
	files, _ := filepath.Glob("../../shared/data/open/*/*.ndjson")
	if len(files) == 0 {
		b.Skip("SKIPPED: no files")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			lines = append(lines, []byte(line))
			size += len(line)
		}
	}
	p := redact.Default()
	i := 0
	b.SetBytes(int64(size / len(lines)))
	defer cpu(b)()
	for b.Loop() {
		p.Apply("x/y", lines[i%len(lines)])
		i++
	}
}
