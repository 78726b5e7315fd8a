package pack

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/flate"

	"example.com/evident/proof"
)

// This file writes the zip in the one form of docs/format.md section 6.1. Each
// file is compressed into a temporary one first, so that the sizes are known
// when its header is written.

const (
	stored   = 0
	deflated = 8
	level    = 5       // above it time doubles for a few percent
	chunk    = 1 << 18 // 256 KiB
)

// A part is one file of the pack, on its way. It is written by one goroutine and
// compressed by another, so that reading the trail and compressing overlap.
type part struct {
	name   string
	file   *os.File
	buffer []byte
	full   chan []byte
	done   chan error
	closed bool

	// Owned by the compressing goroutine until done.
	plain, packed       uint64
	crc                 uint32
	plainSum, packedSum proof.Hash
}

// newPart begins a file of the pack.
func (b *builder) newPart(name string) (*part, error) {
	f, err := os.Create(filepath.Join(b.temp, name))
	if err != nil {
		return nil, err
	}
	p := &part{name: name, file: f, full: make(chan []byte, 4), done: make(chan error, 1)}
	b.parts = append(b.parts, p)
	go func() { p.done <- p.compress() }()
	return p, nil
}

// Write adds to the file. Errors of the disk come from finish.
func (p *part) Write(data []byte) (int, error) {
	p.buffer = append(p.buffer, data...)
	if len(p.buffer) >= chunk {
		p.full <- p.buffer
		p.buffer = make([]byte, 0, chunk+chunk/4)
	}
	return len(data), nil
}

// finish ends the file.
func (p *part) finish() error {
	if p.closed {
		return nil
	}
	p.closed = true
	p.full <- p.buffer
	p.buffer = nil
	close(p.full)
	if err := <-p.done; err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// compress takes what was written until finish. After an error it goes on taking
// it, or the writer would wait for ever.
func (p *part) compress() (err error) {
	out := bufio.NewWriterSize(p.file, 1<<16)
	plainSum, packedSum := sha256.New(), sha256.New()
	counted := writerFunc(func(b []byte) (int, error) {
		packedSum.Write(b)
		p.packed += uint64(len(b))
		return out.Write(b)
	})
	z, err := flate.NewWriter(counted, level)
	for b := range p.full {
		if err != nil {
			continue
		}
		plainSum.Write(b)
		p.crc = crc32.Update(p.crc, crc32.IEEETable, b)
		if p.plain += uint64(len(b)); p.plain >= math.MaxUint32 {
			err = tooLarge(p.plain)
			continue
		}
		_, err = z.Write(b)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	plainSum.Sum(p.plainSum[:0])
	packedSum.Sum(p.packedSum[:0])
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func tooLarge(n uint64) error {
	return refuse("it would hold more than %.1f GiB, and a file of a pack holds at most 4 GiB; choose a shorter window, "+
		"or a filter that matches less, and make several packs", float64(n)/(1<<30))
}

// close lets go of all files; those that were not finished are abandoned.
func (b *builder) close() {
	for _, p := range b.parts {
		p.finish()
		p.file.Close()
	}
	b.rows.close()
}

// writeZip writes pack.json, its signature and all parts, and returns how many
// bytes that is.
func (b *builder) writeZip(w io.Writer, s Summary) (uint64, error) {
	expr, err := json.Marshal(b.expr)
	if err != nil {
		return 0, err
	}
	about := proof.Pack{
		Format: proof.PackFormat, Origin: s.Origin, MadeAt: b.o.Now.UTC(), MadeBy: b.o.MadeBy,
		Window: proof.Window{By: b.o.By, From: b.o.From.UTC(), Until: b.o.Until.UTC()},
		Filter: proof.Filter{Text: b.o.Filter.String(), Expr: expr}, Withheld: append([]string{}, b.o.Withhold...),
		Counts: s.Counts, Omissions: s.Omissions,
	}
	var parts []*part
	for _, name := range proof.FileNames()[2:] { // after pack.json and pack.note
		i := slices.IndexFunc(b.parts, func(p *part) bool { return p.name == name })
		p := b.parts[i]
		parts = append(parts, p)
		about.Files = append(about.Files, proof.File{Name: name, Bytes: p.plain, SHA256: p.plainSum, PackedBytes: p.packed, PackedSHA256: p.packedSum})
	}
	var list bytes.Buffer
	if err := writeJSON(&list, about); err != nil {
		return 0, err
	}
	sum := sha256.Sum256(list.Bytes())
	note, err := b.o.Sign(fmt.Sprintf("evident.pack/1\n%s\n%x\n", s.Origin, sum))
	if err != nil {
		return 0, err
	}
	z := archive{entries: []entry{storedEntry("pack.json", list.Bytes()), storedEntry("pack.note", note)}}
	for _, p := range parts {
		if _, err := p.file.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		z.entries = append(z.entries, entry{p.name, deflated, p.crc, uint32(p.packed), uint32(p.plain), p.file})
	}
	if n := z.size(); n > math.MaxUint32 {
		return 0, tooLarge(n)
	}
	return z.size(), z.write(w)
}

// An entry is a file of the zip.
type entry struct {
	name          string
	method        uint16
	crc           uint32
	packed, plain uint32
	data          io.Reader
}

func storedEntry(name string, data []byte) entry {
	n := uint32(len(data))
	return entry{name, stored, crc32.ChecksumIEEE(data), n, n, bytes.NewReader(data)}
}

type archive struct{ entries []entry }

const (
	localBytes   = 30
	centralBytes = 46
	endBytes     = 22
)

func (a *archive) size() uint64 {
	n := uint64(endBytes)
	for _, e := range a.entries {
		n += localBytes + centralBytes + 2*uint64(len(e.name)) + uint64(e.packed)
	}
	return n
}

// write writes local entries, the central directory and the end record.
func (a *archive) write(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<18)
	var central []byte
	offset := uint32(0)
	for _, e := range a.entries {
		// Version 2.0, no flags, method, time 0, 1980-01-01, CRC-32, sizes, name, no extra field.
		var same []byte
		for _, v := range []uint16{20, 0, e.method, 0, 0x21} {
			same = binary.LittleEndian.AppendUint16(same, v)
		}
		for _, v := range []uint32{e.crc, e.packed, e.plain} {
			same = binary.LittleEndian.AppendUint32(same, v)
		}
		same = binary.LittleEndian.AppendUint16(same, uint16(len(e.name)))
		same = append(same, 0, 0)

		local := append(append([]byte("PK\x03\x04"), same...), e.name...)
		out.Write(local)
		if n, err := io.Copy(out, e.data); err != nil || n != int64(e.packed) {
			return fmt.Errorf("copy %s: %d of %d bytes: %w", e.name, n, e.packed, err)
		}
		central = append(append(append(central, "PK\x01\x02\x14\x00"...), same...), make([]byte, 10)...)
		central = append(binary.LittleEndian.AppendUint32(central, offset), e.name...)
		offset += uint32(len(local)) + e.packed
	}
	out.Write(central)
	end := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	end = binary.LittleEndian.AppendUint16(end, uint16(len(a.entries)))
	end = binary.LittleEndian.AppendUint16(end, uint16(len(a.entries)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(central)))
	end = binary.LittleEndian.AppendUint32(end, offset)
	out.Write(append(end, 0, 0))
	return out.Flush()
}
