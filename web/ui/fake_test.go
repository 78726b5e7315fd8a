package ui_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/evident/event"
	"example.com/evident/filter"
	"example.com/evident/keys"
	"example.com/evident/proof"
	"example.com/evident/web/ui"
)

// fake is a trail in memory, with real proofs: everything that the pages check
// is checked for good. It can be told to fail.
type fake struct {
	records []ui.Record
	parsed  [][]proof.Field
	order   []int // by occurred_at, then seq, newest first
	hashes  []tlog.Hash
	signer  *keys.Signer
	note    []byte
	head    ui.Head
	check   *ui.CheckStatus

	fail   error              // of every method but Head
	slow   error              // of Histogram and Facets
	spoil  func(*ui.Evidence) // changes what Record returns
	packed ui.PackRequest
}

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func newFake(t testing.TB, events []event.Event) *fake {
	t.Helper()
	signer, err := keys.New("trail.halden.example/2026")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{signer: signer}
	events = slices.Clone(events)
	arrival := map[string]time.Time{}
	for i, e := range events {
		at := e.OccurredAt.Add(time.Duration(200+i%900) * time.Millisecond)
		if i%97 == 5 {
			at = at.Add(3*24*time.Hour + 4*time.Hour)
		}
		arrival[e.Source+e.ID] = at
	}
	at := func(e event.Event) time.Time { return arrival[e.Source+e.ID] }
	slices.SortStableFunc(events, func(a, b event.Event) int { return at(a).Compare(at(b)) })
	perSource := map[string]uint64{}
	var prev proof.Hash
	for i := range events {
		e := &events[i]
		body := e.AppendJSON(nil)
		list, err := proof.ParseBody(body)
		if err != nil {
			t.Fatalf("event %d: %v\n%s", i, err, body)
		}
		seed := proof.DeriveSeed(sha256.Sum256([]byte("secret")), uint64(i))
		h := proof.Header{
			Seq: uint64(i), At: at(*e), Source: e.Source, SSeq: perSource[e.Source], OccurredAt: e.OccurredAt,
			Category: string(e.Category), Action: e.Action, Outcome: string(e.Outcome),
			ID: proof.EventID(e.Source, e.ID), Prev: prev, Body: proof.BodyDigest(list, &seed),
		}
		perSource[e.Source]++
		line := h.Append(nil)
		prev = proof.LeafHash(line)
		stored, err := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(prev), f)
		if err != nil {
			t.Fatal(err)
		}
		f.hashes = append(f.hashes, stored...)
		f.records = append(f.records, ui.Record{Header: h, Leaf: prev, Body: body, Seed: seed})
		f.parsed = append(f.parsed, list)
		f.order = append(f.order, i)
	}
	slices.SortFunc(f.order, func(a, b int) int {
		x, y := f.records[a].Header, f.records[b].Header
		return cmp.Or(y.OccurredAt.Compare(x.OccurredAt), cmp.Compare(y.Seq, x.Seq))
	})
	f.sign(t, len(events))
	return f
}

func (f *fake) sign(t testing.TB, size int) {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), f)
	if err != nil {
		t.Fatal(err)
	}
	c := proof.Checkpoint{Origin: f.signer.Keys()[0].Name(), Size: uint64(size), Root: proof.Hash(root)}
	if f.note, err = f.signer.SignCheckpoint(c, now); err != nil {
		t.Fatal(err)
	}
	f.head = ui.Head{Origin: c.Origin, Size: uint64(len(f.records)), Signed: uint64(size)}
}

// ReadHashes serves package tlog.
func (f *fake) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		list[i] = f.hashes[x]
	}
	return list, nil
}

func (f *fake) Head(context.Context) (ui.Head, error) { return f.head, nil }

func (f *fake) matching(q filter.Filter) []int {
	var hits []int
	for _, i := range f.order {
		if q.Match(&f.records[i].Header, f.parsed[i]) {
			hits = append(hits, i)
		}
	}
	return hits
}

