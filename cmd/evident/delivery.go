package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// maxWindowBytes bounds the memory that a zstd frame may ask for.
const maxWindowBytes = 128 << 20

// openDelivery opens a file, or stdin for -, and takes gzip and zstd off, which
// it knows by their first bytes: names lie. took, if not nil, is told how many
// bytes of the file were read.
func openDelivery(path string, stdin io.Reader, took func(n int)) (io.ReadCloser, error) {
	if path == "-" {
		return decompress(io.NopCloser(stdin), took)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a folder")
	}
	if err != nil {
		f.Close()
		return nil, cause(err)
	}
	return decompress(f, took)
}

// cause returns what went wrong with a file whose name is said anyway.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func decompress(f io.ReadCloser, took func(n int)) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(&counted{f, took}, 256<<10)
	head, err := r.Peek(4)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, cause(err)
	}
	d := &delivery{Reader: r, file: f}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("gzip: %w", err)
		}
		d.Reader = z
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes))
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("zstd: %w", err)
		}
		d.Reader, d.free = z, z.Close
	}
	return d, nil
}

// A delivery is a file that is being read, decompressed.
type delivery struct {
	io.Reader
	file io.Closer
	free func()
}

func (d *delivery) Close() error {
	if d.free != nil {
		d.free()
	}
	return d.file.Close()
}

// counted tells how much is read of a file.
type counted struct {
	io.Reader
	took func(n int)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if c.took != nil {
		c.took(n)
	}
	return n, err
}
