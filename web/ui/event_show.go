package ui

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/evident/filter"
	"example.com/evident/proof"
)

// EventPage is one record: what it says, its bytes, and what proves it.
type EventPage struct {
	Frame
	Row
	Header     proof.Header
	HeaderText string
	Leaf       proof.Hash
	Cards      []Card
	Fields     []FieldRow
	MoreFields int
	BodyBytes  int
	Raw        RawPart
	Check      Check
	Command    string
	// Records beside this one, in its source and in the whole trail.
	SourcePrevious, SourceNext *uint64
	TrailPrevious, TrailNext   *uint64
}

// First reports whether this is the first record of its source: it says so.
func (p EventPage) First() bool { return p.Header.SSeq == 0 }

// EarlierFilter and LaterFilter find what is beside a record in its source,
// where it is too far away for a link to the record itself.
func (p EventPage) EarlierFilter() string {
	return clause("source", p.Source) + " before:" + bound(p.OccurredAt)
}

// LaterFilter is EarlierFilter in the other direction.
func (p EventPage) LaterFilter() string {
	return clause("source", p.Source) + " after:" + bound(p.OccurredAt)
}

// Card answers one of the questions that an event answers.
type Card struct {
	Name   string
	Lines  []Line
	Absent string // said where there is nothing to say, with the reason
}

// Line is one answer of a card.
type Line struct {
	Label, Value string
	Key          string    // of the filter, where others can be found by it
	Outcome      bool      // Value is an outcome, shown with its mark
	Time         time.Time // shown instead of Value where set
	Note         string    // beside the value
	Warn         bool      // Note wants attention
}

// maxLinked is how long a value may be to stand in the address of a search.
const maxLinked = 512

// Found reports whether a search can ask for the value.
func (l Line) Found() bool { return l.Key != "" && len(l.Value) <= maxLinked }

// FieldRow is one field of the body, as it was committed to.
type FieldRow struct {
	Pointer string
	Value   string // the token, or the beginning of it
	More    int    // bytes that are not shown
	URL     string // finds others with this value
	Kind    string // string, number, literal, list
}

// RawPart is what the source sent.
type RawPart struct {
	Present bool
	Bytes   int
	Text    string // if it is text
	Hex     string // if it is not
	More    int    // bytes that are not shown
}

// maxFieldRows is how many fields a page shows; a body may have 4,096.
const maxFieldRows = 400

func (u *ui) eventShow(w http.ResponseWriter, r *http.Request) {
	e, err := u.evidence(r)
	if err != nil {
		u.fail(w, r, err)
		return
	}
	h := e.Header
	p := EventPage{
		Frame: u.frame(r, "event", h.Action), Header: h, HeaderText: string(h.Append(nil)), Leaf: e.Leaf,
		SourcePrevious: e.SourcePrevious, SourceNext: e.SourceNext, BodyBytes: len(e.Body),
	}
	if p.Row, err = newRow(e.Record); err != nil {
		u.fail(w, r, err)
		return
	}
	var list fields
	if e.Body != nil {
		parsed, err := proof.ParseBody(e.Body)
		if err != nil {
			u.fail(w, r, err)
			return
		}
		list = parsed
	}
	p.Cards = cards(&h, list, e.Body == nil)
	p.Fields, p.MoreFields = fieldRows(list)
	p.Raw = newRawPart(list)
	p.Check = checkEvidence(e)
	p.Command = "evident show --server " + baseURL(r) + " " + strconv.FormatUint(h.Seq, 10)
	if h.Seq > 0 {
		p.TrailPrevious = new(h.Seq - 1)
	}
	if h.Seq+1 < p.Head.Size {
		p.TrailNext = new(h.Seq + 1)
	}
	u.render(w, r, http.StatusOK, "event", p)
}

// evidence reads the record that a path names.
func (u *ui) evidence(r *http.Request) (Evidence, error) {
	text := r.PathValue("seq")
	seq, err := strconv.ParseUint(text, 10, 63)
	if err != nil || strconv.FormatUint(seq, 10) != text {
		return Evidence{}, &Refused{
			What: "The address names no record: what was expected is its number in the trail, such as 4711.",
			Next: "Search by the source's own id of the event: id:…",
		}
	}
	return u.data.Record(r.Context(), seq)
}

// hostForm is what a Host header may look like to stand in a command.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9a-f:]+\](:[0-9]{1,5})?$`)

// baseURL is the address under which the reader has reached us.
func baseURL(r *http.Request) string {
	host := r.Host
	if !hostForm.MatchString(host) {
		host = "127.0.0.1:8080"
	}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + host
	}
	return "http://" + host
}

