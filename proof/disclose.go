package proof

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"time"
)

// disclosure is what a line of records.jsonl, others.jsonl or anchor.jsonl
// discloses of one record (format.md section 6.6).
type disclosure struct {
	seq    uint64
	hasSeq bool
	formed bool // the line is in one of the two forms
	whole  bool
	bodied bool // the fields are such that a body can have
	view   View
	digest Hash  // of the fields, disclosed and withheld
	err    error // the file could not be read
}

// parseDisclosure reads one line and computes the digest of what it discloses.
func parseDisclosure(line []byte) (d disclosure) {
	fields, err := scan(nil, line, docLimits)
	if err != nil {
		return d
	}
	members := map[string]int{}
	for _, f := range fields {
		name := f.Pointer
		if strings.HasPrefix(name, "/fields/") && strings.Count(name, "/") == 2 {
			name = "/fields"
		}
		if members[name]++; name == "/seq" {
			d.seq, err = parseUint(string(f.Value))
			d.hasSeq = err == nil
		} else if (name == "/fields" || name == "/withheld") && f.Value[0] != '[' {
			return d
		}
	}
	d.whole = members["/seed"] == 1
	if !d.hasSeq || len(members) != 3 {
		return d
	}
	if d.whole {
		d.readWhole(fields)
	} else if members["/fields"] > 0 && members["/withheld"] == 1 {
		d.readPart(line)
	}
	return d
}

func (d *disclosure) readWhole(fields []Field) {
	line := View{Fields: fields}
	seedToken, _ := line.find("/seed")
	bodyToken, _ := line.find("/body")
	var seed Seed
	seedText, _ := text(seedToken)
	body, ok := text(bodyToken)
	d.formed = ok && parseHex(seed[:], string(seedText)) == nil
	if !d.formed {
		return
	}
	var err error
	if d.view.Fields, err = ParseBody(body); err == nil {
		d.bodied = true
		d.digest = BodyDigest(d.view.Fields, &seed)
	}
}

func (d *disclosure) readPart(line []byte) {
	var part struct {
		Fields   [][]string
		Withheld []string
	}
	if json.Unmarshal(line, &part) != nil {
		return
	}
	commitments := make([]Hash, len(part.Withheld), len(part.Withheld)+len(part.Fields))
	for i, s := range part.Withheld {
		if parseHex(commitments[i][:], s) != nil || i > 0 && s <= part.Withheld[i-1] {
			return
		}
	}
	pointers := make([]string, 0, len(part.Fields))
	for _, p := range part.Fields {
		var salt [16]byte
		if len(p) != 3 || parseHex(salt[:], p[2]) != nil {
			return
		}
		f := Field{p[0], []byte(p[1])}
		if !validField(&f) {
			return
		}
		d.view.Fields = append(d.view.Fields, f)
		pointers = append(pointers, f.Pointer)
		commitments = append(commitments, commit(&f, salt[:]))
	}
	slices.Sort(pointers)
	d.formed = len(slices.Compact(pointers)) == len(part.Fields)
	d.bodied = 0 < len(commitments) && len(commitments) <= MaxFields
	d.view.Withheld = len(part.Withheld)
	d.digest = digest(commitments)
}

// fail says what is wrong with the record, naming it if it has a number.
func (d *disclosure) fail(file, what string) error {
	if !d.hasSeq {
		return fail(file, what)
	}
	return failRecord(file, d.seq, what)
}

// check holds the record against its header: the fields are those that were
// recorded, and those of them that the header repeats say the same.
func (d *disclosure) check(file string, h *Header) error {
	if !d.bodied {
		return d.fail(file, "is not well formed")
	}
	if d.digest != h.Body {
		return d.fail(file, "is not what was recorded")
	}
	for _, pointer := range []string{"/source", "/category", "/action", "/outcome", "/occurred_at", "/id"} {
		token, ok := d.view.find(pointer)
		if !ok && !d.whole {
			continue
		}
		if s, isText := text(token); !isText || !h.agrees(pointer, string(s)) {
			return &Failure{file, int64(d.seq), pointer, "does not agree with its header"}
		}
	}
	return nil
}

// agrees reports whether the body's copy of a member says what the header says
// (the table in section 3). A time may have zeros at the end of its fraction.
func (h *Header) agrees(pointer, s string) bool {
	if pointer == "/id" {
		return EventID(h.Source, s) == h.ID
	}
	if whole, fraction, ok := strings.Cut(strings.TrimSuffix(s, "Z"), "."); ok && pointer == "/occurred_at" && strings.HasSuffix(s, "Z") {
		if fraction == "" || len(fraction) > 9 {
			return false
		}
		s = strings.TrimSuffix(whole+"."+strings.TrimRight(fraction, "0"), ".") + "Z"
	}
	own, _ := h.value(pointer)
	return s == string(own)
}

