package proof

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Pack is pack.json: what a pack is about, and the hash of every other file of
// it (format.md section 6.3).
type Pack struct {
	Format    string     `json:"format"` // PackFormat
	Origin    string     `json:"origin"`
	MadeAt    time.Time  `json:"made_at"`
	MadeBy    string     `json:"made_by"`
	Window    Window     `json:"window"`
	Filter    Filter     `json:"filter"`
	Withheld  []string   `json:"withheld"`
	Counts    Counts     `json:"counts"`
	Omissions []Omission `json:"omissions"`
	Files     []File     `json:"files"`
}

// Window is a stretch of time, From ≤ t < Until, by the clock of the source
// ("occurred_at") or of the trail ("at").
type Window struct {
	By    string    `json:"by"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// holds reports whether a record lies in the window.
func (w *Window) holds(h *Header) bool {
	t := h.OccurredAt
	if w.By == "at" {
		t = h.At
	}
	return !t.Before(w.From) && t.Before(w.Until)
}

// Filter is what was asked for, as it was typed, and the Expr that it means.
type Filter struct {
	Text string          `json:"text"`
	Expr json.RawMessage `json:"expr"`
}

// Counts is what a verifier counts again.
type Counts struct {
	Headers  uint64 `json:"headers"`
	Window   uint64 `json:"window"`
	Matched  uint64 `json:"matched"`
	Others   uint64 `json:"others"`
	Unproven uint64 `json:"unproven"`
	Late     uint64 `json:"late"`
	Ahead    uint64 `json:"ahead"`
}

// Omission is something that the pack leaves out, and why.
type Omission struct {
	What    string `json:"what"`
	Records uint64 `json:"records"`
	Why     string `json:"why"`
}

// File is a file of a pack, as it is and as it lies in the zip.
type File struct {
	Name         string `json:"name"`
	Bytes        uint64 `json:"bytes"`
	SHA256       Hash   `json:"sha256"`
	PackedBytes  uint64 `json:"packed_bytes"`
	PackedSHA256 Hash   `json:"packed_sha256"`
}

// PackFormat is the Format of every pack.
const PackFormat = "evident.pack/1"

// FileNames returns the files of a pack in their order.
func FileNames() []string {
	return []string{"pack.json", "pack.note", "keys.txt", "checkpoint.txt", "tree.json", "headers.jsonl", "manifests.jsonl",
		"seals.jsonl", "records.jsonl", "others.jsonl", "population.csv", "index.html", "verify.py"}
}

// Failure is the first thing that is wrong with a pack. It is evidence.
type Failure struct {
	File  string
	Seq   int64  // the record, or -1
	Field string // the field's pointer, or ""
	What  string // one of the sentences of format.md section 7
}

// Error returns the failure as a verifier prints it.
func (f *Failure) Error() string {
	where := f.File
	if f.Seq >= 0 {
		where = fmt.Sprintf("%s record %d", where, f.Seq)
	}
	if f.Field != "" {
		where += " field " + f.Field
	}
	return clean(where + ": " + f.What)
}

func fail(file, what string) error { return &Failure{file, -1, "", what} }

func failRecord(file string, seq uint64, what string) error {
	return &Failure{file, int64(seq), "", what}
}

// isFailure reports whether err says that something is wrong with the pack, and
// not that it could not be read.
func isFailure(err error) bool {
	_, ok := errors.AsType[*Failure](err)
	return ok
}

// require returns a failure unless ok. A step of the verifier is a list of
// requirements, of which cmp.Or finds the first that is not met.
func require(ok bool, file, what string) error {
	if ok {
		return nil
	}
	return fail(file, what)
}

const notZip = "is not a zip in the form of " + PackFormat

// Limits of what is held in memory at once, whatever a pack says of itself.
const (
	maxPackJSON = 16 << 20
	maxWhole    = 64 << 20
	maxFile     = 8 << 30
	maxManifest = 16 << 20
	maxLine     = 160 << 20 // a body of 24 MiB of which every byte is escaped
)

// bundle is the files of a pack, in a zip or in a folder.
type bundle struct {
	names     []string
	irregular []string // those of a folder that are not files
	folder    fs.FS
	zip       map[string]*zip.File // nil for a folder
}

// openBundle opens what is in fsys under name. Of a zip it checks all of the
// form that can be checked without the contents.
func openBundle(fsys fs.FS, name string) (*bundle, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if r, ok := f.(io.ReaderAt); ok && !info.IsDir() {
		return openZip(r, info.Size())
	}
	b := &bundle{}
	if b.folder, err = fs.Sub(fsys, name); err != nil {
		return nil, err
	}
	list, err := fs.ReadDir(b.folder, ".")
	for _, d := range list {
		b.names = append(b.names, d.Name())
		if !d.Type().IsRegular() {
			b.irregular = append(b.irregular, d.Name())
		}
	}
	return b, err
}

// openZip holds a zip to its one form (section 6.1). Package zip finds the
// entries, as tolerantly as it likes: from the few values that may vary every
// header is made again and compared, so that nothing can be in the file which
// one program sees and another does not.
func openZip(r io.ReaderAt, size int64) (*bundle, error) {
	found, err := zip.NewReader(r, size)
	if _, unreadable := errors.AsType[*fs.PathError](err); unreadable {
		return nil, err
	} else if err != nil {
		return nil, fail("zip", notZip)
	}
	b := &bundle{zip: map[string]*zip.File{}}
	var dir []byte
	at := int64(0)
	for _, f := range found.File {
		local, central := zipHeaders(f, at)
		dir = append(dir, central...)
		if b.zip[f.Name] != nil || !allowed(f) || !holds(r, at, local) {
			return nil, fail("zip", notZip)
		}
		b.zip[f.Name], b.names = f, append(b.names, f.Name)
		at += int64(len(local)) + int64(f.CompressedSize64)
	}
	dirSize, le := uint32(len(dir)), binary.LittleEndian
	dir = le.AppendUint64(append(dir, "PK\x05\x06"...), uint64(len(found.File)*0x10001)<<32)
	dir = append(le.AppendUint32(le.AppendUint32(dir, dirSize), uint32(at)), 0, 0)
	return b, require(size < 1<<32 && at+int64(len(dir)) == size && holds(r, at, dir), "zip", notZip)
}

// holds reports whether want stands in r at an offset.
func holds(r io.ReaderAt, at int64, want []byte) bool {
	got := make([]byte, len(want))
	n, _ := r.ReadAt(got, at)
	return bytes.Equal(got[:n], want)
}

// allowed reports whether an entry is one that section 6.1 allows: no name leads
// out of a folder, and nothing unpacks to a multiple that is only there to hurt.
func allowed(f *zip.File) bool {
	own := f.Name == "pack.json" || f.Name == "pack.note"
	stored := f.Method == zip.Store && f.UncompressedSize64 == f.CompressedSize64
	deflated := f.Method == zip.Deflate && f.UncompressedSize64 <= 2000*f.CompressedSize64 && !own
	return f.Name != "" && onlyWords(f.Name, ".-_") && (stored || deflated) && (f.Name != "pack.json" || f.UncompressedSize64 <= maxPackJSON)
}

// zipHeaders returns the two headers that an entry at an offset must have.
func zipHeaders(f *zip.File, at int64) (local, central []byte) {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 20) // version needed, no flags
	b = le.AppendUint16(b, f.Method)
	b = le.AppendUint32(b, 0x0021<<16) // 1980-01-01, midnight
	b = le.AppendUint32(b, f.CRC32)
	b = le.AppendUint32(le.AppendUint32(b, uint32(f.CompressedSize64)), uint32(f.UncompressedSize64))
	b = le.AppendUint32(b, uint32(len(f.Name))) // and no extra field
	local = slices.Concat([]byte("PK\x03\x04"), b, []byte(f.Name))
	central = slices.Concat([]byte("PK\x01\x02\x14\x00"), b, make([]byte, 10), le.AppendUint32(nil, uint32(at)), []byte(f.Name))
	return local, central
}

// open returns the content of a file. Only check knows whether to trust it.
func (b *bundle) open(name string) (io.Reader, error) {
	if b.zip == nil {
		return b.folder.Open(name)
	}
	if b.zip[name].Method == zip.Store {
		return b.zip[name].OpenRaw()
	}
	return b.zip[name].Open()
}

// check holds a file against its line in pack.json, packed and plain, and what
// the zip says of it against both. It holds nothing in memory, and unpacks no
// further than one byte beyond what the zip said.
func (b *bundle) check(f *File) error {
	content, err := b.open(f.Name)
	if err != nil {
		return err
	}
	e, packedSum, plainSum, crc := b.zip[f.Name], sha256.New(), sha256.New(), crc32.NewIEEE()
	var packed *bufio.Reader
	limit := int64(math.MaxInt64)
	if e != nil {
		raw, err := e.OpenRaw()
		if err != nil {
			return err
		}
		packed, limit = bufio.NewReaderSize(io.TeeReader(raw, packedSum), 1<<16), int64(e.UncompressedSize64)+1
		if content = packed; e.Method == zip.Deflate {
			content = flate.NewReader(packed)
		}
	}
	unhashed, inflated := io.Pipe() // hashing takes as long as inflating
	var hashing sync.WaitGroup
	hashing.Go(func() { io.Copy(plainSum, unhashed) })
	plain, inflateErr := io.Copy(io.MultiWriter(inflated, crc), io.LimitReader(content, limit))
	inflated.Close()
	hashing.Wait()
	if _, unreadable := errors.AsType[*fs.PathError](inflateErr); unreadable {
		return inflateErr
	}
	if e != nil {
		behind, _ := io.Copy(io.Discard, packed) // bytes behind the end of what inflates
		if e.CompressedSize64 != f.PackedBytes || Hash(packedSum.Sum(nil)) != f.PackedSHA256 {
			return fail(f.Name, "is not what pack.json lists")
		}
		if inflateErr != nil || behind > 0 || plain != int64(e.UncompressedSize64) {
			return fail("zip", notZip)
		}
	}
	if uint64(plain) != f.Bytes || Hash(plainSum.Sum(nil)) != f.SHA256 {
		return fail(f.Name, "is not what pack.json lists")
	}
	return require(e == nil || crc.Sum32() == e.CRC32, "zip", notZip)
}

// whole returns the content of a small file.
func (b *bundle) whole(name string) ([]byte, error) {
	r, err := b.open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, maxWhole+1))
	if err == nil && len(content) > maxWhole {
		return nil, fail(name, "is not well formed")
	}
	return content, err
}

// lines reads a file of lines. Each ends in a line feed and none is empty.
type lines struct {
	*bufio.Scanner
	file string
}

var errLine = errors.New("read line: empty, or without its end")

func (b *bundle) lines(name string) lines {
	r, err := b.open(name)
	if err != nil {
		r = unreadable{err}
	}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), maxLine)
	s.Split(func(data []byte, atEnd bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, '\n'); i > 0 {
			return i + 1, data[:i], nil
		} else if i == 0 || atEnd && len(data) > 0 {
			return 0, nil, errLine
		}
		return 0, nil, nil
	})
	return lines{s, name}
}

type unreadable struct{ err error }

func (u unreadable) Read([]byte) (int, error) { return 0, u.err }

// end says how the lines ended.
func (l lines) end() error {
	if errors.Is(l.Err(), errLine) || errors.Is(l.Err(), bufio.ErrTooLong) {
		return fail(l.file, "is not well formed")
	}
	return l.Err()
}

// parsed hands out what was made of the lines of a file, in their order. Batches
// of lines are parsed at once, which is where the time of a verification goes.
type parsed[T any] struct {
	batches chan chan []T
	batch   []T   // what is left of the one that came last
	end     error // how the lines ended; set before batches is closed
	quit    chan struct{}
}

// parseLines begins to read a file. The caller stops it, also at its end.
func parseLines[T any](b *bundle, file string, parse func(line []byte) T) *parsed[T] {
	p := &parsed[T]{batches: make(chan chan []T, 2*runtime.GOMAXPROCS(0)), quit: make(chan struct{})}
	go func() {
		defer close(p.batches)
		lines := b.lines(file)
		for more := true; more; {
			text := make([]byte, 0, 1<<16+1<<12)
			ends := []int{0}
			for more && len(text) < 1<<16 {
				if more = lines.Scan(); more {
					text = append(text, lines.Bytes()...)
					ends = append(ends, len(text))
				}
			}
			batch := make(chan []T, 1)
			select {
			case p.batches <- batch:
			case <-p.quit:
				return
			}
			go func() {
				made := make([]T, len(ends)-1)
				for i := range made {
					made[i] = parse(text[ends[i]:ends[i+1]:ends[i+1]])
				}
				batch <- made
			}()
		}
		p.end = lines.end()
	}()
	return p
}

// next returns what the next line says, or nil at the end and how it ended.
func (p *parsed[T]) next() (*T, error) {
	for len(p.batch) == 0 {
		batch, ok := <-p.batches
		if !ok {
			return nil, p.end
		}
		p.batch = <-batch
	}
	t := &p.batch[0]
	p.batch = p.batch[1:]
	return t, nil
}

// stop ends the reading and waits for it.
func (p *parsed[T]) stop() {
	close(p.quit)
	for batch := range p.batches {
		<-batch
	}
}
