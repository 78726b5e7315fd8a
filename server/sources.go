package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake/poll"
)

// A Source is a system as the configuration names it, and how its events come
// that nobody sends over HTTP with a key. docs/connectors.md is its page.
type Source struct {
	Name string `yaml:"name"` // such as okta/acme
	Zone string `yaml:"zone"` // of times that come without one, such as Europe/Berlin; UTC if empty

	Pull    *Pull    `yaml:"pull"`
	Bucket  *Bucket  `yaml:"bucket"`
	Syslog  []Syslog `yaml:"syslog"`
	Files   *Files   `yaml:"files"`
	Webhook *Webhook `yaml:"webhook"`
}

// Pull is an API that is asked for its events.
type Pull struct {
	URL      string            `yaml:"url"`
	Hosts    []string          `yaml:"hosts"` // others that answers may lead to
	Auth     Auth              `yaml:"auth"`
	Settings map[string]string `yaml:"settings"`
	Stream   string            `yaml:"stream"` // where one source takes several connectors
	Begin    time.Time         `yaml:"begin"`  // where a source begins that was never read; now if zero
	Every    time.Duration     `yaml:"every"`
	Lag      time.Duration     `yaml:"lag"` // how far back the second pass begins
}

// Syslog is an address at which syslog is listened for.
type Syslog struct {
	Listen   string        `yaml:"listen"`    // such as 127.0.0.1:6514
	Over     string        `yaml:"over"`      // relp, tcp or udp
	Cert     string        `yaml:"cert"`      // files in PEM; empty: no TLS
	Key      string        `yaml:"key"`       //
	ClientCA string        `yaml:"client-ca"` // who signs the certificates that senders must show; empty: they need none
	Idle     time.Duration `yaml:"idle"`      // after which a silent connection is closed
	MaxConns int           `yaml:"max-connections"`
	MaxBytes int           `yaml:"max-bytes"` // of one message
}

// Files are logs on this machine that are followed as they grow.
type Files struct {
	Paths    []string `yaml:"paths"`     // absolute; may be patterns such as /var/log/app/*.log
	MaxBytes int      `yaml:"max-bytes"` // of a line
}

// Webhook lets in who knows a secret, at /v1/webhooks/ and the source's name.
type Webhook struct {
	Secrets []string `yaml:"secrets"` // env:NAME or file:/path; several while one is replaced by another
	Scheme  string   `yaml:"scheme"`  // how a request shows that it knows one; by the kind if empty
}

// Auth is how a system is shown who asks. A secret is env:NAME or file:/path.
type Auth struct {
	Bearer   string  `yaml:"bearer"` // a secret
	Header   string  `yaml:"header"` // its name; with prefix and secret
	Prefix   string  `yaml:"prefix"`
	Secret   string  `yaml:"secret"`
	User     string  `yaml:"user"` // with password
	Password string  `yaml:"password"`
	OAuth2   *OAuth2 `yaml:"oauth2"`
	Google   *Google `yaml:"google"`
	AWS      *AWS    `yaml:"aws"`
}

// OAuth2 is where tokens come from, by the client credentials grant.
type OAuth2 struct {
	TokenURL string `yaml:"token-url"`
	ClientID string `yaml:"client-id"`
	Secret   string `yaml:"secret"`
	Scope    string `yaml:"scope"`
}

// Google is a service account of Google, and as whom it asks.
type Google struct {
	Key     string `yaml:"key"`     // of the account, as Google gives it out in JSON: env:NAME or file:/path
	Subject string `yaml:"subject"` // the administrator it acts as; empty: itself
	Scope   string `yaml:"scope"`
}

// AWS is a service of AWS, asked with the credentials that AWS's own tools find.
type AWS struct {
	Region  string `yaml:"region"`
	Service string `yaml:"service"`
}

// Bucket is where a system delivers objects: in S3, or in a folder of this machine.
type Bucket struct {
	Folder   string        `yaml:"folder"`
	Endpoint string        `yaml:"endpoint"`
	Region   string        `yaml:"region"`
	Bucket   string        `yaml:"bucket"`
	Prefix   string        `yaml:"prefix"`
	Dated    bool          `yaml:"dated"`   // in folders of years, months and days, as AWS delivers
	Digests  bool          `yaml:"digests"` // verify CloudTrail's digest files, every hour
	Queue    string        `yaml:"queue"`   // URL of an SQS queue that tells of new objects
	Begin    time.Time     `yaml:"begin"`
	Every    time.Duration `yaml:"every"`
	Lag      time.Duration `yaml:"lag"`
}

// auth returns what puts the credentials of a on requests.
func (a *Auth) auth(secrets *poll.Secrets) (poll.Auth, error) {
	var given []string
	result := poll.Auth{}
	if a.Bearer != "" {
		given, result = append(given, "bearer"), secrets.Bearer(a.Bearer)
	}
	if a.Header != "" {
		given, result = append(given, "header"), secrets.Header(a.Header, a.Prefix, a.Secret)
	}
	if a.User != "" {
		given, result = append(given, "user"), secrets.Basic(a.User, a.Password)
	}
	if o := a.OAuth2; o != nil {
		given = append(given, "oauth2")
		result = secrets.OAuth2(poll.ClientCredentials{TokenURL: o.TokenURL, ClientID: o.ClientID, Secret: o.Secret, Scope: o.Scope})
	}
	if g := a.Google; g != nil {
		given, result = append(given, "google"), secrets.Google(poll.ServiceAccount{Key: g.Key, Subject: g.Subject, Scope: g.Scope})
	}
	if a.AWS != nil {
		given, result = append(given, "aws"), secrets.AWS(poll.AWSChain(), a.AWS.Region, a.AWS.Service)
	}
	if len(given) > 1 {
		return result, fmt.Errorf("auth: found %s; expected one of them", strings.Join(given, " and "))
	}
	return result, nil
}

// check refuses what could only fail later.
func (s *Source) check() error {
	if err := event.ValidSource(s.Name); err != nil {
		return err
	}
	if s.Name == "evident" || strings.HasPrefix(s.Name, "evident/") {
		return errors.New("name: evident is the trail's own source")
	}
	if _, err := s.zone(); err != nil {
		return err
	}
	if b := s.Bucket; b != nil && (b.Folder == "") == (b.Bucket == "") {
		return errors.New("bucket: expected either folder, or bucket with region or endpoint")
	}
	return nil
}

func (s *Source) zone() (*time.Location, error) {
	if s.Zone == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: found %q; expected a name such as Europe/Berlin", s.Zone)
	}
	return zone, nil
}

// checkSources refuses a list that cannot be.
func checkSources(list []Source) error {
	var names []string
	for i := range list {
		if err := list[i].check(); err != nil {
			return fmt.Errorf("sources: %s: %w", list[i].Name, err)
		}
		if slices.Contains(names, list[i].Name) {
			return fmt.Errorf("sources: %s stands twice", list[i].Name)
		}
		names = append(names, list[i].Name)
	}
	return nil
}