func (f *fake) Search(_ context.Context, q ui.Query) (ui.Hits, error) {
	if f.fail != nil {
		return ui.Hits{}, f.fail
	}
	hits := f.matching(q.Filter)
	from, _ := strconv.Atoi(q.Cursor)
	from = min(from, len(hits))
	until := min(from+q.Limit, len(hits))
	var page ui.Hits
	for _, i := range hits[from:until] {
		page.Records = append(page.Records, f.records[i])
	}
	if until < len(hits) {
		page.Next = strconv.Itoa(until)
	}
	return page, nil
}

func (f *fake) Count(_ context.Context, q filter.Filter) (uint64, error) {
	return uint64(len(f.matching(q))), f.fail
}

func (f *fake) Histogram(_ context.Context, q filter.Filter) (ui.Histogram, error) {
	if f.slow != nil {
		return ui.Histogram{}, f.slow
	}
	hits := f.matching(q)
	h := ui.Histogram{Total: uint64(len(hits))}
	if len(hits) == 0 {
		return h, f.fail
	}
	from, until := f.records[hits[len(hits)-1]].Header.OccurredAt, f.records[hits[0]].Header.OccurredAt
	for _, e := range q.Expr().Args {
		t, err := time.Parse(time.RFC3339Nano, e.Value)
		switch {
		case err != nil:
		case e.Op == "from":
			from = t
		case e.Op == "until":
			until = t.Add(-1)
		}
	}
	h.Step = ui.StepFor(from, until)
	counts := map[time.Time]uint64{ui.AlignDown(from, h.Step): 0, ui.AlignDown(until, h.Step): 0}
	for _, i := range hits {
		counts[ui.AlignDown(f.records[i].Header.OccurredAt, h.Step)]++
	}
	for t, n := range counts {
		h.Buckets = append(h.Buckets, ui.Bucket{From: t, Records: n})
	}
	slices.SortFunc(h.Buckets, func(a, b ui.Bucket) int { return a.From.Compare(b.From) })
	return h, f.fail
}

func (f *fake) Facets(_ context.Context, q filter.Filter, keys []string, n int) ([]ui.Facet, error) {
	if f.slow != nil {
		return nil, f.slow
	}
	pointers := map[string][]string{"actor.name": {"/actor/name"}, "actor.id": {"/actor/id"}, "ip": {"/where/ip"}, "target.type": {"/target/type"}}
	hits := f.matching(q)
	var facets []ui.Facet
	for _, key := range keys {
		counts := map[string]uint64{}
		for _, i := range hits {
			h := f.records[i].Header
			v := map[string]string{"source": h.Source, "category": h.Category, "action": h.Action, "outcome": h.Outcome}[key]
			for _, p := range pointers[key] {
				for _, field := range f.parsed[i] {
					if field.Pointer == p && v == "" {
						v, _ = strconv.Unquote(string(field.Value))
					}
				}
			}
			if v != "" {
				counts[v]++
			}
		}
		facet := ui.Facet{Key: key}
		for v, c := range counts {
			facet.Values = append(facet.Values, ui.FacetValue{Value: v, Records: c})
		}
		slices.SortFunc(facet.Values, func(a, b ui.FacetValue) int {
			return cmp.Or(cmp.Compare(b.Records, a.Records), strings.Compare(a.Value, b.Value))
		})
		if len(facet.Values) > n {
			facet.Values, facet.More = facet.Values[:n], true
		}
		facets = append(facets, facet)
	}
	return facets, f.fail
}

func (f *fake) Record(_ context.Context, seq uint64) (ui.Evidence, error) {
	if f.fail != nil {
		return ui.Evidence{}, f.fail
	}
	if seq >= uint64(len(f.records)) {
		return ui.Evidence{}, fmt.Errorf("read record %d: %w", seq, ui.ErrNoRecord)
	}
	e := ui.Evidence{Record: f.records[seq], Checkpoint: f.note, Keys: f.signer.Keys()}
	if seq > 0 {
		e.Previous = new(f.records[seq-1].Leaf)
	}
	if seq < f.head.Signed {
		path, err := tlog.ProveRecord(int64(f.head.Signed), int64(seq), f)
		if err != nil {
			return ui.Evidence{}, err
		}
		for _, h := range path {
			e.Path = append(e.Path, proof.Hash(h))
		}
	}
	for i := range f.records {
		h := f.records[i].Header
		switch {
		case h.Source != e.Header.Source:
		case h.SSeq+1 == e.Header.SSeq:
			e.SourcePrevious = new(h.Seq)
		case h.SSeq == e.Header.SSeq+1:
			e.SourceNext = new(h.Seq)
		}
	}
	if f.spoil != nil {
		f.spoil(&e)
	}
	return e, nil
}

