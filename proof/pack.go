package proof

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"
)

// Pack is pack.json: what a pack is, and the hash of every other file of it
// (format.md section 6.3).
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

// Window is the stretch of time that a pack is about: From ≤ t < Until, by one
// of two clocks.
type Window struct {
	By    string    `json:"by"` // "occurred_at" or "at"
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Filter is what was asked for, as it was typed, and an Expr as it is evaluated.
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

// File is a file of a pack, as it is and as it is packed in the zip.
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
		"anchor.jsonl", "records.jsonl", "others.jsonl", "population.csv", "index.html", "verify.py"}
}

// Limits of what is held in memory at once, whatever a pack says of itself.
const (
	maxPackJSON = 16 << 20
	maxWhole    = 256 << 20
	maxLine     = 160 << 20 // a body of 24 MiB of which every byte is escaped
)

// Failure is the first thing that is wrong with a pack. It is evidence.
type Failure struct {
	File  string
	Seq   int64  // the record, or -1
	Field string // the field's pointer, or ""
	What  string // one of the sentences of format.md section 7
}

const notZip = "is not a zip in the form of " + PackFormat

// Error returns the failure as a verifier prints it.
func (f *Failure) Error() string {
	where := f.File
	if f.Seq >= 0 {
		where += " record " + strconv.FormatInt(f.Seq, 10)
	}
	if f.Field != "" {
		where += " field " + f.Field
	}
	return clean(where + ": " + f.What)
}

func fail(file, what string) error { return &Failure{File: file, Seq: -1, What: what} }

func failRecord(file string, seq uint64, what string) error {
	return &Failure{File: file, Seq: int64(seq), What: what}
}

// bundle gives access to the files of a pack, in a zip or in a folder. Nothing
// that it yields is trusted before check has passed.
type bundle struct {
	names     []string
	irregular []string // folders, links and the like
	folder    fs.FS
	zip       io.ReaderAt
	files     map[string]entry
}

// entry is what the zip's directory says of a file.
type entry struct {
	name               string
	method             uint16
	crc, packed, plain uint32
	at                 int64 // of its local header
}

// openBundle opens a folder or a zip. It checks the form of a zip but for what
// needs the contents (section 6.1): every header is made again from the few
// values that may vary and compared, so that there is nothing in the file that
// one program would see and another would not.
func openBundle(fsys fs.FS, name string) (*bundle, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		r, ok := f.(io.ReaderAt)
		if !ok {
			return nil, errors.New("open pack: the file cannot be read at an offset")
		}
		return openZip(r, info.Size())
	}
	defer f.Close()
	folder, err := fs.Sub(fsys, name)
	if err != nil {
		return nil, err
	}
	list, err := fs.ReadDir(folder, ".")
	b := &bundle{folder: folder}
	for _, d := range list {
		b.names = append(b.names, d.Name())
		if !d.Type().IsRegular() {
			b.irregular = append(b.irregular, d.Name())
		}
	}
	return b, err
}

func openZip(r io.ReaderAt, size int64) (*bundle, error) {
	end := make([]byte, min(size, 22))
	if _, err := r.ReadAt(end, size-int64(len(end))); err != nil && err != io.EOF {
		return nil, err
	}
	if len(end) < 22 {
		return nil, fail("zip", notZip)
	}
	dirSize, dirAt := binary.LittleEndian.Uint32(end[12:]), binary.LittleEndian.Uint32(end[16:])
	if int64(dirSize)+int64(dirAt)+22 != size || dirSize > 1<<16 {
		return nil, fail("zip", notZip)
	}
	dir := make([]byte, dirSize)
	if _, err := r.ReadAt(dir, int64(dirAt)); err != nil && err != io.EOF {
		return nil, err
	}
	b := &bundle{zip: r, files: map[string]entry{}}
	var again []byte
	at := int64(0)
	for rest := dir; len(rest) >= 46; {
		n := int(binary.LittleEndian.Uint16(rest[28:]))
		if len(rest) < 46+n {
			break
		}
		e := entry{string(rest[46 : 46+n]), binary.LittleEndian.Uint16(rest[10:]), binary.LittleEndian.Uint32(rest[16:]),
			binary.LittleEndian.Uint32(rest[20:]), binary.LittleEndian.Uint32(rest[24:]), at}
		rest = rest[46+n:]
		local := e.header("PK\x03\x04")
		found := make([]byte, len(local))
		if _, err := r.ReadAt(found, at); err != nil && err != io.EOF {
			return nil, err
		}
		_, known := b.files[e.name]
		if !e.allowed() || known || !bytes.Equal(local, found) {
			return nil, fail("zip", notZip)
		}
		b.files[e.name] = e
		b.names = append(b.names, e.name)
		again = append(again, e.header("PK\x01\x02")...)
		at += int64(len(local)) + int64(e.packed)
	}
	again = binary.LittleEndian.AppendUint64(append(again, "PK\x05\x06"...), uint64(len(b.names)*0x10001)<<32)
	again = binary.LittleEndian.AppendUint32(again, dirSize)
	again = append(binary.LittleEndian.AppendUint32(again, dirAt), 0, 0)
	if at != int64(dirAt) || !bytes.Equal(again, append(dir, end...)) {
		return nil, fail("zip", notZip)
	}
	return b, nil
}

