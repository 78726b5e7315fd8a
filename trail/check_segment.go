package trail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"example.com/evident/proof"
)

// onlyOwnFiles refuses a data directory with files that no trail writes there:
// evidence has nothing beside it. The folder index is not evidence.
func onlyOwnFiles(dir string) error {
	return filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		switch top, base, _ := strings.Cut(filepath.ToSlash(rel), "/"); {
		case d.IsDir() && rel == "index":
			return filepath.SkipDir
		case d.IsDir() && (rel == "." || rel == "wal" || rel == "segments"):
			return nil
		case base == "" && (top == "lock" || top == "key" || top == "keys.txt" || top == "checkpoint"):
			if info, err := d.Info(); top == "lock" && (err != nil || info.Size() > 0) {
				return &Damage{File: rel, What: "is not empty"}
			}
			return nil
		case strings.HasSuffix(rel, ".tmp") || strings.HasSuffix(rel, ".new"):
			return nil // was being written when the process died; recovery removes it
		case top == "wal" && (strings.HasSuffix(base, ".wal") || strings.HasPrefix(base, "spare-")):
			return nil
		case top == "segments" && (strings.Contains(base, ".headers") || strings.Contains(base, ".bodies-") || strings.HasSuffix(base, ".manifest")):
			return nil
		}
		return &Damage{File: filepath.ToSlash(rel), What: "does not belong to the trail"}
	})
}

// A checkedSegment is what a worker found in one segment.
type checkedSegment struct {
	headers []proof.Header
	leaves  []proof.Hash
	bodies  uint64
	seals   map[uint64]sealing
	err     error
}

// checkSegments reads segments on all processors and follows them in order.
func (c *checker) checkSegments(ctx context.Context, manifests []Manifest) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan chan checkedSegment, runtime.GOMAXPROCS(0))
	go func() {
		defer close(queue)
		for i := range manifests {
			done := make(chan checkedSegment, 1)
			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
			go func() { done <- c.readSegment(ctx, &manifests[i]) }()
		}
	}()
	i := 0
	for done := range queue {
		s := <-done
		if s.err != nil {
			return s.err
		}
		if err := c.followSegment(&manifests[i], &s); err != nil {
			return err
		}
		i++
	}
	return ctx.Err()
}

// readSegment reads the files of a segment: every byte of them is what the
// manifest says, and what they hold is what it counts.
func (c *checker) readSegment(ctx context.Context, m *Manifest) (s checkedSegment) {
	dir := filepath.Join(c.dir, "segments")
	var files []sealedFile
	if err := json.Unmarshal(m.Files, &files); err != nil || len(files) != 2 || files[0].Name != headersName(m.First) || files[1].Name != bodiesName(m.First, files[1].Class) {
		s.err = &Damage{File: "segments/" + manifestName(m.First), What: "does not list the files of its segment"}
		return s
	}
	for _, f := range files {
		if c.opts.HeadersOnly && f.Class != "" {
			continue
		}
		if s.err = checkFile(dir, f); s.err != nil {
			return s
		}
	}
	note, err := c.openCheckpoint([]byte(m.Checkpoint))
	if err != nil || note != (proof.Checkpoint{Origin: m.Origin, Size: m.Until, Root: m.Root}) {
		s.err = &Damage{File: "segments/" + manifestName(m.First), What: "its checkpoint is not one of this trail, of its size and root"}
		return s
	}
	if s.err = c.readHeaderFile(ctx, m, files[0], &s); s.err == nil && !c.opts.HeadersOnly {
		s.err = c.readBodyFile(ctx, m, files[1], &s)
	}
	return s
}

func checkFile(dir string, want sealedFile) error {
	f, err := os.Open(filepath.Join(dir, want.Name))
	if err != nil {
		return &Damage{File: "segments/" + want.Name, What: "is missing"}
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("read %s: %w", want.Name, err)
	}
	if n != want.Bytes || !bytes.Equal(h.Sum(nil), want.SHA256[:]) {
		return &Damage{File: "segments/" + want.Name, What: "is not the file that the manifest describes"}
	}
	return nil
}

func (c *checker) readHeaderFile(ctx context.Context, m *Manifest, want sealedFile, s *checkedSegment) error {
	f, err := openHeaders(filepath.Join(c.dir, "segments", want.Name))
	if err != nil {
		return err
	}
	defer f.file.Close()
	if f.first != m.First || f.until != m.Until {
		return &Damage{File: "segments/" + want.Name, What: "is not of the segment that its manifest describes"}
	}
	plain := int64(0)
	line := make([]byte, 0, 1024)
	for i := range chunks(f.first, f.until) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		headers, err := f.chunk(i)
		if err != nil {
			return err
		}
		prev := headers[0].Prev
		for k := range headers {
			headers[k].Prev = prev
			line = headers[k].Append(line[:0])
			prev = proof.LeafHash(line)
			s.leaves = append(s.leaves, prev)
			plain += int64(len(line))
		}
		s.headers = append(s.headers, headers...)
	}
	if plain != want.PlainBytes || want.Records != uint64(len(s.headers)) {
		return &Damage{File: "segments/" + want.Name, What: "does not hold the headers that the manifest describes"}
	}
	return nil
}

func (c *checker) readBodyFile(ctx context.Context, m *Manifest, want sealedFile, s *checkedSegment) error {
	f, err := openBodies(filepath.Join(c.dir, "segments", want.Name))
	if err != nil {
		return err
	}
	defer f.close()
	if f.first != m.First || f.until != m.Until {
		return &Damage{File: "segments/" + want.Name, What: "is not of the segment that its manifest describes"}
	}
	plain := int64(0)
	s.seals = map[uint64]sealing{}
	var fields []proof.Field
	for i := range bodyChunks(f.first, f.until) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		first, bodies, err := f.chunk(i)
		if err != nil {
			return err
		}
		for k, body := range bodies {
			plain += 4 + int64(len(body))
			header := &s.headers[first-f.first+uint64(k)]
			if fields, err = c.checkBody(fields[:0], header, body, f.seed(header.Seq), s.seals); err != nil {
				return err
			}
		}
		s.bodies += uint64(len(bodies))
	}
	if plain != want.PlainBytes {
		return &Damage{File: "segments/" + want.Name, What: "does not hold the bodies that the manifest describes"}
	}
	return nil
}

// checkBody holds one body against its header and notes what a sealing names.
func (c *checker) checkBody(fields []proof.Field, h *proof.Header, body []byte, seed proof.Seed, seals map[uint64]sealing) ([]proof.Field, error) {
	fields, err := proof.AppendFields(fields, body)
	if err != nil {
		return fields, &Damage{Seq: h.Seq, HasSeq: true, What: "the body is not what was recorded: " + err.Error()}
	}
	if proof.BodyDigest(fields, &seed) != h.Body {
		return fields, &Damage{Seq: h.Seq, HasSeq: true, What: "the body is not what was recorded"}
	}
	if !readSeal(h, body, seals) {
		return fields, &Damage{Seq: h.Seq, HasSeq: true, What: "is not a record of sealing"}
	}
	return fields, nil
}