// disclosures yields the records of a file in their order. Lines are parsed and
// hashed several batches at once: that is where the time goes.
func (b *bundle) disclosures(file string) iter.Seq[*disclosure] {
	return func(yield func(*disclosure) bool) {
		queue := make(chan chan []disclosure, 2*runtime.GOMAXPROCS(0))
		go func() {
			defer close(queue)
			for lines := b.lines(file); lines.err == nil; {
				var batch [][]byte
				size := 0
				for len(batch) < 64 && size < 1<<20 {
					line, ok := lines.next()
					if !ok {
						break
					}
					batch = append(batch, slices.Clone(line))
					size += len(line)
				}
				done := make(chan []disclosure, 1)
				queue <- done
				go func() {
					parsed := make([]disclosure, len(batch))
					for i := range batch {
						parsed[i] = parseDisclosure(batch[i])
					}
					done <- parsed
				}()
				if lines.err == errLine {
					queue <- single(disclosure{})
				} else if lines.err != nil && lines.err != io.EOF {
					queue <- single(disclosure{err: lines.err})
				}
			}
		}()
		more := true
		for done := range queue { // to its end, whatever happens, so that nobody is left waiting
			for _, d := range <-done {
				more = more && yield(&d)
			}
		}
	}
}

func single(d disclosure) chan []disclosure {
	done := make(chan []disclosure, 1)
	done <- []disclosure{d}
	return done
}

// cursor goes through one file of records, by ascending seq.
type cursor struct {
	file string
	rank int // of its failures, see census
	next func() (*disclosure, bool)
	now  *disclosure // nil at the end
	last int64
}

// census goes once through headers, records.jsonl and others.jsonl together and
// finds for each header of the window whether it is right where it stands. What
// is wrong is kept by rank, in the order in which section 7 names it: steps h, i
// and k, each for records.jsonl, others.jsonl and, for k, neither.
type census struct {
	v        *verifier
	failures [9]error
	err      error // a file could not be read
	clauses  []*Expr
	unknown  []int // records for which a clause is unknown, by clause
	counts   Counts
	whole    int
	part     int
	word     int // matched records that rest on the exporter's word
	rows     []row
}

// row is the place and the hash of a line of population.csv.
type row struct {
	at   time.Time
	seq  uint64
	hash Hash
}

const rankForm, rankWindow, rankFilter = 0, 3, 6

func (c *census) fail(rank int, err error) {
	if c.failures[rank] == nil {
		c.failures[rank] = err
	}
}

// advance steps to the next record that is in its place.
func (c *census) advance(k *cursor) {
	for {
		d, ok := k.next()
		if k.now = d; !ok {
			k.now = nil
			return
		}
		switch {
		case d.err != nil:
			c.err = d.err
		case !d.formed:
			c.fail(k.rank, d.fail(k.file, "is not well formed"))
		case int64(d.seq) == k.last:
			c.fail(k.rank, d.fail(k.file, "stands twice"))
		case int64(d.seq) < k.last:
			c.fail(k.rank, d.fail(k.file, "does not fit"))
		default:
			k.last = int64(d.seq)
			return
		}
	}
}

// at returns the record of a header, if the file has it.
func (c *census) at(k *cursor, seq uint64) *disclosure {
	for k.now != nil && k.now.seq < seq {
		c.fail(k.rank, k.now.fail(k.file, "has no header here"))
		c.advance(k)
	}
	if d := k.now; d != nil && d.seq == seq {
		c.advance(k)
		return d
	}
	return nil
}

func (v *verifier) checkRecords() error {
	c := &census{v: v, clauses: v.filter.clauses()}
	c.unknown = make([]int, len(c.clauses))
	nextRecord, stop := iter.Pull(v.pack.disclosures("records.jsonl"))
	defer stop()
	nextOther, stopOther := iter.Pull(v.pack.disclosures("others.jsonl"))
	defer stopOther()
	records := &cursor{file: "records.jsonl", rank: 0, next: nextRecord, last: -1}
	others := &cursor{file: "others.jsonl", rank: 1, next: nextOther, last: -1}
	c.advance(records)
	c.advance(others)
	err := v.headers(func(_ *Piece, h *Header, leaf Hash) error {
		if h != nil {
			c.visit(h, leaf, c.at(records, h.Seq), c.at(others, h.Seq))
		}
		return c.err
	})
	if err != nil {
		return err
	}
	c.at(records, 1<<63)
	c.at(others, 1<<63)
	if c.err != nil {
		return c.err
	}
	return c.report()
}

func (c *census) inWindow(h *Header) bool {
	t := h.OccurredAt
	if c.v.info.Window.By == "at" {
		t = h.At
	}
	return !t.Before(c.v.info.Window.From) && t.Before(c.v.info.Window.Until)
}

