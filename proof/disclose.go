package proof

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"
)

// disclosure is what a line of records.jsonl, others.jsonl or seals.jsonl
// discloses of one record (format.md section 6.6).
type disclosure struct {
	seq    uint64
	hasSeq bool
	formed bool // the line is in one of the two forms
	whole  bool
	bodied bool // the fields are such as a body can have
	view   View
	digest Hash  // of the fields, disclosed and withheld
	err    error // the file could not be read
}

// parseDisclosure reads one line and computes the digest of what it discloses.
func parseDisclosure(line []byte) (d disclosure) {
	fields, err := scan(nil, line, docLimits(line))
	if err != nil {
		return d
	}
	members := map[string]int{}
	for _, f := range fields {
		name := f.Pointer
		if strings.HasPrefix(name, "/fields/") && strings.Count(name, "/") == 2 {
			name = "/fields"
		}
		if (name == "/fields" || name == "/withheld") && f.Value[0] != '[' {
			return d
		} else if name == "/seq" {
			d.seq, err = parseUint(string(f.Value))
			d.hasSeq = err == nil
		}
		members[name]++
	}
	switch {
	case !d.hasSeq || len(members) != 3:
	case members["/seed"] == 1:
		d.readWhole(&View{Fields: fields})
	case members["/fields"] > 0 && members["/withheld"] == 1:
		d.readPart(line)
	}
	return d
}

// readWhole cuts the body into its fields and commits to each again.
func (d *disclosure) readWhole(line *View) {
	seedToken, _ := line.find("/seed")
	bodyToken, _ := line.find("/body")
	seedText, _ := text(seedToken)
	body, ok := text(bodyToken)
	var seed Seed
	d.whole = true
	if d.formed = ok && parseHex(seed[:], string(seedText)) == nil; !d.formed {
		return
	}
	var err error
	d.view.Fields, err = ParseBody(body)
	d.bodied = err == nil
	d.digest = BodyDigest(d.view.Fields, &seed)
}

// readPart commits to the fields that are disclosed, and takes the commitments
// of the others as they are: if one of them were not what was recorded, or one
// were too many, the digest would not be that of the header.
func (d *disclosure) readPart(line []byte) {
	var part struct {
		Fields   [][]string
		Withheld []string
	}
	if json.Unmarshal(line, &part) != nil || !slices.IsSorted(part.Withheld) {
		return
	}
	commitments := make([]Hash, len(part.Withheld), len(part.Withheld)+len(part.Fields))
	for i, s := range part.Withheld {
		if parseHex(commitments[i][:], s) != nil || i > 0 && s == part.Withheld[i-1] {
			return
		}
	}
	pointers := map[string]bool{}
	for _, p := range part.Fields {
		var salt [16]byte
		if len(p) != 3 || parseHex(salt[:], p[2]) != nil {
			return
		}
		f := Field{Pointer: p[0], Value: []byte(p[1])}
		if pointers[f.Pointer] || !validField(&f) {
			return
		}
		pointers[f.Pointer] = true
		d.view.Fields = append(d.view.Fields, f)
		commitments = append(commitments, commit(&f, salt[:]))
	}
	d.formed, d.bodied = true, 0 < len(commitments) && len(commitments) <= MaxFields
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
	} else if d.digest != h.Body {
		return d.fail(file, "is not what was recorded")
	}
	for _, pointer := range []string{"/source", "/category", "/action", "/outcome", "/occurred_at", "/id"} {
		token, ok := d.view.find(pointer)
		if s, isText := text(token); (ok || d.whole) && !(isText && h.agrees(pointer, string(s))) {
			return &Failure{file, int64(d.seq), pointer, "does not agree with its header"}
		}
	}
	return nil
}

// agrees reports whether the body's copy of a member says what the header says
// (the table in section 3). A time may have zeros at the end of its fraction.
func (h *Header) agrees(pointer, s string) bool {
	switch whole, fraction, ok := strings.Cut(strings.TrimSuffix(s, "Z"), "."); {
	case pointer == "/id":
		return EventID(h.Source, s) == h.ID
	case pointer == "/occurred_at" && ok && fraction != "" && len(fraction) <= 9 && strings.HasSuffix(s, "Z"):
		s = strings.TrimSuffix(whole+"."+strings.TrimRight(fraction, "0"), ".") + "Z"
	}
	own, _ := h.value(pointer)
	return s == string(own)
}

