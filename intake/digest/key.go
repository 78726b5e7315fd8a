package digest

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

// A Key is a public key of CloudTrail's. AWS has one a region, and changes them.
type Key struct {
	// Fingerprint is AWS's name for it, in hex. Empty: it is tried for every
	// digest that no other key is for.
	Fingerprint string
	Public      *rsa.PublicKey
}

// ParseKeys reads public keys: what aws cloudtrail list-public-keys prints, PEM,
// or DER, each as PKCS #1 or PKIX.
func ParseKeys(b []byte) (keys []Key, err error) {
	trimmed := bytes.TrimSpace(b)
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")), bytes.HasPrefix(trimmed, []byte("[")):
		keys, err = parseList(trimmed)
	case bytes.HasPrefix(trimmed, []byte("-----BEGIN")):
		for block, rest := pem.Decode(trimmed); block != nil; block, rest = pem.Decode(rest) {
			public, err := parseDER(block.Bytes)
			if err != nil {
				return nil, err
			}
			keys = append(keys, Key{Public: public})
		}
	default:
		public, err := parseDER(b)
		if err != nil {
			return nil, err
		}
		keys = []Key{{Public: public}}
	}
	if err == nil && len(keys) == 0 {
		err = errors.New("read public keys: there is none in it")
	}
	return keys, err
}

// parseList reads the answer of ListPublicKeys, or the list in it.
func parseList(b []byte) (keys []Key, err error) {
	var answer struct {
		PublicKeyList []struct{ Value, Fingerprint string }
	}
	if b[0] == '[' {
		err = json.Unmarshal(b, &answer.PublicKeyList)
	} else {
		err = json.Unmarshal(b, &answer)
	}
	if err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	for _, k := range answer.PublicKeyList {
		der, err := base64.StdEncoding.DecodeString(k.Value)
		if err != nil {
			return nil, fmt.Errorf("read public key %s: %w", k.Fingerprint, err)
		}
		public, err := parseDER(der)
		if err != nil {
			return nil, fmt.Errorf("%w (%s)", err, k.Fingerprint)
		}
		keys = append(keys, Key{Fingerprint: k.Fingerprint, Public: public})
	}
	return keys, nil
}

func parseDER(der []byte) (*rsa.PublicKey, error) {
	if k, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("read public key: expected an RSA key as PKCS #1 or PKIX")
	}
	public, ok := k.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("read public key: expected an RSA key, found %T", k)
	}
	return public, nil
}

// candidates returns the keys that the digest with this fingerprint may have
// been signed by.
func candidates(keys []Key, fingerprint string) (of []Key) {
	for _, k := range keys {
		if k.Fingerprint == fingerprint {
			return []Key{k}
		}
		if k.Fingerprint == "" {
			of = append(of, k)
		}
	}
	return of
}
