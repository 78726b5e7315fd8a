package main

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// deliver writes into a folder what CloudTrail leaves in a bucket in an hour: a
// log file and the digest that vouches for it, and beside it the public key.
func deliver(args []string) error {
	const account, day = "111122223333", "AWSLogs/111122223333/%s/eu-west-1/2026/03/01/"
	dir := args[0]
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	log := []byte(`{"Records":[{"eventID":"1"}]}`)
	logKey := fmt.Sprintf(day, "CloudTrail") + account + "_CloudTrail_eu-west-1_20260301T0905Z_0000000000000001.json.gz"
	digestKey := fmt.Sprintf(day, "CloudTrail-Digest") + account + "_CloudTrail-Digest_eu-west-1_main_eu-west-1_20260301T100000Z.json.gz"
	plain, err := json.Marshal(map[string]any{
		"awsAccountId": account, "digestStartTime": "2026-03-01T09:00:00Z", "digestEndTime": "2026-03-01T10:00:00Z",
		"digestS3Bucket": "example-logs", "digestS3Object": digestKey,
		"digestPublicKeyFingerprint": "00112233445566778899aabbccddeeff", "digestSignatureAlgorithm": "SHA256withRSA",
		"previousDigestS3Bucket": nil, "previousDigestS3Object": nil, "previousDigestHashValue": nil,
		"previousDigestHashAlgorithm": nil, "previousDigestSignature": nil,
		"logFiles": []map[string]any{{"s3Bucket": "example-logs", "s3Object": logKey, "hashValue": fmt.Sprintf("%x", sha256.Sum256(log)), "hashAlgorithm": "SHA-256"}},
	})
	if err != nil {
		return err
	}
	signed := sha256.Sum256(fmt.Appendf(nil, "2026-03-01T10:00:00Z\nexample-logs/%s\n%x\nnull", digestKey, sha256.Sum256(plain)))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, signed[:])
	if err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)})
	for name, content := range map[string][]byte{
		logKey: packed(log), digestKey: packed(plain), "../public.pem": public,
		digestKey + ".metadata.json": fmt.Appendf(nil, `{"Metadata":{"signature":"%x","signature-algorithm":"SHA256withRSA"}}`, signature),
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}
