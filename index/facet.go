package index

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/evident/index/block"
	"example.com/evident/proof"
)

// A Facet says which values the records that match have in a field.
type Facet struct {
	Field  string
	Values []FacetValue // the most frequent ones, most frequent first
	Others uint64       // how many more values there are
	Absent uint64       // records that have none
}

// A FacetValue is one value, as it is spelled in the evidence, and how many
// records have it.
type FacetValue struct {
	Value string
	Count uint64
}

// facetFields are the fields of which facets can be had: the keys of
// docs/filter.md whose first value a column has, and the names in that column.
// The first that a record has counts.
var facetFields = map[string][]string{
	"source": {"source"}, "category": {"category"}, "action": {"action"}, "outcome": {"outcome"},
	"native": {"/native_action"}, "code": {"/outcome_code"},
	"actor.type": {"/actor/type"}, "actor.id": {"/actor/id"}, "actor.name": {"/actor/name"},
	"actor.email": {"/actor/email"}, "actor.role": {"/actor/role"}, "mfa": {"/actor/mfa"},
	"target.type": {"/target/type", "/targets/0/type"},
	"target.id":   {"/target/id", "/targets/0/id"},
	"target.name": {"/target/name", "/targets/0/name"},
	"ip":          {"/where/ip"}, "region": {"/where/region"}, "account": {"/where/account"},
	"host": {"/where/host"}, "user_agent": {"/where/user_agent"},
}

// FacetFields returns the names that Facets knows.
func FacetFields() []string {
	names := make([]string, 0, len(facetFields))
	for name := range facetFields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const maxTop = 1000

// Facets counts, for each of fields, the records that match by their value in
// it, and returns the top values of each. Of several targets the first counts.
func (x *Index) Facets(ctx context.Context, q Query, fields []string, top int) ([]Facet, error) {
	if top < 1 || top > maxTop {
		return nil, fmt.Errorf("search index: the %d most frequent values, want 1 to %d", top, maxTop)
	}
	var facets []Facet
	err := x.ask(ctx, q, x.cfg.Deadline, func(ctx context.Context, a *asking) error {
		f, err := newFacetTally(fields)
		if err != nil {
			return err
		}
		err = a.each(ctx, f)
		facets = f.facets(top)
		return err
	})
	return facets, err
}

// A facetTally counts values of fields.
type facetTally struct {
	fields []facetField
	groups []int // in which the fields are

	mu sync.Mutex // guards the counts
}

type facetField struct {
	name   string
	names  []string
	group  int
	parts  []int
	counts map[string]uint64
	absent uint64
}

func newFacetTally(fields []string) (*facetTally, error) {
	t := &facetTally{}
	for _, name := range fields {
		f := facetField{name: name, names: facetFields[name], counts: map[string]uint64{}}
		if f.names == nil {
			return nil, errors.New("search index: no facet of " + name)
		}
		for g := range block.Groups {
			for p, part := range block.Groups[g].Parts {
				if slices.Contains(f.names, part) {
					f.group, f.parts = g, append(f.parts, p)
				}
			}
		}
		t.fields = append(t.fields, f)
		if !slices.Contains(t.groups, f.group) {
			t.groups = append(t.groups, f.group)
		}
	}
	return t, nil
}

func (t *facetTally) rows(ctx context.Context, a *asking, p *part, where cond) error {
	for _, g := range t.groups {
		e, err := p.dictionary(g)
		if err != nil {
			return &partError{p.place, err}
		}
		counts, err := a.countCodes(ctx, p, g, e.Len(), where)
		if err != nil {
			return err
		}
		t.addCodes(g, &e, counts)
		if counts[0] > 0 {
			if err := t.addLost(ctx, a, p, g, where); err != nil {
				return err
			}
		}
	}
	return nil
}

// countCodes counts the rows of a part by their code in a group, of which there
// are n.
func (a *asking) countCodes(ctx context.Context, p *part, g, n int, where cond) ([]uint64, error) {
	counts := make([]uint64, n+1)
	if p.place.tail != nil {
		p.each(where, func(t *block.Tail, row int) { counts[t.Codes[g][row]]++ })
		return counts, nil
	}
	query := "SELECT " + block.ColumnNames[4+g] + " AS code, count(*) FROM " + p.place.block.Table + " WHERE " + where.sql + " GROUP BY code"
	err := a.rows(ctx, p, query, where.args, func(scan func(...any) error) error {
		var code, n int64
		if err := scan(&code, &n); err != nil {
			return err
		}
		counts[code] = uint64(n)
		return nil
	})
	return counts, err
}

func (t *facetTally) addCodes(g int, e *block.Entries, counts []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for code, n := range counts {
		if n == 0 || code == 0 {
			continue
		}
		parts := block.ParseEntry(e.At(uint32(code)))
		for i := range t.fields {
			f := &t.fields[i]
			if f.group != g {
				continue
			}
			var value []byte
			for _, p := range f.parts {
				if value != nil {
					continue
				}
				if value = parts[p]; block.Groups[g].Parts[p][0] == '/' {
					value = valueOf(value)
				}
			}
			f.add(value, n)
		}
	}
}

// addLost counts the rows whose entry was not kept, in the trail.
func (t *facetTally) addLost(ctx context.Context, a *asking, p *part, g int, where cond) error {
	rows, err := a.list(ctx, p, all(where, isLost(g)), never, bySeq, noLimit)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(rows, 1024) {
		if _, err := a.evidence(ctx, batch, func(h *proof.Header, fields []proof.Field) { t.addRecord(h, fields, g) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *facetTally) record(h *proof.Header, fields []proof.Field) {
	for _, g := range t.groups {
		t.addRecord(h, fields, g)
	}
}

func (t *facetTally) addRecord(h *proof.Header, fields []proof.Field, g int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	header := map[string]string{"source": h.Source, "category": h.Category, "action": h.Action, "outcome": h.Outcome}
	for i := range t.fields {
		f := &t.fields[i]
		if f.group != g {
			continue
		}
		var value []byte
		for _, name := range f.names {
			if name[0] != '/' {
				value = []byte(header[name])
			}
			for j := range fields {
				if value == nil && fields[j].Pointer == name {
					value = valueOf(fields[j].Value)
				}
			}
		}
		f.add(value, 1)
	}
}

func (f *facetField) add(value []byte, n uint64) {
	if value == nil {
		f.absent += n
		return
	}
	f.counts[string(value)] += n
}

// valueOf is what a token is counted as: a string as what it stands for, null
// and what is empty as nothing, all else as it is written.
func valueOf(token []byte) []byte {
	switch {
	case len(token) == 0, token[0] == '{', string(token) == "null", token[0] == '[' && len(bytes.TrimSpace(token[1:len(token)-1])) == 0:
		return nil
	case token[0] != '"':
		return token
	case bytes.IndexByte(token, '\\') < 0:
		return token[1 : len(token)-1]
	}
	var s string
	if json.Unmarshal(token, &s) != nil {
		return nil
	}
	return []byte(s)
}

func (t *facetTally) facets(top int) []Facet {
	var facets []Facet
	for i := range t.fields {
		f := &t.fields[i]
		facet := Facet{Field: f.name, Absent: f.absent}
		for value, n := range f.counts {
			facet.Values = append(facet.Values, FacetValue{value, n})
		}
		slices.SortFunc(facet.Values, func(a, b FacetValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		facet.Others = uint64(max(0, len(facet.Values)-top))
		facet.Values = facet.Values[:min(top, len(facet.Values))]
		facets = append(facets, facet)
	}
	return facets
}
