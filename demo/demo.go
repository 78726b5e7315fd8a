package demo

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"
	"time"
)

// DefaultEvents is how many events the demo shows unless told otherwise.
const DefaultEvents = 240_000

// Events yields n events of Halcyon Freight's twelve months before now, each
// with the source that it comes from: a CloudTrail record for
// aws.cloudtrail/prod, an event of the schema evident.event/1 for all others.
// The same seed, now and n give the same bytes.
//
// They come in the order of time, but for up to twenty seconds, and every time
// lies in the twelve months before now. The stories (see the package comment)
// always come whole; where n is less than their number, nothing else does. The
// bytes are the caller's to keep.
func Events(seed uint64, now time.Time, n int) iter.Seq2[string, []byte] {
	return func(yield func(source string, raw []byte) bool) {
		g := newGenerator(seed, now, n)
		for day := range g.days {
			for _, it := range g.next(day) {
				if !yield(it.source, it.raw) {
					return
				}
			}
		}
	}
}

// generator makes one day after the other: the stories of the day, and so much
// of everyday life that the number comes out.
type generator struct {
	year
	co      *company
	seed    uint64
	days    int
	first   time.Time // midnight at which the first day begins
	weights []float64 // share of everyday life up to the end of each day
	want    int       // events of everyday life in all
	made    int       // of them, those yielded or carried
	silent  [2]int64
	stories []item
	carry   []item // of everyday life, in after the day's end
}

func newGenerator(seed uint64, now time.Time, n int) *generator {
	g := &generator{year: newYear(now), co: newCompany(), seed: seed}
	from, until := g.silence()
	g.silent = [2]int64{from.UnixNano(), until.UnixNano()}
	g.stories = g.tell()
	g.want = max(0, n-len(g.stories))
	g.first = g.start.Truncate(24 * time.Hour)
	total := 0.0
	// A last day of less than an hour is part of the day before.
	for d := g.first; d.Before(g.now.Add(-time.Hour)); d = d.AddDate(0, 0, 1) {
		total += g.weight(d) * min(1, g.now.Sub(d).Hours()/24)
		g.weights = append(g.weights, total)
	}
	g.days = len(g.weights)
	for i := range g.weights {
		g.weights[i] /= total
	}
	return g
}

// tell writes down all stories, in the order in which they come in.
func (g *generator) tell() []item {
	s := newScribe(g.co, g.year, g.seed)
	s.routine()
	s.accessStories()
	s.changeStories()
	s.cloudStories()
	s.dataStories()
	s.items = slices.DeleteFunc(s.items, g.unheard)
	s.sort()
	return s.items
}

// unheard reports whether an event never arrives: it lies outside the twelve
// months, or its source was silent.
func (g *generator) unheard(it item) bool {
	return it.at < g.start.UnixNano() || it.come >= g.now.UnixNano() ||
		it.source == srcDB && it.at > g.silent[0] && it.at < g.silent[1]
}

// next makes day i: its events, and those of earlier days that come in only now.
func (g *generator) next(i int) []item {
	midnight := g.first.AddDate(0, 0, i)
	end, last := midnight.AddDate(0, 0, 1), i == g.days-1
	if last {
		end = g.now
	}
	b := newBook(g.co, rand.New(rand.NewChaCha8(seedOf(g.seed, i))))
	quota := int(g.weights[i]*float64(g.want)) - g.made
	if last {
		quota = g.want - g.made
	}
	g.live(b, midnight, quota, i > g.days-8)
	b.items = slices.DeleteFunc(b.items, g.unheard)
	for last && len(b.items) < quota {
		b.machine(midnight.Add(b.span(0, g.now.Sub(midnight))))
		b.items = slices.DeleteFunc(b.items, g.unheard)
	}
	g.made += len(b.items)

	told, _ := slices.BinarySearchFunc(g.stories, end, comeIn)
	b.items = append(append(b.items, g.carry...), g.stories[:told]...)
	g.stories = g.stories[told:]
	b.sort()
	now, _ := slices.BinarySearchFunc(b.items, end, comeIn)
	g.carry = slices.Clone(b.items[now:])
	return b.items[:now]
}

func comeIn(it item, t time.Time) int { return cmp.Compare(it.come, t.UnixNano()) }

// sessionEvents is about the most that one session or release makes.
const sessionEvents = 60

// live fills a day with everyday life: people at work and releases for half of
// it, machines for the rest. It may make a few events more than the quota,
// which then lack on the next day, unless exact asks for no more.
func (g *generator) live(b *book, midnight time.Time, quota int, exact bool) {
	before := int(g.midnight.Sub(midnight).Hours() / 24)
	working, share := workday(midnight), 0.52
	if !working {
		share = 0.12
	}
	crew := g.crew(b, before, working)
	busy := int(share * float64(quota))
	for n := 0; len(b.items) < busy && len(crew) > 0; n++ {
		if rest := quota - len(b.items); rest < sessionEvents && (exact || b.r.IntN(sessionEvents) >= rest) {
			break
		}
		p := crew[n%len(crew)]
		local := b.span(8*time.Hour+5*time.Minute, 10*time.Hour) // after midnight UTC in Singapore too
		if n >= len(crew) {
			local = b.span(11*time.Hour, 16*time.Hour)
		}
		b.work(p, midnight.Add(local-p.site.offset))
		if !working || n%7 != 3 {
			continue
		}
		if c, ok := b.newRelease(before, n/7, midnight.Add(b.span(7*time.Hour, 15*time.Hour))); ok {
			b.release(c)
		}
	}
	for len(b.items) < quota {
		at := midnight.Add(b.span(0, 24*time.Hour))
		if h := at.Hour(); (h < 6 || h > 20) && b.chance(2) {
			at = midnight.Add(b.span(7*time.Hour, 19*time.Hour)) // customers sleep
		}
		b.machine(at)
	}
}

// crew is who works on a day, in a random order: everybody on a working day,
// some of platform and support on others.
func (g *generator) crew(b *book, before int, working bool) []*person {
	var crew []*person
	for _, p := range g.co.people {
		if p.here(before) && (working || (p.team == teamPlatform || p.team == teamSupport) && b.chance(3)) {
			crew = append(crew, p)
		}
	}
	b.r.Shuffle(len(crew), func(i, j int) { crew[i], crew[j] = crew[j], crew[i] })
	return crew
}
