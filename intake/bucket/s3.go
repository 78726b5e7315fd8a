package bucket

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Config says where a bucket is.
type S3Config struct {
	Endpoint string // s3.eu-west-1.amazonaws.com if empty and Region is eu-west-1
	Region   string
	Bucket   string
	Plain    bool // HTTP without TLS, for tests and private networks
	// Credentials are those of poll.AWSChain, for example.
	Credentials *credentials.Credentials
	Retries     int // of one request; 3 if zero
}

// S3 is a bucket of S3, or of whatever speaks as it does.
type S3 struct {
	client *minio.Client
	bucket string
}

// NewS3 returns a Store. It asks nothing of the bucket yet.
func NewS3(c S3Config) (*S3, error) {
	if c.Endpoint == "" {
		c.Endpoint = "s3." + c.Region + ".amazonaws.com"
	}
	if c.Retries == 0 {
		c.Retries = 3
	}
	transport, err := minio.DefaultTransport(!c.Plain)
	if err != nil {
		return nil, err
	}
	transport.ResponseHeaderTimeout = time.Minute
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds: c.Credentials, Secure: !c.Plain, Region: c.Region, Transport: http.RoundTripper(transport), MaxRetries: c.Retries,
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", c.Bucket, err)
	}
	return &S3{client: client, bucket: c.Bucket}, nil
}

// List is that of Store. It asks for a thousand keys at a time.
func (s *S3) List(ctx context.Context, prefix, after string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // ends the listing when the receiver has enough
		defer cancel()
		noOwner := false
		for o := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true, FetchOwner: &noOwner}) {
			if o.Err != nil {
				yield(Object{}, o.Err)
				return
			}
			if !yield(Object{Key: o.Key, ETag: o.ETag, Size: o.Size, Modified: o.LastModified}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Object{}, err)
		}
	}
}

// Folders is that of Store.
func (s *S3) Folders(ctx context.Context, prefix string) (folders []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix}) {
		if o.Err != nil {
			return nil, o.Err
		}
		if strings.HasSuffix(o.Key, "/") && o.Key != prefix {
			folders = append(folders, o.Key)
		}
	}
	return folders, ctx.Err()
}

// Open is that of Store.
func (s *S3) Open(ctx context.Context, key string) (io.ReadCloser, map[string]string, error) {
	o, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, nil, err
	}
	info, err := o.Stat()
	if err != nil {
		o.Close()
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			err = fs.ErrNotExist
		}
		return nil, nil, err
	}
	meta := map[string]string{metaETag: info.ETag}
	for name, v := range info.UserMetadata {
		meta[strings.ToLower(name)] = v
	}
	return o, meta, nil
}
