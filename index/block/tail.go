package block

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"

	"example.com/evident/index/words"
)

// A tail holds the newest records in memory, in columns that are as long as a
// block from the start. One goroutine adds to it. Once it is full it never
// changes again, and a block is made of it.
type Tail struct {
	First   uint64
	Stretch int // records of one

	// Columns, of which readers may look at what was added before they took
	// their snapshot.
	T     []int64 // occurred_at in milliseconds
	NS    []int32 // nanoseconds besides
	Seqs  []int64
	Flags []uint8
	Codes [GroupCount][]uint32

	mu           sync.RWMutex // guards what follows
	n            int
	dictionaries [GroupCount]dictionary
	filters      []words.Filter
	entryWords   words.Filter // words of all entries in the dictionaries
	facts        Facts

	// Owned by who adds.
	seen    []uint64 // tokens whose words are already in the newest filter
	seed    maphash.Seed
	scratch []byte
	words   words.Set
}

// Facts are what is known of all rows of a block or tail.
type Facts struct {
	Earliest, Latest int64            // occurred_at, nanoseconds since 1970
	Flags            uint8            // of any row
	Lost             [GroupCount]bool // some row has code 0
}

// seenTokens is how many tokens are remembered, to pass over those whose words
// have just been added.
const seenTokens = 2048

// NewTail returns an empty tail for so many records from first on.
func NewTail(first uint64, records int) *Tail {
	t := &Tail{
		First: first, Stretch: words.StretchOf(records), entryWords: words.New(words.EntryBits), seed: maphash.MakeSeed(), seen: make([]uint64, seenTokens),
		T: make([]int64, records), NS: make([]int32, records), Seqs: make([]int64, records), Flags: make([]uint8, records),
	}
	for g := range t.Codes {
		t.Codes[g] = make([]uint32, records)
	}
	return t
}

// Full reports whether there is room for no more rows. Only who adds may ask.
func (t *Tail) Full() bool { return t.n == len(t.T) }

// Add takes the rows that follow, as many as there is room for.
func (t *Tail) Add(rows []Row) (added int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range rows {
		if t.Full() {
			return i
		}
		t.addRow(&rows[i])
	}
	return len(rows)
}

func (t *Tail) addRow(r *Row) {
	if t.n%t.Stretch == 0 {
		t.filters = append(t.filters, words.New(words.StretchBits))
		clear(t.seen)
	}
	if t.n == 0 {
		t.facts.Earliest, t.facts.Latest = r.occurred, r.occurred
	}
	t.facts.Earliest, t.facts.Latest = min(t.facts.Earliest, r.occurred), max(t.facts.Latest, r.occurred)
	t.T[t.n], t.NS[t.n] = SplitTime(r.occurred)
	t.Seqs[t.n] = int64(r.seq)
	t.Flags[t.n] = r.flags
	t.facts.Flags |= r.flags
	var parts [GroupCount][maxParts][]byte
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
	for g := range Groups {
		entry := t.scratch[:0]
		for p, name := range Groups[g].Parts {
			if name[0] == '/' {
				entry = appendPart(entry, parts[g][p], parts[g][p] != nil)
			} else {
				entry = appendPart(entry, []byte(r.header[g]), true)
			}
		}
		known := t.dictionaries[g].Len()
		code := t.dictionaries[g].code(entry)
		if t.dictionaries[g].Len() > known {
			t.addEntry(g, entry)
		}
		t.Codes[g][t.n] = code
		if code == 0 {
			t.facts.Lost[g] = true
		}
		t.scratch = entry
	}
	t.n++
}

// addToken puts the words of a token into the newest filter. Most tokens stood
// there a few records ago; the hash that tells them cannot be foreseen, or who
// writes events could hide words behind a collision.
func (t *Tail) addToken(token []byte) {
	hash := maphash.Bytes(t.seed, token)
	slot := &t.seen[hash%seenTokens]
	if *slot == hash {
		return
	}
	*slot = hash
	t.addWords(t.filters[len(t.filters)-1], token)
}

// addEntry puts the words of a new entry into the filter of entries.
func (t *Tail) addEntry(g int, entry []byte) {
	for p, part := range ParseEntry(entry) {
		switch {
		case part == nil:
		case Groups[g].Parts[p][0] == '/':
			t.addWords(t.entryWords, part)
		default:
			t.addWords(t.entryWords, slices.Concat([]byte(`"`), part, []byte(`"`)))
		}
	}
}

func (t *Tail) addWords(filter words.Filter, token []byte) {
	t.words.Hashes, t.words.Flood = t.words.Hashes[:0], false
	t.words.AddToken(token, true)
	if t.words.Flood {
		filter.Flood()
	}
	for _, h := range t.words.Hashes {
		filter.Add(h)
	}
}

// sorted returns the numbers of the rows in the order in which a block has them.
func (t *Tail) sorted() []uint32 {
	order := make([]uint32, t.n)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.T[a], t.T[b]), cmp.Compare(t.NS[a], t.NS[b]), cmp.Compare(a, b))
	})
	return order
}

// Dictionary returns the entries of group g.
func (t *Tail) Dictionary(g int) (Entries, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.dictionaries[g].Entries, nil
}

// Mention says whether some entry may have all these words.
func (t *Tail) Mention(hashes []uint32) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.entryWords.HasAll(hashes)
}

// May returns the stretches that may have a record with all these words.
func (t *Tail) May(hashes []uint32) (words.Stretches, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	set := make(words.Stretches, (len(t.T)/t.Stretch+63)/64)
	for i, f := range t.filters {
		if f.HasAll(hashes) {
			set[i/64] |= 1 << (i % 64)
		}
	}
	return set, nil
}

// Occurred is the occurred_at of a row, in nanoseconds since 1970.
func (t *Tail) Occurred(row int) int64 { return t.T[row]*1e6 + int64(t.NS[row]) }

// End is the seq behind the last row.
func (t *Tail) End() uint64 { return t.First + uint64(t.n) }

// Room is how many more rows there is room for.
func (t *Tail) Room() int { return len(t.T) - t.n }

// Snapshot returns how many rows there are now and what is known of them.
func (t *Tail) Snapshot() (rows int, f Facts) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.n, t.facts
}
