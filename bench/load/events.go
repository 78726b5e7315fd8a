// Package load makes the events of the benchmark and sends them over HTTP. It
// is not a general load tester: it knows the shapes of event that it makes, and
// the request that carries each.
package load

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// The shape of the event set: it follows that of the peer measurements
// (2,000 actors, 300 actions and 20,000 targets by zipf laws, twelve months in
// near time order, mean 1.1 KB, of which about 90 bytes cannot be compressed),
// but is written in the schema evident.event/1 from the start, so that nothing
// is converted while a clock runs.
const (
	actorCount  = 2_000
	actionCount = 300
	targetCount = 20_000

	// RareWord stands in about one of 8,192 events, SingularWord in about one
	// of a million: words to search for.
	RareWord     = "quillwort"
	SingularWord = "osmiridium"

	rareEvery     = 1 << 13
	singularEvery = 1 << 20
)

// Generator makes the events of one trail in order: event i of total falls on
// the i-th part of the twelve months. The dictionaries are the same for every
// seed, so that different stretches share actors, actions and targets.
type Generator struct {
	actors  []actor
	actions []action
	targets []target
	r       *rand.Rand
	zActor  *rand.Zipf
	zAction *rand.Zipf
	zTarget *rand.Zipf

	start time.Time
	total int
	next  int
}

type actor struct {
	id, name, email, kind string
	agents, ips           [2]string
	tenant                int
	mfa                   bool
}

type action struct {
	name, native, category, service string
	read                            bool
}

type target struct{ id, kind, name, class string }

// NewGenerator prepares a generator for the stretch that begins at event from
// of a trail of total events in the twelve months before end.
func NewGenerator(seed uint64, end time.Time, from, total int) *Generator {
	g := &Generator{start: end.UTC().AddDate(-1, 0, 0), total: total, next: from}
	g.dictionaries(rand.New(rand.NewPCG(11, 13)))
	g.r = rand.New(rand.NewPCG(seed, uint64(from)+1))
	g.zActor = rand.NewZipf(g.r, 1.1, 8, actorCount-1)
	g.zAction = rand.NewZipf(g.r, 1.15, 4, actionCount-1)
	g.zTarget = rand.NewZipf(g.r, 1.05, 20, targetCount-1)
	return g
}

// ActorID is the id of the actor of the given rank, 0 the most frequent.
func (g *Generator) ActorID(rank int) string { return g.actors[rank].id }

// ActionName is the name of the action of the given rank.
func (g *Generator) ActionName(rank int) string { return g.actions[rank].name }

// Actors is the number of actors.
func (g *Generator) Actors() int { return len(g.actors) }

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func (g *Generator) dictionaries(d *rand.Rand) {
	for i := range actorCount {
		first, last := pick(d, givenNames), pick(d, familyNames)
		a := actor{id: fmt.Sprintf("usr_%08x", d.Uint32()), name: first + " " + last, kind: "user",
			email: fmt.Sprintf("%s.%s%d@halyard.example", first, last, i), tenant: d.IntN(40)}
		if i%5 == 4 {
			a.kind, a.name = "service", fmt.Sprintf("svc-%s-%d", pick(d, services), i)
			a.email = fmt.Sprintf("svc-%d@bots.halyard.example", i)
		}
		a.mfa = a.kind == "user" && a.tenant%3 != 0
		a.agents = [2]string{pick(d, agents), pick(d, agents)}
		a.ips = [2]string{fmt.Sprintf("2001:db8:%x:%x::%x", d.IntN(1<<16), d.IntN(1<<16), 1+d.IntN(254)),
			fmt.Sprintf("10.%d.%d.%d", d.IntN(256), d.IntN(256), 1+d.IntN(254))}
		g.actors = append(g.actors, a)
	}
	for i := range actionCount {
		service, verb, noun := services[i%len(services)], verbs[(i*7+i/15)%len(verbs)], nouns[(i*5+i/30)%len(nouns)]
		g.actions = append(g.actions, action{
			name:     fmt.Sprintf("%s.%s_%s_%d", service, verb, noun, i/60),
			native:   fmt.Sprintf("%s:%s%s%d", service, verb, noun, i/60),
			category: categories[(i*3+i/7)%len(categories)],
			service:  service, read: (i*7+i/15)%len(verbs) < 3,
		})
	}
	for i := range targetCount {
		kind := pick(d, targetKinds)
		g.targets = append(g.targets, target{id: fmt.Sprintf("%s_%08x", kind, d.Uint32()), kind: kind,
			name:  fmt.Sprintf("%s-%s-%s-%d", pick(d, regions), pick(d, services), kind, i),
			class: pick(d, classes)})
	}
}