// disclosures yields the records of a file in their order. Batches of lines are
// parsed and hashed at once, which is where the time of a verification goes.
func (b *bundle) disclosures(file string) iter.Seq[*disclosure] {
	return func(yield func(*disclosure) bool) {
		queue := make(chan chan []disclosure, 2*runtime.GOMAXPROCS(0))
		go func() {
			defer close(queue)
			lines := b.lines(file)
			for more := true; more; {
				var batch [][]byte
				for size := 0; more && len(batch) < 64 && size < 1<<20; size += len(lines.Bytes()) {
					if more = lines.Scan(); more {
						batch = append(batch, slices.Clone(lines.Bytes()))
					}
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
			}
			if lines.Err() != nil { // a line that is none is a record that is none
				last := disclosure{}
				if !lines.malformed() {
					last.err = lines.Err()
				}
				done := make(chan []disclosure, 1)
				done <- []disclosure{last}
				queue <- done
			}
		}()
		more := true
		for done := range queue { // to its end, so that nobody is left waiting
			for _, d := range <-done {
				more = more && yield(&d)
			}
		}
	}
}

// cursor goes through one file of records, by ascending seq.
type cursor struct {
	file string
	next func() (*disclosure, bool)
	now  *disclosure // nil at the end
	last int64
	// The first failure of the file in each of the steps h, i and k.
	form, window, filter error
}

// advance steps to the next record that is in its place.
func (k *cursor) advance() error {
	for {
		var ok bool
		if k.now, ok = k.next(); !ok {
			k.now = nil
			return nil
		}
		d := k.now
		switch {
		case d.err != nil:
			return d.err
		case !d.formed:
			k.form = cmp.Or(k.form, d.fail(k.file, "is not well formed"))
		case int64(d.seq) == k.last:
			k.form = cmp.Or(k.form, d.fail(k.file, "stands twice"))
		case int64(d.seq) < k.last:
			k.form = cmp.Or(k.form, d.fail(k.file, "does not fit"))
		default:
			k.last = int64(d.seq)
			return nil
		}
	}
}

// at returns the record with a header's seq, if the file has it.
func (k *cursor) at(seq uint64) (d *disclosure, err error) {
	for k.now != nil && k.now.seq < seq && err == nil {
		k.form = cmp.Or(k.form, k.now.fail(k.file, "has no header here"))
		err = k.advance()
	}
	if d = k.now; d == nil || d.seq != seq || err != nil {
		return nil, err
	}
	return d, k.advance()
}

// census goes once through headers, records.jsonl and others.jsonl together and
// finds for each header of the window whether its record is right where it is.
// What is wrong is kept, and said in the order of the steps.
type census struct {
	*verifier
	records, others *cursor
	missing         error // a header that matches, of a record in neither file
	clauses         []*Expr
	unknown         []int // records that a clause leaves undecided, by clause
	counts          Counts
	whole, part     int
	word            int // matched records that rest on the exporter's word
	rows            []row
}

// row is the place and the hash of a line of population.csv.
type row struct {
	at   time.Time
	seq  uint64
	hash Hash
}

// checkRecords is steps h to l: the records are as recorded, those of the window
// that the filter asks for, and all of them.
func (v *verifier) checkRecords() error {
	next, stop := iter.Pull(v.pack.disclosures("records.jsonl"))
	defer stop()
	nextOther, stopOther := iter.Pull(v.pack.disclosures("others.jsonl"))
	defer stopOther()
	c := &census{verifier: v, clauses: v.filter.clauses()}
	c.unknown = make([]int, len(c.clauses))
	c.records = &cursor{file: "records.jsonl", next: next, last: -1}
	c.others = &cursor{file: "others.jsonl", next: nextOther, last: -1}
	err := cmp.Or(c.records.advance(), c.others.advance())
	if err == nil {
		err = v.headers(func(_ *Piece, h *Header, leaf Hash) error {
			if h == nil {
				return nil
			}
			record, err := c.records.at(h.Seq)
			other, otherErr := c.others.at(h.Seq)
			c.visit(h, leaf, record, other)
			return cmp.Or(err, otherErr)
		})
	}
	if err == nil { // whatever is left has no header
		_, err = c.records.at(1 << 63)
		_, otherErr := c.others.at(1 << 63)
		err = cmp.Or(err, otherErr)
	}
	if err != nil {
		return err
	}
	return c.report()
}

// visit looks at one header, with the record that records.jsonl and the one
// that others.jsonl has of it.
func (c *census) visit(h *Header, leaf Hash, record, other *disclosure) {
	in := c.info.Window.holds(h)
	c.counts.Headers++
	if in {
		c.counts.Window++
	}
	if record != nil && other != nil {
		c.others.form = cmp.Or(c.others.form, other.fail(c.others.file, "stands twice"))
	}
	switch {
	case record != nil:
		if c.admit(c.records, record, h, in) {
			c.matched(h, leaf, record)
		}
	case other != nil:
		if c.counts.Others++; c.admit(c.others, other, h, in) && c.filter.Eval(h, &other.view) != False {
			c.others.filter = cmp.Or(c.others.filter, other.fail(c.others.file, "matches the filter"))
		}
	case in:
		switch c.filter.Eval(h, nil) {
		case True:
			c.missing = cmp.Or(c.missing, failRecord("records.jsonl", h.Seq, "is missing from the pack"))
		case Unknown:
			c.counts.Unproven++
			c.undecided(h, nil)
		}
	}
}

// admit checks what is asked of the records of both files, steps h and i.
func (c *census) admit(k *cursor, d *disclosure, h *Header, in bool) bool {
	if err := d.check(k.file, h); err != nil {
		k.form = cmp.Or(k.form, err)
		return false
	}
	if c.part++; d.whole {
		c.part, c.whole = c.part-1, c.whole+1
	}
	if !in {
		k.window = cmp.Or(k.window, d.fail(k.file, "lies outside the window"))
	}
	return true
}

func (c *census) matched(h *Header, leaf Hash, d *disclosure) {
	c.counts.Matched++
	if !h.At.Before(c.info.Window.Until) {
		c.counts.Late++
	}
	if h.OccurredAt.After(h.At) {
		c.counts.Ahead++
	}
	switch c.filter.Eval(h, &d.view) {
	case False:
		c.records.filter = cmp.Or(c.records.filter, d.fail(c.records.file, "does not match the filter"))
	case Unknown:
		c.word++
		c.undecided(h, &d.view)
	}
	line := AppendPopulation(nil, h, leaf, &d.view)
	c.rows = append(c.rows, row{h.OccurredAt, h.Seq, sha256.Sum256(line[:len(line)-1])})
}

// undecided counts for each clause the records that it leaves open.
func (c *census) undecided(h *Header, v *View) {
	for i, clause := range c.clauses {
		if clause.Eval(h, v) == Unknown {
			c.unknown[i]++
		}
	}
}

// report says what was found.
func (c *census) report() error {
	n, w := c.counts, c.info.Window
	if err := cmp.Or(c.records.form, c.others.form); err != nil {
		return err
	}
	c.print("records   %d whole, %d in part, as recorded", c.whole, c.part)
	if err := cmp.Or(c.records.window, c.others.window); err != nil {
		return err
	}
	c.print("window    %d headers by %s from %s until %s", n.Window, w.By, AppendTime(nil, w.From), AppendTime(nil, w.Until))
	c.print("filter    %s", &c.filter)
	if err := cmp.Or(c.records.filter, c.others.filter, c.missing, c.checkCounts(), c.checkPopulation()); err != nil {
		return err
	}
	c.print("complete  %d match, %d shown not to, %d not disclosed and not decided by headers, %d that match on the exporter's word", n.Matched, n.Others, n.Unproven, c.word)
	for i, clause := range c.clauses {
		said := "proven by what is disclosed"
		if clause.headerOnly() {
			said = "proven by headers"
		} else if c.unknown[i] > 0 {
			said = fmt.Sprintf("rests on the exporter's word for %d records", c.unknown[i])
		}
		c.print("clause    %s: %s", clause, said)
	}
	return nil
}

// checkCounts compares the counts of pack.json with those that were found.
func (c *census) checkCounts() error {
	found, said := reflect.ValueOf(c.counts), reflect.ValueOf(c.info.Counts)
	for i := range found.NumField() {
		if found.Field(i).Uint() != said.Field(i).Uint() {
			return &Failure{"pack.json", -1, "/counts/" + found.Type().Field(i).Tag.Get("json"), "is not what the records say"}
		}
	}
	return nil
}

// checkPopulation compares population.csv line by line, in its order, with what
// the records make of it, of which only hashes were kept.
func (c *census) checkPopulation() error {
	slices.SortFunc(c.rows, func(a, b row) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq)) })
	lines := c.pack.lines("population.csv")
	same := lines.Scan() && lines.Text()+"\n" == PopulationHeader()
	for _, r := range c.rows {
		same = same && lines.Scan() && sha256.Sum256(lines.Bytes()) == r.hash
	}
	return cmp.Or(require(same && !lines.Scan() && !lines.malformed(), "population.csv", "is not what the records say"), lines.end())
}
