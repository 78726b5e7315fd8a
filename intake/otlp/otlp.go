// Package otlp is the way in for OpenTelemetry logs, OTLP 1.x: over HTTP as
// protobuf or JSON at POST /v1/logs, and over gRPC.
//
// The source of a log record is the resource's attribute evident.source, else the
// one that the request asks for (query source, header or metadata
// X-Evident-Source), if one of them names a source of a mapped kind
// (aws.cloudtrail/prod) or of events in the schema (app/billing); else it is the
// log of one of them, or of service.name: log/checkout.
//
// The raw of a record is, in this order:
//
//	an event in the schema, in the attribute evident.event (text, or a map) or as
//	the body; where it names no source, that is evident.source or app/SERVICE
//	the body, if the source has a format of its own: its text or, if it is none, JSON
//	otherwise one object of OTLP/JSON, from which kind log reads:
//	{"resource":{…},"scope":{…},"schemaUrl":"…","logRecord":{…}}
//
// In that object, what came as JSON is as it came. What came as protobuf is
// written in the order of the fields' definition, without white space, with what
// is zero or empty left out, 64-bit numbers as text and ids in hex; schemaUrl is
// the scope's, else the resource's, and left out if there is none. Fields that
// are not in OTLP 1.11 are not in it.
//
// A request that cannot be read stores nothing and is not to be sent again; events
// that are refused are counted in partial_success. After 503, UNAVAILABLE or no
// answer a client sends the same bytes again, and what they are and where in them
// a record stands is its id: none is there twice.
//
// docs/ways-in.md says how clients are set up.
package otlp

import (
	"context"

	"example.com/evident/intake"
	"example.com/evident/intake/body"
	"example.com/evident/intake/sender"
	"example.com/evident/intake/several"
)

// Config is what a Handler works with. Intake and Admit are required, and Bodies
// for HTTP.
type Config struct {
	Intake *intake.Intake
	Bodies *body.Reader
	Admit  sender.Admit
	// Took, if set, is called with what became of each request's records.
	Took func(bytes int, t several.Taken)
}

// take stores the log records of request, which w walks.
func (c *Config) take(ctx context.Context, from sender.Sender, w walk, fallback string, request []byte) (several.Taken, error) {
	if err := validSource(fallback); err != nil {
		return several.Taken{}, &malformed{err}
	}
	s := several.New(c.Intake, from, "otlp", request)
	if err := c.fill(ctx, s, w, fallback, request); err != nil {
		return s.Taken, err
	}
	if err := s.Flush(ctx); err != nil {
		return s.Taken, err
	}
	if c.Took != nil {
		c.Took(len(request), s.Taken)
	}
	if n := s.Taken.Forbidden; n > 0 && n == len(s.Results) {
		return s.Taken, &intake.Forbidden{What: s.Taken.First}
	}
	return s.Taken, nil
}

// fill adds the log records of request to s, and flushes it when it is full. A
// request that is wrong stores nothing: nothing is flushed before all is read.
func (c *Config) fill(ctx context.Context, s *several.Request, w walk, fallback string, request []byte) error {
	t := &taker{in: c.Intake, fallback: fallback}
	checked := false
	var failed error
	err := w(request, func(at *scopeLogs, record []byte) error {
		if len(s.Results) == intake.MaxEvents {
			return errTooMany
		}
		if t.add(s, at, record); !s.Full() {
			return nil
		}
		if !checked {
			if err := check(request, w); err != nil {
				return err
			}
			checked = true
		}
		failed = s.Flush(ctx)
		t.memory = t.memory[:0] // nobody looks at it any more
		return failed
	})
	if err != nil && failed == nil {
		return &malformed{err}
	}
	return failed
}

// malformed is a request that cannot be read.
type malformed struct{ error }

func (e *malformed) Unwrap() error { return e.error }