// Append appends the next event and a newline to b.
func (g *Generator) Append(b []byte) []byte {
	a, c, t := &g.actors[g.zActor.Uint64()], &g.actions[g.zAction.Uint64()], &g.targets[g.zTarget.Uint64()]
	span := float64(365 * 24 * time.Hour)
	at := g.start.Add(time.Duration(span*float64(g.next)/float64(g.total)) + time.Duration(g.r.Int64N(int64(20*time.Second))))
	day := at.Unix() / 86_400
	which := 0
	if g.r.IntN(4) == 0 {
		which = 1
	}
	region := regions[(a.tenant+g.r.IntN(8)/7)%len(regions)]
	b = append(b, `{"id":"`...)
	b = g.uuid(b)
	b = append(b, `","source":"app/load-`...)
	b = strconv.AppendInt(b, int64(a.tenant%4), 10)
	b = append(b, `","occurred_at":"`...)
	b = at.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","actor":{"type":"`+a.kind+`","id":"`+a.id+`","name":"`+a.name+`","email":"`+a.email+`","session":"ses_`...)
	b = hex16(b, uint64(day)*0x9E3779B97F4A7C15^hash(a.id))
	b = append(b, `","mfa":`...)
	b = strconv.AppendBool(b, a.mfa)
	b = append(b, `},"action":"`+c.name+`","native_action":"`+c.native+`","category":"`+c.category+`","target":{"type":"`+t.kind+`","id":"`+t.id+`","name":"`+t.name+`"},"outcome":"`...)
	b = g.outcome(b, a, c, t)
	b = append(b, `,"where":{"ip":"`+a.ips[which]+`","user_agent":"`+a.agents[which]+`","region":"`+region+`"},"why":{"ticket":"SEC-`...)
	b = strconv.AppendInt(b, int64(1000+g.r.IntN(9000)), 10)
	b = append(b, `","reason":"`+pick(g.r, reasons)...)
	b = g.needle(b)
	b = append(b, `"},"detail":`...)
	b = g.detail(b, a, c, t, day)
	b = append(b, `,"request_id":"`...)
	b = g.uuid(b)
	b = append(b, `","trace_id":"`...)
	b = hex16(b, g.r.Uint64())
	g.next++
	return append(b, "\"}\n"...)
}

func (g *Generator) outcome(b []byte, a *actor, c *action, t *target) []byte {
	switch g.r.IntN(32) {
	case 0:
		b = append(b, `denied","outcome_code":"AccessDenied","outcome_reason":"`...)
		return append(b, a.email+` may not perform `+c.native+` on `+t.name+`"`...)
	case 1:
		return append(b, `failure","outcome_code":"`+pick(g.r, codes)+`"`...)
	}
	return append(b, `success"`...)
}

// needle appends, now and then, a word that is worth a search.
func (g *Generator) needle(b []byte) []byte {
	if g.next%rareEvery == rareEvery/3 {
		b = append(b, " "+RareWord...)
	}
	if g.next%singularEvery == singularEvery/5 {
		b = append(b, " "+SingularWord...)
	}
	return b
}

func (g *Generator) detail(b []byte, a *actor, c *action, t *target, day int64) []byte {
	b = append(b, `{"tenant":"org_`...)
	b = strconv.AppendInt(b, int64(a.tenant), 10)
	b = append(b, `","service":"`+c.service+`.halyard.example","session_issued_at":"`...)
	b = time.Unix(day*86_400+int64(hash(a.id)%28_800)+21_600, 0).UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
	b = append(b, `","tls":"`+pick(g.r, protocols)+`","request":{"resource":"arn:halyard:`+c.service+`:`+regions[a.tenant%len(regions)]+`:`...)
	b = strconv.AppendInt(b, int64(100_000_000_000+a.tenant*7919), 10)
	b = append(b, `:`+t.kind+`/`+t.name+`","bytes":`...)
	b = strconv.AppendInt(b, int64(g.r.ExpFloat64()*20_000), 10)
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendInt(b, int64(g.r.ExpFloat64()*120), 10)
	b = append(b, `,"classification":"`+t.class+`"}`...)
	if !c.read {
		b = append(b, `,"changes":[`...)
		for j := range 1 + g.r.IntN(3) {
			if j > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"field":"spec.`+pick(g.r, nouns)+`.`+pick(g.r, verbs)+`","before":"`+pick(g.r, classes)+`-`...)
			b = strconv.AppendInt(b, int64(g.r.IntN(1000)), 10)
			b = append(b, `","after":"`+pick(g.r, classes)+`-`...)
			b = strconv.AppendInt(b, int64(g.r.IntN(1000)), 10)
			b = append(b, `"}`...)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (g *Generator) uuid(b []byte) []byte {
	var u [16]byte
	h, l := g.r.Uint64(), g.r.Uint64()
	for i := range 8 {
		u[i], u[8+i] = byte(h>>(8*i)), byte(l>>(8*i))
	}
	u[6], u[8] = u[6]&0xf|0x40, u[8]&0x3f|0x80
	for i, p := range [...][]byte{u[0:4], u[4:6], u[6:8], u[8:10], u[10:16]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, p)
	}
	return b
}

func hex16(b []byte, v uint64) []byte {
	const digits = "0123456789abcdef"
	for s := 60; s >= 0; s -= 4 {
		b = append(b, digits[v>>s&15])
	}
	return b
}

// hash is FNV-1a: ties a value to a name without a table.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