// cards answers who, what, when, where, how it ended, and why.
func cards(h *proof.Header, f fields, expired bool) []Card {
	gone := "The body has expired under its retention class. The header stays, and is all there is."
	text := func(label, key string, pointers ...string) Line {
		return Line{Label: label, Key: key, Value: f.text(pointers...)}
	}
	who := Card{Name: "Who", Absent: "No actor is named.", Lines: keep(
		text("name", "actor", "/actor/name"), text("mail", "actor.email", "/actor/email"), text("id", "actor.id", "/actor/id"),
		text("type", "actor.type", "/actor/type"), text("role", "actor.role", "/actor/role"),
		text("session", "session", "/actor/session"), text("MFA", "mfa", "/actor/mfa"))}
	what := Card{Name: "What", Lines: keep(append([]Line{
		{Label: "action", Key: "action", Value: h.Action}, {Label: "category", Key: "category", Value: h.Category},
		text("source says", "native", "/native_action")}, targetLines(f)...)...)}
	where := Card{Name: "Where", Absent: "The event names no address, host, region or account.", Lines: keep(
		text("ip", "ip", "/where/ip"), text("host", "host", "/where/host"), text("region", "region", "/where/region"),
		text("account", "account", "/where/account"), text("program", "user_agent", "/where/user_agent"))}
	how := Card{Name: "Outcome", Lines: keep(Line{Label: "outcome", Key: "outcome", Value: h.Outcome, Outcome: true},
		text("code", "code", "/outcome_code"), text("reason", "reason", "/outcome_reason"))}
	why := Card{Name: "Why", Absent: "The event names no ticket, approval or change.", Lines: keep(
		text("ticket", "ticket", "/why/ticket"), text("approval", "approval", "/why/approval"), text("change", "change", "/why/change"),
		text("session", "why.session", "/why/session"), text("incident", "incident", "/why/incident"),
		text("policy", "policy", "/why/policy"), text("reason", "why.reason", "/why/reason"))}
	if expired {
		who.Absent, where.Absent, why.Absent = gone, gone, gone
	}
	from := Card{Name: "From", Lines: keep(Line{Label: "source", Key: "source", Value: h.Source},
		Line{Label: "its record", Value: number(h.SSeq), Note: "counted from 0, without a gap"},
		text("its id", "id", "/id"), text("request", "request_id", "/request_id"), text("trace", "trace_id", "/trace_id"))}
	return []Card{who, what, whenCard(h), how, where, why, from}
}

// keep drops lines that say nothing.
func keep(lines ...Line) []Line {
	var kept []Line
	for _, l := range lines {
		if l.Value != "" || !l.Time.IsZero() {
			kept = append(kept, l)
		}
	}
	return kept
}

func whenCard(h *proof.Header) Card {
	d := h.At.Sub(h.OccurredAt)
	delay := Line{Label: "delay", Value: span(d), Note: "from happening to the record"}
	switch late, ahead := lateness(h); {
	case ahead != "":
		delay = Line{Label: "delay", Value: "−" + ahead, Note: "the source's clock was ahead of ours", Warn: true}
	case late != "":
		delay.Note, delay.Warn = "recorded late", true
	case d < 0:
		delay.Value, delay.Note = "−"+span(d), "clocks differ"
	}
	return Card{Name: "When", Lines: []Line{
		{Label: "happened", Time: h.OccurredAt, Note: "source's clock"},
		{Label: "recorded", Time: h.At, Note: "our clock"},
		delay,
	}}
}

// maxTargets is how many targets a card names.
const maxTargets = 4

func targetLines(f fields) []Line {
	var lines []Line
	add := func(at string) {
		kind, name, id := f.text(at+"/type"), f.text(at+"/name"), f.text(at+"/id")
		if name != "" {
			lines = append(lines, Line{Label: "target", Key: "target", Value: name, Note: kind})
			kind = ""
		}
		if id != "" && id != name {
			label := "target id"
			if name == "" {
				label = "target"
			}
			lines = append(lines, Line{Label: label, Key: "target.id", Value: id, Note: kind})
		}
	}
	add("/target")
	n := f.under("/targets")
	for i := range min(n, maxTargets) {
		add("/targets/" + strconv.Itoa(i))
	}
	if n > maxTargets {
		lines = append(lines, Line{Label: "targets", Value: number(n), Note: "all in the fields below"})
	}
	return lines
}

// fieldRows lists the fields as they were committed to, and how many are left
// out of the list.
func fieldRows(f fields) ([]FieldRow, int) {
	var rows []FieldRow
	for i := range f {
		if i == maxFieldRows {
			return rows, len(f) - maxFieldRows
		}
		token := string(f[i].Value)
		row := FieldRow{Pointer: f[i].Pointer, Kind: tokenKind(f[i].Value)}
		limit := valueBytes
		if f[i].Pointer == "/raw" {
			limit = 160 // it stands below, decoded
		}
		cut, _ := clipBytes(token, limit)
		row.Value, row.More = cut, len(token)-len(cut)
		if key, ok := filter.KeyOf(f[i].Pointer); ok && row.More == 0 && len(token) <= maxLinked && row.Kind != "list" {
			row.URL = clauseURL(key, tokenText(f[i].Value))
		}
		rows = append(rows, row)
	}
	return rows, 0
}

func tokenKind(token []byte) string {
	switch {
	case len(token) == 0:
		return "literal"
	case token[0] == '"':
		return "string"
	case token[0] == '[' || token[0] == '{':
		return "list"
	case token[0] == '-' || token[0] >= '0' && token[0] <= '9':
		return "number"
	}
	return "literal"
}

// rawOf returns what the source sent.
func rawOf(f fields) ([]byte, bool) {
	text := f.text("/raw")
	if text == "" {
		return nil, false
	}
	if f.text("/raw_encoding") == "base64" {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return []byte(text), true
		}
		return b, true
	}
	return []byte(text), true
}

func newRawPart(f fields) RawPart {
	b, ok := rawOf(f)
	p := RawPart{Present: ok, Bytes: len(b)}
	switch {
	case !ok:
	case utf8.Valid(b):
		p.Text, _ = clipBytes(string(b), rawBytes)
		p.More = len(b) - len(p.Text)
	default:
		shown := b[:min(len(b), rawBytes/8)]
		p.Hex, p.More = strings.TrimSuffix(hex.Dump(shown), "\n"), len(b)-len(shown)
	}
	return p
}