func (f *fake) Status(context.Context) (ui.Status, error) {
	s := ui.Status{Checkpoint: f.note, Keys: f.signer.Keys(), Indexed: f.head.Size, BytesOnDisk: int64(len(f.records)) * 287, LastCheck: f.check}
	sources := map[string]*ui.SourceStatus{}
	for i := range f.records {
		h := f.records[i].Header
		src := sources[h.Source]
		if src == nil {
			src = &ui.SourceStatus{Source: h.Source}
			sources[h.Source] = src
		}
		src.Records++
		src.Last, src.LastAt, src.LastSeq = h.OccurredAt, h.At, h.Seq
	}
	for _, src := range sources {
		s.Sources = append(s.Sources, *src)
	}
	slices.SortFunc(s.Sources, func(a, b ui.SourceStatus) int { return cmp.Compare(b.Records, a.Records) })
	if n := len(f.records); n > 0 {
		s.First, s.Last = f.records[0].Header.At, f.records[n-1].Header.At
	}
	const per = 2048
	for first := 0; first+per <= len(f.records); first += per {
		a, b := f.records[first].Header, f.records[first+per-1].Header
		s.Segments = append(s.Segments, ui.SegmentStatus{
			Number: uint64(first / per), First: uint64(first), Until: uint64(first + per), FirstAt: a.At, LastAt: b.At,
			FirstOccurred: a.OccurredAt, LastOccurred: b.OccurredAt, Bytes: per * 276, Manifest: sha256.Sum256(fmt.Append(nil, first)),
		})
	}
	return s, f.fail
}

func (f *fake) Pack(_ context.Context, r ui.PackRequest, w io.Writer) error {
	f.packed = r
	if f.fail != nil {
		return f.fail
	}
	_, err := io.WriteString(w, "PK\x05\x06"+strings.Repeat("\x00", 18))
	return err
}

var errBroken = errors.New("open block 7: input/output error")

