package poll

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// AWSChain returns the credentials that AWS's own tools would find: those of
// the environment, of ~/.aws/credentials, of the machine's or pod's role.
func AWSChain() *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

// AWS returns an Auth that signs requests (Signature Version 4) to a service of
// AWS, such as iam, in a region.
func (s *Secrets) AWS(chain *credentials.Credentials, region, service string) Auth {
	metadata := &http.Client{Timeout: 10 * time.Second} // of the service that knows a machine's role
	return Auth{
		Sign: func(_ context.Context, r *http.Request, body []byte) error {
			v, err := chain.GetWithContext(&credentials.CredContext{Client: metadata})
			if err != nil {
				return err
			}
			s.Note(v.SecretAccessKey)
			s.Note(v.SessionToken)
			sum := sha256.Sum256(body)
			r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
			signer.SignV4WithServiceType(*r, v.AccessKeyID, v.SecretAccessKey, v.SessionToken, region, service) // sets headers
			return nil
		},
		Refused: chain.Expire,
	}
}
