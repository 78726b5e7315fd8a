// Package block holds the records of an index: the newest as columns in memory
// (a Tail), the others as files that are never written again (a Block), of which
// DuckDB reads one and the words are read piece by piece. It knows columns,
// codes and words, and nothing of filters: those are package index's.
package block

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"example.com/evident/index/words"
	"example.com/evident/proof"
)

// A block is a stretch of the index on disk, never written again:
//
//	<first>.duckdb   table e: a row a record, sorted by occurred_at, then seq
//	<first>.words    head ‖ for each group: u32 packed length, u32 plain length,
//	                 zstd(lengths of its entries ‖ entries) ‖ filter of the words
//	                 in the entries ‖ rows of the words of the stretches, each
//	                 with u16 of its crc32c ‖ crc32c of the whole
//
// <first> is the seq of its first record in twelve digits. Numbers are little
// endian. The words are written last and hold the checksum of the other file,
// so a block is either whole or not there.
type Block struct {
	Head
	name  string // of both files, without what is behind the dot
	Table string // by which DuckDB knows it
	words *os.File
	rows  int64 // where the rows of the words begin in it
	packs [GroupCount]pack
	cache *Cache

	entryWords words.Filter // words of all entries

	StrayRows []Row // of its newest records, for whoever reads them
}

// Head is the beginning of the words of a block.
type Head struct {
	Magic        [8]byte
	First, Until uint64
	Leaf         proof.Hash // of the last record: it binds every record before it
	Facts
	Bulk        int64 // strays lie after it, in milliseconds
	StrayCount  uint32
	Strays      [maxStrays]uint64
	Stretch     uint32 // records of one
	EntryFilter uint32 // words of 64 bits
	FilterBits  uint32
	TableBytes  uint64
	TableSum    uint32
}

type pack struct {
	offset        int64
	packed, plain uint32
}

var blockMagic = [8]byte{'e', 'v', 'i', 'd', 'x', '/', '1', '\n'}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rowSum is the length of the checksum of a row: rows are read one by one, long
// after the file was checked.
const rowSum = 2

func blockName(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d", first))
}

// Write makes a block of a full tail, whose last record has this leaf.
func Write(ctx context.Context, d *Duck, dir string, t *Tail, leaf proof.Hash) error {
	name := blockName(dir, t.First)
	order := t.sorted()
	if err := writeTable(ctx, d, name+".duckdb.tmp", t, order); err != nil {
		return err
	}
	head := Head{
		Magic: blockMagic, First: t.First, Until: t.First + uint64(t.n), Leaf: leaf,
		Facts: t.facts, Stretch: uint32(t.Stretch),
	}
	strays, bulk := straysOf(t, order)
	head.Bulk, head.StrayCount = bulk, uint32(len(strays))
	for i, row := range strays {
		head.Strays[i] = uint64(t.Seqs[row])
	}
	var err error
	if head.TableBytes, head.TableSum, err = sumFile(name + ".duckdb.tmp"); err != nil {
		return err
	}
	if err := writeWords(name+".words.tmp", t, head); err != nil {
		return err
	}
	// If the machine dies here, or between the two: there is no block, since
	// the words of it are missing or are those of another table.
	if err := os.Rename(name+".duckdb.tmp", name+".duckdb"); err != nil {
		return err
	}
	return os.Rename(name+".words.tmp", name+".words")
}

