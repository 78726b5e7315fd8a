package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"example.com/evident/client"
	"example.com/evident/proof"
)

func newShowCommand(g *global) *cobra.Command {
	var given []string
	var source string
	var raw bool
	cmd := &cobra.Command{
		Use:   "show (--data DIR | --server URL) SEQ|ID",
		Short: "Show one event and check its proof",
		Long: `Prints an event, its record, and its proof, each step of which is checked here: the
server's word is not taken for any of it. SEQ is the number of a record, ID the
event's own id.

Without --key the key comes from the server itself; compare it with one that
reached you in another way.` + fmt.Sprintf(exitHelp, "there is no such event, or it does not verify"),
		Example: `  evident show --data DIR 4711
  evident show --server https://evident.example.com --source okta/acme 01J8Z3KX0Q --key auditor-keys.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := readKeys(given)
			if err != nil {
				return err
			}
			return g.withTrail(cmd.Context(), func(c *client.Client) error {
				s := shown{asked: args[0], source: source, keys: keys}
				if err := s.fetch(cmd.Context(), c); err != nil {
					return err
				}
				return g.show(&s, raw)
			})
		},
	}
	g.trailFlags(cmd)
	cmd.Flags().StringArrayVar(&given, "key", nil, "a verifier key that you trust, or a file with one a line; repeatable")
	cmd.Flags().StringVar(&source, "source", "", "the source of the event with that ID")
	cmd.Flags().BoolVar(&raw, "raw", false, "print only what the source sent, byte for byte, if the event verifies")
	return cmd
}

// fetch asks for the event by number, then by id.
func (s *shown) fetch(ctx context.Context, c *client.Client) (err error) {
	seq, notNumber := strconv.ParseUint(s.asked, 10, 64)
	if notNumber == nil && s.source == "" {
		s.evidence, err = c.Get(ctx, seq)
		var answer *client.Error
		if err == nil {
			s.seq = &seq
			return nil
		}
		if !errors.As(err, &answer) || answer.Status != http.StatusNotFound {
			return err
		}
	}
	s.evidence, err = c.Find(ctx, s.source, s.asked)
	return err
}

func (g *global) show(s *shown, raw bool) error {
	failed := s.check()
	switch {
	case g.json:
		if err := g.printJSON(s.forPrograms(failed)); err != nil {
			return err
		}
	case raw && failed == nil:
		return g.showRaw(s)
	default:
		if failed == nil { // what does not verify is not shown as an event
			g.showEvent(s)
			g.showRecord(s)
		}
		g.showProof(s, failed)
	}
	if failed != nil {
		return errNo
	}
	return nil
}

// showEvent prints every field of the body that was verified.
func (g *global) showEvent(s *shown) {
	h := &s.header
	fmt.Fprintf(g.out, "Event of %s at %s\n", visible(h.Source), proof.AppendTime(nil, h.OccurredAt))
	if s.evidence.Body == nil {
		fmt.Fprintf(g.out, "  Its body has expired. What its header says:\n  %-22s %s\n  %-22s %s\n  %-22s %s\n",
			"category", visible(h.Category), "action", visible(h.Action), "outcome", visible(h.Outcome))
		return
	}
	width := lineWidth(g.out)
	for _, f := range s.fields {
		name, value := dotted(f.Pointer), string(f.Value)
		var text string
		if json.Unmarshal(f.Value, &text) == nil {
			value = text
		}
		if f.Pointer == "/raw" {
			value = fmt.Sprintf("%s; --raw prints them", count(uint64(len(text)), "byte"))
		}
		fmt.Fprintln(g.out, cut(fmt.Sprintf("  %-22s %s", visible(clip(name)), visible(value)), width))
	}
}

// dotted writes a pointer as the filter language does.
func dotted(pointer string) string {
	return strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")
}

func (g *global) showRecord(s *shown) {
	h := &s.header
	fmt.Fprintf(g.out, "\nRecord %d\n", h.Seq)
	for _, l := range [][2]string{
		{"recorded at", string(proof.AppendTime(nil, h.At))},
		{"of its source", fmt.Sprintf("number %d of %s, from 0", h.SSeq, visible(h.Source))},
		{"leaf", s.leaf.String()},
		{"previous leaf", h.Prev.String()},
		{"body digest", h.Body.String()},
	} {
		fmt.Fprintf(g.out, "  %-22s %s\n", l[0], l[1])
	}
}

// showProof prints each step that was checked, and the verdict in the words of
// docs/format.md section 7.
func (g *global) showProof(s *shown, failed *proof.Failure) {
	fmt.Fprint(g.out, "\nProof, checked here\n")
	for _, step := range s.steps {
		fmt.Fprintln(g.out, cut(fmt.Sprintf("  ok  %-10s %s", step.Step, visible(step.Says)), maxLine))
	}
	if failed != nil {
		fmt.Fprintf(g.out, "NOT VERIFIED: %s\n", visible(failed.Error()))
		return
	}
	fmt.Fprintln(g.out, "VERIFIED")
}

// shownLine is an event that was checked, for programs.
type shownLine struct {
	Event    json.RawMessage  `json:"event,omitempty"`
	Header   string           `json:"header"`
	Body     *string          `json:"body"`
	Seed     string           `json:"seed"`
	Leaf     string           `json:"leaf"`
	Proof    client.Inclusion `json:"proof"`
	Keys     []string         `json:"keys"` // whose word was taken
	KeyGiven bool             `json:"key_given"`
	Steps    []verifyStep     `json:"steps"`
	verdict
}

func (s *shown) forPrograms(failed *proof.Failure) shownLine {
	e := &s.evidence
	l := shownLine{
		Header: e.Header, Body: e.Body, Seed: e.Seed, Leaf: e.Leaf, Proof: e.Proof,
		KeyGiven: s.given, Steps: s.steps, verdict: verdictOfFailure(failed),
	}
	for _, k := range s.keys {
		l.Keys = append(l.Keys, k.String())
	}
	if failed == nil && e.Body != nil {
		// Made from what was verified, not from what the server says it means.
		b := fmt.Appendf(nil, `{"seq":%d,"at":%q,"leaf":%q,`, s.header.Seq, proof.AppendTime(nil, s.header.At), s.leaf)
		l.Event = append(b, strings.TrimLeft(*e.Body, " \t\r\n")[1:]...)
	}
	return l
}

// showRaw prints what the source sent.
func (g *global) showRaw(s *shown) error {
	b, err := s.raw()
	if err != nil {
		return err
	}
	if isTerminal(g.out) {
		b = []byte(visibleLines(string(b)) + "\n")
	}
	_, err = g.out.Write(b)
	return err
}
