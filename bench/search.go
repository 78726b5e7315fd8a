package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/evident/bench/load"
)

// query is one kind of search. limit is what its p50 is to stay under, in
// milliseconds, at the large size.
type query struct {
	name  string
	limit float64
	paths func(g *load.Generator, i int) []string // what the i-th run asks for
}

// newest asks for the newest fifty events that a filter matches.
func newest(filter string) string {
	return "/v1/events?limit=50&filter=" + url.QueryEscape(filter)
}

var queries = []query{
	{"newest 50 of a frequent actor", 50, func(g *load.Generator, i int) []string {
		return []string{newest("actor.id:" + g.ActorID(i%20))}
	}},
	{"newest 50 of a rare actor", 50, func(g *load.Generator, i int) []string {
		return []string{newest("actor.id:" + g.ActorID(g.Actors()-1-i%20))}
	}},
	{"rare word, newest 50", 200, func(*load.Generator, int) []string { return []string{newest(load.RareWord)} }},
	{"word of one event in a million", 200, func(*load.Generator, int) []string { return []string{newest(load.SingularWord)} }},
	{"histogram by day and four facets", 500, func(g *load.Generator, i int) []string {
		f := "filter=" + url.QueryEscape([]string{"outcome:denied", "category:privileged", "action:" + g.ActionName(i%10), "actor.id:" + g.ActorID(i%10)}[i%4])
		return []string{"/v1/histogram?step=1d&" + f, "/v1/facets?fields=actor.id,action,source,outcome&" + f}
	}},
}

func searchName(name string, events int) string {
	return fmt.Sprintf("%s, %s events, p50 ms", name, thousands(int64(events)))
}

// searches waits until everything is searchable, then asks.
func (r *rig) searches(ctx context.Context, s *server, events int) error {
	if err := r.settled(ctx, s); err != nil {
		return err
	}
	g := load.NewGenerator(1, time.Now(), 0, 1)
	for _, q := range queries {
		var waits load.Waits
		found := "?"
		for i := range r.Queries + 1 {
			begin := time.Now()
			for _, path := range q.paths(g, i) {
				text, err := get(ctx, s.addr, path)
				if err != nil {
					r.note("%s: %v", q.name, err)
					return ctx.Err()
				}
				found = describe(text)
			}
			if i > 0 { // the first warms up
				waits = append(waits, time.Since(begin))
			}
		}
		waits = load.Sorted(waits)
		r.add(searchName(q.name, events), milliseconds(waits.At(.5)))
		r.latency = append(r.latency, latencyRow{q.name, events, found, waits.At(.5), waits.At(.99), len(waits)})
	}
	return nil
}

// describe says what an answer held, so that a fast nothing is seen.
func describe(text []byte) string {
	var a struct {
		Events []json.RawMessage `json:"events"`
	}
	if json.Unmarshal(text, &a) == nil && a.Events != nil {
		return fmt.Sprintf("%d events", len(a.Events))
	}
	return fmt.Sprintf("%d bytes", len(text))
}

// queryLimit bounds one search.
const queryLimit = 30 * time.Second

func get(ctx context.Context, addr, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, strings.TrimSpace(tail(string(text), 300)))
	}
	return text, err
}