// halden makes the events of a fictional company's year.
func halden(n int) []event.Event {
	r := rand.New(rand.NewPCG(7, 11))
	people := []event.Actor{}
	for _, name := range []string{"Alice Nygaard", "Bao Tran", "Carmen Ruiz", "David Okafor", "Elif Kaya", "Farid Haddad", "Greta Lindqvist", "Hiro Tanaka", "Ines Moreau", "Jonas Weber"} {
		first, last, _ := strings.Cut(name, " ")
		people = append(people, event.Actor{Type: event.User, ID: "00u" + strings.ToLower(first[:2]) + strconv.Itoa(1000+len(people)), Name: name, Email: strings.ToLower(first + "." + last + "@halden.example"), MFA: new(true)})
	}
	robot := event.Actor{Type: event.Service, ID: "arn:aws:iam::412077801234:role/deploy-runner", Role: "deploy-runner"}
	type shape struct {
		source, action, native, category string
		target                           event.Target
		actor                            *event.Actor
		weight                           int
	}
	shapes := []shape{
		{"okta/halden", "session.start", "user.session.start", "authentication", event.Target{Type: "app", ID: "0oa1x", Name: "Okta Dashboard"}, nil, 34},
		{"okta/halden", "role.grant", "user.account.privilege.grant", "privileged", event.Target{Type: "user", ID: "00ubao1001", Name: "Bao Tran"}, nil, 1},
		{"okta/halden", "user.deactivate", "user.lifecycle.deactivate", "account", event.Target{Type: "user", ID: "00uel1004", Name: "Elif Kaya"}, nil, 1},
		{"aws.cloudtrail/prod", "s3.get_object", "GetObject", "data", event.Target{Type: "bucket", ID: "arn:aws:s3:::payroll-exports", Name: "payroll-exports"}, &robot, 22},
		{"aws.cloudtrail/prod", "iam.attach_user_policy", "AttachUserPolicy", "privileged", event.Target{Type: "user", ID: "arn:aws:iam::412077801234:user/breakglass", Name: "breakglass"}, nil, 1},
		{"aws.cloudtrail/prod", "ec2.authorize_security_group_ingress", "AuthorizeSecurityGroupIngress", "network", event.Target{Type: "security_group", ID: "sg-0f2a91"}, nil, 2},
		{"github/halden", "pull_request.merge", "pull_request.closed", "change", event.Target{Type: "repository", ID: "halden/ledger", Name: "halden/ledger"}, nil, 12},
		{"kubernetes/prod", "deployment.patch", "patch deployments", "change", event.Target{Type: "deployment", ID: "ledger/api", Name: "ledger/api"}, &robot, 16},
		{"postgres/ledger", "table.select", "SELECT", "data", event.Target{Type: "table", ID: "ledger.public.accounts", Name: "accounts"}, nil, 9},
		{"app/billing", "invoice.void", "invoice.void", "data", event.Target{Type: "invoice", ID: "inv_81820", Name: "INV-81820"}, nil, 6},
	}
	total := 0
	for _, s := range shapes {
		total += s.weight
	}
	start := now.AddDate(-1, 0, 0)
	var at []time.Time
	for len(at) < n {
		t := start.Add(time.Duration(r.Int64N(int64(now.Sub(start)))))
		busy := 1.0
		if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
			busy = 0.25
		}
		if t.Hour() < 6 || t.Hour() > 18 {
			busy *= 0.35
		}
		if t.Month() == time.July {
			busy *= 0.6
		}
		if r.Float64() < busy*(0.6+0.4*float64(t.Sub(start))/float64(now.Sub(start))) {
			at = append(at, t.Truncate(time.Millisecond))
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	events := make([]event.Event, 0, n)
	for i, t := range at {
		k := r.IntN(total)
		var s shape
		for _, s = range shapes {
			if k -= s.weight; k < 0 {
				break
			}
		}
		e := event.Event{
			ID: event.NewID(t) + strconv.Itoa(i), Source: s.source, OccurredAt: t, Action: s.action, NativeAction: s.native, Category: event.Category(s.category),
			Targets: []event.Target{s.target}, Outcome: event.Success, RequestID: fmt.Sprintf("req-%06x", r.IntN(1<<24)),
			Where: event.Where{IP: fmt.Sprintf("203.0.113.%d", 10+r.IntN(9)), UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5)", Region: "eu-north-1"},
		}
		e.Actor = people[min(r.IntN(len(people)), r.IntN(len(people)))]
		if s.actor != nil {
			e.Actor = *s.actor
			e.Where.UserAgent = "halden-deploy/4.2"
		}
		switch r.IntN(28) {
		case 0:
			e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Failure, "INVALID_CREDENTIALS", "The password was wrong"
		case 1:
			e.Outcome, e.OutcomeCode = event.Denied, "AccessDenied"
		}
		if s.category == "privileged" {
			e.Why = event.Why{Ticket: fmt.Sprintf("SEC-%d", 400+r.IntN(90)), Approval: "Greta Lindqvist, 2026-03-11"}
			e.Detail = []byte(`{"granted_role":"administrator","previous_roles":["viewer","auditor"],"expires_in_hours":8,"policy":{"arn":"arn:aws:iam::aws:policy/AdministratorAccess"}}`)
		}
		e.Raw = fmt.Appendf(nil, `{"eventVersion":"1.09","eventTime":%q,"eventName":%q,"sourceIPAddress":%q,"requestParameters":{"target":%q},"readOnly":false}`, t.Format(time.RFC3339), s.native, e.Where.IP, s.target.ID)
		events = append(events, e)
	}
	return events
}