func writeTable(ctx context.Context, d *Duck, name string, t *Tail, order []uint32) error {
	if err := removeAll(name, name+".wal"); err != nil {
		return err
	}
	number := d.lend(t, order)
	defer d.takeBack(number)
	as := fmt.Sprintf("w%d", number)
	for _, statement := range []string{
		"ATTACH " + quoteSQL(name) + " AS " + as + " (STORAGE_VERSION 'v1.5.0')",
		"CREATE TABLE " + as + ".e " + schema,
		fmt.Sprintf("INSERT INTO %s.e SELECT * FROM feed(%d)", as, number),
	} {
		if _, err := d.db.ExecContext(ctx, statement); err != nil {
			d.db.ExecContext(context.WithoutCancel(ctx), "DETACH DATABASE IF EXISTS "+as)
			return fmt.Errorf("write table: %w", err)
		}
	}
	if _, err := d.db.ExecContext(ctx, "DETACH "+as); err != nil { // it makes the checkpoint
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func writeWords(name string, t *Tail, head Head) error {
	rows, size := words.Turn(t.filters)
	entryWords := t.entryWords.Folded()
	head.FilterBits, head.EntryFilter = uint32(size), uint32(len(entryWords))
	b, err := binary.Append(nil, binary.LittleEndian, &head)
	if err != nil {
		return err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	for g := range Groups {
		plain := appendEntries(nil, &t.dictionaries[g].Entries)
		packed := enc.EncodeAll(plain, nil)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(packed)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(plain)))
		b = append(b, packed...)
	}
	for _, w := range entryWords {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	width := words.RowBytes(len(t.filters))
	for row := range slices.Chunk(rows, width) {
		b = append(b, row...)
		b = binary.LittleEndian.AppendUint16(b, uint16(crc32.Checksum(row, castagnoli)))
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return os.WriteFile(name, b, 0o600)
}

func appendEntries(b []byte, e *Entries) []byte {
	b = binary.AppendUvarint(b, uint64(e.Len()))
	start := uint32(0)
	for _, end := range e.ends {
		b = binary.AppendUvarint(b, uint64(end-start))
		start = end
	}
	return append(b, e.blob...)
}

var errEntries = errors.New("entries are not well formed")

func parseEntries(b []byte) (e Entries, err error) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b)) {
		return e, errEntries
	}
	b = b[width:]
	e.ends = make([]uint32, n)
	total := uint64(0)
	for i := range e.ends {
		length, width := binary.Uvarint(b)
		if width <= 0 {
			return e, errEntries
		}
		b = b[width:]
		total += length
		e.ends[i] = uint32(total)
	}
	if total != uint64(len(b)) {
		return e, errEntries
	}
	e.blob = b
	e.folded = words.AppendFolded(make([]byte, 0, len(b)), b)
	for code := uint32(1); int(code) <= e.Len(); code++ {
		if bytes.IndexByte(e.At(code), '\\') >= 0 {
			e.escaped = append(e.escaped, code)
		}
	}
	return e, nil
}

// Open opens the block that begins with first and holds it against its
// checksums. What its records are the caller holds against the trail.
func Open(ctx context.Context, d *Duck, dir string, first uint64, c *Cache) (*Block, error) {
	b := &Block{name: blockName(dir, first), cache: c}
	if err := b.check(); err != nil {
		return nil, err
	}
	f, err := os.Open(b.name + ".words")
	if err != nil {
		return nil, err
	}
	b.words = f
	as := fmt.Sprintf("b%d", first)
	if _, err := d.db.ExecContext(ctx, "ATTACH "+quoteSQL(b.name+".duckdb")+" AS "+as+" (READ_ONLY)"); err != nil {
		f.Close()
		return nil, fmt.Errorf("attach: %w", err)
	}
	b.Table = as + ".e"
	return b, nil
}

// StraySeqs are the numbers of its newest records.
func (b *Block) StraySeqs() []uint64 { return b.Strays[:b.StrayCount] }

// Check reads the files of the block again and returns what is wrong with them.
func (b *Block) Check() error { return (&Block{name: b.name}).check() }

// Mention says whether some entry may have all these words.
func (b *Block) Mention(hashes []uint32) bool { return b.entryWords.HasAll(hashes) }

