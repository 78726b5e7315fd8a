package ui

import (
	"bytes"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/proof"
)

// Check is what was computed, for this answer, from the bytes of one record.
// None of it was taken from the trail's word.
type Check struct {
	Steps  []Step
	Passed int
	Failed int
	Open   int // not failed, but nothing to check yet or any more
}

// OK reports whether nothing failed.
func (c Check) OK() bool { return c.Failed == 0 }

// Step is one claim and whether it holds.
type Step struct {
	Name  string
	State string // holds, fails, open
	Says  string
	Label string // of what can be opened below
	Facts []Fact
	Path  []proof.Hash
}

// Fact is one value that a step rests on. The template shows it in full.
type Fact struct{ Name, Value string }

const (
	holds = "holds"
	fails = "fails"
	open  = "open"
)

// checkEvidence goes from the bytes of the body up to the signature.
func checkEvidence(e Evidence) Check {
	header := e.Header.Append(nil)
	leaf := proof.LeafHash(header)
	c := Check{Steps: []Step{
		checkBody(e), checkCopies(e), checkLeaf(e, leaf), checkPrevious(e), checkInclusion(e, leaf), checkSignature(e),
	}}
	for _, s := range c.Steps {
		switch s.State {
		case holds:
			c.Passed++
		case fails:
			c.Failed++
		default:
			c.Open++
		}
	}
	return c
}

// state chooses what to say by whether a claim holds.
func (s Step) state(ok bool, yes, no string) Step {
	s.State, s.Says = fails, no
	if ok {
		s.State, s.Says = holds, yes
	}
	return s
}

func checkBody(e Evidence) Step {
	s := Step{Name: "Body", Label: "compare"}
	if e.Body == nil {
		s.State, s.Says = open, "has expired under its retention class. The header still proves that it was there, and when."
		return s
	}
	list, err := proof.ParseBody(e.Body)
	if err != nil {
		return s.state(false, "", "cannot be read: "+err.Error())
	}
	digest := proof.BodyDigest(list, &e.Seed)
	s.Facts = []Fact{{"computed", digest.String()}, {"in the header", e.Header.Body.String()}}
	return s.state(digest == e.Header.Body,
		plural(len(list), "field")+" hash to the digest that the header holds.",
		"The fields do not hash to the digest that the header holds.")
}

// checkCopies holds the fields of the body against their copies in the header.
func checkCopies(e Evidence) Step {
	s := Step{Name: "Copies"}
	if e.Body == nil {
		s.State, s.Says = open, "cannot be compared: the body has expired."
		return s
	}
	parsed, err := proof.ParseBody(e.Body)
	if err != nil {
		return s.state(false, "", "cannot be compared: the body cannot be read.")
	}
	f, h := fields(parsed), &e.Header
	happened, err := time.Parse(time.RFC3339Nano, f.text("/occurred_at"))
	wrong := ""
	for _, c := range []struct {
		pointer string
		same    bool
	}{
		{"/source", f.text("/source") == h.Source},
		{"/category", f.text("/category") == h.Category},
		{"/action", f.text("/action") == h.Action},
		{"/outcome", f.text("/outcome") == h.Outcome},
		{"/occurred_at", err == nil && happened.Equal(h.OccurredAt)},
		{"/id", proof.EventID(h.Source, f.text("/id")) == h.ID},
	} {
		if !c.same && wrong == "" {
			wrong = c.pointer
		}
	}
	return s.state(wrong == "", "Source, category, action, outcome, time and id are the same in body and header.",
		"The field "+wrong+" differs from its copy in the header.")
}

func checkLeaf(e Evidence, leaf proof.Hash) Step {
	s := Step{Name: "Leaf", Label: "compare", Facts: []Fact{{"computed", leaf.String()}, {"in the trail", e.Leaf.String()}}}
	return s.state(leaf == e.Leaf, "The header hashes to the leaf that the tree holds.", "The header does not hash to the leaf that the tree holds.")
}

func checkPrevious(e Evidence) Step {
	s := Step{Name: "Chain", Label: "compare", Facts: []Fact{{"named here", e.Header.Prev.String()}}}
	if e.Header.Seq == 0 {
		return s.state(e.Header.Prev == proof.Hash{}, "This is the first record; it names none before it.", "The first record names one before it.")
	}
	if e.Previous == nil {
		s.State, s.Says = open, "The record before was not read."
		return s
	}
	s.Facts = append(s.Facts, Fact{"record before", e.Previous.String()})
	return s.state(*e.Previous == e.Header.Prev, "It names the leaf of record "+number(e.Header.Seq-1)+", the one before it.",
		"It does not name the leaf of the record before it.")
}

func checkInclusion(e Evidence, leaf proof.Hash) Step {
	s := Step{Name: "Tree", Label: "path and root", Path: e.Path}
	text, _, _ := bytes.Cut(e.Checkpoint, []byte("\n\n"))
	c, err := proof.ParseCheckpoint(string(text) + "\n")
	if err != nil || c.Size <= e.Header.Seq {
		s.State, s.Says = open, "No checkpoint covers this record yet. One is signed every second while events come in."
		return s
	}
	path := make(tlog.RecordProof, len(e.Path))
	for i, h := range e.Path {
		path[i] = tlog.Hash(h)
	}
	s.Facts = []Fact{{"root", c.Root.String()}}
	err = tlog.CheckRecord(path, int64(c.Size), tlog.Hash(c.Root), int64(e.Header.Seq), tlog.Hash(leaf))
	return s.state(err == nil, "A path of "+plural(len(path), "hash")+" leads from the leaf to the root of the tree of "+plural(c.Size, "record")+".",
		"The path does not lead from the leaf to the root of the tree.")
}

func checkSignature(e Evidence) Step {
	s := Step{Name: "Signature", Label: "keys"}
	if len(e.Checkpoint) == 0 {
		s.State, s.Says = open, "Nothing has been signed yet."
		return s
	}
	_, err := proof.OpenCheckpoint(e.Checkpoint, e.Keys)
	says := ""
	for _, k := range e.Keys {
		if _, err := proof.OpenCheckpoint(e.Checkpoint, []proof.Key{k}); err != nil {
			continue
		}
		if says != "" {
			says += " and "
		}
		says += k.Algorithm()
		s.Facts = append(s.Facts, Fact{k.Algorithm(), k.String()})
	}
	return s.state(err == nil, "The root is signed with "+says+" by the keys of this trail.", "The checkpoint is not signed by the keys of this trail.")
}