// allowed reports whether the values of e are among those that section 6.1 has.
func (e *entry) allowed() bool {
	limit := uint64(2000)
	if e.method == 0 {
		limit = 1
	}
	own := e.name == "pack.json" || e.name == "pack.note"
	return e.name != "" && onlyWords(e.name, ".-_") && (e.method == 0 && e.plain == e.packed || e.method == 8 && !own) &&
		uint64(e.plain) <= limit*uint64(e.packed) && (e.name != "pack.json" || e.plain <= maxPackJSON)
}

// header returns the local or the central header of e, as its magic says.
func (e *entry) header(magic string) []byte {
	le, central := binary.LittleEndian, magic == "PK\x01\x02"
	b := []byte(magic)
	if central {
		b = le.AppendUint16(b, 20)
	}
	b = le.AppendUint32(b, 20)
	b = le.AppendUint16(b, e.method)
	b = le.AppendUint32(b, 0x0021<<16)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, e.crc), e.packed), e.plain)
	b = le.AppendUint32(b, uint32(len(e.name)))
	if central {
		b = append(b, make([]byte, 10)...)
		b = le.AppendUint32(b, uint32(e.at))
	}
	return append(b, e.name...)
}

// packed returns the bytes of a file as they lie in the zip.
func (b *bundle) packed(name string) io.Reader {
	e := b.files[name]
	return io.NewSectionReader(b.zip, e.at+30+int64(len(name)), int64(e.packed))
}

// open returns the content of a file.
func (b *bundle) open(name string) (io.Reader, error) {
	if b.folder != nil {
		f, err := b.folder.Open(name)
		return f, err
	}
	if b.files[name].method == 0 {
		return b.packed(name), nil
	}
	return flate.NewReader(bufio.NewReaderSize(b.packed(name), 1<<16)), nil
}

// check holds a file against its line in pack.json, packed and plain, and the
// zip's own CRC-32 against the content. It holds nothing in memory and unpacks no
// further than one byte beyond what the zip's header said.
func (b *bundle) check(f *File) error {
	var packed io.Reader = strings.NewReader("")
	if b.zip != nil {
		packed = b.packed(f.Name)
	}
	packedSum, plainSum, crc := sha256.New(), sha256.New(), crc32.NewIEEE()
	tee := bufio.NewReaderSize(io.TeeReader(packed, packedSum), 1<<16)
	content, limit, e := io.Reader(tee), int64(math.MaxInt64), b.files[f.Name]
	if b.folder != nil {
		file, err := b.folder.Open(f.Name)
		if err != nil {
			return err
		}
		defer file.Close()
		content = file
	} else if limit = int64(e.plain) + 1; e.method == 8 {
		content = flate.NewReader(tee)
	}
	plain, err := io.Copy(io.MultiWriter(plainSum, crc), io.LimitReader(content, limit))
	behind, behindErr := io.Copy(io.Discard, tee)
	if unreadable := (*fs.PathError)(nil); errors.As(errors.Join(err, behindErr), &unreadable) {
		return unreadable
	}
	switch zip := b.zip != nil; {
	case zip && (uint64(e.packed) != f.PackedBytes || Hash(packedSum.Sum(nil)) != f.PackedSHA256):
		return fail(f.Name, "is not what pack.json lists")
	case zip && (err != nil || behind > 0 || plain != int64(e.plain)):
		return fail("zip", notZip)
	case uint64(plain) != f.Bytes || Hash(plainSum.Sum(nil)) != f.SHA256:
		return fail(f.Name, "is not what pack.json lists")
	case zip && crc.Sum32() != e.crc:
		return fail("zip", notZip)
	}
	return nil
}

// checkCRC holds a file that pack.json does not list against the zip's header.
func (b *bundle) checkCRC(name string) error {
	content, err := b.whole(name)
	if err == nil && crc32.ChecksumIEEE(content) != b.files[name].crc {
		err = fail("zip", notZip)
	}
	return err
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
	r   *bufio.Reader
	err error // io.EOF at the end, a *Failure for what is not a line
	buf []byte
}

func (b *bundle) lines(name string) *lines {
	r, err := b.open(name)
	if err != nil {
		return &lines{r: bufio.NewReader(strings.NewReader("")), err: err}
	}
	return &lines{r: bufio.NewReaderSize(r, 1<<16)}
}

// next returns the next line without its end, until the one after is asked for.
func (l *lines) next() (line []byte, ok bool) {
	l.buf = l.buf[:0]
	for l.err == nil {
		var part []byte
		part, l.err = l.r.ReadSlice('\n')
		l.buf = append(l.buf, part...)
		if l.err == bufio.ErrBufferFull && len(l.buf) <= maxLine {
			l.err = nil
		} else if l.err == nil && len(l.buf) > 1 {
			return l.buf[:len(l.buf)-1], true
		} else if l.err == nil || l.err == io.EOF && len(l.buf) > 0 || l.err == bufio.ErrBufferFull {
			l.err = errLine
		}
	}
	return nil, false
}

// end says how the lines of a file ended.
func (l *lines) end(file string) error {
	switch l.err {
	case io.EOF:
		return nil
	case errLine:
		return fail(file, "is not well formed")
	}
	return l.err
}

var errLine = errors.New("read line: empty, too long, or without its end")
