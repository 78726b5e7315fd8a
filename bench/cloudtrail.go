package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.com/evident/demo"
)

// statTicks reads user and system time from the line of /proc/PID/stat: the
// fields after the command's name, which may hold anything.
func statTicks(stat string) int64 {
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return user + system
}

// cloudTrail measures the size of CloudTrail records with their raw bytes, on
// those that the demo makes.
func (r *rig) cloudTrail(ctx context.Context) error {
	file := filepath.Join(r.work, "cloudtrail.ndjson")
	defer os.Remove(file)
	n, mean, err := writeCloudTrail(file, r.CloudTrail)
	if err != nil {
		return err
	}
	r.say("%d CloudTrail records of %d bytes on average", n, mean)
	dir := filepath.Join(r.work, "cloudtrail")
	defer os.RemoveAll(dir)
	took, out, err := runProgram(ctx, r.evident, "import", "--source", "aws.cloudtrail/bench", "--data", dir, file)
	if err != nil {
		r.note("import of CloudTrail: %v", err)
		return ctx.Err()
	}
	r.add("evident, CloudTrail records imported a second", float64(n)/took.Seconds())
	r.say("%s", tail(out, 300))
	// A server seals and indexes what the import has left.
	s, err := r.startEvident(ctx, dir)
	if err != nil {
		return err
	}
	if err := r.settled(ctx, s); err != nil {
		return err
	}
	s.stop()
	r.size(fmt.Sprintf("CloudTrail records of %d bytes, raw beside", mean), dir, n, bytesCloud)
	return nil
}

func writeCloudTrail(path string, want int) (n, mean int, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	w, size := bufio.NewWriterSize(f, 1<<20), 0
	// About three of eight events of the demo are CloudTrail's.
	for source, raw := range demo.Events(1, time.Now(), want*3) {
		if !strings.HasPrefix(source, "aws.cloudtrail/") {
			continue
		}
		size += len(raw)
		n++
		if _, err := w.Write(append(raw, '\n')); err != nil {
			return 0, 0, err
		}
		if n == want {
			break
		}
	}
	return n, size / max(n, 1), w.Flush()
}
