package index

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
)

// A tail holds the newest records in memory, in columns that are as long as a
// block from the start. One goroutine adds to it. Once it is full it never
// changes again, and a block is made of it.
type tail struct {
	first   uint64
	stretch int // records of one

	// Columns, of which readers may look at what was added before they took
	// their snapshot.
	t     []int64
	ns    []int32
	seqs  []int64
	flags []uint8
	codes [groupCount][]uint32

	mu           sync.RWMutex // guards what follows
	n            int
	dictionaries [groupCount]dictionary
	filters      []filterOf
	entryWords   filterOf // words of all entries in the dictionaries
	facts

	// Owned by who adds.
	seen    []uint64 // tokens whose words are already in the newest filter
	seed    maphash.Seed
	scratch []byte
	words   words
}

// facts are what is known of all rows of a part.
type facts struct {
	earliest, latest int64            // occurred_at, nanoseconds since 1970
	flags            uint8            // of any row
	lost             [groupCount]bool // some row has code 0
}

// seenTokens is how many tokens are remembered, to pass over those whose words
// have just been added.
const seenTokens = 2048

func newTail(first uint64, records int) *tail {
	t := &tail{
		first: first, stretch: stretchOf(records), entryWords: newFilter(entryBits), seed: maphash.MakeSeed(), seen: make([]uint64, seenTokens),
		t: make([]int64, records), ns: make([]int32, records), seqs: make([]int64, records), flags: make([]uint8, records),
	}
	for g := range t.codes {
		t.codes[g] = make([]uint32, records)
	}
	return t
}

func (t *tail) full() bool { return t.n == len(t.t) }

// add takes the rows that follow, as many as there is room for.
func (t *tail) add(rows []Row) (added int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range rows {
		if t.full() {
			return i
		}
		t.addRow(&rows[i])
	}
	return len(rows)
}

func (t *tail) addRow(r *Row) {
	if t.n%t.stretch == 0 {
		t.filters = append(t.filters, newFilter(filterBits))
		clear(t.seen)
	}
	if t.n == 0 {
		t.earliest, t.latest = r.occurred, r.occurred
	}
	t.earliest, t.latest = min(t.earliest, r.occurred), max(t.latest, r.occurred)
	t.t[t.n], t.ns[t.n] = splitTime(r.occurred)
	t.seqs[t.n] = int64(r.seq)
	t.flags[t.n] = r.flags
	t.facts.flags |= r.flags
	var parts [groupCount][maxParts][]byte
	start := uint32(0)
	for _, f := range r.fields {
		token := r.tokens[start:f.end:f.end]
		start = f.end
		if f.place == inWords {
			t.addToken(token)
		} else {
			parts[f.place/8][f.place%8] = token
		}
	}
	for g := range groups {
		entry := t.scratch[:0]
		for p, name := range groups[g].parts {
			if name[0] == '/' {
				entry = appendPart(entry, parts[g][p], parts[g][p] != nil)
			} else {
				entry = appendPart(entry, []byte(r.header[g]), true)
			}
		}
		known := t.dictionaries[g].len()
		code := t.dictionaries[g].code(entry)
		if t.dictionaries[g].len() > known {
			t.addEntry(g, entry)
		}
		t.codes[g][t.n] = code
		if code == 0 {
			t.lost[g] = true
		}
		t.scratch = entry
	}
	t.n++
}

// addToken puts the words of a token into the newest filter. Most tokens stood
// there a few records ago; the hash that tells them cannot be foreseen, or who
// writes events could hide words behind a collision.
func (t *tail) addToken(token []byte) {
	hash := maphash.Bytes(t.seed, token)
	slot := &t.seen[hash%seenTokens]
	if *slot == hash {
		return
	}
	*slot = hash
	t.addWords(t.filters[len(t.filters)-1], token)
}

// addEntry puts the words of a new entry into the filter of entries.
func (t *tail) addEntry(g int, entry []byte) {
	for p, part := range parseEntry(entry) {
		switch {
		case part == nil:
		case groups[g].parts[p][0] == '/':
			t.addWords(t.entryWords, part)
		default:
			t.addWords(t.entryWords, slices.Concat([]byte(`"`), part, []byte(`"`)))
		}
	}
}

func (t *tail) addWords(filter filterOf, token []byte) {
	t.words.hashes, t.words.flood = t.words.hashes[:0], false
	t.words.addToken(token, true)
	if t.words.flood {
		filter.flood()
	}
	for _, h := range t.words.hashes {
		filter.add(h)
	}
}

// sorted returns the numbers of the rows in the order in which a block has them.
func (t *tail) sorted() []uint32 {
	order := make([]uint32, t.n)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.t[a], t.t[b]), cmp.Compare(t.ns[a], t.ns[b]), cmp.Compare(a, b))
	})
	return order
}

// dictionary returns the entries of group g.
func (t *tail) dictionary(g int) (entries, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.dictionaries[g].entries, nil
}

// mention says whether some entry may have all these words.
func (t *tail) mention(hashes []uint32) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.entryWords.hasAll(hashes)
}

// may returns the stretches that may have a record with all these words.
func (t *tail) may(hashes []uint32) (stretchSet, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	set := make(stretchSet, (len(t.t)/t.stretch+63)/64)
	for i, f := range t.filters {
		if f.hasAll(hashes) {
			set[i/64] |= 1 << (i % 64)
		}
	}
	return set, nil
}

// occurred is the occurred_at of a row, in nanoseconds since 1970.
func (t *tail) occurred(row int) int64 { return t.t[row]*1e6 + int64(t.ns[row]) }

// end is the seq behind the last row.
func (t *tail) end() uint64 { return t.first + uint64(t.n) }

// room is how many more rows there is room for.
func (t *tail) room() int { return len(t.t) - t.n }

// each calls do for the rows of a part that is a tail for which where is true.
func (p *part) each(where cond, do func(t *tail, row int)) {
	if where.is(never) {
		return
	}
	for row := range p.rows {
		if where.row == nil || where.row(p.place.tail, row) {
			do(p.place.tail, row)
		}
	}
}

// newest returns the newest n rows for which where is true, newest first.
func (p *part) newest(where, sure cond, n int) []row {
	var rows []row
	floor := key{occurred: -1 << 63}
	later := func(a, b row) int { return b.compare(a.key) }
	t := p.place.tail
	for i := p.rows - 1; i >= 0; i-- { // most come in the order of time, so that the floor soon rises
		if !where.of(t, i) {
			continue
		}
		r := row{key{t.occurred(i), uint64(t.seqs[i])}, sure.of(t, i)}
		if r.compare(floor) < 0 {
			continue
		}
		if rows = append(rows, r); len(rows) >= 2*n+1024 {
			slices.SortFunc(rows, later)
			rows = rows[:n]
			floor = rows[n-1].key
		}
	}
	slices.SortFunc(rows, later)
	return rows[:min(n, len(rows))]
}