// visit looks at one header, with the record that records.jsonl and the one
// that others.jsonl has of it.
func (c *census) visit(h *Header, leaf Hash, record, other *disclosure) {
	in := c.inWindow(h)
	c.counts.Headers++
	if in {
		c.counts.Window++
	}
	if record != nil && other != nil {
		c.fail(rankForm+1, other.fail("others.jsonl", "stands twice"))
	}
	for i, d := range []*disclosure{record, other} {
		if d == nil {
			continue
		}
		file := []string{"records.jsonl", "others.jsonl"}[i]
		if err := d.check(file, h); err != nil {
			c.fail(rankForm+i, err)
			return
		}
		if d.whole {
			c.whole++
		} else {
			c.part++
		}
		if !in {
			c.fail(rankWindow+i, d.fail(file, "lies outside the window"))
		}
	}
	switch {
	case record != nil:
		c.matched(h, leaf, record)
	case other != nil:
		c.counts.Others++
		if c.v.filter.Eval(h, &other.view) != False {
			c.fail(rankFilter+1, other.fail("others.jsonl", "matches the filter"))
		}
	case in:
		switch c.v.filter.Eval(h, nil) {
		case True:
			c.fail(rankFilter+2, failRecord("records.jsonl", h.Seq, "is missing from the pack"))
		case Unknown:
			c.counts.Unproven++
			c.undecided(h, nil)
		}
	}
}

func (c *census) matched(h *Header, leaf Hash, d *disclosure) {
	c.counts.Matched++
	if !h.At.Before(c.v.info.Window.Until) {
		c.counts.Late++
	}
	if h.OccurredAt.After(h.At) {
		c.counts.Ahead++
	}
	switch c.v.filter.Eval(h, &d.view) {
	case False:
		c.fail(rankFilter, d.fail("records.jsonl", "does not match the filter"))
	case Unknown:
		c.word++
		c.undecided(h, &d.view)
	}
	line := AppendPopulation(nil, h, leaf, &d.view)
	c.rows = append(c.rows, row{h.OccurredAt, h.Seq, sha256.Sum256(line)})
}

// undecided counts for each clause the records that it leaves open.
func (c *census) undecided(h *Header, v *View) {
	for i, clause := range c.clauses {
		if clause.Eval(h, v) == Unknown {
			c.unknown[i]++
		}
	}
}

func (c *census) failed(rank int) error {
	return cmp.Or(c.failures[rank], c.failures[rank+1], c.failures[rank+2])
}

// report says what was found, steps h to l.
func (c *census) report() error {
	v, n := c.v, c.counts
	if err := c.failed(rankForm); err != nil {
		return err
	}
	v.print("records   %d whole, %d in part, as recorded", c.whole, c.part)
	if err := c.failed(rankWindow); err != nil {
		return err
	}
	w := v.info.Window
	v.print("window    %d headers by %s from %s until %s", n.Window, w.By, AppendTime(nil, w.From), AppendTime(nil, w.Until))
	v.print("filter    %s", &v.filter)
	if err := c.failed(rankFilter); err != nil {
		return err
	}
	if err := cmp.Or(c.checkCounts(), c.checkPopulation()); err != nil {
		return err
	}
	v.print("complete  %d match, %d shown not to, %d not disclosed and not decided by headers, %d that match on the exporter's word", n.Matched, n.Others, n.Unproven, c.word)
	for i, clause := range c.clauses {
		said := "proven by what is disclosed"
		if clause.headerOnly() {
			said = "proven by headers"
		} else if c.unknown[i] > 0 {
			said = fmt.Sprintf("rests on the exporter's word for %d records", c.unknown[i])
		}
		v.print("clause    %s: %s", clause, said)
	}
	return nil
}

func (c *census) checkCounts() error {
	found, said := c.counts, c.v.info.Counts
	for _, n := range []struct {
		name        string
		found, said uint64
	}{{"headers", found.Headers, said.Headers}, {"window", found.Window, said.Window}, {"matched", found.Matched, said.Matched},
		{"others", found.Others, said.Others}, {"unproven", found.Unproven, said.Unproven}, {"late", found.Late, said.Late}, {"ahead", found.Ahead, said.Ahead}} {
		if n.found != n.said {
			return &Failure{"pack.json", -1, "/counts/" + n.name, "is not what the records say"}
		}
	}
	return nil
}

// checkPopulation compares population.csv line by line with what the records
// make of it, in its order, of which only hashes were kept.
func (c *census) checkPopulation() error {
	slices.SortFunc(c.rows, func(a, b row) int {
		if d := a.at.Compare(b.at); d != 0 {
			return d
		}
		return int(int64(a.seq - b.seq))
	})
	lines := c.v.pack.lines("population.csv")
	first, _ := lines.next()
	same := string(first)+"\n" == PopulationHeader()
	for _, r := range c.rows {
		line, ok := lines.next()
		same = same && ok && sha256.Sum256(append(line, '\n')) == r.hash
	}
	if _, ok := lines.next(); ok || !same || lines.err != io.EOF {
		return fail("population.csv", "is not what the records say")
	}
	return nil
}
