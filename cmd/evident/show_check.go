package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/client"
	"example.com/evident/proof"
)

// shown is an event that somebody asked for, and what was checked of it. Nothing
// but check fills what is below evidence.
type shown struct {
	asked, source string
	seq           *uint64     // the number that was asked for; nil: by id
	keys          []proof.Key // trusted; those that came, if none were given
	evidence      client.Evidence

	given  bool
	header proof.Header
	fields []proof.Field // of the body; nil when it has expired
	leaf   proof.Hash
	steps  []verifyStep
}

// check goes from the bytes of the event up to the signature, and returns the
// first thing that is wrong. It takes nothing from the server for granted, not
// even that it answered with what was asked for.
func (s *shown) check() *proof.Failure {
	for _, step := range []func() *proof.Failure{s.checkHeader, s.checkBody, s.checkAgrees, s.checkAsked, s.checkTree} {
		if f := step(); f != nil {
			return f
		}
	}
	return nil
}

func (s *shown) passed(step, format string, args ...any) *proof.Failure {
	s.steps = append(s.steps, verifyStep{step, fmt.Sprintf(format, args...)})
	return nil
}

func (s *shown) fail(what string, field string) *proof.Failure {
	return &proof.Failure{File: "answer", Seq: int64(s.header.Seq), Field: field, What: what}
}

func (s *shown) checkHeader() *proof.Failure {
	h, err := proof.ParseHeader([]byte(s.evidence.Header))
	if err != nil {
		return &proof.Failure{File: "answer", Seq: -1, Field: "", What: "is not well formed"}
	}
	s.header, s.leaf = h, proof.LeafHash([]byte(s.evidence.Header))
	if s.leaf.String() != s.evidence.Leaf {
		return s.fail("is not what was recorded", "")
	}
	return s.passed("header", "record %d has the one form of a header, and hashes to its leaf", h.Seq)
}

func (s *shown) checkBody() *proof.Failure {
	if s.evidence.Body == nil {
		return s.passed("body", "has expired; its digest stands in the header")
	}
	var seed proof.Hash
	fields, err := proof.ParseBody([]byte(*s.evidence.Body))
	if err != nil || seed.UnmarshalText([]byte(s.evidence.Seed)) != nil {
		return s.fail("is not well formed", "")
	}
	opened := proof.Seed(seed)
	if proof.BodyDigest(fields, &opened) != s.header.Body {
		return s.fail("is not what was recorded", "")
	}
	s.fields = fields
	return s.passed("body", "%s hash to the digest in the header", count(uint64(len(fields)), "field"))
}

// checkAgrees holds what the body says against its copies in the header:
// docs/format.md section 3.
func (s *shown) checkAgrees() *proof.Failure {
	if s.fields == nil {
		return nil
	}
	h := &s.header
	for _, want := range []struct {
		pointer string
		agrees  func(text string) bool
	}{
		{"/source", func(t string) bool { return t == h.Source }},
		{"/category", func(t string) bool { return t == h.Category }},
		{"/action", func(t string) bool { return t == h.Action }},
		{"/outcome", func(t string) bool { return t == h.Outcome }},
		{"/occurred_at", func(t string) bool {
			at, err := time.Parse(time.RFC3339Nano, t)
			return err == nil && strings.HasSuffix(t, "Z") && at.Equal(h.OccurredAt)
		}},
		{"/id", func(t string) bool { return proof.EventID(h.Source, t) == h.ID }},
	} {
		text, ok := s.text(want.pointer)
		if !ok || !want.agrees(text) {
			return s.fail("does not agree with its header", want.pointer)
		}
	}
	return s.passed("agrees", "source, category, action, outcome, occurred_at and id are those of the header")
}

// checkAsked makes sure that this is the event that was asked for, and not some
// other one that verifies as well.
func (s *shown) checkAsked() *proof.Failure {
	if s.seq != nil {
		if s.header.Seq != *s.seq {
			return s.fail(fmt.Sprintf("is not record %d, which was asked for", *s.seq), "")
		}
		return s.passed("asked", "it is record %d", *s.seq)
	}
	if s.header.ID != proof.EventID(s.header.Source, s.asked) || s.source != "" && s.source != s.header.Source {
		return s.fail("is not the event that was asked for", "/id")
	}
	return s.passed("asked", "it is the event %s of %s", s.asked, s.header.Source)
}

func (s *shown) checkTree() *proof.Failure {
	p := &s.evidence.Proof
	s.given = len(s.keys) > 0
	if !s.given {
		for _, vkey := range s.evidence.Keys {
			k, err := proof.ParseKey(vkey)
			if err != nil {
				return s.fail("is not well formed", "")
			}
			s.keys = append(s.keys, k)
		}
	}
	c, err := proof.OpenCheckpoint([]byte(p.Checkpoint), s.keys)
	if err != nil {
		return &proof.Failure{File: "checkpoint", Seq: -1, Field: "", What: "is not signed by a trusted key"}
	}
	path := make(tlog.RecordProof, len(p.Path))
	for i, text := range p.Path {
		var h proof.Hash
		if h.UnmarshalText([]byte(text)) != nil {
			return s.fail("is not well formed", "")
		}
		path[i] = tlog.Hash(h)
	}
	err = tlog.CheckRecord(path, int64(c.Size), tlog.Hash(c.Root), int64(s.header.Seq), tlog.Hash(s.leaf))
	if err != nil {
		return s.fail("is not the tree that was signed", "")
	}
	s.passed("tree", "%s lead from the leaf to the root of size %d, %s", hashes(len(path)), c.Size, c.Root)
	said := "came with the evidence itself: compare it with the one you were given"
	if s.given {
		said = "given"
	}
	for _, k := range s.keys {
		s.passed("signed", "%s (%s)", k.Short(), said)
	}
	return nil
}

func hashes(n int) string {
	if n == 1 {
		return "1 hash"
	}
	return fmt.Sprintf("%d hashes", n)
}

// text returns the string that the field at pointer holds.
func (s *shown) text(pointer string) (text string, ok bool) {
	for _, f := range s.fields {
		if f.Pointer == pointer {
			return text, json.Unmarshal(f.Value, &text) == nil
		}
	}
	return "", false
}

// raw returns what the source sent, of an event that was checked.
func (s *shown) raw() ([]byte, error) {
	text, ok := s.text("/raw")
	if !ok {
		return nil, &refused{errors.New("raw: the event holds none: it came in the schema, and is its own evidence")}
	}
	if encoding, _ := s.text("/raw_encoding"); encoding == "base64" {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("decode raw: %w", err)
		}
		return b, nil
	}
	return []byte(text), nil
}