// check reads both files of a block and returns what is wrong with them.
func (b *Block) check() error {
	data, err := os.ReadFile(b.name + ".words")
	if err != nil {
		return err
	}
	end := len(data) - 4
	if end < 0 || binary.LittleEndian.Uint32(data[end:]) != crc32.Checksum(data[:end], castagnoli) {
		return errors.New("the words are damaged")
	}
	r := bytes.NewReader(data[:end])
	if err := binary.Read(r, binary.LittleEndian, &b.Head); err != nil || b.Magic != blockMagic {
		return errors.New("the words are of another version")
	}
	for g := range Groups {
		var length [2]uint32
		if err := binary.Read(r, binary.LittleEndian, &length); err != nil {
			return errors.New("the words are cut short")
		}
		b.packs[g] = pack{r.Size() - int64(r.Len()), length[0], length[1]}
		if _, err := r.Seek(int64(length[0]), io.SeekCurrent); err != nil {
			return err
		}
	}
	if b.EntryFilter == 0 || b.EntryFilter > words.EntryBits/64 {
		return errors.New("the words are cut short")
	}
	b.entryWords = make(words.Filter, b.EntryFilter)
	if err := binary.Read(r, binary.LittleEndian, b.entryWords); err != nil {
		return errors.New("the words are cut short")
	}
	b.rows = r.Size() - int64(r.Len())
	if b.StrayCount > maxStrays || int64(r.Len()) != int64(b.FilterBits)*int64(words.RowBytes(b.Stretches())+rowSum) {
		return errors.New("the words are cut short")
	}
	size, sum, err := sumFile(b.name + ".duckdb")
	if err != nil {
		return err
	}
	if size != b.TableBytes || sum != b.TableSum {
		return errors.New("the table is damaged")
	}
	return nil
}

func sumFile(name string) (size uint64, sum uint32, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	h := crc32.New(castagnoli)
	n, err := io.Copy(h, f)
	return uint64(n), h.Sum32(), err
}

// Stretches is how many stretches it has.
func (b *Block) Stretches() int {
	return int((b.Until - b.First + uint64(b.Stretch) - 1) / uint64(b.Stretch))
}

// Close lets go of the block. No query may use it any more.
func (b *Block) Close(ctx context.Context, d *Duck) error {
	_, err := d.db.ExecContext(ctx, "DETACH "+b.Table[:len(b.Table)-len(".e")])
	return errors.Join(err, b.words.Close())
}

// Dictionary returns the entries of group g.
func (b *Block) Dictionary(g int) (Entries, error) {
	return b.cache.get(cacheKey{b, g}, func() (Entries, error) {
		p := b.packs[g]
		packed := make([]byte, p.packed)
		if _, err := b.words.ReadAt(packed, p.offset); err != nil {
			return Entries{}, fmt.Errorf("read words: %w", err)
		}
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max(p.plain, 1<<23))))
		if err != nil {
			return Entries{}, err
		}
		defer dec.Close()
		plain, err := dec.DecodeAll(packed, make([]byte, 0, p.plain))
		if err != nil {
			return Entries{}, fmt.Errorf("unpack words: %w", err)
		}
		return parseEntries(plain)
	})
}

// May returns the stretches that may have a record with all these words.
func (b *Block) May(hashes []uint32) (words.Stretches, error) {
	set := words.AllStretches(b.Stretches())
	width := words.RowBytes(b.Stretches())
	row := make([]byte, width+rowSum)
	for _, h := range hashes {
		for i := range uint32(words.Hashes) {
			p := words.Position(h, i, int(b.FilterBits))
			if _, err := b.words.ReadAt(row, b.rows+int64(p)*int64(len(row))); err != nil {
				return nil, fmt.Errorf("read words: %w", err)
			}
			if binary.LittleEndian.Uint16(row[width:]) != uint16(crc32.Checksum(row[:width], castagnoli)) {
				return nil, errors.New("read words: a row is damaged")
			}
			for j, c := range row[:width] {
				set[j/8] &^= uint64(^c) << (j % 8 * 8)
			}
		}
	}
	return set, nil
}

// Remove deletes the files of the block that begins with first.
func Remove(dir string, first uint64) error {
	name := blockName(dir, first)
	return removeAll(name+".words", name+".duckdb", name+".duckdb.wal", name+".words.tmp", name+".duckdb.tmp", name+".duckdb.tmp.wal")
}

func removeAll(names ...string) error {
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// The newest few records of a block are its strays: see package index.
const maxStrays = 64

// straysOf returns the last rows in order that are a tail's strays, and the
// time above which all of them lie, in milliseconds.
func straysOf(t *Tail, order []uint32) (strays []uint32, bulk int64) {
	n := min(maxStrays, len(order)/8)
	bulk = t.T[order[len(order)-1-n]]
	from := len(order) - n
	for from < len(order) && t.T[order[from]] == bulk {
		from++
	}
	return order[from:], bulk
}
