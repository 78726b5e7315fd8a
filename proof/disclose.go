package proof

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"reflect"
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
	digest Hash // of the fields, disclosed and withheld
	met    bool // its header came by
}

// parseDisclosure reads one line and computes the digest of what it discloses.
func parseDisclosure(line []byte) (d disclosure) {
	limits := docLimits(line)
	limits.members = true
	members, err := scan(nil, line, limits)
	if err != nil {
		return d
	}
	doc := View{Fields: members}
	d.seq, err = parseUint(string(doc.find("/seq")))
	d.hasSeq = err == nil
	if seed, body := doc.find("/seed"), doc.find("/body"); d.hasSeq && len(members) == 3 && seed != nil && body != nil {
		d.readWhole(seed, body)
	} else if d.hasSeq && len(members) == 3 {
		d.readPart(doc.find("/fields"), doc.find("/withheld"))
	}
	return d
}

// readWhole cuts the body into its fields and commits to each again.
func (d *disclosure) readWhole(seedToken, bodyToken []byte) {
	digits, _ := text(seedToken)
	body, ok := text(bodyToken)
	var seed Seed
	d.whole = true
	if d.formed = ok && parseHex(seed[:], string(digits)) == nil; !d.formed {
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
func (d *disclosure) readPart(fields, withheld []byte) {
	hidden, ok := texts(withheld)
	if !ok || len(fields) == 0 || fields[0] != '[' {
		return
	}
	commitments := make([]Hash, len(hidden), len(hidden)+40)
	for i, digits := range hidden {
		if parseHex(commitments[i][:], string(digits)) != nil || i > 0 && compareHashes(commitments[i-1], commitments[i]) >= 0 {
			return
		}
	}
	pointers := map[string]bool{}
	for triple := range elements(fields) {
		var salt [16]byte
		p, _ := texts(triple)
		if len(p) != 3 || parseHex(salt[:], string(p[2])) != nil {
			return
		}
		f := Field{Pointer: string(p[0]), Value: p[1]}
		if pointers[f.Pointer] || !validField(&f) {
			return
		}
		pointers[f.Pointer] = true
		d.view.Fields = append(d.view.Fields, f)
		commitments = append(commitments, commit(&f, salt[:]))
	}
	d.formed, d.bodied = true, 0 < len(commitments) && len(commitments) <= MaxFields
	d.view.Withheld = len(hidden)
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
		token := d.view.find(pointer)
		if s, isText := text(token); (token != nil || d.whole) && !(isText && h.agrees(pointer, string(s))) {
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

// cursor goes through one file of records, by ascending seq.
type cursor struct {
	file  string
	lines *parsed[disclosure]
	now   *disclosure // nil at the end
	last  int64
	// The first failure of the file in each of the steps h, i and k.
	form, window, filter error
}

// records returns a cursor that stands at the first record of a file.
func (b *bundle) records(file string) *cursor {
	k := &cursor{file: file, lines: parseLines(b, file, parseDisclosure), last: -1}
	k.advance()
	return k
}

// advance steps to the next record that is in its place.
func (k *cursor) advance() {
	for {
		d, err := k.lines.next()
		if k.now = d; d == nil {
			k.form = cmp.Or(k.form, err)
			return
		}
		switch {
		case !d.formed:
			k.form = cmp.Or(k.form, d.fail(k.file, "is not well formed"))
		case int64(d.seq) == k.last:
			k.form = cmp.Or(k.form, d.fail(k.file, "stands twice"))
		case int64(d.seq) < k.last:
			k.form = cmp.Or(k.form, d.fail(k.file, "does not fit"))
		default:
			k.last = int64(d.seq)
			return
		}
	}
}

// at returns the record with a header's seq, if the file has it.
func (k *cursor) at(seq uint64) *disclosure {
	for k.now != nil && k.now.seq < seq {
		if !k.now.met {
			k.form = cmp.Or(k.form, k.now.fail(k.file, "has no header here"))
		}
		k.advance()
	}
	if k.now == nil || k.now.seq != seq {
		return nil
	}
	k.now.met = true
	return k.now
}

// census goes through records.jsonl and others.jsonl as the headers pass, and
// finds for each header of the window whether its record is right where it is.
// What is wrong is kept, and said in the order of the steps.
type census struct {
	*verifier
	records, others *cursor
	missing         error // a header that matches, of a record in neither file
	clauses         []*Expr
	unknown         map[*Expr]int // records that a clause leaves undecided
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

// visit looks at one header, and at what records.jsonl and others.jsonl have of
// its record.
func (c *census) visit(h *Header, leaf Hash) {
	record, other := c.records.at(h.Seq), c.others.at(h.Seq)
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
	for _, clause := range c.clauses {
		if clause.Eval(h, v) == Unknown {
			c.unknown[clause]++
		}
	}
}

// checkRecords is steps h to l: the records are as recorded, those of the window
// that the filter asks for, and all of them.
func (v *verifier) checkRecords() error {
	c, n, w := v.census, v.census.counts, v.info.Window
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
	for _, clause := range c.clauses {
		said := "proven by what is disclosed"
		if clause.headerOnly() {
			said = "proven by headers"
		} else if c.unknown[clause] > 0 {
			said = fmt.Sprintf("rests on the exporter's word for %d records", c.unknown[clause])
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
	lines := parseLines(c.pack, "population.csv", func(line []byte) Hash { return sha256.Sum256(line) })
	defer lines.stop()
	header := strings.TrimSuffix(PopulationHeader(), "\n")
	same := true
	for _, r := range slices.Insert(c.rows, 0, row{hash: sha256.Sum256([]byte(header))}) {
		found, _ := lines.next()
		same = same && found != nil && *found == r.hash
	}
	more, err := lines.next()
	if err != nil && !isFailure(err) {
		return err
	}
	return require(same && more == nil && err == nil, "population.csv", "is not what the records say")
}
